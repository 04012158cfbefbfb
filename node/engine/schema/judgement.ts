/**
 * What a schema change does at its place in the order, and whether it can be done there: a function of the definitions
 * alone. No row is looked at, since a verdict must not depend on one (H1); what rows have to fulfil is found out by a
 * build, and comes into force by a change of its own (`end-build`).
 *
 * Whom it concerns (H17): it writes the catalog items of the tables whose writers would do something wrong with what they
 * know. Of the table itself, unless it only learns that it may rely on what is built; of tables that a new foreign key
 * refers to, whose writers would leave out that their keys end. Nobody needs to learn what is not asked of it any more.
 */
import { unreachable } from '../../../gcs/base/index.ts';
import { RequestError } from '../errors.ts';
import type { SchemaChange } from '../replica.ts';
import type { Build, TableDefinition } from '../table-definition.ts';
import { alter } from './alteration.ts';
import { addForeignKey, addIndex, dropConstraint, forgetReferences, refuseReferenced } from './constraints.ts';
import { SchemaDraft, type SchemaView } from './draft.ts';

/** The table id of a definition that is to have the sequence number of its change. */
export const TABLE_ID_TO_COME = 0;

/** Entries that go: of a whole table, or of one of its indexes. */
export interface Cleared {
  readonly tableId: number;
  /** Null: rows and all indexes. */
  readonly indexId: number | null;
}

export interface PossibleChange {
  readonly kind: 'done';
  /** How clients are told of it. */
  readonly change: 'createTable' | 'dropTable' | 'truncateTable' | 'alterTable';
  /** The table that it is about, by its name before. */
  readonly name: string;
  /** Of that table afterwards. */
  readonly nameAfter: string;
  /** Definitions afterwards; null: there is no such table. */
  readonly tables: readonly { readonly name: string; readonly definition: TableDefinition | null }[];
  readonly cleared: readonly Cleared[];
  /** Table ids. */
  readonly concerned: readonly number[];
  /** What it leaves to be built. */
  readonly build: Build | null;
}

export type SchemaJudgement =
  | PossibleChange
  | { readonly kind: 'nothing' }
  | { readonly kind: 'table-exists' }
  | { readonly kind: 'no-such-table' }
  | { readonly kind: 'refused'; readonly error: RequestError };

/** Of the newest definitions, those of its place in the order. */
export interface JudgedView extends SchemaView {
  newestById(tableId: number): TableDefinition | null;
}

export function judgeSchemaChange(change: SchemaChange, view: JudgedView): SchemaJudgement {
  try {
    return judge(change, view);
  } catch (error) {
    if (error instanceof RequestError) return { kind: 'refused', error };
    throw error;
  }
}

function judge(change: SchemaChange, view: JudgedView): SchemaJudgement {
  const draft = new SchemaDraft(view);
  switch (change.kind) {
    case 'create-table':
      return createTable(draft, change);
    case 'drop-table':
      return dropTable(draft, change);
    case 'truncate-table':
      return truncateTable(draft, change);
    case 'alter-table':
      return alterTable(draft, change);
    case 'end-build':
      return endBuild(draft, change, view);
    default:
      return unreachable(change);
  }
}

type Change<Kind extends SchemaChange['kind']> = Extract<SchemaChange, { kind: Kind }>;

function createTable(draft: SchemaDraft, { table, ifNotExists }: Change<'create-table'>): SchemaJudgement {
  const { name, primaryKey, columns, indexes, foreignKeys } = table;
  if (draft.get(name) !== null) return { kind: ifNotExists ? 'nothing' : 'table-exists' };
  draft.set(name, {
    tableId: TABLE_ID_TO_COME,
    name,
    schemaVersion: 1,
    primaryKey,
    columns,
    places: [],
    nextIndexId: 1,
    indexes: [],
    foreignKeys: [],
    referencedBy: [],
  });
  const built = { state: 'valid', since: 1 } as const;
  for (const index of indexes) addIndex(draft, name, index, built);
  for (const key of foreignKeys) addForeignKey(draft, name, key, built);
  return done(draft, { change: 'createTable', name });
}

