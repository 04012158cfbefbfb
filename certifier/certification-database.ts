/**
 * Who last wrote each key, and of which kind that was (`item-kinds.ts`), for a bounded number of rows, without ever missing a conflict.
 *
 * Each recorded key is one item, kept in a cache of an outside library under a 32-bit fingerprint of the key. Where two
 * keys share a fingerprint, the later one goes to the next free place of that fingerprint; a hit counts only if the keys
 * are equal in full. So the fingerprint decides where an item lies, never what is answered or what is evicted.
 *
 * Recency moves only when a key is recorded, and writers are recorded in the order of their sequence numbers. Hence the
 * oldest item is one with the lowest writer, and evicting it raises the purge floor to that writer: every item written
 * above the floor is still here, so that a miss means "no writer above the floor". Items at or below the floor may
 * linger until their turn; no answer depends on them, since they are older than all that are above. The floor is
 * thereby a function of the recorded keys, the writers and the capacity alone: it rises just when the keys written above
 * it are more than the capacity.
 *
 * A large transaction is recorded at once and *settled* afterwards: until its items are in the cache, it is asked itself,
 * and whatever is recorded behind it waits in a line. That is done only while all of them fit the cache, so that none
 * evicts another, and the floor is at each place what it would be. There is always room in proportion to what is not
 * settled: where it gets short, each key that is recorded settles a few others, so that it never has to wait for all.
 */
import { assert, hash32, type SequenceNumber } from '../gcs/base/index.ts';
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

/** What the database needs of a cache library: values by whole numbers, the longest unset evicted first. */
export interface RecencyCache<V extends object> {
  /** Never moves recency. */
  peek(place: number): V | undefined;
  /** Puts `value` there and makes it the newest. At capacity and with nothing there yet, the oldest is evicted. */
  set(place: number, value: V): void;
  /** All values. Never moves recency; to be used up before the next `set`. */
  newestFirst(): Iterable<V>;
  readonly size: number;
}

export interface RecencyCacheSetup<V extends object> {
  /** How many values it holds. */
  readonly capacity: number;
  /** Called inside `set`. May peek; does not set. */
  readonly onEvicted: (value: V, place: number) => void;
}

/** Makes a cache of a library; `lruRecencyCache` is one. */
export type NewRecencyCache = <V extends object>(setup: RecencyCacheSetup<V>) => RecencyCache<V>;

export interface CertificationDatabaseSetup {
  /** Items, 1 to `certificationItemsMax`. The same on every member: verdicts depend on it. */
  readonly capacity: number;
  readonly newCache: NewRecencyCache;
  /** A whole number below 2^32 for a key; no answer depends on it. */
  readonly fingerprint?: (key: RowKey) => number;
  /** No answer depends on them. */
  readonly recentWrites?: RecentWritesBounds;
}

/** A `Map` of the runtime ends at 2^24 entries. */
export const certificationItemsMax = 16_000_000;

/** So many items may be unsettled for each place of the cache that stays free. */
const UNSETTLED_A_PLACE = 8;

/** What is recorded and not yet in the cache, in its order: the large one, then the line behind it. */
interface Unsettled {
  readonly large: LargeTransaction;
  readonly writer: Writer;
  /** The first so many items of the large one, and of the line, are in the cache. */
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
  readonly #items: RecencyCache<Item>;
  readonly #capacity: number;
  readonly #fingerprint: (key: RowKey) => number;
  /** Fingerprints that have items beside their first place: the number of the farthest such place. */
  readonly #farthest = new Map<number, number>();
  #purgeFloor: SequenceNumber = 0;
  #lastRecorded: SequenceNumber = 0;
  /** Null: nobody asks for ranges. */
  #writes: RecentWrites | null = null;
  readonly #writesBounds: RecentWritesBounds;

  constructor({
    capacity,
    newCache,
    fingerprint = hash32,
    recentWrites = RECENT_WRITES_BOUNDS,
  }: CertificationDatabaseSetup) {
    assert(
      Number.isSafeInteger(capacity) && capacity >= 1 && capacity <= certificationItemsMax,
      'the capacity of the certification database is in range',
    );
    this.#fingerprint = fingerprint;
    this.#writesBounds = recentWrites;
    this.#capacity = capacity;
    this.#items = newCache<Item>({ capacity, onEvicted: (item, place) => this.#evicted(item, place) });
  }

  /** Above it every writer is known: a snapshot below it cannot be judged. Never falls. */
  get purgeFloor(): SequenceNumber {
    return this.#purgeFloor;
  }

