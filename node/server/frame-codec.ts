/**
 * The two subprotocols: what a frame of the client API looks like on the wire. A frame holds one message or an array
 * of messages. Both codecs carry the same values: JSON writes bytes as `{"$bytes": base64}` and integers beyond 2^53
 * as strings.
 */
import { Buffer } from 'node:buffer';
import { decodeUntrusted, depthMax, encodeMessage } from './msgpack.ts';

export type Subprotocol = 'concert.v1.json' | 'concert.v1.msgpack';

export type DecodedFrame =
  | { readonly kind: 'messages'; readonly messages: readonly unknown[] }
  /** Nothing in the frame counts. `ids`: the requests that could be told apart in it, or null alone. */
  | { readonly kind: 'malformed'; readonly problem: string; readonly ids: readonly (string | number | null)[] };

export interface FrameCodec {
  readonly subprotocol: Subprotocol;
  /** `frame`: a string if it came as text, else bytes. Never throws. The messages own their bytes. */
  decodeFrame(frame: string | Uint8Array): DecodedFrame;
  /** One message stands alone, several as an array. At least one. */
  encodeFrame(messages: readonly unknown[]): string | Uint8Array;
}

export const jsonCodec: FrameCodec = {
  subprotocol: 'concert.v1.json',
  decodeFrame(frame) {
    if (typeof frame !== 'string') return unreadable('a binary frame; this subprotocol has text frames');
    let parsed: unknown;
    try {
      parsed = JSON.parse(frame);
    } catch (error) {
      return unreadable(`not JSON: ${(error as Error).message.slice(0, problemLengthMax)}`);
    }
    const messages = Array.isArray(parsed) ? parsed : [parsed];
    const deepest = Array.isArray(parsed) ? depthMax - 1 : depthMax;
    for (let i = 0; i < messages.length; i++) {
      if (!isWithin(messages[i], deepest)) {
        return { kind: 'malformed', problem: `nested deeper than ${depthMax}`, ids: messages.map(idOf) };
      }
    }
    if (frame.includes('$bytes') || frame.includes('\\u')) {
      for (let i = 0; i < messages.length; i++) messages[i] = withBytes(messages[i]);
    }
    return { kind: 'messages', messages };
  },
  encodeFrame(messages) {
    if (messages.length === 1) return textOf(messages[0]);
    let text = '[';
    for (let i = 0; i < messages.length; i++) text += (i > 0 ? ',' : '') + textOf(messages[i]);
    return `${text}]`;
  },
};

export const msgpackCodec: FrameCodec = {
  subprotocol: 'concert.v1.msgpack',
  decodeFrame(frame) {
    if (typeof frame === 'string') return unreadable('a text frame; this subprotocol has binary frames');
    const decoded = decodeUntrusted(frame);
    if (decoded.kind === 'malformed') return unreadable(decoded.problem);
    return { kind: 'messages', messages: Array.isArray(decoded.value) ? decoded.value : [decoded.value] };
  },
  encodeFrame(messages) {
    return encodeMessage(messages.length === 1 ? messages[0] : messages);
  },
};

/** The codec for a connection that offered these subprotocols, in its order of preference; undefined if none is known. */
export function codecFor(offered: readonly string[]): FrameCodec | undefined {
  if (offered.length === 0) return jsonCodec;
  for (const name of offered) {
    const codec = [jsonCodec, msgpackCodec].find((candidate) => candidate.subprotocol === name);
    if (codec !== undefined) return codec;
  }
  return undefined;
}

/** A parser's words quote its input; they are cut here. */
const problemLengthMax = 200;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function unreadable(problem: string): DecodedFrame {
  return { kind: 'malformed', problem, ids: [null] };
}

function idOf(message: unknown): string | number | null {
  if (typeof message !== 'object' || message === null) return null;
  const id = (message as { id?: unknown }).id;
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}

function isWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 1) return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isWithin(value[i], levels - 1)) return false;
    return true;
  }
  for (const key in value) {
    if (!isWithin((value as Record<string, unknown>)[key], levels - 1)) return false;
  }
  return true;
}

/** Puts bytes in place of each `{"$bytes": base64}`. What only resembles one stays, for whoever judges the value. */
function withBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = withBytes(value[i]);
    return value;
  }
  const object = value as Record<string, unknown>;
  const keys = Object.keys(object);
  if (keys.length === 1 && keys[0] === '$bytes') {
    const base64 = object.$bytes;
    return typeof base64 === 'string' && BASE64.test(base64) ? new Uint8Array(Buffer.from(base64, 'base64')) : object;
  }
  for (const key of keys) object[key] = withBytes(object[key]);
  return object;
}

function textOf(message: unknown): string {
  return JSON.stringify(isPlainJson(message) ? message : plainJson(message));
}

function isPlainJson(value: unknown): boolean {
  if (typeof value === 'bigint') return false;
  if (typeof value !== 'object' || value === null) return true;
  if (value instanceof Uint8Array) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlainJson(value[i])) return false;
    return true;
  }
  for (const key in value) if (!isPlainJson((value as Record<string, unknown>)[key])) return false;
  return true;
}

function plainJson(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
  }
  if (Array.isArray(value)) return value.map(plainJson);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plainJson(part)]));
}
