/** How often each thing of a kind has happened: faults that struck, or situations that came up. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(kind: string, times = 1): void {
    this.#counts.set(kind, this.of(kind) + times);
  }

  of(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** Sorted by name. */
  entries(): readonly (readonly [string, number])[] {
    return [...this.#counts].sort((one, other) => (one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : 0));
  }
}
