/**
 * Lets the faults of one seed strike. Each strike has a name of its kind and a number, a time and chance of its own: a
 * strike that is left out shifts no other. What breaks is mended after a while (a crashed member restarts, a partition
 * heals), so that faults overlap and end. `end` ends them all, `mend` repairs what is still broken.
 */
import type { SeededRandom } from '../../gcs/base/index.ts';
import { CALM, type SimulatedHost, type SimulatedWorld } from '../world/index.ts';
import { drift, jump, strobe } from './clock-faults.ts';
import { failDisk, fillDisk, loseDisk, rot, slowDisk } from './disk-faults.ts';
import { FaultBudget } from './fault-budget.ts';
import type { FaultPlan, TimedFault } from './fault-plan.ts';
import type { FaultTargets } from './fault-targets.ts';
import { absence, expel, intrude, join, leave, transferLeadership } from './membership-faults.ts';
import {
  bridge,
  clog,
  flap,
  narrow,
  partition,
  partitionInHalves,
  partitionOneWay,
  ringOfMajorities,
} from './network-faults.ts';
import {
  crash,
  crashAll,
  crashAtFailpoint,
  crashAtFrame,
  crashAtVotes,
  crashInTransfer,
  crashInWrite,
  crashWithin,
  pause,
  restartLoop,
  stall,
  stopCleanly,
  suspend,
} from './process-faults.ts';
import type { Strike } from './strike.ts';

export class FaultInjector {
  readonly #world: SimulatedWorld;
  readonly #targets: FaultTargets;
  readonly #plan: FaultPlan;
  readonly #random: SeededRandom;
  readonly #leftOut: ReadonlySet<string>;
  readonly #struck = new Set<string>();
  readonly #budget: FaultBudget;
  #isOver = false;

  constructor(setup: {
    world: SimulatedWorld;
    targets: FaultTargets;
    plan: FaultPlan;
    random: SeededRandom;
    /** Names of strikes that do not happen. */
    leftOut: ReadonlySet<string>;
  }) {
    this.#world = setup.world;
    this.#targets = setup.targets;
    this.#plan = setup.plan;
    this.#random = setup.random;
    this.#leftOut = setup.leftOut;
    this.#budget = new FaultBudget(setup.world, setup.targets);
  }

  /** Names of the strikes that did something, in the order in which they began to. */
  get struck(): readonly string[] {
    return [...this.#struck];
  }

  /** It has damaged or lost something, and is not whole yet. */
  isDamaged(member: SimulatedHost): boolean {
    return this.#budget.isDamaged(member);
  }

  begin(): void {
    const plan = this.#plan;
    const { conditions } = this.#world.network;
    conditions.resetsPerMillion = plan.connectionResetsPerMillion;
    conditions.delaysPerMillion = plan.delaysPerMillion;
    conditions.delayMaxUs = plan.delayMaxMs * 1000;
    conditions.reordersPerMillion = plan.reordersPerMillion;
    conditions.reorderMaxUs = 10_000;
    conditions.halfOpenPercent = plan.halfOpenPercent;
    for (const [kind, meanMs] of plan.timed) {
      this.#scheduleNext(kind, { meanMs, times: this.#random.split(`times of ${kind}`), number: 1 });
    }
  }

  /** No more faults: what is broken stays so, until it is mended. */
  end(): void {
    this.#isOver = true;
    this.#world.tell('all faults end');
    this.#world.network.conditions = { ...CALM };
    this.#world.network.unlimitBandwidth();
  }

  /** Everything about these members is as it should be, and they run. Links that are blocked are not touched. */
  mend(members: readonly SimulatedHost[]): void {
    for (const member of members) {
      member.clock.thaw();
      member.clock.drift(1);
      member.disk.conditions = { syncMinUs: 100, syncMaxUs: 1000 };
      member.disk.roomBytes = Number.POSITIVE_INFINITY;
      if (member.disk.isBroken) member.crash('killed');
      member.disk.mend();
      member.process?.resume();
      this.#restartIfDown(member);
    }
  }

  /** Its disk is given up, and it joins as a new member. */
  replace(member: SimulatedHost): void {
    this.#world.tell(`${member.name} knows nobody who is left, and begins anew without its disk`);
    member.crash('power-lost');
    member.disk.wipe();
    this.#targets.forget(member);
    this.#restartIfDown(member);
  }

  #scheduleNext(kind: TimedFault, when: { meanMs: number; times: SeededRandom; number: number }): void {
    this.#world.schedule(when.times.between(1, 2 * when.meanMs * 1000), () => {
      if (this.#isOver) return;
      const name = `${kind} ${when.number++}`;
      if (!this.#leftOut.has(name)) this.#strike(this.#strikeNamed(name, kind));
      this.#scheduleNext(kind, when);
    });
  }

