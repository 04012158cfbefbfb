/** What members say to each other about the log, and its binary form. The sender is known from the connection. */
import type { Incarnation, LogIndex, MessageNumber, Term } from '../../base/index.ts';
import { ByteReader, ByteWriter, unreachable } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';

export interface VoteRequest {
  readonly kind: 'vote-request';
  /** The term the sender stands for; in a pre-vote the one it would stand for. */
  readonly term: Term;
  readonly preVote: boolean;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
}

export interface VoteAnswer {
  readonly kind: 'vote-answer';
  /** Granted: the term of the request. Refused: the sender's own. */
  readonly term: Term;
  readonly preVote: boolean;
  readonly granted: boolean;
  /** Time of day at the sender. */
  readonly wallMs: number;
}

/** From the leader of `term`: the entries behind `previousIndex`, often none. */
export interface Append {
  readonly kind: 'append';
  readonly term: Term;
  readonly previousIndex: LogIndex;
  readonly previousTerm: Term;
  readonly chosenUpTo: LogIndex;
  readonly receivedByAll: LogIndex;
  /** An entry of the leader's own term is chosen, so `chosenUpTo` covers whatever was chosen before its reign. */
  readonly established: boolean;
  readonly entries: readonly LogEntry[];
}

export interface AppendAnswer {
  readonly kind: 'append-answer';
  readonly term: Term;
  /** The sender's log equals that of the leader of `term` up to here, and is durable up to here. */
  readonly matchedUpTo: LogIndex;
  /** The append did not fit on the sender's log. */
  readonly rejected: Rejection | null;
  readonly wallMs: number;
}

export interface Rejection {
  /** Of the append refused. */
  readonly previousIndex: LogIndex;
  /** The highest place at which the logs may agree, and the sender's term there. */
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
}

/** Broadcasts of the sender, for the leader to append. Without a term: whoever leads takes what is next. */
export interface Propose {
  readonly kind: 'propose';
  readonly incarnation: Incarnation;
  /** Number of the first payload; the others follow densely. */
  readonly firstNumber: MessageNumber;
  readonly payloads: readonly Uint8Array[];
}

export type PeerMessage = VoteRequest | VoteAnswer | Append | AppendAnswer | Propose;

export interface MalformedMessage {
  readonly kind: 'malformed';
  readonly reason: string;
  readonly offset: number;
}

const TAGS = { 'vote-request': 1, 'vote-answer': 2, append: 3, 'append-answer': 4, propose: 5 } as const;

/** Room for all that stands beside an entry's payload. */
const ENTRY_HEADER_BYTES_MAX = 48;

/** The bytes are the caller's. */
export function encodePeerMessage(message: PeerMessage): Uint8Array {
  const writer = new ByteWriter(capacityFor(message));
  writer.u8(TAGS[message.kind]);
  switch (message.kind) {
    case 'vote-request':
      writer.varint(message.term);
      writer.u8(message.preVote ? 1 : 0);
      writer.varint(message.lastIndex);
      writer.varint(message.lastTerm);
      break;
    case 'vote-answer':
      writer.varint(message.term);
      writer.u8((message.preVote ? 1 : 0) | (message.granted ? 2 : 0));
      writer.varint(message.wallMs);
      break;
    case 'append':
      writer.varint(message.term);
      writer.varint(message.previousIndex);
      writer.varint(message.previousTerm);
      writer.varint(message.chosenUpTo);
      writer.varint(message.receivedByAll);
      writer.u8(message.established ? 1 : 0);
      writer.varint(message.entries.length);
      for (const entry of message.entries) encodeEntry(writer, entry);
      break;
    case 'append-answer':
      writer.varint(message.term);
      writer.varint(message.matchedUpTo);
      writer.varint(message.wallMs);
      writer.u8(message.rejected === null ? 0 : 1);
      if (message.rejected !== null) {
        writer.varint(message.rejected.previousIndex);
        writer.varint(message.rejected.hintIndex);
        writer.varint(message.rejected.hintTerm);
      }
      break;
    case 'propose':
      writer.varint(message.incarnation);
      writer.varint(message.firstNumber);
      writer.varint(message.payloads.length);
      for (const payload of message.payloads) writer.blob(payload);
      break;
    default:
      unreachable(message);
  }
  return writer.view();
}

/** Payloads of the result are views of `bytes`. */
export function decodePeerMessage(bytes: Uint8Array): PeerMessage | MalformedMessage {
  const reader = new ByteReader(bytes);
  const message = decodeFields(reader);
  if (typeof message === 'string') return { kind: 'malformed', reason: message, offset: reader.offset };
  if (reader.malformed) return { kind: 'malformed', reason: 'the message ends too early', offset: bytes.length };
  if (!reader.finished) return { kind: 'malformed', reason: 'bytes behind the message', offset: reader.offset };
  return message;
}

