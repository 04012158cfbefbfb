/**
 * Deadlines of all connections, looked at by one timer that runs only while there are any: when the earliest of them is
 * due, and at least each `SWEEP_MS_MAX`. Adding one costs a timer only if it is earlier than that, removing one never
 * does. They pass up to `SWEEP_MS` late.
 */
import type { Clock, ScheduledCall } from '../../../gcs/base/index.ts';

const SWEEP_MS = 10;
const SWEEP_MS_MAX = 500;

export interface Deadline {
  readonly atMs: number;
  /** Called once, in a turn of its own. */
  readonly passed: () => void;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #pending = new Set<Deadline>();
  #sweep: ScheduledCall | null = null;
  /** When it is due. Monotonic. */
  #sweepMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `atMs`: monotonic. */
  add(atMs: number, passed: () => void): Deadline {
    const deadline = { atMs, passed };
    this.#pending.add(deadline);
    this.#lookAt(atMs);
    return deadline;
  }

  remove(deadline: Deadline): void {
    this.#pending.delete(deadline);
  }

  /** Nothing passes any more. */
  stop(): void {
    this.#sweep?.cancel();
    this.#sweep = null;
    this.#pending.clear();
  }

  readonly #look = (): void => {
    this.#sweep = null;
    const nowMs = this.#clock.monotonicMs();
    for (const deadline of [...this.#pending]) {
      if (deadline.atMs <= nowMs && this.#pending.delete(deadline)) deadline.passed();
    }
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const { atMs } of this.#pending) earliestMs = Math.min(earliestMs, atMs);
    if (this.#pending.size > 0) this.#lookAt(earliestMs);
  };

  #lookAt(atMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    const dueMs = Math.min(Math.max(atMs, nowMs + SWEEP_MS), nowMs + SWEEP_MS_MAX);
    if (this.#sweep !== null && this.#sweepMs <= dueMs) return;
    this.#sweep?.cancel();
    this.#sweepMs = dueMs;
    this.#sweep = this.#clock.schedule(dueMs - nowMs, this.#look);
  }
}
