/** Keys as words, and their hash. */
import { assert } from '../../gcs/base/index.ts';
import type { RowKey } from '../types.ts';

/** One key at a time, packed: four bytes a word, the first the lowest; and the hash that `hash32` has of it. */
export class KeyWords {
  /** The key begins it; behind it is anything. */
  words = new Int32Array(64);
  /** In bytes. */
  length = 0;
  /** 32 bits, signed. */
  hash = 0;
  readonly #fingerprint: ((key: RowKey) => number) | null;
  #key: RowKey | null = null;

  /** `fingerprint`: a whole number below 2^32 instead of the hash; null: the hash. */
  constructor(fingerprint: ((key: RowKey) => number) | null) {
    this.#fingerprint = fingerprint;
  }

  /** The key that is packed; null: none yet. */
  get key(): RowKey | null {
    return this.#key;
  }

  /** Cost: O(length). */
  pack(key: RowKey): void {
    const { length } = key;
    if (length > 4 * this.words.length) this.words = new Int32Array((length + 3) >>> 2);
    this.#key = null;
    this.length = length;
    this.hash = this.#packed(key);
    if (this.#fingerprint !== null) this.hash = this.#fingerprint(key) | 0;
    this.#key = key;
  }

  /** 32-bit MurmurHash3. */
  #packed(key: RowKey): number {
    const { words } = this;
    const { length } = key;
    const whole = length & ~3;
    let hash = 0;
    let all = 0;
    for (let at = 0; at < whole; at += 4) {
      const first = key.charCodeAt(at);
      const second = key.charCodeAt(at + 1);
      const third = key.charCodeAt(at + 2);
      const fourth = key.charCodeAt(at + 3);
      all |= first | second | third | fourth;
      const word = first | (second << 8) | (third << 16) | (fourth << 24);
      words[at >>> 2] = word;
      let k = Math.imul(word, 0xcc9e2d51);
      k = (k << 15) | (k >>> 17);
      hash ^= Math.imul(k, 0x1b873593);
      hash = (hash << 13) | (hash >>> 19);
      hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
    }
    if (length > whole) {
      let word = 0;
      for (let at = length - 1; at >= whole; at--) {
        const last = key.charCodeAt(at);
        all |= last;
        word = (word << 8) | last;
      }
      words[whole >>> 2] = word;
      const k = Math.imul(word, 0xcc9e2d51);
      hash ^= Math.imul((k << 15) | (k >>> 17), 0x1b873593);
    }
    assert((all & ~0xff) === 0, 'a key is a binary string');
    hash ^= length;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }
}
