/**
 * Reading the segments at start, and telling a torn tail from damage.
 *
 * Blocks are numbered densely over the whole log, and a block is written only after the one before it was synced.
 * So whatever names a block of a higher number (a block header, or a segment header with its first block) proves that
 * the lower ones were durable. After the last block that can be read in order, number n, there can be
 *  - nothing that names a block above n + 1: what is there is at most a torn attempt to write n + 1, which nobody was
 *    told is durable. The log ends with n, and the next block is n + 1 again.
 *  - something that does: n + 1 was durable and is lost. That is damage, to be repaired from a peer, never cut away.
 * The last block of all cannot be told apart: rot in it looks as if it was torn. A replicated log must take that from
 * its peers.
 *
 * A segment ends with bytes that are no block, when the next block did not fit, or when a torn attempt was left there
 * and its successor went to the next segment. The next segment's header says with which block it goes on.
 *
 * A torn attempt cannot come back as a valid block: the next one is written over it and zeros the sectors that it does
 * not cover, in the same write; until that is synced, a mixture of both fails the checksum over the block's records.
 */
import type { Disk } from '../../base/index.ts';
import type { HardState } from '../types.ts';
import { EntryTable } from './entry-table.ts';
import {
  decodeBlock,
  decodeBlockHeader,
  decodeSegmentHeader,
  endOfContent,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentNumberOf,
  segmentSeed,
} from './format.ts';

export interface ScannedLog {
  readonly kind: 'scanned';
  readonly table: EntryTable;
  readonly hardState: HardState;
  /** Number of the last whole block; 0 for an empty log. */
  readonly lastBlock: number;
  /** Where the next block goes. Null: nothing was ever written. */
  readonly tail: LogTail | null;
  /** Sizes of the segments before the tail's. */
  readonly fullSegmentsBytes: number;
}

export interface LogTail {
  readonly segment: number;
  readonly offset: number;
  /** End of what is not zero behind `offset`; `offset` if all is. */
  readonly leftoversEnd: number;
}

export interface DamagedLog {
  readonly kind: 'damaged';
  readonly file: string;
  readonly offset: number;
  readonly reason: string;
}

/** @throws DiskError */
export function scanLog(disk: Disk, memberId: string): ScannedLog | DamagedLog {
  const table = new EntryTable();
  let hardState: HardState = { term: 0, votedFor: null };
  let lastBlock = 0;
  let tail: LogTail | null = null;
  let fullSegmentsBytes = 0;
  let tailSegmentBytes = 0;
  /** Where block `lastBlock` + 1 could not be read. */
  let stop: { readonly file: string; readonly offset: number; readonly reason: string } | null = null;

  const numbers = disk.list().flatMap((name) => segmentNumberOf(name) ?? []);
  for (const number of numbers.sort((left, right) => left - right)) {
    const name = segmentName(number);
    const damaged = (offset: number, reason: string): DamagedLog => ({ kind: 'damaged', file: name, offset, reason });
    const segment = readSegment(disk, name);
    const seed = segmentSeed(memberId, number);
    const header = decodeSegmentHeader(segment);
    if (header.kind === 'unknown-version') return damaged(0, `format version ${header.version} is unknown`);
    if (header.kind === 'header') {
      if (header.memberId !== memberId) {
        return damaged(0, `the segment belongs to member ${header.memberId}, not to ${memberId}`);
      }
      if (header.number !== number) return damaged(0, `the file holds segment ${header.number}: it was renamed`);
    }

    const isNext: boolean = number === (tail?.segment ?? 0) + 1;
    let offset: number =
      isNext && header.kind === 'header' && header.firstBlock === lastBlock + 1 ? SEGMENT_HEADER_BYTES : 0;
    if (offset > 0) {
      for (;;) {
        const block = decodeBlock(segment, offset, seed);
        if (block.kind === 'unreadable' || block.number !== lastBlock + 1) {
          const reason = block.kind === 'unreadable' ? block.reason : `block ${block.number} is out of order`;
          stop = { file: name, offset: block.kind === 'unreadable' ? block.offset : offset, reason };
          break;
        }
        for (const record of block.records) {
          if (record.kind === 'hard-state') {
            hardState = record.hardState;
          } else {
            const problem = misfit(table, record.entry);
            if (problem !== null) return damaged(record.offset, problem);
            table.put(record.entry);
            table.place(record.entry.index, number, record.offset);
          }
        }
        if (offset === SEGMENT_HEADER_BYTES) {
          fullSegmentsBytes += tailSegmentBytes;
          tailSegmentBytes = segment.length;
        }
        lastBlock = block.number;
        offset += block.length;
        tail = { segment: number, offset, leftoversEnd: offset };
      }
    } else if (isNext && header.kind === 'none' && (stop === null || stop.reason === NOTHING_WRITTEN)) {
      stop = { file: name, offset: 0, reason: 'no segment header' };
    }

    if (tail !== null && tail.segment === number) {
      const leftoversEnd = endOfContent(segment, offset, segment.length);
      tail = { segment: number, offset, leftoversEnd };
      if (leftoversEnd === offset) stop = { file: name, offset, reason: NOTHING_WRITTEN };
    }

    const named = highestBlockNamed(segment, offset, seed);
    const firstBlock = header.kind === 'header' ? header.firstBlock : 0;
    if (Math.max(named, firstBlock) > lastBlock + 1) {
      const known = `block ${lastBlock + 1} (behind index ${table.lastIndex}) was durable and cannot be read`;
      const proof = `${name} names block ${Math.max(named, firstBlock)}`;
      const next = (tail?.segment ?? 0) + 1;
      const isMissing = !numbers.includes(next) && (stop === null || stop.reason === NOTHING_WRITTEN);
      const { file, offset: at, reason } = isMissing || stop === null ? missingSegment(next) : stop;
      return { kind: 'damaged', file, offset: at, reason: `${reason}: ${known}, since ${proof}` };
    }
  }
  return { kind: 'scanned', table, hardState, lastBlock, tail, fullSegmentsBytes };
}

const NOTHING_WRITTEN = 'nothing is written';

function missingSegment(number: number): { file: string; offset: number; reason: string } {
  return { file: segmentName(number), offset: 0, reason: 'the segment is missing' };
}

/** Why an entry whose checksums are right cannot follow what is in the log; null if it can. */
function misfit(table: EntryTable, entry: { readonly index: number; readonly term: number }): string | null {
  if (entry.index < 1 || entry.index > table.lastIndex + 1) {
    return `index ${entry.index} follows index ${table.lastIndex}`;
  }
  const before = table.termAt(entry.index - 1);
  return entry.term < before ? `index ${entry.index} of term ${entry.term} follows term ${before}` : null;
}

/** Of the block headers from `from` on, the highest number; 0 if there is none. What a whole header says is its block is skipped. */
function highestBlockNamed(segment: Uint8Array, from: number, seed: number): number {
  let highest = 0;
  let offset = from;
  while (offset < segment.length) {
    const header = decodeBlockHeader(segment, offset, seed);
    if (header !== null) highest = Math.max(highest, header.number);
    offset += header === null ? SECTOR_BYTES : Math.max(SECTOR_BYTES, header.length);
  }
  return highest;
}

function readSegment(disk: Disk, name: string): Uint8Array {
  const file = disk.open(name);
  try {
    return file.read(0, file.sizeBytes);
  } finally {
    file.close();
  }
}
