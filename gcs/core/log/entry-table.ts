/** What is known of every entry without reading it: term, place on disk, identity of the message. Typed arrays, 30 bytes an entry. */

import type { LogIndex, MemberOrdinal, Term } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { LastMessage, LastMessages, LogEntry } from '../types.ts';

const PAGE_ENTRIES = 1 << 13;

interface Page {
  readonly segments: Uint32Array;
  readonly offsets: Uint32Array;
  readonly payloadLengths: Uint32Array;
  readonly origins: Uint16Array;
  readonly incarnations: Float64Array;
  /** 0: a noop. */
  readonly messageNumbers: Float64Array;
}

/** Where an entry's record is. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly payloadLength: number;
}

export class EntryTable {
  readonly #pages: Page[] = [];
  /** First index of each run of one term. Invariant: ascending, as long as `#runTerms`. */
  readonly #runStarts: number[] = [];
  readonly #runTerms: Term[] = [];
  #lastIndex: LogIndex = 0;

  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  termAt(index: LogIndex): Term {
    assert(index >= 0 && index <= this.#lastIndex, 'the index is in the log');
    if (index === 0) return 0;
    const starts = this.#runStarts;
    let low = 0;
    let high = starts.length - 1;
    if (starts[high]! <= index) return this.#runTerms[high]!;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return this.#runTerms[low]!;
  }

  /** Adds an entry; one of that index and all behind it are forgotten. Its place is told later. */
  put(entry: LogEntry): void {
    const { index, term } = entry;
    assert(index >= 1 && index <= this.#lastIndex + 1, 'entries have consecutive indexes');
    assert(entry.origin < 0x10000, 'a member ordinal has 16 bits');
    this.#forgetFrom(index);
    assert(term >= this.termAt(index - 1), 'terms in the log never go back');
    if (index === 1 || term !== this.termAt(index - 1)) {
      this.#runStarts.push(index);
      this.#runTerms.push(term);
    }
    this.#lastIndex = index;
    const at = index % PAGE_ENTRIES;
    let page = this.#pages[(index - at) / PAGE_ENTRIES];
    if (page === undefined) {
      page = emptyPage();
      this.#pages.push(page);
    }
    page.origins[at] = entry.origin;
    page.incarnations[at] = entry.incarnation;
    page.messageNumbers[at] = entry.kind === 'noop' ? 0 : entry.messageNumber;
    page.payloadLengths[at] = entry.payload.length;
  }

  /** The record of `index` is now at this place. Ignored for an index that is in the log no more. */
  place(index: LogIndex, segment: number, offset: number): void {
    if (index > this.#lastIndex) return;
    const at = index % PAGE_ENTRIES;
    const page = this.#pages[(index - at) / PAGE_ENTRIES]!;
    page.segments[at] = segment;
    page.offsets[at] = offset;
  }

  placeOf(index: LogIndex): Place {
    const at = index % PAGE_ENTRIES;
    const page = this.#pages[(index - at) / PAGE_ENTRIES]!;
    return { segment: page.segments[at]!, offset: page.offsets[at]!, payloadLength: page.payloadLengths[at]! };
  }

  /** Cost: O(index). */
  lastMessagesAt(index: LogIndex): LastMessages {
    assert(index >= 0 && index <= this.#lastIndex, 'the index is in the log');
    const last = new Map<MemberOrdinal, LastMessage>();
    const lastIndexOf = new Map<MemberOrdinal, LogIndex>();
    for (let i = 1; i <= index; i++) {
      const page = this.#pages[Math.floor(i / PAGE_ENTRIES)]!;
      if (page.messageNumbers[i % PAGE_ENTRIES]! > 0) lastIndexOf.set(page.origins[i % PAGE_ENTRIES]!, i);
    }
    for (const [origin, i] of [...lastIndexOf].sort(([left], [right]) => left - right)) {
      const page = this.#pages[Math.floor(i / PAGE_ENTRIES)]!;
      const at = i % PAGE_ENTRIES;
      last.set(origin, { incarnation: page.incarnations[at]!, messageNumber: page.messageNumbers[at]! });
    }
    return last;
  }

  #forgetFrom(index: LogIndex): void {
    if (index > this.#lastIndex) return;
    this.#lastIndex = index - 1;
    while (this.#runStarts.length > 0 && this.#runStarts.at(-1)! >= index) {
      this.#runStarts.pop();
      this.#runTerms.pop();
    }
  }
}

function emptyPage(): Page {
  return {
    segments: new Uint32Array(PAGE_ENTRIES),
    offsets: new Uint32Array(PAGE_ENTRIES),
    payloadLengths: new Uint32Array(PAGE_ENTRIES),
    origins: new Uint16Array(PAGE_ENTRIES),
    incarnations: new Float64Array(PAGE_ENTRIES),
    messageNumbers: new Float64Array(PAGE_ENTRIES),
  };
}
