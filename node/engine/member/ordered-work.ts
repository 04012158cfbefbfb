/**
 * What comes in the group's order, one after the other: the small in the turn in which it comes, the large in slices, a
 * turn each, so that heartbeats, reads and other members' entries are served in between. What comes behind something
 * that is under way waits for it.
 */
import type { Clock, ScheduledCall } from '../../../gcs/base/index.ts';

/** What is to be done in slices, one at each `next`. */
export type Slices = Generator<void, void, void>;

export interface OrderedWorkSetup {
  readonly clock: Clock;
  /** Something waits or is under way from now on, or no more: bring nothing else meanwhile. It may come all the same. */
  readonly busyChanged: (isBusy: boolean) => void;
  /** Runs what a later turn does, and takes care of what it throws. */
  readonly guard: (work: () => void) => void;
}

export class OrderedWork {
  readonly #setup: OrderedWorkSetup;
  #underWay: Slices | null = null;
  readonly #waiting: (() => Slices | null)[] = [];
  #scheduled: ScheduledCall | null = null;
  #isStopped = false;

  constructor(setup: OrderedWorkSetup) {
    this.#setup = setup;
  }

  /** Something has come that is not done: under way, or behind that. */
  get isBusy(): boolean {
    return this.#underWay !== null || this.#waiting.length > 0;
  }

  /** `begin` does its work at once, or tells the slices of it. Called within this call, or when its turn has come. */
  take(begin: () => Slices | null): void {
    if (this.#isStopped) return;
    if (this.isBusy) {
      this.#waiting.push(begin);
      return;
    }
    this.#begin(begin);
    if (this.isBusy) this.#setup.busyChanged(true);
  }

  /** What is under way is left as it is, and nothing is taken any more. */
  stop(): void {
    this.#isStopped = true;
    this.#scheduled?.cancel();
    this.#waiting.length = 0;
  }

  #begin(begin: () => Slices | null): void {
    this.#underWay = begin();
    if (this.#underWay !== null) this.#takeSlice();
  }

  #takeSlice(): void {
    if (this.#underWay!.next().done) {
      this.#underWay = null;
      return;
    }
    this.#scheduled = this.#setup.clock.schedule(0, () => this.#setup.guard(() => this.#goOn()));
  }

  #goOn(): void {
    if (this.#isStopped) return;
    this.#takeSlice();
    while (this.#underWay === null && this.#waiting.length > 0 && !this.#isStopped) this.#begin(this.#waiting.shift()!);
    if (!this.isBusy) this.#setup.busyChanged(false);
  }
}
