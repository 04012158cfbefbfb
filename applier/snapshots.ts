import type { SequenceNumber } from '../gcs/base/index.ts';

/** A sequence number that a reader holds. */
export interface Snapshot {
  readonly sequenceNumber: SequenceNumber;
  /** Harmless when it has been released or ended. */
  release(): void;
}

interface Pin {
  readonly sequenceNumber: SequenceNumber;
  readonly holders: Set<() => void>;
}

/** The sequence numbers that readers hold. Most are taken at the end of the order. */
export class Snapshots {
  /** Ascending; each has a holder. */
  readonly #pins: Pin[] = [];

  get oldest(): SequenceNumber | null {
    return this.#pins[0]?.sequenceNumber ?? null;
  }

  /** @param ended Called at most once, from `endOldest`; never after `release`. */
  acquire(sequenceNumber: SequenceNumber, ended: () => void): Snapshot {
    const held = this.#pinAt(sequenceNumber);
    // A function of its own: two acquisitions may bring the same `ended`.
    const holder = () => ended();
    held.holders.add(holder);
    return { sequenceNumber, release: () => this.#release(held, holder) };
  }

  /** Whether a snapshot from `from` (inclusive) to `to` (exclusive) is held. */
  anyIn(from: SequenceNumber, to: SequenceNumber): boolean {
    const pins = this.#pins;
    if (pins.length === 0 || pins[pins.length - 1]!.sequenceNumber < from) return false;
    return pins[this.#firstAtLeast(from)]!.sequenceNumber < to;
  }

  /** Ends the oldest snapshots, up to `upTo`: they are gone before the first holder hears of it. */
  endOldest(upTo: SequenceNumber): void {
    const ended = this.#pins.splice(0, this.#firstAtLeast(upTo + 1));
    for (const pin of ended) {
      const holders = [...pin.holders];
      pin.holders.clear();
      for (const holder of holders) holder();
    }
  }

  #pinAt(sequenceNumber: SequenceNumber): Pin {
    const last = this.#pins.at(-1);
    const at =
      last === undefined || last.sequenceNumber < sequenceNumber
        ? this.#pins.length
        : this.#firstAtLeast(sequenceNumber);
    const known = this.#pins[at];
    if (known?.sequenceNumber === sequenceNumber) return known;
    const pin: Pin = { sequenceNumber, holders: new Set() };
    this.#pins.splice(at, 0, pin);
    return pin;
  }

  #release(pin: Pin, holder: () => void): void {
    if (!pin.holders.delete(holder) || pin.holders.size > 0) return;
    this.#pins.splice(this.#firstAtLeast(pin.sequenceNumber), 1);
  }

  #firstAtLeast(sequenceNumber: SequenceNumber): number {
    let low = 0;
    let high = this.#pins.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pins[middle]!.sequenceNumber < sequenceNumber) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
