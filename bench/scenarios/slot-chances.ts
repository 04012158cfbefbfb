import { SeededRandom } from '../../gcs/base/index.ts';

export interface SlotChance {
  readonly random: SeededRandom;
  /** Transactions that the slot has drawn. */
  drawn: number;
}

/** The chance of each slot, fixed by the seed and the slot's number alone. */
export class SlotChances {
  readonly #random: SeededRandom;
  readonly #chances = new Map<number, SlotChance>();

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  of(slot: number): SlotChance {
    let chance = this.#chances.get(slot);
    if (chance === undefined) {
      chance = { random: this.#random.split(`slot ${slot}`), drawn: 0 };
      this.#chances.set(slot, chance);
    }
    return chance;
  }
}
