/** Numbers that somebody needs; the lowest of them counts. Few at a time. */
export class Holds {
  readonly #held = new Map<number, number>();

  /** Null: none is held. */
  get lowest(): number | null {
    let lowest: number | null = null;
    for (const number of this.#held.keys()) if (lowest === null || number < lowest) lowest = number;
    return lowest;
  }

  /** `release` is harmless when it is called again. */
  hold(number: number): { release(): void } {
    this.#held.set(number, (this.#held.get(number) ?? 0) + 1);
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        const left = this.#held.get(number)! - 1;
        if (left > 0) this.#held.set(number, left);
        else this.#held.delete(number);
      },
    };
  }
}
