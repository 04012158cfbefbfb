/**
 * Brings batches to the group, several at a time, each as one `transact` of puts, until it is acknowledged.
 *
 * A batch whose outcome is unknown is sent again. That is right because it is nothing but puts of whole rows: done twice
 * it leaves what it leaves when done once. The one who can notice is another client that wrote one of these rows in
 * between: the import's row comes last then. So it may without any retry, which is why help says that the last writer wins.
 *
 * A batch that is refused is narrowed down to the rows at fault: by the step that the member names, or by halves.
 */
import type { ConcertError, Step } from '../../../client/index.ts';
import { failed } from '../cli-error.ts';
import type { Batch, BatchRow } from './batches.ts';
import type { DoneBatch } from './done-prefix.ts';

export interface SenderSetup {
  readonly table: string;
  /** Batches under way at once. */
  readonly concurrency: number;
  /** How long no batch may be acknowledged before the import gives up. */
  readonly patienceMs: number;
  /** Writes as one transaction, and says how many conflicts the member met. Tells what it repeats itself. @throws ConcertError */
  readonly transact: (
    steps: readonly Step[],
    repeated: (error: ConcertError) => void,
  ) => Promise<{ conflicts: number }>;
  /** Whether an error is one of the group's; others end the import as they are. */
  readonly isRefusal: (error: unknown) => error is ConcertError;
  /** A member does not take this row: true to pass it by and go on. */
  readonly refused: (row: BatchRow, error: ConcertError) => boolean;
  readonly done: (batch: Batch, outcome: DoneBatch) => void;
  readonly clock: SenderClock;
}

export interface SenderClock {
  nowMs(): number;
  wait(ms: number): Promise<void>;
  /** From 0 to below 1. */
  chance(): number;
}

export interface SenderCounters {
  readonly batches: number;
  readonly rows: number;
  readonly conflicts: number;
  /** Sent again for another reason than a conflict. */
  readonly retries: number;
}

const WAIT_MS = 20;
const WAIT_MS_MAX = 1_000;

export class Sender {
  readonly #setup: SenderSetup;
  readonly #underWay = new Set<Promise<void>>();
  readonly #counters = { batches: 0, rows: 0, conflicts: 0, retries: 0 };
  #lastDoneMs: number;
  #failure: { readonly error: unknown } | null = null;
  #isStopped = false;

  constructor(setup: SenderSetup) {
    this.#setup = setup;
    this.#lastDoneMs = setup.clock.nowMs();
  }

  get counters(): SenderCounters {
    return this.#counters;
  }

  /** Returns once the batch is on its way. Rejects with what went wrong with this one or an earlier one. */
  async send(batch: Batch): Promise<void> {
    while (this.#underWay.size >= this.#setup.concurrency && this.#failure === null) await Promise.race(this.#underWay);
    this.#throwFailure();
    const sent = this.#deliver(batch).then(
      () => {
        this.#underWay.delete(sent);
      },
      (error) => {
        this.#underWay.delete(sent);
        this.#failure ??= { error };
      },
    );
    this.#underWay.add(sent);
  }

  /** Until nothing is under way. Rejects with what went wrong. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    this.#throwFailure();
  }

  /** What is under way may be acknowledged; nothing is sent again. */
  stop(): void {
    this.#isStopped = true;
  }