  #strikeNamed(name: string, kind: TimedFault): Strike {
    const world = this.#world;
    return {
      kind,
      world,
      targets: this.#targets,
      budget: this.#budget,
      random: this.#random.split(`strike ${name}`),
      isOver: () => this.#isOver,
      count: (what) => {
        world.tell(what);
        world.faultCounts.add(kind);
        this.#struck.add(name);
      },
      restartIfDown: (member) => this.#restartIfDown(member),
    };
  }

  #restartIfDown(member: SimulatedHost): void {
    if (member.process !== null) return;
    this.#world.tell(`${member.name} restarts`);
    this.#targets.restart(member);
  }

  #strike(strike: Strike): void {
    const { random, targets } = strike;
    const member = random.pick(targets.members);
    const leader = targets.leader();
    const oftenLeading = leader !== null && random.chance(50) ? leader : member;
    switch (strike.kind) {
      case 'partition of one':
        return partition(strike, [member]);
      case 'partition in halves':
        return partitionInHalves(strike);
      case 'partition of the leader':
        return leader === null ? undefined : partition(strike, [leader]);
      case 'partition one-way':
        return partitionOneWay(strike, member);
      case 'partition flapping':
        return flap(strike, member);
      case 'partition bridge':
        return bridge(strike);
      case 'partition ring of majorities':
        return ringOfMajorities(strike);
      case 'clogged link':
        return clog(strike, member);
      case 'narrow line':
        return narrow(strike, member);
      case 'crash':
        return crash(strike, member, 'killed');
      case 'power loss':
        return crash(strike, member, 'power-lost');
      case 'crash of the leader':
        return leader === null ? undefined : crash(strike, leader);
      case 'crash of all':
        return crashAll(strike);
      case 'crash in a disk write':
        return crashInWrite(strike, member, random.between(5, 40));
      case 'crash in a lane flush':
        return targets.onNext(member, 'lane flush', () => crashWithin(strike, member, 2000));
      case 'crash at a frame':
        return crashAtFrame(strike, member, random.between(1, 40));
      case 'crash at a failpoint':
        return crashAtFailpoint(strike, member);
      case 'crash at a vote':
        return crashAtVotes(strike);
      case 'crash in a transfer':
        return crashInTransfer(strike);
      case 'restart loop':
        return restartLoop(strike, member);
      case 'clean stop':
        return stopCleanly(strike, member);
      case 'pause':
        return pause(strike, member, random.chance(50) ? random.between(10, 300) : random.between(300, 4000));
      case 'long pause':
        return pause(strike, oftenLeading, random.between(4000, 60_000));
      case 'suspension':
        return suspend(strike, member);
      case 'stall':
        return stall(strike, member);
      case 'clock jump':
        return jump(strike, member);
      case 'clock strobe':
        return strobe(strike, member);
      case 'clock drift':
        return drift(strike, member);
      case 'slow disk':
        return slowDisk(strike, member);
      case 'disk error':
        return failDisk(strike, member);
      case 'disk full':
        return fillDisk(strike, member);
      case 'bit rot':
        return rot(strike, member);
      case 'disk lost':
        return loseDisk(strike, member);
      case 'join':
        return join(strike, 1);
      case 'double join':
        return join(strike, 2);
      case 'leave':
        return leave(strike, member);
      case 'expulsion':
        return expel(strike, oftenLeading);
      case 'long absence':
        return absence(strike, oftenLeading);
      case 'leader transfer':
        return transferLeadership(strike, member);
      case 'stranger':
        return intrude(strike);
    }
  }
}
