/** The clocks of one host. The wall clock may be off, drift and jump; the monotonic one drifts, too, but never goes back. */
import type { Clock, ScheduledCall } from '../../gcs/base/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedWorld } from './simulated-world.ts';

/** 2026-01-01T00:00:00Z */
const WORLD_BEGAN_AT_MS = 1_767_225_600_000;

export class SimulatedClock {
  readonly #world: SimulatedWorld;
  /** Where the monotonic clock stood when its rate last changed. */
  #anchorUs = 0;
  #anchorMonotonicUs = 0;
  #rate = 1;
  #wallOffsetMs = 0;

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  get rate(): number {
    return this.#rate;
  }

  get monotonicUs(): number {
    return this.#anchorMonotonicUs + (this.#world.nowUs - this.#anchorUs) * this.#rate;
  }

  get wallMs(): number {
    return Math.floor(WORLD_BEGAN_AT_MS + this.monotonicUs / 1000 + this.#wallOffsetMs);
  }

  /** 1.1: it runs a tenth too fast from now on. */
  drift(rate: number): void {
    this.#anchorMonotonicUs = this.monotonicUs;
    this.#anchorUs = this.#world.nowUs;
    this.#rate = rate;
  }

  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  of(process: SimulatedProcess): Clock {
    return {
      monotonicMs: () => this.monotonicUs / 1000,
      wallMs: () => this.wallMs,
      schedule: (delayMs: number, callback: () => void): ScheduledCall =>
        // Rounded up: a timer never fires before its time on the clock of its host.
        delayMs <= 0 ? process.soon(callback) : process.after(Math.ceil((delayMs * 1000) / this.#rate), callback),
    };
  }
}
