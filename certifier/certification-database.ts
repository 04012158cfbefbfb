/**
 * Who last wrote each key, and of which kind that was (`item-kinds.ts`), for a bounded number of rows, without ever missing a conflict.
 *
 * Each recorded key is one item of a writer table, found by the whole key: how the table does that decides neither what
 * is answered nor what is evicted. Members have `packedWriterTable`; any that keeps to `WriterTable` gives the same answers.
 *
 * Recency moves only when a key is recorded, and writers are recorded in the order of their sequence numbers. Hence the
 * oldest item is one with the lowest writer, and evicting it raises the purge floor to that writer: every item written
 * above the floor is still here, so that a miss means "no writer above the floor". Items at or below the floor may
 * linger; no answer depends on them, since they are older than all that are above. Where the floor rises by the order and not
 * by an eviction, each record has a few of them left out, so that nothing waits for all of them. The floor is
 * thereby a function of the recorded keys, the writers and the capacity alone: it rises just when the keys written above
 * it are more than the capacity.
 *
 * A large transaction is recorded at once and *settled* afterwards: until its items are in the table, it is asked itself,
 * and whatever is recorded behind it waits in a line. That is done only while all of them fit the table, so that none
 * evicts another, and the floor is at each place what it would be. There is always room in proportion to what is not
 * settled: where it gets short, each key that is recorded settles a few others, so that it never has to wait for all.
 */
import { assert, type MemberOrdinal, type SequenceNumber } from '../gcs/base/index.ts';
import {
  addWriter,
  firstWriter,
  type ItemKind,
  isOpponent,
  type KeyWriters,
  opponentIn,
  type WriteKind,
} from './item-kinds.ts';
import { newestWithin, rangeAround } from './read-ranges.ts';
import { RecentKeys } from './recent-keys.ts';
import { RECENT_WRITES_BOUNDS, RecentWrites, type RecentWritesBounds, type WrittenKey } from './recent-writes.ts';
import type { LargeTransaction, ReadRange, RowKey, Writer } from './types.ts';
import type { NewWriterTable, WriterTable } from './writers/writer-table.ts';

export interface CertificationDatabaseSetup {
  /** Items, 1 to `certificationItemsMax`. The same on every member: verdicts depend on it. */
  readonly capacity: number;
  readonly newWriterTable: NewWriterTable;
  /** A whole number below 2^32 for a key; no answer depends on it. */
  readonly fingerprint?: (key: RowKey) => number;
  /** No answer depends on them. */
  readonly recentWrites?: RecentWritesBounds;
}

/**
 * About 1 GB of the packed table with keys of some 16 bytes. It can address 8 GiB of records; a `Map` of the runtime ends at
 * 2^24 entries.
 */
export const certificationItemsMax = 16_000_000;

/** So many items may be unsettled for each place of the table that stays free. */
const UNSETTLED_A_PLACE = 8;

/** Items at or below the floor that are left out at each rise of it, which takes some ten microseconds, and at each put. */
const FORGOTTEN_A_RISE = 128;
const FORGOTTEN_A_PUT = 2;

/** What is recorded and not yet in the table, in its order: the large one, then the line behind it. */
interface Unsettled {
  readonly large: LargeTransaction;
  readonly writer: Writer;
  /** The first so many items of the large one, and of the line, are in the table. */
  settled: number;
  readonly line: { readonly key: RowKey; readonly writer: Writer; readonly kind: WriteKind }[];
  settledOfLine: number;
  /** Those of each key in the line. */
  readonly writers: Map<RowKey, KeyWriters>;
}

export class CertificationDatabase {
  /** What was recorded last. */
  readonly recent = new RecentKeys();
  #unsettled: Unsettled | null = null;
  readonly #items: WriterTable;
  #capacity: number;
  #purgeFloor: SequenceNumber = 0;
  /** There may be items at or below the floor, beside those of the writer that was evicted last. */
  #isToForget = false;
  #lookups = 0;
  #evictions = 0;
  #lastRecorded: SequenceNumber = 0;
  /** Null: nobody asks for ranges. */
  #writes: RecentWrites | null = null;
  readonly #writesBounds: RecentWritesBounds;

