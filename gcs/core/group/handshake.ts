/**
 * The frames between two members' group ports. A connection starts with `hello` from the one who dialled and `answer`
 * from the other; afterwards it carries frames of the dialler only, and the definition of the group where the other
 * has none yet.
 */
import {
  ByteReader,
  ByteWriter,
  type GroupId,
  type Incarnation,
  type MemberId,
  utf8Decode,
  utf8Encode,
} from '../../base/index.ts';

export const GROUP_PROTOCOL_VERSION = 1;

/** Who speaks: the same facts in both directions. */
export interface Introduction {
  readonly protocolVersion: number;
  readonly memberId: MemberId;
  readonly incarnation: Incarnation;
  /** Null while this member belongs to no group yet. */
  readonly groupId: GroupId | null;
  /** Null once it belongs to one. */
  readonly formation: 'bootstrap' | 'seeds' | null;
  readonly groupAddress: string;
  readonly host: string;
  readonly port: number;
}

export type Frame =
  | { readonly kind: 'hello'; readonly introduction: Introduction }
  | { readonly kind: 'answer'; readonly introduction: Introduction; readonly refused: string | null }
  /** The group's definition, as `encodeDefinition` made it, for a member that is in it and has none. */
  | { readonly kind: 'definition'; readonly bytes: Uint8Array }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'peer'; readonly bytes: Uint8Array }
  | { readonly kind: 'notice'; readonly bytes: Uint8Array };

export type MalformedFrame = { readonly kind: 'malformed'; readonly reason: string };

const HELLO = 1;
const ANSWER = 2;
const DEFINITION = 3;
const REFUSED = 4;
const PEER = 5;
const NOTICE = 6;

export function encodeFrame(frame: Frame): Uint8Array {
  switch (frame.kind) {
    case 'hello':
      return tagged(HELLO, json(frame.introduction));
    case 'answer':
      return tagged(ANSWER, json({ ...frame.introduction, refused: frame.refused }));
    case 'definition':
      return tagged(DEFINITION, frame.bytes);
    case 'refused':
      return tagged(REFUSED, json(frame.reason));
    case 'peer':
      return tagged(PEER, frame.bytes);
    case 'notice':
      return tagged(NOTICE, frame.bytes);
  }
}

export function decodeFrame(bytes: Uint8Array): Frame | MalformedFrame {
  const reader = new ByteReader(bytes);
  const tag = reader.u8();
  const rest = reader.raw(reader.left);
  switch (tag) {
    case HELLO: {
      const introduction = readIntroduction(parse(rest));
      return introduction ? { kind: 'hello', introduction } : { kind: 'malformed', reason: 'hello' };
    }
    case ANSWER: {
      const value = parse(rest);
      const introduction = readIntroduction(value);
      if (!introduction || !isObject(value)) return { kind: 'malformed', reason: 'answer' };
      const refused = value.refused;
      return { kind: 'answer', introduction, refused: typeof refused === 'string' ? refused : null };
    }
    case DEFINITION:
      return { kind: 'definition', bytes: rest };
    case REFUSED: {
      const reason = parse(rest);
      return { kind: 'refused', reason: typeof reason === 'string' ? reason.slice(0, 500) : 'no reason given' };
    }
    case PEER:
      return { kind: 'peer', bytes: rest };
    case NOTICE:
      return { kind: 'notice', bytes: rest };
    default:
      return { kind: 'malformed', reason: `unknown frame ${tag}` };
  }
}

function tagged(tag: number, rest: Uint8Array): Uint8Array {
  const writer = new ByteWriter(rest.length + 1);
  writer.u8(tag);
  writer.raw(rest);
  return writer.view();
}

function json(value: unknown): Uint8Array {
  return utf8Encode(JSON.stringify(value).toWellFormed());
}

function parse(bytes: Uint8Array): unknown {
  const text = utf8Decode(bytes);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readIntroduction(value: unknown): Introduction | null {
  if (!isObject(value)) return null;
  const { protocolVersion, memberId, incarnation, groupId, formation, groupAddress, host, port } = value;
  if (typeof protocolVersion !== 'number' || typeof memberId !== 'string' || typeof groupAddress !== 'string')
    return null;
  if (typeof incarnation !== 'number' || !Number.isSafeInteger(incarnation) || incarnation < 1) return null;
  if (groupId !== null && typeof groupId !== 'string') return null;
  if (formation !== null && formation !== 'bootstrap' && formation !== 'seeds') return null;
  if (typeof host !== 'string' || typeof port !== 'number') return null;
  return { protocolVersion, memberId, incarnation, groupId, formation, groupAddress, host, port };
}
