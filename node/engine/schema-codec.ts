/**
 * Schema changes and table definitions as bytes. Names are values here, never keys: no decoder touches them. Format 1,
 * which a catalog or a log may still have, is without indexes, foreign keys and alterations.
 */
import { assert, unreachable } from '../../gcs/base/index.ts';
import type { ImageCodec } from './image-codec.ts';
import type { OrderedChange } from './replica.ts';
import type {
  Alteration,
  BuildFailure,
  BuildState,
  ColumnDefinition,
  ColumnPlace,
  ColumnType,
  ForeignKeyDefinition,
  IndexDefinition,
  NewForeignKey,
  NewIndex,
  NewTable,
  OnDelete,
  TableDefinition,
} from './table-definition.ts';
import { setColumn } from './values.ts';

const FORMAT = 2;

type Parts = readonly unknown[];

/** The image of a definition, as the catalog's row has it. */
export function encodeDefinition(definition: TableDefinition, codec: ImageCodec): Uint8Array {
  const { tableId, name, primaryKey, columns, schemaVersion, nextIndexId } = definition;
  return codec.encode([
    FORMAT,
    tableId,
    name,
    primaryKey,
    columns === null ? null : columnParts(columns),
    schemaVersion,
    definition.places.map(placeParts),
    nextIndexId,
    definition.indexes.map((index) => [index.indexId, ...indexParts(index), index.state, index.since]),
    definition.foreignKeys.map((key) => [...foreignKeyParts(key), key.state, key.since, key.referencedIndexId]),
    definition.referencedBy.map(({ table, foreignKey }) => [table, foreignKey]),
  ]);
}

/** @throws InvariantViolation: the catalog is ours. */
export function decodeDefinition(image: Uint8Array, codec: ImageCodec): TableDefinition {
  const parts = codec.decode(image) as Parts;
  assert(isKnown(parts[0]), 'a table definition is of a known format');
  const before = {
    tableId: parts[1] as number,
    name: parts[2] as string,
    primaryKey: parts[3] as readonly string[],
    columns: columnsOf(parts[4]),
  };
  if (parts[0] === 1) {
    return {
      ...before,
      schemaVersion: 1,
      places: [],
      nextIndexId: 1,
      indexes: [],
      foreignKeys: [],
      referencedBy: [],
    };
  }
  return {
    ...before,
    schemaVersion: parts[5] as number,
    places: (parts[6] as readonly Parts[]).map(placeOf),
    nextIndexId: parts[7] as number,
    indexes: (parts[8] as readonly Parts[]).map(
      (index): IndexDefinition => ({
        indexId: index[0] as number,
        ...indexOf(index, 1),
        state: index[4] as BuildState,
        since: index[5] as number,
      }),
    ),
    foreignKeys: (parts[9] as readonly Parts[]).map(
      (key): ForeignKeyDefinition => ({
        ...foreignKeyOf(key),
        state: key[5] as BuildState,
        since: key[6] as number,
        referencedIndexId: key[7] as number,
      }),
    ),
    referencedBy: (parts[10] as readonly [string, string][]).map(([table, foreignKey]) => ({ table, foreignKey })),
  };
}

export function encodeSchemaChange(change: OrderedChange, codec: ImageCodec): Uint8Array {
  switch (change.kind) {
    case 'create-table': {
      const { name, primaryKey, columns, indexes, foreignKeys } = change.table;
      const shape = [name, primaryKey, columns === null ? null : columnParts(columns)];
      const keys = [indexes.map(indexParts), foreignKeys.map(foreignKeyParts)];
      return codec.encode([FORMAT, change.kind, change.ifNotExists, ...shape, ...keys]);
    }
    case 'drop-table':
    case 'truncate-table':
      return codec.encode([FORMAT, change.kind, change.ifExists, change.name]);
    case 'alter-table':
      return codec.encode([FORMAT, change.kind, change.name, ...alterationParts(change.alteration)]);
    case 'end-build': {
      const { failure, build } = change;
      const why = failure === null ? [] : failureParts(failure);
      return codec.encode([FORMAT, change.kind, build.tableId, build.since, why]);
    }
    case 'set-variable':
      return codec.encode([FORMAT, change.kind, false, change.name, change.value]);
  }
}

