/** What is shown of an operation's result: rows under a head, or a line that says what was done. */
import type { CommitLayers, ConflictRow, MemberRow, MemberStatus, TableDescription } from '../../../client/index.ts';
import {
  causeTable,
  conflictTable,
  distanceTable,
  hotRowTable,
  pairTable,
  timeOf,
} from '../conflicts/conflict-tables.ts';
import type { ConflictCounts } from '../conflicts/conflict-tally.ts';
import { cellText } from '../display/cell-text.ts';
import type { TableRow } from '../display/table-layout.ts';
import { layersText } from '../layers-text.ts';
import type { MemberLabel } from '../member-label.ts';
import { valueJson } from '../value-json.ts';
import type { Statement } from './parse-statement.ts';

export type Presented =
  | { readonly kind: 'table'; readonly rows: readonly TableRow[]; readonly title?: string; readonly noun?: string }
  | { readonly kind: 'line'; readonly text: string };

export interface KnownMembers {
  readonly label: MemberLabel;
  readonly members: readonly MemberStatus[];
}

export function presentResult(
  { name: op, arguments: args }: Pick<Statement, 'name' | 'arguments'>,
  value: unknown,
  context: KnownMembers & { readonly isInTransaction: boolean },
): readonly Presented[] {
  const { label } = context;
  switch (op) {
    case 'get':
      return [table(value === null ? [] : [value])];
    case 'getMany':
      return [table((value as readonly unknown[]).map((row) => row ?? {}))];
    case 'count':
      return [line(cellText((value as { count: unknown }).count))];
    case 'insert':
    case 'put':
    case 'update':
    case 'delete':
    case 'increment':
    case 'commit':
      return [line(doneText(value as Done, context.isInTransaction))];
    case 'begin':
      return [line('transaction open')];
    case 'rollback':
      return [line('rolled back')];
    case 'savepoint':
      return [line('savepoint set')];
    case 'rollbackTo':
      return [line('rolled back to the savepoint')];
    case 'transact':
      return transacted(value as Done & { results: readonly unknown[] }, args.steps);
    case 'createTable':
    case 'alterTable':
    case 'dropTable':
    case 'truncateTable':
      return [line('done')];
    case 'tables':
      return [table((value as readonly TableDescription[]).map(tableRow), { noun: 'table' })];
    case 'describe':
      return described(value as TableDescription);
    case 'members':
      return [
        table(
          (value as readonly MemberRow[]).map((row) => memberRow(row, context.members)),
          { noun: 'member' },
        ),
      ];
    case 'memberStats':
      return [table(figuresOf(value as readonly MemberFigures[], label), { noun: 'figure' })];
    case 'variables':
      return [table(value as readonly TableRow[], { noun: 'variable' })];
    case 'setVariable': {
      const { sequenceNumber, changed } = value as { sequenceNumber: number; changed: boolean };
      return [line(changed ? `effective from ${sequenceNumber} on` : 'it was so already')];
    }
    case 'conflicts':
      return [table(conflictTable(value as readonly ConflictRow[], label), { noun: 'conflict' })];
    case 'conflictSummary': {
      const { hotRows, pairs, causes, distances } = value as ConflictCounts;
      return [
        table(hotRowTable(hotRows), { title: 'hot rows' }),
        table(pairTable(pairs, label), { title: 'who lost to whom', noun: 'pair' }),
        table(causeTable(causes), { title: 'why', noun: 'cause' }),
        table(distanceTable(distances), { title: 'how late' }),
      ];
    }
    case 'ping':
      return [line(timeOf(String((value as { time: unknown }).time)))];
    default:
      return [anything(value)];
  }
}

interface Done {
  readonly sequenceNumber?: number | null;
  readonly matched?: number;
  readonly attempts?: number;
  readonly generated?: TableRow;
  readonly layers?: CommitLayers;
  readonly increments?: readonly { readonly table: string; readonly key: unknown; column: string; value: unknown }[];
}

function doneText(done: Done, isInTransaction: boolean): string {
  const { sequenceNumber, matched, attempts, generated, layers, increments = [] } = done;
  const parts: string[] = [];
  if (matched !== undefined) parts.push(`${matched} ${matched === 1 ? 'row' : 'rows'} matched`);
  if (generated != null) parts.push(`generated ${valueJson(generated)}`);
  if (isInTransaction) parts.push('in the open transaction');
  else if (sequenceNumber == null) parts.push('nothing was written');
  else parts.push(`committed as ${sequenceNumber}`);
  for (const { table: name, key, column, value } of increments) {
    parts.push(`${name} ${valueJson(key)} ${column} is ${cellText(value)}`);
  }
  if (attempts !== undefined && attempts > 1) parts.push(`at attempt ${attempts}`);
  if (layers !== undefined) parts.push(layersText(layers));
  return parts.join(', ');
}

