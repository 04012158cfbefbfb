import type { ForeignKeyDefinition, IndexDefinition, TableDefinition } from '../table-definition.ts';
import { tableOf } from './arguments.ts';
import type { Statement } from './statement.ts';

export const tables: Statement = {
  argumentNames: [],
  isWrite: false,
  run: (transaction) => transaction.allTables().map(shownDefinition),
};

export const describe: Statement = {
  argumentNames: ['table'],
  isWrite: false,
  run: (transaction, message) => shownDefinition(tableOf(transaction, message).definition),
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
}

type ShownForeignKey = Pick<ForeignKeyDefinition, 'name' | 'columns' | 'references' | 'onDelete' | 'state'>;

export function shownDefinition(definition: TableDefinition): ShownDefinition {
  const { name, tableId, schemaVersion, primaryKey, columns, indexes, foreignKeys, referencedBy } = definition;
  return {
    table: name,
    tableId,
    schemaVersion,
    primaryKey,
    columns,
    indexes: indexes.map(({ name, columns, isUnique, state }) => ({ name, columns, unique: isUnique, state })),
    foreignKeys: foreignKeys.map(({ name, columns, references, onDelete, state }) => {
      return { name, columns, references, onDelete, state };
    }),
    referencedBy,
  };
}
