/**
 * The frames between two members' group ports. A connection starts with `hello` from the one who dialled and `answer`
 * from the other. Afterwards it carries frames of the dialler; of the other one only what answers them.
 *
 * Two purposes: `group`, on which the members speak of the order and of who belongs to them; `transfer`, on which one
 * gives another its state (../transfer/frames.ts).
 */
import {
  ByteReader,
  ByteWriter,
  type GroupId,
  type Incarnation,
  type MemberId,
  type MemberOrdinal,
  utf8Decode,
  utf8Encode,
} from '../../base/index.ts';
import { encodePeerMessageBehind, type PeerMessage } from '../consensus/peer-message.ts';
import { decodeTransferFrame, encodeTransferFrame, isTransferTag, type TransferFrame } from '../transfer/frames.ts';
import type { GroupView } from '../types.ts';
import { isView } from '../views.ts';
import type { Formation } from './contract.ts';

export const GROUP_PROTOCOL_VERSION = 5;

/** Who speaks: the same facts in both directions. */
export interface Introduction {
  readonly protocolVersion: number;
  readonly memberId: MemberId;
  readonly incarnation: Incarnation;
  /** Null while this member belongs to no group yet. */
  readonly groupId: GroupId | null;
  /** Of its last stay in the group; null while it belongs to none. */
  readonly ordinal: MemberOrdinal | null;
  /** Number of the newest view that it knows to be chosen; 0 while it belongs to no group. */
  readonly viewNumber: number;
  readonly isLeader: boolean;
  /** Of one message of the order. What one member of a group may send every other has to take. */
  readonly messageBytesMax: number;
  /** How it wants to come to a group; null once it belongs to one. */
  readonly formation: NonNullable<Formation>['kind'] | null;
  readonly groupAddress: string;
  readonly host: string;
  readonly port: number;
}

export type ConnectionPurpose = 'group' | 'transfer';

export type Frame =
  | { readonly kind: 'hello'; readonly introduction: Introduction; readonly purpose: ConnectionPurpose }
  | Answer
  /** Group and stay of the receiver, as `encodeBelonging` made it: it was founded with it, or let in. */
  | { readonly kind: 'belonging'; readonly bytes: Uint8Array }
  /** Let me in: from one who introduced itself without a stay, or with one that is over. */
  | { readonly kind: 'join' }
  /** Not now, or not I; `leader`: the group address of whom to ask. */
  | { readonly kind: 'wait'; readonly leader: string | null }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'expelled'; readonly view: GroupView }
  /** Chosen, and newer than what the receiver, who is being made whole, said that it knows. */
  | { readonly kind: 'view'; readonly view: GroupView }
  /** To the leader: this member is to leave the group. */
  | { readonly kind: 'remove'; readonly ordinal: MemberOrdinal }
  | { readonly kind: 'remove-problem'; readonly ordinal: MemberOrdinal; readonly problem: string }
  /** A sign of life. `isBusy`: it restores itself or receives its state, and cannot answer for the log meanwhile. */
  | { readonly kind: 'present'; readonly isBusy: boolean }
  | { readonly kind: 'peer'; readonly bytes: Uint8Array }
  | { readonly kind: 'notice'; readonly bytes: Uint8Array }
  | TransferFrame;

export interface Answer {
  readonly kind: 'answer';
  readonly introduction: Introduction;
  /** Why the dialler is turned away; null: it is not. */
  readonly refused: string | null;
  /** The dialler's stay is over: it is not in `view`. */
  readonly isExpelled: boolean;
  /** Chosen, and newer than what the dialler knows; else null. */
  readonly view: GroupView | null;
}

export type MalformedFrame = { readonly kind: 'malformed'; readonly reason: string };

const HELLO = 1;
const ANSWER = 2;
const BELONGING = 3;
const REFUSED = 4;
const PEER = 5;
const NOTICE = 6;
const JOIN = 7;
const WAIT = 8;
const EXPELLED = 9;
const REMOVE = 10;
const REMOVE_PROBLEM = 11;
const PRESENT = 12;
const VIEW = 13;

const REASON_CHARACTERS_MAX = 500;

/** The bytes are the caller's. */
export function encodeFrame(frame: Frame): Uint8Array {
  switch (frame.kind) {
    case 'hello':
      return tagged(HELLO, json({ ...frame.introduction, purpose: frame.purpose }));
    case 'answer': {
      const { introduction, refused, isExpelled, view } = frame;
      return tagged(ANSWER, json({ ...introduction, refused, isExpelled, view }));
    }
    case 'belonging':
      return tagged(BELONGING, frame.bytes);
    case 'join':
      return tagged(JOIN, new Uint8Array());
    case 'wait':
      return tagged(WAIT, json(frame.leader));
    case 'refused':
      return tagged(REFUSED, json(frame.reason));
    case 'expelled':
      return tagged(EXPELLED, json(frame.view));
    case 'view':
      return tagged(VIEW, json(frame.view));
    case 'remove':
      return tagged(REMOVE, json(frame.ordinal));
    case 'remove-problem':
      return tagged(REMOVE_PROBLEM, json({ ordinal: frame.ordinal, problem: frame.problem }));
    case 'present':
      return tagged(PRESENT, new Uint8Array([frame.isBusy ? 1 : 0]));
    case 'peer':
      return tagged(PEER, frame.bytes);
    case 'notice':
      return tagged(NOTICE, frame.bytes);
    default:
      return encodeTransferFrame(frame);
  }
}