/** A string says what is wrong. Zeros that stand for what could not be read are found by the caller. */
function decodeFields(reader: ByteReader): PeerMessage | string {
  const tag = reader.u8();
  switch (tag) {
    case TAGS['vote-request']: {
      const term = reader.varint();
      const flags = reader.u8();
      if (flags > 1) return 'unknown flags';
      return {
        kind: 'vote-request',
        term,
        preVote: flags === 1,
        lastIndex: reader.varint(),
        lastTerm: reader.varint(),
      };
    }
    case TAGS['vote-answer']: {
      const term = reader.varint();
      const flags = reader.u8();
      if (flags > 3) return 'unknown flags';
      return {
        kind: 'vote-answer',
        term,
        preVote: (flags & 1) !== 0,
        granted: (flags & 2) !== 0,
        wallMs: reader.varint(),
      };
    }
    case TAGS.append:
      return decodeAppend(reader);
    case TAGS['append-answer']: {
      const term = reader.varint();
      const matchedUpTo = reader.varint();
      const wallMs = reader.varint();
      const flags = reader.u8();
      if (flags > 1) return 'unknown flags';
      const rejected =
        flags === 1 ? { previousIndex: reader.varint(), hintIndex: reader.varint(), hintTerm: reader.varint() } : null;
      return { kind: 'append-answer', term, matchedUpTo, rejected, wallMs };
    }
    case TAGS.propose: {
      const incarnation = reader.varint();
      const firstNumber = reader.varint();
      const count = reader.varint();
      if (reader.malformed) return 'the message ends too early';
      if (incarnation < 1 || firstNumber < 1) return 'incarnations and message numbers count from 1';
      if (!Number.isSafeInteger(firstNumber + count)) return 'message number too large';
      const payloads: Uint8Array[] = [];
      for (let i = 0; i < count && !reader.malformed; i++) payloads.push(reader.blob());
      return { kind: 'propose', incarnation, firstNumber, payloads };
    }
    default:
      return 'unknown kind of message';
  }
}

function decodeAppend(reader: ByteReader): Append | string {
  const term = reader.varint();
  const previousIndex = reader.varint();
  const previousTerm = reader.varint();
  const chosenUpTo = reader.varint();
  const receivedByAll = reader.varint();
  const flags = reader.u8();
  if (flags > 1) return 'unknown flags';
  const count = reader.varint();
  if (!Number.isSafeInteger(previousIndex + count)) return 'log index too large';
  if (previousTerm > term) return 'terms go down';
  const entries: LogEntry[] = [];
  let lastTerm = previousTerm;
  for (let i = 0; i < count && !reader.malformed; i++) {
    const entry = decodeEntry(reader, previousIndex + 1 + i);
    if (reader.malformed) break;
    if (typeof entry === 'string') return entry;
    if (entry.term < lastTerm || entry.term > term) return 'terms go down';
    lastTerm = entry.term;
    entries.push(entry);
  }
  return {
    kind: 'append',
    term,
    previousIndex,
    previousTerm,
    chosenUpTo,
    receivedByAll,
    established: flags === 1,
    entries,
  };
}

function encodeEntry(writer: ByteWriter, entry: LogEntry): void {
  writer.u8(entry.kind === 'noop' ? 0 : 1);
  writer.varint(entry.term);
  writer.varint(entry.origin);
  writer.varint(entry.incarnation);
  writer.varint(entry.messageNumber);
  writer.varint(entry.stampMs);
  writer.blob(entry.payload);
}

function decodeEntry(reader: ByteReader, index: LogIndex): LogEntry | string {
  const kind = reader.u8();
  const term = reader.varint();
  const origin = reader.varint();
  const incarnation = reader.varint();
  const messageNumber = reader.varint();
  const stampMs = reader.varint();
  const payload = reader.blob();
  if (kind > 1) return 'unknown kind of entry';
  if (kind === 0 && (messageNumber !== 0 || payload.length > 0)) return 'a noop carries something';
  if (kind === 1 && (messageNumber < 1 || incarnation < 1)) return 'incarnations and message numbers count from 1';
  if (term < 1) return 'terms count from 1';
  return {
    index,
    term,
    kind: kind === 0 ? 'noop' : 'message',
    origin,
    incarnation,
    messageNumber,
    stampMs,
    payload,
  };
}

function capacityFor(message: PeerMessage): number {
  let bytes = 64;
  if (message.kind === 'append') {
    for (const entry of message.entries) bytes += ENTRY_HEADER_BYTES_MAX + entry.payload.length;
  } else if (message.kind === 'propose') {
    for (const payload of message.payloads) bytes += 8 + payload.length;
  }
  return bytes;
}