function transacted(value: Done & { results: readonly unknown[] }, steps: unknown): readonly Presented[] {
  const ops = Array.isArray(steps) ? steps.map((step) => (step as { op?: unknown } | null)?.op) : [];
  const rows = value.results.map((result, i) => ({ step: i, op: ops[i], result }));
  return [table(rows, { noun: 'step' }), line(doneText(value, false))];
}

function tableRow({ table: name, primaryKey, columns }: TableDescription): TableRow {
  return {
    table: name,
    'primary key': primaryKey.join(', '),
    columns: columns === null ? 'free-form' : Object.keys(columns).join(', '),
  };
}

function described(description: TableDescription): readonly Presented[] {
  const { indexes = [], foreignKeys = [], referencedBy = [] } = description;
  const stateOf = ({ state, building }: { state: string; building?: { rows: number } }): string =>
    building === undefined ? state : `${state}, ${building.rows} rows`;
  const indexRows = indexes.map((index) => ({
    index: index.name,
    columns: index.columns.join(', '),
    unique: index.unique,
    state: stateOf(index),
  }));
  const keyRows = foreignKeys.map((key) => ({
    'foreign key': key.name,
    columns: key.columns.join(', '),
    references: `${key.references.table} (${key.references.columns.join(', ')})`,
    'on delete': key.onDelete,
    state: stateOf(key),
  }));
  const referring = referencedBy.map((each) => ({ 'referred to by': each.table, 'foreign key': each.foreignKey }));
  const shown = [...describedColumns(description)];
  if (indexRows.length > 0) shown.push(table(indexRows, { noun: 'index' }));
  if (keyRows.length > 0) shown.push(table(keyRows, { noun: 'foreign key' }));
  if (referring.length > 0) shown.push(table(referring, { noun: 'reference' }));
  return shown;
}

function describedColumns({ table: name, primaryKey, columns }: TableDescription): readonly Presented[] {
  const keyPlace = (column: string) => {
    const place = primaryKey.indexOf(column);
    return place < 0 ? undefined : place + 1;
  };
  if (columns === null) {
    const rows = primaryKey.map((column) => ({ column, key: keyPlace(column) }));
    return [table(rows, { title: `${name}: free-form beside its key`, noun: 'key column' })];
  }
  const rows = Object.entries(columns).map(([column, { type, nullable, default: byDefault }]) => ({
    column,
    type,
    key: keyPlace(column),
    nullable: nullable ?? false,
    default: byDefault,
  }));
  return [table(rows, { title: name, noun: 'column' })];
}

function memberRow({ host, port, ...row }: MemberRow, members: readonly MemberStatus[]): TableRow {
  const place = members.findIndex(({ memberId }) => memberId === row.memberId);
  return {
    use: place < 0 ? undefined : place + 1,
    address: `${host}:${port}`,
    state: row.state,
    role: row.role,
    version: row.version,
    memberId: row.memberId,
  };
}

type MemberFigures = TableRow & { readonly memberId: string };

/** A line for each figure, a column for each member: there are many of those, and few of these. */
function figuresOf(stats: readonly MemberFigures[], label: MemberLabel): readonly TableRow[] {
  const members = stats.map(({ memberId, ...figures }) => ({ label: label(memberId), figures: flat(figures) }));
  const names = new Set(members.flatMap(({ figures }) => Object.keys(figures)));
  return [...names].map((figure) => {
    const cells = members.map(({ label, figures }) => [label, shortGtid(figures[figure])]);
    return Object.fromEntries([['figure', figure], ...cells]);
  });
}

/** The group is the same for all. */
function shortGtid(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/^[0-9a-f-]{36}:/, '…:') : value;
}

/** Objects in a row as columns of their own: `commitLatencyMs.p99`. */
function flat(row: TableRow): TableRow {
  const columns = Object.entries(row).flatMap(([column, value]) => {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? Object.entries(value).map(([part, inner]) => [`${column}.${part}`, inner]) : [[column, value]];
  });
  return Object.fromEntries(columns);
}

function anything(value: unknown): Presented {
  if (Array.isArray(value) && value.every(isObject)) return table(value);
  if (isObject(value) && Object.keys(value).length > 0) return table([value]);
  return line(isObject(value) ? 'done' : cellText(value));
}

function isObject(value: unknown): value is TableRow {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function table(rows: readonly unknown[], more: { readonly title?: string; readonly noun?: string } = {}): Presented {
  return { kind: 'table', rows: rows as readonly TableRow[], ...more };
}

function line(text: string): Presented {
  return { kind: 'line', text };
}
