/**
 * Which conflicts are kept in detail: all of them up to so many a second, and above that one of so many, which stands for
 * those before it that are not kept. So what the kept ones stand for is always the number of all, but for the last few.
 *
 * Time is handed in: of conflicts in the total order the leader's stamps, so that members keep the same ones.
 */
export interface SamplingOptions {
  readonly exactPerSecondMax: number;
  /** Above it one of so many is kept. */
  readonly oneOf: number;
}

export class ConflictSampling {
  readonly #options: SamplingOptions;
  #second = -1;
  #inSecond = 0;
  #leftOut = 0;

  constructor(options: SamplingOptions) {
    this.#options = options;
  }

  /** How many the next one stands for if it is kept, itself included; 0: it is not. */
  take(nowMs: number): number {
    const { exactPerSecondMax, oneOf } = this.#options;
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond = 0;
    }
    this.#inSecond++;
    if (this.#inSecond > exactPerSecondMax && this.#leftOut < oneOf - 1) {
      this.#leftOut++;
      return 0;
    }
    const standsFor = this.#leftOut + 1;
    this.#leftOut = 0;
    return standsFor;
  }
}
