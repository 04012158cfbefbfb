/**
 * The faults of one seed. Which kinds are on, and how often they strike, is drawn; each time one strikes it is counted.
 * What breaks is mended after a while (a crashed member restarts, a partition heals), so that faults overlap and end.
 * `heal` ends them all.
 */
import type { SeededRandom } from '../gcs/base/index.ts';
import { CALM, type SimulatedHost, type SimulatedWorld } from './world/index.ts';

/** Struck by the injector at drawn times. */
export const TIMED_FAULTS = [
  'partition of one',
  'partition in halves',
  'partition one-way',
  'partition of the leader',
  'clogged link',
  'crash',
  'power loss',
  'crash in a disk write',
  'crash in a lane flush',
  'crash at a vote',
  'crash at a frame',
  'crash of the leader',
  'crash of all',
  'restart loop',
  'clean stop',
  'pause',
  'clock jump',
  'clock drift',
  'slow disk',
] as const;

/** Drawn by the network for each frame. */
export const FRAME_FAULTS = ['connection reset', 'delay', 'reorder', 'half-open'] as const;

/** What follows from crashes. */
export const CRASH_EFFECTS = ['unsynced write lost', 'torn write'] as const;

export type FaultKind = (typeof TIMED_FAULTS)[number] | (typeof FRAME_FAULTS)[number];

export const FAULT_KINDS: readonly FaultKind[] = [...TIMED_FAULTS, ...FRAME_FAULTS];

/** These strike only where they find what they wait for. */
const NEEDS_AN_OCCASION: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'partition of the leader',
  'crash of the leader',
  'crash in a disk write',
  'crash in a lane flush',
  'crash at a vote',
]);

export interface FaultPlan {
  /** Mean time between two strikes of each kind that is on, ms. */
  readonly timed: ReadonlyMap<FaultKind, number>;
  readonly connectionResetsPerMillion: number;
  readonly delaysPerMillion: number;
  readonly delayMaxMs: number;
  readonly reordersPerMillion: number;
  readonly halfOpenPercent: number;
}

/** Something that a member does: it gives its vote (or asks for votes), begins to flush a lane, sends a frame. */
export type Occasion = 'vote' | 'lane flush' | 'frame';

/** What the faults strike at. */
export interface FaultTargets {
  readonly members: readonly SimulatedHost[];
  /** Null if nobody leads. */
  leader(): SimulatedHost | null;
  /** Starts the member's process; it is down. */
  restart(member: SimulatedHost): void;
  /** Asks the member to stop by itself; `stopped` is called when it has. */
  stop(member: SimulatedHost, stopped: () => void): void;
  /** Calls back once, when the member next does so. */
  onNext(member: SimulatedHost, occasion: Occasion, happened: () => void): void;
}

/** How many kinds are on, of a hundred, and the mean time between two strikes: each drawn from these. */
export interface Weather {
  readonly onPercents: readonly number[];
  readonly meansMs: readonly number[];
}

/** Some seeds are calm, some wild; in most, clients get something done. */
export const MIXED: Weather = { onPercents: [5, 15, 30, 60], meansMs: [600, 1500, 3000, 6000] };
/** For elections, one after the other. */
export const STORMY: Weather = { onPercents: [15, 30, 50, 70], meansMs: [200, 500, 1500, 3000] };

/** `off`: kinds that are not to strike although they were drawn; the rest of the plan stays the same. */
export function drawFaultPlan(random: SeededRandom, weather: Weather, off: ReadonlySet<string>): FaultPlan {
  const timed = new Map<FaultKind, number>();
  const onPercent = random.pick(weather.onPercents);
  for (const kind of TIMED_FAULTS) {
    const isOn = random.chance(onPercent);
    const meanMs = random.pick(weather.meansMs);
    if (isOn && !off.has(kind)) timed.set(kind, NEEDS_AN_OCCASION.has(kind) ? meanMs / 3 : meanMs);
  }
  const rate = (kind: FaultKind, rates: readonly number[]): number => {
    const drawn = random.pick(rates);
    return off.has(kind) ? 0 : drawn;
  };
  return {
    timed,
    connectionResetsPerMillion: rate('connection reset', [0, 0, 300, 3000, 20_000]),
    delaysPerMillion: rate('delay', [0, 0, 3000, 30_000, 200_000]),
    delayMaxMs: random.pick([20, 200, 1000]),
    reordersPerMillion: rate('reorder', [0, 0, 50_000, 300_000]),
    halfOpenPercent: rate('half-open', [0, 0, 20, 60]),
  };
}