/** @throws InvariantViolation: only members write schema changes, and the group delivers them whole. */
export function decodeSchemaChange(bytes: Uint8Array, codec: ImageCodec): OrderedChange {
  const parts = codec.decode(bytes) as Parts;
  assert(isKnown(parts[0]), 'a schema change is of a known format');
  const kind = parts[1] as OrderedChange['kind'];
  switch (kind) {
    case 'create-table':
      return { kind, table: newTableOf(parts), ifNotExists: parts[2] as boolean };
    case 'drop-table':
    case 'truncate-table':
      return { kind, name: parts[3] as string, ifExists: parts[2] as boolean };
    case 'alter-table':
      return { kind, name: parts[2] as string, alteration: alterationOf(parts) };
    case 'end-build': {
      const build = { tableId: parts[2] as number, since: parts[3] as number };
      return { kind, build, failure: failureOf(parts[4] as Parts) };
    }
    case 'set-variable':
      return { kind, name: parts[3] as string, value: parts[4] as string };
    default:
      return unreachable(kind);
  }
}

function isKnown(format: unknown): boolean {
  return format === 1 || format === FORMAT;
}

function newTableOf(parts: Parts): NewTable {
  return {
    name: parts[3] as string,
    primaryKey: parts[4] as readonly string[],
    columns: columnsOf(parts[5]),
    indexes: parts[0] === 1 ? [] : (parts[6] as readonly Parts[]).map((index) => indexOf(index, 0)),
    foreignKeys: parts[0] === 1 ? [] : (parts[7] as readonly Parts[]).map(foreignKeyOf),
  };
}

function alterationParts(alteration: Alteration): unknown[] {
  const { drop, dropColumns, addColumns, addIndexes, addForeignKeys, rename } = alteration;
  const added = [columnParts(addColumns), addIndexes.map(indexParts), addForeignKeys.map(foreignKeyParts)];
  return [drop, dropColumns, ...added, rename];
}

function alterationOf(parts: Parts): Alteration {
  return {
    drop: parts[3] as readonly string[],
    dropColumns: parts[4] as readonly string[],
    addColumns: columnsOf(parts[5])!,
    addIndexes: (parts[6] as readonly Parts[]).map((index) => indexOf(index, 0)),
    addForeignKeys: (parts[7] as readonly Parts[]).map(foreignKeyOf),
    rename: parts[8] as string | null,
  };
}

function failureParts(failure: BuildFailure): unknown[] {
  switch (failure.kind) {
    case 'duplicate':
      return [failure.kind, failure.index, failure.values];
    case 'no-referenced-row':
      return [failure.kind, failure.foreignKey, failure.values, failure.references];
    case 'not-indexable':
      return [failure.kind, failure.index, failure.problem];
  }
}

function failureOf(parts: Parts): BuildFailure | null {
  if (parts.length === 0) return null;
  const kind = parts[0] as BuildFailure['kind'];
  const name = parts[1] as string;
  if (kind === 'not-indexable') return { kind, index: name, problem: parts[2] as string };
  const values = parts[2] as readonly unknown[];
  if (kind === 'duplicate') return { kind, index: name, values };
  return { kind, foreignKey: name, values, references: parts[3] as string };
}

function indexParts({ name, columns, isUnique }: NewIndex): unknown[] {
  return [name, columns, isUnique];
}

function indexOf(parts: Parts, from: number): NewIndex {
  return {
    name: parts[from] as string,
    columns: parts[from + 1] as readonly string[],
    isUnique: parts[from + 2] as boolean,
  };
}

function foreignKeyParts({ name, columns, references, onDelete }: NewForeignKey): unknown[] {
  return [name, columns, references.table, references.columns, onDelete];
}

function foreignKeyOf(parts: Parts): NewForeignKey {
  return {
    name: parts[0] as string,
    columns: parts[1] as readonly string[],
    references: { table: parts[2] as string, columns: parts[3] as readonly string[] },
    onDelete: parts[4] as OnDelete,
  };
}

function placeParts({ column, since, until, initial }: ColumnPlace): unknown[] {
  return initial === undefined ? [column, since, until] : [column, since, until, initial];
}

function placeOf(parts: Parts): ColumnPlace {
  const place = { column: parts[0] as string | null, since: parts[1] as number, until: parts[2] as number | null };
  return parts.length > 3 ? { ...place, initial: parts[3] } : place;
}

function columnParts(columns: Readonly<Record<string, ColumnDefinition>>): unknown[] {
  return Object.keys(columns).map((name) => {
    const { type, nullable, default: fallback } = columns[name]!;
    return fallback === undefined ? [name, type, nullable] : [name, type, nullable, fallback];
  });
}

function columnsOf(parts: unknown): Record<string, ColumnDefinition> | null {
  if (parts === null) return null;
  const result: Record<string, ColumnDefinition> = {};
  for (const column of parts as readonly [string, ColumnType, boolean, unknown?][]) {
    const definition = { type: column[1], nullable: column[2] };
    setColumn(result, column[0], column.length > 3 ? { ...definition, default: column[3] } : definition);
  }
  return result;
}
