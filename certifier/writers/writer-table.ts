/** What the certification database needs of who keeps its items: by key, and in the order in which they were written. */
import type { MemberOrdinal, SequenceNumber } from '../../gcs/base/index.ts';
import type { ItemKind, WriteKind } from '../item-kinds.ts';
import type { RowKey, Writer } from '../types.ts';

/** Writers of a bounded number of keys; the one that was put longest ago goes first. Questions move nothing. */
export interface WriterTable {
  /** Keys. */
  readonly size: number;
  /** Memory, in bytes; an estimate where it is not the table's own. */
  readonly bytes: number;
  /** The last writer of the key, of whatever kind; 0: none is known. */
  lastWritten(key: RowKey): SequenceNumber;
  /** The last one that an item of `kind` conflicts with. Undefined: none is known. */
  lastOpponent(key: RowKey, kind: ItemKind): Writer | undefined;
  /**
   * Makes that the last writer of the key, and the key the newest. A new key in a full table has the oldest evicted.
   * Order of calls: by sequence number, one transaction's keys once each.
   */
  put(key: RowKey, kind: WriteKind, sequenceNumber: SequenceNumber, origin: MemberOrdinal): void;
  /**
   * Leaves out keys that were written last up to there, the oldest first and so many at most; nobody asks for them any
   * more. True: there are no others, or they stay until they are evicted.
   */
  forget(upTo: SequenceNumber, keysMax: number): boolean;
  /** Holds so many keys from here on: the oldest that are more are evicted at once. */
  resize(capacity: number): void;
  /** All of them. To be used up before the next `put`. */
  newestFirst(): Iterable<WrittenItem>;
}

export interface WrittenItem {
  readonly key: RowKey;
  /** Of the last writer. */
  readonly sequenceNumber: SequenceNumber;
  readonly origin: MemberOrdinal;
}

export interface WriterTableSetup {
  /** Keys. */
  readonly capacity: number;
  /** A whole number below 2^32 for a key; no answer depends on it. Absent: its hash. */
  readonly fingerprint?: (key: RowKey) => number;
  /** Called inside `put` and `resize`, with the last writer of the key that went. */
  readonly evicted: (sequenceNumber: SequenceNumber) => void;
}

export type NewWriterTable = (setup: WriterTableSetup) => WriterTable;
