/**
 * A place for one transaction under way: sends the rounds of its attempt over the connection that it belongs to,
 * gathers the answers, and attempts the transaction again where it was refused and may be run again. The first time at
 * once, later after a random wait that doubles. A transaction whose outcome is unknown is never attempted again.
 */
import type { SeededRandom } from '../../gcs/base/index.ts';
import { BenchError } from '../bench-error.ts';
import type { Attempt, AttemptEnd, LoadRequest, LoadTransaction, Round, Workload } from '../scenario.ts';
import type { Answer, AnswerError } from '../wire.ts';

/** The connection that a slot sends over. */
export interface SlotHost {
  /** Whether it can send, and is to. */
  readonly isAvailable: boolean;
  send(slot: Slot, round: Round): void;
  /** Ends a transaction of an attempt that stopped; its answer is of no interest. */
  rollBack(slot: Slot, tx: string): void;
  /** This member cannot do it: go to another as soon as nothing is outstanding. */
  moveElsewhere(): void;
}

/** Whom a slot tells what becomes of its transactions. */
export interface SlotEvents {
  committed(transaction: LoadTransaction, startedAtMs: number, nowMs: number, executions: unknown): void;
  declined(): void;
  refused(error: AnswerError, slot: Slot): void;
  gaveUp(): void;
  outcomeUnknown(): void;
  /** It has no transaction any more. */
  idle(slot: Slot, nowMs: number): void;
  /** The run cannot go on. */
  failed(error: BenchError): void;
}

/** Until a member that refused, or went, is asked again. */
export const reconnectMs = 250;
const backoffMsMax = 64;

const connectionLost: AnswerError = { code: 'CONNECTION_LOST', message: 'the connection was lost', retry: 'elsewhere' };

export class Slot {
  /** Over all load generators. */
  readonly number: number;
  /** Its place on its connection. */
  readonly at: number;
  readonly host: SlotHost;
  readonly #setup: SlotSetup;
  #state: 'idle' | 'asking' | 'paused' = 'idle';
  #transaction: LoadTransaction | null = null;
  #startedAtMs = 0;
  #attempts = 0;
  #attempt: Attempt | null = null;
  #round: Round = [];
  #results: unknown[] = [];
  #unanswered = 0;
  /** Of the round: the error of the earliest request that has one, and that request's place. */
  #error: AnswerError | null = null;
  #errorAt = 0;

