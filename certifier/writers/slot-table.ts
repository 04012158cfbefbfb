/**
 * Where the record of each key lies, by the key's hash: open addressing in typed arrays, 8 bytes a slot (hash and
 * address). Several records may have one hash; who asks compares the keys.
 *
 * So that growing is nothing that anybody waits for, it is many small tables, chosen by the highest bits of the hash,
 * each of which is made anew by itself when it is three quarters full: some thousand slots, tens of microseconds. A slot
 * that becomes free is closed by moving back those behind it, so that nothing remains of what was forgotten.
 */
import { assert } from '../../gcs/base/index.ts';

/** Slots that a table begins with, and is never smaller than. */
const SLOTS_MIN = 8;
/** What one table holds at the capacity, if hashes are even. */
const RECORDS_A_TABLE = 4096;
const TABLES_MAX = 4096;

/** Shared by all tables that never had a record; its one free slot ends every search, and it counts as full. */
const NO_SLOTS = new Int32Array(2);

export class SlotTable {
  /** Slots as pairs of hash and address; address 0: free. */
  readonly #tables: Int32Array[];
  /** Records in each. */
  readonly #counts: Int32Array;
  /** Of the hash, the bits that choose the table. 31 at most. */
  readonly #shift: number;
  /** Of the last search. */
  #table: Int32Array = NO_SLOTS;
  #at = 0;
  #hash = 0;
  #bytes = 0;

  /** `capacity`: records that are expected at most; more are no fault. */
  constructor(capacity: number) {
    const wanted = Math.ceil(Math.log2(Math.max(1, capacity / RECORDS_A_TABLE)));
    const bits = Math.min(Math.log2(TABLES_MAX), Math.max(1, wanted));
    this.#shift = 32 - bits;
    this.#tables = new Array<Int32Array>(2 ** bits).fill(NO_SLOTS);
    this.#counts = new Int32Array(2 ** bits);
  }

  /** Memory of the slots. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The address of a record with this hash (32 bits, signed), or 0. */
  seek(hash: number): number {
    const table = this.#tables[hash >>> this.#shift]!;
    this.#table = table;
    this.#hash = hash;
    return this.#seekFrom((hash << 1) & (table.length - 1));
  }

  /** That of another one with the same hash. */
  seekOn(): number {
    return this.#seekFrom((this.#at + 2) & (this.#table.length - 1));
  }

  /** Sets the address that was found last. Order of calls: nothing is added or removed since. */
  replace(address: number): void {
    this.#table[this.#at + 1] = address;
  }

  add(hash: number, address: number): void {
    const number = hash >>> this.#shift;
    let table = this.#tables[number]!;
    const count = ++this.#counts[number]!;
    if (8 * count > 3 * table.length) table = this.#resize(number, Math.max(SLOTS_MIN, table.length));
    place(table, hash, address);
  }

  /** Order of calls: it is there. */
  remove(hash: number, address: number): void {
    this.#seekAddress(hash, address);
    const table = this.#table;
    const mask = table.length - 1;
    let free = this.#at;
    for (let at = (free + 2) & mask; table[at + 1] !== 0; at = (at + 2) & mask) {
      const home = (table[at]! << 1) & mask;
      // It may move unless its home is behind the free slot, going round.
      if (((at - home) & mask) < ((at - free) & mask)) continue;
      table[free] = table[at]!;
      table[free + 1] = table[at + 1]!;
      free = at;
    }
    table[free + 1] = 0;
    const number = hash >>> this.#shift;
    const count = --this.#counts[number]!;
    if (16 * count < table.length && table.length > 2 * SLOTS_MIN) this.#resize(number, table.length >>> 2);
  }

  /** The record at `from` lies at `to` now. */
  move(hash: number, from: number, to: number): void {
    this.#seekAddress(hash, from);
    this.#table[this.#at + 1] = to;
  }

  #seekFrom(from: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    const hash = this.#hash;
    let at = from;
    let address = table[at + 1]!;
    while (address !== 0 && table[at] !== hash) {
      at = (at + 2) & mask;
      address = table[at + 1]!;
    }
    this.#at = at;
    return address;
  }

  #seekAddress(hash: number, address: number): void {
    let found = this.seek(hash);
    while (found !== address) {
      assert(found !== 0, 'a record that is known has a slot');
      found = this.seekOn();
    }
  }

  #resize(number: number, slots: number): Int32Array {
    const before = this.#tables[number]!;
    const table = new Int32Array(2 * slots);
    for (let at = 0; at < before.length; at += 2) {
      if (before[at + 1] !== 0) place(table, before[at]!, before[at + 1]!);
    }
    this.#tables[number] = table;
    this.#bytes += table.byteLength - (before === NO_SLOTS ? 0 : before.byteLength);
    return table;
  }
}

function place(table: Int32Array, hash: number, address: number): void {
  const mask = table.length - 1;
  let at = (hash << 1) & mask;
  while (table[at + 1] !== 0) at = (at + 2) & mask;
  table[at] = hash;
  table[at + 1] = address;
}
