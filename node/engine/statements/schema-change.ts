/** `createTable`, `dropTable`, `truncateTable`: requests read into schema changes. */
import { invalidArgument } from '../errors.ts';
import type { SchemaChange } from '../replica.ts';
import type { ColumnDefinition, ColumnType } from '../table-definition.ts';
import { canonicalValue, describeValue, isPlainObject } from '../values.ts';
import { booleanOf, tableNameOf } from './arguments.ts';
import { checkColumnName, isGenerator } from './row-arguments.ts';
import type { Message } from './statement.ts';

const TYPES: readonly ColumnType[] = ['integer', 'double', 'decimal', 'text', 'boolean', 'bytes', 'timestamp', 'json'];

/** Columns of one table: each is named in the definition that travels and is kept. */
const COLUMNS_MAX = 1000;
const KEY_COLUMNS_MAX = 16;

const TABLE_NAME = /^[\p{L}\p{N}_$-]{1,64}\.[\p{L}\p{N}_$-]{1,64}$/u;

/** What `$generate` gives, by name, and the type that the column must have. */
const GENERATORS: ReadonlyMap<unknown, ColumnType> = new Map([
  ['uuid', 'text'],
  ['now', 'timestamp'],
]);

export const SCHEMA_ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  createTable: ['table', 'primaryKey', 'columns', 'ifNotExists'],
  dropTable: ['table', 'ifExists'],
  truncateTable: ['table', 'ifExists'],
};

export const SCHEMA_UNSUPPORTED: Readonly<Record<string, string>> = {
  unique: 'unique keys',
  indexes: 'secondary indexes',
  foreignKeys: 'foreign keys',
};

/** `op`: one of `SCHEMA_ARGUMENTS`. @throws RequestError */
export function schemaChangeOf(op: string, message: Message): SchemaChange {
  const name = tableNameOf(message);
  if (op === 'dropTable') return { kind: 'drop-table', name, ifExists: booleanOf(message, 'ifExists') };
  if (op === 'truncateTable') return { kind: 'truncate-table', name, ifExists: booleanOf(message, 'ifExists') };
  if (!TABLE_NAME.test(name)) {
    throw invalidArgument('table', 'expected "schema.table", each of 1 to 64 letters, digits, _, $ or -');
  }
  const columns = columnDefinitionsOf(message);
  const primaryKey = primaryKeyOf(message, columns);
  return {
    kind: 'create-table',
    table: { name, primaryKey, columns: columns === null ? null : Object.fromEntries(columns) },
    ifNotExists: booleanOf(message, 'ifNotExists'),
  };
}

type Columns = ReadonlyMap<string, ColumnDefinition>;

function columnDefinitionsOf(message: Message): Columns | null {
  const { columns, primaryKey } = message;
  if (columns === undefined || columns === null) return null;
  if (!isPlainObject(columns)) throw invalidArgument('columns', 'expected an object of definitions by column');
  const names = Object.keys(columns);
  if (names.length > COLUMNS_MAX) throw invalidArgument('columns', `at most ${COLUMNS_MAX} columns are allowed`);
  const result = new Map<string, ColumnDefinition>();
  for (const name of names) {
    checkColumnName(name, 'columns');
    const isKey = Array.isArray(primaryKey) && primaryKey.includes(name);
    result.set(name, columnDefinitionOf(columns[name], `columns.${name}`, isKey));
  }
  return result;
}

function columnDefinitionOf(given: unknown, argument: string, isKey: boolean): ColumnDefinition {
  if (!isPlainObject(given)) throw invalidArgument(argument, 'expected {type, nullable?, default?}');
  for (const name of Object.keys(given)) {
    if (name !== 'type' && name !== 'nullable' && name !== 'default') {
      throw invalidArgument(`${argument}.${name}`, 'unknown; a column has type, nullable and default');
    }
  }
  const type = TYPES.find((known) => known === given.type);
  if (type === undefined) throw invalidArgument(`${argument}.type`, `expected one of ${TYPES.join(', ')}`);
  const nullable = given.nullable ?? false;
  if (typeof nullable !== 'boolean') throw invalidArgument(`${argument}.nullable`, 'expected true or false');
  if (isKey && nullable) throw invalidArgument(`${argument}.nullable`, 'a column of the primary key is never null');
  if (isKey && type === 'json') throw invalidArgument(`${argument}.type`, 'json has no order and cannot be a key');
  if (given.default === undefined) return { type, nullable };
  const fallback = defaultOf(given.default, type, `${argument}.default`);
  if (fallback === null && !nullable)
    throw invalidArgument(`${argument}.default`, 'null, and the column is not nullable');
  return { type, nullable, default: fallback };
}

function defaultOf(given: unknown, type: ColumnType, argument: string): unknown {
  if (given === null) return null;
  if (isGenerator(given)) {
    const { $generate: generator } = given;
    if (generator === 'sequence') throw invalidArgument(argument, 'not supported by this version: generated sequences');
    const generatedType = GENERATORS.get(generator);
    if (generatedType === undefined) throw invalidArgument(argument, '$generate is one of "uuid", "now", "sequence"');
    if (generatedType !== type)
      throw invalidArgument(argument, `"${generator}" is for columns of type ${generatedType}`);
    return { $generate: generator };
  }
  const value = canonicalValue(given, type);
  if (value === undefined) throw invalidArgument(argument, `expected ${type}, got ${describeValue(given)}`);
  return value;
}

function primaryKeyOf(message: Message, columns: Columns | null): readonly string[] {
  const { primaryKey } = message;
  if (!Array.isArray(primaryKey) || primaryKey.length === 0 || primaryKey.length > KEY_COLUMNS_MAX) {
    throw invalidArgument('primaryKey', `expected an array of 1 to ${KEY_COLUMNS_MAX} columns`);
  }
  for (const [position, column] of primaryKey.entries()) {
    if (typeof column !== 'string') throw invalidArgument('primaryKey', 'expected names of columns');
    checkColumnName(column, 'primaryKey');
    if (primaryKey.indexOf(column) !== position) {
      throw invalidArgument('primaryKey', `column ${JSON.stringify(column)} is named twice`);
    }
    if (columns !== null && !columns.has(column)) {
      throw invalidArgument('primaryKey', `column ${JSON.stringify(column)} is not among 'columns'`);
    }
  }
  return primaryKey;
}
