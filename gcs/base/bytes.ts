/**
 * Reading and writing of our own binary formats. Little-endian; whole numbers up to 2^53 - 1 as varints (7 bits a
 * byte, low first) or fixed 32/48 bits. A reader never throws on foreign bytes: reading past the end, or a number that
 * is none, sets `malformed` and yields zero or empty; the decoder asks once, at its end.
 */
import { assert } from './assert.ts';

const TWO_TO_32 = 0x1_0000_0000;

/**
 * Up to so many bytes an array is part of its own object, without a buffer. Whatever asks for the buffer (a subarray, a
 * DataView) makes one, which costs several times as much as a copy of all of it.
 */
export const BUFFERLESS_BYTES_MAX = 64;

export class ByteWriter {
  #bytes: Uint8Array;
  /** Made when it is first wanted: most writers are short-lived, and a view costs as much as many bytes. */
  #viewOrNull: DataView | null = null;
  #length = 0;

  constructor(capacity = BUFFERLESS_BYTES_MAX) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#putU32(this.#length, value);
    this.#length += 4;
  }

  /** A whole number from 0 to 2^48 - 1. */
  u48(value: number): void {
    assert(value >= 0 && value < 0x1_0000_0000_0000, 'u48 in range');
    this.#reserve(6);
    this.#putU32(this.#length, value);
    const high = Math.floor(value / TWO_TO_32);
    this.#bytes[this.#length + 4] = high;
    this.#bytes[this.#length + 5] = high >>> 8;
    this.#length += 6;
  }

  f64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** A whole number from 0 to 2^53 - 1. */
  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'varint is a safe whole number');
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Of `bytes` what is at `from` and behind it, before `to`: a few. */
  part(bytes: Uint8Array, from: number, to: number): void {
    this.#reserve(to - from);
    for (let at = from; at < to; at++) this.#bytes[this.#length++] = bytes[at]!;
  }

  /** One byte, so many times. */
  run(byte: number, times: number): void {
    this.#reserve(times);
    this.#bytes.fill(byte, this.#length, this.#length + times);
    this.#length += times;
  }

  /** Length as a varint, then the bytes. */
  blob(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A string whose every character stands for one byte: length as a varint, then the bytes. */
  binaryString(value: string): void {
    this.varint(value.length);
    this.#reserve(value.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < value.length; i++) bytes[at++] = value.charCodeAt(i);
    this.#length = at;
  }

  /** Overwrites four bytes written before. */
  patchU32(offset: number, value: number): void {
    assert(offset + 4 <= this.#length, 'patch lies within what is written');
    this.#putU32(offset, value);
  }

  /** A copy of what was written; the writer can be used again after `reset`. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** What was written, mostly without a copy; valid until the next write or reset. */
  view(): Uint8Array {
    if (this.#length === this.#bytes.length) return this.#bytes;
    return partOf(this.#bytes, 0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    // Not a subarray, which would make a buffer for one that has none.
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#viewOrNull = null;
  }

  #putU32(at: number, value: number): void {
    const bytes = this.#bytes;
    const word = value >>> 0;
    bytes[at] = word;
    bytes[at + 1] = word >>> 8;
    bytes[at + 2] = word >>> 16;
    bytes[at + 3] = word >>> 24;
  }

  get #view(): DataView {
    this.#viewOrNull ??= new DataView(this.#bytes.buffer);
    return this.#viewOrNull;
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  /** As a writer's. */
  #viewOrNull: DataView | null = null;
  #offset = 0;
  #malformed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Something could not be read; everything since is zero or empty. */
  get malformed(): boolean {
    return this.#malformed;
  }

  /** Everything was read, and nothing was malformed. */
  get finished(): boolean {
    return !this.#malformed && this.left === 0;
  }

  fail(): void {
    this.#malformed = true;
    this.#offset = this.#bytes.length;
  }

  u8(): number {
    return this.#take(1) ? this.#bytes[this.#offset++]! : 0;
  }

  u32(): number {
    if (!this.#take(4)) return 0;
    const value = this.#u32At(this.#offset);
    this.#offset += 4;
    return value;
  }

  u48(): number {
    if (!this.#take(6)) return 0;
    const at = this.#offset;
    const high = this.#bytes[at + 4]! | (this.#bytes[at + 5]! << 8);
    const value = this.#u32At(at) + high * TWO_TO_32;
    this.#offset += 6;
    return value;
  }

  f64(): number {
    if (!this.#take(8)) return 0;
    const value = this.#view.getFloat64(this.#offset, true);
    this.#offset += 8;
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (Number.isSafeInteger(value)) return value;
        break;
      }
      scale *= 0x80;
    }
    this.fail();
    return 0;
  }

  /** The next `length` bytes: a view of them, as a rule. To be left alone. */
  raw(length: number): Uint8Array {
    if (!this.#take(length)) return new Uint8Array(0);
    const part = partOf(this.#bytes, this.#offset, this.#offset + length);
    this.#offset += length;
    return part;
  }

  skip(length: number): void {
    if (this.#take(length)) this.#offset += length;
  }

  blob(): Uint8Array {
    return this.raw(this.varint());
  }

  binaryString(): string {
    const length = this.varint();
    if (length > SHORT_STRING_MAX) return binaryStringOf(this.raw(length));
    if (!this.#take(length)) return '';
    const from = this.#offset;
    this.#offset += length;
    return shortBinaryString(this.#bytes, from, length);
  }

  /** Whether the binary string that comes next is `expected`, which is not empty. It is read if so, and only then. */
  isBinaryString(expected: string): boolean {
    const { length } = expected;
    const bytes = this.#bytes;
    const at = this.#offset + 1;
    // Its length is one byte.
    if (this.#malformed || length >= 0x80 || at + length > bytes.length || bytes[at - 1] !== length) return false;
    for (let i = 0; i < length; i++) if (bytes[at + i] !== expected.charCodeAt(i)) return false;
    this.#offset = at + length;
    return true;
  }

  #u32At(at: number): number {
    const bytes = this.#bytes;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }

  get #view(): DataView {
    this.#viewOrNull ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    return this.#viewOrNull;
  }

  #take(length: number): boolean {
    if (length <= this.#bytes.length - this.#offset && !this.#malformed) return true;
    this.fail();
    return false;
  }
}

function partOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return bytes.length <= BUFFERLESS_BYTES_MAX ? bytes.slice(from, to) : bytes.subarray(from, to);
}

const SHORT_STRING_MAX = 64;
/** An array for each length of a short string. To make a string of plain numbers takes a third of the time that bytes take. */
const CODES: readonly number[][] = Array.from({ length: SHORT_STRING_MAX + 1 }, (_, length) =>
  new Array<number>(length).fill(0),
);

function shortBinaryString(bytes: Uint8Array, from: number, length: number): string {
  const codes = CODES[length]!;
  for (let i = 0; i < length; i++) codes[i] = bytes[from + i]!;
  return String.fromCharCode.apply(null, codes);
}

/** One character (code 0 to 255) a byte. Two such strings compare as their bytes do. A copy: it holds no buffer. */
export function binaryStringOf(bytes: Uint8Array): string {
  if (bytes.length <= SHORT_STRING_MAX) return shortBinaryString(bytes, 0, bytes.length);
  if (bytes.length <= 512) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  let text = '';
  for (let at = 0; at < bytes.length; at += 512) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + 512) as unknown as number[]);
  }
  return text;
}

/** The bytes of a binary string. */
export function bytesOfBinaryString(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
