/**
 * One request that is a transaction of its own, or none, from the caller's asking to its answer: placed, sent, and run again
 * by the rules of `retry-policy.ts`. Without options and failures it costs one promise and one entry in a map.
 */
import { ConcertError, type ErrorAnswer } from '../concert-error.ts';
import type { StatementOptions } from '../types.ts';
import { backoffMs } from './backoff.ts';
import { type Message, sendable } from './check-message.ts';
import type { Connection } from './connection.ts';
import type { Context } from './context.ts';
import type { ScheduledCall } from './environment.ts';
import type { Seeker } from './line.ts';
import type { Member } from './member.ts';
import { isRead, isStatement, RUN_ARGUMENTS } from './operations.ts';
import { closed, cursorLost, requestTooLarge, unknownOutcome } from './own-errors.ts';
import { Patience } from './patience.ts';
import type { Loss, Request } from './request.ts';
import { type Decision, decide, lossError, retryAfterMs, sequenceNumberOf, winnerOf } from './retry-policy.ts';
import { requireWhole } from './settings.ts';

/** What a caller may get instead of the result itself. */
export type Finish = (result: unknown, connection: Connection) => unknown;

export class Call implements Request, Seeker {
  readonly message: Message;
  readonly opensTransaction = false;
  isWithdrawn = false;
  avoided: Member | null = null;
  readonly #context: Context;
  readonly #options: StatementOptions | undefined;
  readonly #resolve: (result: unknown) => void;
  readonly #reject: (error: unknown) => void;
  readonly #isStatement: boolean;
  readonly #isRead: boolean;
  /** As the caller gave it. */
  readonly #atLeast: string | number | undefined;
  readonly #finish: Finish | null;
  /** Where it has to go, if anywhere. */
  readonly #pinnedTo: Connection | null;
  #patience: Patience | null = null;
  #connection: Connection | null = null;
  #pause: ScheduledCall | null = null;
  #attempt = 1;
  /** To be visible where the next run takes place. */
  #winner = 0;
  /** A run of which nobody knows what became. */
  #unknown: ConcertError | null = null;

  private constructor(setup: {
    context: Context;
    message: Message;
    options: StatementOptions | undefined;
    finish: Finish | null;
    pinnedTo: Connection | null;
    resolve: (result: unknown) => void;
    reject: (error: unknown) => void;
  }) {
    this.#context = setup.context;
    this.message = setup.message;
    this.#options = setup.options;
    this.#finish = setup.finish;
    this.#pinnedTo = setup.pinnedTo;
    this.#resolve = setup.resolve;
    this.#reject = setup.reject;
    this.#isStatement = isStatement(setup.message.op);
    this.#isRead = isRead(setup.message.op);
    this.#atLeast = setup.message.atLeast as string | number | undefined;
  }

