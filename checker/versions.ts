/** The order of a row's versions, and the dependencies that follow from who made and who read which. */
import { type DependencyGraph, RW, WR, WW } from './dependency-graph.ts';
import type { Key } from './types.ts';

/** What is known of one row. */
export interface RowVersions {
  readonly key: Key;
  /**
   * Transactions that made versions, in the order of the versions; the row's first version, nothing, is none's. Null: a
   * version whose maker is not known.
   */
  readonly makers: readonly (number | null)[];
  /** Who read which version from another transaction: the place in `makers`, -1 for nothing. */
  readonly reads: readonly { readonly reader: number; readonly version: number }[];
  /** Makers of versions that come after all of `makers`, in an order that nobody knows. */
  readonly later: readonly number[];
}

export function addDependencies(graph: DependencyGraph, { key, makers, reads, later }: RowVersions): void {
  for (let at = 0; at + 1 < makers.length; at++) {
    if (makers[at] !== null && makers[at + 1] !== null) graph.add(WW, makers[at]!, makers[at + 1]!, key);
  }
  const last = makers.at(-1);
  if (last != null) for (const maker of later) graph.add(WW, last, maker, key);
  for (const { reader, version } of reads) {
    const maker = makers[version];
    if (maker != null) graph.add(WR, maker, reader, key);
    if (version + 1 < makers.length) {
      const next = makers[version + 1];
      if (next != null) graph.add(RW, reader, next, key);
    } else for (const next of later) graph.add(RW, reader, next, key);
  }
}
