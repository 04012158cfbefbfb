/**
 * Recent row versions in memory: for each row a chain, newest first. Points are looked up in one hash table a table of
 * the database; the keys of a table are brought into order when a scan first wants them, and kept in order from then
 * on, until much was added and a flush round passes without a scan.
 *
 * The rows of a large transaction are added at once and *settled* afterwards, a row at the latest when somebody asks for it.
 *
 * Memory is counted by slab: an image is a view of the buffer that it arrived in, and pins all of it (H21).
 */
import { isOfRow } from '../certifier/index.ts';
import type { LargeTransaction, RowKey } from '../certifier/types.ts';
import { assert, type SequenceNumber } from '../gcs/base/index.ts';
import type { KeyRange } from './types.ts';

/** One version of one row. `image: null`: from here on there is no row. */
export interface Version {
  readonly sequenceNumber: SequenceNumber;
  image: Uint8Array | null;
  slab: Slab | null;
  /** Invariant: `older.sequenceNumber < sequenceNumber`. */
  older: Version | null;
}

/** A buffer that images are views of. */
interface Slab {
  readonly buffer: ArrayBufferLike;
  versions: number;
  imageBytes: number;
}

interface Table {
  readonly rows: Map<RowKey, Version>;
  /** All keys of `rows` but `added`, and maybe keys that have left since. Null: nobody asked for order. */
  ordered: RowKey[] | null;
  added: RowKey[];
  scanned: boolean;
  /** Scans that hold `ordered`: what they go through stays as it is. */
  scansOpen: number;
}

/** Rows that are added and have no versions yet. */
interface Unsettled {
  readonly large: LargeTransaction;
  readonly sequenceNumber: SequenceNumber;
  /** The first so many items are settled, and those at `early`. */
  settled: number;
  readonly early: Set<number>;
  /** The lowest and the highest key. Null: nobody has asked yet. */
  bounds: { readonly lowest: RowKey; readonly highest: RowKey } | null;
  /** Of the first image, held until the end. */
  readonly slab: Slab | null;
}

/** What a version and its place cost besides the image and the key, roughly. */
const VERSION_OVERHEAD_BYTES = 120;
/** So many more rows are settled with each scan that may concern them. */
const SETTLED_WITH_SCAN = 5000;
/** So few new keys are put in place one by one; more are sorted and merged. */
const INSERTED_SINGLY_MAX = 16;
/** An order that so large a part of the rows would have to be added to is made anew when it is wanted. */
const FORGOTTEN_FROM = 0.25;
/** An image moves out of a buffer when less than one part in so many of it is in use. */
const MOVED_OUT_BELOW = 4;

export class Overlay {
  /** Of each row the version read at this sequence number stays, and all newer ones. Never falls. */
  keptFrom: SequenceNumber = Number.POSITIVE_INFINITY;
  readonly #tables = new Map<number, Table>();
  readonly #slabs = new Map<ArrayBufferLike, Slab>();
  readonly #isNeeded: (from: SequenceNumber, to: SequenceNumber) => boolean;
  #lastSlab: Slab | null = null;
  #unsettled: Unsettled | null = null;
  #bytes = 0;
  #rowCount = 0;