export function describeFaultPlan(plan: FaultPlan): string {
  const timed = [...plan.timed].map(([kind, meanMs]) => `${kind} every ${meanMs} ms`);
  const frames = [
    `resets ${plan.connectionResetsPerMillion}/M`,
    `delays ${plan.delaysPerMillion}/M up to ${plan.delayMaxMs} ms`,
    `reorders ${plan.reordersPerMillion}/M`,
    `half-open ${plan.halfOpenPercent} %`,
  ];
  return [...timed, ...frames].join(', ');
}

export class FaultInjector {
  readonly #world: SimulatedWorld;
  readonly #targets: FaultTargets;
  readonly #plan: FaultPlan;
  readonly #random: SeededRandom;
  #isOver = false;

  constructor(setup: { world: SimulatedWorld; targets: FaultTargets; plan: FaultPlan; random: SeededRandom }) {
    this.#world = setup.world;
    this.#targets = setup.targets;
    this.#plan = setup.plan;
    this.#random = setup.random;
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
    for (const [kind, meanMs] of plan.timed) this.#scheduleNext(kind, meanMs);
  }

  /** No more faults; everything that is broken is mended. */
  heal(): void {
    this.#isOver = true;
    this.#world.tell('all faults end');
    this.#world.network.conditions = { ...CALM };
    this.#world.network.unblockAll();
    for (const member of this.#targets.members) {
      member.clock.drift(1);
      member.disk.conditions = { syncMinUs: 100, syncMaxUs: 1000 };
      member.process?.resume();
      this.#restartIfDown(member);
    }
  }

