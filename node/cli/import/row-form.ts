/**
 * Makes rows for a table out of what the file has, and says which column of a row is wrong and why. The rules for values
 * are those of the members (`canonicalValue`): what passes here passes there.
 *
 * CSV has text only, which is read as the type of its column. JSON has types, and nothing is coerced.
 */
import { canonicalValue, describeValue, isPlainObject, setColumn } from '../../engine/values.ts';
import type { ColumnType } from './column-types.ts';
import { bytesOfBase64, readField } from './csv-field.ts';
import type { SourceContent } from './source-row.ts';

export interface FormTable {
  readonly primaryKey: readonly string[];
  /** Null: free-form. */
  readonly columns: Readonly<
    Record<string, { readonly type: ColumnType; readonly nullable?: boolean; readonly default?: unknown }>
  > | null;
}

export interface CsvForm {
  /** Of the file, in its order. */
  readonly columns: readonly string[];
  /** How fields are read that the table does not declare; text where nothing is said. */
  readonly types: ReadonlyMap<string, ColumnType>;
  /** A field with just this text is null. Null: no field is. */
  readonly nullText: string | null;
}

export type Formed =
  /** `key`: equal for equal primary keys, rarely for others; null where the member makes one up. */
  { readonly kind: 'row'; readonly row: Record<string, unknown>; readonly key: string | null } | Misfit;

export interface Misfit {
  readonly kind: 'misfit';
  /** Null: it is not about one column. */
  readonly column: string | null;
  readonly problem: string;
  /** Undefined: there is none. */
  readonly value: unknown;
}

type Declared = Exclude<FormTable['columns'], null>[string];

export class RowForm {
  readonly #primaryKey: readonly string[];
  readonly #declared: ReadonlyMap<string, Declared> | null;
  readonly #csv: CsvForm | null;

  /** `csv`: null where rows are JSON. */
  constructor(table: FormTable, csv: CsvForm | null) {
    this.#primaryKey = table.primaryKey;
    this.#declared = table.columns === null ? null : new Map(Object.entries(table.columns));
    this.#csv = csv;
  }

  form(content: Exclude<SourceContent, { kind: 'unreadable' }>): Formed {
    const given = content.kind === 'fields' ? this.#ofFields(content.fields) : objectOf(content.value);
    if (given.kind === 'misfit') return given;
    return this.#declared === null ? this.#freeForm(given.row) : this.#fitted(given.row, this.#declared);
  }

  #ofFields(fields: readonly string[]): { kind: 'given'; row: Record<string, unknown> } | Misfit {
    const { columns, types, nullText } = this.#csv!;
    const row: Record<string, unknown> = {};
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i]!;
      const text = fields[i]!;
      const type = this.#declared?.get(column)?.type ?? types.get(column) ?? 'text';
      const value = text === nullText ? null : readField(text, type);
      if (value === undefined) return misfit(column, `expected ${type}`, text);
      setColumn(row, column, value);
    }
    return { kind: 'given', row };
  }

  #fitted(given: Readonly<Record<string, unknown>>, declared: ReadonlyMap<string, Declared>): Formed {
    const row: Record<string, unknown> = {};
    for (const column of Object.keys(given)) {
      const definition = declared.get(column);
      const value = given[column];
      if (definition === undefined) return misfit(column, 'the table has no such column', value);
      if (value === null) {
        if (definition.nullable !== true) return misfit(column, 'must have a value', null);
        setColumn(row, column, null);
        continue;
      }
      const canonical = canonicalValue(jsonForms(value, definition.type), definition.type);
      if (canonical === undefined)
        return misfit(column, `expected ${definition.type}, not ${describeValue(value)}`, value);
      setColumn(row, column, canonical);
    }
    for (const [column, { nullable, default: fallback }] of declared) {
      if (nullable === true || fallback !== undefined || Object.hasOwn(row, column)) continue;
      return misfit(column, 'must have a value', undefined);
    }
    return this.#keyed(row);
  }

  #freeForm(given: Readonly<Record<string, unknown>>): Formed {
    const row: Record<string, unknown> = {};
    for (const column of Object.keys(given)) {
      const value = given[column];
      const canonical = value === null ? null : canonicalValue(jsonForms(value, null), null);
      if (canonical === undefined) return misfit(column, `no column takes ${describeValue(value)}`, value);
      setColumn(row, column, canonical);
    }
    return this.#keyed(row);
  }

  #keyed(row: Record<string, unknown>): Formed {
    let key = '';
    for (const column of this.#primaryKey) {
      const value = Object.hasOwn(row, column) ? row[column] : null;
      if (value === null || value === undefined) {
        if (this.#declared?.get(column)?.default !== undefined) return { kind: 'row', row, key: null };
        return misfit(column, 'a column of the primary key must have a value', undefined);
      }
      if (typeof value === 'object' && !(value instanceof Uint8Array)) {
        return misfit(column, `a column of the primary key takes a scalar, not ${describeValue(value)}`, value);
      }
      key += `${typeof value}:${value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value)}\0`;
    }
    return { kind: 'row', row, key };
  }
}

function objectOf(value: unknown): { kind: 'given'; row: Record<string, unknown> } | Misfit {
  if (isPlainObject(value)) return { kind: 'given', row: value };
  return { kind: 'misfit', column: null, problem: `a row is an object, not ${describeValue(value)}`, value };
}

function misfit(column: string, problem: string, value: unknown): Misfit {
  return { kind: 'misfit', column, problem, value };
}

/** What JSON has to write in another way: bytes, and doubles that look like long whole numbers. */
function jsonForms(value: unknown, type: ColumnType | null): unknown {
  if (typeof value === 'bigint' && type === 'double') return Number(value);
  if ((type !== 'bytes' && type !== null) || !isPlainObject(value)) return value;
  const { $bytes } = value;
  if (typeof $bytes !== 'string' || Object.keys(value).length !== 1) return value;
  return bytesOfBase64($bytes) ?? value;
}
