/**
 * The serial safety net for a known total order: admits a SERIALIZABLE transaction although something that it read was
 * written since, as long as there is a serial order that has it. The derivation is in README.md; in short:
 *
 * T reads the snapshot s and gets the number n. Who overwrote something that T read, in (s, n), has to come behind T in the
 * serial order. The *serial place* of T is the lowest serial place of those, or n if there are none. All transactions are
 * serial by (place, number descending): an edge back in the commit order, T before U whose number is lower, is right by the
 * definition, since the place of T is not above that of U. So all that has to be looked at are the edges forward: T is refused
 * if one that it depends on (whose version it reads or overwrites, or who read what T overwrites) has a place that is not
 * below T's. Then every edge leads upwards, and there is no cycle.
 *
 * Who takes part. Only what was read with SERIALIZABLE can be stale (the last `reads` items, and ranges). Whatever else
 * has to hold at the number itself (own writes, constraints, the table's definition) is certified as ever: so no update
 * is lost, and constraints hold in the commit order. Transactions of other levels have nothing stale, hence their own number as place;
 * what they write, and what they say to have observed, is stamped with it. What else they read is not known, and does not count: they
 * asked for a snapshot. A transaction with nothing stale is never refused here, since no place is above its own number.
 *
 * An increment is a write that reads the version before it, whichever that is: its edges all lead forward.
 *
 * What is forgotten (see `SerialStamps`; the purge floor, changes of the schema, and where the rule begins to hold, too, raise its
 * floor) refuses more than has to be: a snapshot below it is held to plain read validation, and a serial place has to be above it,
 * since every place that is forgotten is not. What reads or writes too much is forgotten at once, and held to read validation.
 */
import type { SequenceNumber } from '../gcs/base/index.ts';
import { SerialStamps, type StampedTransaction } from './serial-stamps.ts';
import type { Conflict, DangerousStructure, ReadRange, RowKey, Transaction, Writer, WriteSetItem } from './types.ts';

/** Of one with more items and ranges nothing is remembered: its keys would be recorded in the turn of its delivery. */
export const STAMPED_ITEMS_MAX = 1024;

/** A place that is certified. */
export interface SerialPlace {
  readonly kind: 'placed';
  readonly serialPlace: SequenceNumber;
}

/** Something that was read and has been written since. */
interface Stale {
  /** Null: found in a range. */
  readonly item: WriteSetItem | null;
  readonly range: ReadRange | null;
  readonly key: RowKey;
  /** The first who wrote it since; of several keys, the one with the lowest place. */
  readonly by: StampedTransaction;
}

const NO_RANGES: readonly ReadRange[] = [];

export class SerialSafetyNet {
  readonly #stamps: SerialStamps;

  /** `capacity`: of keys and ranges that are remembered. Effective behind `floor`. */
  constructor(capacity: number, floor: SequenceNumber) {
    this.#stamps = new SerialStamps(capacity, floor);
  }

  /** Snapshots below it are held to read validation; no serial place is at or below it. */
  get floor(): SequenceNumber {
    return this.#stamps.floor;
  }

  /** Keys and ranges that are remembered. */
  get size(): number {
    return this.#stamps.size;
  }

  /** Whether something that it read may be stale. */
  takes(transaction: Transaction): boolean {
    return transaction.snapshotVersion >= this.#stamps.floor && isStamped(transaction);
  }

  /**
   * Where a transaction with something stale comes in the serial order, or why nowhere. It is one that `takes` takes, and all
   * but its reads is certified. Null: only the one wrote it that is being certified and not recorded yet; where that comes is
   * not known. Cost: O(items x log(versions)); with ranges O(what was written since the snapshot, or since the place).
   */
  place(transaction: Transaction): SerialPlace | Conflict | null {
    const stale = this.#lowestStale(transaction);
    if (stale === null) return null;
    const { serialPlace } = stale.by;
    if (serialPlace <= this.#stamps.floor) return refusal(stale, null);
    const before = this.#notBefore(transaction, serialPlace);
    return before === null ? { kind: 'placed', serialPlace } : refusal(stale, before);
  }

  /** What was certified, whatever its level. Order of calls: each number once. */
  record(transaction: Transaction, writer: Writer, serialPlace: SequenceNumber): void {
    if (!isStamped(transaction)) {
      this.#stamps.forgetUpTo(writer.sequenceNumber);
      return;
    }
    const written: RowKey[] = [];
    const read: RowKey[] = [];
    for (const { key, kind } of transaction.writeSet) (kind === 'check' ? read : written).push(key);
    const { sequenceNumber, origin } = writer;
    const ranges = transaction.ranges ?? NO_RANGES;
    this.#stamps.record({ sequenceNumber, origin, serialPlace, written, read, ranges });
  }

  /** What was certified up to there counts as forgotten from here on. */
  forgetUpTo(sequenceNumber: SequenceNumber): void {
    this.#stamps.forgetUpTo(sequenceNumber);
  }

  #lowestStale({ snapshotVersion, writeSet, reads = 0, ranges = NO_RANGES }: Transaction): Stale | null {
    let lowest: Stale | null = null;
    for (let at = writeSet.length - reads; at < writeSet.length; at++) {
      const item = writeSet[at]!;
      const by = this.#stamps.firstWriterBehind(item.key, snapshotVersion);
      if (by !== undefined && (lowest === null || by.serialPlace < lowest.by.serialPlace)) {
        lowest = { item, range: null, key: item.key, by };
      }
    }
    const within = ranges.length === 0 ? undefined : this.#stamps.lowestWriterWithin(ranges, snapshotVersion);
    if (within !== undefined && (lowest === null || within.by.serialPlace < lowest.by.serialPlace)) {
      const { range, key, by } = within;
      lowest = { item: null, range, key, by };
    }
    return lowest;
  }

  /** One that has to come before the transaction, and does not come before `place`; null: there is none. */
  #notBefore(
    { snapshotVersion, writeSet, ranges = NO_RANGES }: Transaction,
    place: SequenceNumber,
  ): NonNullable<DangerousStructure['before']> | null {
    const stamps = this.#stamps;
    for (const { key, kind, snapshotVersion: own = snapshotVersion } of writeSet) {
      const isRead = kind === 'check';
      const creator = stamps.lastWriterUpTo(key, isRead ? own : Number.POSITIVE_INFINITY);
      if (creator !== undefined && creator.serialPlace >= place) return { key, by: creator };
      if (isRead) continue;
      const highest = stamps.highestReader(key);
      const reader = highest !== undefined && highest.serialPlace >= place ? highest : stamps.rangeReader(key, place);
      if (reader !== undefined) return { key, by: reader };
    }
    const within = ranges.length === 0 ? undefined : stamps.writerWithin(ranges, { place, upTo: snapshotVersion });
    return within === undefined ? null : within;
  }
}

function isStamped({ writeSet, ranges = NO_RANGES }: Transaction): boolean {
  return writeSet.length + ranges.length <= STAMPED_ITEMS_MAX;
}

function refusal({ item, range, key, by }: Stale, before: DangerousStructure['before']): Conflict {
  const winner = writerOf(by);
  const structure = { before: before === null ? null : { key: before.key, by: writerOf(before.by) } };
  if (item !== null) return { kind: 'conflict', item, winner, structure };
  return { kind: 'conflict', item: null, range: range!, key, winner, structure };
}

function writerOf({ sequenceNumber, origin }: Writer): Writer {
  return { sequenceNumber, origin };
}
