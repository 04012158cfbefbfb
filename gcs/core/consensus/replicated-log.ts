/**
 * One member's copy of the log, as the core sees it: what is on disk (through the reader), what is on its way there,
 * how far it is durable, and how far it is chosen. It begins behind the reader's base, which rises between steps.
 *
 * Entries stay in memory, in the tail, until they are durable, and beyond that while `tailBytesMax` has room. What lies
 * before the tail is read back. A request handed out for persisting remembers the last index it makes durable; when the
 * log is cut, what is known durable and what is outstanding are cut with it. So an answer of the disk for entries that
 * were replaced meanwhile never counts for those that replaced them, even if indexes and terms are equal (R10).
 */
import type { LogIndex, Term } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { EntryId, HardState, LogEntry, LogReader, PersistRequest } from '../types.ts';

/** Counted for an entry beside its payload, so that empty payloads are not free. */
const ENTRY_OVERHEAD_BYTES = 64;

export function bytesOf(entry: LogEntry): number {
  return entry.payload.length + ENTRY_OVERHEAD_BYTES;
}

/** Is told of every change in the step that makes it. */
export interface LogListener {
  appended(entry: LogEntry): void;
  /** `from` and all behind it is gone. */
  cut(from: LogIndex): void;
  chosen(upTo: LogIndex): void;
}

export interface ReplicatedLogSetup {
  readonly reader: LogReader;
  readonly tailBytesMax: number;
  readonly chosenUpTo: LogIndex;
  readonly listener: LogListener;
}

/** Whether a log that ends with `a` is further than one that ends with `b`. */
export function isFurther(a: EntryId, b: EntryId): boolean {
  return a.term > b.term || (a.term === b.term && a.index > b.index);
}

interface OutstandingRequest {
  readonly number: number;
  /** The last entry of it that is still part of the log. */
  upTo: LogIndex;
  hasHardState: boolean;
}

export class ReplicatedLog {
  readonly #reader: LogReader;
  readonly #tailBytesMax: number;
  readonly #listener: LogListener;
  /** Entries `#tailFrom` to `#lastIndex`, beginning at `#tailHead`; slots before that are let go. */
  #tail: (LogEntry | undefined)[] = [];
  #tailHead = 0;
  #tailFrom: LogIndex;
  #tailBytes = 0;
  #lastIndex: LogIndex;
  #lastTerm: Term;
  #durableUpTo: LogIndex;
  #chosenUpTo: LogIndex;
  /** Appended in this step, not yet in a request. */
  #unrequested: LogEntry[] = [];
  #outstanding: OutstandingRequest[] = [];
  #requestedNumber = 0;
  #durableNumber = 0;
  #hardStateRequests = 0;

  constructor({ reader, tailBytesMax, chosenUpTo, listener }: ReplicatedLogSetup) {
    assert(chosenUpTo >= reader.base.index, 'what is not kept any more was chosen');
    assert(chosenUpTo <= reader.lastIndex, 'what is known to be chosen is on disk');
    this.#reader = reader;
    this.#tailBytesMax = tailBytesMax;
    this.#listener = listener;
    this.#chosenUpTo = chosenUpTo;
    this.#lastIndex = reader.lastIndex;
    this.#lastTerm = reader.termAt(reader.lastIndex);
    this.#durableUpTo = reader.lastIndex;
    this.#tailFrom = reader.lastIndex + 1;
  }

  /** Of the first entry that is kept; the term of the one before is known, too. */
  get firstIndex(): LogIndex {
    return this.#reader.firstIndex;
  }

  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  get lastTerm(): Term {
    return this.#lastTerm;
  }

  get durableUpTo(): LogIndex {
    return this.#durableUpTo;
  }

  get chosenUpTo(): LogIndex {
    return this.#chosenUpTo;
  }

