/**
 * Makes transactions of the requests of a history: a `transact`, a statement on its own, or all that shares a `tx` in one
 * process. One whose commit nobody asked for has failed. An answer to an idempotency key tells of the first run with it.
 */
import type { Isolation } from '../../../checker/index.ts';
import type { History, Operation } from '../../../harness/history/read-history.ts';
import { NotCheckable } from './not-checkable.ts';

export interface RecordedStatement {
  readonly op: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Undefined: not known. */
  readonly result: unknown;
  /** Of the file, from 1. */
  readonly line: number;
}

export interface RecordedTransaction {
  readonly process: number;
  readonly member: string | null;
  readonly outcome: 'ok' | 'fail' | 'info';
  /** Places in the history; a transaction that reads the past as such has no place in time: from the beginning to ever. */
  readonly invokedAt: number;
  readonly completedAt: number;
  readonly invokedUs: number;
  readonly completedUs: number | null;
  readonly sequenceNumber: number | null;
  readonly isolation: Isolation;
  readonly statements: readonly RecordedStatement[];
  readonly firstLine: number;
  readonly lastLine: number;
}

type Facts = Readonly<Record<string, unknown>>;

const READS: readonly string[] = ['get', 'getMany', 'scan', 'count'];
const WRITES: readonly string[] = ['insert', 'put', 'update', 'delete', 'increment'];
const STATEMENTS = new Set([...READS, ...WRITES]);
const ISOLATIONS: Readonly<Record<string, Isolation>> = {
  'READ COMMITTED': 'read committed',
  SERIALIZABLE: 'serializable',
};
/** The header is the first line. */
const lineOf = (index: number) => index + 2;

/** @throws NotCheckable */
export function recordedTransactions({ operations }: History): readonly RecordedTransaction[] {
  const runs: Run[] = [];
  const open = new Map<string, Run>();
  const keys = new IdempotencyKeys();
  for (const operation of operations) {
    const { op, process, arguments: args, invokedIndex } = operation;
    if (typeof args !== 'object' || args === null)
      throw new NotCheckable(`${op} has no arguments`, lineOf(invokedIndex));
    if (op === 'outcome') {
      keys.asked(operation);
      continue;
    }
    const name = args.tx === undefined ? null : `${process} ${args.tx}`;
    if (name === null) {
      if (op !== 'transact' && !STATEMENTS.has(op)) continue;
      const run = new Run(operation);
      run.executeAlone(operation);
      if (keys.isFirst(run)) runs.push(run);
      continue;
    }
    let run = op === 'begin' ? undefined : open.get(name);
    if (run === undefined) {
      if (op === 'commit' || op === 'rollback') continue;
      run = new Run(operation);
      open.set(name, run);
      runs.push(run);
    }
    if (op === 'commit' || op === 'rollback') {
      open.delete(name);
      if (op === 'commit') run.commit(operation);
      if (!keys.isFirst(run)) run.outcome = 'fail';
    } else run.execute(operation);
  }
  keys.settle();
  return runs.filter(({ statements }) => statements.length > 0).map((run) => run.recorded());
}

class Run {
  outcome: 'ok' | 'fail' | 'info' = 'fail';
  statements: RecordedStatement[] = [];
  /** Of the commit, or all in one. */
  answer: Facts | null = null;
  readonly idempotencyKey: string | null;
  sequenceNumber: number | null = null;
  /** When it ended is not known: it was another answer that told its outcome. */
  isToldByAnother = false;
  #savepoints: { readonly name: unknown; readonly length: number }[] = [];
  readonly #begin: Operation;
  /** The snapshot is fixed by it. */
  #first: Operation | null = null;
  #last: Operation;
  readonly #readsPast: boolean;

  constructor(begin: Operation) {
    this.#begin = begin;
    this.#last = begin;
    const { idempotencyKey, asOf } = begin.arguments;
    this.idempotencyKey = typeof idempotencyKey === 'string' ? idempotencyKey : null;
    this.#readsPast = asOf !== undefined && asOf !== null;
  }

  /** A `transact`, or a statement that is a transaction. */
  executeAlone(operation: Operation): void {
    this.#first = operation;
    this.commit(operation);
    const { op, arguments: args, result, invokedIndex } = operation;
    const line = lineOf(invokedIndex);
    if (op !== 'transact') {
      this.statements.push({ op, arguments: args, result: this.outcome === 'ok' ? result : undefined, line });
      return;
    }
    const steps = Array.isArray(args.steps) ? (args.steps as readonly Facts[]) : [];
    const results = (result as { readonly results?: readonly unknown[] } | null | undefined)?.results;
    for (const [place, { op: step, ...rest }] of steps.map((one) => one ?? {}).entries()) {
      if (STATEMENTS.has(step as string)) {
        this.statements.push({ op: step as string, arguments: rest, result: results?.[place], line });
      }
    }
  }

