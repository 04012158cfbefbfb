/** The shapes of certification. A row key is a binary string (one character a byte) that compares as its bytes do. */
import type { MemberOrdinal, SequenceNumber } from '../gcs/base/index.ts';
import type { ItemKind } from './item-kinds.ts';

/** Table id (4 bytes, big-endian) and memory-comparable primary key, as a binary string. Compared in full. */
export type RowKey = string;

/** One item of a transaction's write set. */
export interface WriteSetItem {
  readonly key: RowKey;
  readonly kind: ItemKind;
  /** `put`: the encoded row. `delta`: the encoded change. Else null. Opaque here. */
  readonly image: Uint8Array | null;
  /** What it is judged against, where that is above the transaction's (READ COMMITTED, H6). Absent: the transaction's. */
  readonly snapshotVersion?: SequenceNumber;
}

/** Keys from `from` to before `to`, all of which were read at the snapshot, whether there is a row or not (H11). */
export interface ReadRange {
  readonly from: RowKey;
  readonly to: RowKey;
}

/** A transaction has so many at most. */
export const readRangesMax = 1024;

/** A transaction as it travels. */
export interface Transaction {
  /** Last sequence number visible to it, fixed by its first statement; the lowest, if items have their own. */
  readonly snapshotVersion: SequenceNumber;
  /** At most one item a key. At least one is not a `check`, unless there are `reads` or ranges. */
  readonly writeSet: readonly WriteSetItem[];
  /**
   * Ascending, none touching another. Absent: none. It conflicts if a key in one has a writer above the snapshot, of
   * whatever kind: keys that are referred to, and not read, do not belong in one.
   */
  readonly ranges?: readonly ReadRange[];
  /**
   * The last so many items, all of them `check`, are what a SERIALIZABLE transaction read; so are its ranges. Under the
   * rule `serial-safety-net` they may have been written since. Absent: none.
   */
  readonly reads?: number;
  /** Ascending by tag, each once. Absent: none. */
  readonly attributes?: readonly TransactionAttribute[];
}

/** What is said of a transaction beside what it writes and reads. */
export interface TransactionAttribute {
  /** 1 to 255; the head of `group-message.ts` has which is which. */
  readonly tag: number;
  /** Opaque here. */
  readonly content: Uint8Array;
}

/** A transaction has so many at most. */
export const attributesMax = 16;

/**
 * By which rule SERIALIZABLE transactions are judged. `read-validation`: nothing that they read was written since, so that
 * the serial order is that of the commits. `serial-safety-net`: there is a serial order (`serial-safety-net.ts`).
 */
export type CertificationRule = 'read-validation' | 'serial-safety-net';

export const CERTIFICATION_RULES: readonly CertificationRule[] = ['read-validation', 'serial-safety-net'];

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
  /** In the serial order it comes right before that transaction, and behind all that has to come before. Absent: at its own number. */
  readonly serialPlace?: SequenceNumber;
}

export type Negative = Lost | OutOfBounds;

/** What can be known before the place in the order. */
export type Lost = Conflict | SnapshotTooOld;

export type Conflict = ItemConflict | RangeConflict;

export interface ItemConflict {
  readonly kind: 'conflict';
  /** Which item of the write set: the first in its order that conflicts. */
  readonly item: WriteSetItem;
  readonly winner: Writer;
  readonly structure?: DangerousStructure;
}

/** No item conflicts. */
export interface RangeConflict {
  readonly kind: 'conflict';
  readonly item: null;
  readonly range: ReadRange;
  /** Of all keys in the ranges the one that was recorded last. */
  readonly key: RowKey;
  readonly winner: Writer;
  readonly structure?: DangerousStructure;
}

/**
 * Under the rule `serial-safety-net`: that the winner wrote what was read is not all that refuses; there is nowhere in the serial
 * order that the loser could come.
 */
export interface DangerousStructure {
  /**
   * One that has to come before the loser, as it wrote or read `key`, and cannot come before the winner. Null: whether
   * there is one is forgotten.
   */
  readonly before: { readonly key: RowKey; readonly by: Writer } | null;
}

export interface SnapshotTooOld {
  readonly kind: 'snapshot-too-old';
  readonly purgeFloor: SequenceNumber;
}

/** No item conflicts, and what a delta asks for cannot be (H9). */
export interface OutOfBounds {
  readonly kind: 'out-of-bounds';
  /** The first such one in the order of the write set. */
  readonly item: WriteSetItem;
  /** Why, as whoever resolved it has it. Opaque here. */
  readonly facts: unknown;
}

/** What the deltas of a transaction come to at its place in the order. */
export interface Resolution {
  readonly kind: 'resolved';
  /** For the digest: equal on all members exactly if the values are. Whole numbers from 0 to 2^53 - 1. */
  readonly digestWords: readonly number[];
}

/**
 * Resolves deltas over the rows as of the sequence number before; never asked but for a transaction that is accepted
 * otherwise.
 */
export type ResolveDeltas = (transaction: Transaction) => Resolution | OutOfBounds;

/** As `ResolveDeltas`, in slices: nothing is certified in between. */
export type ResolveDeltasInSlices = (transaction: Transaction) => Generator<void, Resolution | OutOfBounds, void>;

/** Who last wrote a key. */
export interface Writer {
  readonly sequenceNumber: SequenceNumber;
  readonly origin: MemberOrdinal;
}

/** Hybrid logical clock of a commit; ordered as the sequence numbers are. */
export interface CommitTime {
  readonly physicalMs: number;
  readonly logical: number;
}
