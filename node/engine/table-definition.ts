/** What the catalog knows of a table. Plain data: it is encoded with the image codec and stored as a row of table 0. */

export type ColumnType = 'integer' | 'double' | 'decimal' | 'text' | 'boolean' | 'bytes' | 'timestamp' | 'json';

export interface ColumnDefinition {
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** Absent: no default (null where nullable). */
  readonly default?: unknown;
}

/** `building`: whoever writes maintains it already, and rows that were there before are looked through; nobody may rely on it. */
export type BuildState = 'building' | 'valid';

/** What indexes and foreign keys have in common: an alteration's are built together, and come or fail together. */
export interface Built {
  readonly state: BuildState;
  /** The schema version that added it. */
  readonly since: number;
}

export interface IndexDefinition extends Built {
  /** From 1; never used twice in a table. 0 stands for the primary key. */
  readonly indexId: number;
  /** Of no other index of the table; a foreign key's own index has its name. */
  readonly name: string;
  /** In index order, at least one. */
  readonly columns: readonly string[];
  /** No two rows have the same values in its columns; rows with a null among them are not compared. */
  readonly isUnique: boolean;
}

export type OnDelete = 'restrict' | 'cascade' | 'setNull';

export interface ForeignKeyDefinition extends Built {
  readonly name: string;
  /** Of this table. An index of the table, or its primary key, begins with them. */
  readonly columns: readonly string[];
  /** `columns`: in the order of the primary key, or of a valid unique index, that they all make up. The table may be this one. */
  readonly references: { readonly table: string; readonly columns: readonly string[] };
  /** Index id of the unique index that it refers to; 0: the primary key. */
  readonly referencedIndexId: number;
  readonly onDelete: OnDelete;
}

/** A place in row images. */
export interface ColumnPlace {
  /** Null: the column is dropped. */
  readonly column: string | null;
  /** Images of this schema version and of later ones have the place. */
  readonly since: number;
  /** Images of this schema version and of later ones do not have it any more; null: all later ones have it. */
  readonly until: number | null;
  /** What the column is in rows whose images are older than the place; null where absent. */
  readonly initial?: unknown;
}

export interface TableDefinition {
  /** Sequence number of its creation or last truncation; the first four bytes of its row keys. 0 is the catalog itself. */
  readonly tableId: number;
  /** `schema.table`. */
  readonly name: string;
  /** From 1; grows with every change but truncation. */
  readonly schemaVersion: number;
  /** Column names in key order, at least one. */
  readonly primaryKey: readonly string[];
  /** Null: rows are free-form beside the key. */
  readonly columns: Readonly<Record<string, ColumnDefinition>> | null;
  /** Places of images of any schema version, in their order. Empty: the columns are as in schema version 1. */
  readonly places: readonly ColumnPlace[];
  readonly nextIndexId: number;
  /** By id. */
  readonly indexes: readonly IndexDefinition[];
  readonly foreignKeys: readonly ForeignKeyDefinition[];
  /** Foreign keys, of this table or of others, that refer to this table. By table and name. */
  readonly referencedBy: readonly { readonly table: string; readonly foreignKey: string }[];
}

/** As a client asks for it. */
export type NewIndex = Pick<IndexDefinition, 'name' | 'columns' | 'isUnique'>;
export type NewForeignKey = Pick<ForeignKeyDefinition, 'name' | 'columns' | 'references' | 'onDelete'>;

export interface NewTable extends Pick<TableDefinition, 'name' | 'primaryKey' | 'columns'> {
  readonly indexes: readonly NewIndex[];
  readonly foreignKeys: readonly NewForeignKey[];
}

/** What one alteration does, in this order. */
export interface Alteration {
  /** Names of indexes and foreign keys. */
  readonly drop: readonly string[];
  readonly dropColumns: readonly string[];
  readonly addColumns: Readonly<Record<string, ColumnDefinition>>;
  readonly addIndexes: readonly NewIndex[];
  readonly addForeignKeys: readonly NewForeignKey[];
  /** The new name, `schema.table`; null: it stays. */
  readonly rename: string | null;
}

/** Why the rows do not allow what was to be built. */
export type BuildFailure =
  | { readonly kind: 'duplicate'; readonly index: string; readonly values: readonly unknown[] }
  /** No row of the referenced table has these values. */
  | {
      readonly kind: 'no-referenced-row';
      readonly foreignKey: string;
      /** The referenced table. */
      readonly references: string;
      readonly values: readonly unknown[];
    }
  /** `problem`: a clause about a row. */
  | { readonly kind: 'not-indexable'; readonly index: string; readonly problem: string };

/** What one alteration added and is being built. */
export interface Build {
  readonly tableId: number;
  readonly since: number;
}