  /** @param isNeeded Whether someone reads at a sequence number from `from` (inclusive) to `to` (exclusive). */
  constructor(isNeeded: (from: SequenceNumber, to: SequenceNumber) => boolean) {
    this.#isNeeded = isNeeded;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  newest(key: RowKey): Version | undefined {
    if (this.#unsettled !== null) this.#settleRow(key);
    return this.#tables.get(tableOf(key))?.rows.get(key);
  }

  /** The sequence number of rows that are to be settled; null: there are none. */
  get unsettled(): SequenceNumber | null {
    return this.#unsettled?.sequenceNumber ?? null;
  }

  /** As `add` of each row that a transaction writes, while none is unsettled. Cost: O(1), and that of `settle` later. */
  addLarge(large: LargeTransaction, sequenceNumber: SequenceNumber): void {
    assert(this.#unsettled === null, 'one large transaction is settled before the next is added');
    const image = large.writeSet.find((item) => item.image !== null)?.image ?? null;
    const slab = image === null ? null : this.#hold(image);
    // All of it is in use, however few versions know it yet.
    if (slab !== null) slab.imageBytes += slab.buffer.byteLength - image!.length;
    this.#unsettled = { large, sequenceNumber, settled: 0, early: new Set(), bounds: null, slab };
  }

  /** Settles so many more rows. Changes nothing that can be read. */
  settle(rowsMax: number): void {
    const unsettled = this.#unsettled;
    if (unsettled === null) return;
    const { large, slab } = unsettled;
    const end = Math.min(large.writeSet.length, unsettled.settled + rowsMax);
    for (let at = unsettled.settled; at < end; at++) this.#settleItem(unsettled, at);
    unsettled.settled = end;
    if (end < large.writeSet.length) return;
    this.#unsettled = null;
    if (slab !== null) this.#letGoOf(slab, slab.buffer.byteLength);
  }

  /**
   * Adds the newest version of a row and drops those of it that nobody needs any more (those that `keptFrom` passed
   * meanwhile: in `tidy`). Cost: O(versions of the row) where the version before is not kept.
   */
  add(key: RowKey, sequenceNumber: SequenceNumber, image: Uint8Array | null): void {
    if (this.#unsettled !== null) this.#settleRow(key);
    this.#addVersion(key, sequenceNumber, image);
  }

  #addVersion(key: RowKey, sequenceNumber: SequenceNumber, image: Uint8Array | null): void {
    const id = tableOf(key);
    let table = this.#tables.get(id);
    if (table === undefined) {
      table = { rows: new Map(), ordered: null, added: [], scanned: false, scansOpen: 0 };
      this.#tables.set(id, table);
    }
    const before = table.rows.get(key);
    const slab = image === null ? null : this.#hold(image);
    const version: Version = { sequenceNumber, image, slab, older: null };
    this.#bytes += VERSION_OVERHEAD_BYTES;
    if (before === undefined) {
      this.#bytes += key.length;
      this.#rowCount++;
      if (table.ordered !== null) table.added.push(key);
    } else {
      assert(before.sequenceNumber <= sequenceNumber, 'versions of a row are added in order');
      version.older = sequenceNumber > this.keptFrom ? before : this.#pruned(before, sequenceNumber);
    }
    table.rows.set(key, version);
  }

  /** Removes the versions of a row up to `upTo`. */
  removeUpTo(key: RowKey, upTo: SequenceNumber): void {
    const table = this.#tables.get(tableOf(key));
    const newest = table?.rows.get(key);
    if (table === undefined || newest === undefined) return;
    if (newest.sequenceNumber <= upTo) {
      table.rows.delete(key);
      this.#bytes -= key.length;
      this.#rowCount--;
      this.#dropAll(newest);
      return;
    }
    let version = newest;
    while (version.older !== null && version.older.sequenceNumber > upTo) version = version.older;
    this.#dropAll(version.older);
    version.older = null;
  }

  /**
   * Drops what nobody needs any more of rows that were not written since, moves images up to `settled` out of buffers
   * that they are a small part of, and forgets orders that nobody used since the last call and that much was added to.
   * Cost: O(versions).
   */
  tidy(settled: SequenceNumber): void {
    this.tidyTables();
    for (const [, newest] of this.rows()) this.tidyRow(newest, settled);
  }

  /** What `tidy` does with the tables. */
  tidyTables(): void {
    for (const [id, table] of this.#tables) {
      if (table.rows.size === 0) {
        this.#tables.delete(id);
        continue;
      }
      if (!table.scanned && table.added.length > table.rows.size * FORGOTTEN_FROM) {
        table.ordered = null;
        table.added = [];
      }
      table.scanned = false;
    }
  }

  /** What `tidy` does with each row, by its newest version. */
  tidyRow(newest: Version, settled: SequenceNumber): void {
    let last: Version | null = newest;
    while (last !== null && last.sequenceNumber > this.keptFrom) last = last.older;
    if (last !== null && last.older !== null) last.older = this.#pruned(last.older, last.sequenceNumber);
    for (let version: Version | null = newest; version !== null; version = version.older) {
      if (version.sequenceNumber <= settled) this.#moveOut(version);
    }
  }

  /** Every row with its newest version, but for what is unsettled, in no order. Rows may be removed meanwhile. */
  *rows(): Iterable<readonly [RowKey, Version]> {
    for (const table of this.#tables.values()) yield* table.rows;
  }

  /** In key order. Valid until the next change; other reads in between are none. */
  *scan(range: KeyRange, reverse: boolean): Iterable<readonly [RowKey, Version]> {
    this.#settleRange(range);
    const first = tableOf(range.from);
    const last = tableOf(range.to);
    const ids: number[] = [];
    if (first === last) {
      if (this.#tables.has(first)) ids.push(first);
    } else {
      for (const id of this.#tables.keys()) if (id >= first && id <= last) ids.push(id);
      ids.sort(reverse ? (a, b) => b - a : (a, b) => a - b);
    }
    for (const id of ids) {
      const table = this.#tables.get(id)!;
      const keys = orderedKeys(table);
      const from = lowerBound(keys, range.from);
      const to = lowerBound(keys, range.to);
      table.scansOpen++;
      try {
        for (let i = from; i < to; i++) {
          const key = keys[reverse ? from + to - 1 - i : i]!;
          const newest = table.rows.get(key);
          if (newest !== undefined) yield [key, newest];
        }
      } finally {
        table.scansOpen--;
      }
    }
  }

  #settleRow(key: RowKey): void {
    const unsettled = this.#unsettled!;
    const at = unsettled.large.places.get(key);
    if (at !== undefined && at >= unsettled.settled) this.#settleEarly(unsettled, at);
  }

  #settleRange({ from, to }: KeyRange): void {
    const unsettled = this.#unsettled;
    if (unsettled === null) return;
    const { writeSet } = unsettled.large;
    unsettled.bounds ??= boundsOf(writeSet);
    const { lowest, highest } = unsettled.bounds;
    if (highest < from || lowest >= to) return;
    // Half of what it costs to remember each.
    if (lowest >= from && highest < to) return this.settle(writeSet.length);
    for (let at = unsettled.settled; at < writeSet.length; at++) {
      const { key } = writeSet[at]!;
      if (key >= from && key < to) this.#settleEarly(unsettled, at);
    }
    // Looking through the rest costs, too: it is not done often.
    this.settle(SETTLED_WITH_SCAN);
  }

  #settleEarly(unsettled: Unsettled, at: number): void {
    this.#settleItem(unsettled, at);
    unsettled.early.add(at);
  }

  #settleItem({ large, sequenceNumber, early }: Unsettled, at: number): void {
    const { key, kind, image } = large.writeSet[at]!;
    if (isOfRow(kind) && !early.has(at)) this.#addVersion(key, sequenceNumber, image);
  }

  /** The versions of a chain that someone reads, whose next newer version is that of `before`. */
  #pruned(newest: Version, before: SequenceNumber): Version | null {
    let head: Version | null = null;
    let tail: Version | null = null;
    let upper = before;
    let version: Version | null = newest;
    while (version !== null) {
      const older: Version | null = version.older;
      if (this.#isNeeded(version.sequenceNumber, upper)) {
        if (tail === null) head = version;
        else tail.older = version;
        tail = version;
      } else {
        this.#drop(version);
      }
      upper = version.sequenceNumber;
      version = older;
    }
    if (tail !== null) tail.older = null;
    return head;
  }

