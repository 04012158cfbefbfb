/**
 * Deadlines of all connections, looked at by one timer that runs only while there are any: adding and removing one
 * costs no timer. They pass up to `SWEEP_MS` late.
 */
import type { Clock, ScheduledCall } from '../../../gcs/base/index.ts';

const SWEEP_MS = 10;

export interface Deadline {
  readonly atMs: number;
  /** Called once, in a turn of its own. */
  readonly passed: () => void;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #pending = new Set<Deadline>();
  #sweep: ScheduledCall | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `atMs`: monotonic. */
  add(atMs: number, passed: () => void): Deadline {
    const deadline = { atMs, passed };
    this.#pending.add(deadline);
    this.#sweep ??= this.#clock.schedule(SWEEP_MS, this.#look);
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
    if (this.#pending.size > 0) this.#sweep ??= this.#clock.schedule(SWEEP_MS, this.#look);
  };
}
