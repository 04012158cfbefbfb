/** Who wrote one key, in order: added at the end, given up from the front, found by halving, however many there are. */
import type { SequenceNumber } from '../gcs/base/index.ts';
import type { StampedTransaction } from './serial-stamps.ts';

/** Those that were given up are taken out of the list so many at a time, or more. */
const TRIM_AT = 32;

export class KeyVersions {
  #writers: StampedTransaction[];
  #first = 0;

  constructor(writer: StampedTransaction) {
    this.#writers = [writer];
  }

  get isEmpty(): boolean {
    return this.#first === this.#writers.length;
  }

  /** Behind all that were added. */
  add(writer: StampedTransaction): void {
    this.#writers.push(writer);
  }

  /** Cost: O(1), as a rule. */
  giveUpFirst(): void {
    this.#first++;
    if (this.#first < TRIM_AT || this.#first * 2 < this.#writers.length) return;
    this.#writers = this.#writers.slice(this.#first);
    this.#first = 0;
  }

  firstBehind(sequenceNumber: SequenceNumber): StampedTransaction | undefined {
    return this.#writers[this.#placeBehind(sequenceNumber)];
  }

  lastUpTo(sequenceNumber: SequenceNumber): StampedTransaction | undefined {
    const at = this.#placeBehind(sequenceNumber) - 1;
    return at < this.#first ? undefined : this.#writers[at];
  }

  #placeBehind(sequenceNumber: SequenceNumber): number {
    let from = this.#first;
    let to = this.#writers.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#writers[middle]!.sequenceNumber > sequenceNumber) to = middle;
      else from = middle + 1;
    }
    return from;
  }
}