  /** Items in the cache, some of them perhaps at or below the floor. */
  get itemCount(): number {
    return this.#items.size;
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
    if (this.#unsettled !== null) return this.lastWriter(key)?.sequenceNumber ?? 0;
    return this.#find(key, this.#firstPlace(key))?.sequenceNumber ?? 0;
  }

  /** As `lastWriter`, of those that an item of `kind` conflicts with. */
  lastOpponent(key: RowKey, kind: ItemKind): Writer | undefined {
    const unsettled = this.#unsettledOpponent(key, kind);
    if (unsettled !== undefined) return unsettled;
    const item = this.#find(key, this.#firstPlace(key));
    return item === undefined ? undefined : opponentIn(item, kind);
  }

  /**
   * The key in `ranges` that was recorded last, if that was after `snapshotVersion`. Changes nothing.
   *
   * Who asks first, or for an older snapshot than is known of the recent writes, has all looked through: since recency
   * follows the writers, what was written after the snapshot is found newest first, and nothing behind it matters.
   * Cost: then some 0.1 to 0.8 microseconds a key written after the snapshot, else a microsecond for 1024 of them.
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
   * Makes `writer` the last one of `key`, by an item of `kind`, and the key the most recent.
   * Order of calls: by sequence number; one transaction's keys once each, and always in the same order.
   */
  record(key: RowKey, writer: Writer, kind: WriteKind): void {
    const { sequenceNumber } = writer;
    assert(sequenceNumber >= this.#lastRecorded, 'writers are recorded in the order of their sequence numbers');
    assert(sequenceNumber >= this.#purgeFloor, 'a recorded writer is not below the purge floor');
    this.#lastRecorded = sequenceNumber;
    if (this.#writes !== null) this.#noteWrite(key, writer);
    const unsettled = this.#unsettled;
    if (unsettled === null) {
      this.recent.add(this.#put(key, writer, kind).key);
      return;
    }
    assert(this.#hasRoomFor(1), 'nothing is evicted before all is settled');
    unsettled.line.push({ key, writer, kind });
    const writers = unsettled.writers.get(key);
    if (writers === undefined) unsettled.writers.set(key, firstWriter(writer, kind));
    else addWriter(writers, writer, kind);
    this.recent.add(key);
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
      if (kind !== 'check') this.#put(key, writer, kind);
    }
    const endOfLine = Math.min(line.length, unsettled.settledOfLine + itemsMax - (end - unsettled.settled));
    for (let at = unsettled.settledOfLine; at < endOfLine; at++) {
      const { key, writer: last, kind } = line[at]!;
      this.#put(key, last, kind);
    }
    unsettled.settled = end;
    unsettled.settledOfLine = endOfLine;
    if (end === writeSet.length && endOfLine === line.length) this.#unsettled = null;
  }

  /** Never lowers it. Called at a place of the total order, or when a database is rebuilt. */
  raisePurgeFloor(upTo: SequenceNumber): void {
    if (upTo > this.#purgeFloor) this.#purgeFloor = upTo;
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

  /** Into the cache, as the newest. */
  #put(key: RowKey, writer: Writer, kind: WriteKind): Item {
    const first = this.#firstPlace(key);
    const known = this.#find(key, first);
    if (known === undefined) return this.#add(key, first, writer, kind);
    assert(known.sequenceNumber < writer.sequenceNumber, 'a transaction writes a key once');
    addWriter(known, writer, kind);
    this.#items.set(known.place, known);
    return known;
  }

  /** Places are first + n * 2^32, n from 0. First ones lie in the signed 32-bit range, which the runtime stores unboxed. */
  #firstPlace(key: RowKey): number {
    return this.#fingerprint(key) | 0;
  }

  #find(key: RowKey, first: number): Item | undefined {
    const item = this.#items.peek(first);
    if (item !== undefined && item.key === key) return item;
    const farthest = this.#farthestOf(first);
    for (let n = 1; n <= farthest; n++) {
      const other = this.#items.peek(first + n * placeStride);
      if (other !== undefined && other.key === key) return other;
    }
    return undefined;
  }

  #add(key: RowKey, first: number, writer: Writer, kind: WriteKind): Item {
    let n = 0;
    while (this.#items.peek(first + n * placeStride) !== undefined) n++;
    const place = first + n * placeStride;
    const { sequenceNumber, origin } = writer;
    const item: Item = { key, place, sequenceNumber, origin, kind, before: null };
    this.#items.set(place, item);
    // Only now: an eviction inside `set` may have drawn the farthest place in, without seeing the new item.
    if (n > this.#farthestOf(first)) this.#farthest.set(first, n);
    return item;
  }

  #evicted(item: Item, place: number): void {
    this.raisePurgeFloor(item.sequenceNumber);
    const first = place | 0;
    if (place === first || place !== first + this.#farthestOf(first) * placeStride) return;
    let n = (place - first) / placeStride - 1;
    while (n > 0 && this.#items.peek(first + n * placeStride) === undefined) n--;
    if (n > 0) this.#farthest.set(first, n);
    else this.#farthest.delete(first);
  }

  /** 0: nothing lies beside the first place. */
  #farthestOf(first: number): number {
    return this.#farthest.size === 0 ? 0 : (this.#farthest.get(first) ?? 0);
  }
}

/** How many are not in the cache yet. */
function waitingOf({ large, settled, line, settledOfLine }: Unsettled): number {
  return large.writeSet.length - settled + line.length - settledOfLine;
}

const placeStride = 0x1_0000_0000;

/** Its writer is part of it: a young object that an old one refers to costs the collector as much as the whole item. */
interface Item extends KeyWriters {
  readonly key: RowKey;
  readonly place: number;
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
