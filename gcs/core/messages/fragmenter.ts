/**
 * A member's own broadcasts on their way into the log: what is larger than a fragment is cut, one such message at a
 * time and a few fragments at once, and small messages go between them (so that a large one costs its neighbours no
 * more than a few fragments' time). Broadcasts are numbered here, in the order in which they leave.
 *
 * While the group orders other messages, too, a large one takes a part of the time only: one fragment at once, and after
 * it a rest that is measured by how long it was on its way. So it goes slower where processors, disks or network are
 * busy, whatever makes them so, and as fast as it can where it is alone.
 */
import type { MessageNumber } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import type { Compression } from './compression.ts';
import { encodeFragment, FRAGMENT_HEAD_BYTES_MAX } from './fragment.ts';

export interface FragmenterOptions {
  /** Payload of an entry. What is larger leaves as fragments. At least 16. */
  readonly fragmentBytesMax: number;
  /** Fragments that have left and are not delivered yet. */
  readonly fragmentsInFlight: number;
  /** Between fragments nothing leaves for so many times as long as one was on its way, if there are neighbours. */
  readonly fragmentRest: number;
  /** A payload, or part of one, above it is compressed if that makes it smaller. */
  readonly compressionThresholdBytes: number;
  /** Of one message. The same in the whole group: a member cannot take a larger one that is chosen. */
  readonly messageBytesMax: number;
}

/** What is to be proposed next. */
export interface Part {
  /** Dense over all parts of this incarnation, from 1. */
  readonly messageNumber: MessageNumber;
  readonly entryKind: 'message' | 'fragment';
  readonly isCompressed: boolean;
  /** Nobody writes to it again. */
  readonly payload: Uint8Array;
}

interface Queued {
  readonly ticket: number;
  readonly payload: Uint8Array;
}

/** So long after a message of others was delivered there are neighbours. */
const NEIGHBOURS_MS = 1000;
/** A rest is no longer: a fragment that was held up says little about the next. */
const REST_MS_MAX = 250;

export class Fragmenter {
  readonly #options: FragmenterOptions;
  readonly #compression: Compression;
  readonly #small: Queued[] = [];
  readonly #large: Queued[] = [];
  /** Bytes of the first large message that have left. Invariant: below its length. */
  #largeTaken = 0;
  /** Of the fragments under way, when they left. */
  readonly #leftMs: number[] = [];
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #neighbourMs = Number.NEGATIVE_INFINITY;
  #lastNumber = 0;
  #lastTicket = 0;
  #wasSmall = false;
  /** Tickets of the messages that have left whole, by the number of their last part; in the order of leaving. */
  readonly #tickets = new Map<MessageNumber, number>();

  constructor(setup: { readonly options: FragmenterOptions; readonly compression: Compression }) {
    const { fragmentBytesMax, fragmentsInFlight, fragmentRest } = setup.options;
    assert(fragmentBytesMax >= 16, 'a fragment has room for more than its head');
    assert(fragmentsInFlight >= 1 && fragmentRest >= 0, 'a large message goes on some time');
    this.#options = setup.options;
    this.#compression = setup.compression;
  }

  /** Something is taken that has not left, whether there is room for it in flight or not. */
  get isWaiting(): boolean {
    return this.#small.length > 0 || this.#large.length > 0;
  }

  /** A large message is taken and not all of it is delivered: the next one would wait for it. */
  get isLargeUnderWay(): boolean {
    return this.#large.length > 0 || this.#leftMs.length > 0;
  }

