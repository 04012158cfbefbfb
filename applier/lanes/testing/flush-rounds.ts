/** What the power-cut test flushes, round by round: fixed, so that the rows as of a flush point are known. */
import type { RowKey } from '../../../certifier/types.ts';
import { laneOf } from '../../lane-of.ts';
import type { BaseRow, FlushBatch } from '../../types.ts';

export const ROUNDS = 3;
/** Sequence numbers a round. */
const ROUND = 10;

/** The batch of `lane` in a round, from 1. */
export function batchOf(round: number, { lane, laneCount }: { lane: number; laneCount: number }): FlushBatch {
  const rows: FlushBatch['rows'][number][] = [];
  for (let i = 0; i < 60; i++) {
    const number = (i * 7 + round * 13) % 90;
    const key = `\0\0\0${String.fromCharCode(1 + (number % 3))}${String.fromCharCode(number)}`;
    if (laneOf(key, laneCount) !== lane || rows.some((row) => row.key === key)) continue;
    const sequenceNumber = (round - 1) * ROUND + 1 + (i % ROUND);
    const isDelete = (i + round) % 5 === 0;
    // Some rows need pages of their own.
    const imageBytes = number % 11 === 0 ? 9000 : 40 + number;
    rows.push({ key, sequenceNumber, image: isDelete ? null : new Uint8Array(imageBytes).fill(round * 16 + (i % 16)) });
  }
  const clear = round % 3 === 0 ? [{ from: '\0\0\0\x02', to: '\0\0\0\x03' }] : [];
  return { upTo: round * ROUND, clear, rows: rows.filter(({ key }) => clear.length === 0 || key[3] !== '\x02') };
}

/** The rows of `lane` at a flush point, sorted by key; null if no round ends there. */
export function rowsAt(
  flushedUpTo: number,
  place: { lane: number; laneCount: number },
): readonly (readonly [RowKey, BaseRow])[] | null {
  if (flushedUpTo % ROUND !== 0) return null;
  const rows = new Map<RowKey, BaseRow>();
  for (let round = 1; round * ROUND <= flushedUpTo; round++) {
    const batch = batchOf(round, place);
    for (const { from, to } of batch.clear) {
      for (const key of rows.keys()) if (key >= from && key < to) rows.delete(key);
    }
    for (const { key, sequenceNumber, image } of batch.rows) {
      if (image === null) rows.delete(key);
      else rows.set(key, { sequenceNumber, image });
    }
  }
  return [...rows].sort((a, b) => (a[0] < b[0] ? -1 : 1));
}
