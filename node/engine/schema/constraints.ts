/**
 * Adding and dropping indexes and foreign keys, in a draft of the definitions. A foreign key appears at both ends: the
 * child's definition has it, the parent's says in `referencedBy` who refers to it.
 */
import { indexExists, invalidArgument, isReferenced, noSuchColumn, noSuchIndex, noSuchTable } from '../errors.ts';
import type {
  Built,
  ColumnType,
  IndexDefinition,
  NewForeignKey,
  NewIndex,
  TableDefinition,
} from '../table-definition.ts';
import type { SchemaDraft } from './draft.ts';

/** Of one table: each is looked at by every write. As many as MySQL allows. */
export const INDEXES_MAX = 64;
/** An index id is two bytes of a key. */
const INDEX_IDS_MAX = 0xffff;

/** @throws RequestError INDEX_EXISTS, NO_SUCH_COLUMN, INVALID_ARGUMENT */
export function addIndex(draft: SchemaDraft, table: string, index: NewIndex, built: Built): void {
  const definition = draft.get(table)!;
  const { name, columns, isUnique } = index;
  requireFreeName(definition, name);
  const argument = isUnique ? 'unique' : 'indexes';
  for (const column of columns) {
    if (typeOf(definition, column) === 'json') {
      throw invalidArgument(argument, `column ${JSON.stringify(column)} is json, which has no order`);
    }
  }
  if (definition.indexes.length >= INDEXES_MAX) {
    throw invalidArgument(argument, `a table has at most ${INDEXES_MAX} indexes`);
  }
  const indexId = definition.nextIndexId;
  if (indexId > INDEX_IDS_MAX) throw invalidArgument(argument, 'the table has had as many indexes as it may ever have');
  const added: IndexDefinition = { indexId, name, columns, isUnique, state: built.state, since: built.since };
  draft.change(table, { indexes: [...definition.indexes, added], nextIndexId: indexId + 1 });
}

/** With an index of its name over its columns, where no index or primary key begins with them. @throws RequestError */
export function addForeignKey(draft: SchemaDraft, table: string, key: NewForeignKey, built: Built): void {
  requireFreeName(draft.get(table)!, key.name);
  const { columns, referencesColumns, referencedIndexId } = matched(draft, table, key);
  const parent = draft.get(key.references.table)!;
  checkNullable(draft.get(table)!, key);
  if (!isSupported(draft.get(table)!, columns, built)) {
    addIndex(draft, table, { name: key.name, columns, isUnique: false }, built);
  }
  const child = draft.get(table)!;
  const references = { table: parent.name, columns: referencesColumns };
  const { name, onDelete } = key;
  const added = { name, columns, references, referencedIndexId, onDelete, state: built.state, since: built.since };
  draft.change(table, { foreignKeys: [...child.foreignKeys, added] });
  const referencedBy = [...draft.get(parent.name)!.referencedBy, { table, foreignKey: name }];
  referencedBy.sort((one, other) => compare(one.table, other.table) || compare(one.foreignKey, other.foreignKey));
  draft.change(parent.name, { referencedBy });
  if (parent.name !== table) draft.concerned.add(parent.tableId);
}

/**
 * By name. A foreign key takes the index along that was made for it, unless another one needs it.
 *
 * @throws RequestError NO_SUCH_INDEX; FOREIGN_KEY_VIOLATION: a foreign key refers to the unique index
 */
export function dropConstraint(draft: SchemaDraft, table: string, name: string): void {
  const definition = draft.get(table)!;
  const isForeignKey = definition.foreignKeys.some((key) => key.name === name);
  if (isForeignKey) dropForeignKey(draft, table, name);
  const after = draft.get(table)!;
  const index = after.indexes.find((each) => each.name === name);
  if (index === undefined) {
    if (isForeignKey) return;
    throw noSuchIndex(table, name);
  }
  const indexes = after.indexes.filter((each) => each !== index);
  const without = { ...after, indexes };
  if (isForeignKey && after.foreignKeys.some((key) => !isSupported(without, key.columns, key))) return;
  const referring = referringTo(draft, after, index.indexId);
  if (referring !== null) throw isReferenced({ table, index: name, ...referring });
  draft.change(table, { indexes });
}

/** @throws RequestError INVALID_ARGUMENT: a foreign key has lost its index */
export function requireSupport(definition: TableDefinition): void {
  const left = definition.foreignKeys.find((key) => !isSupported(definition, key.columns, key));
  if (left === undefined) return;
  throw invalidArgument('drop', `foreign key ${JSON.stringify(left.name)} needs an index that begins with its columns`);
}

/** The table is not the parent of anybody else any more. */
export function forgetReferences(draft: SchemaDraft, table: string): void {
  for (const { name } of draft.get(table)!.foreignKeys) dropForeignKey(draft, table, name);
}

