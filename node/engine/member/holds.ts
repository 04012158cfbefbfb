/** Numbers that somebody needs; the lowest of them counts. As many as transactions are under way; asked for now and then. */
export interface Hold {
  /** Harmless when it is called again. */
  release(): void;
}

export class Holds {
  readonly #held = new Set<HeldNumber>();

  /** Null: none is held. Cost: O(held). */
  get lowest(): number | null {
    let lowest: number | null = null;
    for (const { number } of this.#held) if (lowest === null || number < lowest) lowest = number;
    return lowest;
  }

  hold(number: number): Hold {
    const held = new HeldNumber(number, this.#held);
    this.#held.add(held);
    return held;
  }
}

class HeldNumber implements Hold {
  readonly number: number;
  readonly #among: Set<HeldNumber>;

  constructor(number: number, among: Set<HeldNumber>) {
    this.number = number;
    this.#among = among;
  }

  release(): void {
    this.#among.delete(this);
  }
}
