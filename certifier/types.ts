/** The shapes of certification. A row key is a binary string (one character a byte) that compares as its bytes do. */
import type { MemberOrdinal, SequenceNumber } from '../gcs/base/index.ts';

/** Table id (4 bytes, big-endian) and memory-comparable primary key, as a binary string. Compared in full. */
export type RowKey = string;

/** One item of a transaction's write set. */
export interface WriteSetItem {
  readonly key: RowKey;
  /**
   * `put`: the row has `image` afterwards. `delete`: there is no row afterwards. `check`: not written, but what was
   * observed there (an absence, a duplicate, a failed `if`, the table's definition) must still hold: it conflicts with
   * a newer writer and leaves no trace.
   */
  readonly kind: 'put' | 'delete' | 'check';
  /** The encoded row; null unless `put`. Opaque here. */
  readonly image: Uint8Array | null;
}

/** A transaction as it travels. */
export interface Transaction {
  /** Last sequence number visible to it, fixed by its first statement. */
  readonly snapshotVersion: SequenceNumber;
  /** At most one item a key. At least one is not a `check`. */
  readonly writeSet: readonly WriteSetItem[];
}

/** One that is worked on in slices. */
export interface LargeTransaction extends Transaction {
  /** Of each item in the write set, by its key. */
  readonly places: Pick<ReadonlyMap<RowKey, number>, 'get'>;
}

export type Verdict = Positive | Negative;

export interface Positive {
  readonly kind: 'positive';
  readonly sequenceNumber: SequenceNumber;
  /** Highest sequence number that an applier in need of order must have applied before. */
  readonly lastCommitted: SequenceNumber;
}

export type Negative = Conflict | SnapshotTooOld;

export interface Conflict {
  readonly kind: 'conflict';
  /** Which item of the write set: the first in its order that conflicts. */
  readonly item: WriteSetItem;
  readonly winner: Writer;
}

export interface SnapshotTooOld {
  readonly kind: 'snapshot-too-old';
  readonly purgeFloor: SequenceNumber;
}

/** Who last wrote a row. */
export interface Writer {
  readonly sequenceNumber: SequenceNumber;
  readonly origin: MemberOrdinal;
}

/** Hybrid logical clock of a commit; ordered as the sequence numbers are. */
export interface CommitTime {
  readonly physicalMs: number;
  readonly logical: number;
}
