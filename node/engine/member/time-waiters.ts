/**
 * Who waits until no commit can be as early any more as a time that it names (H13): until the group's order has a record
 * that is stamped beyond it. Where there is work one comes by itself, mostly before anybody asks. So that one comes in a
 * group without work, too, somebody who waits has a time mark ordered, one at a time for all who wait; its stamp is the
 * leader's.
 */
import { compareCommitTimes, encodeGroupMessage } from '../../../certifier/index.ts';
import type { CommitTime } from '../../../certifier/types.ts';
import type { Clock, ScheduledCall } from '../../../gcs/base/index.ts';

/** A mark that came too early is followed by another one after so long at least, and at most. */
const AGAIN_MS_MIN = 10;
const AGAIN_MS_MAX = 1000;
/** One that found no quorum for so long is given up. */
const PROPOSAL_WAIT_MS = 1000;

export interface TimeWaitersSetup {
  readonly clock: Clock;
  /** How far time has come here; null: this member is not rebuilt yet. */
  readonly reached: () => CommitTime | null;
  /** Into the group's order; `answered` once, in a later turn, also if it is not to be; never when this run is over. */
  readonly propose: (encoded: Uint8Array, deadlineMs: number, answered: () => void) => void;
}

interface Waiter {
  readonly time: CommitTime;
  readonly done: () => void;
}

export class TimeWaiters {
  readonly #setup: TimeWaitersSetup;
  readonly #waiting = new Set<Waiter>();
  /** Of those that wait, or earlier. Null: nobody does. */
  #earliest: CommitTime | null = null;
  #isProposing = false;
  #again: ScheduledCall | null = null;

  constructor(setup: TimeWaitersSetup) {
    this.#setup = setup;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Calls `done` once every later commit is later than `time`: now, or in the turn in which that comes true. */
  add(time: CommitTime, done: () => void): { cancel(): void } {
    if (this.#isReached(time)) {
      done();
      return { cancel: () => {} };
    }
    const waiter = { time, done };
    this.#waiting.add(waiter);
    if (this.#earliest === null || compareCommitTimes(time, this.#earliest) < 0) {
      this.#earliest = time;
      // The next mark is as late as the others can bear.
      this.#again?.cancel();
      this.#again = null;
    }
    if (this.#again === null) this.#propose();
    return { cancel: () => this.#remove(waiter) };
  }

  /** Time may have come further. Cost: O(1) while it has not come to anybody's. */
  look(): void {
    if (this.#earliest === null || !this.#isReached(this.#earliest)) return;
    for (const waiter of [...this.#waiting]) {
      if (this.#isReached(waiter.time) && this.#waiting.delete(waiter)) waiter.done();
    }
    this.#findEarliest();
  }

  #remove(waiter: Waiter): void {
    if (this.#waiting.delete(waiter)) this.#findEarliest();
  }

  #findEarliest(): void {
    this.#earliest = null;
    for (const { time } of this.#waiting) {
      if (this.#earliest === null || compareCommitTimes(time, this.#earliest) < 0) this.#earliest = time;
    }
    if (this.#earliest !== null) return;
    this.#again?.cancel();
    this.#again = null;
  }

  #isReached(time: CommitTime): boolean {
    const reached = this.#setup.reached();
    return reached !== null && compareCommitTimes(reached, time) >= 0;
  }

  #propose(): void {
    if (this.#isProposing) return;
    const { clock, propose } = this.#setup;
    this.#isProposing = true;
    propose(encodeGroupMessage({ kind: 'time-mark' }), clock.monotonicMs() + PROPOSAL_WAIT_MS, () => {
      this.#isProposing = false;
      if (this.#earliest !== null) this.#proposeAgain(this.#earliest);
    });
  }

  /** When the leader's clock is beyond `time`, if it is what the last stamp says. */
  #proposeAgain(time: CommitTime): void {
    if (this.#again !== null) return;
    const missingMs = time.physicalMs + 1 - (this.#setup.reached()?.physicalMs ?? 0);
    const delayMs = Math.min(Math.max(missingMs, AGAIN_MS_MIN), AGAIN_MS_MAX);
    this.#again = this.#setup.clock.schedule(delayMs, () => {
      this.#again = null;
      this.#propose();
    });
  }
}