  #hold(image: Uint8Array): Slab {
    const buffer = image.buffer;
    let slab = this.#lastSlab;
    if (slab === null || slab.buffer !== buffer) {
      const known = this.#slabs.get(buffer);
      slab = known ?? { buffer, versions: 0, imageBytes: 0 };
      this.#lastSlab = slab;
    }
    if (slab.versions === 0) {
      this.#slabs.set(buffer, slab);
      this.#bytes += buffer.byteLength;
    }
    slab.versions++;
    slab.imageBytes += image.length;
    return slab;
  }

  #drop(version: Version): void {
    this.#bytes -= VERSION_OVERHEAD_BYTES;
    this.#letGo(version);
  }

  #letGo(version: Version): void {
    const slab = version.slab;
    if (slab === null) return;
    this.#letGoOf(slab, version.image!.length);
  }

  #letGoOf(slab: Slab, imageBytes: number): void {
    slab.imageBytes -= imageBytes;
    if (--slab.versions > 0) return;
    this.#slabs.delete(slab.buffer);
    this.#bytes -= slab.buffer.byteLength;
    if (this.#lastSlab === slab) this.#lastSlab = null;
  }

  #dropAll(newest: Version | null): void {
    for (let version = newest; version !== null; version = version.older) this.#drop(version);
  }

  #moveOut(version: Version): void {
    const slab = version.slab;
    if (slab === null || slab.imageBytes * MOVED_OUT_BELOW >= slab.buffer.byteLength) return;
    const image = version.image!.slice();
    this.#letGo(version);
    version.image = image;
    version.slab = this.#hold(image);
  }
}

/** The table id that a key begins with, as a number; compares as the keys do. */
function tableOf(key: RowKey): number {
  return ((key.charCodeAt(0) << 24) | (key.charCodeAt(1) << 16) | (key.charCodeAt(2) << 8) | key.charCodeAt(3)) >>> 0;
}

function boundsOf(writeSet: readonly { readonly key: RowKey }[]): { lowest: RowKey; highest: RowKey } {
  let lowest = writeSet[0]!.key;
  let highest = lowest;
  for (const { key } of writeSet) {
    if (key < lowest) lowest = key;
    else if (key > highest) highest = key;
  }
  return { lowest, highest };
}

function orderedKeys(table: Table): readonly RowKey[] {
  table.scanned = true;
  if (table.ordered === null || table.ordered.length > 2 * table.rows.size + 1000) {
    table.ordered = [...table.rows.keys()].sort();
    table.added = [];
  } else if (table.added.length > 0) {
    if (table.added.length <= INSERTED_SINGLY_MAX) {
      // A scan may have settled rows for another that is open.
      if (table.scansOpen > 0) table.ordered = table.ordered.slice();
      for (const key of table.added) insert(table.ordered, key);
    } else {
      table.ordered = merged(table.ordered, table.added.sort());
    }
    table.added = [];
  }
  return table.ordered;
}

function insert(keys: RowKey[], key: RowKey): void {
  const at = lowerBound(keys, key);
  if (keys[at] !== key) keys.splice(at, 0, key);
}

/** Both sorted; each key once. */
function merged(left: readonly RowKey[], right: readonly RowKey[]): RowKey[] {
  const all: RowKey[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const key = r >= right.length || (l < left.length && left[l]! <= right[r]!) ? left[l]! : right[r]!;
    while (l < left.length && left[l] === key) l++;
    while (r < right.length && right[r] === key) r++;
    all.push(key);
  }
  return all;
}

/** Index of the first key that is not below `bound`. */
export function lowerBound(keys: readonly RowKey[], bound: RowKey): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
