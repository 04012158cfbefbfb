/** A set of whole numbers from 0 that lie dense: a bit each. */
export class IdSet {
  #bits: Uint8Array;
  #size = 0;

  /** `bits`: of `IdSet.bits`. */
  constructor(bits: Uint8Array = new Uint8Array(64)) {
    this.#bits = bits.slice();
    for (const byte of bits) this.#size += onesOf(byte);
  }

  get size(): number {
    return this.#size;
  }

  /** As it travels between processes; not to be changed. */
  get bits(): Uint8Array {
    return this.#bits;
  }

  add(id: number): void {
    const at = Math.floor(id / 8);
    if (at >= this.#bits.length) {
      const more = new Uint8Array(Math.max(2 * this.#bits.length, at + 1));
      more.set(this.#bits);
      this.#bits = more;
    }
    const bit = 1 << (id % 8);
    if ((this.#bits[at]! & bit) !== 0) return;
    this.#bits[at]! |= bit;
    this.#size++;
  }

  addAll(other: IdSet): void {
    for (const id of other) this.add(id);
  }

  has(id: number): boolean {
    return ((this.#bits[Math.floor(id / 8)] ?? 0) & (1 << (id % 8))) !== 0;
  }

  /** Ascending. */
  *[Symbol.iterator](): Generator<number> {
    for (let at = 0; at < this.#bits.length; at++) {
      for (let byte = this.#bits[at]!; byte !== 0; byte &= byte - 1) yield at * 8 + 31 - Math.clz32(byte & -byte);
    }
  }
}

function onesOf(byte: number): number {
  let ones = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) ones++;
  return ones;
}
