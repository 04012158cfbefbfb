/** A table definition made ready for statements: what would else be looked up for every row. */
import type { KeyRange } from '../../applier/types.ts';
import type { RowKey, WriteSetItem } from '../../certifier/types.ts';
import { invalidArgument, noSuchColumn, noSuchIndex, typeMismatch } from './errors.ts';
import { decodeRow, encodeRow, type ImageCodec, type Row, RowLayout } from './image-codec.ts';
import { catalogItemKey, encodeKey, type KeyType, tablePrefix, tableRange } from './key-codec.ts';
import type { ColumnDefinition, ForeignKeyDefinition, IndexDefinition, TableDefinition } from './table-definition.ts';
import { canonicalValue, describeValue } from './values.ts';

export class Table {
  readonly definition: TableDefinition;
  readonly name: string;
  readonly primaryKey: readonly string[];
  readonly keyTypes: readonly KeyType[];
  readonly prefix: string;
  readonly range: KeyRange;
  /** Declared columns in declared order, or null: free-form. */
  readonly columnNames: readonly string[] | null;
  /** The check that every transaction that touched the table carries (H17). */
  readonly catalogItem: WriteSetItem;
  readonly layout: RowLayout;
  /** By id; those that are being built, too: who writes maintains them all, who reads goes by the valid ones only. */
  readonly indexes: readonly IndexDefinition[];
  /** Of this table; those that are being built, too: who writes keeps to them all. */
  readonly foreignKeys: readonly ForeignKeyDefinition[];
  /** Foreign keys that refer to this table. */
  readonly referencedBy: TableDefinition['referencedBy'];
  readonly #columns: ReadonlyMap<string, ColumnDefinition> | null;

  constructor(definition: TableDefinition) {
    this.definition = definition;
    this.name = definition.name;
    this.primaryKey = definition.primaryKey;
    this.prefix = tablePrefix(definition.tableId);
    this.range = tableRange(definition.tableId);
    this.layout = new RowLayout(definition);
    this.columnNames = this.layout.columns;
    this.indexes = definition.indexes;
    this.foreignKeys = definition.foreignKeys;
    this.referencedBy = definition.referencedBy;
    this.#columns = definition.columns === null ? null : new Map(Object.entries(definition.columns));
    this.keyTypes = definition.primaryKey.map((column) => (this.#columns?.get(column)?.type ?? null) as KeyType);
    this.catalogItem = { key: catalogItemKey(definition.tableId), kind: 'check', image: null };
  }

  /** One that may be read by. @throws RequestError NO_SUCH_INDEX; INVALID_ARGUMENT: it is being built */
  validIndex(name: string): IndexDefinition {
    const index = this.indexes.find((each) => each.name === name);
    if (index === undefined) throw noSuchIndex(this.name, name);
    if (index.state === 'valid') return index;
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
    const canonical = canonicalValue(value, this.keyTypes[position]!);
    if (canonical === undefined || (typeof canonical === 'object' && !(canonical instanceof Uint8Array))) {
      throw this.mismatch(this.primaryKey[position]!, value);
    }
    return canonical;
  }

  mismatch(column: string, value: unknown): Error {
    const type = this.column(column)?.type ?? (this.isKeyColumn(column) ? 'a scalar' : 'a value of JSON or bytes');
    return typeMismatch({ table: this.name, column, type, got: describeValue(value) });
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
