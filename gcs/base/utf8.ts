/** UTF-8, for pure code. Text is well-formed Unicode: a lone surrogate is the caller's error (`isWellFormed` first). */
import { assert } from './assert.ts';

/** Characters made in one call: arguments are on the stack. */
const ASCII_CHUNK = 4096;

export function utf8Encode(text: string): Uint8Array {
  assert(text.isWellFormed(), 'text to encode is well-formed');
  return encodeAscii(text) ?? encodeAny(text);
}

/** Most texts are. Null: this one is not. */
function encodeAscii(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x80) return null;
    bytes[at] = code;
  }
  return bytes;
}

function encodeAny(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else {
      bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    }
  }
  return Uint8Array.from(bytes);
}

/** The text, or null if the bytes are not well-formed UTF-8. */
export function utf8Decode(bytes: Uint8Array): string | null {
  return decodeAscii(bytes) ?? decodeAny(bytes);
}

/** Null: it is not ASCII. */
function decodeAscii(bytes: Uint8Array): string | null {
  let text = '';
  for (let from = 0; from < bytes.length; from += ASCII_CHUNK) {
    const count = Math.min(ASCII_CHUNK, bytes.length - from);
    // A plain array: arguments are taken from it much faster than from the bytes.
    const codes = new Array<number>(count);
    for (let i = 0; i < count; i++) {
      const code = bytes[from + i]!;
      if (code >= 0x80) return null;
      codes[i] = code;
    }
    text += String.fromCharCode.apply(null, codes);
  }
  return text;
}

function decodeAny(bytes: Uint8Array): string | null {
  const units: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!;
    const more = first < 0x80 ? 0 : first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : -1;
    if (more < 0 || first >= 0xf5 || at + more >= bytes.length) return null;
    let code = more === 0 ? first : first & (0x3f >> more);
    for (let i = 1; i <= more; i++) {
      const next = bytes[at + i]!;
      if ((next & 0xc0) !== 0x80) return null;
      code = (code << 6) | (next & 0x3f);
    }
    const smallest = [0, 0x80, 0x800, 0x10000][more]!;
    if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return null;
    units.push(String.fromCodePoint(code));
    at += more + 1;
  }
  return units.join('');
}
