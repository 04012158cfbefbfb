/**
 * What is remembered for the serial safety net: of every transaction behind a floor which keys it wrote and read, and its
 * serial place. Everything is dense by sequence number: what is remembered is all of it, from the floor on, so that an
 * answer never depends on when something was given up.
 *
 * The oldest are forgotten, whole, once all keys and ranges together are more than the capacity. What is forgotten is thereby
 * a function of what was recorded behind the floor, and of nothing before: a rebuild that records the same behind the same
 * floor forgets the same.
 *
 * What a rise of the floor leaves below it is given up bit by bit, as others are recorded. Until then it takes room, and no
 * answer depends on it: every number and place of it is at or below the floor. Nor does the floor: for want of room it is
 * given up first, and that does not raise the floor.
 */
import { assert, type SequenceNumber } from '../gcs/base/index.ts';
import { KeyVersions } from './key-versions.ts';
import { rangeAround } from './read-ranges.ts';
import type { ReadRange, RowKey, Writer } from './types.ts';

/** A transaction that was certified. */
export interface StampedTransaction extends Writer {
  /** It comes right before the transaction of that number in the serial order, or has its own number. */
  readonly serialPlace: SequenceNumber;
  readonly written: readonly RowKey[];
  /** Those that it wrote, too, are left out. */
  readonly read: readonly RowKey[];
  /** Absent ones are read, too. */
  readonly ranges: readonly ReadRange[];
}

/** Entries that are no longer used are taken out of the list so many at a time. */
const TRIM_AT = 1024;

/** For each key and range that is recorded, so many of what is below the floor are given up. */
const GIVEN_UP_PER_RECORDED = 2;

export class SerialStamps {
  readonly #capacity: number;
  /** All transactions behind the floor, in their order, and perhaps some below it; those before `#first` are given up. */
  #transactions: StampedTransaction[] = [];
  #first = 0;
  /** Of the last before those; not above the floor. */
  #givenUpTo: SequenceNumber;
  #size = 0;
  #floor: SequenceNumber;
  /** Who wrote a key, in order. */
  #versions = new Map<RowKey, KeyVersions>();
  /** Of those that read a key by itself, the one with the highest serial place. */
  #readers = new Map<RowKey, StampedTransaction>();

  /** `capacity`: keys and ranges. What was certified up to `floor` is not known. */
  constructor(capacity: number, floor: SequenceNumber) {
    this.#capacity = capacity;
    this.#floor = floor;
    this.#givenUpTo = floor;
  }

  /** Nothing is known of what was certified up to it. Never falls. */
  get floor(): SequenceNumber {
    return this.#floor;
  }

  /** Keys and ranges, with those below the floor that are not given up yet. */
  get size(): number {
    return this.#size;
  }

