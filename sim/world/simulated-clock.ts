/** The clocks of one host. The wall clock may be off, drift and jump; the monotonic one drifts, too, and may stand still, but never goes back. */
import type { Clock, ScheduledCall } from '../../gcs/base/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedWorld } from './simulated-world.ts';

/** 2026-01-01T00:00:00Z */
export const WORLD_BEGAN_AT_MS = 1_767_225_600_000;

export class SimulatedClock {
  readonly #world: SimulatedWorld;
  /** Where the monotonic clock stood when its rate last changed. */
  #anchorUs = 0;
  #anchorMonotonicUs = 0;
  #rate = 1;
  #wallOffsetMs = 0;
  /** While the machine is suspended; else null. */
  #frozenSinceUs: number | null = null;

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  get rate(): number {
    return this.#rate;
  }

  get monotonicUs(): number {
    return this.#anchorMonotonicUs + ((this.#frozenSinceUs ?? this.#world.nowUs) - this.#anchorUs) * this.#rate;
  }

  get wallMs(): number {
    return Math.floor(WORLD_BEGAN_AT_MS + this.monotonicUs / 1000 + this.#wallOffsetMs);
  }

  /** 1.1: it runs a tenth too fast from now on. */
  drift(rate: number): void {
    this.#anchorMonotonicUs = this.monotonicUs;
    this.#anchorUs = this.#frozenSinceUs ?? this.#world.nowUs;
    this.#rate = rate;
  }

  jump(byMs: number): void {
    this.#changeWall(() => {
      this.#wallOffsetMs += byMs;
    });
  }

  /** The machine is suspended: its monotonic clock stands still until `thaw`. Its process has to be paused meanwhile. */
  freeze(): void {
    this.#frozenSinceUs ??= this.#world.nowUs;
  }

  /** The wall clock is right again at once. */
  thaw(): void {
    if (this.#frozenSinceUs === null) return;
    const stoodUs = this.#world.nowUs - this.#frozenSinceUs;
    this.#changeWall(() => {
      this.#anchorUs += stoodUs;
      this.#frozenSinceUs = null;
      this.#wallOffsetMs += Math.round((stoodUs * this.#rate) / 1000);
    });
  }

  #changeWall(change: () => void): void {
    this.#world.clocksLookedAt();
    change();
    this.#world.clocksLookedAt();
  }

  of(process: SimulatedProcess): Clock {
    return {
      monotonicMs: () => this.monotonicUs / 1000,
      wallMs: () => this.wallMs,
      schedule: (delayMs: number, callback: () => void): ScheduledCall =>
        delayMs <= 0 ? process.soon(callback) : this.#timer(process, this.monotonicUs + delayMs * 1000, callback),
    };
  }

  /** Never fires before its time on the clock of its host, which may slow down or stand still meanwhile. */
  #timer(process: SimulatedProcess, dueUs: number, callback: () => void): ScheduledCall {
    const waitUs = (): number => Math.ceil((dueUs - this.monotonicUs) / this.#rate);
    const turn = process.after(waitUs(), () => {
      // Less than a microsecond: the rounding of a clock that drifts.
      if (this.monotonicUs < dueUs - 1) turn.again(waitUs());
      else callback();
    });
    return turn;
  }
}
