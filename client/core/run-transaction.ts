/**
 * Runs a program's function in a transaction, and all of it again while it may: the loop around `PinnedTransaction`.
 *
 * With an idempotency key an unknown outcome is asked about, and if nothing is known of it, everything runs again with the
 * same key; the group sees to it that no more than one run commits. What the function gave in the run that may have
 * committed is kept: if that one turns out to be the one that did, that is what the caller gets. Where several runs may
 * have, and gave different values, nobody can say which value is the right one: then the caller gets UNKNOWN_OUTCOME.
 */
import { ConcertError } from '../concert-error.ts';
import type { Commit, Transaction, TransactionOptions } from '../types.ts';
import { Call, waitBeforeRun } from './call.ts';
import type { Context } from './context.ts';
import type { Ending } from './endings.ts';
import type { Member } from './member.ts';
import { OpenTransaction } from './open-transaction.ts';
import { RUN_ARGUMENTS } from './operations.ts';
import { aborted, closed, unknownOutcome, valueUnknown } from './own-errors.ts';
import { Patience } from './patience.ts';
import { PinnedTransaction } from './pinned-transaction.ts';
import { decide, winnerOf } from './retry-policy.ts';
import { requireWhole } from './settings.ts';

type Outcome<T> =
  /** `commit` null: nothing was asked. */
  | { readonly kind: 'committed'; readonly value: T; readonly commit: Commit | null }
  /** `cause`: what decides whether to run again; null: the function failed by itself. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly cause: ConcertError | null; readonly value?: T };

export type Work<T> = (tx: Transaction) => Promise<T> | T;

/** @throws ConcertError, or what `work` throws */
export async function runTransaction<T>(
  context: Context,
  work: Work<T>,
  options: TransactionOptions,
  newName: () => string,
): Promise<T> {
  if (context.isClosing) throw closed();
  if (options.attempts !== undefined) requireWhole('attempts', options.attempts);
  return new Run(context, work, options, newName).untilDone();
}

class Run<T> implements Ending {
  place = -1;
  readonly #context: Context;
  readonly #work: Work<T>;
  readonly #options: TransactionOptions;
  readonly #newName: () => string;
  readonly #beginArguments: Readonly<Record<string, unknown>>;
  readonly #patience: Patience | null;
  #giveUp: (error: ConcertError, isFinal: boolean) => void = () => {};
  #avoided: Member | null = null;
  /** To be visible where the next run takes place. */
  #winner = 0;
  /** What the function gave in the runs of which nobody knows what became. `isOneValue`: in all of them the same. */
  #unknown: { readonly value: T | undefined; readonly isOneValue: boolean } | null = null;

  constructor(context: Context, work: Work<T>, options: TransactionOptions, newName: () => string) {
    this.#context = context;
    this.#work = work;
    this.#options = options;
    this.#newName = newName;
    const told = BEGIN_ARGUMENTS.filter((name) => options[name] !== undefined);
    this.#beginArguments = Object.fromEntries(told.map((name) => [name, options[name]]));
    this.#patience = Patience.of(context, options, (error, isFinal) => this.#giveUp(error, isFinal));
  }

  async untilDone(): Promise<T> {
    this.#context.began();
    this.#context.endings.add(this);
    try {
      return await this.#runUntilDone();
    } finally {
      this.#patience?.end();
      this.#context.endings.remove(this);
      this.#context.ended();
    }
  }

  clientClosed(): void {
    this.#giveUp(closed(), true);
  }

  async #runUntilDone(): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const transaction = this.#newTransaction();
      const outcome = await this.#runOnce(transaction);
      if (outcome.kind === 'committed') return this.#committed(outcome.commit, outcome.value);
      const { error, cause } = outcome;
      if (cause?.retry === 'withKey') this.#keepUnknown(outcome.value);
      const next = cause === null ? 'fail' : this.#decide(cause, attempt);
      if (cause === null || next === 'fail') throw this.#finalError(error);
      this.#tellRetry(cause, attempt);
      this.#winner = winnerOf(cause);
      const { member } = transaction;
      this.#avoided = next === 'elsewhere' ? member : null;
      if (member !== null) {
        const waitMs = waitBeforeRun(this.#context, { decision: next, error: cause, attempt, member });
        if (waitMs > 0) await this.#pause(waitMs);
      }
      if (this.#context.isClosing) throw this.#finalError(closed());
      if (cause.retry === 'withKey') {
        const commit = await this.#askForOutcome();
        if (commit !== null) return this.#committedUnknown(commit);
      }
    }
  }

  #newTransaction(): PinnedTransaction {
    const { settings, acknowledged } = this.#context;
    return new PinnedTransaction({
      context: this.#context,
      name: this.#newName(),
      avoided: this.#avoided,
      beginArguments: this.#beginArguments,
      remainingMs: () => this.#patience?.remainingMs ?? null,
      floor: Math.max(settings.readYourWrites ? acknowledged.upTo : 0, this.#winner),
      idempotencyKey: this.#options.idempotencyKey ?? null,
    });
  }

