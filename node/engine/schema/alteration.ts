/**
 * What `alterTable` makes of definitions. Columns change at once: images carry the schema version that they were made
 * with, and older ones are read with `places`. What has to be built is `building` afterwards.
 */
import { invalidArgument, noSuchColumn, tableExists } from '../errors.ts';
import type { Alteration, Built, ColumnDefinition, ColumnPlace, TableDefinition } from '../table-definition.ts';
import { isPlainObject, setColumn } from '../values.ts';
import { addForeignKey, addIndex, dropConstraint, requireSupport } from './constraints.ts';
import type { SchemaDraft } from './draft.ts';

/** Columns of one table: each is named in the definition that travels and is kept. */
export const COLUMNS_MAX = 1000;

/** @throws RequestError */
export function alter(draft: SchemaDraft, name: string, alteration: Alteration): void {
  const { drop, dropColumns, addColumns, addIndexes, addForeignKeys, rename } = alteration;
  const schemaVersion = draft.get(name)!.schemaVersion + 1;
  draft.change(name, { schemaVersion });
  draft.concerned.add(draft.get(name)!.tableId);
  const built: Built = { state: 'building', since: schemaVersion };
  for (const constraint of drop) dropConstraint(draft, name, constraint);
  requireSupport(draft.get(name)!);
  for (const column of dropColumns) dropColumn(draft, name, column);
  for (const column of Object.keys(addColumns)) addColumn(draft, name, { column, added: addColumns[column]! });
  for (const index of addIndexes) addIndex(draft, name, index, built);
  for (const key of addForeignKeys) addForeignKey(draft, name, key, built);
  if (rename !== null) renameTable(draft, name, rename);
}

/** @throws RequestError NO_SUCH_COLUMN; INVALID_ARGUMENT: something is made of it */
function dropColumn(draft: SchemaDraft, name: string, column: string): void {
  const definition = draft.get(name)!;
  const { columns, schemaVersion } = definition;
  if (columns === null) throw freeForm('dropColumns');
  if (!Object.hasOwn(columns, column)) throw noSuchColumn(name, column);
  const user = userOf(definition, column);
  if (user !== null) throw invalidArgument('dropColumns', `column ${JSON.stringify(column)} is part of ${user}`);
  const kept: Record<string, ColumnDefinition> = {};
  for (const other of Object.keys(columns)) if (other !== column) setColumn(kept, other, columns[other]!);
  const places = placesOf(definition).map((place) =>
    place.column === column ? { ...place, column: null, until: schemaVersion } : place,
  );
  draft.change(name, { columns: kept, places });
}

function addColumn(
  draft: SchemaDraft,
  name: string,
  { column, added }: { readonly column: string; readonly added: ColumnDefinition },
): void {
  const definition = draft.get(name)!;
  const { columns, schemaVersion } = definition;
  if (columns === null) throw freeForm('addColumns');
  if (Object.hasOwn(columns, column)) {
    throw invalidArgument('addColumns', `${name} has a column ${JSON.stringify(column)} already`);
  }
  if (Object.keys(columns).length >= COLUMNS_MAX) {
    throw invalidArgument('addColumns', `at most ${COLUMNS_MAX} columns are allowed`);
  }
  const all = { ...columns };
  setColumn(all, column, added);
  const place: ColumnPlace = { column, since: schemaVersion, until: null };
  const { default: initial } = added;
  // What is generated is generated when a row is written: in those that are there it is null.
  const isNull =
    initial === undefined || initial === null || (isPlainObject(initial) && Object.hasOwn(initial, '$generate'));
  draft.change(name, { columns: all, places: [...placesOf(definition), isNull ? place : { ...place, initial }] });
}

function placesOf({ columns, places }: TableDefinition): readonly ColumnPlace[] {
  if (places.length > 0) return places;
  return Object.keys(columns!).map((column) => ({ column, since: 1, until: null }));
}

function userOf({ primaryKey, indexes, foreignKeys }: TableDefinition, column: string): string | null {
  if (primaryKey.includes(column)) return 'the primary key';
  const foreignKey = foreignKeys.find(({ columns }) => columns.includes(column));
  if (foreignKey !== undefined) return `foreign key ${JSON.stringify(foreignKey.name)}; drop that first`;
  const index = indexes.find(({ columns }) => columns.includes(column));
  return index === undefined ? null : `index ${JSON.stringify(index.name)}; drop that first`;
}

/** Row keys stay as they are. Foreign keys go along, at both ends. */
function renameTable(draft: SchemaDraft, name: string, rename: string): void {
  if (draft.get(rename) !== null) throw tableExists(rename);
  const { foreignKeys, referencedBy } = draft.get(name)!;
  const renamed = (table: string): string => (table === name ? rename : table);
  for (const { references } of foreignKeys) {
    const parent = draft.get(references.table)!;
    draft.change(parent.name, {
      referencedBy: parent.referencedBy.map((each) => ({ ...each, table: renamed(each.table) })),
    });
  }
  for (const { table } of referencedBy) {
    const child = draft.get(table)!;
    draft.change(table, {
      foreignKeys: child.foreignKeys.map((key) => ({
        ...key,
        references: { ...key.references, table: renamed(key.references.table) },
      })),
    });
  }
  const definition = { ...draft.get(name)!, name: rename };
  draft.set(name, null);
  draft.set(rename, definition);
}

function freeForm(argument: string): Error {
  return invalidArgument(argument, 'rows of this table are free-form: it declares no columns');
}
