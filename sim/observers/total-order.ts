/**
 * One total order: whoever delivers, delivers the same messages in the same places, one after the other, and each
 * message once. The first delivery of a place fixes what belongs there; nothing of it is ever lost, since every other
 * member, and every later run, has to deliver it too.
 */
import {
  crc32c,
  type Incarnation,
  type LogIndex,
  type MemberOrdinal,
  type MessageNumber,
} from '../../gcs/base/index.ts';
import type { Judge } from './judge.ts';

export interface OrderedMessage {
  readonly index: LogIndex;
  readonly term: number;
  readonly origin: MemberOrdinal;
  readonly incarnation: Incarnation;
  readonly messageNumber: MessageNumber;
  readonly stampMs: number;
  readonly payload: Uint8Array;
}

export class TotalOrder {
  readonly #judge: Judge;
  readonly #messages: OrderedMessage[] = [];
  readonly #checksums: number[] = [];
  readonly #placeOfIndex = new Map<LogIndex, number>();
  readonly #lastOfOrigin = new Map<MemberOrdinal, { incarnation: Incarnation; messageNumber: MessageNumber }>();
  /** Called when a place is filled for the first time. */
  ordered: (message: OrderedMessage, place: number) => void = () => {};

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  get length(): number {
    return this.#messages.length;
  }

  /** The message at a place, from 0. */
  at(place: number): OrderedMessage {
    return this.#messages[place]!;
  }

  /** The place behind the last message with an index up to `index`. */
  placeBehind(index: LogIndex): number {
    let place = this.#messages.length;
    while (place > 0 && this.#messages[place - 1]!.index > index) place--;
    return place;
  }

  /** Follows one run of a member, which goes on behind `deliveredUpTo`. */
  follow(name: string, deliveredUpTo: LogIndex): Follower {
    return new Follower(this, { name, place: this.placeBehind(deliveredUpTo) });
  }

  /** `who` delivers `message` at `place`. */
  take(who: string, place: number, message: OrderedMessage): void {
    const checksum = crc32c(message.payload);
    if (place < this.#messages.length) {
      const known = this.#messages[place]!;
      const isSame =
        known.index === message.index &&
        known.term === message.term &&
        known.origin === message.origin &&
        known.incarnation === message.incarnation &&
        known.messageNumber === message.messageNumber &&
        known.stampMs === message.stampMs &&
        this.#checksums[place] === checksum;
      this.#judge.check(isSame, `${who} delivers ${described(message)} where ${described(known)} was delivered before`);
      return;
    }
    const before = this.#messages[place - 1];
    this.#judge.check(message.index > (before?.index ?? 0), `${who} goes back in the log: ${described(message)}`);
    this.#judge.check(!this.#placeOfIndex.has(message.index), `index ${message.index} is delivered twice`);
    const last = this.#lastOfOrigin.get(message.origin);
    const isNext =
      last === undefined || message.incarnation > last.incarnation
        ? message.messageNumber === 1
        : message.incarnation === last.incarnation && message.messageNumber === last.messageNumber + 1;
    this.#judge.check(
      isNext,
      `${who} delivers ${described(message)} behind message ${last?.messageNumber} of run ${last?.incarnation}`,
    );
    this.#lastOfOrigin.set(message.origin, message);
    this.#placeOfIndex.set(message.index, place);
    // A copy: whoever writes into a payload afterwards is found out.
    const kept = { ...message, payload: message.payload.slice() };
    this.#messages.push(kept);
    this.#checksums.push(checksum);
    this.ordered(kept, place);
  }
}

export class Follower {
  readonly #order: TotalOrder;
  readonly #name: string;
  #place: number;

  constructor(order: TotalOrder, start: { name: string; place: number }) {
    this.#order = order;
    this.#name = start.name;
    this.#place = start.place;
  }

  /** Messages of the order up to where this run has delivered. */
  get place(): number {
    return this.#place;
  }

  delivered(message: OrderedMessage): void {
    this.#order.take(this.#name, this.#place, message);
    this.#place++;
  }
}

function described({ index, origin, incarnation, messageNumber }: OrderedMessage): string {
  return `message ${messageNumber} of run ${incarnation} of member ${origin} at index ${index}`;
}
