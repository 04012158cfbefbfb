/** Faults drawn by chance: one seed is one script. */
import type { SeededRandom } from '../../gcs/base/index.ts';
import type { Shape } from '../network/shapes.ts';
import type { Fault, FaultKind, Flows, Place } from './fault.ts';
import type { Script, Step } from './script.ts';

export interface DrawOptions {
  readonly members: number;
  readonly forMs: number;
  /** What the group can bear: see the needs of each fault. */
  readonly kinds: readonly FaultKind[];
}

/** The first faults meet a group at work, the last ones are over before the end. */
const CALM_MS = 500;
const PAUSE_MS_MAX = 1_500;
const LASTS_MS_MAX = 4_000;
/** Faults come one after the other, or in heaps. */
const OVERLAP_PERCENT = 35;

export function drawScript(random: SeededRandom, { members, forMs, kinds }: DrawOptions): Script {
  const steps: Step[] = [];
  let atMs = CALM_MS;
  for (;;) {
    atMs += random.between(50, PAUSE_MS_MAX);
    const lastsMs = random.between(100, LASTS_MS_MAX);
    if (atMs + lastsMs > forMs - CALM_MS) return steps;
    const kind = random.pick(kinds);
    steps.push({ atMs, fault: drawFault(random, kind, members), name: `${kind} ${steps.length + 1}`, forMs: lastsMs });
    if (!random.chance(OVERLAP_PERCENT)) atMs += lastsMs;
  }
}

function drawFault(random: SeededRandom, kind: FaultKind, count: number): Fault {
  const place = () => drawPlace(random, count);
  switch (kind) {
    case 'kill':
    case 'powerCut':
      return { kind, members: random.chance(25) ? 'all' : place() };
    case 'stop':
    case 'pause':
    case 'hangingDisk':
    case 'fullDisk':
      return { kind, members: place() };
    case 'cut':
      return { kind, shape: drawShape(random, count), how: random.chance(75) ? 'silent' : 'reset' };
    case 'flapping':
      return {
        kind,
        shape: drawShape(random, count),
        cutMs: random.between(20, 800),
        wholeMs: random.between(20, 800),
      };
    case 'reset':
      return { kind, flows: drawFlows(random, count) };
    case 'delay': {
      const ms = random.between(1, 200);
      return { kind, flows: drawFlows(random, count), ms, jitterMs: random.below(ms) };
    }
    case 'narrow':
      return { kind, flows: drawFlows(random, count), bytesPerSecond: 2 ** random.between(13, 22) };
    case 'slowDisk': {
      const ms = random.between(1, 100);
      return { kind, members: random.chance(25) ? 'all' : place(), ms, jitterMs: random.below(ms) };
    }
    case 'failingDisk':
      return { kind, members: place(), operation: random.pick(['write', 'sync', 'read']), nth: random.between(1, 50) };
  }
}

function drawPlace(random: SeededRandom, count: number): Place {
  return random.chance(40) ? 'leader' : random.below(count);
}

function drawFlows(random: SeededRandom, count: number): Flows {
  if (random.chance(50)) return random.pick(['members', 'clients', 'all']);
  return { from: drawPlace(random, count), to: 'all' };
}

function drawShape(random: SeededRandom, count: number): Shape<Place> {
  const names: readonly Shape['name'][] = ['isolated', 'apart', 'halves', 'groups', 'bridge', 'oneWay', 'deaf', 'mute'];
  const name = random.pick([...names, 'clients' as const, ...(count >= 4 ? (['ring'] as const) : [])]);
  switch (name) {
    case 'apart':
    case 'halves':
    case 'ring':
      return { name };
    case 'isolated':
    case 'bridge':
    case 'deaf':
    case 'mute':
      return { name, member: drawPlace(random, count) };
    case 'oneWay': {
      const from = random.below(count);
      return { name, from, to: (from + 1 + random.below(count - 1)) % count };
    }
    case 'groups': {
      const groups: number[][] = [[], []];
      for (let place = 0; place < count; place++) random.pick(groups).push(place);
      return { name, groups };
    }
    case 'clients':
      return { name, members: [drawPlace(random, count)] };
  }
}
