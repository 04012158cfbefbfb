/**
 * How long a caller waits: until a deadline, or until a signal is aborted. At the deadline what is not under way is given
 * up; what a member is working on has a little longer, since the member was told the deadline and may answer what came of it.
 */
import type { ConcertError } from '../concert-error.ts';
import type { AbortSignalLike, RunOptions } from '../types.ts';
import type { Context } from './context.ts';
import type { ScheduledCall } from './environment.ts';
import { cancelled, timedOut } from './own-errors.ts';
import { requireWhole } from './settings.ts';

/** For the member's answer at the deadline to arrive. */
const ANSWER_MS = 250;

/** `isFinal` false: only what is not under way is to be given up. */
export type PatienceListener = (error: ConcertError, isFinal: boolean) => void;

export class Patience {
  readonly #context: Context;
  readonly #timeoutMs: number | null;
  readonly #signal: AbortSignalLike | null;
  readonly #startedMs: number;
  readonly #listener: PatienceListener;
  #timer: ScheduledCall | null = null;
  #over: ConcertError | null = null;

  /** Null where the caller waits for ever. @throws ConcertError INVALID_ARGUMENT; CANCELLED if the signal is aborted already */
  static of(context: Context, options: RunOptions | undefined, listener: PatienceListener): Patience | null {
    const timeoutMs = options?.timeoutMs ?? context.settings.timeoutMs;
    const signal = options?.signal ?? null;
    if (timeoutMs === null && signal === null) return null;
    if (timeoutMs !== null) requireWhole('timeoutMs', timeoutMs);
    if (signal?.aborted) throw cancelled(signal.reason);
    return new Patience({ context, timeoutMs, signal, listener });
  }

  private constructor(setup: {
    context: Context;
    timeoutMs: number | null;
    signal: AbortSignalLike | null;
    listener: PatienceListener;
  }) {
    const { context, timeoutMs, signal } = setup;
    const { clock } = context.environment;
    this.#context = context;
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    this.#listener = setup.listener;
    this.#startedMs = clock.nowMs();
    signal?.addEventListener('abort', this.#aborted);
    if (timeoutMs !== null) this.#timer = clock.schedule(timeoutMs, () => this.#reached(timeoutMs));
  }

  /** Why the caller waits no longer; null while it does. */
  get over(): ConcertError | null {
    return this.#over;
  }

  /** To the deadline, at least 1; null: there is none. */
  get remainingMs(): number | null {
    if (this.#timeoutMs === null) return null;
    const passedMs = this.#context.environment.clock.nowMs() - this.#startedMs;
    return Math.max(1, Math.ceil(this.#timeoutMs - passedMs));
  }

  end(): void {
    this.#timer?.cancel();
    this.#signal?.removeEventListener('abort', this.#aborted);
  }

  #reached(timeoutMs: number): void {
    const error = timedOut(timeoutMs);
    this.#over = error;
    this.#timer = this.#context.environment.clock.schedule(ANSWER_MS, () => this.#listener(error, true));
    this.#listener(error, false);
  }

  readonly #aborted = (): void => {
    const error = cancelled(this.#signal?.reason);
    this.#over = error;
    this.#timer?.cancel();
    this.#listener(error, true);
  };
}
