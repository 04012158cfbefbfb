/** What each isolation level forbids. Sources: Adya 1999; Cerone and Gotsman 2018; Elle's consistency models. */
import type { Anomaly, CycleKind, LocalAnomaly } from './types.ts';

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