/** @throws RequestError FOREIGN_KEY_VIOLATION: another table refers to this one */
export function refuseReferenced({ name, referencedBy }: TableDefinition): void {
  const other = referencedBy.find(({ table }) => table !== name);
  if (other === undefined) return;
  throw isReferenced({ table: name, foreignKey: other.foreignKey, referencingTable: other.table });
}

/** Null: free-form. @throws RequestError NO_SUCH_COLUMN */
export function typeOf({ name, columns }: TableDefinition, column: string): ColumnType | null {
  if (columns === null) return null;
  if (!Object.hasOwn(columns, column)) throw noSuchColumn(name, column);
  return columns[column]!.type;
}

function dropForeignKey(draft: SchemaDraft, table: string, name: string): void {
  const definition = draft.get(table)!;
  const key = definition.foreignKeys.find((each) => each.name === name)!;
  draft.change(table, { foreignKeys: definition.foreignKeys.filter((each) => each !== key) });
  const parent = draft.get(key.references.table)!;
  const referencedBy = parent.referencedBy.filter((each) => each.table !== table || each.foreignKey !== name);
  draft.change(parent.name, { referencedBy });
}

function requireFreeName({ name: table, indexes, foreignKeys }: TableDefinition, name: string): void {
  if ([...indexes, ...foreignKeys].some((each) => each.name === name)) throw indexExists(table, name);
}

/** Who refers to that unique index. */
function referringTo(
  draft: SchemaDraft,
  { name, referencedBy }: TableDefinition,
  indexId: number,
): { foreignKey: string; referencingTable: string } | null {
  for (const { table, foreignKey } of referencedBy) {
    const key = draft.get(table)!.foreignKeys.find((each) => each.name === foreignKey)!;
    if (key.references.table === name && key.referencedIndexId === indexId)
      return { foreignKey, referencingTable: table };
  }
  return null;
}

/** The key of the parent that a foreign key refers to, and the columns of both in its order. @throws RequestError */
function matched(
  draft: SchemaDraft,
  table: string,
  { name, columns, references }: NewForeignKey,
): { columns: readonly string[]; referencesColumns: readonly string[]; referencedIndexId: number } {
  const argument = `foreignKeys.${name}`;
  const child = draft.get(table)!;
  const parent = draft.get(references.table);
  if (parent === null) throw noSuchTable(references.table);
  for (const [position, column] of columns.entries()) {
    const type = typeOf(child, column);
    const other = references.columns[position]!;
    const otherType = typeOf(parent, other);
    if (type === otherType) continue;
    const shown = (known: ColumnType | null): string => known ?? 'free-form';
    const problem = `column ${JSON.stringify(column)} is ${shown(type)}, and ${JSON.stringify(other)} of ${parent.name} is ${shown(otherType)}`;
    throw invalidArgument(argument, problem);
  }
  const candidates = [
    { indexId: 0, columns: parent.primaryKey, state: 'valid' as const },
    ...parent.indexes.filter((index) => index.isUnique),
  ].filter((key) => areSameSet(key.columns, references.columns));
  const key = candidates.find(({ state }) => state === 'valid');
  if (key !== undefined) {
    const inOrder = key.columns.map((column) => columns[references.columns.indexOf(column)]!);
    return { columns: inOrder, referencesColumns: key.columns, referencedIndexId: key.indexId };
  }
  const shown = `(${references.columns.join(', ')}) of ${parent.name}`;
  const problem =
    candidates.length > 0
      ? `the unique index over ${shown} is still being built`
      : `${shown} are neither its primary key nor a unique index`;
  throw invalidArgument(argument, problem);
}

function checkNullable({ name: table, columns, primaryKey }: TableDefinition, key: NewForeignKey): void {
  if (key.onDelete !== 'setNull') return;
  const fixed = key.columns.find((column) => primaryKey.includes(column) || columns?.[column]?.nullable === false);
  if (fixed === undefined) return;
  const problem = `"setNull", and column ${JSON.stringify(fixed)} of ${table} is never null`;
  throw invalidArgument(`foreignKeys.${key.name}.onDelete`, problem);
}

/** What begins with these columns, in this order: the primary key, a valid index, or one that is built together with `built`. */
function isSupported({ primaryKey, indexes }: TableDefinition, columns: readonly string[], built: Built): boolean {
  if (beginsWith(primaryKey, columns)) return true;
  return indexes.some(
    (index) => (index.state === 'valid' || index.since === built.since) && beginsWith(index.columns, columns),
  );
}

function beginsWith(columns: readonly string[], first: readonly string[]): boolean {
  return first.every((column, position) => columns[position] === column);
}

function areSameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((column) => other.includes(column));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
