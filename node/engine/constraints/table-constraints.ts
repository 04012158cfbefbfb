/** The foreign keys of a table and those that refer to it, as one statement sees them. */
import type { RowKey } from '../../../certifier/types.ts';
import type { Row } from '../image-codec.ts';
import type { Table } from '../table.ts';
import { ForeignKey } from './foreign-key.ts';

/** What a row means to foreign keys: keys of existence items, each once. */
export interface ExistenceKeys {
  /** What it refers to. */
  readonly refersTo: readonly RowKey[];
  /** As what it can be referred to, by foreign keys that there are. */
  readonly existsAs: readonly RowKey[];
}

const NONE: ExistenceKeys = { refersTo: [], existsAs: [] };

/** Where tables are looked up, as of one snapshot. */
export interface TableSource {
  /** A table that the transaction depends on from now on. */
  table(name: string): Table;
  /** The same without depending on it: nothing is read or written there yet. */
  lookUpTable(name: string): Table;
}

export class TableConstraints {
  readonly table: Table;
  readonly foreignKeys: readonly ForeignKey[];
  /** Of other tables, or of this one. */
  readonly referrers: readonly ForeignKey[];

  constructor(table: Table, tables: TableSource) {
    this.table = table;
    this.foreignKeys = table.definition.foreignKeys.map(
      (definition) => new ForeignKey(definition, { child: table, parent: tables.table(definition.references.table) }),
    );
    this.referrers = table.definition.referencedBy.map(({ table: name, foreignKey }) => {
      const child = tables.lookUpTable(name);
      const definition = child.definition.foreignKeys.find((each) => each.name === foreignKey)!;
      return new ForeignKey(definition, { child, parent: table });
    });
  }

  get concernsForeignKeys(): boolean {
    return this.foreignKeys.length > 0 || this.referrers.length > 0;
  }

  /**
   * Of a row as it was before. By a foreign key that is being built it refers to nothing yet: until then nobody has said so,
   * and whoever took away what it refers to did not find it. So whoever writes the row has to say it (H17).
   */
  existenceKeysBefore(row: Row | null): ExistenceKeys {
    return this.#existenceKeys(row, true);
  }

  /** Null: there is no row. */
  existenceKeysOf(row: Row | null): ExistenceKeys {
    return this.#existenceKeys(row, false);
  }

  #existenceKeys(row: Row | null, isBefore: boolean): ExistenceKeys {
    if (row === null || !this.concernsForeignKeys) return NONE;
    const refersTo = new Set<RowKey>();
    for (const foreignKey of this.foreignKeys) {
      if (isBefore && foreignKey.isBuilding) continue;
      const values = foreignKey.valuesReferredToBy(row);
      if (values !== null) refersTo.add(foreignKey.existenceKey(values));
    }
    const existsAs = new Set<RowKey>();
    for (const referrer of this.referrers) {
      const values = referrer.valuesOf(row);
      if (values !== null) existsAs.add(referrer.existenceKey(values));
    }
    return { refersTo: [...refersTo], existsAs: [...existsAs] };
  }
}
