/** Rows as clients give them: whole ones for `insert` and `put`, changes of columns for `update`. */

import type { RowKey } from '../../../certifier/types.ts';
import { formatIsoTime } from '../../../gcs/base/index.ts';
import { invalidArgument, nullViolation, tooLarge } from '../errors.ts';
import type { Row } from '../image-codec.ts';
import type { Table } from '../table.ts';
import type { ColumnDefinition } from '../table-definition.ts';
import type { Transaction } from '../transaction.ts';
import { isPlainObject, setColumn } from '../values.ts';
import { boundedKey } from './arguments.ts';
import type { Message, StatementContext } from './statement.ts';

/** A column's name: it is stored with every row of a free-form table. */
export const COLUMN_NAME_CHARACTERS_MAX = 64;

export interface NewRow {
  readonly key: RowKey;
  readonly keyValues: readonly unknown[];
  readonly row: Row;
  readonly image: Uint8Array;
  /** What `$generate` gave, by column; null where it gave nothing. */
  readonly generated: Row | null;
}

export function newRowOf(transaction: Transaction, table: Table, message: Message, context: StatementContext): NewRow {
  const given = message.row;
  if (!isPlainObject(given)) throw invalidArgument('row', 'expected an object of values by column');
  const { columns } = table.definition;
  let generated: Row | null = null;
  let row: Row;
  if (columns === null) row = freeFormRow(table, given);
  else {
    row = {};
    let columnsGiven = 0;
    for (const column of table.columnNames!) {
      const definition = columns[column]!;
      let value: unknown;
      if (Object.hasOwn(given, column)) {
        columnsGiven++;
        value = table.canonical(column, given[column]);
      } else {
        value = defaultOf(definition, context);
        if (isGenerator(definition.default)) {
          generated ??= {};
          setColumn(generated, column, value);
        }
      }
      if (value === null && !definition.nullable) throw nullViolation(table.name, column);
      setColumn(row, column, value);
    }
    // `column` throws for the one that the table does not have.
    if (columnsGiven !== Object.keys(given).length) for (const column of Object.keys(given)) table.column(column);
  }
  const keyValues = table.primaryKey.map((column, position) => {
    const value = Object.hasOwn(row, column) ? row[column] : null;
    if (value === null) throw nullViolation(table.name, column);
    return columns === null ? table.canonicalKeyValue(position, value) : value;
  });
  const key = boundedKey(transaction, table.rowKey(keyValues), 'row');
  return { key, keyValues, row, image: boundedImage(transaction, table, row), generated };
}

/** What `update` sets: canonical values by column. */
export type ColumnChanges = readonly (readonly [column: string, value: unknown])[];

export function columnChangesOf(table: Table, message: Message): ColumnChanges {
  const { set } = message;
  if (!isPlainObject(set)) throw invalidArgument('set', 'expected an object of values by column');
  const columns = Object.keys(set);
  if (columns.length === 0) throw invalidArgument('set', 'names no column');
  return columns.map((column) => {
    const definition = table.column(column);
    if (definition === null) checkColumnName(column, 'set');
    if (table.isKeyColumn(column)) {
      const problem = `column ${JSON.stringify(column)} of the primary key cannot be changed; delete and insert instead`;
      throw invalidArgument('set', problem);
    }
    const value = table.canonical(column, set[column]);
    if (value === null && definition !== null && !definition.nullable) throw nullViolation(table.name, column);
    return [column, value] as const;
  });
}

/** The image of a row changed in place. */
export function changedImage(transaction: Transaction, table: Table, row: Row, changes: ColumnChanges): Uint8Array {
  for (const [column, value] of changes) setColumn(row, column, value);
  return boundedImage(transaction, table, row);
}

export function isGenerator(value: unknown): value is { readonly $generate: string } {
  return isPlainObject(value) && Object.hasOwn(value, '$generate');
}

export function checkColumnName(name: string, argument: string): void {
  if (name.length > 0 && name.length <= COLUMN_NAME_CHARACTERS_MAX && name.isWellFormed()) return;
  const problem = `a column's name has 1 to ${COLUMN_NAME_CHARACTERS_MAX} characters, not ${JSON.stringify(name.slice(0, 100))}`;
  throw invalidArgument(argument, problem);
}

function boundedImage(transaction: Transaction, table: Table, row: Row): Uint8Array {
  const image = table.encode(row, transaction.imageCodec);
  const { rowBytesMax } = transaction.limits;
  if (image.length <= rowBytesMax) return image;
  throw tooLarge('ROW_TOO_LARGE', { bytes: image.length, bytesMax: rowBytesMax, table: table.name });
}

function freeFormRow(table: Table, given: Row): Row {
  const row: Row = {};
  for (const column of Object.keys(given)) {
    checkColumnName(column, 'row');
    setColumn(row, column, table.canonical(column, given[column]));
  }
  return row;
}

function defaultOf(definition: ColumnDefinition, context: StatementContext): unknown {
  const value = definition.default;
  if (value === undefined) return null;
  if (!isGenerator(value)) return value;
  switch (value.$generate) {
    case 'uuid':
      return context.random.uuid();
    case 'sequence':
      return context.numbers.next();
    default:
      return formatIsoTime(context.clock.wallMs());
  }
}
