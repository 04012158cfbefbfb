/** What each isolation level forbids. Sources: Adya 1999; Cerone and Gotsman 2018; Elle's consistency models. */
import type { Anomaly, CycleKind, CycleStep, HistoryTransaction, Isolation, LocalAnomaly } from './types.ts';

export type Level =
  | 'read committed'
  | 'snapshot isolation'
  | 'serializable'
  /** The same, each process seeing what it did and saw before. */
  | 'strong session snapshot isolation'
  | 'strong session serializable'
  /** The same, nothing seen older than what was acknowledged to anybody before. */
  | 'strong snapshot isolation'
  | 'strict serializable';

/** Of each transaction what its own isolation forbids. */
export const AS_ASKED = 'as asked';

interface Forbidden {
  readonly cycles: readonly CycleKind[];
  readonly local: readonly LocalAnomaly['kind'][];
  /** Cycles that need an order in time are forbidden up to this. */
  readonly time: 'nothing' | 'process' | 'realtime';
}

const BROKEN = ['unknown-value', 'duplicate', 'incompatible-order', 'cyclic-versions'] as const;
const COMMITTED = [...BROKEN, 'G1a', 'G1b', 'dirty-update'] as const;
const SNAPSHOT = [...COMMITTED, 'internal', 'lost-update', 'wrong-total'] as const;
const SNAPSHOT_CYCLES = ['G0', 'G1c', 'G-single', 'G-nonadjacent'] as const;
const SERIAL_CYCLES = [...SNAPSHOT_CYCLES, 'G2-item'] as const;

export const LEVELS: Readonly<Record<Level, Forbidden>> = {
  'read committed': { cycles: ['G0', 'G1c'], local: COMMITTED, time: 'nothing' },
  'snapshot isolation': { cycles: SNAPSHOT_CYCLES, local: SNAPSHOT, time: 'nothing' },
  serializable: { cycles: SERIAL_CYCLES, local: SNAPSHOT, time: 'nothing' },
  'strong session snapshot isolation': { cycles: SNAPSHOT_CYCLES, local: SNAPSHOT, time: 'process' },
  'strong session serializable': { cycles: SERIAL_CYCLES, local: SNAPSHOT, time: 'process' },
  'strong snapshot isolation': { cycles: SNAPSHOT_CYCLES, local: SNAPSHOT, time: 'realtime' },
  'strict serializable': { cycles: SERIAL_CYCLES, local: SNAPSHOT, time: 'realtime' },
};

const TIMES = ['nothing', 'process', 'realtime'] as const;

export function isForbidden(anomaly: Anomaly, level: Level): boolean {
  const { cycles, local, time } = LEVELS[level];
  if (!('cycle' in anomaly)) return local.includes(anomaly.kind);
  return cycles.includes(anomaly.kind) && TIMES.indexOf(anomaly.needs) <= TIMES.indexOf(time);
}

export function isolationOf({ isolation = 'snapshot isolation' }: HistoryTransaction): Isolation {
  return isolation;
}

/**
 * What transactions of several levels forbid together. Whoever commits later saw, or did not overlap, what it depends on: so
 * every dependency leads forward in the order of the commits, but for an anti-dependency of one that reads a snapshot,
 * whose writer may have committed before it. That leads forward from the snapshot still; and into the snapshot leads forward
 * what leads into its transaction, but for another anti-dependency. Hence a cycle is forbidden unless an anti-dependency
 * comes right behind another one and its reader asked for a snapshot. Those of readers at READ COMMITTED are not in the graph.
 */
export function isForbiddenAsAsked(anomaly: Anomaly, history: readonly HistoryTransaction[]): boolean {
  const isolationAt = (place: number) => isolationOf(history[place]!);
  if ('cycle' in anomaly) {
    const { cycle, needs } = anomaly;
    if (needs !== 'nothing') return false;
    const isExcused = ({ dependency, transaction }: CycleStep, at: number) =>
      dependency === 'rw' &&
      isolationAt(transaction) === 'snapshot isolation' &&
      cycle.length > 1 &&
      cycle.at(at - 1)!.dependency === 'rw';
    return !cycle.some(isExcused);
  }
  const { kind, transactions } = anomaly;
  if (LEVELS['read committed'].local.includes(kind)) return true;
  const concerned = transactions.filter((place) => isolationAt(place) !== 'read committed');
  // Of those that update one version, the first to commit has lost nothing, whatever it asked for.
  return concerned.length >= (kind === 'lost-update' ? 2 : 1);
}
