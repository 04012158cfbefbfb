/**
 * H13: a leader's stamp does not run away with its clock: of a majority's clocks at least two have been as far, but for the
 * bound. What a leader has heard of other clocks may be old, and those that were ahead may have been set back since; so
 * it is compared with the furthest that the second of all clocks has ever been.
 */
import { formatIsoTime } from '../../gcs/base/index.ts';
import type { LogEntry } from '../../gcs/core/index.ts';
import type { SimulatedWorld } from '../world/index.ts';
import type { Judge } from './judge.ts';

/** Of clocks that run too fast or too slow, over what a leader may have heard last, and of an entry's way. */
const SLACK_MS = 15_000;

export class StampWatch {
  readonly #world: SimulatedWorld;
  readonly #judge: Judge;
  readonly #boundMs: number;
  readonly #votersLeast: () => number;
  #furthestMs = 0;

  constructor(setup: { world: SimulatedWorld; judge: Judge; boundMs: number; votersLeast: () => number }) {
    this.#world = setup.world;
    this.#judge = setup.judge;
    this.#boundMs = setup.boundMs;
    this.#votersLeast = setup.votersLeast;
    this.#world.clocksLookedAt = () => this.#look();
  }

  /** The next of the order. */
  ordered({ index, stampMs }: LogEntry): void {
    // One that is alone has its own clock.
    if (this.#votersLeast() < 2) return;
    this.#look();
    const atMostMs = this.#furthestMs + this.#boundMs + SLACK_MS;
    this.#judge.check(
      stampMs <= atMostMs,
      () =>
        `index ${index} is stamped ${formatIsoTime(stampMs)}; two clocks have not been beyond ${formatIsoTime(this.#furthestMs)}`,
    );
  }

  #look(): void {
    const walls = this.#world.hosts.map(({ clock }) => clock.wallMs).sort((a, b) => b - a);
    this.#furthestMs = Math.max(this.#furthestMs, walls[1] ?? walls[0] ?? 0);
  }
}
