/**
 * A transaction that the member executes as a whole: one statement without `tx` that writes, or a `transact`. It is
 * executed, held back while an earlier write of the member to one of its rows is on the way, and committed; on a
 * conflict it is executed again on a fresh snapshot that includes the winner, with its rows still its own among those of
 * this member. Each execution stands alone: what a refused one read or wrote leaves no trace. One that has to wait for a
 * locked row is executed from the beginning when the row is its own; so it holds locks only while it waits for another
 * one, and from its last execution to its end. Whoever waits for an earlier write holds no locks, so that the two kinds of
 * waiting never wait for each other.
 */
import type { Transaction as CertifiedTransaction, RowKey } from '../../../certifier/types.ts';
import { assert } from '../../../gcs/base/index.ts';
import { layersOf } from '../commit-layers.ts';
import { type ErrorCode, endedByOperator, noQuorum, RequestError, timeout, transactionAborted } from '../errors.ts';
import type { KeyRefusal } from '../idempotency/judge-key.ts';
import { tableIdOf } from '../key-codec.ts';
import { type LockEvents, RowAwaited } from '../locks/row-locks.ts';
import { awaitedArgument, whenHere } from '../past-place.ts';
import type { CommitOutcome, LostConflict, OrderedTimes } from '../replica.ts';
import { Transaction } from '../transaction.ts';
import type { BeginOptions } from './begin-arguments.ts';
import type { Deadline } from './deadlines.ts';
import { firstAnswer, isOfKey, keyError, withKey } from './keyed.ts';
import { type Listed, transactionIdOf } from './open-transactions.ts';
import { type CommitAnswer, commitError, committed, nothingWritten } from './outcomes.ts';
import type { RowUser } from './rows-in-flight.ts';
import type { RequestId, Session, WaitingRequest } from './session.ts';

/** The first retry is immediate; later ones wait up to this, doubled each time. */
const BACKOFF_MS = 2;
const BACKOFF_MS_MAX = 128;

export interface Work {
  /** What the client asked for. */
  readonly op: string;
  /** Its statements may lock rows. */
  readonly mayLock: boolean;
  /** Executes in `transaction`. @throws RequestError, RowAwaited */
  run(transaction: Transaction): unknown;
  /** The answer, from what `run` gave; `commit` null: all that is beside the facts of the commit. `attempts`: executions that went as far as they could. */
  answer(result: unknown, commit: CommitAnswer | null, attempts: number): unknown;
  /** What is asked for, where that has an idempotency key; else null. */
  readonly fingerprint: string | null;
  /** `run` is about to begin anew, from a new snapshot. */
  attemptBegins?(): void;
  /** Whether it goes on, in the next `run`, although that step has failed with `error`: a row was locked for too long. */
  goesOnWithout?(step: number, error: RequestError): boolean;
}

type WaitedFor = 'atLeast' | 'asOf' | 'row' | 'lock' | 'retry';

export class Execution implements RowUser, WaitingRequest, LockEvents, Listed, OrderedTimes {
  readonly id: RequestId;
  readonly #session: Session;
  readonly #work: Work;
  readonly #options: BeginOptions;
  readonly startedMs: number;
  /** Of all attempts. */
  l2Ms = 0;
  l0Ms = 0;
  #attempts = 0;
  #transaction: Transaction | null = null;
  #result: unknown;
  #held: readonly RowKey[] = NO_ROWS;
  /** When it was handed over to be committed. Monotonic. */
  #handedMs = 0;
  #waitedFor: WaitedFor | null = null;
  #waitDeadline: Deadline | null = null;
  #stopWaiting: (() => void) | null = null;
  #awaited: RowAwaited | null = null;
  /** The row on its way that it waits for. */
  #awaitedKey: RowKey | null = null;
  /** As it is listed; null: it has never waited. */
  #number: number | null = null;

