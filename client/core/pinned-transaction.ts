/**
 * The requests of one run of a transaction, all on one connection and in order. The connection is sought when the first
 * is made, `begin` goes ahead of it in the same frame, and nothing waits for an answer but its caller.
 *
 * Each request is settled: by its answer, by the loss of the connection, or by `end`.
 */
import { ConcertError, type ErrorAnswer } from '../concert-error.ts';
import { type Message, sendable } from './check-message.ts';
import { type Connection, Notice } from './connection.ts';
import type { Context } from './context.ts';
import type { Seeker } from './line.ts';
import type { Member } from './member.ts';
import { aborted, queueFull, requestTooLarge, transactionEnded, unknownOutcome } from './own-errors.ts';
import type { Loss, Request } from './request.ts';
import { lossError, sequenceNumberOf } from './retry-policy.ts';

export interface TransactionSetup {
  readonly context: Context;
  /** Unique among the open ones of this client. */
  readonly name: string;
  readonly avoided: Member | null;
  /** Of `begin`, but for `tx` and `timeoutMs`. */
  readonly beginArguments: Readonly<Record<string, unknown>>;
  /** What is left to its deadline when it is begun; null: it has none. */
  readonly remainingMs: () => number | null;
  /** To be visible where it runs. */
  readonly floor: number;
  readonly idempotencyKey: string | null;
}

export class PinnedTransaction implements Seeker {
  readonly name: string;
  readonly opensTransaction = true;
  readonly avoided: Member | null;
  readonly #setup: TransactionSetup;
  readonly #context: Context;
  #connection: Connection | null = null;
  readonly #beginMessage: Message;
  #begin: TransactionRequest | null = null;
  /** Made before there was a connection, in order. */
  #early: TransactionRequest[] = [];
  readonly #pending = new Set<TransactionRequest>();
  readonly #errors = new WeakSet<object>();
  #holdsRoom = false;
  #failure: ConcertError | null = null;
  #commit: TransactionRequest | null = null;
  #isOver = false;
  #endedBy: ConcertError | null = null;

  /** @throws ConcertError INVALID_ARGUMENT */
  constructor(setup: TransactionSetup) {
    this.#setup = setup;
    this.#beginMessage = sendable({ ...setup.beginArguments, id: 0, op: 'begin', tx: setup.name });
    this.#context = setup.context;
    this.name = setup.name;
    this.avoided = setup.avoided;
  }

  get hasGivenUp(): boolean {
    return this.#isOver;
  }

  /** Whether anything was asked. */
  get isBegun(): boolean {
    return this.#begin !== null;
  }

  /** Its commit was asked for. */
  get isCommitting(): boolean {
    return this.#commit !== null;
  }

  /** What went wrong first. */
  get failure(): ConcertError | null {
    return this.#failure;
  }

  /** Where it runs, or ran last; null before it is placed. */
  get member(): Member | null {
    return this.#connection?.member ?? null;
  }

  /** A member has requests of it to answer. */
  get isUnderWay(): boolean {
    return this.#connection !== null && this.#pending.size > 0;
  }

