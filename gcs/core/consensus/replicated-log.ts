/**
 * One member's copy of the log, as the core sees it: what is on disk (through the reader), what is on its way there,
 * and how far it is durable.
 *
 * Entries stay in memory, in the tail, until they are durable, and beyond that while `tailBytesMax` has room. What lies
 * before the tail is read back. A request handed out for persisting remembers the last index it makes durable; when the
 * log is cut, what is known durable and what is outstanding are cut with it. So an answer of the disk for entries that
 * were replaced meanwhile never counts for those that replaced them, even if indexes and terms are equal (R10).
 */
import type { LogIndex, Term } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { HardState, LogEntry, LogReader, PersistRequest } from '../types.ts';

/** Counted for an entry beside its payload, so that empty payloads are not free. */
const ENTRY_OVERHEAD_BYTES = 64;

export function bytesOf(entry: LogEntry): number {
  return entry.payload.length + ENTRY_OVERHEAD_BYTES;
}

interface OutstandingRequest {
  readonly number: number;
  /** The last entry of it that is still part of the log. */
  upTo: LogIndex;
  readonly hasHardState: boolean;
}

export class ReplicatedLog {
  readonly #reader: LogReader;
  readonly #tailBytesMax: number;
  /** Entries `#tailFrom` to `#lastIndex`, beginning at `#tailHead`; slots before that are let go. */
  #tail: (LogEntry | undefined)[] = [];
  #tailHead = 0;
  #tailFrom: LogIndex;
  #tailBytes = 0;
  #lastIndex: LogIndex;
  #lastTerm: Term;
  #durableUpTo: LogIndex;
  /** Appended in this step, not yet in a request. */
  #unrequested: LogEntry[] = [];
  #outstanding: OutstandingRequest[] = [];
  #requestedNumber = 0;
  #durableNumber = 0;
  #hardStateRequests = 0;

  constructor(reader: LogReader, options: { readonly tailBytesMax: number }) {
    this.#reader = reader;
    this.#tailBytesMax = options.tailBytesMax;
    this.#lastIndex = reader.lastIndex;
    this.#lastTerm = reader.termAt(reader.lastIndex);
    this.#durableUpTo = reader.lastIndex;
    this.#tailFrom = reader.lastIndex + 1;
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

  /** Every hard state handed out is durable. */
  get hardStateDurable(): boolean {
    return this.#hardStateRequests === 0;
  }

  termAt(index: LogIndex): Term {
    assert(index >= 0 && index <= this.#lastIndex, 'term asked within the log');
    if (index === this.#lastIndex) return this.#lastTerm;
    if (index < this.#tailFrom) return this.#reader.termAt(index);
    return this.#inTail(index).term;
  }

  /** From `from` on, at most to `upTo`, cut after `bytesMax`, but at least one; may be cut where memory begins, too. */
  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly LogEntry[] {
    assert(from >= 1 && from <= upTo && upTo <= this.#lastIndex, 'entries asked within the log');
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
  }

  /** Drops `from` and all behind it; the caller appends something in its place in the same step. */
  cut(from: LogIndex): void {
    assert(from >= 1 && from <= this.#lastIndex, 'cut within the log');
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
