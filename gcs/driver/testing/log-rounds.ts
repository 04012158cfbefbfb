/** What the log of the power cut test is given. */
import type { LogEntry, PersistRequest } from '../../core/index.ts';
import type { SegmentLogOptions } from '../../core/log/segment-log.ts';

export const ROUNDS = 40;
export const IDENTITY = { memberId: '0b0e7a3c-9a0e-4b52-8a52-5f3f6c1d2e3f' };
export const OPTIONS: SegmentLogOptions = { segmentBytes: 16_384, cacheBytesMax: 1000, blockBytesMax: 8192 };

export function entryOf(index: number): LogEntry {
  return {
    index,
    term: 1 + Math.floor(index / 10),
    kind: 'message',
    origin: index % 3,
    incarnation: 1,
    messageNumber: index,
    stampMs: index,
    isCompressed: false,
    payload: new Uint8Array((index * 331) % 2500).fill(index),
  };
}

export function requestOf(round: number): PersistRequest {
  const entry = entryOf(round);
  return { number: round, hardState: { term: entry.term, votedFor: round % 3, claim: null }, entries: [entry] };
}