function dropTable(draft: SchemaDraft, { name, ifExists }: Change<'drop-table'>): SchemaJudgement {
  const definition = draft.get(name);
  if (definition === null) return { kind: ifExists ? 'nothing' : 'no-such-table' };
  refuseReferenced(definition);
  forgetReferences(draft, name);
  draft.set(name, null);
  draft.concerned.add(definition.tableId);
  return done(draft, { change: 'dropTable', name, cleared: [{ tableId: definition.tableId, indexId: null }] });
}

/** An empty table fulfils whatever was being built. */
function truncateTable(draft: SchemaDraft, { name, ifExists }: Change<'truncate-table'>): SchemaJudgement {
  const definition = draft.get(name);
  if (definition === null) return { kind: ifExists ? 'nothing' : 'no-such-table' };
  refuseReferenced(definition);
  draft.change(name, {
    tableId: TABLE_ID_TO_COME,
    indexes: definition.indexes.map((index) => ({ ...index, state: 'valid' })),
    foreignKeys: definition.foreignKeys.map((key) => ({ ...key, state: 'valid' })),
  });
  draft.concerned.add(definition.tableId);
  return done(draft, { change: 'truncateTable', name, cleared: [{ tableId: definition.tableId, indexId: null }] });
}

function alterTable(draft: SchemaDraft, { name, alteration }: Change<'alter-table'>): SchemaJudgement {
  const before = draft.get(name);
  if (before === null) return { kind: 'no-such-table' };
  alter(draft, name, alteration);
  const nameAfter = alteration.rename ?? name;
  const { tableId, schemaVersion, indexes, foreignKeys } = draft.get(nameAfter)!;
  const isToBuild = [...indexes, ...foreignKeys].some(({ since }) => since === schemaVersion);
  return done(draft, {
    change: 'alterTable',
    name,
    nameAfter,
    cleared: droppedIndexes(before, draft.get(nameAfter)!),
    build: isToBuild ? { tableId, since: schemaVersion } : null,
  });
}

/** Two may have built it: the second finds nothing to do. */
function endBuild(draft: SchemaDraft, { build, failure }: Change<'end-build'>, view: JudgedView): SchemaJudgement {
  const before = view.newestById(build.tableId);
  if (before === null) return { kind: 'nothing' };
  const { name } = before;
  const isOfBuild = ({ state, since }: { state: string; since: number }): boolean =>
    state === 'building' && since === build.since;
  const indexes = before.indexes.filter(isOfBuild);
  const foreignKeys = before.foreignKeys.filter(isOfBuild);
  if (indexes.length + foreignKeys.length === 0) return { kind: 'nothing' };
  if (failure === null) {
    const valid = <Thing extends { state: string; since: number }>(thing: Thing): Thing =>
      isOfBuild(thing) ? { ...thing, state: 'valid' } : thing;
    draft.change(name, { indexes: before.indexes.map(valid), foreignKeys: before.foreignKeys.map(valid) });
    return done(draft, { change: 'alterTable', name });
  }
  draft.change(name, { schemaVersion: before.schemaVersion + 1 });
  for (const key of foreignKeys) dropConstraint(draft, name, key.name);
  for (const index of indexes) {
    if (draft.get(name)!.indexes.includes(index)) dropConstraint(draft, name, index.name);
  }
  draft.concerned.add(before.tableId);
  return done(draft, { change: 'alterTable', name, cleared: droppedIndexes(before, draft.get(name)!) });
}

function droppedIndexes(before: TableDefinition, after: TableDefinition): readonly Cleared[] {
  return before.indexes
    .filter(({ indexId }) => !after.indexes.some((index) => index.indexId === indexId))
    .map(({ indexId }) => ({ tableId: before.tableId, indexId }));
}

function done(
  draft: SchemaDraft,
  about: Pick<PossibleChange, 'change' | 'name'> & Partial<Pick<PossibleChange, 'nameAfter' | 'cleared' | 'build'>>,
): PossibleChange {
  return {
    kind: 'done',
    nameAfter: about.name,
    cleared: [],
    build: null,
    ...about,
    tables: draft.tables,
    concerned: [...draft.concerned].sort((one, other) => one - other),
  };
}
