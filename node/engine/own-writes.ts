/**
 * What a transaction has written, in key order: made once for all the ranges that a statement looks through, so that one
 * that looks for what belongs to each of many rows does not go through all that was written for each of them. Good until
 * something is written or taken back.
 */
import type { RowKey } from '../../certifier/types.ts';
import type { BufferedRow } from './write-set.ts';

export type OwnWrite = readonly [RowKey, BufferedRow];

export class OwnWrites {
  readonly #rows: ReadonlyMap<RowKey, BufferedRow>;
  #wasAsked = false;
  /** Null: only one range was looked through so far, which is not worth putting all in order. */
  #sorted: readonly OwnWrite[] | null = null;

  constructor(rows: ReadonlyMap<RowKey, BufferedRow>) {
    this.#rows = rows;
  }

  /** From `from` to before `to`, in key order. Cost: O(found + log written), but for the first two times O(written). */
  between(from: RowKey, to: RowKey): OwnWrite[] {
    if (this.#sorted === null && this.#wasAsked) this.#sorted = this.#inOrder(() => true);
    this.#wasAsked = true;
    const sorted = this.#sorted;
    if (sorted === null) return this.#inOrder((key) => key >= from && key < to);
    return sorted.slice(firstFrom(sorted, from), firstFrom(sorted, to));
  }

  #inOrder(isWanted: (key: RowKey) => boolean): OwnWrite[] {
    const found: OwnWrite[] = [];
    for (const write of this.#rows) if (write[1].isWritten && isWanted(write[0])) found.push(write);
    return found.sort(([left], [right]) => (left < right ? -1 : 1));
  }
}

/** The place of the first that is not before `key`. */
function firstFrom(sorted: readonly OwnWrite[], key: RowKey): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]![0] < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
