/** Definitions of columns as clients give them, for `createTable` and `alterTable`. */
import { invalidArgument } from '../errors.ts';
import { COLUMNS_MAX } from '../schema/alteration.ts';
import type { ColumnDefinition, ColumnType } from '../table-definition.ts';
import { canonicalValue, describeValue, isPlainObject } from '../values.ts';
import { checkColumnName, isGenerator } from './row-arguments.ts';

const TYPES: readonly ColumnType[] = ['integer', 'double', 'decimal', 'text', 'boolean', 'bytes', 'timestamp', 'json'];

/** What `$generate` gives, by name, and the type that the column must have. */
const GENERATORS: ReadonlyMap<unknown, ColumnType> = new Map([
  ['uuid', 'text'],
  ['now', 'timestamp'],
  ['sequence', 'integer'],
]);

export type Columns = ReadonlyMap<string, ColumnDefinition>;

/** By column. `primaryKey`: as the client gave it. @throws RequestError */
export function columnDefinitionsOf(given: unknown, argument: string, primaryKey: unknown): Columns {
  if (!isPlainObject(given)) throw invalidArgument(argument, 'expected an object of definitions by column');
  const names = Object.keys(given);
  if (names.length > COLUMNS_MAX) throw invalidArgument(argument, `at most ${COLUMNS_MAX} columns are allowed`);
  const result = new Map<string, ColumnDefinition>();
  for (const name of names) {
    checkColumnName(name, argument);
    const isKey = Array.isArray(primaryKey) && primaryKey.includes(name);
    result.set(name, columnDefinitionOf(given[name], `${argument}.${name}`, isKey));
  }
  return result;
}

/** Columns of a table that may have rows: what they are in those is given by the definition alone. @throws RequestError */
export function addedColumnsOf(given: unknown): Columns {
  const columns = columnDefinitionsOf(given, 'addColumns', null);
  for (const [name, { nullable, default: fallback }] of columns) {
    if (nullable) continue;
    if (fallback === undefined) {
      const problem = 'neither nullable nor with a default: rows that are there would have no value';
      throw invalidArgument(`addColumns.${name}`, problem);
    }
    if (isGenerator(fallback)) {
      const problem = 'generated when a row is written, so that rows that are there have no value: let it be nullable';
      throw invalidArgument(`addColumns.${name}`, problem);
    }
  }
  return columns;
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
