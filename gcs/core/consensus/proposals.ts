/** Broadcasts on their way into the log: each goes in once, in the order of its origin (H15). */
import type { Incarnation, LogIndex, MemberOrdinal, MessageNumber } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { LastMessage, LastMessages, LogEntry } from '../types.ts';
import type { Propose, ProposedPayload } from './peer-message.ts';

export function isBroadcast(entry: LogEntry): boolean {
  return entry.kind === 'message' || entry.kind === 'fragment';
}

interface NumberedMessage extends LastMessage {
  readonly origin: MemberOrdinal;
}

/** The last broadcast of each member up to some place of the log. */
export class MessageLedger {
  readonly #last: Map<MemberOrdinal, LastMessage>;

  constructor(last: LastMessages) {
    this.#last = new Map(last);
  }

  /** The next number of the same incarnation, or number 1 of a later one. */
  isNext(message: NumberedMessage): boolean {
    const last = this.#last.get(message.origin);
    if (last === undefined || message.incarnation > last.incarnation) return message.messageNumber === 1;
    return message.incarnation === last.incarnation && message.messageNumber === last.messageNumber + 1;
  }

  record(message: NumberedMessage): void {
    this.#last.set(message.origin, { incarnation: message.incarnation, messageNumber: message.messageNumber });
  }

  lastOf(origin: MemberOrdinal): LastMessage | undefined {
    return this.#last.get(origin);
  }

  copy(): MessageLedger {
    return new MessageLedger(this.#last);
  }
}

/**
 * Checks at delivery that the log holds each broadcast once and in order. Where delivery begins below the place of the
 * restored ledger, what comes first of an origin is taken as given until that place is reached.
 */
export class DeliveryCheck {
  readonly #ledger: MessageLedger;
  readonly #ledgerFrom: LogIndex;
  readonly #replayed = new MessageLedger(new Map());

  constructor(restored: { readonly lastMessages: LastMessages; readonly chosenUpTo: LogIndex }) {
    this.#ledger = new MessageLedger(restored.lastMessages);
    this.#ledgerFrom = restored.chosenUpTo;
  }

  /** As of what is delivered, but not below the restored place. */
  get ledger(): MessageLedger {
    return this.#ledger;
  }

  delivering(entry: LogEntry): void {
    if (entry.index > this.#ledgerFrom) {
      assert(this.#ledger.isNext(entry), 'a broadcast is delivered once and in the order of its origin');
      this.#ledger.record(entry);
      return;
    }
    const known = this.#replayed.lastOf(entry.origin) !== undefined;
    assert(!known || this.#replayed.isNext(entry), 'a broadcast is delivered once and in the order of its origin');
    this.#replayed.record(entry);
  }
}

/** A broadcast as its origin keeps it until it is delivered. */
export interface Proposal extends ProposedPayload {
  readonly messageNumber: MessageNumber;
}

/** This member's broadcasts, from the call to their delivery. */
export class OwnProposals {
  /** Dense numbers, from `#head`. */
  #pending: (Proposal | undefined)[] = [];
  #head = 0;
  #incarnation: Incarnation = 0;
  #proposedUpTo: MessageNumber = 0;
  #deliveredUpTo: MessageNumber = 0;
  /** The last that this member's copy of the log holds. */
  #inLogUpTo: MessageNumber = 0;

  get size(): number {
    return this.#pending.length - this.#head;
  }

  get incarnation(): Incarnation {
    return this.#incarnation;
  }

  /** Something is not even in this member's copy of the log. */
  get someOutsideLog(): boolean {
    return this.#inLogUpTo < this.#proposedUpTo;
  }

  add(incarnation: Incarnation, proposal: Proposal): void {
    assert(this.#proposedUpTo === 0 || incarnation === this.#incarnation, 'one incarnation a run');
    assert(incarnation >= 1 && Number.isSafeInteger(incarnation), 'incarnations count from 1');
    assert(proposal.messageNumber === this.#proposedUpTo + 1, 'broadcasts are numbered densely');
    assert(Number.isSafeInteger(proposal.messageNumber), 'message number is a safe number');
    this.#incarnation = incarnation;
    this.#proposedUpTo = proposal.messageNumber;
    this.#pending.push(proposal);
  }

  appended(entry: LogEntry): void {
    if (entry.incarnation === this.#incarnation) this.#inLogUpTo = entry.messageNumber;
  }

  /** The copy of the log lost its end; how much of ours was there is looked at no further. */
  logCut(): void {
    this.#inLogUpTo = this.#deliveredUpTo;
  }

  delivered(entry: LogEntry): void {
    if (entry.incarnation !== this.#incarnation) return;
    assert(this.#pending[this.#head]?.messageNumber === entry.messageNumber, 'own broadcasts come back in order');
    this.#pending[this.#head] = undefined;
    this.#head += 1;
    this.#deliveredUpTo = entry.messageNumber;
    this.#inLogUpTo = Math.max(this.#inLogUpTo, entry.messageNumber);
    if (this.#head === this.#pending.length || this.#head > 1024) {
      this.#pending = this.#pending.slice(this.#head);
      this.#head = 0;
    }
  }

  /** All that are pending, in order. */
  *pending(): Generator<Proposal> {
    for (let at = this.#head; at < this.#pending.length; at++) yield this.#pending[at]!;
  }

  /** All that are pending, in order, in messages of about `bytesMax`. */
  messages(bytesMax: number): Propose[] {
    const messages: Propose[] = [];
    let payloads: ProposedPayload[] = [];
    let firstNumber = 0;
    let bytes = 0;
    for (const proposal of this.pending()) {
      const size = proposal.payload.length;
      if (payloads.length > 0 && bytes + size > bytesMax) {
        messages.push({ kind: 'propose', incarnation: this.#incarnation, firstNumber, payloads });
        payloads = [];
        bytes = 0;
      }
      if (payloads.length === 0) firstNumber = proposal.messageNumber;
      payloads.push(proposal);
      bytes += size;
    }
    if (payloads.length > 0) messages.push({ kind: 'propose', incarnation: this.#incarnation, firstNumber, payloads });
    return messages;
  }
}