  constructor(session: Session, id: RequestId, work: Work, options: BeginOptions) {
    this.#session = session;
    this.id = id;
    this.#work = work;
    this.#options = options;
    this.startedMs = session.engine.clock.monotonicMs();
  }

  start(): void {
    const awaited = awaitedArgument(this.#options);
    if (awaited === null) return this.#execute();
    const { replica } = this.#session.engine;
    const untilMs = this.startedMs + this.#options.waitTimeoutMs;
    this.#when(
      (done) => whenHere(replica, this.#options, done),
      awaited,
      untilMs,
      () => this.#execute(),
    );
  }

  rowFreed(): void {
    // Whoever ends the session answers all that wait.
    if (this.#session.isEnding) return;
    this.#endWait();
    this.#execute();
  }

  noQuorumSince(sinceMs: number): void {
    if (this.#waitedFor !== 'row' || this.startedMs > sinceMs || this.#session.isEnding) return;
    this.giveUp(noQuorum(this.#session.engine.replica.state));
  }

  giveUp(error: RequestError): void {
    const stop = this.#stopWaiting;
    this.#endWait();
    stop?.();
    this.#refuse(error);
  }

  // For those who look after the member

  get transactionId(): string | null {
    return this.#number === null ? null : this.#session.engine.openTransactions.idOf(this.#number);
  }

  get floorHeld(): number | null {
    const transaction = this.#transaction;
    return transaction === null || transaction.isOver ? null : transaction.floorHeld;
  }

  describe(): ReturnType<Listed['describe']> {
    const { locks } = this.#session.engine.transactions;
    const { isolation, isReadOnly } = this.#options;
    const transaction = this.#transaction;
    return {
      tx: String(this.id),
      state: this.#waitedFor === null ? 'committing' : 'waiting',
      isolation,
      isReadOnly,
      snapshotVersion: transaction === null || transaction.isOver ? null : transaction.snapshotVersion,
      floorHeld: this.floorHeld,
      rowsWritten: transaction?.writtenRows ?? 0,
      bytes: transaction?.bytes ?? 0,
      locks: transaction === null ? 0 : locks.heldBy(transaction),
      waitsFor: this.#waitsFor(),
    };
  }

  abort(): boolean {
    if (this.#waitedFor === null) return false;
    this.giveUp(transactionAborted(null, endedByOperator().answer));
    return true;
  }

  #waitsFor(): ReturnType<Listed['describe']>['waitsFor'] {
    const { transactions, rows } = this.#session.engine;
    const transaction = this.#transaction;
    if (this.#waitedFor === 'lock') {
      const holder = transactions.locks.blockerOf(transaction!)?.lockEvents;
      return { ...this.#awaited!.shown, heldBy: transactionIdOf(holder) };
    }
    if (this.#waitedFor !== 'row') return null;
    const key = this.#awaitedKey!;
    const table = transaction!.touchedTable(tableIdOf(key));
    if (table === undefined) return null;
    return { ...new RowAwaited(table, key).shown, heldBy: transactionIdOf(rows.holderOf(key)) };
  }

  // Row locks

  /** Only while it waits for one: else it is executed within a turn, or handed to the group. */
  get isUndecided(): boolean {
    return this.#waitedFor === 'lock';
  }

  rowGranted(): void {
    if (this.#waitedFor !== 'lock' || this.#session.isEnding) return;
    this.#endWait();
    this.#executeAgain();
  }

  lockLost(error: RequestError): void {
    if (this.#waitedFor !== 'lock') return;
    this.#endWait();
    this.#attempts++;
    if (!this.#retried()) this.#refuse(this.#atStep(error));
  }

  /** Of its wait for a locked row. */
  #atStep(error: RequestError): RequestError {
    const step = this.#awaited?.step ?? null;
    return step === null ? error : error.atStep(step);
  }

  #waitedTooLong(waitedFor: WaitedFor): void {
    const error = this.#timeout(waitedFor);
    if (error.answer.code !== 'LOCK_TIMEOUT') return this.giveUp(error);
    const { step } = this.#awaited!;
    if (step === null || this.#work.goesOnWithout?.(step, error) !== true) return this.giveUp(this.#atStep(error));
    const stop = this.#stopWaiting!;
    this.#endWait();
    stop();
    this.#executeAgain();
  }

  #execute(): void {
    const known = this.#knownByKey();
    if (known !== null) return this.#decidedByKey(known);
    const transaction = new Transaction(this.#session.engine.transactions, this.#options);
    this.#transaction = transaction;
    this.#work.attemptBegins?.();
    if (this.#work.mayLock) transaction.lockEvents = this;
    this.#executeIn(transaction);
  }

  /** With the locks that it has, after it has waited for one. */
  #executeAgain(): void {
    const known = this.#knownByKey();
    if (known !== null) return this.#decidedByKey(known);
    this.#executeIn(this.#transaction!);
  }

  #executeIn(transaction: Transaction): void {
    const { engine } = this.#session;
    const { rows } = engine;
    let error: RequestError | null = null;
    try {
      this.#result = this.#work.run(transaction);
    } catch (thrown) {
      if (thrown instanceof RowAwaited) return this.#awaitRow(transaction, thrown);
      if (!(thrown instanceof RequestError)) throw thrown;
      error = thrown;
    }
    const keys = [...transaction.rowKeys];
    if (keys.length > 0) {
      const isShared = transaction.hasIncrements ? (key: RowKey) => transaction.isDelta(key) : null;
      const awaited = rows.hold(keys, this, isShared);
      if (awaited !== null) {
        // What the earlier write does may change this one's answer: it is executed again behind it.
        transaction.release();
        this.#awaitedKey = awaited;
        this.#wait('row', null, () => rows.stopWaiting(awaited, this));
        this.#freeRows();
        return;
      }
      this.#hold(keys);
    }
    this.#attempts++;
    if (error !== null) {
      if (!LOST.has(error.answer.code) || !this.#retried()) this.#refuse(error);
      return;
    }
    let toCertify: CertifiedTransaction | null;
    try {
      toCertify = transaction.toCertify();
    } catch (thrown) {
      if (!(thrown instanceof RequestError)) throw thrown;
      return this.#refuse(thrown);
    }
    if (toCertify === null) return this.#succeed(nothingWritten(transaction));
    const nowMs = engine.clock.monotonicMs();
    const deadlineMs = this.#deadlineMs() ?? nowMs + engine.limits.commitWaitMsMax;
    if (deadlineMs <= nowMs) return this.#refuse(this.#timeout('transaction'));
    this.#handedMs = nowMs;
    engine.replica.commit(this.#keyed(toCertify), deadlineMs, this.#decided);
  }

  // Idempotency keys (H16)

  /** Asked before anything else, and again before each execution: an earlier request with the key may have committed. */
  #knownByKey(): KeyRefusal | null {
    const { idempotencyKey: key } = this.#options;
    const { replica } = this.#session.engine;
    if (key === null || replica.state !== 'ONLINE') return null;
    return replica.keyRefusal({ key, fingerprint: this.#work.fingerprint });
  }

  #keyed(toCertify: CertifiedTransaction): CertifiedTransaction {
    const { idempotencyKey: key } = this.#options;
    if (key === null) return toCertify;
    const result = this.#work.answer(this.#result, null, this.#attempts);
    return withKey(toCertify, { key, fingerprint: this.#work.fingerprint!, result }, this.#session.engine);
  }

  #decidedByKey(refusal: KeyRefusal): void {
    const { engine } = this.#session;
    if (refusal.kind !== 'replayed') return this.#refuse(keyError(refusal, this.#options.idempotencyKey!, engine));
    this.#session.succeed(this.id, firstAnswer(refusal.first, engine));
    this.#end();
  }

  readonly #decided = (outcome: CommitOutcome): void => {
    const transaction = this.#transaction!;
    const { engine } = this.#session;
    const { orderedTimes } = engine.replica;
    this.l2Ms += orderedTimes.l2Ms;
    this.l0Ms += orderedTimes.l0Ms;
    if (outcome.kind === 'committed') return this.#succeed(committed(outcome, transaction, engine.replica));
    if (isOfKey(outcome)) return this.#decidedByKey(outcome);
    if (outcome.kind === 'no-quorum') engine.rows.tellNoQuorum(this.#held, this.#handedMs);
    const error = commitError(outcome, transaction, engine.replica, this.#options.idempotencyKey);
    const isConflict = outcome.kind === 'conflict' || outcome.kind === 'snapshot-too-old';
    if (!isConflict || this.#attempts >= this.#options.attempts || this.#session.isEnding) return this.#refuse(error);
    transaction.release();
    if (outcome.kind === 'conflict') {
      this.#whenApplied(outcome.winner.sequenceNumber, 'retry', null, () => this.#retry(outcome.phase));
    } else this.#retry('local');
  };

  /** Executes again, with a new snapshot and no locks, where it may. */
  #retried(): boolean {
    if (this.#attempts >= this.#options.attempts || this.#session.isEnding) return false;
    this.#transaction!.release();
    // Not in this turn: whoever it made way for is about to take the row.
    this.#retryLater();
    return true;
  }

  /** Executes from the beginning when the row is its own. Its place among the connection's writes is not kept. */
  #awaitRow(transaction: Transaction, awaited: RowAwaited): void {
    const { engine } = this.#session;
    const { lockTimeoutMs } = this.#options;
    transaction.restart();
    this.#awaited = awaited;
    const stop = (): void => engine.transactions.locks.stopWaiting(transaction);
    this.#wait('lock', engine.clock.monotonicMs() + lockTimeoutMs, stop);
    this.#freeRows();
  }

  /** At once where the others hold back from what they saw it lose; else that is how it would lose again. */
  #retry(phase: LostConflict['phase']): void {
    const { helpedAfterLosses } = this.#session.engine.limits;
    if (this.#attempts < 2 || (phase === 'group' && this.#attempts <= helpedAfterLosses)) this.#execute();
    else this.#retryLater();
  }

  #retryLater(): void {
    const { clock, random } = this.#session.engine;
    const boundMs = Math.min(BACKOFF_MS * 2 ** Math.max(this.#attempts - 2, 0), BACKOFF_MS_MAX);
    const call = clock.schedule(1 + random.below(boundMs), () => {
      this.#endWait();
      this.#execute();
    });
    this.#wait('retry', null, () => call.cancel());
  }

  /** Goes on with `next` once `sequenceNumber` is visible, perhaps in this turn. */
  #whenApplied(sequenceNumber: number, waitedFor: WaitedFor, untilMs: number | null, next: () => void): void {
    this.#when((done) => this.#session.engine.replica.whenApplied(sequenceNumber, done), waitedFor, untilMs, next);
  }

  /** `wait` calls what it is given once that is so, perhaps in this turn. */
  #when(
    wait: (done: () => void) => { cancel(): void },
    waitedFor: WaitedFor,
    untilMs: number | null,
    next: () => void,
  ): void {
    let isSo = false;
    let isWaiting = false;
    const waiter = wait(() => {
      isSo = true;
      if (!isWaiting) return;
      this.#endWait();
      next();
    });
    if (isSo) return next();
    isWaiting = true;
    this.#wait(waitedFor, untilMs, () => waiter.cancel());
  }

  /** `untilMs`: monotonic; null: until the deadline of the whole. */
  #wait(waitedFor: WaitedFor, untilMs: number | null, stop: () => void): void {
    assert(this.#waitedFor === null, 'an execution waits for one thing at a time');
    const { engine, waiting } = this.#session;
    this.#waitedFor = waitedFor;
    this.#stopWaiting = stop;
    waiting.add(this);
    this.#number ??= engine.openTransactions.add(this);
    // One that waits for one row after the other, and perhaps holds locks, ends some time.
    const isOfRow = waitedFor === 'lock' || waitedFor === 'row';
    const ofTransaction = isOfRow ? this.#endMs() : this.#deadlineMs();
    const atMs = untilMs === null ? ofTransaction : Math.min(untilMs, ofTransaction ?? untilMs);
    if (atMs !== null) this.#waitDeadline = engine.deadlines.add(atMs, () => this.#waitedTooLong(waitedFor));
  }

  #endWait(): void {
    if (this.#waitedFor === null) return;
    this.#waitedFor = null;
    this.#session.waiting.delete(this);
    if (this.#waitDeadline !== null) this.#session.engine.deadlines.remove(this.#waitDeadline);
    this.#waitDeadline = null;
    this.#stopWaiting = null;
  }

  #timeout(waitedFor: WaitedFor | 'transaction'): RequestError {
    const { waitTimeoutMs, lockTimeoutMs, timeoutMs } = this.#options;
    const { clock, counters, limits } = this.#session.engine;
    if (waitedFor === 'lock' && clock.monotonicMs() < this.#endMs()) {
      counters.lockTimeouts++;
      return this.#awaited!.timeout(lockTimeoutMs);
    }
    const isOfWait =
      (waitedFor === 'atLeast' || waitedFor === 'asOf') && (timeoutMs === null || waitTimeoutMs <= timeoutMs);
    return timeout(waitedFor, isOfWait ? waitTimeoutMs : (timeoutMs ?? limits.transactionMsMax));
  }

  #endMs(): number {
    return this.#deadlineMs() ?? this.startedMs + this.#session.engine.limits.transactionMsMax;
  }

  #deadlineMs(): number | null {
    const { timeoutMs } = this.#options;
    return timeoutMs === null ? null : this.startedMs + timeoutMs;
  }

  #succeed(commit: CommitAnswer): void {
    const { engine } = this.#session;
    const { sequenceNumber } = commit;
    const ms = engine.clock.monotonicMs() - this.startedMs;
    this.#tellIfSlow(ms, sequenceNumber === null ? 'nothing written' : 'committed', sequenceNumber);
    const answer = this.#options.isProfiled ? { ...commit, layers: layersOf(ms, this) } : commit;
    this.#session.succeed(this.id, this.#work.answer(this.#result, answer, this.#attempts));
    this.#end();
    if (sequenceNumber !== null) engine.replica.commitAnswered(ms, this);
  }

  #refuse(error: RequestError): void {
    this.#tellIfSlow(this.#session.engine.clock.monotonicMs() - this.startedMs, error.answer.code, null);
    this.#session.refuse(this.id, error);
    this.#end();
  }

  #tellIfSlow(ms: number, outcome: string, sequenceNumber: number | null): void {
    const { slowTransactions, clock } = this.#session.engine;
    if (!slowTransactions.isSlow(ms)) return;
    const { op } = this.#work;
    const about = { transactionId: this.transactionId, op, outcome, sequenceNumber, attempts: this.#attempts };
    slowTransactions.tell({ ...about, ms, ordered: this, transaction: this.#transaction }, clock.monotonicMs());
  }

  #end(): void {
    if (this.#transaction !== null && !this.#transaction.isKept) this.#transaction.release();
    this.#freeRows();
    if (this.#number !== null) this.#session.engine.openTransactions.remove(this.#number);
  }

  #hold(keys: readonly RowKey[]): void {
    if (this.#held.length === 0) this.#held = keys;
    else this.#held = [...new Set([...this.#held, ...keys])];
  }

  #freeRows(): void {
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = NO_ROWS;
    this.#session.engine.rows.free(held, this);
  }
}

const NO_ROWS: readonly RowKey[] = [];
/** What a statement that locks rows may be refused with, so that the whole is worth another execution. */
const LOST: ReadonlySet<ErrorCode> = new Set(['CERTIFICATION_CONFLICT', 'DEADLOCK']);
