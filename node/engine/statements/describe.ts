import type { TableDefinition } from '../table-definition.ts';
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

export function shownDefinition({ name, tableId, primaryKey, columns }: TableDefinition): object {
  return { table: name, tableId, primaryKey, columns };
}
