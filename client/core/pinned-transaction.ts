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
  #unanswered = 0;
  /** What its callers were given; made where the first is. */
  #errors: WeakSet<object> | null = null;
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
    return this.#connection !== null && this.#unanswered > 0;
  }

  /** Whether this error, or one that it was caused by, came from here. */
  gave(error: unknown): boolean {
    for (let one = error; typeof one === 'object' && one !== null; one = (one as { cause?: unknown }).cause) {
      if (this.#errors?.has(one)) return true;
    }
    return false;
  }

  begin(): Promise<unknown> {
    this.#begin = new TransactionRequest(this, this.#beginMessage, false);
    const { answer } = this.#begin;
    this.#unanswered++;
    this.#context.pool.place(this);
    return answer;
  }

  /** Rejects with a ConcertError. A rejection that nobody looks at is harmless: the commit tells. */
  ask(message: Message): Promise<unknown> {
    return this.#ask(message, false);
  }

  /** `hasWritten`: an answer that does not come leaves the outcome unknown. */
  commit(hasWritten: boolean, profile?: unknown): Promise<unknown> {
    return this.#ask(profile === undefined ? { id: 0, op: 'commit' } : { id: 0, op: 'commit', profile }, hasWritten);
  }

  /** Ends it where it is open, without waiting. */
  rollback(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const connection = this.#connection;
    for (const request of this.#pending()) {
      if (connection === null || !connection.hasSent(request)) {
        this.#fail(request, this.#endedBy ?? transactionEnded(request.message.op));
      }
    }
    this.#early = [];
    if (connection?.isOpen) connection.send(this.#newRollback());
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
    for (const request of this.#pending()) {
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
    if (remainingMs !== null) message.timeoutMs = Math.min(remainingMs, connection.transactionMsMax);
    connection.send(this.#begin!);
    for (const request of this.#early) connection.send(request);
    this.#early = [];
  }

  notPlaced(error: ConcertError): void {
    this.end(error);
  }

  // What becomes of the requests

  succeeded(request: TransactionRequest, result: unknown, { member }: Connection): void {
    this.#unanswered--;
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

  refused(request: TransactionRequest, answer: ErrorAnswer, connection: Connection): void {
    const { member } = connection;
    this.#unanswered--;
    if (answer.retry === 'elsewhere') member.refusedToServe(answer);
    let error = new ConcertError(answer);
    // Behind a `begin` that was refused the member knows no such transaction; why, that refusal said.
    if (answer.code === 'NO_SUCH_TRANSACTION' && this.#failure !== null) error = aborted(this.#failure);
    this.#fail(request, error);
    if (request !== this.#commit) return;
    if (answer.code !== 'TRANSACTION_ABORTED') {
      this.#isOver = true;
      this.#freeRoom();
    } else if (this.#isOver) {
      // Given up before, so that nobody else rolls it back.
      connection.send(this.#newRollback());
    }
  }

  lost(request: TransactionRequest, loss: Loss, { member }: Connection): void {
    this.#unanswered--;
    this.#isOver = true;
    const { isClosing } = this.#context;
    const { commits } = request;
    this.#fail(request, lossError(loss, { url: member.url, commits, isClosing, key: this.#setup.idempotencyKey }));
  }

  /** Was not sent, and neither is what follows. */
  tooLarge(request: TransactionRequest, bytes: number, bytesMax: number): void {
    this.#unanswered--;
    const error = requestTooLarge(request.message.op, bytes, bytesMax);
    this.#fail(request, error);
    this.end(aborted(error));
  }

  #ask(message: Message, commits: boolean): Promise<unknown> {
    message.tx = this.name;
    const request = new TransactionRequest(this, message, commits);
    this.#make(request);
    return request.answer;
  }

  #make(request: TransactionRequest): void {
    const problem = this.#problemWith(request);
    if (problem !== null) {
      this.#fail(request, problem);
      if (!this.#isOver) this.end(aborted(problem));
      return;
    }
    if (request.message.op === 'commit') this.#commit = request;
    if (this.#begin === null) void this.begin();
    if (this.#isOver) return this.#fail(request, this.#endedBy!);
    this.#unanswered++;
    if (this.#connection === null) this.#early.push(request);
    else this.#connection.send(request);
  }

  #problemWith(request: TransactionRequest): ConcertError | null {
    const { queuedMax } = this.#context.settings;
    if (this.#isOver) return this.#endedBy ?? transactionEnded(request.message.op);
    if (this.#unanswered > queuedMax) return queueFull(queuedMax);
    try {
      request.message = sendable(request.message);
      return null;
    } catch (error) {
      return error as ConcertError;
    }
  }

  /** Its requests without an answer, in order. */
  #pending(): readonly TransactionRequest[] {
    if (this.#connection === null) return this.#begin === null ? this.#early : [this.#begin, ...this.#early];
    const own: TransactionRequest[] = [];
    for (const request of this.#connection.unanswered()) {
      if (request instanceof TransactionRequest && request.transaction === this) own.push(request);
    }
    return own;
  }

  #fail(request: TransactionRequest, error: ConcertError): void {
    if (request.isWithdrawn) return;
    this.#failure ??= error;
    this.#errors ??= new WeakSet();
    this.#errors.add(error);
    request.fail(error);
  }

  #newRollback(): Rollback {
    return new Rollback(this.name, () => this.#freeRoom());
  }

  #freeRoom(): void {
    if (!this.#holdsRoom) return;
    this.#holdsRoom = false;
    this.#connection!.openTransactions--;
  }
}

class TransactionRequest implements Request {
  readonly transaction: PinnedTransaction;
  message: Message;
  readonly commits: boolean;
  /** Its caller knows already: if it is not sent yet, it never is. */
  isWithdrawn = false;
  readonly answer: Promise<unknown>;
  #resolve!: (result: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(transaction: PinnedTransaction, message: Message, commits: boolean) {
    this.transaction = transaction;
    this.message = message;
    this.commits = commits;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  succeed(result: unknown): void {
    this.isWithdrawn = true;
    this.#resolve(result);
  }

  fail(error: ConcertError): void {
    this.isWithdrawn = true;
    // Nobody may be looking: the commit tells.
    this.answer.catch(ignore);
    this.#reject(error);
  }

  succeeded(result: unknown, connection: Connection): void {
    this.transaction.succeeded(this, result, connection);
  }

  refused(error: ErrorAnswer, connection: Connection): void {
    this.transaction.refused(this, error, connection);
  }

  lost(loss: Loss, connection: Connection): void {
    this.transaction.lost(this, loss, connection);
  }

  tooLarge(bytes: number, bytesMax: number): void {
    this.transaction.tooLarge(this, bytes, bytesMax);
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