  get end(): EntryId {
    return { term: this.#lastTerm, index: this.#lastIndex };
  }

  /** At least so many bytes of entries wait for the disk: none that is durable is kept beyond `tailBytesMax`. */
  get waitingBytes(): number {
    return Math.max(0, this.#tailBytes - this.#tailBytesMax);
  }

  /** Every hard state handed out is durable. */
  get hardStateDurable(): boolean {
    return this.#hardStateRequests === 0;
  }

  termAt(index: LogIndex): Term {
    assert(index >= this.#reader.firstIndex - 1 && index <= this.#lastIndex, 'term asked within the log');
    if (index === this.#lastIndex) return this.#lastTerm;
    if (index < this.#tailFrom) return this.#reader.termAt(index);
    return this.#inTail(index).term;
  }

  /** From `from` on, at most to `upTo`, cut after `bytesMax`, but at least one; may be cut where memory begins, too. */
  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly LogEntry[] {
    assert(from >= this.#reader.firstIndex && from <= upTo && upTo <= this.#lastIndex, 'entries asked within the log');
    if (from < this.#tailFrom) {
      const read = this.#reader.entries(from, Math.min(upTo, this.#tailFrom - 1), bytesMax);
      assert(read.length > 0 && read[0]!.index === from, 'the reader returns what was asked for');
      return read;
    }
    const entries: LogEntry[] = [];
    let bytes = 0;
    for (let index = from; index <= upTo; index++) {
      const entry = this.#inTail(index);
      bytes += bytesOf(entry);
      if (bytes > bytesMax && entries.length > 0) break;
      entries.push(entry);
    }
    return entries;
  }

  append(entry: LogEntry): void {
    assert(entry.index === this.#lastIndex + 1, 'the log has no gaps');
    assert(entry.term >= this.#lastTerm, 'terms in the log never go down');
    assert(Number.isSafeInteger(entry.index) && Number.isSafeInteger(entry.term), 'index and term are safe numbers');
    this.#tail.push(entry);
    this.#tailBytes += bytesOf(entry);
    this.#lastIndex = entry.index;
    this.#lastTerm = entry.term;
    this.#unrequested.push(entry);
    this.#listener.appended(entry);
  }

  /** Drops `from` and all behind it; the caller appends something in its place in the same step. */
  cut(from: LogIndex): void {
    assert(from <= this.#lastIndex, 'cut within the log');
    assert(from > this.#chosenUpTo, 'chosen entries are never cut');
    assert(this.#unrequested.length === 0, 'the log is cut before anything is appended');
    if (from < this.#tailFrom) {
      this.#tail = [];
      this.#tailHead = 0;
      this.#tailBytes = 0;
      this.#tailFrom = from;
    } else {
      for (let index = from; index <= this.#lastIndex; index++) this.#tailBytes -= bytesOf(this.#inTail(index));
      this.#tail.length = this.#tailHead + (from - this.#tailFrom);
    }
    this.#lastIndex = from - 1;
    this.#lastTerm = from - 1 < this.#tailFrom ? this.#reader.termAt(from - 1) : this.#inTail(from - 1).term;
    this.#durableUpTo = Math.min(this.#durableUpTo, from - 1);
    for (const request of this.#outstanding) request.upTo = Math.min(request.upTo, from - 1);
    this.#listener.cut(from);
  }

  choose(upTo: LogIndex): void {
    if (upTo <= this.#chosenUpTo) return;
    assert(upTo <= this.#lastIndex, 'what is chosen is in the log');
    this.#chosenUpTo = upTo;
    this.#listener.chosen(upTo);
  }

  /** What this step appended, and `hardState` if it changed, as one request; null if there is nothing to persist. */
  takeRequest(hardState: HardState | null): PersistRequest | null {
    const entries = this.#unrequested;
    if (hardState === null && entries.length === 0) return null;
    this.#unrequested = [];
    this.#requestedNumber += 1;
    const upTo = entries.length === 0 ? 0 : this.#lastIndex;
    this.#outstanding.push({ number: this.#requestedNumber, upTo, hasHardState: hardState !== null });
    if (hardState !== null) this.#hardStateRequests += 1;
    return { number: this.#requestedNumber, hardState, entries };
  }

  /** The disk has request `number` and all before it. */
  madeDurable(number: number): void {
    assert(number <= this.#requestedNumber, 'only what was requested becomes durable');
    if (number <= this.#durableNumber) return;
    this.#durableNumber = number;
    let answered = 0;
    for (const request of this.#outstanding) {
      if (request.number > number) break;
      this.#durableUpTo = Math.max(this.#durableUpTo, request.upTo);
      if (request.hasHardState) this.#hardStateRequests -= 1;
      answered += 1;
    }
    this.#outstanding.splice(0, answered);
    assert(this.#durableUpTo <= this.#lastIndex, 'nothing behind the log is durable');
    this.#trimTail();
  }

  /** The disk has the hard states of request `number` and all before it; they may overtake entries that have no room. */
  madeHardStateDurable(number: number): void {
    assert(number <= this.#requestedNumber, 'only what was requested becomes durable');
    for (const request of this.#outstanding) {
      if (request.number > number) break;
      if (request.hasHardState) this.#hardStateRequests -= 1;
      request.hasHardState = false;
    }
  }

  #inTail(index: LogIndex): LogEntry {
    const entry = this.#tail[this.#tailHead + (index - this.#tailFrom)];
    assert(entry !== undefined && entry.index === index, 'the tail is dense');
    return entry;
  }

  #trimTail(): void {
    while (this.#tailBytes > this.#tailBytesMax && this.#tailFrom <= this.#durableUpTo) {
      this.#tailBytes -= bytesOf(this.#inTail(this.#tailFrom));
      this.#tail[this.#tailHead] = undefined;
      this.#tailHead += 1;
      this.#tailFrom += 1;
    }
    if (this.#tailHead > 1024 && this.#tailHead * 2 > this.#tail.length) {
      this.#tail = this.#tail.slice(this.#tailHead);
      this.#tailHead = 0;
    }
  }
}
