/** Looks over all requests of a history for what its columns are. */
import type { History } from '../../../harness/history/read-history.ts';
import type { ColumnName } from './command.ts';
import { appendedTo, comparable, KnownRows } from './known-rows.ts';
import type { RecordedTransaction } from './recorded-transactions.ts';
import { type Effect, effectsOf } from './statement-effects.ts';

/** Why a column is not of a kind, and the first line that shows it. */
export interface Objection {
  readonly why: string;
  readonly line: number;
}

export interface ColumnFacts extends ColumnName {
  /** Arrays with something in them that were written. */
  arrays: number;
  /** Of the writes of whole rows, those that have it. */
  inWholeRows: number;
  notList: Objection | null;
  notRegister: Objection | null;
  /** What was written, by row, but for what failed. */
  readonly written: Map<string, number>;
}

export interface TableFacts {
  readonly primaryKey: readonly string[];
  readonly columns: Map<string, ColumnFacts>;
  /** To columns, also those that are seen only later; null: to all. */
  readonly objections: { readonly columns: readonly string[] | null; readonly objection: Objection }[];
  /** To their being lists. */
  deleted: Objection | null;
  wholeRows: number;
  /** Times that all of it was read at once. */
  readings: number;
}

export interface Survey {
  readonly tables: ReadonlyMap<string, TableFacts>;
  primaryKeyOf(table: string): readonly string[];
}

const USUAL_PRIMARY_KEY = ['id'];
const EMPTYING = new Set(['dropTable', 'truncateTable']);

/** @throws NotCheckable */
export function survey(
  history: History,
  transactions: readonly RecordedTransaction[],
  saidKeys: readonly ColumnName[],
): Survey {
  const primaryKeyOf = primaryKeys(history, saidKeys);
  const tables = new Map<string, TableFacts>();
  const tableOf = (name: string): TableFacts => {
    let table = tables.get(name);
    if (table === undefined) {
      table = {
        primaryKey: primaryKeyOf(name),
        columns: new Map(),
        objections: [],
        deleted: null,
        wholeRows: 0,
        readings: 0,
      };
      tables.set(name, table);
    }
    return table;
  };
  for (const { statements, outcome } of transactions) {
    const known = new Map<string, KnownRows>();
    for (const statement of statements) {
      const name = String(statement.arguments.table);
      const rows = known.get(name) ?? new KnownRows();
      known.set(name, rows);
      for (const effect of effectsOf(statement, primaryKeyOf(name))) {
        lookAt({ table: tableOf(name), name, effect, rows, line: statement.line, hasFailed: outcome === 'fail' });
        rows.take(effect);
      }
    }
  }
  for (const { op, outcome, arguments: args, invokedIndex } of history.operations) {
    const table = EMPTYING.has(op) && outcome !== 'fail' ? tables.get(String(args.table)) : undefined;
    const objection = { why: `the table is emptied by ${op}`, line: invokedIndex + 2 };
    table?.objections.push({ columns: null, objection });
  }
  for (const table of tables.values()) applyObjections(table);
  return { tables, primaryKeyOf };
}

function primaryKeys(history: History, said: readonly ColumnName[]): (table: string) => readonly string[] {
  const keys = new Map<string, readonly string[]>();
  for (const { op, arguments: args } of history.operations) {
    if (op !== 'createTable' || !Array.isArray(args.primaryKey)) continue;
    keys.set(String(args.table), args.primaryKey as readonly string[]);
  }
  const saidTables = new Set(said.map(({ table }) => table));
  for (const table of saidTables) {
    keys.set(
      table,
      said.filter((one) => one.table === table).map(({ column }) => column),
    );
  }
  return (table) => keys.get(table) ?? USUAL_PRIMARY_KEY;
}

interface Look {
  readonly table: TableFacts;
  readonly name: string;
  readonly effect: Effect;
  /** What its transaction knew before. */
  readonly rows: KnownRows;
  readonly line: number;
  readonly hasFailed: boolean;
}

function lookAt({ table, name, effect, rows, line, hasFailed }: Look): void {
  if (effect.kind === 'read-all') table.readings++;
  else if (effect.kind === 'unclear' && !hasFailed) {
    table.objections.push({ columns: effect.columns, objection: { why: effect.why, line } });
  } else if (effect.kind === 'delete' && !hasFailed) table.deleted ??= { why: 'its rows are deleted', line };
  else if (effect.kind === 'write') {
    if (effect.isWhole) table.wholeRows++;
    for (const [column, value] of Object.entries(effect.row)) {
      if (table.primaryKey.includes(column)) continue;
      const facts = columnOf(table, name, column);
      if (effect.isWhole) facts.inWholeRows++;
      if (Array.isArray(value) && value.length > 0) facts.arrays++;
      if (hasFailed) continue;
      const known = effect.isNew ? null : rows.valueOf(effect.key, column);
      if (appendedTo(known, value) === null) {
        const why = `it is set to ${shortened(value)}, which is not what its transaction read before, and more behind it`;
        facts.notList ??= { why, line };
      }
      lookForSecond(facts, effect.key, value, line);
    }
  }
}

function lookForSecond(facts: ColumnFacts, key: string, value: unknown, line: number): void {
  if (value === null || facts.notRegister !== null) return;
  const written = `${key} ${JSON.stringify(comparable(value))}`;
  const before = facts.written.get(written);
  if (before === undefined) facts.written.set(written, line);
  else {
    const why = `${shortened(value)} is written to row ${key} a second time, after line ${before}: a read cannot tell which it saw`;
    facts.notRegister = { why, line };
    facts.written.clear();
  }
}

function columnOf(table: TableFacts, name: string, column: string): ColumnFacts {
  let facts = table.columns.get(column);
  if (facts === undefined) {
    facts = {
      table: name,
      column,
      arrays: 0,
      inWholeRows: 0,
      notList: null,
      notRegister: null,
      written: new Map(),
    };
    table.columns.set(column, facts);
  }
  return facts;
}

function applyObjections({ columns: all, objections, deleted }: TableFacts): void {
  for (const facts of all.values()) {
    facts.notList ??= deleted;
    for (const { columns, objection } of objections) {
      if (columns !== null && !columns.includes(facts.column)) continue;
      facts.notList ??= objection;
      facts.notRegister ??= objection;
    }
  }
}

function shortened(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 30)}…${text.slice(-25)}` : text;
}
