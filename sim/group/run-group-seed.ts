/**
 * One seed of the group layer alone. Every member broadcasts while faults strike and members come and go; then a random
 * majority heals and goes on alone, then everybody, and within bounds all have to have delivered the same.
 */
import { drawGroupOptions, LONG_ELECTION_TIMEOUTS_MS, patienceFor } from '../draw-options.ts';
import { describeFaultPlan, drawFaultPlan, FaultInjector, RARE, STORMY } from '../faults/index.ts';
import { aboveBaseLine, BASE_LINE_MS_MAX } from '../observers/base-line.ts';
import { checkNobodyIsElectableWithout } from '../observers/electability.ts';
import { Elections } from '../observers/elections.ts';
import { Judge } from '../observers/judge.ts';
import { Reads } from '../observers/reads.ts';
import { TotalOrder } from '../observers/total-order.ts';
import { healAll, healMajority, type PhaseSetup, waitUntil } from '../phases.ts';
import type { Machine } from '../roster.ts';
import type { SeedOptions, SeedResult } from '../seed-result.ts';
import { SimulatedWorld, withoutImpureGlobals } from '../world/index.ts';
import { Broadcasts } from './broadcasts.ts';
import { GroupCluster } from './group-cluster.ts';

/** From the healing of a majority until all of it goes on; times the patience. */
const MAJORITY_MS_MAX = 30_000;
/** From the healing of all until everybody is a member again and has everything. */
const CONVERGENCE_MS_MAX = 60_000;
/** A seed in which much happens ends its faults so many events after they began: others meet what takes long. */
const EVENTS_BEFORE_HEALING = [2000, 4000, 8000, 20_000];
const LONG_EVENTS_BEFORE_HEALING = 400_000;

export function runGroupSeed(options: SeedOptions): SeedResult {
  return withoutImpureGlobals(() => runSeed(options));
}

function runSeed({ seed, profile, off, leftOut }: SeedOptions): SeedResult {
  const world = new SimulatedWorld(seed);
  const judge = new Judge(world);
  const drawn = world.random.split('configuration');
  const isLong = profile === 'long';
  const memberCount = drawn.pick([1, 3, 3, 3, 3, 5, 5, 5]);
  const options = drawGroupOptions(drawn, profile, isLong ? LONG_ELECTION_TIMEOUTS_MS : [100, 200, 600, 1000, 3000]);
  const plan = drawFaultPlan(drawn, isLong ? RARE : STORMY, new Set(off));
  const durationMs = isLong ? drawn.between(3_600_000, 7_200_000) : drawn.between(10_000, 120_000);
  const eventsOfFaults = isLong ? LONG_EVENTS_BEFORE_HEALING : drawn.pick(EVENTS_BEFORE_HEALING);
  const order = new TotalOrder(judge, world.coverage);
  const elections = new Elections(judge);
  elections.takenOver = () => world.coverage.add('leadership is transferred');
  const reads = new Reads({ world, judge, order, votersLeast: () => cluster.votersLeast });
  const cluster = new GroupCluster({
    world,
    judge,
    order,
    elections,
    reads,
    random: world.random.split('members'),
    memberCount,
    options,
  });
  order.ordered = (entry) => checkNobodyIsElectableWithout(judge, cluster.roster.groups, entry);
  const isOver = (): boolean => judge.violation !== null;
  for (const member of cluster.members) cluster.restart(member);
  const broadcasts = new Broadcasts({
    world,
    cluster,
    elections,
    reads,
    random: world.random.split('workload'),
    isLong,
    fragmentBytesMax: options.fragmentBytesMax,
  });
  broadcasts.begin();
  const faults = new FaultInjector({
    world,
    targets: cluster,
    plan,
    random: world.random.split('faults'),
    leftOut: new Set(leftOut),
  });
  let eventsMax = Number.POSITIVE_INFINITY;
  world.schedule(drawn.between(0, 2_000_000), () => {
    eventsMax = world.eventsRun + eventsOfFaults;
    faults.begin();
  });
  world.runFor(durationMs * 1000, () => isOver() || world.eventsRun >= eventsMax);
  const phase: PhaseSetup<Machine> = {
    world,
    judge,
    roster: cluster.roster,
    faults,
    random: world.random.split('healing'),
    describe: () => cluster.describe(),
  };
  if (!isOver()) converge(phase, { cluster, broadcasts, patience: patienceFor(options) });
  return {
    seed,
    violation: judge.violation,
    fingerprint: world.story.fingerprint,
    faultCounts: world.faultCounts.entries(),
    coverage: world.coverage.entries(),
    struck: faults.struck,
    statistics: {
      ordered: order.length,
      views: order.viewsSeen,
      leaders: elections.leadersSeen,
      broadcasts: broadcasts.count,
    },
    events: world.eventsRun,
    simulatedMs: world.nowUs / 1000,
    configuration: `${memberCount} members, ${durationMs} ms\n${describeFaultPlan(plan)}\n${JSON.stringify(options)}`,
    story: world.story.toString(),
  };
}

function converge(
  phase: PhaseSetup<Machine>,
  { cluster, broadcasts, patience }: { cluster: GroupCluster; broadcasts: Broadcasts; patience: number },
): void {
  cluster.endIntrusion();
  broadcasts.end();
  const goesOn = healMajority(phase, {
    msMax: MAJORITY_MS_MAX * patience,
    healed: (core) => broadcasts.lastWords(core.map(({ host }) => host)),
    isDone: (core) =>
      broadcasts.isSaidBy(core) && core.every(({ host, hasLeft }) => hasLeft || cluster.isUpToDate(host)),
  });
  if (!goesOn) return;
  healAll(phase);
  const { roster } = cluster;
  const isDone = (): boolean => roster.isSettled && roster.wanted.every(({ host }) => cluster.isUpToDate(host));
  if (!waitUntil(phase, { what: 'the healing of all', msMax: CONVERGENCE_MS_MAX * patience, isDone })) return;
  broadcasts.lastWords(roster.wanted.map(({ host }) => host));
  const isEqual = (): boolean => broadcasts.isSaidBy(roster.wanted) && isDone();
  if (!waitUntil(phase, { what: 'the last words', msMax: MAJORITY_MS_MAX * patience, isDone: isEqual })) return;
  const excess = (): string | null => {
    const { world } = phase;
    const members = roster.machines.length;
    for (const { host } of roster.wanted) {
      const running = cluster.runningOn(host);
      if (running === null) return `${host.name} does not take part`;
      const above = aboveBaseLine(world, { host, group: running.group, members });
      if (above !== null) return above;
    }
    return null;
  };
  waitUntil(
    { ...phase, describe: () => excess() ?? '' },
    { what: 'the last word, at the base line,', msMax: BASE_LINE_MS_MAX * patience, isDone: () => excess() === null },
  );
}
