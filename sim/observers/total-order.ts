/**
 * One total order: whoever delivers, delivers the same entries at the same places of the log, one after the other. The
 * first delivery of a place fixes what belongs there; nothing of it is ever lost, since every other member, and every
 * later run, has to deliver it too.
 *
 * Messages are put together here, by definition: the parts of one origin in their order, forgotten when the origin
 * leaves or begins anew. Views follow each other one by one, and change one voter at a time.
 */
import {
  binaryStringOf,
  crc32c,
  type Incarnation,
  type LogIndex,
  type MemberOrdinal,
  type MessageNumber,
  type Term,
} from '../../gcs/base/index.ts';
import { decodeView, encodeView, type GroupView, type LogEntry, runLengthCompression } from '../../gcs/core/index.ts';
import type { Counts } from '../world/index.ts';
import type { Judge } from './judge.ts';

export interface OrderedMessage {
  /** Of its last part. */
  readonly index: LogIndex;
  readonly term: Term;
  readonly origin: MemberOrdinal;
  readonly incarnation: Incarnation;
  readonly messageNumber: MessageNumber;
  readonly stampMs: number;
  readonly payload: Uint8Array;
}

/** What is kept of an entry. Null: it is a noop, which is told apart by nothing being there. */
interface Known {
  readonly term: Term;
  readonly kind: LogEntry['kind'];
  readonly origin: MemberOrdinal;
  readonly incarnation: Incarnation;
  readonly messageNumber: MessageNumber;
  readonly stampMs: number;
  readonly checksum: number;
}

const MESSAGE_BYTES_MAX = 1 << 28;
/** Flags in the first byte of a fragment; the first one tells the length of the message behind them. */
const LAST_FRAGMENT = 1;
const FIRST_FRAGMENT = 2;

export class TotalOrder {
  readonly #judge: Judge;
  readonly #coverage: Counts;
  /** By log index; index 0 is before the first. */
  readonly #entries: (Known | null)[] = [null];
  /** By log index: how many messages are complete up to there. */
  readonly #messagesUpTo: number[] = [0];
  readonly #messages: OrderedMessage[] = [];
  /** By log index of its entry, ascending; the founding one at 0. */
  readonly #views: { readonly index: LogIndex; readonly view: GroupView; readonly text: string }[] = [];
  readonly #lastOfOrigin = new Map<MemberOrdinal, { incarnation: Incarnation; messageNumber: MessageNumber }>();
  readonly #parts = new Map<MemberOrdinal, { readonly incarnation: Incarnation; readonly payloads: Uint8Array[] }>();
  /** Called when a place is filled for the first time: with each entry, and with the message that it completes. */
  ordered: (entry: LogEntry, message: OrderedMessage | null) => void = () => {};
  viewOrdered: (view: GroupView, before: GroupView) => void = () => {};

  constructor(judge: Judge, coverage: Counts) {
    this.#judge = judge;
    this.#coverage = coverage;
  }

  /** Of the log, as far as anybody has delivered it. */
  get lastIndex(): LogIndex {
    return this.#entries.length - 1;
  }

  /** Of the entry that was delivered there: from 1 to `lastIndex`. */
  termAt(index: LogIndex): Term {
    return this.#entries[index]!.term;
  }

  /** Messages. */
  get length(): number {
    return this.#messages.length;
  }

  messagesUpTo(index: LogIndex): number {
    return this.#messagesUpTo[Math.min(index, this.lastIndex)]!;
  }

  messageAt(place: number): OrderedMessage | undefined {
    return this.#messages[place];
  }

  /** The newest view that anybody has delivered; null: the group is not formed. */
  get view(): GroupView | null {
    return this.#views.at(-1)?.view ?? null;
  }

  get viewsSeen(): number {
    return this.#views.length;
  }

  /** Whether parts of a message of `origin` are there, and the rest is not. */
  hasPartsOf(origin: MemberOrdinal): boolean {
    return this.#parts.has(origin);
  }

  /** Somebody says what the group was founded with. */
  founded(who: string, view: GroupView): void {
    const text = textOf(view);
    const known = this.#views[0];
    if (known === undefined) this.#views.push({ index: 0, view, text });
    else this.#judge.check(known.text === text, () => `${who} knows another founding view: ${text}, not ${known.text}`);
  }

