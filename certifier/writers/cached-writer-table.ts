/**
 * Writers by key in a cache of an outside library. Each key is one item, under a 32-bit fingerprint of it. Where two keys
 * share a fingerprint, the later one goes to the next free place of that fingerprint; a hit counts only if the keys are
 * equal in full. So the fingerprint decides where an item lies, never what is answered or what is evicted.
 *
 * Members keep their writers in `packedWriterTable`. This one does the same in another way, and is what that is compared with.
 */
import { assert, hash32, type MemberOrdinal, type SequenceNumber } from '../../gcs/base/index.ts';
import { addWriter, type ItemKind, type KeyWriters, opponentIn, type WriteKind } from '../item-kinds.ts';
import type { RowKey, Writer } from '../types.ts';
import type { NewWriterTable, WriterTable, WriterTableSetup, WrittenItem } from './writer-table.ts';

/** What it needs of a cache library: values by whole numbers, the longest unset evicted first. */
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

/** Makes tables with a cache of a library. Keys at or below the floor stay until they are evicted. */
export function cachedWriterTable(newCache: NewRecencyCache): NewWriterTable {
  return (setup) => new CachedWriterTable(newCache, setup);
}

/** Of the cache's entry, the item and its share of the tables: some 150 bytes were measured, and the key. */
const ITEM_BYTES = 150;

class CachedWriterTable implements WriterTable {
  readonly #newCache: NewRecencyCache;
  #items: RecencyCache<Item>;
  readonly #fingerprint: (key: RowKey) => number;
  readonly #evictedItem: WriterTableSetup['evicted'];
  /** Fingerprints that have items beside their first place: the number of the farthest such place. */
  readonly #farthest = new Map<number, number>();

  constructor(newCache: NewRecencyCache, { capacity, fingerprint = hash32, evicted }: WriterTableSetup) {
    this.#fingerprint = fingerprint;
    this.#evictedItem = evicted;
    this.#newCache = newCache;
    this.#items = this.#emptyCache(capacity);
  }

  get size(): number {
    return this.#items.size;
  }

  get bytes(): number {
    return this.#items.size * ITEM_BYTES;
  }

  lastWritten(key: RowKey): SequenceNumber {
    return this.#find(key, this.#firstPlace(key))?.sequenceNumber ?? 0;
  }

  lastOpponent(key: RowKey, kind: ItemKind): Writer | undefined {
    const item = this.#find(key, this.#firstPlace(key));
    return item === undefined ? undefined : opponentIn(item, kind);
  }

  put(key: RowKey, kind: WriteKind, sequenceNumber: SequenceNumber, origin: MemberOrdinal): void {
    const first = this.#firstPlace(key);
    const known = this.#find(key, first);
    if (known === undefined) {
      this.#add({ key, place: first, sequenceNumber, origin, kind, before: null });
      return;
    }
    assert(known.sequenceNumber < sequenceNumber, 'a transaction writes a key once');
    addWriter(known, { sequenceNumber, origin }, kind);
    this.#items.set(known.place, known);
  }

  forget(): boolean {
    return true;
  }

  resize(capacity: number): void {
    const items = [...this.#items.newestFirst()].reverse();
    this.#farthest.clear();
    this.#items = this.#emptyCache(capacity);
    const kept = Math.max(0, items.length - capacity);
    for (const { sequenceNumber } of items.slice(0, kept)) this.#evictedItem(sequenceNumber);
    for (const item of items.slice(kept)) {
      item.place = this.#firstPlace(item.key);
      this.#add(item);
    }
  }

  #emptyCache(capacity: number): RecencyCache<Item> {
    return this.#newCache<Item>({ capacity, onEvicted: (item, place) => this.#evicted(item, place) });
  }

  newestFirst(): Iterable<WrittenItem> {
    return this.#items.newestFirst();
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

  /** `item`: its place is the first of its fingerprint still. */
  #add(item: Item): void {
    const first = item.place;
    let n = 0;
    while (this.#items.peek(first + n * placeStride) !== undefined) n++;
    item.place = first + n * placeStride;
    this.#items.set(item.place, item);
    // Only now: an eviction inside `set` may have drawn the farthest place in, without seeing the new item.
    if (n > this.#farthestOf(first)) this.#farthest.set(first, n);
  }

  #evicted(item: Item, place: number): void {
    this.#evictedItem(item.sequenceNumber);
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
interface Item extends KeyWriters {
  readonly key: RowKey;
  place: number;
}
