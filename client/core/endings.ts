/** Who wants to know when the client closes. An array for the reason given in `outstanding.ts`. */
export interface Ending {
  /** Kept by `Endings`: where it stands; -1 when it does not. */
  place: number;
  /** The client closes. Called once at most, and not after it was removed. */
  clientClosed(): void;
}

export class Endings {
  readonly #all: Ending[] = [];

  add(ending: Ending): void {
    ending.place = this.#all.length;
    this.#all.push(ending);
  }

  /** Harmless when it is not there. */
  remove(ending: Ending): void {
    const { place } = ending;
    if (place < 0) return;
    ending.place = -1;
    const last = this.#all.pop()!;
    if (last === ending) return;
    this.#all[place] = last;
    last.place = place;
  }

  closeAll(): void {
    for (const ending of [...this.#all]) {
      if (ending.place < 0) continue;
      this.remove(ending);
      ending.clientClosed();
    }
  }
}