  /** Somebody tells its owner of a view, at its place of the order; `index` 0: what it begins with, which may be taken back. */
  told(who: string, view: GroupView, index: LogIndex): void {
    const text = textOf(view);
    const known = this.#views.find((each) => each.view.number === view.number);
    if (known === undefined && index === 0) return;
    this.#judge.check(
      known?.text === text,
      () => `${who} tells of the view ${text}, and the order has ${known?.text ?? 'none of that number'}`,
    );
  }

  /** `who` delivers `entry`, of any kind. */
  take(who: string, entry: LogEntry): void {
    const { index } = entry;
    const checksum = crc32c(entry.payload);
    if (index < this.#entries.length) {
      const known = this.#entries[index]!;
      const isSame =
        known.kind === entry.kind &&
        known.term === entry.term &&
        known.origin === entry.origin &&
        known.incarnation === entry.incarnation &&
        known.messageNumber === entry.messageNumber &&
        known.stampMs === entry.stampMs &&
        known.checksum === checksum;
      this.#judge.check(isSame, () => `${who} delivers ${described(entry)} where ${described(known)} was delivered`);
      return;
    }
    this.#judge.check(index === this.#entries.length, () => `${who} leaves a gap before index ${index}`);
    this.#entries.push({ ...identityOf(entry), checksum });
    const message = entry.kind === 'message' || entry.kind === 'fragment' ? this.#takePart(who, entry) : null;
    if (entry.kind === 'view') this.#takeView(who, entry);
    if (message !== null) this.#messages.push(message);
    this.#messagesUpTo.push(this.#messages.length);
    this.ordered(entry, message);
  }

  #takePart(who: string, entry: LogEntry): OrderedMessage | null {
    const { origin, incarnation, messageNumber } = entry;
    const last = this.#lastOfOrigin.get(origin);
    const isNext =
      last === undefined || incarnation > last.incarnation
        ? messageNumber === 1
        : incarnation === last.incarnation && messageNumber === last.messageNumber + 1;
    this.#judge.check(
      isNext,
      () => `${who} delivers ${described(entry)} behind message ${last?.messageNumber} of run ${last?.incarnation}`,
    );
    const isMember = this.view?.members.some((member) => member.ordinal === origin) ?? false;
    this.#judge.check(isMember, () => `${who} delivers ${described(entry)}, and its origin is no member`);
    this.#lastOfOrigin.set(origin, { incarnation, messageNumber });
    let parts = this.#parts.get(origin);
    if (parts !== undefined && parts.incarnation !== incarnation) {
      this.#coverage.add('fragments are interrupted by a crash');
      this.#parts.delete(origin);
      parts = undefined;
    }
    const headBytes = entry.kind === 'message' ? 0 : (entry.payload[0]! & FIRST_FRAGMENT) === 0 ? 1 : 5;
    const content = entry.payload.slice(headBytes);
    const bytes = entry.isCompressed ? runLengthCompression.decompress(content, MESSAGE_BYTES_MAX) : content;
    if (bytes === null) {
      this.#judge.fail(`${described(entry)} cannot be decompressed`);
      return null;
    }
    // A copy: whoever writes into a payload afterwards is found out.
    const complete = (payload: Uint8Array): OrderedMessage => ({ ...identityOf(entry), index: entry.index, payload });
    if (entry.kind === 'message') return complete(bytes);
    if (parts === undefined) {
      parts = { incarnation, payloads: [] };
      this.#parts.set(origin, parts);
    }
    parts.payloads.push(bytes);
    if ((entry.payload[0]! & LAST_FRAGMENT) === 0) return null;
    this.#parts.delete(origin);
    this.#coverage.add('a large message is delivered');
    return complete(joined(parts.payloads));
  }

  #takeView(who: string, entry: LogEntry): void {
    const view = decodeView(entry.payload);
    const before = this.view;
    if (view === null || before === null) return this.#judge.fail(`${who} delivers a view that is none`);
    const text = textOf(view);
    const changed = differences(before, view);
    this.#judge.check(view.number === before.number + 1, () => `view ${text} follows ${textOf(before)}`);
    this.#judge.check(changed.voters <= 1, () => `view ${text} changes ${changed.voters} voters of ${textOf(before)}`);
    this.#judge.check(changed.reused === null, () => `view ${text} gives ordinal ${changed.reused} again`);
    this.#judge.check(
      new Set(view.members.map((member) => member.memberId)).size === view.members.length,
      () => `a member is twice in ${text}`,
    );
    this.#judge.check(
      view.members.some((member) => member.isVoter),
      () => `${text} has no voter`,
    );
    this.#views.push({ index: entry.index, view, text });
    const members = new Set(view.members.map((member) => member.ordinal));
    for (const origin of this.#parts.keys()) {
      if (members.has(origin)) continue;
      this.#coverage.add('the origin of fragments is expelled in the middle');
      this.#parts.delete(origin);
    }
    this.viewOrdered(view, before);
  }
}

function differences(before: GroupView, after: GroupView): { voters: number; reused: MemberOrdinal | null } {
  const votersOf = (view: GroupView): ReadonlySet<MemberOrdinal> =>
    new Set(view.members.filter((member) => member.isVoter).map((member) => member.ordinal));
  const [old, young] = [votersOf(before), votersOf(after)];
  const voters =
    [...old].filter((each) => !young.has(each)).length + [...young].filter((each) => !old.has(each)).length;
  const known = new Set(before.members.map((member) => member.ordinal));
  const reused = after.members.find(({ ordinal }) => !known.has(ordinal) && ordinal < before.nextOrdinal);
  return { voters, reused: reused?.ordinal ?? null };
}

function identityOf({ term, kind, origin, incarnation, messageNumber, stampMs }: LogEntry): Omit<Known, 'checksum'> {
  return { term, kind, origin, incarnation, messageNumber, stampMs };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function textOf(view: GroupView): string {
  return binaryStringOf(encodeView(view));
}

function described(entry: Omit<Known, 'checksum'> & { readonly index?: LogIndex }): string {
  const { kind, term, origin, incarnation, messageNumber, index } = entry;
  const place = index === undefined ? '' : ` at index ${index}`;
  return `the ${kind} ${messageNumber} of run ${incarnation} of member ${origin} in term ${term}${place}`;
}
