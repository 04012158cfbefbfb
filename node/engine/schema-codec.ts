/** Schema changes and table definitions as bytes. Names are values here, never keys: no decoder touches them. */
import { assert } from '../../gcs/base/index.ts';
import type { ImageCodec } from './image-codec.ts';
import type { OrderedChange } from './replica.ts';
import type { ColumnDefinition, ColumnType, TableDefinition } from './table-definition.ts';
import { setColumn } from './values.ts';

const FORMAT = 1;

/** The image of a definition, as the catalog's row has it. */
export function encodeDefinition(definition: TableDefinition, codec: ImageCodec): Uint8Array {
  return codec.encode([FORMAT, definition.tableId, ...tableParts(definition)]);
}

/** @throws InvariantViolation: the catalog is ours. */
export function decodeDefinition(image: Uint8Array, codec: ImageCodec): TableDefinition {
  const parts = codec.decode(image) as readonly unknown[];
  assert(parts[0] === FORMAT, 'a table definition is of a known format');
  return { tableId: parts[1] as number, ...tableOf(parts, 2) };
}

export function encodeSchemaChange(change: OrderedChange, codec: ImageCodec): Uint8Array {
  if (change.kind === 'create-table') {
    return codec.encode([FORMAT, change.kind, change.ifNotExists, ...tableParts(change.table)]);
  }
  if (change.kind === 'set-variable') return codec.encode([FORMAT, change.kind, false, change.name, change.value]);
  return codec.encode([FORMAT, change.kind, change.ifExists, change.name]);
}

/** @throws InvariantViolation: only members write schema changes, and the group delivers them whole. */
export function decodeSchemaChange(bytes: Uint8Array, codec: ImageCodec): OrderedChange {
  const parts = codec.decode(bytes) as readonly unknown[];
  assert(parts[0] === FORMAT, 'a schema change is of a known format');
  const kind = parts[1] as OrderedChange['kind'];
  const flag = parts[2] as boolean;
  if (kind === 'create-table') return { kind, table: tableOf(parts, 3), ifNotExists: flag };
  if (kind === 'set-variable') return { kind, name: parts[3] as string, value: parts[4] as string };
  assert(kind === 'drop-table' || kind === 'truncate-table', 'a schema change is of a known kind');
  return { kind, name: parts[3] as string, ifExists: flag };
}

function tableParts(table: Omit<TableDefinition, 'tableId'>): unknown[] {
  return [table.name, table.primaryKey, table.columns === null ? null : columnParts(table.columns)];
}

function columnParts(columns: Readonly<Record<string, ColumnDefinition>>): unknown[] {
  return Object.keys(columns).map((name) => {
    const { type, nullable, default: fallback } = columns[name]!;
    return fallback === undefined ? [name, type, nullable] : [name, type, nullable, fallback];
  });
}

function tableOf(parts: readonly unknown[], from: number): Omit<TableDefinition, 'tableId'> {
  const name = parts[from] as string;
  const primaryKey = parts[from + 1] as readonly string[];
  const columns = parts[from + 2] as readonly [string, ColumnType, boolean, unknown?][] | null;
  if (columns === null) return { name, primaryKey, columns: null };
  const result: Record<string, ColumnDefinition> = {};
  for (const column of columns) {
    const definition = { type: column[1], nullable: column[2] };
    setColumn(result, column[0], column.length > 3 ? { ...definition, default: column[3] } : definition);
  }
  return { name, primaryKey, columns: result };
}
