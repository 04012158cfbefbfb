/** Indexes and foreign keys as clients give them, for `createTable` and `alterTable`: their form; what they are of, the catalog judges. */
import { invalidArgument } from '../errors.ts';
import type { NewForeignKey, NewIndex, OnDelete } from '../table-definition.ts';
import { isPlainObject } from '../values.ts';
import { checkColumnName } from './row-arguments.ts';

export const KEY_COLUMNS_MAX = 16;
/** Of one request. */
const CONSTRAINTS_MAX = 64;
const NAME_CHARACTERS_MAX = 64;
/** How `scan` calls the primary key. */
const PRIMARY = 'primary';
const ON_DELETE: readonly OnDelete[] = ['restrict', 'cascade', 'setNull'];

/** None where it is absent. @throws RequestError */
export function indexesOf(given: unknown, argument: string, isUnique: boolean): readonly NewIndex[] {
  return entriesOf(given, argument, 'columns by name').map(([name, columns]) => {
    checkConstraintName(name, argument);
    return { name, columns: keyColumnsOf(columns, `${argument}.${name}`), isUnique };
  });
}

/** None where it is absent. @throws RequestError */
export function foreignKeysOf(given: unknown, argument: string): readonly NewForeignKey[] {
  return entriesOf(given, argument, 'foreign keys by name').map(([name, key]) => {
    checkConstraintName(name, argument);
    return foreignKeyOf(name, key, `${argument}.${name}`);
  });
}

/** Names, each once; none where it is absent. @throws RequestError */
export function namesOf(given: unknown, argument: string): readonly string[] {
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given) || given.some((name) => typeof name !== 'string')) {
    throw invalidArgument(argument, 'expected an array of names');
  }
  requireEachOnce(given, argument);
  return given;
}

/** 1 to 16 columns, each once. @throws RequestError */
export function keyColumnsOf(given: unknown, argument: string): readonly string[] {
  if (!Array.isArray(given) || given.length === 0 || given.length > KEY_COLUMNS_MAX) {
    throw invalidArgument(argument, `expected an array of 1 to ${KEY_COLUMNS_MAX} columns`);
  }
  for (const column of given) {
    if (typeof column !== 'string') throw invalidArgument(argument, 'expected names of columns');
    checkColumnName(column, argument);
  }
  requireEachOnce(given, argument);
  return given;
}

function entriesOf(given: unknown, argument: string, what: string): readonly (readonly [string, unknown])[] {
  if (given === undefined || given === null) return [];
  if (!isPlainObject(given)) throw invalidArgument(argument, `expected an object of ${what}`);
  const entries = Object.entries(given);
  if (entries.length > CONSTRAINTS_MAX) throw invalidArgument(argument, `at most ${CONSTRAINTS_MAX} are allowed`);
  return entries;
}

function foreignKeyOf(name: string, given: unknown, argument: string): NewForeignKey {
  if (!isPlainObject(given)) throw invalidArgument(argument, 'expected {columns, references, onDelete?}');
  checkMembers(given, argument, ['columns', 'references', 'onDelete']);
  const columns = keyColumnsOf(given.columns, `${argument}.columns`);
  const { references } = given;
  if (!isPlainObject(references)) throw invalidArgument(`${argument}.references`, 'expected {table, columns}');
  checkMembers(references, `${argument}.references`, ['table', 'columns']);
  const { table } = references;
  if (typeof table !== 'string') {
    throw invalidArgument(`${argument}.references.table`, 'expected the name of a table, "schema.table"');
  }
  const referenced = keyColumnsOf(references.columns, `${argument}.references.columns`);
  if (referenced.length !== columns.length) {
    throw invalidArgument(argument, `refers with ${columns.length} columns to ${referenced.length}`);
  }
  const onDelete = given.onDelete ?? 'restrict';
  const known = ON_DELETE.find((each) => each === onDelete);
  if (known === undefined) throw invalidArgument(`${argument}.onDelete`, `expected one of ${ON_DELETE.join(', ')}`);
  return { name, columns, references: { table, columns: referenced }, onDelete: known };
}

function checkMembers(given: Readonly<Record<string, unknown>>, argument: string, known: readonly string[]): void {
  const unknown = Object.keys(given).find((member) => !known.includes(member));
  if (unknown !== undefined) throw invalidArgument(`${argument}.${unknown}`, `unknown; known are ${known.join(', ')}`);
}

function checkConstraintName(name: string, argument: string): void {
  if (name === PRIMARY) throw invalidArgument(argument, `"${PRIMARY}" is how the primary key is called`);
  if (name.length > 0 && name.length <= NAME_CHARACTERS_MAX && name.isWellFormed()) return;
  const problem = `a name has 1 to ${NAME_CHARACTERS_MAX} characters, not ${JSON.stringify(name.slice(0, 100))}`;
  throw invalidArgument(argument, problem);
}

function requireEachOnce(names: readonly string[], argument: string): void {
  const twice = names.find((name, position) => names.indexOf(name) !== position);
  if (twice !== undefined) throw invalidArgument(argument, `${JSON.stringify(twice)} is named twice`);
}
