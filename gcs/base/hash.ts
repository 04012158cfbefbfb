/**
 * Hashes that are equal on every member: a 32-bit one of keys and a running 64-bit one of the state. Neither resists an
 * adversary; keys are compared in full after a hit, and the running one detects accidents.
 */

/** 32-bit MurmurHash3 of a binary string, one character a byte. */
export function hash32(text: string, seed = 0): number {
  let hash = seed;
  const whole = text.length & ~3;
  for (let at = 0; at < whole; at += 4) {
    let k =
      text.charCodeAt(at) |
      (text.charCodeAt(at + 1) << 8) |
      (text.charCodeAt(at + 2) << 16) |
      (text.charCodeAt(at + 3) << 24);
    k = Math.imul(k, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    hash ^= Math.imul(k, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let k = 0;
  for (let at = text.length - 1; at >= whole; at--) k = (k << 8) | text.charCodeAt(at);
  if (text.length > whole) {
    k = Math.imul(k, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    hash ^= Math.imul(k, 0x1b873593);
  }
  return finalMix(hash ^ text.length) >>> 0;
}

/** A running digest over a sequence of numbers, as two 32-bit halves; equal sequences, equal digests. */
export class RunningDigest {
  #high: number;
  #low: number;

  constructor(hex = '0000000000000000') {
    this.#high = Number.parseInt(hex.slice(0, 8), 16) | 0;
    this.#low = Number.parseInt(hex.slice(8, 16), 16) | 0;
  }

  /** Mixes in a whole number from 0 to 2^53 - 1. */
  add(value: number): void {
    this.#mix(value | 0);
    this.#mix(Math.floor(value / 0x1_0000_0000) | 0);
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return hex32(this.#high) + hex32(this.#low);
  }

  #mix(word: number): void {
    this.#low = (Math.imul(this.#low ^ word, 0x85ebca6b) + 0x9e3779b9) | 0;
    this.#low = (this.#low << 13) | (this.#low >>> 19);
    this.#high = (Math.imul(this.#high ^ this.#low, 0xc2b2ae35) + word) | 0;
    this.#high = (this.#high << 17) | (this.#high >>> 15);
    this.#low = (this.#low + this.#high) | 0;
  }
}

const HEX_OF_BYTE: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The low 32 bits of a whole number, signed or not, as 8 hexadecimal digits. */
export function hex32(word: number): string {
  const hex = HEX_OF_BYTE;
  return hex[word >>> 24]! + hex[(word >>> 16) & 0xff]! + hex[(word >>> 8) & 0xff]! + hex[word & 0xff]!;
}

function finalMix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
