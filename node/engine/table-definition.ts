/** What the catalog knows of a table. Plain data: it is encoded with the image codec and stored as a row of table 0. */

export type ColumnType = 'integer' | 'double' | 'decimal' | 'text' | 'boolean' | 'bytes' | 'timestamp' | 'json';

export interface ColumnDefinition {
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Absent: no default (null where nullable). */
  readonly default?: unknown;
}

export interface TableDefinition {
  /** Sequence number of its creation or last truncation; the first four bytes of its row keys. 0 is the catalog itself. */
  readonly tableId: number;
  /** `schema.table`. */
  readonly name: string;
  /** Column names in key order, at least one. */
  readonly primaryKey: readonly string[];
  /** Null: rows are free-form beside the key. */
  readonly columns: Readonly<Record<string, ColumnDefinition>> | null;
}
