/**
 * What is known of every entry without reading it: term, kind, place on disk, identity of the message. Typed arrays, 33
 * bytes an entry. It begins behind a base; pages below that are let go. An entry that cannot be read is a hole: its index
 * is taken, its term a lower bound.
 */
import type { LogIndex, MemberOrdinal, Term } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import { isFirstFragment, isLastFragment } from '../messages/fragment.ts';
import type { EntryId, EntryKind, GroupView, LogEntry } from '../types.ts';
import { decodeView } from '../views.ts';

/** A page is made anew whenever a log is opened, and most logs that are opened in tests hold a few entries. */
const PAGE_ENTRIES = 1 << 10;

const HOLE = 0;
const LAST_FRAGMENT = 5;
const FIRST_FRAGMENT = 6;
/** By code. The first and the last fragment of a message, which are two at least, have codes of their own. */
const KINDS: readonly (EntryKind | null)[] = [null, 'noop', 'message', 'view', 'fragment', 'fragment', 'fragment'];

interface Page {
  readonly kinds: Uint8Array;
  readonly segments: Uint32Array;
  readonly offsets: Uint32Array;
  readonly payloadLengths: Uint32Array;
  readonly origins: Uint32Array;
  readonly incarnations: Float64Array;
  readonly messageNumbers: Float64Array;
}

/** Where an entry's record is. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly payloadLength: number;
}

/** Who sent an entry, and what it is part of. */
export interface Sender {
  readonly origin: MemberOrdinal;
  readonly incarnation: number;
  readonly messageNumber: number;
}

export interface Range {
  readonly from: LogIndex;
  readonly upTo: LogIndex;
}

export class EntryTable {
  readonly #pages: Page[] = [];
  /** Number of the first page there is: that of `#base.index` + 1. */
  #firstPage: number;
  #base: EntryId;
  /** First index of each run of one term. Invariant: ascending, as long as `#runTerms`. */
  readonly #runStarts: number[] = [];
  readonly #runTerms: Term[] = [];
  #views: { readonly index: LogIndex; readonly view: GroupView }[] = [];
  #lastIndex: LogIndex;
  #holes = 0;

  constructor(base: EntryId) {
    this.#base = { term: base.term, index: base.index };
    this.#lastIndex = base.index;
    this.#firstPage = pageOf(base.index + 1);
  }

  get base(): EntryId {
    return this.#base;
  }

  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  get holeCount(): number {
    return this.#holes;
  }

