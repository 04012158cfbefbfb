/**
 * What was written lately, in its order, so that a range that was read is judged without looking at each key written since
 * (H11). It is begun when somebody first asks for a range, and given up when nobody has for long: who reads no ranges pays
 * nothing for them.
 *
 * It is a list of blocks of so many writes. A block that is asked about again is sorted, a few at a time, and from then on
 * halving tells that no key of it is in a range; only one that has such a key is looked through. A key that was written
 * more than once is there as often: whoever wrote it after the snapshot, the last writer did so too.
 */
import { assert, type SequenceNumber } from '../gcs/base/index.ts';
import { rangeAround } from './read-ranges.ts';
import type { ReadRange, RowKey, Writer, WriteSetItem } from './types.ts';

export interface RecentWritesBounds {
  /** Writes in a block. */
  readonly blockWrites: number;
  /** Blocks that are kept; for a snapshot before them the database itself is looked through. */
  readonly blocksMax: number;
}

export const RECENT_WRITES_BOUNDS: RecentWritesBounds = { blockWrites: 1024, blocksMax: 512 };

/** It is given up after so many blocks that nobody has asked for. */
const UNASKED_BLOCKS_MAX = 64;
/** Blocks sorted for one question: 1024 keys take some 0.3 ms. */
const SORTED_AT_ONCE_MAX = 8;

/** A key in a range that was asked for, and its last writer. */
export interface WrittenKey {
  readonly range: ReadRange;
  readonly key: RowKey;
  readonly writer: Writer;
}

interface Block {
  /** In the order in which they were written. */
  readonly keys: RowKey[];
  /** At the same places; one for all where one transaction wrote them. */
  readonly writers: Writer[];
  wasAsked: boolean;
  sorted: readonly RowKey[] | null;
}

export class RecentWrites {
  readonly #bounds: RecentWritesBounds;
  /** The oldest first; the last one grows. */
  readonly #blocks: Block[] = [newBlock()];
  #knownFrom: SequenceNumber;
  #unaskedBlocks = 0;

  /** `from`: all that is written after it will be added. */
  constructor(from: SequenceNumber, bounds: RecentWritesBounds) {
    this.#bounds = bounds;
    this.#knownFrom = from;
  }

  /** What was written after any snapshot from here on is known. */
  get knownFrom(): SequenceNumber {
    return this.#knownFrom;
  }

  /** Nobody has asked for long. */
  get isUnasked(): boolean {
    return this.#unaskedBlocks > UNASKED_BLOCKS_MAX;
  }

  /** Order of calls: as the writers are recorded. `purgeFloor`: nobody asks for what was written up to it. */
  add(key: RowKey, writer: Writer, purgeFloor: SequenceNumber): void {
    const block = this.#blocks.at(-1)!;
    block.keys.push(key);
    block.writers.push(writer);
    if (block.keys.length >= this.#bounds.blockWrites) this.#begin(newBlock(), purgeFloor);
  }

  /** Cost: O(items). Keeps their keys alone: an image would keep its whole message. */
  addLarge(writeSet: readonly WriteSetItem[], writer: Writer, purgeFloor: SequenceNumber): void {
    if (this.#blocks.at(-1)!.keys.length === 0) this.#blocks.pop();
    const { blockWrites } = this.#bounds;
    for (let at = 0; at < writeSet.length; at += blockWrites) {
      const block = newBlock();
      block.writers.push(writer);
      const end = Math.min(writeSet.length, at + blockWrites);
      for (let place = at; place < end; place++) {
        const { key, kind } = writeSet[place]!;
        if (kind !== 'check') block.keys.push(key);
      }
      this.#begin(block, purgeFloor);
    }
    this.#begin(newBlock(), purgeFloor);
  }

  /** The last that was written within `ranges`, if that was after `snapshotVersion`, which is not before `knownFrom`. */
  lastWithin(ranges: readonly ReadRange[], snapshotVersion: SequenceNumber): WrittenKey | null {
    assert(snapshotVersion >= this.#knownFrom, 'what was written after the snapshot is known');
    this.#unaskedBlocks = 0;
    let sortsLeft = SORTED_AT_ONCE_MAX;
    for (let at = this.#blocks.length - 1; at >= 0; at--) {
      const block = this.#blocks[at]!;
      if (block.writers.length === 0) continue;
      if (block.writers.at(-1)!.sequenceNumber <= snapshotVersion) return null;
      const isWhole = at < this.#blocks.length - 1;
      if (block.sorted === null && block.wasAsked && isWhole && sortsLeft > 0) {
        sortsLeft--;
        block.sorted = block.keys.toSorted();
      }
      if (isWhole) block.wasAsked = true;
      if (block.sorted !== null && !hasAnyWithin(block.sorted, ranges)) continue;
      const found = lastOfBlockWithin(block, ranges, snapshotVersion);
      if (found !== null) return found;
    }
    return null;
  }

  #begin(block: Block, purgeFloor: SequenceNumber): void {
    this.#blocks.push(block);
    this.#unaskedBlocks++;
    for (;;) {
      const oldest = this.#blocks[0]!.writers.at(-1)?.sequenceNumber;
      if (oldest === undefined || (this.#blocks.length <= this.#bounds.blocksMax && oldest > purgeFloor)) return;
      this.#blocks.shift();
      this.#knownFrom = Math.max(this.#knownFrom, oldest);
    }
  }
}

function newBlock(): Block {
  return { keys: [], writers: [], wasAsked: false, sorted: null };
}

function lastOfBlockWithin(
  block: Block,
  ranges: readonly ReadRange[],
  snapshotVersion: SequenceNumber,
): WrittenKey | null {
  const { keys, writers } = block;
  for (let at = keys.length - 1; at >= 0; at--) {
    const writer = writers[at] ?? writers[0]!;
    if (writer.sequenceNumber <= snapshotVersion) return null;
    const key = keys[at]!;
    const range = rangeAround(ranges, key);
    if (range !== null) return { range, key, writer };
  }
  return null;
}

function hasAnyWithin(sorted: readonly RowKey[], ranges: readonly ReadRange[]): boolean {
  return ranges.some(({ from, to }) => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]! < from) low = middle + 1;
      else high = middle;
    }
    return low < sorted.length && sorted[low]! < to;
  });
}
