/** The order of time among transactions: within a process, and in real time, as few edges as say it all. */
import { type DependencyGraph, PROCESS, REALTIME } from './dependency-graph.ts';
import { COMMITTED, FAILED } from './took-effect.ts';
import type { HistoryTransaction } from './types.ts';

/**
 * Adds an edge from each transaction that was completed to those invoked afterwards, but for those that follow from
 * others. One whose answer was lost has no end, even if its effect was seen: it may have happened at any time since it was
 * invoked, so nothing comes after it, in its process neither. A failed one is nowhere.
 */
export function addTimeOrder(graph: DependencyGraph, history: readonly HistoryTransaction[], effect: Uint8Array): void {
  const moments = inOrder(history, effect);
  const everybody = new Frontier();
  const processes = new Map<number, Frontier>();
  const count = history.length;
  for (const moment of moments) {
    const transaction = moment % count;
    const { process } = history[transaction]!;
    let own = processes.get(process);
    if (own === undefined) {
      own = new Frontier();
      processes.set(process, own);
    }
    if (moment >= count) {
      own.complete(transaction);
      everybody.complete(transaction);
      continue;
    }
    // Before those of real time: of two equal ways, one by the order of the process needs less.
    for (const earlier of own.invoke(transaction)) graph.add(PROCESS, earlier, transaction, null);
    for (const earlier of everybody.invoke(transaction)) graph.add(REALTIME, earlier, transaction, null);
  }
}

/** Invocations as places in the history, completions as such plus its length; of equal times, invocations first. */
function inOrder(history: readonly HistoryTransaction[], effect: Uint8Array): Float64Array {
  const count = history.length;
  const moments = new Float64Array(2 * count);
  let length = 0;
  for (const [transaction, { outcome }] of history.entries()) {
    if (effect[transaction] === FAILED) continue;
    moments[length++] = transaction;
    if (outcome === 'ok' && effect[transaction] === COMMITTED) moments[length++] = transaction + count;
  }
  const timeOf = (moment: number) =>
    moment < count ? history[moment]!.invokedAt : history[moment - count]!.completedAt;
  return moments.subarray(0, length).sort((a, b) => timeOf(a) - timeOf(b) || a - b);
}

/** Who is completed, and not yet followed by one that is completed too. */
class Frontier {
  readonly #completed = new Set<number>();
  /** Of each that is not completed. */
  readonly #before = new Map<number, readonly number[]>();

  /** Those that come right before it. */
  invoke(transaction: number): readonly number[] {
    const before = [...this.#completed];
    this.#before.set(transaction, before);
    return before;
  }

  complete(transaction: number): void {
    for (const earlier of this.#before.get(transaction)!) this.#completed.delete(earlier);
    this.#before.delete(transaction);
    this.#completed.add(transaction);
  }
}
