/** What the checker is given: of each recorded transaction, what it did to the columns that are checked. */
import type { HistoryTransaction, Operation, Value } from '../../../checker/index.ts';
import { type ChosenColumns, nameOf } from './choose-columns.ts';
import type { ColumnName } from './command.ts';
import { appendedTo, comparable, KnownRows } from './known-rows.ts';
import { NotCheckable } from './not-checkable.ts';
import type { RecordedTransaction } from './recorded-transactions.ts';
import { type Effect, effectsOf, type Row } from './statement-effects.ts';
import type { Survey } from './survey.ts';

export interface TransactionsToCheck {
  /** Those that did anything to what is checked. */
  readonly history: readonly HistoryTransaction[];
  /** At the same places. */
  readonly recorded: readonly RecordedTransaction[];
}

interface ColumnsOfTable {
  readonly lists: readonly string[];
  readonly registers: readonly string[];
  readonly banks: readonly string[];
}

/** @throws NotCheckable */
export function transactionsToCheck(
  transactions: readonly RecordedTransaction[],
  chosen: ChosenColumns,
  { primaryKeyOf }: Pick<Survey, 'primaryKeyOf'>,
): TransactionsToCheck {
  const tables = columnsByTable(chosen);
  const history: HistoryTransaction[] = [];
  const recorded: RecordedTransaction[] = [];
  for (const transaction of transactions) {
    const { process, invokedAt, completedAt, outcome, sequenceNumber, isolation, statements } = transaction;
    const operations: Operation[] = [];
    const known = new Map<string, KnownRows>();
    const written = new Set<string>();
    for (const statement of statements) {
      const table = String(statement.arguments.table);
      const columns = tables.get(table);
      if (columns === undefined) continue;
      const rows = known.get(table) ?? new KnownRows();
      known.set(table, rows);
      for (const effect of effectsOf(statement, primaryKeyOf(table))) {
        const isWritten = written.has(table);
        operations.push(...operationsOf({ table, columns, effect, rows, isWritten, line: statement.line, outcome }));
        rows.take(effect);
        if (effect.kind === 'write' || effect.kind === 'delete') written.add(table);
      }
    }
    if (operations.length === 0) continue;
    history.push({ process, invokedAt, completedAt, outcome, sequenceNumber, operations, isolation });
    recorded.push(transaction);
  }
  return { history, recorded };
}

function columnsByTable({ lists, registers, banks }: ChosenColumns): ReadonlyMap<string, ColumnsOfTable> {
  const tables = new Set([...lists, ...registers, ...banks].map(({ table }) => table));
  const of = (names: readonly ColumnName[], table: string) =>
    names.filter((name) => name.table === table).map(({ column }) => column);
  return new Map(
    [...tables].map((table) => [
      table,
      { lists: of(lists, table), registers: of(registers, table), banks: of(banks, table) },
    ]),
  );
}

interface EffectToTranslate {
  readonly table: string;
  readonly columns: ColumnsOfTable;
  readonly effect: Effect;
  /** What its transaction knew before. */
  readonly rows: KnownRows;
  /** Its transaction wrote to the table before. */
  readonly isWritten: boolean;
  readonly line: number;
  readonly outcome: RecordedTransaction['outcome'];
}

function operationsOf(translated: EffectToTranslate): readonly Operation[] {
  const { table, columns, effect, rows, isWritten, line, outcome } = translated;
  if (effect.kind === 'unclear') return [];
  if (effect.kind === 'read-all') {
    // Halfway through a transfer of its own the total is another.
    if (isWritten) return [];
    return columns.banks
      .filter((column) => effect.columns === null || effect.columns.includes(column))
      .map((column) => ({
        op: 'read-total',
        key: nameOf({ table, column }),
        total: totalOf(effect.rows, column, table, line),
      }));
  }
  const { key } = effect;
  const cell = (column: string) => `${table}[${key}].${column}`;
  const operations: Operation[] = [];
  if (effect.kind === 'delete') {
    for (const column of columns.registers) operations.push({ op: 'write', key: cell(column), value: null });
  } else if (effect.kind === 'read') {
    const isRead = (column: string) => effect.columns === null || effect.columns.includes(column);
    for (const column of columns.lists.filter(isRead)) {
      const values = valuesOf(effect.row?.[column], `${table}.${column}`, line);
      operations.push({ op: 'read-list', key: cell(column), values });
    }
    for (const column of columns.registers.filter(isRead)) {
      operations.push({ op: 'read', key: cell(column), value: valueOrNothing(effect.row?.[column]) });
    }
  } else {
    const { row, isWhole, isNew } = effect;
    const isSet = (column: string) => isWhole || column in row;
    for (const column of columns.lists.filter(isSet)) {
      const known = isNew ? null : rows.valueOf(key, column);
      const appended = appendedTo(known, row[column]) ?? lastAlone(row[column], outcome);
      for (const value of appended) operations.push({ op: 'append', key: cell(column), value });
    }
    for (const column of columns.registers.filter(isSet)) {
      operations.push({ op: 'write', key: cell(column), value: valueOrNothing(row[column]) });
    }
  }
  return operations;
}

/** Of what failed nobody knows what it built upon; that nobody may see it, is known. */
function lastAlone(value: unknown, outcome: RecordedTransaction['outcome']): readonly Value[] {
  if (outcome !== 'fail' || !Array.isArray(value) || value.length === 0) return [];
  return [comparable(value.at(-1))];
}

function valueOrNothing(value: unknown): Value | null {
  return value === undefined || value === null ? null : comparable(value);
}

function valuesOf(value: unknown, name: string, line: number): readonly Value[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map(comparable);
  throw new NotCheckable(`${name} is no list: ${JSON.stringify(value).slice(0, 60)} is read`, line);
}

function totalOf(rows: readonly Row[], column: string, table: string, line: number): number {
  let total = 0;
  for (const row of rows) {
    const value = Number(row[column]);
    if (!Number.isSafeInteger(value)) {
      const shown = JSON.stringify(row[column])?.slice(0, 60) ?? 'nothing';
      throw new NotCheckable(`${table}.${column} cannot be added up: ${shown} is read, and no whole number`, line);
    }
    total += value;
  }
  return total;
}
