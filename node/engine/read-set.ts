/**
 * The ranges that a SERIALIZABLE transaction has scanned: what was looked through, never what was found there (H11), so
 * that a row that comes into one, or goes, is as much of a conflict as one that is changed. Rows read by their keys are
 * checks beside the written rows, in the transaction's buffer.
 *
 * What is certified is bounded: where there are more keys or ranges than that, those of a table's rows, or of one of its
 * indexes, become one range around them, where most of them are first. That refuses more than has to be, and never less.
 */
import { readRangesMax as certifiedRangesMax, type ReadRange, type RowKey } from '../../certifier/types.ts';
import { spaceOf } from './key-codec.ts';

/** What a range takes besides its keys; more than in the message to the group. */
const RANGE_OVERHEAD_BYTES = 64;

export class ReadSet {
  /** In the order in which they were scanned. */
  readonly #ranges: { from: RowKey; to: RowKey }[] = [];

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** What `add` would add to the memory that this takes; below 0 where a range is widened to a shorter key. */
  bytesOf(from: RowKey, to: RowKey): number {
    const last = this.#ranges.at(-1);
    if (last === undefined || !touches(last, from, to)) return RANGE_OVERHEAD_BYTES + from.length + to.length;
    const before = from < last.from ? from.length - last.from.length : 0;
    return before + (to > last.to ? to.length - last.to.length : 0);
  }

  /** `from` is below `to`. The pages of one scan become one range. */
  add(from: RowKey, to: RowKey): void {
    const last = this.#ranges.at(-1);
    if (last === undefined || !touches(last, from, to)) {
      this.#ranges.push({ from, to });
      return;
    }
    if (from < last.from) last.from = from;
    if (to > last.to) last.to = to;
  }

  clear(): void {
    this.#ranges.length = 0;
  }

  /** What is to be certified. `keys`: those that were read, and not written; in the result without those within a range. */
  bounded(keys: readonly RowKey[], bounds: ReadBounds): { keys: readonly RowKey[]; ranges: readonly ReadRange[] } {
    const { readKeysMax } = bounds;
    const readRangesMax = Math.min(bounds.readRangesMax, certifiedRangesMax);
    const widened = coarsened(keys, readKeysMax, (key) => ({ from: key, to: `${key}\0` }));
    let ranges = merged([...this.#ranges, ...widened.ranges]);
    if (ranges.length > readRangesMax) {
      const fewer = coarsened(ranges, readRangesMax, (range) => range);
      ranges = merged([...fewer.rest, ...fewer.ranges]);
      if (ranges.length > readRangesMax) ranges = [{ from: ranges[0]!.from, to: ranges.at(-1)!.to }];
    }
    return { keys: widened.rest.filter((key) => !ranges.some((range) => isWithin(range, key, `${key}\0`))), ranges };
  }
}

export interface ReadBounds {
  readonly readKeysMax: number;
  readonly readRangesMax: number;
}

/** `from` to `to` and `range` have something in common, or nothing lies between them. */
function touches(range: ReadRange, from: RowKey, to: RowKey): boolean {
  return from <= range.to && range.from <= to;
}

/** `from` to `to` lies within `range`. */
function isWithin(range: ReadRange, from: RowKey, to: RowKey): boolean {
  return range.from <= from && to <= range.to;
}

/** Ascending, none touching another. */
function merged(ranges: readonly ReadRange[]): ReadRange[] {
  const result: { from: RowKey; to: RowKey }[] = [];
  for (const { from, to } of ranges.toSorted((one, other) => (one.from < other.from ? -1 : 1))) {
    const last = result.at(-1);
    if (last === undefined || last.to < from) result.push({ from, to });
    else if (last.to < to) last.to = to;
  }
  return result;
}

/** Makes a range of all that one table's rows or one index have, until no more than `max` are left. */
function coarsened<T>(
  all: readonly T[],
  max: number,
  rangeOf: (each: T) => ReadRange,
): { readonly rest: readonly T[]; readonly ranges: readonly ReadRange[] } {
  if (all.length <= max) return { rest: all, ranges: [] };
  const bySpace = new Map<string, T[]>();
  for (const each of all) {
    const space = spaceOf(rangeOf(each).from);
    const those = bySpace.get(space);
    if (those === undefined) bySpace.set(space, [each]);
    else those.push(each);
  }
  const spaces = [...bySpace.values()].sort((one, other) => one.length - other.length);
  const ranges: ReadRange[] = [];
  for (let left = all.length; left > max && spaces.length > 0; ) {
    const those = spaces.pop()!.map(rangeOf);
    left -= those.length;
    let { from, to } = those[0]!;
    for (const each of those) {
      if (each.from < from) from = each.from;
      if (each.to > to) to = each.to;
    }
    ranges.push({ from, to });
  }
  return { rest: spaces.flat(), ranges };
}
