/** A transaction that its client began and named. Its requests are executed in the order in which they came. */
import {
  type ErrorAnswer,
  endedByOperator,
  type RequestError,
  snapshotTooOld,
  timeout,
  transactionAborted,
} from '../errors.ts';
import type { FirstOutcome } from '../idempotency/key-record.ts';
import type { LockEvents } from '../locks/row-locks.ts';
import type { OrderedTimes } from '../replica.ts';
import type { Message } from '../statements/statement.ts';
import { Transaction } from '../transaction.ts';
import type { BeginOptions } from './begin-arguments.ts';
import type { Deadline } from './deadlines.ts';
import { type Listed, transactionIdOf } from './open-transactions.ts';
import type { RowWait } from './row-wait.ts';
import type { EngineContext, RequestId } from './session.ts';
import { shownName } from './shown-name.ts';
import type { Ended } from './slow-transactions.ts';

/** A request of a transaction whose `begin` still waits. */
export interface QueuedRequest {
  readonly id: RequestId;
  readonly op: string;
  readonly message: Message;
}

export class OpenTransaction implements LockEvents, Listed {
  readonly name: string;
  readonly transaction: Transaction;
  readonly options: BeginOptions;
  /** Monotonic; what the client asked for, or the age at which any transaction is ended. */
  readonly deadlineMs: number;
  readonly startedMs: number;
  readonly engine: EngineContext;
  /** What is to be executed once `begin`, or a statement, has got what it waits for; null when it has. */
  queue: QueuedRequest[] | null = null;
  /** Its `begin` waits: gives that up, with what is sent behind it. */
  giveUpBegin: ((error: RequestError) => void) | null = null;
  /** The statement that waits for a locked row. */
  wait: RowWait | null = null;
  /** What its requests took so far, each from being taken up to its answer: statements, and what they waited for. Not its client's time. */
  spentMs = 0;
  /**
   * What came of an earlier one with its idempotency key, since it is known: its `commit` answers that, whatever it does
   * or has done, and commits nothing. Null: nothing is known of one.
   */
  first: FirstOutcome | null = null;
  /** Its `commit` was refused because it is doomed: it is kept only so that `rollback` succeeds. */
  isSettled = false;
  /** When its client last asked for something of it, or got what it had waited for. Monotonic. */
  lastAskedMs: number;
  #deadline: Deadline;
  readonly #number: number;
  #doom: RequestError | null = null;
  #isClosed = false;

  constructor(engine: EngineContext, name: string, options: BeginOptions) {
    this.engine = engine;
    this.name = name;
    this.options = options;
    this.transaction = new Transaction(engine.transactions, options);
    this.transaction.snapshotEnded = () => this.#snapshotEnded();
    this.transaction.lockEvents = this;
    this.startedMs = engine.clock.monotonicMs();
    this.lastAskedMs = this.startedMs;
    this.deadlineMs = this.startedMs + this.#ageMsMax;
    this.#number = engine.openTransactions.add(this);
    this.#deadline = this.#watch();
  }

  /** What every request but `rollback` is answered, or null while the transaction is in order. */
  get doomedBy(): RequestError | null {
    return this.#doom;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get #ageMsMax(): number {
    return this.options.timeoutMs ?? this.engine.limits.transactionMsMax;
  }

  /** Looks after its age, and after its client. */
  #watch(): Deadline {
    const { deadlines, limits } = this.engine;
    const { transactionIdleMsMax: idleMsMax } = limits;
    const idleMs = idleMsMax === 0 ? Number.POSITIVE_INFINITY : this.lastAskedMs + idleMsMax;
    return deadlines.add(Math.min(this.deadlineMs, idleMs), () => this.#passed());
  }

