/** Which faults a seed has, and how often they strike: drawn, so that each seed has a mixture of its own. */
import type { SeededRandom } from '../../gcs/base/index.ts';

/** Struck by the injector at drawn times. */
export const TIMED_FAULTS = [
  'partition of one',
  'partition in halves',
  'partition one-way',
  'partition of the leader',
  'partition flapping',
  'partition bridge',
  'partition ring of majorities',
  'clogged link',
  'narrow line',
  'crash',
  'power loss',
  'crash in a disk write',
  'crash in a lane flush',
  'crash at a vote',
  'crash at a frame',
  'crash at a failpoint',
  'crash in a transfer',
  'crash of the leader',
  'crash of all',
  'restart loop',
  'clean stop',
  'pause',
  'long pause',
  'suspension',
  'stall',
  'clock jump',
  'clock strobe',
  'clock drift',
  'slow disk',
  'disk error',
  'disk full',
  'bit rot',
  'disk lost',
  'join',
  'double join',
  'leave',
  'expulsion',
  'long absence',
  'leader transfer',
  'stranger',
] as const;

/** Drawn by the network for each frame. */
export const FRAME_FAULTS = ['connection reset', 'delay', 'reorder', 'half-open'] as const;

/** What follows from crashes. */
export const CRASH_EFFECTS = ['unsynced write lost', 'torn write'] as const;

export type TimedFault = (typeof TIMED_FAULTS)[number];
export type FaultKind = TimedFault | (typeof FRAME_FAULTS)[number];

export const FAULT_KINDS: readonly FaultKind[] = [...TIMED_FAULTS, ...FRAME_FAULTS];

/** These strike only where they find what they wait for, or what the fault budget allows. */
const NEEDS_AN_OCCASION: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'partition of the leader',
  'crash of the leader',
  'crash in a disk write',
  'crash in a lane flush',
  'crash at a vote',
  'crash at a failpoint',
  'crash in a transfer',
  'bit rot',
  'disk lost',
  'join',
  'leave',
  'expulsion',
  'long absence',
]);

export interface FaultPlan {
  /** Mean time between two strikes of each kind that is on, ms. */
  readonly timed: ReadonlyMap<TimedFault, number>;
  readonly connectionResetsPerMillion: number;
  readonly delaysPerMillion: number;
  readonly delayMaxMs: number;
  readonly reordersPerMillion: number;
  readonly halfOpenPercent: number;
}

/** How many kinds are on, of a hundred, and the mean time between two strikes: each drawn from these. */
export interface Weather {
  readonly onPercents: readonly number[];
  readonly meansMs: readonly number[];
  /** By how much what strikes single frames is rarer than in stormy weather. */
  readonly frameFaultsRarer: number;
}

/** Some seeds are calm, some wild; in most, clients get something done. */
export const MIXED: Weather = {
  onPercents: [5, 15, 30, 60],
  meansMs: [2000, 6000, 15_000, 30_000],
  frameFaultsRarer: 1,
};
/** For elections, one after the other. */
export const STORMY: Weather = {
  onPercents: [15, 30, 50, 70],
  meansMs: [700, 3000, 8000, 20_000],
  frameFaultsRarer: 1,
};
/** Minutes between two strikes of a kind, tens of seconds between any two. */
export const RARE: Weather = { onPercents: [5, 15, 30], meansMs: [300_000, 900_000, 1_800_000], frameFaultsRarer: 100 };

/** Each kind has chance of its own, so that a new one shifts no other. `off`: kinds that are not to strike although they were drawn; the rest of the plan stays the same. */
export function drawFaultPlan(random: SeededRandom, weather: Weather, off: ReadonlySet<string>): FaultPlan {
  const timed = new Map<TimedFault, number>();
  const onPercent = random.pick(weather.onPercents);
  for (const kind of TIMED_FAULTS) {
    const own = random.split(kind);
    const isOn = own.chance(onPercent);
    const meanMs = own.pick(weather.meansMs);
    if (isOn && !off.has(kind)) timed.set(kind, NEEDS_AN_OCCASION.has(kind) ? meanMs / 3 : meanMs);
  }
  const percent = (kind: FaultKind, percents: readonly number[]): number => {
    const drawn = random.split(kind).pick(percents);
    return off.has(kind) ? 0 : drawn;
  };
  const rate = (kind: FaultKind, rates: readonly number[]): number => {
    return Math.round(percent(kind, rates) / weather.frameFaultsRarer);
  };
  return {
    timed,
    connectionResetsPerMillion: rate('connection reset', [0, 0, 300, 3000, 20_000]),
    delaysPerMillion: rate('delay', [0, 0, 3000, 30_000, 200_000]),
    delayMaxMs: random.pick([20, 200, 1000]),
    reordersPerMillion: rate('reorder', [0, 0, 50_000, 300_000]),
    halfOpenPercent: percent('half-open', [0, 0, 20, 60]),
  };
}

export function describeFaultPlan(plan: FaultPlan): string {
  const timed = [...plan.timed].map(([kind, meanMs]) => `${kind} every ${Math.round(meanMs)} ms`);
  const frames = [
    `resets ${plan.connectionResetsPerMillion}/M`,
    `delays ${plan.delaysPerMillion}/M up to ${plan.delayMaxMs} ms`,
    `reorders ${plan.reordersPerMillion}/M`,
    `half-open ${plan.halfOpenPercent} %`,
  ];
  return [...timed, ...frames].join(', ');
}
