/**
 * Judges the items of a large transaction before its place in the order is known, while they come in: what is left at its
 * place is to see whether an item was written since. What it comes to is what judging at the place would, or nothing.
 *
 * What is remembered of a last writer may lie at or below the purge floor of the place, where judging there would find
 * none: whoever uses the highest takes the floor if that is higher. Ranges that were read are judged at the place.
 */
import type { SequenceNumber } from '../gcs/base/index.ts';
import type { CertificationDatabase } from './certification-database.ts';
import type { LargeTransaction, Writer } from './types.ts';

export class AheadJudgement {
  readonly #database: CertificationDatabase;
  /** The first so many items were judged. */
  #judged = 0;
  #highest = 0;
  /** Of the database's recent keys so many were looked at. */
  #seen = 0;
  #isSpoilt = false;

  constructor(database: CertificationDatabase) {
    this.#database = database;
    this.#seen = database.recent.count;
  }

  /** Something speaks against the transaction, or may do so: it has to be judged at its place. */
  get isSpoilt(): boolean {
    return this.#isSpoilt;
  }

  /** Of the last writers of the items judged so far. */
  get highest(): number {
    return this.#highest;
  }

  /** Judges `itemsMax` more of the items that are there. True: all of these are judged as of now, or it is spoilt. */
  goOn({ snapshotVersion, writeSet, places }: LargeTransaction, itemsMax: number): boolean {
    const { recent } = this.#database;
    const wasWritten = recent.some(this.#seen, (key) => (places.get(key) ?? this.#judged) < this.#judged);
    this.#seen = recent.count;
    if (wasWritten) this.#isSpoilt = true;
    if (wasWritten === null) this.#judged = 0;
    const end = Math.min(writeSet.length, this.#judged + itemsMax);
    for (; this.#judged < end && !this.#isSpoilt; this.#judged++) {
      const item = writeSet[this.#judged]!;
      const last = this.#database.lastWritten(item.key);
      const against = item.snapshotVersion ?? snapshotVersion;
      if (last > against && isNewer(this.#database.lastOpponent(item.key, item.kind), against)) this.#isSpoilt = true;
      if (last > this.#highest) this.#highest = last;
    }
    return this.#isSpoilt || end === writeSet.length;
  }
}

function isNewer(opponent: Writer | undefined, snapshotVersion: SequenceNumber): boolean {
  return opponent !== undefined && opponent.sequenceNumber > snapshotVersion;
}
