/** Looks for anomalies in what clients saw of a group: invocations and answers, nothing of its inside. Pure. */
import { findCycles } from './cycles.ts';
import { DependencyGraph } from './dependency-graph.ts';
import { isForbidden, type Level } from './levels.ts';
import { checkLists } from './lists.ts';
import { checkRegisters, type VersionOrder } from './registers.ts';
import { addTimeOrder } from './time-order.ts';
import type { Anomaly, HistoryTransaction } from './types.ts';

export { LEVELS, type Level } from './levels.ts';
export type { VersionOrder } from './registers.ts';
export type * from './types.ts';

export interface CheckOptions {
  readonly level: Level;
  readonly versionOrder: VersionOrder;
}

export interface CheckResult {
  /** What `level` forbids. */
  readonly violations: readonly Anomaly[];
  /** What it allows, and is there. */
  readonly allowed: readonly Anomaly[];
  readonly transactions: number;
  readonly dependencies: number;
}

/** Cost: about linear in the operations and the dependencies. */
export function checkHistory(history: readonly HistoryTransaction[], options: CheckOptions): CheckResult {
  const graph = new DependencyGraph(history.length);
  const anomalies: Anomaly[] = [...checkLists(graph, history), ...checkRegisters(graph, history, options.versionOrder)];
  addTimeOrder(graph, history);
  anomalies.push(...findCycles(graph));
  const violations = anomalies.filter((anomaly) => isForbidden(anomaly, options.level));
  const allowed = anomalies.filter((anomaly) => !isForbidden(anomaly, options.level));
  return { violations, allowed, transactions: history.length, dependencies: graph.edges.length };
}