  get #recordedUpTo(): SequenceNumber {
    return this.#givenUpTo + this.#transactions.length - this.#first;
  }

  /** Order of calls: each sequence number once, without a gap behind the floor. Cost: O(its keys and ranges). */
  record(transaction: StampedTransaction): void {
    const { sequenceNumber, written, read } = transaction;
    assert(sequenceNumber === this.#recordedUpTo + 1, 'stamps are recorded without a gap');
    const size = sizeOf(transaction);
    if (size > this.#capacity) {
      this.forgetUpTo(sequenceNumber);
      return;
    }
    this.#transactions.push(transaction);
    this.#size += size;
    for (const key of written) {
      const versions = this.#versions.get(key);
      if (versions === undefined) this.#versions.set(key, new KeyVersions(transaction));
      else versions.add(transaction);
    }
    for (const key of read) {
      const reader = this.#readers.get(key);
      if (reader === undefined || reader.serialPlace <= transaction.serialPlace) this.#readers.set(key, transaction);
    }
    const sizeAfter = this.#size - GIVEN_UP_PER_RECORDED * size;
    while (this.#givenUpTo < this.#floor && this.#size > sizeAfter) this.#giveUpFirst();
    while (this.#size > this.#capacity) this.#giveUpFirst();
    if (this.#givenUpTo > this.#floor) this.#floor = this.#givenUpTo;
  }

  /** Never lowers the floor. It may be ahead of all that is recorded: then what comes behind it is recorded next. Cost: O(1). */
  forgetUpTo(sequenceNumber: SequenceNumber): void {
    if (sequenceNumber <= this.#floor) return;
    this.#floor = sequenceNumber;
    if (sequenceNumber < this.#recordedUpTo) return;
    this.#transactions = [];
    this.#first = 0;
    this.#givenUpTo = sequenceNumber;
    this.#size = 0;
    this.#versions = new Map();
    this.#readers = new Map();
  }

  /** The first that wrote `key` behind `snapshotVersion`, which is not below the floor. Undefined: none that is recorded. */
  firstWriterBehind(key: RowKey, snapshotVersion: SequenceNumber): StampedTransaction | undefined {
    return this.#versions.get(key)?.firstBehind(snapshotVersion);
  }

  /** The last that wrote `key` up to `upTo`. Undefined: that is not above the floor. */
  lastWriterUpTo(key: RowKey, upTo: SequenceNumber): StampedTransaction | undefined {
    const writer = this.#versions.get(key)?.lastUpTo(upTo);
    return writer === undefined || writer.sequenceNumber <= this.#floor ? undefined : writer;
  }

  /** Of those that read `key` by itself, one with the highest serial place of all whose place is above the floor, if there are any. */
  highestReader(key: RowKey): StampedTransaction | undefined {
    return this.#readers.get(key);
  }

  /** One with a serial place from `place` on that read a range around `key`. */
  rangeReader(key: RowKey, place: SequenceNumber): StampedTransaction | undefined {
    for (const transaction of this.#from(place)) {
      const { ranges, serialPlace } = transaction;
      if (ranges.length > 0 && serialPlace >= place && rangeAround(ranges, key) !== null) return transaction;
    }
    return undefined;
  }

  /** Of those behind `snapshotVersion`, which wrote into one of `ranges`: one with the lowest serial place. */
  lowestWriterWithin(ranges: readonly ReadRange[], snapshotVersion: SequenceNumber): WrittenWithin | undefined {
    let lowest: WrittenWithin | undefined;
    for (const by of this.#from(snapshotVersion + 1)) {
      if (lowest !== undefined && by.serialPlace >= lowest.by.serialPlace) continue;
      lowest = writtenWithin(by, ranges) ?? lowest;
    }
    return lowest;
  }

  /** One up to `upTo` that wrote into one of `ranges`, with a serial place from `place` on. */
  writerWithin(
    ranges: readonly ReadRange[],
    { place, upTo }: { readonly place: SequenceNumber; readonly upTo: SequenceNumber },
  ): WrittenWithin | undefined {
    for (const by of this.#from(place)) {
      if (by.sequenceNumber > upTo) return undefined;
      const found = by.serialPlace < place ? undefined : writtenWithin(by, ranges);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Those with that number and later ones. Who has a serial place from a number on, has a number from there on. */
  *#from(sequenceNumber: SequenceNumber): Iterable<StampedTransaction> {
    const first = this.#first + Math.max(0, sequenceNumber - this.#givenUpTo - 1);
    for (let at = first; at < this.#transactions.length; at++) yield this.#transactions[at]!;
  }

  /** A reader that is given up had a place above those that it hid; they are not above the floor. */
  #giveUpFirst(): void {
    const transaction = this.#transactions[this.#first]!;
    this.#size -= sizeOf(transaction);
    for (const key of transaction.written) {
      const versions = this.#versions.get(key)!;
      versions.giveUpFirst();
      if (versions.isEmpty) this.#versions.delete(key);
    }
    for (const key of transaction.read) if (this.#readers.get(key) === transaction) this.#readers.delete(key);
    this.#givenUpTo = transaction.sequenceNumber;
    this.#first++;
    if (this.#first < TRIM_AT || this.#first * 2 < this.#transactions.length) return;
    this.#transactions = this.#transactions.slice(this.#first);
    this.#first = 0;
  }
}

export interface WrittenWithin {
  readonly by: StampedTransaction;
  readonly range: ReadRange;
  readonly key: RowKey;
}

function writtenWithin(by: StampedTransaction, ranges: readonly ReadRange[]): WrittenWithin | undefined {
  for (const key of by.written) {
    const range = rangeAround(ranges, key);
    if (range !== null) return { by, range, key };
  }
  return undefined;
}

/** One that reads and writes nothing by itself takes room, too. */
function sizeOf({ written, read, ranges }: StampedTransaction): number {
  return Math.max(1, written.length + read.length + ranges.length);
}
