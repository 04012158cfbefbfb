/** What a load saw while it was measured; the results of several load generators add up. */
import { LatencyHistogram } from '../latency-histogram.ts';

export interface LoadCounts {
  /** Within the time measured. */
  committed: number;
  /** Attempts that were refused, as the client sees them: certainly not committed. */
  aborted: number;
  /** Transactions that found nothing to do, and wrote nothing. */
  declined: number;
  /** Transactions that were refused as often as they may be attempted. */
  gaveUp: number;
  /** Open loop: transactions that were to start while too many waited already, or that the end came before. */
  missed: number;
  /** Attempts that the member made again on its own, where its answers say so. */
  reexecuted: number;
  /** Those of the last answers, after the end, too. */
  unknownOutcomes: number;
  connectionsLost: number;
  readonly committedByKind: Record<string, number>;
  /** Of the refused attempts: how many with which code. */
  readonly refusals: Record<string, number>;
  /** Of the refused attempts: by the member that refused, then by that of the transaction that won. */
  readonly lostTo: Record<string, Record<string, number>>;
}

export interface LoadResult {
  readonly seconds: number;
  readonly counts: LoadCounts;
  /** Of each whole transaction that was to start in the time measured and committed, whenever that was. */
  readonly latency: LatencyHistogram;
  /** The same, by kind of transaction. */
  readonly latencyByKind: Readonly<Record<string, LatencyHistogram>>;
  /** Open loop: how late the load generator itself was to start a transaction or to let it wait. */
  readonly lateness: LatencyHistogram;
}

export function noCounts(): LoadCounts {
  return {
    committed: 0,
    aborted: 0,
    declined: 0,
    gaveUp: 0,
    missed: 0,
    reexecuted: 0,
    unknownOutcomes: 0,
    connectionsLost: 0,
    committedByKind: {},
    refusals: {},
    lostTo: {},
  };
}

export function countOne(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/** `results`: at least one. */
export function together(results: readonly LoadResult[]): LoadResult {
  const counts = noCounts();
  const latency = new LatencyHistogram();
  const latencyByKind: Record<string, LatencyHistogram> = {};
  const lateness = new LatencyHistogram();
  for (const result of results) {
    addUp(counts as unknown as Tree, result.counts as unknown as Tree);
    latency.add(result.latency);
    lateness.add(result.lateness);
    for (const [kind, histogram] of Object.entries(result.latencyByKind)) {
      latencyByKind[kind] ??= new LatencyHistogram();
      latencyByKind[kind].add(histogram);
    }
  }
  return { seconds: Math.max(...results.map(({ seconds }) => seconds)), counts, latency, latencyByKind, lateness };
}

interface Tree {
  [name: string]: number | Tree;
}

function addUp(sum: Tree, more: Tree): void {
  for (const [name, value] of Object.entries(more)) {
    if (typeof value === 'number') sum[name] = ((sum[name] as number | undefined) ?? 0) + value;
    else {
      sum[name] ??= {};
      addUp(sum[name] as Tree, value);
    }
  }
}
