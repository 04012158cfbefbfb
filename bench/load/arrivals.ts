/** When the transactions of an open loop are to start, whatever becomes of those before them. */
import type { SeededRandom } from '../../gcs/base/index.ts';

export type Spacing = 'poisson' | 'even';

export interface ArrivalPlan {
  /** Of all load generators together. */
  readonly ratePerSecond: number;
  readonly spacing: Spacing;
  /** Which of how many generators this is, from 0: each makes an equal share, and even ones interleave. */
  readonly generator: number;
  readonly generators: number;
}

export class Arrivals {
  readonly #random: SeededRandom;
  readonly #spacing: Spacing;
  readonly #intervalMs: number;
  readonly #firstMs: number;
  #count = 0;
  #lastMs = 0;

  constructor(plan: ArrivalPlan, random: SeededRandom) {
    this.#random = random;
    this.#spacing = plan.spacing;
    this.#intervalMs = (1000 * plan.generators) / plan.ratePerSecond;
    this.#firstMs = (1000 * plan.generator) / plan.ratePerSecond;
  }

  /** The next one, in milliseconds since the load began; never earlier than the one before. */
  next(): number {
    if (this.#spacing === 'even') return this.#firstMs + this.#intervalMs * this.#count++;
    const share = this.#random.below(2 ** 32) / 2 ** 32;
    this.#lastMs -= Math.log1p(-share) * this.#intervalMs;
    return this.#lastMs;
  }
}