  /** Rejects with a ConcertError, and does not throw. */
  static ask(
    context: Context,
    message: Message,
    options?: StatementOptions,
    more: { readonly finish?: Finish; readonly pinnedTo?: Connection } = {},
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (context.isClosing) throw closed();
      const checked = sendable(options === undefined ? message : withOptions(message, options));
      const { finish = null, pinnedTo = null } = more;
      const call = new Call({ context, message: checked, options, finish, pinnedTo, resolve, reject });
      call.#start();
    });
  }

  get hasGivenUp(): boolean {
    return this.isWithdrawn;
  }

  placed(connection: Connection): void {
    this.#connection = connection;
    if (this.#isStatement) this.#requireVisible(connection);
    connection.send(this);
  }

  notPlaced(error: ConcertError): void {
    this.#fail(error);
  }

  succeeded(result: unknown, connection: Connection): void {
    const { member } = connection;
    if (!this.#isRead && typeof result === 'object' && result !== null) {
      this.#context.committed(member, (result as { sequenceNumber?: unknown }).sequenceNumber);
    }
    const { atLeast } = this.message;
    if (typeof atLeast === 'number') this.#context.saw(member, atLeast);
    if (this.isWithdrawn) return;
    this.#end();
    this.#resolve(this.#finish === null ? result : this.#finish(result, connection));
  }

  refused(error: ErrorAnswer, connection: Connection): void {
    if (error.retry === 'elsewhere') connection.member.refusedToServe(error);
    if (!this.isWithdrawn) this.#failed(new ConcertError(error));
  }

  lost(loss: Loss, { member }: Connection): void {
    if (this.isWithdrawn) return;
    const { isClosing } = this.#context;
    this.#failed(lossError(loss, { url: member.url, commits: !this.#isRead, isClosing, key: this.#key }));
  }

  tooLarge(bytes: number, bytesMax: number): void {
    this.#fail(requestTooLarge(this.message.op, bytes, bytesMax));
  }

  #start(): void {
    this.#patience = Patience.of(this.#context, this.#options, (error, isFinal) => this.#giveUp(error, isFinal));
    this.#context.began();
    this.#place();
  }

  #place(): void {
    this.#connection = null;
    if (this.#pinnedTo === null) this.#context.pool.place(this);
    else if (this.#pinnedTo.isOpen) this.placed(this.#pinnedTo);
    else this.#fail(cursorLost());
  }

  /** What was acknowledged to this client elsewhere, and who won against the last run. */
  #requireVisible({ member, transactionMsMax }: Connection): void {
    const { message } = this;
    const given = this.#atLeast;
    const { readYourWrites } = this.#context.settings;
    const floor = Math.max(readYourWrites ? this.#context.acknowledged.upTo : 0, this.#winner);
    const isNeeded = floor > member.seenUpTo && message.cursor === undefined && message.asOf === undefined;
    if (isNeeded && (given === undefined || sequenceNumberOf(given) < floor)) message.atLeast = floor;
    else if (message.atLeast !== given) {
      if (given === undefined) delete message.atLeast;
      else message.atLeast = given;
    }
    const remainingMs = this.#patience?.remainingMs ?? null;
    if (remainingMs !== null) message.timeoutMs = Math.min(remainingMs, transactionMsMax);
  }

  #failed(error: ConcertError): void {
    if (error.retry === 'withKey') this.#unknown = error;
    const decision = decide(error, {
      hasKey: this.#key !== null,
      isBound: this.#context.isBound || this.#pinnedTo !== null,
      attempt: this.#attempt,
      attemptsMax: this.#options?.attempts ?? this.#context.settings.attempts,
    });
    if (decision === 'fail' || this.#context.isClosing) return this.#fail(error);
    const over = this.#patience?.over ?? null;
    if (over !== null) return this.#fail(over);
    try {
      this.#options?.onRetry?.(error, this.#attempt);
    } catch (thrown) {
      return this.#fail(thrown);
    }
    this.#winner = winnerOf(error);
    this.#runAgain(decision, error);
  }

  #runAgain(decision: Decision, error: ConcertError): void {
    const { member } = this.#connection!;
    this.#connection = null;
    this.avoided = decision === 'elsewhere' ? member : null;
    const waitMs = waitBeforeRun(this.#context, { decision, error, attempt: this.#attempt, member });
    this.#attempt++;
    if (waitMs === 0) return this.#place();
    const over = () => {
      this.#pause = null;
      this.#place();
    };
    this.#pause = this.#context.pause(waitMs, over, () => this.#fail(closed()));
  }

  #giveUp(error: ConcertError, isFinal: boolean): void {
    const connection = this.#connection;
    if (connection === null || !connection.hasSent(this)) return this.#fail(error);
    if (!isFinal) return;
    connection.cancel(this);
    this.#fail(this.#isRead ? error : unknownOutcome(error, this.#key));
  }

  /** What was unknown once stays so: a later run that failed says nothing about the earlier one. */
  #fail(error: unknown): void {
    this.isWithdrawn = true;
    this.#end();
    const isKnown = this.#unknown === null || (error instanceof ConcertError && error.code === 'UNKNOWN_OUTCOME');
    this.#reject(isKnown ? error : unknownOutcome(error, this.#key));
  }

  get #key(): string | null {
    const { idempotencyKey } = this.message;
    return typeof idempotencyKey === 'string' ? idempotencyKey : null;
  }

  #end(): void {
    this.#patience?.end();
    this.#pause?.cancel();
    this.#context.ended();
  }
}

/** Nothing where another member can be asked at once; else a jittered wait that doubles. */
export function waitBeforeRun(
  context: Context,
  failed: {
    readonly decision: Decision;
    readonly error: ConcertError;
    readonly attempt: number;
    readonly member: Member;
  },
): number {
  const { pool, settings, environment } = context;
  const { attempt, member } = failed;
  if (failed.decision === 'elsewhere' && attempt <= pool.members.length && pool.hasOther(member)) return 0;
  const backoff = { firstMs: settings.retryMs, msMax: settings.retryMsMax };
  return Math.ceil(retryAfterMs(failed.error) + backoffMs(backoff, attempt, environment.random()));
}

/** The options that the member is told. @throws ConcertError INVALID_ARGUMENT */
function withOptions(message: Message, options: StatementOptions): Message {
  const { attempts, memberAttempts } = options;
  if (attempts !== undefined) requireWhole('attempts', attempts);
  if (!isStatement(message.op)) return message;
  for (const name of RUN_ARGUMENTS) if (options[name] !== undefined) message[name] = options[name];
  if (options.profile !== undefined) message.profile = options.profile;
  const executions = memberAttempts ?? (attempts === 1 ? 1 : undefined);
  if (executions !== undefined && !isRead(message.op)) message.attempts = executions;
  return message;
}
