/** `createTable`, `alterTable`, `dropTable`, `truncateTable`: requests read into schema changes. */
import { invalidArgument } from '../errors.ts';
import type { SchemaChange } from '../replica.ts';
import type { Alteration } from '../table-definition.ts';
import { booleanOf, tableNameOf } from './arguments.ts';
import { addedColumnsOf, type Columns, columnDefinitionsOf } from './column-arguments.ts';
import { foreignKeysOf, indexesOf, keyColumnsOf, namesOf } from './constraint-arguments.ts';
import type { Message } from './statement.ts';

const TABLE_NAME = /^[\p{L}\p{N}_$-]{1,64}\.[\p{L}\p{N}_$-]{1,64}$/u;

const ALTERATIONS = ['drop', 'dropColumns', 'addColumns', 'addIndexes', 'addUnique', 'addForeignKeys', 'rename'];

export const SCHEMA_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  createTable: ['table', 'primaryKey', 'columns', 'unique', 'indexes', 'foreignKeys', 'ifNotExists'],
  alterTable: ['table', ...ALTERATIONS],
  dropTable: ['table', 'ifExists'],
  truncateTable: ['table', 'ifExists'],
};

/** `op`: one of `SCHEMA_ARGUMENTS`. @throws RequestError */
export function schemaChangeOf(op: string, message: Message): SchemaChange {
  const name = tableNameOf(message);
  if (op === 'dropTable') return { kind: 'drop-table', name, ifExists: booleanOf(message, 'ifExists') };
  if (op === 'truncateTable') return { kind: 'truncate-table', name, ifExists: booleanOf(message, 'ifExists') };
  if (op === 'alterTable') return { kind: 'alter-table', name, alteration: alterationOf(message) };
  return createTableOf(name, message);
}

function createTableOf(name: string, message: Message): SchemaChange {
  checkTableName(name, 'table');
  const { columns: given, primaryKey: key } = message;
  const columns = given === undefined || given === null ? null : columnDefinitionsOf(given, 'columns', key);
  const primaryKey = keyColumnsOf(key, 'primaryKey');
  requireColumns(primaryKey, columns, 'primaryKey');
  const unique = indexesOf(message.unique, 'unique', true);
  const indexes = indexesOf(message.indexes, 'indexes', false);
  const foreignKeys = foreignKeysOf(message.foreignKeys, 'foreignKeys');
  for (const index of unique) requireColumns(index.columns, columns, `unique.${index.name}`);
  for (const index of indexes) requireColumns(index.columns, columns, `indexes.${index.name}`);
  for (const each of foreignKeys) requireColumns(each.columns, columns, `foreignKeys.${each.name}.columns`);
  return {
    kind: 'create-table',
    table: {
      name,
      primaryKey,
      columns: columns === null ? null : Object.fromEntries(columns),
      indexes: [...unique, ...indexes],
      foreignKeys,
    },
    ifNotExists: booleanOf(message, 'ifNotExists'),
  };
}

function alterationOf(message: Message): Alteration {
  const alteration: Alteration = {
    drop: namesOf(message.drop, 'drop'),
    dropColumns: namesOf(message.dropColumns, 'dropColumns'),
    addColumns: Object.fromEntries(addedColumnsOf(message.addColumns ?? {})),
    addIndexes: [
      ...indexesOf(message.addUnique, 'addUnique', true),
      ...indexesOf(message.addIndexes, 'addIndexes', false),
    ],
    addForeignKeys: foreignKeysOf(message.addForeignKeys, 'addForeignKeys'),
    rename: message.rename === undefined || message.rename === null ? null : newNameOf(message.rename),
  };
  const isEmpty = Object.values(alteration).every((part) => part === null || Object.keys(part).length === 0);
  if (isEmpty) throw invalidArgument('table', `nothing is to be changed: give one of ${ALTERATIONS.join(', ')}`);
  return alteration;
}

function newNameOf(given: unknown): string {
  if (typeof given !== 'string') throw invalidArgument('rename', 'expected the new name, "schema.table"');
  checkTableName(given, 'rename');
  return given;
}

function checkTableName(name: string, argument: string): void {
  if (TABLE_NAME.test(name)) return;
  throw invalidArgument(argument, 'expected "schema.table", each of 1 to 64 letters, digits, _, $ or -');
}

function requireColumns(columns: readonly string[], declared: Columns | null, argument: string): void {
  const unknown = declared === null ? undefined : columns.find((column) => !declared.has(column));
  if (unknown === undefined) return;
  throw invalidArgument(argument, `column ${JSON.stringify(unknown)} is not among 'columns'`);
}
