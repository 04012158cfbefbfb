/**
 * msgpack over the msgpackr library, for bytes from strangers and for row images.
 *
 * The library trusts its input too far (records that compile code, extensions that build objects, lengths that
 * allocate), so bytes of a client are first walked by a validator of ours, which admits plain values only: nil,
 * booleans, numbers, well-formed text, bytes, arrays, and maps with text keys, to a depth of `depthMax`. What a frame
 * declares is compared with what it holds before anything is allocated. The library's decoder runs behind that.
 *
 * It is lossless where the library is not: keys named `__proto__` stay what they are, and stay harmless; 64-bit
 * integers beyond 2^53 are bigints, and safe ones are numbers.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { Packr, Unpackr } from 'msgpackr';

/** Deeper than any message of the API; shallow enough for every recursion over one. */
export const depthMax = 32;

export type Decoded =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'malformed'; readonly problem: string };

const SETTINGS = {
  useRecords: false,
  structuredClone: false,
  moreTypes: false,
  variableMapSize: true,
  encodeUndefinedAsNil: true,
  useToJSON: false,
} as const;

const packer = new Packr(SETTINGS);
const unpacker = new Unpackr({ ...SETTINGS, mapsAsObjects: true });
/** For the rare value with a key that an object literal would take for its prototype. */
const unpackerToMaps = new Unpackr({ ...SETTINGS, mapsAsObjects: false });

/** Decodes one value from a stranger. Never throws; owns nothing of `bytes` afterwards. */
export function decodeUntrusted(bytes: Uint8Array): Decoded {
  const scan = new Scan(bytes);
  const problem = scan.run();
  if (problem !== null) return { kind: 'malformed', problem };
  try {
    const decoded = (scan.hasPrototypeKey ? unpackerToMaps : unpacker).unpack(bytes);
    return { kind: 'value', value: scan.isPlain ? decoded : normalized(decoded) };
  } catch (error) {
    return { kind: 'malformed', problem: `not msgpack: ${(error as Error).message}` };
  }
}

/** Encodes an answer: safe integers of more than 32 bits as integers, where the library would write doubles. */
export function encodeMessage(message: unknown): Uint8Array {
  return packer.pack(hasWideInteger(message) ? withWideIntegers(message) : message);
}

/**
 * Row images. Equal values with keys in the same order have equal bytes, on every member; a bigint comes back as a
 * bigint, a number as a number, bytes as bytes, which may share the image's memory.
 */
export const imageCodec = {
  /** The caller owns the bytes. */
  encode(value: unknown): Uint8Array {
    return new Uint8Array(packer.pack(value));
  },
  /** `image` comes from `encode`. */
  decode(image: Uint8Array): unknown {
    if (!Buffer.prototype.includes.call(image, '__proto__', 0, 'latin1')) return unpacker.unpack(image);
    return objectsFromMaps(unpackerToMaps.unpack(image));
  },
};

class Scan {
  /** Neither bytes nor 64-bit integers nor a key `__proto__`: the library's result can be used as it is. */
  isPlain = true;
  hasPrototypeKey = false;
  readonly #bytes: Uint8Array;
  #at = 0;
  #problem: string | null = null;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  run(): string | null {
    if (this.#value(1) && this.#at !== this.#bytes.length) this.#fail('bytes after the end of the value');
    return this.#problem;
  }

