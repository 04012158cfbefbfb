/**
 * Where in a large write set each key is. A hash table that never grows, since it is known from the beginning how many
 * items come: growing takes a runtime's own map some milliseconds at once.
 */
import { hash32 } from '../gcs/base/index.ts';
import type { RowKey, WriteSetItem } from './types.ts';

export class ItemPlaces {
  readonly #items: readonly WriteSetItem[];
  /** Place + 1 of an item, or 0; an item is at its key's hash or behind it, with nothing free in between. */
  readonly #table: Int32Array;

  /** `items`: grows to `count` at most. */
  constructor(items: readonly WriteSetItem[], count: number) {
    this.#items = items;
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(2 * Math.max(1, count))));
  }

  /** Undefined: no item that was added has this key. */
  get(key: RowKey): number | undefined {
    const at = this.#table[this.#slotOf(key)]!;
    return at === 0 ? undefined : at - 1;
  }

  /** Adds the item at `place`. False: one before it has its key. */
  add(place: number): boolean {
    const slot = this.#slotOf(this.#items[place]!.key);
    if (this.#table[slot] !== 0) return false;
    this.#table[slot] = place + 1;
    return true;
  }

  /** Of the key, or free. At most half of the slots are taken. */
  #slotOf(key: RowKey): number {
    const table = this.#table;
    const mask = table.length - 1;
    let slot = hash32(key) & mask;
    for (let at = table[slot]!; at !== 0 && this.#items[at - 1]!.key !== key; at = table[slot]!)
      slot = (slot + 1) & mask;
    return slot;
  }
}