/** As `encodeFrame` of a frame `peer`, without a copy of the message. */
export function encodePeerFrame(message: PeerMessage): Uint8Array {
  return encodePeerMessageBehind(PEER, message);
}

export function decodeFrame(bytes: Uint8Array): Frame | MalformedFrame {
  const reader = new ByteReader(bytes);
  const tag = reader.u8();
  if (isTransferTag(tag)) return decodeTransferFrame(bytes);
  const rest = reader.raw(reader.left);
  return decodeGroupFrame(tag, rest) ?? { kind: 'malformed', reason: `frame ${tag}` };
}

function decodeGroupFrame(tag: number, rest: Uint8Array): Frame | null {
  switch (tag) {
    case HELLO: {
      const value = parse(rest);
      const introduction = readIntroduction(value);
      if (!introduction || !isObject(value)) return null;
      const { purpose } = value;
      return purpose === 'group' || purpose === 'transfer' ? { kind: 'hello', introduction, purpose } : null;
    }
    case ANSWER:
      return readAnswer(parse(rest));
    case BELONGING:
      return { kind: 'belonging', bytes: rest };
    case JOIN:
      return rest.length === 0 ? { kind: 'join' } : null;
    case WAIT: {
      const leader = parse(rest);
      return { kind: 'wait', leader: typeof leader === 'string' ? leader : null };
    }
    case REFUSED:
      return { kind: 'refused', reason: readReason(parse(rest)) ?? 'no reason given' };
    case EXPELLED:
    case VIEW: {
      const view = parse(rest);
      return isView(view) ? { kind: tag === VIEW ? 'view' : 'expelled', view } : null;
    }
    case REMOVE: {
      const ordinal = parse(rest);
      return isCount(ordinal) ? { kind: 'remove', ordinal } : null;
    }
    case REMOVE_PROBLEM: {
      const value = parse(rest);
      if (!isObject(value) || !isCount(value.ordinal)) return null;
      return {
        kind: 'remove-problem',
        ordinal: value.ordinal,
        problem: readReason(value.problem) ?? 'no reason given',
      };
    }
    case PRESENT:
      return rest.length === 1 && rest[0]! <= 1 ? { kind: 'present', isBusy: rest[0] === 1 } : null;
    case PEER:
      return { kind: 'peer', bytes: rest };
    case NOTICE:
      return { kind: 'notice', bytes: rest };
    default:
      return null;
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

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function readReason(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, REASON_CHARACTERS_MAX) : null;
}

function readAnswer(value: unknown): Answer | null {
  const introduction = readIntroduction(value);
  if (!introduction || !isObject(value)) return null;
  const { refused, isExpelled, view } = value;
  if (typeof isExpelled !== 'boolean' || (view !== null && !isView(view))) return null;
  if (isExpelled && view === null) return null;
  return { kind: 'answer', introduction, refused: readReason(refused), isExpelled, view };
}

function readIntroduction(value: unknown): Introduction | null {
  if (!isObject(value)) return null;
  const { protocolVersion, memberId, incarnation, groupId, ordinal, viewNumber, isLeader, formation, messageBytesMax } =
    value;
  const { groupAddress, host, port } = value;
  if (typeof protocolVersion !== 'number' || typeof memberId !== 'string') return null;
  if (!isCount(incarnation) || incarnation < 1) return null;
  if (groupId !== null && typeof groupId !== 'string') return null;
  // A version that we do not speak may introduce itself otherwise; it still has to hear why it is turned away.
  const isKnown = protocolVersion === GROUP_PROTOCOL_VERSION;
  if (isKnown && (groupId === null) !== (ordinal === null)) return null;
  if (isKnown && ((ordinal !== null && !isCount(ordinal)) || !isCount(viewNumber) || typeof isLeader !== 'boolean')) {
    return null;
  }
  if (isKnown && !isCount(messageBytesMax)) return null;
  if (typeof groupAddress !== 'string' || typeof host !== 'string' || typeof port !== 'number') return null;
  return {
    protocolVersion,
    memberId,
    incarnation,
    groupId,
    ordinal: isCount(ordinal) ? ordinal : null,
    viewNumber: isCount(viewNumber) ? viewNumber : 0,
    isLeader: isLeader === true,
    messageBytesMax: isCount(messageBytesMax) ? messageBytesMax : 0,
    formation: isFormation(formation) ? formation : null,
    groupAddress,
    host,
    port,
  };
}

function isFormation(value: unknown): value is NonNullable<Formation>['kind'] {
  return value === 'bootstrap' || value === 'seeds' || value === 'rejoin';
}