  constructor({
    capacity,
    newWriterTable,
    fingerprint,
    recentWrites = RECENT_WRITES_BOUNDS,
  }: CertificationDatabaseSetup) {
    assertCapacity(capacity);
    this.#writesBounds = recentWrites;
    this.#capacity = capacity;
    this.#items = newWriterTable({
      capacity,
      ...(fingerprint && { fingerprint }),
      evicted: (sequenceNumber) => this.#evicted(sequenceNumber),
    });
  }

  /** Above it every writer is known: a snapshot below it cannot be judged. Never falls. */
  get purgeFloor(): SequenceNumber {
    return this.#purgeFloor;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Items in the table, some of them perhaps at or below the floor. */
  get itemCount(): number {
    return this.#items.size;
  }

  /** Memory of the items. */
  get bytes(): number {
    return this.#items.bytes;
  }

  /** Keys looked up so far. */
  get lookups(): number {
    return this.#lookups;
  }

  /** Items given up so far for want of room. */
  get evictions(): number {
    return this.#evictions;
  }

  /**
   * Of whatever kind. Undefined: no writer above the floor. One at or below the floor may or may not be named. Changes
   * nothing.
   */
  lastWriter(key: RowKey): Writer | undefined {
    return this.lastOpponent(key, 'check');
  }

  /** That of `lastWriter`; 0: there is none. */
  lastWritten(key: RowKey): SequenceNumber {
    this.#lookups++;
    if (this.#unsettled !== null) return this.lastWriter(key)?.sequenceNumber ?? 0;
    return this.#items.lastWritten(key);
  }

  /** As `lastWriter`, of those that an item of `kind` conflicts with. */
  lastOpponent(key: RowKey, kind: ItemKind): Writer | undefined {
    const unsettled = this.#unsettledOpponent(key, kind);
    if (unsettled !== undefined) return unsettled;
    return this.#items.lastOpponent(key, kind);
  }

  /**
   * The key in `ranges` that was recorded last, if that was after `snapshotVersion`. Changes nothing.
   *
   * Who asks first, or for an older snapshot than is known of the recent writes, has all looked through: since recency
   * follows the writers, what was written after the snapshot is found newest first, and nothing behind it matters.
   * Cost: then some 0.3 microseconds a key written after the snapshot, else a microsecond for 1024 of them.
   */
  lastWithin(ranges: readonly ReadRange[], snapshotVersion: SequenceNumber): WrittenKey | null {
    this.#writes ??= new RecentWrites(this.#lastRecorded, this.#writesBounds);
    if (snapshotVersion >= this.#writes.knownFrom) return this.#writes.lastWithin(ranges, snapshotVersion);
    const unsettled = this.#unsettled === null ? null : lastUnsettledWithin(this.#unsettled, ranges, snapshotVersion);
    if (unsettled !== null) return unsettled;
    const found = newestWithin(this.#items.newestFirst(), ranges, snapshotVersion);
    if (found === null) return null;
    const { key, sequenceNumber, origin } = found.written;
    return { range: found.range, key, writer: { sequenceNumber, origin } };
  }

  /**
   * Makes that the last writer of `key`, by an item of `kind`, and the key the most recent.
   * Order of calls: by sequence number; one transaction's keys once each, and always in the same order.
   */
  record(key: RowKey, kind: WriteKind, sequenceNumber: SequenceNumber, origin: MemberOrdinal): void {
    assert(sequenceNumber >= this.#lastRecorded, 'writers are recorded in the order of their sequence numbers');
    assert(sequenceNumber >= this.#purgeFloor, 'a recorded writer is not below the purge floor');
    this.#lastRecorded = sequenceNumber;
    if (this.#writes !== null) this.#noteWrite(key, { sequenceNumber, origin });
    this.recent.add(key);
    if (this.#unsettled === null) this.#put(key, kind, sequenceNumber, origin);
    else this.#recordInLine(this.#unsettled, key, kind, { sequenceNumber, origin });
  }

  #recordInLine(unsettled: Unsettled, key: RowKey, kind: WriteKind, writer: Writer): void {
    assert(this.#hasRoomFor(1), 'nothing is evicted before all is settled');
    unsettled.line.push({ key, writer, kind });
    const writers = unsettled.writers.get(key);
    if (writers === undefined) unsettled.writers.set(key, firstWriter(writer, kind));
    else addWriter(writers, writer, kind);
    const waiting = waitingOf(unsettled);
    const free = this.#capacity - this.#items.size - waiting;
    this.settle(waiting - UNSETTLED_A_PLACE * free);
  }

  /**
   * Whether `recordLarge` can take a transaction of so many items now: nothing else is unsettled, and all have room, and
   * some more.
   */
  canRecordLarge(items: number): boolean {
    return this.#unsettled === null && this.#hasRoomFor(items + Math.ceil(items / UNSETTLED_A_PLACE));
  }

  /** Records all that a transaction writes, as `record` does. Cost: O(1), and that of `settle` later. */
  recordLarge(large: LargeTransaction, writer: Writer): void {
    assert(this.canRecordLarge(large.writeSet.length), 'a transaction that is settled later has room');
    assert(writer.sequenceNumber > this.#lastRecorded, 'writers are recorded in the order of their sequence numbers');
    this.#lastRecorded = writer.sequenceNumber;
    this.#unsettled = { large, writer, settled: 0, line: [], settledOfLine: 0, writers: new Map() };
    this.recent.skip();
    this.#writes?.addLarge(large.writeSet, writer, this.#purgeFloor);
    if (this.#writes?.isUnasked) this.#writes = null;
  }

  get isSettled(): boolean {
    return this.#unsettled === null;
  }

  /** Settles so many more items. Changes no answer. */
  settle(itemsMax: number): void {
    const unsettled = this.#unsettled;
    if (unsettled === null || itemsMax <= 0) return;
    const { large, writer, line } = unsettled;
    const { writeSet } = large;
    const end = Math.min(writeSet.length, unsettled.settled + itemsMax);
    for (let at = unsettled.settled; at < end; at++) {
      const { key, kind } = writeSet[at]!;
      if (kind !== 'check') this.#put(key, kind, writer.sequenceNumber, writer.origin);
    }
    const endOfLine = Math.min(line.length, unsettled.settledOfLine + itemsMax - (end - unsettled.settled));
    for (let at = unsettled.settledOfLine; at < endOfLine; at++) {
      const { key, writer: last, kind } = line[at]!;
      this.#put(key, kind, last.sequenceNumber, last.origin);
    }
    unsettled.settled = end;
    unsettled.settledOfLine = endOfLine;
    if (writer.sequenceNumber <= this.#purgeFloor) this.#forget(itemsMax);
    if (end === writeSet.length && endOfLine === line.length) this.#unsettled = null;
  }

  /** Never lowers it. Called at a place of the total order, or when a database is rebuilt. */
  raisePurgeFloor(upTo: SequenceNumber): void {
    if (upTo <= this.#purgeFloor) return;
    this.#purgeFloor = upTo;
    this.#forget(FORGOTTEN_A_RISE);
  }

  /**
   * At a place of the total order: at most so many items from here on. The oldest that are more are evicted at once.
   * Cost: some 0.2 microseconds for each of these; all that is not settled, if any.
   */
  changeCapacity(capacity: number): void {
    assertCapacity(capacity);
    if (capacity < this.#capacity) this.settle(Number.POSITIVE_INFINITY);
    this.#capacity = capacity;
    this.#items.resize(capacity);
  }

  #noteWrite(key: RowKey, writer: Writer): void {
    this.#writes!.add(key, writer, this.#purgeFloor);
    if (this.#writes!.isUnasked) this.#writes = null;
  }

  #hasRoomFor(items: number): boolean {
    const waiting = this.#unsettled === null ? 0 : waitingOf(this.#unsettled);
    return this.#items.size + waiting + items <= this.#capacity;
  }

  /** What waits in the line is newer than the large transaction. */
  #unsettledOpponent(key: RowKey, kind: ItemKind): Writer | undefined {
    if (this.#unsettled === null) return undefined;
    const { large, writer, writers } = this.#unsettled;
    const ofLine = writers.get(key);
    const inLine = ofLine === undefined ? undefined : opponentIn(ofLine, kind);
    if (inLine !== undefined) return inLine;
    const place = large.places.get(key);
    const written = place === undefined ? 'check' : large.writeSet[place]!.kind;
    return written !== 'check' && isOpponent(written, kind) ? writer : undefined;
  }

  /** Into the table, as the newest. */
  #put(key: RowKey, kind: WriteKind, sequenceNumber: SequenceNumber, origin: MemberOrdinal): void {
    this.#items.put(key, kind, sequenceNumber, origin);
    if (this.#isToForget) this.#forget(FORGOTTEN_A_PUT);
  }

  #forget(keysMax: number): void {
    this.#isToForget = !this.#items.forget(this.#purgeFloor, keysMax);
  }

  #evicted(sequenceNumber: SequenceNumber): void {
    this.#evictions++;
    if (sequenceNumber > this.#purgeFloor) this.#purgeFloor = sequenceNumber;
  }
}

function assertCapacity(capacity: number): void {
  assert(
    Number.isSafeInteger(capacity) && capacity >= 1 && capacity <= certificationItemsMax,
    'the capacity of the certification database is in range',
  );
}

/** How many are not in the table yet. */
function waitingOf({ large, settled, line, settledOfLine }: Unsettled): number {
  return large.writeSet.length - settled + line.length - settledOfLine;
}

/** What waits in the line is newer than the large transaction, and that is newer than what was settled before it. */
function lastUnsettledWithin(
  { large, writer, line }: Unsettled,
  ranges: readonly ReadRange[],
  snapshotVersion: SequenceNumber,
): WrittenKey | null {
  for (let at = line.length - 1; at >= 0; at--) {
    const { key, writer: last } = line[at]!;
    if (last.sequenceNumber <= snapshotVersion) return null;
    const range = rangeAround(ranges, key);
    if (range !== null) return { range, key, writer: last };
  }
  if (writer.sequenceNumber <= snapshotVersion) return null;
  const { writeSet } = large;
  for (let at = writeSet.length - 1; at >= 0; at--) {
    const { key, kind } = writeSet[at]!;
    const range = kind === 'check' ? null : rangeAround(ranges, key);
    if (range !== null) return { range, key, writer };
  }
  return null;
}
