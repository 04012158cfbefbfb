/** The order of a row's versions, and the dependencies that follow from who made and who read which. */
import { type DependencyGraph, RW, WR, WW } from './dependency-graph.ts';
import type { Key } from './types.ts';

/** What is known of one row. */
export interface RowVersions {
  readonly key: Key;
  /**
   * Transactions that made versions, in the order of the versions; the row's first version, nothing, is none's. -1: a
   * version whose maker is not known, or failed.
   */
  readonly makers: readonly number[];
  /** Who read which version from another transaction: the place in `makers`, -1 for nothing. */
  readonly reads: readonly { readonly reader: number; readonly version: number }[];
  /** Makers of versions in an order that nobody knows, but that they come after the first `laterBehind` of `makers`. */
  readonly later: readonly number[];
  readonly laterBehind: number;
}

/** Where neither order nor number is known each reader depends on each maker: of one row, only so many are followed up. */
export const UNORDERED_DEPENDENCIES_MAX = 100_000;

/** How many dependencies were left out. Past a version whose maker is not known they lead to the next that is. */
export function addDependencies(graph: DependencyGraph, row: RowVersions): number {
  const { key, makers, reads, later, laterBehind } = row;
  /** By version, the first from it on whose maker is known, or -1. */
  const knownFrom = new Int32Array(makers.length + 1).fill(-1);
  for (let version = makers.length - 1; version >= 0; version--) {
    knownFrom[version] = makers[version] === -1 ? knownFrom[version + 1]! : version;
  }
  let before = -1;
  let beforeLater = -1;
  for (const [version, maker] of makers.entries()) {
    if (maker === -1) continue;
    if (before !== -1) graph.add(WW, before, maker, key);
    before = maker;
    if (version < laterBehind) beforeLater = maker;
  }
  if (beforeLater !== -1) for (const maker of later) graph.add(WW, beforeLater, maker, key);
  let leftOut = 0;
  let unordered = 0;
  for (const { reader, version } of reads) {
    const maker = version === -1 ? -1 : makers[version]!;
    if (maker !== -1) graph.add(WR, maker, reader, key);
    const next = knownFrom[version + 1]!;
    if (next !== -1) graph.add(RW, reader, makers[next]!, key);
    if (next !== -1 && next < laterBehind) continue;
    if (unordered + later.length > UNORDERED_DEPENDENCIES_MAX) leftOut += later.length;
    else {
      unordered += later.length;
      for (const maker of later) graph.add(RW, reader, maker, key);
    }
  }
  return leftOut;
}