  constructor(place: { number: number; at: number; host: SlotHost }, setup: SlotSetup) {
    this.number = place.number;
    this.at = place.at;
    this.host = place.host;
    this.#setup = setup;
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  get isAsking(): boolean {
    return this.#state === 'asking';
  }

  /** `startedAtMs`: from when its latency counts. */
  start(startedAtMs: number, nowMs: number): void {
    this.#transaction = this.#setup.workload.draw(this.number);
    this.#startedAtMs = startedAtMs;
    this.#attempts = 0;
    this.#tryOnce(nowMs);
  }

  /** The connection is there again, or the wait is over. */
  resume(nowMs: number): void {
    if (this.#state === 'paused') this.#tryOnce(nowMs);
  }

  /** `at`: the place of the request in its round. Returns whether such an answer was awaited. */
  answered(at: number, answer: Answer, nowMs: number): boolean {
    if (this.#state !== 'asking' || at >= this.#round.length) return false;
    if (answer.ok) this.#results[at] = answer.result;
    else if (this.#error === null || at < this.#errorAt) {
      this.#error = answer.error!;
      this.#errorAt = at;
    }
    this.#unanswered--;
    if (this.#unanswered > 0) return true;
    if (this.#error !== null) this.#stopped(this.#error, nowMs);
    else this.#advance(this.#results, nowMs);
    return true;
  }

  connectionLost(nowMs: number): void {
    if (this.#state !== 'asking') return;
    if (this.#mayBeCommitted()) this.#endUnknown(nowMs);
    else this.#refused(connectionLost, nowMs);
  }

  /** What it waits for is waited for no longer. */
  giveUp(nowMs: number): void {
    if (this.#state === 'idle') return;
    if (this.#state === 'asking' && this.#mayBeCommitted()) this.#endUnknown(nowMs);
    else this.#endGivenUp(nowMs);
  }

  #tryOnce(nowMs: number): void {
    if (!this.host.isAvailable) {
      this.#state = 'paused';
      return;
    }
    this.#attempts++;
    this.#attempt = this.#setup.workload.attempt(this.#transaction!);
    this.#advance([], nowMs);
  }

  #advance(results: readonly unknown[], nowMs: number): void {
    let step: IteratorResult<Round, AttemptEnd>;
    try {
      step = this.#attempt!.next(results);
    } catch (error) {
      if (!(error instanceof BenchError)) throw error;
      this.#setup.events.failed(error);
      return;
    }
    if (step.done) {
      this.#finish(step.value, results, nowMs);
      return;
    }
    this.#state = 'asking';
    this.#round = step.value;
    this.#results = new Array(step.value.length);
    this.#unanswered = step.value.length;
    this.#error = null;
    this.host.send(this, step.value);
  }

  #finish(end: AttemptEnd, results: readonly unknown[], nowMs: number): void {
    const { events } = this.#setup;
    if (end === 'declined') events.declined();
    else {
      const last = results.at(-1) as { readonly attempts?: unknown } | undefined;
      events.committed(this.#transaction!, this.#startedAtMs, nowMs, last?.attempts);
    }
    this.#becomeIdle(nowMs);
  }

  #stopped(error: AnswerError, nowMs: number): void {
    const isOfLast = this.#errorAt === this.#round.length - 1;
    const isUnknown = error.retry === 'withKey' || error.code === 'TIMEOUT';
    if (isOfLast && isUnknown && canCommit(this.#round.at(-1)!)) this.#endUnknown(nowMs);
    else this.#refused(error, nowMs);
  }

  #refused(error: AnswerError, nowMs: number): void {
    const { events, attemptsMax } = this.#setup;
    // An expectation of its own that failed: what it read was changed meanwhile.
    const mayRunAgain = error.retry !== 'no' || error.code === 'EXPECTATION_FAILED';
    if (!mayRunAgain) {
      events.failed(new BenchError({ code: 'LOAD', message: `the load was refused: ${error.code}: ${error.message}` }));
      return;
    }
    events.refused(error, this);
    const { tx, op } = this.#round.at(-1)!;
    if (tx !== undefined && op !== 'commit') this.host.rollBack(this, tx);
    if (error.retry === 'elsewhere') this.host.moveElsewhere();
    if (this.#attempts >= attemptsMax) {
      this.#endGivenUp(nowMs);
      return;
    }
    const waitMs = error.retryAfterMs ?? this.#backoffMs();
    if (waitMs === 0) {
      this.#tryOnce(nowMs);
      return;
    }
    this.#state = 'paused';
    setTimeout(() => this.resume(performance.now()), waitMs);
  }

  #backoffMs(): number {
    if (this.#attempts === 1) return 0;
    return 1 + this.#setup.random.below(Math.min(backoffMsMax, 2 ** (this.#attempts - 1)));
  }

  /** Of the round outstanding: whether it asked for the commit, and no answer stood in the way of that. */
  #mayBeCommitted(): boolean {
    return this.#error === null && canCommit(this.#round.at(-1)!);
  }

  #endUnknown(nowMs: number): void {
    this.#setup.workload.outcomeUnknown(this.#transaction!);
    this.#setup.events.outcomeUnknown();
    this.#becomeIdle(nowMs);
  }

  #endGivenUp(nowMs: number): void {
    this.#setup.events.gaveUp();
    this.#becomeIdle(nowMs);
  }

  #becomeIdle(nowMs: number): void {
    this.#state = 'idle';
    this.#transaction = null;
    this.#attempt = null;
    this.#setup.events.idle(this, nowMs);
  }
}

export interface SlotSetup {
  readonly workload: Workload;
  readonly events: SlotEvents;
  readonly attemptsMax: number;
  readonly random: SeededRandom;
}

const reads: ReadonlySet<string> = new Set(['get', 'getMany', 'scan', 'count']);

function canCommit({ op, tx }: LoadRequest): boolean {
  return tx === undefined ? !reads.has(op) : op === 'commit';
}