  #passed(): void {
    const { clock, limits, counters } = this.engine;
    const { transactionIdleMsMax: idleMsMax } = limits;
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.deadlineMs) return this.doom(timeout('transaction', this.#ageMsMax));
    // Whoever waits for a row, or for `atLeast`, has asked for it.
    if (this.queue !== null) this.lastAskedMs = nowMs;
    if (nowMs - this.lastAskedMs < idleMsMax) this.#deadline = this.#watch();
    else {
      counters.idleTransactionsEnded++;
      this.doom(timeout('request', idleMsMax));
    }
  }

  /** Nothing but `rollback` succeeds any more. The first cause stays; snapshot and buffered writes go at once. */
  doom(cause: RequestError): void {
    if (this.#doom !== null || this.#isClosed) return;
    const { answer } = cause;
    const first = answer.code === 'TRANSACTION_ABORTED' ? (answer.cause as ErrorAnswer) : answer;
    this.#doom = transactionAborted(this.name, first);
    this.engine.deadlines.remove(this.#deadline);
    this.end();
    this.wait?.doomed(this.#doom);
  }

  /** Asked before whatever could tell of an earlier one with its key, which may have committed since `begin` (H16). */
  lookForFirst(): void {
    const { idempotencyKey: key } = this.options;
    if (key === null || this.first !== null) return;
    const { replica } = this.engine;
    if (replica.state !== 'ONLINE') return;
    const known = replica.keyRefusal({ key, fingerprint: null });
    // A fence fails nothing but the commit, which is told of it by the group.
    if (known?.kind === 'replayed') this.first = known.first;
  }

  /** One of its requests failed. A deadlock is over only when its victim's locks are gone, whatever it was begun with. */
  failed(error: RequestError): void {
    this.lookForFirst();
    // Of one that has committed before, much fails: it sees what it did.
    const goesOn = this.options.continuesOnError || this.first !== null;
    if (!goesOn || error.answer.code === 'DEADLOCK') this.doom(error);
  }

  get isUndecided(): boolean {
    return this.#doom === null && !this.#isClosed;
  }

  rowGranted(): void {
    this.wait?.granted();
  }

  lockLost(error: RequestError): void {
    if (this.wait !== null && error.answer.code === 'DEADLOCK') this.wait.giveUp(error);
    else this.doom(error);
  }

  /** No request is of this transaction any more; its snapshot stays until `transaction` is released. */
  close(): void {
    this.#isClosed = true;
    this.engine.deadlines.remove(this.#deadline);
  }

  /** Nothing is left of it but its name. */
  end(): void {
    this.transaction.release();
    this.engine.openTransactions.remove(this.#number);
  }

  /** It is answered, and not yet released. `ms`: all that it took. */
  tellIfSlow(ms: number, ordered: OrderedTimes, end: Pick<Ended, 'outcome' | 'sequenceNumber'>): void {
    const { slowTransactions, clock } = this.engine;
    if (!slowTransactions.isSlow(ms)) return;
    const { transactionId, transaction } = this;
    const about = { transactionId, op: 'commit', attempts: 1, transaction };
    slowTransactions.tell({ ...about, ...end, ms, ordered }, clock.monotonicMs());
  }

  // For those who look after the member

  get floorHeld(): number | null {
    return this.transaction.floorHeld;
  }

  get transactionId(): string {
    return this.engine.openTransactions.idOf(this.#number);
  }

  describe(): ReturnType<Listed['describe']> {
    const { transaction, wait } = this;
    const { locks } = this.engine.transactions;
    const heldBy = transactionIdOf(locks.blockerOf(transaction)?.lockEvents);
    return {
      tx: shownName(this.name),
      state: this.#isClosed ? 'committing' : this.queue === null ? 'open' : 'waiting',
      isolation: this.options.isolation,
      isReadOnly: transaction.isReadOnly,
      snapshotVersion: transaction.snapshotVersion,
      floorHeld: transaction.floorHeld,
      rowsWritten: transaction.writtenRows,
      bytes: transaction.bytes,
      locks: locks.heldBy(transaction),
      waitsFor: wait === null ? null : { ...wait.awaited.shown, heldBy },
    };
  }

  abort(): boolean {
    if (this.#isClosed) return false;
    this.doom(endedByOperator());
    return true;
  }

  #snapshotEnded(): void {
    this.doom(snapshotTooOld({ snapshotVersion: this.transaction.snapshotVersion ?? 0 }));
  }
}
