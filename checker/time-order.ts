/** The order of time among transactions: within a process, and in real time, as few edges as say it all. */
import { type DependencyGraph, PROCESS, REALTIME } from './dependency-graph.ts';
import type { HistoryTransaction } from './types.ts';

/**
 * Adds an edge from each transaction that was completed to those invoked afterwards, but for those that follow from
 * others. One whose outcome nobody knows has no end: nothing comes after it. A failed one is nowhere.
 */
export function addTimeOrder(graph: DependencyGraph, history: readonly HistoryTransaction[]): void {
  const lastOfProcess = new Map<number, number>();
  const moments: { readonly at: number; readonly transaction: number; readonly isEnd: boolean }[] = [];
  for (const [transaction, { outcome, invokedAt, completedAt }] of history.entries()) {
    if (outcome === 'fail') continue;
    moments.push({ at: invokedAt, transaction, isEnd: false });
    if (outcome === 'ok') moments.push({ at: completedAt, transaction, isEnd: true });
  }
  moments.sort((a, b) => a.at - b.at);
  /** Completed, and not yet followed by one that is completed too. */
  const frontier = new Set<number>();
  const before = new Map<number, readonly number[]>();
  for (const { transaction, isEnd } of moments) {
    if (!isEnd) {
      before.set(transaction, [...frontier]);
      const { process } = history[transaction]!;
      const last = lastOfProcess.get(process);
      if (last !== undefined) graph.add(PROCESS, last, transaction, null);
      lastOfProcess.set(process, transaction);
      for (const earlier of frontier) graph.add(REALTIME, earlier, transaction, null);
      continue;
    }
    for (const earlier of before.get(transaction)!) frontier.delete(earlier);
    frontier.add(transaction);
  }
}