  /** Whether this error, or one that it was caused by, came from here. */
  gave(error: unknown): boolean {
    for (let one = error; typeof one === 'object' && one !== null; one = (one as { cause?: unknown }).cause) {
      if (this.#errors.has(one)) return true;
    }
    return false;
  }

  begin(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#begin = new TransactionRequest(this, this.#beginMessage, { resolve, reject, commits: false });
      this.#pending.add(this.#begin);
      this.#context.pool.place(this);
    });
  }

  /** Rejects with a ConcertError. A rejection that nobody looks at is harmless: the commit tells. */
  ask(message: Message): Promise<unknown> {
    const answer = this.#ask(message, false);
    answer.catch(ignore);
    return answer;
  }

  /** `hasWritten`: an answer that does not come leaves the outcome unknown. */
  commit(hasWritten: boolean): Promise<unknown> {
    return this.#ask({ id: 0, op: 'commit' }, hasWritten);
  }

  /** Ends it where it is open, without waiting. */
  rollback(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const connection = this.#connection;
    this.#early = [];
    for (const request of [...this.#pending]) {
      if (connection === null || !connection.hasSent(request)) {
        this.#fail(request, this.#endedBy ?? transactionEnded(request.message.op));
      }
    }
    if (connection?.isOpen) connection.send(new Rollback(this.name, () => this.#freeRoom()));
  }

  /** Gives it up: what is not answered is rejected with `error`, and the commit, if it was sent, as of unknown outcome. */
  end(error: ConcertError): void {
    if (this.#isOver) return;
    this.#failure ??= error;
    this.#endedBy = error;
    const commit = this.#commit;
    const isCommitSent = commit !== null && this.#connection?.hasSent(commit) === true;
    if (isCommitSent) this.#isOver = true;
    else this.rollback();
    for (const request of [...this.#pending]) {
      const isUnknown = request === commit && isCommitSent && request.commits;
      this.#fail(request, isUnknown ? unknownOutcome(error, this.#setup.idempotencyKey) : error);
    }
  }

  placed(connection: Connection): void {
    this.#connection = connection;
    connection.openTransactions++;
    this.#holdsRoom = true;
    const message = this.#beginMessage;
    const { floor } = this.#setup;
    const given = message.atLeast as string | number | undefined;
    const isNeeded = floor > connection.member.seenUpTo && message.asOf === undefined;
    if (isNeeded && (given === undefined || sequenceNumberOf(given) < floor)) message.atLeast = floor;
    const remainingMs = this.#setup.remainingMs();
    if (remainingMs !== null) message.timeoutMs = remainingMs;
    connection.send(this.#begin!);
    for (const request of this.#early) connection.send(request);
    this.#early = [];
  }

  notPlaced(error: ConcertError): void {
    this.end(error);
  }

  // What becomes of the requests

  succeeded(request: TransactionRequest, result: unknown, { member }: Connection): void {
    this.#pending.delete(request);
    if (request === this.#commit) {
      this.#isOver = true;
      this.#freeRoom();
      this.#context.committed(member, (result as { sequenceNumber?: unknown }).sequenceNumber);
    } else if (request === this.#begin) {
      const { atLeast } = request.message;
      if (typeof atLeast === 'number') this.#context.saw(member, atLeast);
    }
    request.succeed(result);
  }

  refused(request: TransactionRequest, answer: ErrorAnswer, { member }: Connection): void {
    if (answer.retry === 'elsewhere') member.refusedToServe(answer);
    let error = new ConcertError(answer);
    // Behind a `begin` that was refused the member knows no such transaction; why, that refusal said.
    if (answer.code === 'NO_SUCH_TRANSACTION' && this.#failure !== null) error = aborted(this.#failure);
    this.#fail(request, error);
    if (request === this.#commit && answer.code !== 'TRANSACTION_ABORTED') {
      this.#isOver = true;
      this.#freeRoom();
    }
  }

  lost(request: TransactionRequest, loss: Loss, { member }: Connection): void {
    this.#isOver = true;
    const { isClosing } = this.#context;
    const { commits } = request;
    this.#fail(request, lossError(loss, { url: member.url, commits, isClosing, key: this.#setup.idempotencyKey }));
  }

  /** Was not sent, and neither is what follows. */
  tooLarge(request: TransactionRequest, bytes: number, bytesMax: number): void {
    const error = requestTooLarge(request.message.op, bytes, bytesMax);
    this.#fail(request, error);
    this.end(aborted(error));
  }

  #ask(message: Message, commits: boolean): Promise<unknown> {
    return new Promise((resolve, reject) => {
      message.tx = this.name;
      const { queuedMax } = this.#context.settings;
      const request = new TransactionRequest(this, message, { resolve, reject, commits });
      const problem = this.#problemWith(request, queuedMax);
      if (problem !== null) {
        this.#fail(request, problem);
        if (!this.#isOver) this.end(aborted(problem));
        return;
      }
      if (message.op === 'commit') this.#commit = request;
      if (!this.isBegun) this.begin().catch(ignore);
      if (this.#isOver) return this.#fail(request, this.#endedBy!);
      this.#pending.add(request);
      if (this.#connection === null) this.#early.push(request);
      else this.#connection.send(request);
    });
  }

  #problemWith(request: TransactionRequest, queuedMax: number): ConcertError | null {
    if (this.#isOver) return this.#endedBy ?? transactionEnded(request.message.op);
    if (this.#pending.size > queuedMax) return queueFull(queuedMax);
    try {
      request.message = sendable(request.message);
      return null;
    } catch (error) {
      return error as ConcertError;
    }
  }

  #fail(request: TransactionRequest, error: ConcertError): void {
    this.#pending.delete(request);
    if (request.isWithdrawn) return;
    this.#failure ??= error;
    this.#errors.add(error);
    request.fail(error);
  }

  #freeRoom(): void {
    if (!this.#holdsRoom) return;
    this.#holdsRoom = false;
    this.#connection!.openTransactions--;
  }
}

class TransactionRequest implements Request {
  message: Message;
  readonly commits: boolean;
  /** Its caller knows already: if it is not sent yet, it never is. */
  isWithdrawn = false;
  readonly #transaction: PinnedTransaction;
  readonly #resolve: (result: unknown) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    transaction: PinnedTransaction,
    message: Message,
    setup: { commits: boolean; resolve: (result: unknown) => void; reject: (error: unknown) => void },
  ) {
    this.#transaction = transaction;
    this.message = message;
    this.commits = setup.commits;
    this.#resolve = setup.resolve;
    this.#reject = setup.reject;
  }

  succeed(result: unknown): void {
    this.isWithdrawn = true;
    this.#resolve(result);
  }

  fail(error: ConcertError): void {
    this.isWithdrawn = true;
    this.#reject(error);
  }

  succeeded(result: unknown, connection: Connection): void {
    this.#transaction.succeeded(this, result, connection);
  }

  refused(error: ErrorAnswer, connection: Connection): void {
    this.#transaction.refused(this, error, connection);
  }

  lost(loss: Loss, connection: Connection): void {
    this.#transaction.lost(this, loss, connection);
  }

  tooLarge(bytes: number, bytesMax: number): void {
    this.#transaction.tooLarge(this, bytes, bytesMax);
  }
}

/** Frees the room of its transaction when the member has done it. */
class Rollback extends Notice {
  readonly #ended: () => void;

  constructor(tx: string, ended: () => void) {
    super('rollback', { tx });
    this.#ended = ended;
  }

  override succeeded(): void {
    this.#ended();
  }

  override refused(): void {
    this.#ended();
  }
}

function ignore(): void {}