  #fail(problem: string): false {
    this.#problem ??= `${problem} at byte ${this.#at}`;
    return false;
  }

  #value(depth: number): boolean {
    if (depth > depthMax) return this.#fail(`nested deeper than ${depthMax}`);
    const bytes = this.#bytes;
    if (this.#at >= bytes.length) return this.#fail('cut short');
    const token = bytes[this.#at++]!;
    if (token < 0x80 || token >= 0xe0) return true;
    if (token < 0x90) return this.#map(token & 0x0f, depth);
    if (token < 0xa0) return this.#array(token & 0x0f, depth);
    if (token < 0xc0) return this.#text(token & 0x1f);
    switch (token) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        this.isPlain = false;
        return this.#skip(this.#length(1 << (token - 0xc4)));
      case 0xca:
        return this.#skip(4);
      case 0xcb:
        return this.#skip(8);
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#skip(1 << (token - 0xcc));
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.#skip(1 << (token - 0xd0));
      case 0xcf:
      case 0xd3:
        this.isPlain = false;
        return this.#skip(8);
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#length(1 << (token - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#length(token === 0xdc ? 2 : 4), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#length(token === 0xde ? 2 : 4), depth);
      default:
        return this.#fail(token === 0xc1 ? 'the unused byte 0xc1' : 'an extension type');
    }
  }

  /** A big-endian length of `size` bytes; -1 if it is cut short. */
  #length(size: number): number {
    if (this.#at + size > this.#bytes.length) return -1;
    let length = 0;
    for (let i = 0; i < size; i++) length = length * 256 + this.#bytes[this.#at++]!;
    return length;
  }

  #skip(length: number): boolean {
    if (length < 0 || length > this.#bytes.length - this.#at) return this.#fail('cut short');
    this.#at += length;
    return true;
  }

  #text(length: number): boolean {
    const from = this.#at;
    if (!this.#skip(length)) return false;
    if (this.#isAscii(from)) return true;
    return isUtf8(this.#bytes.subarray(from, this.#at)) || this.#fail('text that is not UTF-8');
  }

  #isAscii(from: number): boolean {
    for (let i = from; i < this.#at; i++) if (this.#bytes[i]! >= 0x80) return false;
    return true;
  }

  #array(length: number, depth: number): boolean {
    if (length < 0 || length > this.#bytes.length - this.#at) return this.#fail('cut short');
    for (let i = 0; i < length; i++) if (!this.#value(depth + 1)) return false;
    return true;
  }

  #map(length: number, depth: number): boolean {
    if (length < 0 || length * 2 > this.#bytes.length - this.#at) return this.#fail('cut short');
    for (let i = 0; i < length; i++) {
      const token = this.#bytes[this.#at]!;
      if (token < 0xa0 || (token >= 0xc0 && token < 0xd9) || token > 0xdb) return this.#fail('a key that is not text');
      const from = this.#at;
      if (!this.#value(depth)) return false;
      if (this.#isPrototypeKey(from)) {
        this.hasPrototypeKey = true;
        this.isPlain = false;
      }
      if (!this.#value(depth + 1)) return false;
    }
    return true;
  }

  /** Says whether the key from `from` to here is `__proto__`, however its length is written. */
  #isPrototypeKey(from: number): boolean {
    const start = this.#at - 9;
    if (start <= from || this.#at - from > 14 || this.#bytes[start] !== 0x5f || this.#bytes[start + 2] !== 0x70)
      return false;
    return Buffer.prototype.latin1Slice.call(this.#bytes, start, this.#at) === '__proto__';
  }
}

/** Numbers for safe bigints, plain bytes that share nothing for views of the frame, objects for maps. */
function normalized(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = normalized(value[i]);
    return value;
  }
  if (value instanceof Map) return objectOf(value, normalized);
  const object = value as Record<string, unknown>;
  for (const key of Object.keys(object)) object[key] = normalized(object[key]);
  return object;
}

function objectsFromMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(objectsFromMaps);
  return value instanceof Map ? objectOf(value, objectsFromMaps) : value;
}

function objectOf(map: Map<unknown, unknown>, convert: (value: unknown) => unknown): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [key, value] of map) {
    Object.defineProperty(object, String(key), {
      value: convert(value),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  return object;
}

function isWideInteger(value: unknown): boolean {
  return typeof value === 'number' && (value > 0xffff_ffff || value < -0x8000_0000) && Number.isSafeInteger(value);
}

function hasWideInteger(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return isWideInteger(value);
  if (value instanceof Uint8Array) return false;
  if (Array.isArray(value)) return value.some(hasWideInteger);
  for (const key in value) if (hasWideInteger((value as Record<string, unknown>)[key])) return true;
  return false;
}

function withWideIntegers(value: unknown): unknown {
  if (isWideInteger(value)) return BigInt(value as number);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(withWideIntegers);
  return new Map(Object.entries(value).map(([key, part]) => [key, withWideIntegers(part)]));
}
