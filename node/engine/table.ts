/** A table definition made ready for statements: what would else be looked up for every row. */
import type { KeyRange } from '../../applier/types.ts';
import type { RowKey, WriteSetItem } from '../../certifier/types.ts';
import { assert } from '../../gcs/base/index.ts';
import { TableIndex } from './constraints/table-index.ts';
import { invalidArgument, noSuchColumn, noSuchIndex, typeMismatch } from './errors.ts';
import { decodeRow, encodeRow, type ImageCodec, type Row, RowLayout } from './image-codec.ts';
import { addTo, type ColumnIncrement, isIncrementable, type NumberType, type RefusedIncrement } from './increments.ts';
import { catalogItemKey, encodeKey, type KeyType, rowRange, tablePrefix } from './key-codec.ts';
import type { ColumnDefinition, ColumnType, TableDefinition } from './table-definition.ts';
import { canonicalValue, describeValue } from './values.ts';

export interface IncrementedImage {
  readonly image: Uint8Array;
  /** Of the columns, in the order of the increments. */
  readonly values: readonly unknown[];
}

export class Table {
  readonly definition: TableDefinition;
  readonly name: string;
  readonly primaryKey: readonly string[];
  readonly keyTypes: readonly KeyType[];
  readonly prefix: string;
  /** Of all rows. */
  readonly range: KeyRange;
  /** By id; those that are being built, too: who writes maintains them all, who reads goes by the valid ones only. */
  readonly indexes: readonly TableIndex[];
  /** No index, no foreign key, none that refers to it: nothing follows from what is written to its rows. */
  readonly isPlain: boolean;
  /** Declared columns in declared order, or null: free-form. */
  readonly columnNames: readonly string[] | null;
  /** The check that every transaction that touched the table carries (H17). */
  readonly catalogItem: WriteSetItem;
  readonly layout: RowLayout;
  readonly #columns: ReadonlyMap<string, ColumnDefinition> | null;

  constructor(definition: TableDefinition) {
    this.definition = definition;
    this.name = definition.name;
    this.primaryKey = definition.primaryKey;
    this.prefix = tablePrefix(definition.tableId);
    this.range = rowRange(definition.tableId);
    this.layout = new RowLayout(definition);
    this.columnNames = this.layout.columns;
    this.#columns = definition.columns === null ? null : new Map(Object.entries(definition.columns));
    this.keyTypes = this.keyTypesOf(definition.primaryKey);
    this.catalogItem = { key: catalogItemKey(definition.tableId), kind: 'check', image: null };
    const { indexes, foreignKeys, referencedBy } = definition;
    this.indexes = indexes.map((index) => new TableIndex(index, this.keyTypesOf(index.columns), this));
    this.isPlain = indexes.length === 0 && foreignKeys.length === 0 && referencedBy.length === 0;
  }

  indexById(indexId: number): TableIndex | undefined {
    return this.indexes.find(({ definition }) => definition.indexId === indexId);
  }

  /** One that may be read by. @throws RequestError NO_SUCH_INDEX; INVALID_ARGUMENT: it is being built */
  validIndex(name: string): TableIndex {
    const index = this.indexes.find((each) => each.name === name);
    if (index === undefined) throw noSuchIndex(this.name, name);
    if (index.isValid) return index;
    throw invalidArgument('index', `${JSON.stringify(name)} is being built: it is not complete yet`);
  }

  /** Of columns: how they are encoded in keys. @throws RequestError NO_SUCH_COLUMN */
  keyTypesOf(columns: readonly string[]): readonly KeyType[] {
    return columns.map((column) => (this.column(column)?.type ?? null) as KeyType);
  }

  isKeyColumn(column: string): boolean {
    return this.primaryKey.includes(column);
  }

  /** Null: any column may be there, with any value. @throws RequestError NO_SUCH_COLUMN */
  column(name: string): ColumnDefinition | null {
    if (this.#columns === null) return null;
    const column = this.#columns.get(name);
    if (column === undefined) throw noSuchColumn(this.name, name);
    return column;
  }

  /** The canonical form of `value`; null stays null. @throws RequestError TYPE_MISMATCH, NO_SUCH_COLUMN */
  canonical(column: string, value: unknown): unknown {
    const definition = this.column(column);
    if (value === null) return null;
    const canonical = canonicalValue(value, definition === null ? null : definition.type);
    if (canonical === undefined) throw this.mismatch(column, value);
    return canonical;
  }

  /** The canonical form of a key column's value. @throws RequestError TYPE_MISMATCH */
  canonicalKeyValue(position: number, value: unknown): unknown {
    return this.#scalarOf(this.primaryKey[position]!, value, this.keyTypes[position]!);
  }

  /** The canonical form of a value, not null, of a column that has an order. @throws RequestError TYPE_MISMATCH */
  canonicalScalar(column: string, value: unknown): unknown {
    return this.#scalarOf(column, value, this.column(column)?.type ?? null);
  }

  #scalarOf(column: string, value: unknown, type: ColumnType | null): unknown {
    const canonical = canonicalValue(value, type);
    if (canonical !== undefined && (typeof canonical !== 'object' || canonical instanceof Uint8Array)) return canonical;
    throw this.mismatch(column, value);
  }

  mismatch(column: string, value: unknown): Error {
    const type = this.column(column)?.type ?? (this.isKeyColumn(column) ? 'a scalar' : 'a value of JSON or bytes');
    return typeMismatch({ table: this.name, column, type, got: describeValue(value) });
  }

  /** How increments of a column add: it is one that has them. */
  readonly numberTypeOf = (column: string): NumberType => {
    const type = this.#columns?.get(column)?.type ?? null;
    assert(isIncrementable(type), 'the column is one of numbers');
    return type;
  };

  /** The image with increments added to it, or which of them cannot be. `isBounded`: their bounds are judged, too. */
  incremented(
    image: Uint8Array,
    increments: readonly ColumnIncrement[],
    { codec, isBounded }: { readonly codec: ImageCodec; readonly isBounded: boolean },
  ): IncrementedImage | RefusedIncrement {
    const row = this.decode(image, codec);
    const refused = addTo(row, increments, this.numberTypeOf, isBounded);
    return refused ?? { image: this.encode(row, codec), values: increments.map(({ column }) => row[column]) };
  }

  /** `values`: canonical, in key order. */
  rowKey(values: readonly unknown[]): RowKey {
    return encodeKey(this.prefix, values, this.keyTypes);
  }

  encode(row: Row, codec: ImageCodec): Uint8Array {
    return encodeRow(row, this.layout, codec);
  }

  decode(image: Uint8Array, codec: ImageCodec): Row {
    return decodeRow(image, this.layout, codec);
  }
}

/** Tables made ready, by definition; a definition never changes. */
export class TableCache {
  readonly #tables = new WeakMap<TableDefinition, Table>();

  of(definition: TableDefinition): Table {
    let table = this.#tables.get(definition);
    if (table === undefined) {
      table = new Table(definition);
      this.#tables.set(definition, table);
    }
    return table;
  }
}
