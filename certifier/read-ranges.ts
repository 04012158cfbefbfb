/** Ranges that a transaction has read: ascending, none touching another. */
import type { SequenceNumber } from '../gcs/base/index.ts';
import type { ReadRange, RowKey } from './types.ts';

/** The range that has `key`, or null. */
export function rangeAround(ranges: readonly ReadRange[], key: RowKey): ReadRange | null {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.from <= key) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return null;
  const range = ranges[low - 1]!;
  return key < range.to ? range : null;
}

interface Written {
  readonly key: RowKey;
  readonly sequenceNumber: SequenceNumber;
}

/** The newest that is in a range, of those written after the snapshot. */
export function newestWithin<W extends Written>(
  newestFirst: Iterable<W>,
  ranges: readonly ReadRange[],
  snapshotVersion: SequenceNumber,
): { readonly range: ReadRange; readonly written: W } | null {
  for (const written of newestFirst) {
    if (written.sequenceNumber <= snapshotVersion) return null;
    const range = rangeAround(ranges, written.key);
    if (range !== null) return { range, written };
  }
  return null;
}

/** Whether they are as `Transaction` has them. */
export function areInOrder(ranges: readonly ReadRange[]): boolean {
  return ranges.every(({ from, to }, at) => from < to && (at === 0 || ranges[at - 1]!.to < from));
}
