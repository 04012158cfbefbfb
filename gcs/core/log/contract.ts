/** What the log is given, what it tells, and what it reports of damage. */
import type { LogIndex } from '../../base/index.ts';
import type { EntryId } from '../types.ts';
import type { SegmentLog } from './segment-log.ts';

export interface SegmentLogOptions {
  /** Size of a segment file, a multiple of 512. A block that is larger gets a segment of its own size. */
  readonly segmentBytes: number;
  /** Memory that durable entries may take for `entries`, what each takes beside its payload included. */
  readonly cacheBytesMax: number;
  /** Bytes of requests that are gathered into one block; a larger request gets a block alone. */
  readonly blockBytesMax: number;
}

export const SEGMENT_LOG_DEFAULTS: SegmentLogOptions = {
  segmentBytes: 16 * 1024 * 1024,
  cacheBytesMax: 32 * 1024 * 1024,
  blockBytesMax: 4 * 1024 * 1024,
};

export type OpenedLog =
  /** `damage`: until it is repaired, cut away or replaced, nothing but that, and reading, may be asked of the log. */
  | { readonly kind: 'opened'; readonly log: SegmentLog; readonly damage: LogDamage | null }
  /** Not this member's log, or not one for this program. `reason` is one line. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Something that was durable cannot be read any more. */
export interface LogDamage {
  /** Where the first of it was found. */
  readonly file: string;
  readonly offset: number;
  /** One line. */
  readonly reason: string;
  /** Entries that cannot be read, both ends inclusive, ascending, apart from one another. */
  readonly holes: readonly { readonly from: LogIndex; readonly upTo: LogIndex }[];
  /** The end of the log as it was durable. */
  readonly claim: EntryId;
  /** Which entries were lost cannot be told, or the log's base is lost: only `reset` helps. No entry can be read then. */
  readonly isBeyondRepair: boolean;
}

/** Counters since the log was opened, but `segments`, `bytes` and `firstIndex`, which tell what is on disk. */
export interface SegmentLogStatus {
  readonly segments: number;
  /** Bytes of the segments up to the end of the last block. */
  readonly bytes: number;
  readonly firstIndex: LogIndex;
  /** Writes that were synced, which is blocks that are durable. */
  readonly syncs: number;
  readonly writtenBytes: number;
  readonly writtenEntries: number;
  readonly waitingRequests: number;
  /** Memory that entries take, about; at most `cacheBytesMax` once they are durable. */
  readonly cachedBytes: number;
  /** Entries that could not be read, at the start and since. */
  readonly faultyFound: number;
  /** Entries that were written anew by `repair`. */
  readonly faultyRepaired: number;
  readonly hasRoom: boolean;
}

/**
 * A durable record cannot be read back. Nothing is lost that a peer does not have: whoever gets this lets go of the log
 * (`close`) and opens it again, which reports the damage.
 */
export class DamagedRecord extends Error {
  override readonly name = 'DamagedRecord';
  readonly code = 'DAMAGED_RECORD';
  readonly file: string;
  readonly offset: number;
  readonly index: LogIndex;

  constructor(facts: { file: string; offset: number; index: LogIndex; reason: string; cause?: unknown }) {
    super(`${facts.file} at ${facts.offset}, index ${facts.index}: ${facts.reason}`, { cause: facts.cause });
    this.file = facts.file;
    this.offset = facts.offset;
    this.index = facts.index;
  }
}
