/**
 * The subprotocol of text frames. Bytes travel as `{"$bytes": base64}`, bigints as strings, which is what they come back
 * as: in JSON nothing tells an integer beyond 2^53 from text.
 */
import { BASE64, fromBase64, toBase64 } from './base64.ts';
import type { Codec } from './environment.ts';

export const jsonCodec: Codec = {
  subprotocol: 'concert.v1.json',
  encode(messages) {
    if (messages.length === 1) return textOf(messages[0]);
    let text = '[';
    for (let i = 0; i < messages.length; i++) text += (i > 0 ? ',' : '') + textOf(messages[i]);
    return `${text}]`;
  },
  decode(frame) {
    if (typeof frame !== 'string') throw new Error('a binary frame; this subprotocol has text frames');
    const decoded: unknown = JSON.parse(frame);
    return frame.includes('"$bytes"') ? withBytes(decoded) : decoded;
  },
  bytesOf(frame) {
    // Three bytes a UTF-16 unit at most; counted only where that could matter is not known here, so a quick pass.
    const text = frame as string;
    let bytes = text.length;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x80) continue;
      // Each half of a surrogate pair counts two of its four bytes.
      bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
    }
    return bytes;
  },
};

function textOf(message: unknown): string {
  return JSON.stringify(isPlain(message) ? message : plain(message));
}

function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint';
  if (value instanceof Uint8Array) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i])) return false;
    return true;
  }
  for (const name in value) if (!isPlain((value as Record<string, unknown>)[name])) return false;
  return true;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { $bytes: toBase64(value) };
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

/** Puts bytes in place of each `{"$bytes": base64}`. */
function withBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = withBytes(value[i]);
    return value;
  }
  const object = value as Record<string, unknown>;
  const names = Object.keys(object);
  if (names.length === 1 && names[0] === '$bytes') {
    const base64 = object.$bytes;
    return typeof base64 === 'string' && BASE64.test(base64) ? fromBase64(base64) : object;
  }
  for (const name of names) {
    const part = object[name];
    const converted = withBytes(part);
    if (converted !== part) object[name] = converted;
  }
  return object;
}
