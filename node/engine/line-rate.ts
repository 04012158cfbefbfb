/** How many lines of one kind a log gets: at most so many a second, and how many were left out is known to the next. */
export class LineRate {
  readonly #perSecondMax: number;
  #second = -1;
  #written = 0;
  #leftOut = 0;

  constructor(perSecondMax: number) {
    this.#perSecondMax = perSecondMax;
  }

  /** One more is to be written, at `nowMs`. Null: leave it out. Else how many were left out before it. */
  take(nowMs: number): number | null {
    const second = Math.floor(nowMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#written = 0;
    }
    if (this.#written >= this.#perSecondMax) {
      this.#leftOut++;
      return null;
    }
    this.#written++;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return leftOut;
  }
}
