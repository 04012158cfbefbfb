import type { TableDefinition } from '../table-definition.ts';
import { tableOf } from './arguments.ts';
import type { Statement } from './statement.ts';

export const tables: Statement = {
  argumentNames: [],
  isWrite: false,
  run: (transaction) => transaction.allTables().map(shown),
};

export const describe: Statement = {
  argumentNames: ['table'],
  isWrite: false,
  run: (transaction, message) => shown(tableOf(transaction, message).definition),
};

function shown({ name, tableId, primaryKey, columns }: TableDefinition): object {
  return { table: name, tableId, primaryKey, columns };
}