  execute(operation: Operation): void {
    const { op, arguments: args, outcome, result, invokedIndex } = operation;
    this.#last = operation;
    if (op === 'savepoint') this.#savepoints.push({ name: args.name, length: this.statements.length });
    if (op === 'rollbackTo' && outcome === 'ok') this.#rollBackTo(args.name);
    // What was refused did nothing, and nothing was read.
    if (!STATEMENTS.has(op) || outcome === 'fail') return;
    this.#first ??= operation;
    this.statements.push({
      op,
      arguments: args,
      result: outcome === 'ok' ? result : undefined,
      line: lineOf(invokedIndex),
    });
  }

  commit(operation: Operation): void {
    const { outcome, result, error } = operation;
    this.#last = operation;
    this.outcome = outcome;
    this.answer = (result ?? error ?? null) as Facts | null;
    this.sequenceNumber = outcome === 'ok' ? sequenceNumberOf(this.answer) : null;
  }

  recorded(): RecordedTransaction {
    const { outcome, sequenceNumber, statements } = this;
    const first = this.#first ?? this.#begin;
    const { completedIndex, completedUs } = this.#last;
    const lastLine = lineOf(completedIndex ?? this.#last.invokedIndex);
    const hasNoEnd = completedIndex === null || this.#readsPast || this.isToldByAnother;
    return {
      process: this.#begin.process,
      member: this.#begin.member,
      outcome,
      invokedAt: this.#readsPast ? -1 : first.invokedIndex,
      completedAt: hasNoEnd ? Number.POSITIVE_INFINITY : completedIndex,
      invokedUs: first.invokedUs,
      completedUs,
      sequenceNumber,
      isolation: ISOLATIONS[String(this.#begin.arguments.isolation)] ?? 'snapshot isolation',
      statements,
      firstLine: lineOf(this.#begin.invokedIndex),
      lastLine,
    };
  }

  /** What was read before stays read, but for what was read of the rows that are as before again. */
  #rollBackTo(name: unknown): void {
    const at = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    if (at === -1) return;
    const { length } = this.#savepoints[at]!;
    this.#savepoints.length = at + 1;
    const undone = this.statements.slice(length);
    const writtenTables = new Set(
      undone.filter(({ op }) => WRITES.includes(op)).map(({ arguments: args }) => args.table),
    );
    const kept = undone.filter(({ op, arguments: args }) => READS.includes(op) && !writtenTables.has(args.table));
    this.statements = [...this.statements.slice(0, length), ...kept];
  }
}

/** What answers tell of runs whose own answers were lost. */
class IdempotencyKeys {
  readonly #firstRuns = new Map<string, Run>();
  readonly #found = new Map<string, { readonly hasCommitted: boolean; readonly sequenceNumber: number | null }>();

  asked({ outcome, arguments: { idempotencyKey }, result }: Operation): void {
    if (outcome !== 'ok' || typeof idempotencyKey !== 'string') return;
    const answer = result as Facts | null;
    if (answer?.state === 'fenced') this.#found.set(idempotencyKey, { hasCommitted: false, sequenceNumber: null });
    else if (answer?.state === undefined) this.#tell(idempotencyKey, answer);
  }

  /** False: it did nothing of its own, but repeated what an earlier run had done. */
  isFirst(run: Run): boolean {
    const { idempotencyKey, answer, outcome } = run;
    if (idempotencyKey === null) return true;
    const first = this.#firstRuns.get(idempotencyKey);
    if (outcome === 'ok' && answer?.replayed === true && first !== undefined) {
      this.#tell(idempotencyKey, answer);
      return false;
    }
    if (outcome !== 'fail' && first === undefined) this.#firstRuns.set(idempotencyKey, run);
    return true;
  }

  settle(): void {
    for (const [key, run] of this.#firstRuns) {
      const found = this.#found.get(key);
      if (found === undefined || run.outcome !== 'info') continue;
      run.isToldByAnother = true;
      run.outcome = found.hasCommitted ? 'ok' : 'fail';
      run.sequenceNumber = found.sequenceNumber;
    }
  }

  #tell(key: string, answer: Facts | null): void {
    this.#found.set(key, { hasCommitted: true, sequenceNumber: sequenceNumberOf(answer) });
  }
}

/** Null: nothing was written, or it is not said. */
function sequenceNumberOf(answer: Facts | null): number | null {
  if (answer === null || answer.gtid === null) return null;
  const said = answer.sequenceNumber ?? (typeof answer.gtid === 'string' ? answer.gtid.split(':').at(-1) : undefined);
  const number = said === undefined || said === null ? Number.NaN : Number(said);
  return Number.isSafeInteger(number) ? number : null;
}
