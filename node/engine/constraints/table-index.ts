/**
 * An index of a table, made ready for use: which entry a row has in it, and which row an entry stands for.
 *
 * An entry's key begins with the index's columns. In a unique index, where none of them is null, that is all, so that two
 * rows with the same values would have one key, and its image is the row's primary key as bytes. Else the primary key
 * comes behind them in the key, and the image is empty.
 */
import type { RowKey } from '../../../certifier/types.ts';
import { binaryStringOf, bytesOfBinaryString } from '../../../gcs/base/index.ts';
import { typeMismatch } from '../errors.ts';
import type { Row } from '../image-codec.ts';
import { encodeKey, endOfColumns, entryPrefix, type KeyType } from '../key-codec.ts';
import type { IndexDefinition } from '../table-definition.ts';
import { describeValue } from '../values.ts';

export interface Entry {
  readonly key: RowKey;
  readonly image: Uint8Array;
}

/** `prefix`: of all its keys. */
interface IndexedTable {
  readonly name: string;
  readonly prefix: string;
}

const NO_IMAGE = new Uint8Array(0);

export class TableIndex {
  readonly definition: IndexDefinition;
  readonly name: string;
  readonly columns: readonly string[];
  readonly types: readonly KeyType[];
  readonly isUnique: boolean;
  /** Every row has its entry; else the rows that were there before are still looked through. */
  readonly isValid: boolean;
  /** Of all entries. */
  readonly prefix: string;
  readonly #table: IndexedTable;

  /** `types`: of the index's columns. */
  constructor(definition: IndexDefinition, types: readonly KeyType[], table: IndexedTable) {
    this.definition = definition;
    this.name = definition.name;
    this.columns = definition.columns;
    this.types = types;
    this.isUnique = definition.isUnique;
    this.isValid = definition.state === 'valid';
    this.prefix = entryPrefix(table.prefix, definition.indexId);
    this.#table = table;
  }

  /** The entry of `row`, which has the key `rowKey`; null where a column of a free-form row holds what has no order. */
  entryOf(row: Row, rowKey: RowKey): Entry | null {
    const values = indexedValues(row, this.columns);
    if (values === null) return null;
    const key = encodeKey(this.prefix, values, this.types);
    const primaryKey = rowKey.slice(this.#table.prefix.length);
    if (this.isUnique && !values.includes(null)) return { key, image: bytesOfBinaryString(primaryKey) };
    return { key: key + primaryKey, image: NO_IMAGE };
  }

  /** The entry that `row` is to have. @throws RequestError TYPE_MISMATCH */
  requiredEntryOf(row: Row, rowKey: RowKey): Entry {
    const entry = this.entryOf(row, rowKey);
    if (entry !== null) return entry;
    const column = this.columns.find((each) => indexedValues(row, [each]) === null)!;
    throw typeMismatch({ table: this.#table.name, column, type: 'a scalar', got: describeValue(row[column]) });
  }

  /** The row that an entry stands for. */
  rowKeyOf(key: RowKey, image: Uint8Array): RowKey {
    if (image.length > 0) return this.#table.prefix + binaryStringOf(image);
    return this.#table.prefix + key.slice(endOfColumns(key, this.prefix.length, this.columns.length));
  }
}

/** A row's values of `columns`, an absent one as null; null: one of them is an array or an object. */
export function indexedValues(row: Row, columns: readonly string[]): readonly unknown[] | null {
  const values: unknown[] = [];
  for (const column of columns) {
    const value = Object.hasOwn(row, column) ? row[column] : null;
    if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) return null;
    values.push(value);
  }
  return values;
}