  /** Settled when `work` and the commit are done, or when patience is over, whatever `work` still does. */
  #runOnce(transaction: PinnedTransaction): Promise<Outcome<T>> {
    return new Promise((resolve) => {
      this.#giveUp = (error, isFinal) => {
        if (!isFinal && transaction.isUnderWay) return;
        transaction.end(error);
        // A commit that was sent rejects by itself, with what is known of it.
        if (!transaction.isCommitting) resolve({ kind: 'failed', error, cause: error });
      };
      const over = this.#patience?.over;
      if (over) this.#giveUp(over, true);
      else void this.#workAndCommit(transaction).then(resolve);
    });
  }

  async #workAndCommit(transaction: PinnedTransaction): Promise<Outcome<T>> {
    const open = new OpenTransaction(transaction);
    let value: T;
    try {
      value = await this.#work(open);
    } catch (error) {
      transaction.rollback();
      return { kind: 'failed', error, cause: transaction.gave(error) ? transaction.failure : null };
    }
    if (!transaction.isBegun) return { kind: 'committed', value, commit: null };
    const { failure } = transaction;
    if (failure !== null && this.#options.onError !== 'continue') {
      // `work` went on in spite of it.
      transaction.rollback();
      return { kind: 'failed', error: aborted(failure), cause: failure };
    }
    try {
      return {
        kind: 'committed',
        value,
        commit: (await transaction.commit(open.hasWritten, this.#options.profile)) as Commit,
      };
    } catch (error) {
      // Where a statement was the reason, the member keeps the transaction until it is rolled back.
      transaction.rollback();
      return { kind: 'failed', error, cause: error as ConcertError, value };
    }
  }

  #decide(cause: ConcertError, attempt: number) {
    if (this.#context.isClosing || this.#patience?.over) return 'fail';
    const { attempts, idempotencyKey } = this.#options;
    return decide(cause, {
      hasKey: idempotencyKey !== undefined,
      isBound: this.#context.isBound,
      attempt,
      attemptsMax: attempts ?? this.#context.settings.attempts,
    });
  }

  #tellRetry(cause: ConcertError, attempt: number): void {
    try {
      this.#options.onRetry?.(cause, attempt);
    } catch (thrown) {
      throw this.#finalError(thrown);
    }
  }

  /** It is committed, whatever the function makes of it: what that throws is reported as of any listener, and rejects nothing. */
  #tellCommit(commit: Commit): void {
    try {
      this.#options.onCommit?.(commit);
    } catch (thrown) {
      reportThrown(thrown);
    }
  }

  #committed(commit: Commit | null, value: T): T {
    if (commit === null) return value;
    if (commit.replayed && this.#unknown !== null) return this.#committedUnknown(commit);
    this.#tellCommit(commit);
    return value;
  }

  /** Compared by identity: what the values mean to the program is not known here. */
  #keepUnknown(value: T | undefined): void {
    const { value: first, isOneValue } = this.#unknown ?? { value, isOneValue: true };
    this.#unknown = { value: first, isOneValue: isOneValue && Object.is(first, value) };
  }

  /** It is the commit of one of the runs that were unknown. @throws ConcertError */
  #committedUnknown(commit: Commit): T {
    this.#tellCommit(commit);
    const { value, isOneValue } = this.#unknown!;
    if (!isOneValue) throw valueUnknown(commit, this.#options.idempotencyKey ?? null);
    return value as T;
  }

  /** What was unknown once stays so: a later run that failed says nothing about the earlier one. */
  #finalError(error: unknown): unknown {
    if (this.#unknown === null || (error instanceof ConcertError && error.code === 'UNKNOWN_OUTCOME')) return error;
    return unknownOutcome(error, this.#options.idempotencyKey ?? null);
  }

  /** What became of the runs with this key; null: nothing is known. */
  async #askForOutcome(): Promise<Commit | null> {
    const message = { id: 0, op: 'outcome', idempotencyKey: this.#options.idempotencyKey };
    const { signal } = this.#options;
    const remainingMs = this.#patience?.remainingMs ?? null;
    try {
      const limits = { ...(signal && { signal }), ...(remainingMs !== null && { timeoutMs: remainingMs }) };
      const outcome = (await Call.ask(this.#context, message, limits)) as Commit & { readonly state?: string };
      return outcome.state === undefined ? outcome : null;
    } catch {
      // The next run, with the same key, finds out.
      return null;
    }
  }

  #pause(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const pause = this.#context.pause(waitMs, resolve, resolve);
      this.#giveUp = () => {
        pause.cancel();
        resolve();
      };
    });
  }
}

const BEGIN_ARGUMENTS = [...RUN_ARGUMENTS, 'onError'] as const;

/** As a browser does it for event listeners; where there is no `reportError`, as a rejection that nobody handles. */
function reportThrown(thrown: unknown): void {
  const { reportError } = globalThis as { readonly reportError?: (thrown: unknown) => void };
  if (reportError !== undefined) return reportError(thrown);
  void Promise.reject(thrown);
}
