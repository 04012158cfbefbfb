import type { Built, ForeignKeyDefinition, IndexDefinition, TableDefinition } from '../table-definition.ts';
import { tableOf } from './arguments.ts';
import type { Statement } from './statement.ts';

export const tables: Statement = {
  argumentNames: [],
  isWrite: false,
  run: (transaction) => transaction.allTables().map((definition) => shownDefinition(definition)),
};

export const describe: Statement = {
  argumentNames: ['table'],
  isWrite: false,
  run: (transaction, message) => {
    const { definition } = tableOf(transaction, message);
    return shownDefinition(definition, (since) =>
      transaction.replica.buildRows({ tableId: definition.tableId, since }),
    );
  },
};

export interface ShownDefinition {
  readonly table: string;
  readonly tableId: number;
  readonly schemaVersion: number;
  readonly primaryKey: readonly string[];
  readonly columns: TableDefinition['columns'];
  readonly indexes: readonly ShownIndex[];
  readonly foreignKeys: readonly ShownForeignKey[];
  readonly referencedBy: TableDefinition['referencedBy'];
}

interface ShownIndex extends Pick<IndexDefinition, 'name' | 'columns' | 'state'> {
  readonly unique: boolean;
  readonly building?: ShownBuild;
}

/** How far it is, where this member knows. */
interface ShownBuild {
  readonly rows: number;
}

type ShownForeignKey = Pick<ForeignKeyDefinition, 'name' | 'columns' | 'references' | 'onDelete' | 'state'> & {
  readonly building?: ShownBuild;
};

/** `rowsOf`: how many rows are looked through for what an alteration added; null: nobody knows. */
export function shownDefinition(
  definition: TableDefinition,
  rowsOf: (since: number) => number | null = () => null,
): ShownDefinition {
  const progress = ({ state, since }: Built): { building: ShownBuild } | null => {
    const rows = state === 'building' ? rowsOf(since) : null;
    return rows === null ? null : { building: { rows } };
  };
  const { name, tableId, schemaVersion, primaryKey, columns, indexes, foreignKeys, referencedBy } = definition;
  return {
    table: name,
    tableId,
    schemaVersion,
    primaryKey,
    columns,
    indexes: indexes.map((index) => {
      const { name, columns, isUnique, state } = index;
      return { name, columns, unique: isUnique, state, ...progress(index) };
    }),
    foreignKeys: foreignKeys.map((key) => {
      const { name, columns, references, onDelete, state } = key;
      return { name, columns, references, onDelete, state, ...progress(key) };
    }),
    referencedBy,
  };
}