  #scheduleNext(kind: FaultKind, meanMs: number): void {
    const delayUs = this.#random.between(1, 2 * meanMs * 1000);
    this.#world.schedule(delayUs, () => {
      if (this.#isOver) return;
      this.#strike(kind);
      this.#scheduleNext(kind, meanMs);
    });
  }

  #strike(kind: FaultKind): void {
    const random = this.#random;
    const member = random.pick(this.#targets.members);
    switch (kind) {
      case 'partition of one':
        return this.#partition(kind, [member]);
      case 'partition in halves': {
        const shuffled = this.#shuffledMembers();
        return this.#partition(kind, shuffled.slice(0, Math.floor(shuffled.length / 2)));
      }
      case 'partition of the leader': {
        const leader = this.#targets.leader();
        return leader === null ? undefined : this.#partition(kind, [leader]);
      }
      case 'partition one-way':
        return this.#partitionOneWay(member);
      case 'clogged link':
        return this.#clog(member);
      case 'crash':
        return this.#crash(kind, member, 'killed');
      case 'power loss':
        return this.#crash(kind, member, 'power-lost');
      case 'crash of the leader': {
        const leader = this.#targets.leader();
        return leader === null ? undefined : this.#crash(kind, leader, random.pick(['killed', 'power-lost']));
      }
      case 'crash of all': {
        this.#world.tell('power is lost everywhere');
        this.#world.faultCounts.add(kind);
        for (const each of this.#targets.members) this.#crashOne(each, 'power-lost');
        return;
      }
      case 'crash in a disk write':
        this.#crashInWrite(member, this.#random.between(5, 40));
        return;
      case 'crash in a lane flush':
        return this.#targets.onNext(member, 'lane flush', () => this.#crashWithin(kind, member, 2000));
      case 'crash at a frame':
        return this.#crashAtFrame(member, this.#random.between(1, 40));
      case 'crash at a vote':
        this.#crashAtVotes();
        return;
      case 'restart loop':
        return this.#restartLoop(member);
      case 'clean stop':
        return this.#stopCleanly(member);
      case 'pause':
        return this.#pause(member);
      case 'clock jump': {
        const byMs = random.pick([-1, 1]) * 2 ** random.below(19);
        this.#world.tell(`the clock of ${member.name} jumps by ${byMs} ms`);
        this.#world.faultCounts.add(kind);
        return member.clock.jump(byMs);
      }
      case 'clock drift': {
        const rate = random.between(900, 1100) / 1000;
        this.#world.tell(`the clock of ${member.name} runs at ${rate}`);
        this.#world.faultCounts.add(kind);
        return member.clock.drift(rate);
      }
      case 'slow disk':
        return this.#slowDisk(member);
      case 'connection reset':
      case 'delay':
      case 'reorder':
      case 'half-open':
        return;
    }
  }

  // Network

  #partition(kind: FaultKind, side: readonly SimulatedHost[]): void {
    const others = this.#targets.members.filter((each) => !side.includes(each));
    if (side.length === 0 || others.length === 0) return;
    this.#world.tell(`partition: ${namesOf(side)} | ${namesOf(others)}`);
    this.#world.faultCounts.add(kind);
    const links = side.flatMap((one) => others.flatMap((other) => [[one, other] as const, [other, one] as const]));
    this.#blockFor(links, this.#random.between(50, 4000));
  }

  #partitionOneWay(member: SimulatedHost): void {
    const others = this.#targets.members.filter((each) => each !== member);
    if (others.length === 0) return;
    const isMute = this.#random.chance(50);
    this.#world.tell(`partition one-way: ${member.name} ${isMute ? 'is not heard' : 'hears nobody'}`);
    this.#world.faultCounts.add('partition one-way');
    const links = others.map((other) => (isMute ? ([member, other] as const) : ([other, member] as const)));
    this.#blockFor(links, this.#random.between(50, 4000));
  }

  #clog(member: SimulatedHost): void {
    const others = this.#targets.members.filter((each) => each !== member);
    if (others.length === 0) return;
    const other = this.#random.pick(others);
    this.#world.tell(`the link between ${member.name} and ${other.name} is clogged`);
    this.#world.faultCounts.add('clogged link');
    this.#blockFor(
      [
        [member, other],
        [other, member],
      ],
      this.#random.between(5, 500),
    );
  }

  #blockFor(links: readonly (readonly [SimulatedHost, SimulatedHost])[], durationMs: number): void {
    const { network } = this.#world;
    const blocked = links.filter(([from, to]) => !network.isBlocked(from, to));
    for (const [from, to] of blocked) network.block(from, to);
    this.#world.schedule(durationMs * 1000, () => {
      for (const [from, to] of blocked) network.unblock(from, to);
    });
  }

  // Processes

  #crash(kind: FaultKind, member: SimulatedHost, how: 'killed' | 'power-lost'): void {
    if (member.process === null) return;
    this.#world.tell(`${member.name} crashes (${how}; ${kind})`);
    this.#world.faultCounts.add(kind);
    this.#crashOne(member, how);
  }

  #crashOne(member: SimulatedHost, how: 'killed' | 'power-lost'): void {
    member.crash(how);
    const delayMs = this.#random.chance(30) ? this.#random.between(1, 30) : this.#random.between(30, 3000);
    this.#world.schedule(delayMs * 1000, () => this.#restartIfDown(member));
  }

  #crashWithin(kind: FaultKind, member: SimulatedHost, durationUs: number): void {
    const { process } = member;
    this.#world.schedule(this.#random.below(durationUs + 1), () => {
      if (!this.#isOver && member.process === process)
        this.#crash(kind, member, this.#random.pick(['killed', 'power-lost']));
    });
  }

  /** In one that can be torn, if there is one soon. */
  #crashInWrite(member: SimulatedHost, smallWritesLeft: number): void {
    member.disk.writeBegan = ({ durationUs, sectors }) => {
      if (sectors === 1 && smallWritesLeft > 0) return this.#crashInWrite(member, smallWritesLeft - 1);
      member.disk.writeBegan = () => {};
      this.#crashWithin('crash in a disk write', member, durationUs);
    };
  }

  /** The leader falls, votes take long to be written, so that there are several candidates, and whoever votes crashes. */
  #crashAtVotes(): void {
    const leader = this.#targets.leader();
    if (leader !== null && this.#random.chance(70)) this.#crash('crash of the leader', leader, 'killed');
    const slownessMs = this.#random.pick([1, 5, 20]);
    for (const each of this.#targets.members) {
      this.#slowDown(each, { factor: slownessMs, forMs: 1000 });
      this.#targets.onNext(each, 'vote', () => this.#crashAtVote(each));
    }
  }

  /** Up again at once, while the others still count. */
  #crashAtVote(member: SimulatedHost): void {
    const { process } = member;
    this.#world.schedule(this.#random.below(400), () => {
      if (this.#isOver || process === null || member.process !== process) return;
      this.#world.tell(`${member.name} crashes (crash at a vote)`);
      this.#world.faultCounts.add('crash at a vote');
      member.crash(this.#random.pick(['killed', 'power-lost']));
      this.#world.schedule(this.#random.below(5000), () => this.#restartIfDown(member));
    });
  }

  /** Between one step of the protocol and the next. */
  #crashAtFrame(member: SimulatedHost, framesLeft: number): void {
    this.#targets.onNext(member, 'frame', () => {
      if (framesLeft > 1) this.#crashAtFrame(member, framesLeft - 1);
      else this.#crashWithin('crash at a frame', member, this.#random.pick([0, 100, 1000]));
    });
  }

  #restartLoop(member: SimulatedHost): void {
    this.#world.tell(`${member.name} goes into a restart loop`);
    this.#world.faultCounts.add('restart loop');
    let times = this.#random.between(3, 6);
    const again = (): void => {
      if (this.#isOver || times-- === 0) return;
      member.crash('killed');
      this.#restartIfDown(member);
      this.#world.schedule(this.#random.between(1, 150) * 1000, again);
    };
    again();
  }

  #stopCleanly(member: SimulatedHost): void {
    const { process } = member;
    if (process === null || process.isPaused) return;
    this.#world.tell(`${member.name} is asked to stop`);
    this.#world.faultCounts.add('clean stop');
    this.#targets.stop(member, () => {
      this.#world.tell(`${member.name} has stopped`);
      if (member.process !== process) return;
      member.crash('killed');
      this.#world.schedule(this.#random.between(1, 1000) * 1000, () => this.#restartIfDown(member));
    });
  }

  #restartIfDown(member: SimulatedHost): void {
    if (member.process !== null) return;
    this.#world.tell(`${member.name} restarts`);
    this.#targets.restart(member);
  }

  #pause(member: SimulatedHost): void {
    const { process } = member;
    if (process === null || process.isPaused) return;
    const durationMs = this.#random.chance(50) ? this.#random.between(10, 300) : this.#random.between(300, 4000);
    this.#world.tell(`${member.name} is paused for ${durationMs} ms`);
    this.#world.faultCounts.add('pause');
    process.pause();
    this.#world.schedule(durationMs * 1000, () => process.resume());
  }

  #slowDisk(member: SimulatedHost): void {
    const factor = this.#random.pick([10, 30, 100]);
    this.#world.tell(`the disk of ${member.name} is ${factor} times slower`);
    this.#world.faultCounts.add('slow disk');
    this.#slowDown(member, { factor, forMs: this.#random.between(100, 3000) });
  }

  #slowDown({ disk }: SimulatedHost, { factor, forMs }: { factor: number; forMs: number }): void {
    disk.conditions = { syncMinUs: 100 * factor, syncMaxUs: 2000 * factor };
    this.#world.schedule(forMs * 1000, () => {
      disk.conditions = { syncMinUs: 100, syncMaxUs: 2000 };
    });
  }

  #shuffledMembers(): readonly SimulatedHost[] {
    const shuffled = [...this.#targets.members];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.#random.below(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
    }
    return shuffled;
  }
}

function namesOf(members: readonly SimulatedHost[]): string {
  return members.map((member) => member.name).join(' ');
}