  async #deliver(batch: Batch): Promise<void> {
    const { written, bad, badRow } = await this.#write(batch.rows);
    const badRows = batch.badRows + bad;
    if (badRow === null) return this.#setup.done(batch, { end: batch.end, rows: written, badRows });
    throw new RowRefused(badRow.row, badRow.error);
  }

  async #write(rows: readonly BatchRow[]): Promise<Written> {
    for (let attempt = 1; rows.length > 0; attempt++) {
      try {
        await this.#transact(rows);
        return { written: rows.length, bad: 0, badRow: null };
      } catch (error) {
        if (!this.#setup.isRefusal(error)) throw error;
        const fault = faultOf(error, rows.length);
        if (fault.kind === 'fatal' || (fault.kind === 'passing' && this.#isStopped)) throw error;
        if (fault.kind === 'passing') await this.#waitFor(attempt, error);
        else if (fault.kind === 'some-row') return this.#inHalves(rows);
        else return this.#without(rows, fault.step, error);
      }
    }
    return { written: 0, bad: 0, badRow: null };
  }

  async #transact(rows: readonly BatchRow[]): Promise<void> {
    const { table, transact, clock } = this.#setup;
    const steps = rows.map(({ row }) => ({ op: 'put', table, row }));
    const { conflicts } = await transact(steps, (error) => this.#count(error));
    this.#counters.conflicts += conflicts;
    this.#lastDoneMs = clock.nowMs();
    this.#counters.batches++;
    this.#counters.rows += rows.length;
  }

  async #inHalves(rows: readonly BatchRow[]): Promise<Written> {
    const middle = rows.length >> 1;
    const first = await this.#write(rows.slice(0, middle));
    if (first.badRow !== null) return first;
    return sum(first, await this.#write(rows.slice(middle)));
  }

  async #without(rows: readonly BatchRow[], step: number, error: ConcertError): Promise<Written> {
    const row = rows[step]!;
    if (!this.#setup.refused(row, error)) return { written: 0, bad: 0, badRow: { row, error } };
    return sum({ written: 0, bad: 1, badRow: null }, await this.#write(rows.toSpliced(step, 1)));
  }

  async #waitFor(attempt: number, error: ConcertError): Promise<void> {
    const { clock, patienceMs } = this.#setup;
    this.#count(error);
    const patientMs = clock.nowMs() - this.#lastDoneMs;
    if (patientMs > patienceMs) {
      const seconds = Math.round(patientMs / 1000);
      throw failed(`no member has taken rows for ${seconds} seconds: ${error.code}: ${error.message}`, error);
    }
    await clock.wait((0.5 + clock.chance() / 2) * Math.min(WAIT_MS * 2 ** (attempt - 1), WAIT_MS_MAX));
  }

  #count({ code }: ConcertError): void {
    if (code === 'CERTIFICATION_CONFLICT' || code === 'SNAPSHOT_TOO_OLD') this.#counters.conflicts++;
    else this.#counters.retries++;
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }
}

/** A member does not take a row, and the import is to stop at such. Nothing of its batch is written. */
export class RowRefused extends Error {
  override readonly name = 'RowRefused';
  readonly row: BatchRow;
  readonly error: ConcertError;

  constructor(row: BatchRow, error: ConcertError) {
    super(error.message, { cause: error });
    this.row = row;
    this.error = error;
  }
}

interface Written {
  readonly written: number;
  readonly bad: number;
  /** The rows from this one on are not written. */
  readonly badRow: { readonly row: BatchRow; readonly error: ConcertError } | null;
}

function sum(first: Written, second: Written): Written {
  return { written: first.written + second.written, bad: first.bad + second.bad, badRow: second.badRow };
}

type Fault =
  | { readonly kind: 'passing' }
  | { readonly kind: 'row'; readonly step: number }
  | { readonly kind: 'some-row' }
  | { readonly kind: 'fatal' };

/** Classes of SQLSTATE that are about data: what can be narrowed down to a row. */
const ABOUT_DATA = /^(?:22|23|54|42S22)/;
const PASSING = new Set(['CONNECTION_FAILED', 'CONNECTION_LOST', 'UNKNOWN_OUTCOME', 'TIMEOUT', 'OVERLOADED']);

function faultOf({ code, sqlState, retry, facts }: ConcertError, rows: number): Fault {
  if (retry !== 'no' || PASSING.has(code)) return { kind: 'passing' };
  const isTooMuch = code === 'TRANSACTION_TOO_LARGE' || code === 'REQUEST_TOO_LARGE';
  if (!isTooMuch && !ABOUT_DATA.test(sqlState)) return { kind: 'fatal' };
  if (rows === 1) return { kind: 'row', step: 0 };
  const { step } = facts;
  if (!isTooMuch && typeof step === 'number' && step >= 0 && step < rows) return { kind: 'row', step };
  return { kind: 'some-row' };
}