  /** Of a hole: the least that it can be. */
  termAt(index: LogIndex): Term {
    assert(index >= this.#base.index && index <= this.#lastIndex, 'the index is in the log');
    const run = this.#runOf(index);
    return run < 0 ? this.#base.term : this.#runTerms[run]!;
  }

  /** Null: a hole. */
  kindAt(index: LogIndex): EntryKind | null {
    return KINDS[this.#codeAt(index)]!;
  }

  isFirstFragment(index: LogIndex): boolean {
    return this.#codeAt(index) === FIRST_FRAGMENT;
  }

  isLastFragment(index: LogIndex): boolean {
    return this.#codeAt(index) === LAST_FRAGMENT;
  }

  senderOf(index: LogIndex): Sender {
    const page = this.#pageAt(index);
    const at = index % PAGE_ENTRIES;
    return { origin: page.origins[at]!, incarnation: page.incarnations[at]!, messageNumber: page.messageNumbers[at]! };
  }

  /** Ascending. */
  get views(): readonly { readonly index: LogIndex; readonly view: GroupView }[] {
    return this.#views;
  }

  /** Adds an entry; one of that index and all behind it are forgotten. Its place is told later. */
  put(entry: LogEntry): void {
    const { index, term } = entry;
    assert(index > this.#base.index && index <= this.#lastIndex + 1, 'entries have consecutive indexes');
    this.cut(index);
    assert(term >= this.termAt(index - 1), 'terms in the log never go back');
    this.#extend(index, term);
    this.#describe(entry);
  }

  /** Adds an entry that cannot be read. `term`: at least that. */
  putHole(index: LogIndex, term: Term): void {
    assert(index === this.#lastIndex + 1, 'a hole follows the log');
    this.#extend(index, Math.max(term, this.termAt(index - 1)));
    const page = this.#pageAt(index);
    page.kinds[index % PAGE_ENTRIES] = HOLE;
    page.payloadLengths[index % PAGE_ENTRIES] = 0;
    this.#holes++;
  }

  /** Puts an entry in the place of a hole, or of the same entry; no other is touched. */
  fill(entry: LogEntry): void {
    const { index, term } = entry;
    assert(index > this.#base.index && index <= this.#lastIndex, 'the index is in the log');
    if (this.kindAt(index) === null) {
      this.#holes--;
      this.#setTerm(index, term);
    } else {
      assert(this.termAt(index) === term, 'an entry is filled in with itself');
      this.#views = this.#views.filter((each) => each.index !== index);
    }
    this.#describe(entry);
  }

  /** The record of `index` is now at this place. Ignored for an index that is in the log no more. */
  place(index: LogIndex, segment: number, offset: number): void {
    if (index > this.#lastIndex || index <= this.#base.index) return;
    const at = index % PAGE_ENTRIES;
    const page = this.#pageAt(index);
    page.segments[at] = segment;
    page.offsets[at] = offset;
  }

  placeOf(index: LogIndex): Place {
    const at = index % PAGE_ENTRIES;
    const page = this.#pageAt(index);
    return { segment: page.segments[at]!, offset: page.offsets[at]!, payloadLength: page.payloadLengths[at]! };
  }

  /** Forgets `index` and all behind it. */
  cut(index: LogIndex): void {
    if (index > this.#lastIndex) return;
    assert(index > this.#base.index, 'the log is not cut below its base');
    if (this.#holes > 0) {
      for (let i = index; i <= this.#lastIndex; i++) if (this.#codeAt(i) === HOLE) this.#holes--;
    }
    this.#lastIndex = index - 1;
    while (this.#runStarts.length > 0 && this.#runStarts.at(-1)! >= index) {
      this.#runStarts.pop();
      this.#runTerms.pop();
    }
    while (this.#views.length > 0 && this.#views.at(-1)!.index >= index) this.#views.pop();
    while (this.#pages.length > 0 && this.#firstPage + this.#pages.length - 1 > pageOf(index)) this.#pages.pop();
  }

  /** Raises the base. */
  letGo(upTo: LogIndex): void {
    assert(upTo >= this.#base.index && upTo <= this.#lastIndex, 'the new base is in the log');
    for (let i = this.#base.index + 1; this.#holes > 0 && i <= upTo; i++) if (this.#codeAt(i) === HOLE) this.#holes--;
    const run = this.#runOf(upTo);
    if (run >= 0) {
      this.#base = { index: upTo, term: this.#runTerms[run]! };
      this.#runStarts.splice(0, run);
      this.#runTerms.splice(0, run);
    }
    this.#base = { index: upTo, term: this.#base.term };
    this.#views = this.#views.filter((each) => each.index > upTo);
    const gone = Math.min(this.#pages.length, pageOf(upTo + 1) - this.#firstPage);
    this.#pages.splice(0, gone);
    if (this.#pages.length === 0) this.#firstPage = pageOf(upTo + 1);
    else this.#firstPage += gone;
  }

  /** Cost: O(entries), if there are any. */
  holes(): readonly Range[] {
    const holes: { from: LogIndex; upTo: LogIndex }[] = [];
    if (this.#holes === 0) return holes;
    for (let index = this.#base.index + 1; index <= this.#lastIndex; index++) {
      if (this.#codeAt(index) !== HOLE) continue;
      if (holes.at(-1)?.upTo === index - 1) holes.at(-1)!.upTo = index;
      else holes.push({ from: index, upTo: index });
    }
    return holes;
  }

  #describe(entry: LogEntry): void {
    const { index } = entry;
    assert(entry.origin < 0xffff_ffff, 'a member ordinal has 32 bits');
    const at = index % PAGE_ENTRIES;
    const page = this.#pageAt(index);
    page.kinds[at] = codeOf(entry);
    page.origins[at] = entry.origin;
    page.incarnations[at] = entry.incarnation;
    page.messageNumbers[at] = entry.messageNumber;
    page.payloadLengths[at] = entry.payload.length;
    if (entry.kind === 'view') this.#addView(index, entry.payload);
  }

  #addView(index: LogIndex, payload: Uint8Array): void {
    const view = decodeView(payload);
    assert(view !== null, 'a view entry holds a view');
    let at = this.#views.length;
    while (at > 0 && this.#views[at - 1]!.index > index) at--;
    this.#views.splice(at, 0, { index, view });
  }

  #extend(index: LogIndex, term: Term): void {
    if (term !== this.termAt(index - 1)) {
      this.#runStarts.push(index);
      this.#runTerms.push(term);
    }
    this.#lastIndex = index;
    if (pageOf(index) - this.#firstPage === this.#pages.length) this.#pages.push(emptyPage());
  }

  /** Invariant kept: neighbouring runs have different terms. */
  #setTerm(index: LogIndex, term: Term): void {
    const before = this.termAt(index - 1);
    const old = this.termAt(index);
    if (term === old) return;
    assert(term >= before, 'terms in the log never go back');
    // The holes behind it are of its term, too, or of a later one.
    let end = index + 1;
    while (end <= this.#lastIndex && this.#codeAt(end) === HOLE && this.termAt(end) < term) end++;
    const starts = term === before ? [] : [index];
    const terms = term === before ? [] : [term];
    if (end <= this.#lastIndex) {
      const next = this.termAt(end);
      assert(next >= term, 'terms in the log never go back');
      if (next !== term) {
        starts.push(end);
        terms.push(next);
      }
    }
    const from = lowerBound(this.#runStarts, index);
    const upTo = lowerBound(this.#runStarts, end + 1);
    this.#runStarts.splice(from, upTo - from, ...starts);
    this.#runTerms.splice(from, upTo - from, ...terms);
  }

  /** The run that `index` is in; -1: that of the base. */
  #runOf(index: LogIndex): number {
    const starts = this.#runStarts;
    if (starts.length > 0 && starts.at(-1)! <= index) return starts.length - 1;
    return lowerBound(starts, index + 1) - 1;
  }

  #codeAt(index: LogIndex): number {
    return this.#pageAt(index).kinds[index % PAGE_ENTRIES]!;
  }

  #pageAt(index: LogIndex): Page {
    assert(index > this.#base.index && index <= this.#lastIndex, 'the index is in the log');
    return this.#pages[pageOf(index) - this.#firstPage]!;
  }
}

function codeOf(entry: LogEntry): number {
  if (entry.kind === 'fragment' && entry.payload.length > 0) {
    if (isLastFragment(entry.payload)) return LAST_FRAGMENT;
    if (isFirstFragment(entry.payload)) return FIRST_FRAGMENT;
  }
  return KINDS.indexOf(entry.kind);
}

function pageOf(index: LogIndex): number {
  return Math.floor(index / PAGE_ENTRIES);
}

/** Position of the first number that is not below `bound`. */
function lowerBound(ascending: readonly number[], bound: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

function emptyPage(): Page {
  return {
    kinds: new Uint8Array(PAGE_ENTRIES),
    segments: new Uint32Array(PAGE_ENTRIES),
    offsets: new Uint32Array(PAGE_ENTRIES),
    payloadLengths: new Uint32Array(PAGE_ENTRIES),
    origins: new Uint32Array(PAGE_ENTRIES),
    incarnations: new Float64Array(PAGE_ENTRIES),
    messageNumbers: new Float64Array(PAGE_ENTRIES),
  };
}
