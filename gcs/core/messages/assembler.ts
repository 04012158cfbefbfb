/**
 * Puts the messages of the order together again: whole ones as they come, large ones with their last fragment.
 *
 * All members do it alike, since all depends on the log alone: what an origin began is dropped where the log shows that
 * the rest cannot come: at the view that the origin is not in any more, and at the first entry of its next incarnation.
 * A stream of fragments that no Fragmenter makes ends the member: it would take another course than its peers.
 */
import { InvariantViolation, type LogIndex, type MemberOrdinal } from '../../base/index.ts';
import type { Delivery, GroupView, LogEntry } from '../types.ts';
import { decodeView } from '../views.ts';
import type { Compression } from './compression.ts';
import { decodeFragment } from './fragment.ts';

export interface AssemblerSetup {
  readonly compression: Compression;
  /** Of one message, and so of what is held for one origin. */
  readonly messageBytesMax: number;
}

/** A message, `index` to `stampMs` those of its last entry; or a view. */
export type Ordered =
  | (Omit<Delivery, 'ticket' | 'chosenMs'> & { readonly kind: 'message' })
  | (Pick<LogEntry, 'index' | 'term' | 'stampMs'> & { readonly kind: 'view'; readonly view: GroupView });

/** What has come of a message so far. Invariant: taken < bytes.length. */
interface Begun {
  readonly incarnation: number;
  readonly firstIndex: LogIndex;
  /** The whole message's. */
  readonly bytes: Uint8Array;
  taken: number;
  lastNumber: number;
}

export class Assembler {
  readonly #setup: AssemblerSetup;
  readonly #partials = new Map<MemberOrdinal, Begun>();

  constructor(setup: AssemblerSetup) {
    this.#setup = setup;
  }

  /** Index of the first fragment of the oldest message that is not complete; null if there is none. */
  get partialFrom(): LogIndex | null {
    let lowest: LogIndex | null = null;
    for (const { firstIndex } of this.#partials.values()) {
      if (lowest === null || firstIndex < lowest) lowest = firstIndex;
    }
    return lowest;
  }

  /** What has come of a large message of that member: `bytes` becomes its payload, and `taken` of them are there. */
  begun(origin: MemberOrdinal): { readonly bytes: Uint8Array; readonly taken: number } | null {
    return this.#partials.get(origin) ?? null;
  }

  /**
   * Takes the next entry of the log, of any kind. What it completes, or null.
   *
   * @throws InvariantViolation if no member of this group could have made it.
   */
  take(entry: LogEntry): Ordered | null {
    if (entry.kind === 'noop') return null;
    if (entry.kind === 'view') return this.#view(entry);
    this.#dropEarlierRun(entry);
    const { messageBytesMax } = this.#setup;
    const payload =
      entry.kind === 'fragment' ? this.#fragment(entry, false) : this.#content(entry, entry.payload, messageBytesMax);
    if (payload === null) return null;
    const { index, term, origin, incarnation, messageNumber, stampMs } = entry;
    return { kind: 'message', index, term, origin, incarnation, messageNumber, stampMs, payload };
  }

  /**
   * Takes an entry before the first one that matters, for the fragments of what is completed later. What comes here of
   * messages whose beginning did not come is passed over.
   */
  prime(entry: LogEntry): void {
    if (entry.kind === 'noop') return;
    if (entry.kind === 'view') {
      this.#view(entry);
      return;
    }
    this.#dropEarlierRun(entry);
    if (entry.kind === 'fragment') this.#fragment(entry, true);
  }

  #view(entry: LogEntry): Ordered {
    const { index, term, stampMs } = entry;
    const view = decodeView(entry.payload);
    if (view === null) throw new InvariantViolation(`a chosen view is readable: log index ${index}`);
    const ordinals = new Set(view.members.map((member) => member.ordinal));
    for (const origin of this.#partials.keys()) if (!ordinals.has(origin)) this.#partials.delete(origin);
    return { kind: 'view', index, term, stampMs, view };
  }

  #dropEarlierRun(entry: LogEntry): void {
    const partial = this.#partials.get(entry.origin);
    if (partial === undefined || entry.incarnation === partial.incarnation) return;
    this.#require(entry.incarnation > partial.incarnation, entry, 'an incarnation is not older than the one before');
    this.#partials.delete(entry.origin);
  }

  /** The whole message, if this was its last fragment. */
  #fragment(entry: LogEntry, orphansAllowed: boolean): Uint8Array | null {
    const { index, origin, incarnation, messageNumber } = entry;
    const fragment = decodeFragment(entry.payload);
    if (fragment === null) throw new InvariantViolation(`a chosen fragment is readable: log index ${index}`);
    const { isLast, messageBytes } = fragment;
    let partial = this.#partials.get(origin);
    if (messageBytes !== null) {
      this.#require(partial === undefined, entry, 'a member sends one large message at a time');
      this.#require(messageBytes <= this.#setup.messageBytesMax, entry, 'a message is not longer than allowed');
      partial = { incarnation, firstIndex: index, bytes: new Uint8Array(messageBytes), taken: 0, lastNumber: 0 };
      this.#partials.set(origin, partial);
    } else if (partial === undefined) {
      this.#require(orphansAllowed, entry, 'a message begins with its first fragment');
      return null;
    }
    const part = this.#content(entry, fragment.part, partial.bytes.length - partial.taken);
    const left = partial.bytes.length - partial.taken - part.length;
    this.#require(messageNumber > partial.lastNumber, entry, 'fragments come in the order of their numbers');
    this.#require(isLast ? left === 0 : left > 0, entry, 'a message is as long as its first fragment says');
    partial.bytes.set(part, partial.taken);
    partial.taken += part.length;
    partial.lastNumber = messageNumber;
    if (!isLast) return null;
    this.#partials.delete(origin);
    return partial.bytes;
  }

  /** What `bytes` of the entry stand for. */
  #content(entry: LogEntry, bytes: Uint8Array, bytesMax: number): Uint8Array {
    if (!entry.isCompressed) return bytes;
    const content = this.#setup.compression.decompress(bytes, bytesMax);
    if (content === null) {
      throw new InvariantViolation(`a chosen payload can be decompressed: log index ${entry.index}`);
    }
    return content;
  }

  #require(condition: boolean, entry: LogEntry, rule: string): void {
    if (condition) return;
    const { index, origin, incarnation, messageNumber } = entry;
    throw new InvariantViolation(
      `${rule}: log index ${index}, message ${messageNumber} of incarnation ${incarnation} of member ${origin}`,
    );
  }
}
