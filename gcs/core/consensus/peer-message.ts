/** What members say to each other about the log, and its binary form. The sender is known from the connection. */
import type { Incarnation, LogIndex, MessageNumber, Term } from '../../base/index.ts';
import { BUFFERLESS_BYTES_MAX, ByteReader, ByteWriter, unreachable } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import { decodeEntry, ENTRY_HEADER_BYTES_MAX, encodeEntry } from './entry-codec.ts';

export interface VoteRequest {
  readonly kind: 'vote-request';
  /** The term the sender stands for; in a pre-vote the one it would stand for. */
  readonly term: Term;
  readonly preVote: boolean;
  /** The leader itself asked the sender to take over: who hears that leader votes all the same. Never with `preVote`. */
  readonly isTransfer: boolean;
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
  /** Of this reign, from 0, rising: who meets a higher one than it has answered answers at once. */
  readonly round: number;
  readonly entries: readonly LogEntry[];
}

export interface AppendAnswer {
  readonly kind: 'append-answer';
  readonly term: Term;
  /** The sender's log equals that of the leader of `term` up to here, and is durable up to here. */
  readonly matchedUpTo: LogIndex;
  /** The append did not fit on the sender's log. */
  readonly rejected: Rejection | null;
  /** Highest that the sender has met in this term; rejected: of the append refused. */
  readonly round: number;
  /** A learner's owner could be a full member; see the input `ready`. */
  readonly ready: boolean;
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
  readonly payloads: readonly ProposedPayload[];
}

export interface ProposedPayload {
  readonly kind: 'message' | 'fragment';
  readonly isCompressed: boolean;
  readonly payload: Uint8Array;
}

/** From the leader of `term`: stand for leader at once. */
export interface TimeoutNow {
  readonly kind: 'timeout-now';
  readonly term: Term;
}

/** From the leader of `term`, in place of appends: what the receiver needs next is no longer kept. */
export interface Behind {
  readonly kind: 'behind';
  readonly term: Term;
  /** Of the leader's log. */
  readonly firstIndex: LogIndex;
  readonly chosenUpTo: LogIndex;
}

/** For the leader: see the input `read-index`. Without a term, as proposals: whoever leads answers. */
export interface ReadRequest {
  readonly kind: 'read-request';
  /** Rising, and not repeated by later runs of the sender. Takes the place of all its earlier ones. */
  readonly ticket: number;
}

export interface ReadAnswer {
  readonly kind: 'read-answer';
  readonly ticket: number;
  /** Null: the sender does not lead (any more). */
  readonly index: LogIndex | null;
}

export type PeerMessage =
  | VoteRequest
  | VoteAnswer
  | Append
  | AppendAnswer
  | Propose
  | TimeoutNow
  | Behind
  | ReadRequest
  | ReadAnswer;

export interface MalformedMessage {
  readonly kind: 'malformed';
  readonly reason: string;
  readonly offset: number;
}

const TAGS = {
  'vote-request': 1,
  'vote-answer': 2,
  append: 3,
  'append-answer': 4,
  propose: 5,
  'timeout-now': 6,
  behind: 7,
  'read-request': 8,
  'read-answer': 9,
} as const;

/** The bytes are the caller's. */
export function encodePeerMessage(message: PeerMessage): Uint8Array {
  return encodePeerMessageBehind(null, message);
}

/** As `encodePeerMessage`, behind a byte of the frame that it travels in. */
export function encodePeerMessageBehind(frameTag: number | null, message: PeerMessage): Uint8Array {
  const writer = new ByteWriter(capacityFor(message));
  if (frameTag !== null) writer.u8(frameTag);
  writer.u8(TAGS[message.kind]);
  switch (message.kind) {
    case 'vote-request':
      writer.varint(message.term);
      writer.u8((message.preVote ? 1 : 0) | (message.isTransfer ? 2 : 0));
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
      writer.varint(message.round);
      writer.varint(message.entries.length);
      for (const entry of message.entries) encodeEntry(writer, entry);
      break;
    case 'append-answer':
      writer.varint(message.term);
      writer.varint(message.matchedUpTo);
      writer.varint(message.wallMs);
      writer.varint(message.round);
      writer.u8((message.rejected === null ? 0 : 1) | (message.ready ? 2 : 0));
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
      for (const { kind, isCompressed, payload } of message.payloads) {
        writer.u8((kind === 'fragment' ? 1 : 0) | (isCompressed ? 2 : 0));
        writer.blob(payload);
      }
      break;
    case 'timeout-now':
      writer.varint(message.term);
      break;
    case 'behind':
      writer.varint(message.term);
      writer.varint(message.firstIndex);
      writer.varint(message.chosenUpTo);
      break;
    case 'read-request':
      writer.varint(message.ticket);
      break;
    case 'read-answer':
      writer.varint(message.ticket);
      writer.u8(message.index === null ? 0 : 1);
      if (message.index !== null) writer.varint(message.index);
      break;
    default:
      unreachable(message);
  }
  return writer.view();
}

/** Payloads of the result are views of `bytes`, as a rule. */
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
      if (flags > 2) return 'unknown flags';
      return {
        kind: 'vote-request',
        term,
        preVote: flags === 1,
        isTransfer: flags === 2,
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
      const round = reader.varint();
      const flags = reader.u8();
      if (flags > 3) return 'unknown flags';
      const rejected =
        (flags & 1) !== 0
          ? { previousIndex: reader.varint(), hintIndex: reader.varint(), hintTerm: reader.varint() }
          : null;
      return { kind: 'append-answer', term, matchedUpTo, rejected, round, ready: (flags & 2) !== 0, wallMs };
    }
    case TAGS.propose: {
      const incarnation = reader.varint();
      const firstNumber = reader.varint();
      const count = reader.varint();
      if (reader.malformed) return 'the message ends too early';
      if (incarnation < 1 || firstNumber < 1) return 'incarnations and message numbers count from 1';
      if (!Number.isSafeInteger(firstNumber + count)) return 'message number too large';
      const payloads: ProposedPayload[] = [];
      for (let i = 0; i < count && !reader.malformed; i++) {
        const flags = reader.u8();
        if (flags > 3) return 'unknown flags';
        const kind = (flags & 1) !== 0 ? 'fragment' : 'message';
        payloads.push({ kind, isCompressed: (flags & 2) !== 0, payload: reader.blob() });
      }
      return { kind: 'propose', incarnation, firstNumber, payloads };
    }
    case TAGS['timeout-now']:
      return { kind: 'timeout-now', term: reader.varint() };
    case TAGS.behind:
      return {
        kind: 'behind',
        term: reader.varint(),
        firstIndex: reader.varint(),
        chosenUpTo: reader.varint(),
      };
    case TAGS['read-request']:
      return { kind: 'read-request', ticket: reader.varint() };
    case TAGS['read-answer']: {
      const ticket = reader.varint();
      const flags = reader.u8();
      if (flags > 1) return 'unknown flags';
      return { kind: 'read-answer', ticket, index: flags === 1 ? reader.varint() : null };
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
  const round = reader.varint();
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
    round,
    entries,
  };
}

/** Of most messages it is the writer's usual one, which is the cheapest: with the frame's byte they take less. */
function capacityFor(message: PeerMessage): number {
  let bytes = BUFFERLESS_BYTES_MAX;
  if (message.kind === 'append') {
    for (const entry of message.entries) bytes += ENTRY_HEADER_BYTES_MAX + entry.payload.length;
  } else if (message.kind === 'propose') {
    for (const { payload } of message.payloads) bytes += 9 + payload.length;
  }
  return bytes;
}
