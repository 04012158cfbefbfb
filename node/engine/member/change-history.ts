/**
 * The recent past, transaction by transaction: entries of the group's log as they were delivered, with their verdicts.
 * Bounded by transactions, rows and bytes, whoever may still want to read. What a row was before a transaction that is held
 * here can be read in the version store, which keeps as much of the past.
 *
 * How old something is, the order says: by how much later the newest commit is. So what is let go of for its age is the same
 * on every member, whatever their clocks say, and a group without work lets go of nothing.
 *
 * An entry costs one object, whatever number of transactions it holds: it is decoded again when somebody asks.
 */
import type { KeptVerdict } from '../../../applier/index.ts';
import { compareCommitTimes, decodeBatch } from '../../../certifier/index.ts';
import type { CommitTime } from '../../../certifier/types.ts';
import { assert, type MemberOrdinal, type SequenceNumber } from '../../../gcs/base/index.ts';
import type { Publication } from '../replica.ts';
import { writesOf } from './resolved-increments.ts';
import { decodeSchemaEffect } from './schema-effect.ts';

export interface ChangeHistoryOptions {
  readonly transactionsMax: number;
  /** Written by them. */
  readonly rowsMax: number;
  /** What was committed less than so long before the newest is held beyond those two. Absent: nothing is. */
  readonly youngerThanMs?: number;
  /** Of the entries as they travelled, and of the versions that they keep in memory. Nothing is held beyond. */
  readonly bytesMax: number;
}

/** The place behind which something is held. */
export interface HistoryBegin {
  readonly sequenceNumber: SequenceNumber;
  /** When that was committed, or later, but before the next. Null: it is not known. */
  readonly commitTime: CommitTime | null;
}

/** What a version of a row, and an entry, take in memory besides the bytes of the entry. Measured; roughly. */
const HELD_ROW_BYTES = 200;
const HELD_ENTRY_BYTES = 500;

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
  #heldFromTime: CommitTime | null;
  #upTo: SequenceNumber;
  readonly #decoded = new Map<HeldEntry, readonly Publication[]>();

  /** `from`: that behind which entries are about to be added. */
  constructor(bounds: ChangeHistoryOptions, from: HistoryBegin) {
    this.#bounds = bounds;
    this.#heldFrom = from.sequenceNumber;
    this.#heldFromTime = from.commitTime;
    this.#upTo = from.sequenceNumber;
  }

  /** All that was published behind it is held. */
  get heldFrom(): SequenceNumber {
    return this.#heldFrom;
  }

  /** When `heldFrom` was committed, or later, but before the next. Null: it is not known. */
  get heldFromTime(): CommitTime | null {
    return this.#heldFromTime;
  }

  get transactions(): number {
    return this.#upTo - this.#heldFrom;
  }

  /** Of the entries and of what they keep in memory besides. */
  get bytes(): number {
    const entries = this.#entries.length - this.#head;
    return this.#bytes + this.#rows * HELD_ROW_BYTES + entries * HELD_ENTRY_BYTES;
  }

  /** Versions of rows: those written by what is held. */
  get versions(): number {
    return this.#rows;
  }

  /** Narrower ones take effect with the next entry. */
  set bounds(bounds: ChangeHistoryOptions) {
    this.#bounds = bounds;
  }

  /** Takes the next entry, and lets go of the oldest beyond the bounds. */
  add(entry: HeldEntry): void {
    if (entry.upTo === entry.after || entry.upTo <= this.#heldFrom) return;
    this.#entries.push(entry);
    this.#bytes += entry.payload.length;
    this.#rows += entry.rows;
    this.#upTo = entry.upTo;
    while (this.#isTooMuch(entry)) {
      if (this.#entries.length - this.#head <= ENTRIES_HELD_MIN) return;
      this.#letGoOfOldest();
    }
  }

  #isTooMuch(newest: HeldEntry): boolean {
    const { transactionsMax, rowsMax, bytesMax, youngerThanMs = 0 } = this.#bounds;
    if (this.bytes > bytesMax) return true;
    if (this.transactions <= transactionsMax && this.#rows <= rowsMax) return false;
    if (youngerThanMs === 0) return true;
    const oldest = this.#entries[this.#head]!;
    return lastTimeOf(newest).physicalMs - lastTimeOf(oldest).physicalMs >= youngerThanMs;
  }

  /**
   * The last that was committed at `time` or before, among all that has come so far: from `heldFrom` on. Null: it is not
   * held any more, as far as is known. Cost: O(log entries), and the transactions of one.
   */
  sequenceNumberAt(time: CommitTime): SequenceNumber | null {
    const at = this.#placeWhere((entry) => compareCommitTimes(lastTimeOf(entry), time) > 0);
    const entry = this.#entries[at];
    const before = at === this.#head ? this.#heldFrom : this.#entries[at - 1]!.upTo;
    const found = entry === undefined ? before : lastUpTo(entry, time) || before;
    if (found > this.#heldFrom) return found;
    const { heldFromTime } = this;
    const isHeld = heldFromTime !== null && compareCommitTimes(heldFromTime, time) <= 0;
    return isHeld ? this.#heldFrom : null;
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
    for (
      let at = this.#placeWhere(({ upTo }) => upTo > after);
      at < this.#entries.length && found.length < countMax;
      at++
    ) {
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
    this.#heldFromTime = lastTimeOf(entry);
    this.#decoded.delete(entry);
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Of the first entry that `isBehind` is true of, and then of all that follow. */
  #placeWhere(isBehind: (entry: HeldEntry) => boolean): number {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBehind(this.#entries[middle]!)) high = middle;
      else low = middle + 1;
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

function lastTimeOf({ verdicts }: HeldEntry): CommitTime {
  const last = verdicts.findLast((verdict) => verdict.kind === 'positive');
  assert(last !== undefined, 'an entry that is held took a sequence number');
  return last.commitTime;
}

/** The last of the entry that was committed at `time` or before; 0: none. */
function lastUpTo({ verdicts }: HeldEntry, time: CommitTime): SequenceNumber {
  let last = 0;
  for (const verdict of verdicts) {
    if (verdict.kind !== 'positive') continue;
    if (compareCommitTimes(verdict.commitTime, time) > 0) break;
    last = verdict.sequenceNumber;
  }
  return last;
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
      publications.push({ ...about, writes: writesOf(message.transaction, resolved), schema: null });
    } else if (message.kind === 'key-fence') {
      publications.push({ ...about, writes: [], schema: null });
    } else {
      assert(resolved !== null, 'an accepted schema change is kept with its effect');
      publications.push({ ...about, writes: [], schema: decodeSchemaEffect(resolved) });
    }
  }
  return publications;
}
