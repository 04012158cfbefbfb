/** Looks for anomalies in what clients saw of a group: invocations and answers, nothing of its inside. Pure. */
import { findCycles } from './cycles.ts';
import { DependencyGraph, RW, RW_SERIAL } from './dependency-graph.ts';
import { AS_ASKED, isForbidden, isForbiddenAsAsked, isolationOf, type Level } from './levels.ts';
import { checkLists } from './lists.ts';
import { checkRegisters } from './registers.ts';
import { addTimeOrder } from './time-order.ts';
import { tookEffect } from './took-effect.ts';
import { checkTotals } from './totals.ts';
import type { Anomaly, CycleAnomaly, HistoryTransaction, Isolation, Key, LocalAnomaly } from './types.ts';

export { AS_ASKED, LEVELS, type Level } from './levels.ts';
export type * from './types.ts';

export type VersionOrder =
  /** By sequence number: complete, but for writers whose answer was lost. */
  | 'sequence-numbers'
  /** Only as far as reads tell: an independent second opinion. */
  | 'reads';

/** By which rule the group judged what asked for `serializable` (its variable `certification_rule`). */
export type CertificationRule = 'read-validation' | 'serial-safety-net';

export interface CheckOptions {
  readonly level: Level | typeof AS_ASKED;
  /** Of worth at `as asked` only. Absent: `read-validation`. `serial-safety-net`: now and then at least. */
  readonly rule?: CertificationRule;
  readonly versionOrder: VersionOrder;
  /** What `read-total` must read; of other keys, what was read first. */
  readonly totals?: ReadonlyMap<Key, number>;
}

export interface CheckResult {
  /** What `level` forbids. */
  readonly violations: readonly Anomaly[];
  /** What it allows, and is there. */
  readonly allowed: readonly Anomaly[];
  readonly transactions: number;
  readonly dependencies: number;
  /** Dependencies that were not followed up, since nobody knows in which order far too many versions came. */
  readonly leftOut: number;
}

/** The same history has the same result. Cost: about linear in the operations and the dependencies. */
export function checkHistory(history: readonly HistoryTransaction[], options: CheckOptions): CheckResult {
  const { level, rule = 'read-validation' } = options;
  if (level === AS_ASKED && rule === 'serial-safety-net') return checkInAnyOrder(history, options);
  const { anomalies, ...counts } = anomaliesOf(history, options, level === AS_ASKED ? antiAsAsked(history) : undefined);
  const isViolation = (anomaly: Anomaly) =>
    level === AS_ASKED ? isForbiddenAsAsked(anomaly, history) : isForbidden(anomaly, level);
  const violations = anomalies.filter(isViolation);
  return { violations, allowed: anomalies.filter((anomaly) => !isViolation(anomaly)), ...counts };
}

/**
 * As asked, where the serial order need not be that of the commits. What asked for `serializable` may then come before what was
 * committed before it: so a snapshot is excused by any other anti-dependency, and not only by one right before its own. What is left is
 * forbidden by two graphs: one without the anti-dependencies of who asked for a snapshot, which has no circle at all; and the
 * whole one, which has none with a single anti-dependency.
 */
function checkInAnyOrder(history: readonly HistoryTransaction[], options: CheckOptions): CheckResult {
  const isOf = (isolation: Isolation) => (reader: number) => isolationOf(history[reader]!) === isolation;
  const isSerial = isOf('serializable');
  const isSnapshot = isOf('snapshot isolation');
  const serial = anomaliesOf(history, options, (reader) => (isSerial(reader) ? RW : 0));
  const { anomalies, ...counts } = anomaliesOf(history, options, (reader) =>
    isSerial(reader) || isSnapshot(reader) ? RW : 0,
  );
  const isOfSnapshot = (anomaly: Anomaly) =>
    'cycle' in anomaly && anomaly.cycle.some((step) => step.dependency === 'rw' && isSnapshot(step.transaction));
  const further = anomalies.filter(isOfSnapshot);
  const isViolation = (anomaly: Anomaly) =>
    'cycle' in anomaly
      ? anomaly.needs === 'nothing' && (!isOfSnapshot(anomaly) || anomaly.kind === 'G-single')
      : isForbiddenAsAsked(anomaly, history);
  const all = [...serial.anomalies, ...further];
  return { violations: all.filter(isViolation), allowed: all.filter((anomaly) => !isViolation(anomaly)), ...counts };
}

/** `antiOf`: see `DependencyGraph`. */
function anomaliesOf(
  history: readonly HistoryTransaction[],
  options: CheckOptions,
  antiOf: ((reader: number) => number) | undefined,
): Omit<CheckResult, 'violations' | 'allowed'> & { readonly anomalies: readonly Anomaly[] } {
  const effect = tookEffect(history);
  const graph = new DependencyGraph(history.length, antiOf);
  const local: LocalAnomaly[] = [];
  const bySequenceNumber = options.versionOrder === 'sequence-numbers';
  const rows = { graph, history, effect, bySequenceNumber, anomalies: local };
  const leftOut = checkLists(rows) + checkRegisters(rows);
  local.push(...checkTotals(history, effect, options.totals ?? new Map()), ...sharedPlaces(history));
  addTimeOrder(graph, history, effect);
  const cycles = findCycles(graph.compact());
  const anomalies: Anomaly[] = [...local, ...withoutLostUpdates(cycles, local)];
  return { anomalies, transactions: history.length, dependencies: graph.edges, leftOut };
}

const ANTI_AS_ASKED: Readonly<Record<Isolation, number>> = {
  'read committed': 0,
  'snapshot isolation': RW,
  serializable: RW_SERIAL,
};

function antiAsAsked(history: readonly HistoryTransaction[]): (reader: number) => number {
  return (reader) => ANTI_AS_ASKED[isolationOf(history[reader]!)];
}

function sharedPlaces(history: readonly HistoryTransaction[]): LocalAnomaly[] {
  const anomalies: LocalAnomaly[] = [];
  const transactionAt = new Map<number, number>();
  for (const [transaction, { sequenceNumber }] of history.entries()) {
    if (sequenceNumber === null) continue;
    const other = transactionAt.get(sequenceNumber);
    transactionAt.set(sequenceNumber, transaction);
    if (other === undefined) continue;
    const detail = `both have the sequence number ${sequenceNumber}`;
    anomalies.push({ kind: 'duplicate', key: null, transactions: [other, transaction], detail });
  }
  return anomalies;
}

/** A lost update is a cycle of two, too; it is told once. */
function withoutLostUpdates(cycles: readonly CycleAnomaly[], local: readonly LocalAnomaly[]): readonly CycleAnomaly[] {
  const updaters = new Map<Key, Set<number>[]>();
  for (const { kind, key, transactions } of local) {
    if (kind !== 'lost-update' || key === null) continue;
    updaters.set(key, [...(updaters.get(key) ?? []), new Set(transactions)]);
  }
  return cycles.filter(({ kind, cycle }) => {
    const { key } = cycle[0]!;
    if (kind === 'G0' || kind === 'G1c' || key === null || cycle.some((step) => step.key !== key)) return true;
    return !updaters.get(key)?.some((those) => cycle.every(({ transaction }) => those.has(transaction)));
  });
}