  /** Takes a message. The ticket (from 1, dense) comes back from `delivered`. The caller leaves `payload` alone. */
  add(payload: Uint8Array): number {
    const { fragmentBytesMax, messageBytesMax } = this.#options;
    assert(payload.length <= messageBytesMax, 'a message has no more bytes than the members can take');
    const ticket = ++this.#lastTicket;
    (payload.length > fragmentBytesMax ? this.#large : this.#small).push({ ticket, payload });
    return ticket;
  }

  /** The next part to propose, or null while there is none. Cost: compressing up to `fragmentBytesMax` bytes. */
  next(nowMs: number): Part | null {
    const hasFragment = this.#large.length > 0 && this.#hasRoomForFragment(nowMs);
    // In turn, where there is both: neither kind has to wait for the end of the other.
    if (this.#small.length > 0 && !(hasFragment && this.#wasSmall)) return this.#nextSmall();
    return hasFragment ? this.#nextFragment(nowMs) : null;
  }

  /** How long a fragment that could leave rests yet; null: none does. */
  restMs(nowMs: number): number | null {
    if (this.#large.length === 0 || this.#leftMs.length >= this.#inFlightMax(nowMs)) return null;
    return nowMs < this.#restUntilMs ? this.#restUntilMs - nowMs : null;
  }

  /** A message has come in the order that is no part of a large one of this member. */
  neighbourDelivered(nowMs: number): void {
    this.#neighbourMs = nowMs;
  }

  /** An entry of this incarnation has come in the order: the ticket of the message that it completes, or null. */
  delivered(entry: Pick<LogEntry, 'kind' | 'messageNumber'>, nowMs: number): number | null {
    if (entry.kind === 'fragment') {
      const leftMs = this.#leftMs.shift();
      assert(leftMs !== undefined, 'a fragment that is delivered has left');
      const restMs = Math.min(REST_MS_MAX, (nowMs - leftMs) * this.#options.fragmentRest);
      if (this.#hasNeighbours(nowMs)) this.#restUntilMs = nowMs + restMs;
    }
    const ticket = this.#tickets.get(entry.messageNumber) ?? null;
    this.#tickets.delete(entry.messageNumber);
    assert(ticket !== null || entry.kind === 'fragment', 'a message that is delivered has left');
    return ticket;
  }

  #hasNeighbours(nowMs: number): boolean {
    return nowMs - this.#neighbourMs < NEIGHBOURS_MS;
  }

  #inFlightMax(nowMs: number): number {
    return this.#options.fragmentRest > 0 && this.#hasNeighbours(nowMs) ? 1 : this.#options.fragmentsInFlight;
  }

  #hasRoomForFragment(nowMs: number): boolean {
    return this.#leftMs.length < this.#inFlightMax(nowMs) && nowMs >= this.#restUntilMs;
  }

  #nextSmall(): Part {
    const { ticket, payload } = this.#small.shift()!;
    this.#wasSmall = true;
    const messageNumber = ++this.#lastNumber;
    this.#tickets.set(messageNumber, ticket);
    const compressed = this.#compressed(payload);
    return {
      messageNumber,
      entryKind: 'message',
      isCompressed: compressed !== null,
      payload: compressed ?? payload,
    };
  }

  #nextFragment(nowMs: number): Part {
    const { ticket, payload } = this.#large[0]!;
    this.#wasSmall = false;
    const messageNumber = ++this.#lastNumber;
    const from = this.#largeTaken;
    const part = payload.subarray(from, from + this.#options.fragmentBytesMax - FRAGMENT_HEAD_BYTES_MAX);
    this.#largeTaken += part.length;
    this.#leftMs.push(nowMs);
    const isLast = this.#largeTaken === payload.length;
    if (isLast) {
      this.#tickets.set(messageNumber, ticket);
      this.#large.shift();
      this.#largeTaken = 0;
    }
    const compressed = this.#compressed(part);
    return {
      messageNumber,
      entryKind: 'fragment',
      isCompressed: compressed !== null,
      payload: encodeFragment({
        isLast,
        messageBytes: from === 0 ? payload.length : null,
        part: compressed ?? part,
      }),
    };
  }

  #compressed(bytes: Uint8Array): Uint8Array | null {
    return bytes.length > this.#options.compressionThresholdBytes ? this.#compression.compress(bytes) : null;
  }
}
