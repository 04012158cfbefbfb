/**
 * The recent past, transaction by transaction: entries of the group's log as they were delivered, with their verdicts.
 * Bounded by transactions, rows and bytes, whoever may still want to read. What a row was before a transaction that is held
 * here can be read in the version store, which keeps as much of the past.
 *
 * An entry costs one object, whatever number of transactions it holds: it is decoded again when somebody asks.
 */
import type { KeptVerdict } from '../../../applier/index.ts';
import { decodeBatch } from '../../../certifier/index.ts';
import { assert, type MemberOrdinal, type SequenceNumber } from '../../../gcs/base/index.ts';
import type { Publication } from '../replica.ts';
import { writesOf } from './publication.ts';
import { decodeSchemaEffect } from './schema-effect.ts';

export interface ChangeHistoryOptions {
  readonly transactionsMax: number;
  /** Written by them. */
  readonly rowsMax: number;
  /** Of the entries as they travelled. */
  readonly bytesMax: number;
}

/** An entry of the group's log that was taken through. */
export interface HeldEntry {
  readonly origin: MemberOrdinal;
  readonly payload: Uint8Array;
  /** One for each message of the entry. */
  readonly verdicts: readonly KeptVerdict[];
  /** Sequence number before it, and of its last positive verdict. */
  readonly after: SequenceNumber;
  readonly upTo: SequenceNumber;
  /** Written by those transactions. */
  readonly rows: number;
}

/** Held whatever their size, so that a stream that keeps up gets to see a transaction beyond all bounds. */
const ENTRIES_HELD_MIN = 8;

/** Entries decoded last, for several readers at one place and for one that reads on. */
const DECODED_MAX = 16;

export class ChangeHistory {
  #bounds: ChangeHistoryOptions;
  /** Ascending, without gaps, from `#head` on. */
  #entries: HeldEntry[] = [];
  #head = 0;
  #bytes = 0;
  #rows = 0;
  #heldFrom: SequenceNumber;
  #upTo: SequenceNumber;
  readonly #decoded = new Map<HeldEntry, readonly Publication[]>();

  /** `from`: the sequence number behind which entries are about to be added. */
  constructor(bounds: ChangeHistoryOptions, from: SequenceNumber) {
    this.#bounds = bounds;
    this.#heldFrom = from;
    this.#upTo = from;
  }

  /** All that was published behind it is held. */
  get heldFrom(): SequenceNumber {
    return this.#heldFrom;
  }

  get transactions(): number {
    return this.#upTo - this.#heldFrom;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Narrower ones take effect with the next entry. */
  set bounds(bounds: ChangeHistoryOptions) {
    this.#bounds = bounds;
  }

  /** Takes the next entry, and lets go of the oldest beyond the bounds. */
  add(entry: HeldEntry): void {
    const { transactionsMax, rowsMax, bytesMax } = this.#bounds;
    if (entry.upTo === entry.after || entry.upTo <= this.#heldFrom) return;
    this.#entries.push(entry);
    this.#bytes += entry.payload.length;
    this.#rows += entry.rows;
    this.#upTo = entry.upTo;
    while (this.transactions > transactionsMax || this.#rows > rowsMax || this.#bytes > bytesMax) {
      if (this.#entries.length - this.#head <= ENTRIES_HELD_MIN) return;
      this.#letGoOfOldest();
    }
  }

  /** Lets go of everything. */
  forget(): void {
    while (this.#head < this.#entries.length) this.#letGoOfOldest();
    this.#decoded.clear();
  }

  /** What was published behind `after`, in order, `countMax` at most. `after`: from `heldFrom` on. */
  publications(after: SequenceNumber, countMax: number): readonly Publication[] {
    assert(after >= this.#heldFrom, 'what is asked for is held');
    const found: Publication[] = [];
    for (let at = this.#placeBehind(after); at < this.#entries.length && found.length < countMax; at++) {
      for (const publication of this.#publicationsOf(this.#entries[at]!)) {
        if (publication.sequenceNumber > after && found.length < countMax) found.push(publication);
      }
    }
    return found;
  }

  #letGoOfOldest(): void {
    const entry = this.#entries[this.#head++]!;
    this.#bytes -= entry.payload.length;
    this.#rows -= entry.rows;
    this.#heldFrom = entry.upTo;
    this.#decoded.delete(entry);
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Of the first entry that ends behind `after`. */
  #placeBehind(after: SequenceNumber): number {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.upTo <= after) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #publicationsOf(entry: HeldEntry): readonly Publication[] {
    let publications = this.#decoded.get(entry);
    if (publications === undefined) {
      publications = decode(entry);
      if (this.#decoded.size >= DECODED_MAX) this.#decoded.delete(this.#decoded.keys().next().value!);
      this.#decoded.set(entry, publications);
    }
    return publications;
  }
}

function decode({ payload, origin, verdicts }: HeldEntry): readonly Publication[] {
  const batch = decodeBatch(payload);
  assert(batch.kind === 'batch' && batch.messages.length === verdicts.length, 'an entry that was taken through');
  const publications: Publication[] = [];
  for (const [i, message] of batch.messages.entries()) {
    const verdict = verdicts[i]!;
    if (verdict.kind !== 'positive') continue;
    const { sequenceNumber, commitTime, resolved } = verdict;
    const about = { sequenceNumber, commitTime, origin };
    if (message.kind === 'transaction') {
      publications.push({ ...about, writes: writesOf(message.transaction), schema: null });
    } else {
      assert(resolved !== null, 'an accepted schema change is kept with its effect');
      publications.push({ ...about, writes: [], schema: decodeSchemaEffect(resolved) });
    }
  }
  return publications;
}
