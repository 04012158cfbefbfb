/**
 * Who last wrote each row, for a bounded number of rows, without ever missing a conflict.
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
 */
import { assert, hash32, type MemberOrdinal, type SequenceNumber } from '../gcs/base/index.ts';
import type { RowKey, Writer } from './types.ts';

/** What the database needs of a cache library: values by whole numbers, the longest unset evicted first. */
export interface RecencyCache<V extends object> {
  /** Never moves recency. */
  peek(place: number): V | undefined;
  /** Puts `value` there and makes it the newest. At capacity and with nothing there yet, the oldest is evicted. */
  set(place: number, value: V): void;
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
}

/** A `Map` of the runtime ends at 2^24 entries. */
export const certificationItemsMax = 16_000_000;

export class CertificationDatabase {
  readonly #items: RecencyCache<Item>;
  readonly #fingerprint: (key: RowKey) => number;
  /** Fingerprints that have items beside their first place: the number of the farthest such place. */
  readonly #farthest = new Map<number, number>();
  #purgeFloor: SequenceNumber = 0;
  #lastRecorded: SequenceNumber = 0;

  constructor({ capacity, newCache, fingerprint = hash32 }: CertificationDatabaseSetup) {
    assert(
      Number.isSafeInteger(capacity) && capacity >= 1 && capacity <= certificationItemsMax,
      'the capacity of the certification database is in range',
    );
    this.#fingerprint = fingerprint;
    this.#items = newCache<Item>({ capacity, onEvicted: (item, place) => this.#evicted(item, place) });
  }

  /** Above it every writer is known: a snapshot below it cannot be judged. Never falls. */
  get purgeFloor(): SequenceNumber {
    return this.#purgeFloor;
  }

  /** Items held, some of them perhaps at or below the floor. */
  get itemCount(): number {
    return this.#items.size;
  }

  /** Undefined: no writer above the floor. One at or below the floor may or may not be named. Changes nothing. */
  lastWriter(key: RowKey): Writer | undefined {
    const item = this.#find(key, this.#firstPlace(key));
    return item === undefined ? undefined : { sequenceNumber: item.sequenceNumber, origin: item.origin };
  }

  /** That of `lastWriter`; 0: there is none. */
  lastWritten(key: RowKey): SequenceNumber {
    return this.#find(key, this.#firstPlace(key))?.sequenceNumber ?? 0;
  }

  /**
   * Makes `writer` the last one of `key`, and the key the most recent.
   * Order of calls: by sequence number; one transaction's keys once each, and always in the same order.
   */
  record(key: RowKey, writer: Writer): void {
    const { sequenceNumber } = writer;
    assert(sequenceNumber >= this.#lastRecorded, 'writers are recorded in the order of their sequence numbers');
    assert(sequenceNumber >= this.#purgeFloor, 'a recorded writer is not below the purge floor');
    this.#lastRecorded = sequenceNumber;
    const first = this.#firstPlace(key);
    const known = this.#find(key, first);
    if (known === undefined) {
      this.#add(key, first, writer);
      return;
    }
    assert(known.sequenceNumber < sequenceNumber, 'a transaction writes a key once');
    known.sequenceNumber = sequenceNumber;
    known.origin = writer.origin;
    this.#items.set(known.place, known);
  }

  /** Never lowers it. Called at a place of the total order, or when a database is rebuilt. */
  raisePurgeFloor(upTo: SequenceNumber): void {
    if (upTo > this.#purgeFloor) this.#purgeFloor = upTo;
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

  #add(key: RowKey, first: number, writer: Writer): void {
    let n = 0;
    while (this.#items.peek(first + n * placeStride) !== undefined) n++;
    const place = first + n * placeStride;
    const { sequenceNumber, origin } = writer;
    this.#items.set(place, { key, place, sequenceNumber, origin });
    // Only now: an eviction inside `set` may have drawn the farthest place in, without seeing the new item.
    if (n > this.#farthestOf(first)) this.#farthest.set(first, n);
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

const placeStride = 0x1_0000_0000;

/** Its writer is part of it: a young object that an old one refers to costs the collector as much as the whole item. */
interface Item {
  readonly key: RowKey;
  readonly place: number;
  sequenceNumber: SequenceNumber;
  origin: MemberOrdinal;
}
