/** The rows of a range as a snapshot sees them: what the overlay has of them before what the lanes have. */
import type { RowKey } from '../certifier/types.ts';
import type { SequenceNumber } from '../gcs/base/index.ts';
import type { Clears } from './clears.ts';
import type { Overlay, Version } from './overlay.ts';
import type { BaseRow, KeyRange, LaneStore } from './types.ts';

export interface RowSources {
  readonly lanes: readonly LaneStore[];
  readonly overlay: Overlay;
  readonly clears: Clears;
}

export interface RowsWanted {
  readonly range: KeyRange;
  readonly snapshot: SequenceNumber;
  /** In key order backwards. */
  readonly reverse: boolean;
}

/** In key order; `make`: of each row what is wanted of it. To be used up in the turn in which it was made. */
export function* scanRows<T>(
  { lanes, overlay, clears }: RowSources,
  { range, snapshot, reverse }: RowsWanted,
  make: (key: RowKey, image: Uint8Array, sequenceNumber: SequenceNumber) => T,
): Generator<T> {
  const base = lanes.map((lane) => new Head(lane.scan(range, reverse)));
  const recent = new Head(overlay.scan(range, reverse));
  try {
    for (;;) {
      let first: RowKey | null = recent.key;
      for (const { key } of base) {
        if (key !== null && (first === null || (reverse ? key > first : key < first))) first = key;
      }
      if (first === null) return;
      let row: BaseRow | Version | null = null;
      for (const head of base) {
        if (head.key !== first) continue;
        row = head.value!;
        head.advance();
      }
      if (recent.key === first) {
        let version: Version | null = recent.value!;
        while (version !== null && version.sequenceNumber > snapshot) version = version.older;
        row = version ?? row;
        recent.advance();
      }
      if (row === null) continue;
      const image = clears.imageAt(first, row, snapshot);
      if (image !== undefined) yield make(first, image, row.sequenceNumber);
    }
  } finally {
    for (const head of base) head.close();
    recent.close();
  }
}

/** The first of a sorted sequence of pairs. */
class Head<T> {
  readonly #iterator: Iterator<readonly [RowKey, T]>;
  key: RowKey | null = null;
  value: T | null = null;

  constructor(pairs: Iterable<readonly [RowKey, T]>) {
    this.#iterator = pairs[Symbol.iterator]();
    this.advance();
  }

  advance(): void {
    const next = this.#iterator.next();
    this.key = next.done ? null : next.value[0];
    this.value = next.done ? null : next.value[1];
  }

  close(): void {
    this.#iterator.return?.();
  }
}
