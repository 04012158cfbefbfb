/** Ranges of rows that went at one sequence number, until every lane has flushed that. */
import type { RowKey } from '../certifier/types.ts';
import type { SequenceNumber } from '../gcs/base/index.ts';
import type { KeyRange } from './types.ts';

export interface Clear {
  readonly range: KeyRange;
  readonly sequenceNumber: SequenceNumber;
}

export class Clears {
  /** Ascending. */
  #clears: Clear[] = [];

  /** As of a sequence number that is not below any before. */
  add(clear: Clear): void {
    this.#clears.push(clear);
  }

  /** Those up to `horizon`. */
  upTo(horizon: SequenceNumber): readonly Clear[] {
    return this.#clears.filter(({ sequenceNumber }) => sequenceNumber <= horizon);
  }

  /** Every lane has flushed those up to `horizon`. */
  dropUpTo(horizon: SequenceNumber): void {
    this.#clears = this.#clears.filter((clear) => clear.sequenceNumber > horizon);
  }

  /** The image of the version of a row that `snapshot` finds; undefined where the row is gone. */
  imageAt(
    key: RowKey,
    { image, sequenceNumber }: { readonly image: Uint8Array | null; readonly sequenceNumber: SequenceNumber },
    snapshot: SequenceNumber,
  ): Uint8Array | undefined {
    if (image === null || this.isCleared(key, sequenceNumber, snapshot)) return undefined;
    return image;
  }

  /** Whether a clear took the version of `key` made at `written` away, as `snapshot` sees it. */
  isCleared(key: RowKey, written: SequenceNumber, snapshot: SequenceNumber): boolean {
    for (const { range, sequenceNumber } of this.#clears) {
      if (sequenceNumber > snapshot) return false;
      if (sequenceNumber > written && key >= range.from && key < range.to) return true;
    }
    return false;
  }
}
