/** What the version store asks of a lane's storage, and the shapes between them. */
import type { RowKey } from '../certifier/types.ts';
import type { SequenceNumber } from '../gcs/base/index.ts';

/** A row as the base has it: one version. */
export interface BaseRow {
  readonly sequenceNumber: SequenceNumber;
  readonly image: Uint8Array;
}

/** Keys from `from` (inclusive) to `to` (exclusive), compared as binary strings. */
export interface KeyRange {
  readonly from: RowKey;
  readonly to: RowKey;
}

/** What one flush brings to one lane: the newest version at or below `upTo` of each row written since the last flush. */
export interface FlushBatch {
  /** The lane's flush point afterwards. Greater than the one before. */
  readonly upTo: SequenceNumber;
  /** Key ranges of dropped or truncated tables: everything in them goes, before `rows` are written. */
  readonly clear: readonly KeyRange[];
  /** In no order (the lane sorts, away from the main thread), at most one a key. `image: null`: the row goes. */
  readonly rows: readonly {
    readonly key: RowKey;
    readonly sequenceNumber: SequenceNumber;
    readonly image: Uint8Array | null;
  }[];
}

/** A part of a lane's whole new content: what it has of another member's state. */
export interface RestoreBatch {
  /** Everything that the lane had goes first, and its flush point to 0. */
  readonly isFirst: boolean;
  /** Each key once in all the batches. In no order. */
  readonly rows: readonly ({ readonly key: RowKey } & BaseRow)[];
  /** With the last one: the lane's flush point. Null: more follow, and the flush point stays 0. */
  readonly upTo: SequenceNumber | null;
}

/**
 * The storage of one lane. Reads see a frozen state, the *read view*; it moves only in `renewReadView`, and then to
 * everything flushed so far. One conformance suite runs over all implementations.
 */
export interface LaneStore {
  /** The flush point that is durable: rows up to it are in, none behind it. 0 when new. */
  readonly flushedUpTo: SequenceNumber;
  /**
   * Writes a batch and its flush point in one store transaction, synced before `done` is called without an error.
   * One flush or restore at a time.
   *
   * A `DiskError` of code NO_SPACE: the lane is as it was, and the same batch may be brought again (R16). After any other
   * error the member stops.
   */
  flush(batch: FlushBatch, done: (error: Error | null) => void): void;
  /** Replaces what the lane has, batch by batch, each durable and whole as a flush is. What is there in between is no state. */
  restore(batch: RestoreBatch, done: (error: Error | null) => void): void;
  renewReadView(): void;
  get(key: RowKey): BaseRow | undefined;
  /** In key order (`reverse`: backwards). Valid until the next `renewReadView`. */
  scan(range: KeyRange, reverse: boolean): Iterable<readonly [RowKey, BaseRow]>;
  /** Waits for a running flush, then lets go of everything. */
  close(done: () => void): void;
}
