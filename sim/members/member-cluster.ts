/**
 * Whole members over simulated hosts, each with what survives its process: a disk and lanes. What a member's owner does
 * for it is done here: a run that ends by `restart` is followed by the next one, in the same process.
 */
import { MemoryLaneDisk, MemoryLaneStore } from '../../applier/index.ts';
import { lruWriterTable } from '../../certifier/cache/index.ts';
import { type NewWriterTable, packedInSmallBlocks } from '../../certifier/index.ts';
import type { Environment, LogIndex, SeededRandom } from '../../gcs/base/index.ts';
import {
  type ConsensusStatus,
  type Formation,
  type Group,
  memberNamed,
  runLengthCompression,
} from '../../gcs/core/index.ts';
import {
  CERTIFICATION_CAPACITY,
  Engine,
  IDEMPOTENCY_HORIZON_MS,
  type ImageCodec,
  type Limits,
  Member,
  type MemberEvents,
  type MemberOptions,
  zeroCounters,
} from '../../node/engine/index.ts';
import { type FaultTargets, framePassed, type Occasion, Occasions, watchDisk } from '../faults/index.ts';
import type { Elections } from '../observers/elections.ts';
import type { Judge } from '../observers/judge.ts';
import { LogPromises } from '../observers/log-promises.ts';
import { MemberObserver } from '../observers/member-observer.ts';
import type { Reads } from '../observers/reads.ts';
import type { ShadowDatabase } from '../observers/shadow-database.ts';
import { Situations } from '../observers/situations.ts';
import type { StreamObserver } from '../observers/stream-observer.ts';
import type { TotalOrder } from '../observers/total-order.ts';
import { TransferWatch } from '../observers/transfer-watch.ts';
import { checkViewChanges } from '../observers/view-changes.ts';
import { type Machine, Roster } from '../roster.ts';
import type { SimulatedHost, SimulatedProcess, SimulatedWorld } from '../world/index.ts';

/** Few enough that a seed's records are many blocks of them. */
const WRITER_BLOCK_BITS = 7;

/** One run of a member. */
export interface RunningMember {
  readonly process: SimulatedProcess;
  readonly member: Member;
  readonly engine: Engine;
  readonly observer: MemberObserver;
}

export interface MemberMachine extends Machine {
  running: RunningMember | null;
  lanes: readonly MemoryLaneDisk[];
  /** And has not come back yet. */
  wasExpelled: boolean;
  /** Messages of the order that it had concluded, with this disk, when it last was ONLINE. */
  servedUpTo: number;
  readonly followers: readonly StreamObserver[];
  /** When a turn was last looked at: the status, and how far the order was. Where both are the same, nothing has changed. */
  lookedAt: { readonly status: ConsensusStatus; readonly orderedUpTo: LogIndex } | null;
}

export interface MemberClusterSetup {
  readonly world: SimulatedWorld;
  readonly judge: Judge;
  readonly order: TotalOrder;
  readonly shadow: ShadowDatabase;
  readonly elections: Elections;
  readonly reads: Reads;
  readonly random: SeededRandom;
  readonly codec: ImageCodec;
  readonly memberCount: number;
  readonly laneCount: number;
  readonly capacity: number;
  /** Of idempotency keys. */
  readonly horizonMs: number;
  readonly options: MemberOptions;
  readonly limits: Limits;
  /** Those who follow the changes at a member. */
  readonly followers: (host: string) => readonly StreamObserver[];
}

/** A rebuild begins with the greatest capacity, for which the library would take its memory at once. */
const smallLruTable: NewWriterTable = (setup) =>
  lruWriterTable({ ...setup, capacity: Math.min(setup.capacity, WRITERS_MAX) });
/** More than any capacity that is drawn or tuned. */
const WRITERS_MAX = 10_000;

export class MemberCluster implements FaultTargets {
  readonly roster: Roster<MemberMachine>;
  readonly expelledAfterMs: number;
  readonly #setup: MemberClusterSetup;
  readonly #occasions = new Occasions();
  readonly #situations: Situations;
  readonly #promises: LogPromises;
  readonly #transfers: TransferWatch;
  #strangers = 0;
  #stranger: SimulatedHost | null = null;
  #visited: SimulatedHost | null = null;

  constructor(setup: MemberClusterSetup) {
    this.#setup = setup;
    const { world, random, elections, order, options } = setup;
    this.expelledAfterMs = options.group.unreachableAfterMs + options.group.memberExpelTimeoutMs;
    this.roster = new Roster<MemberMachine>({
      world,
      random: random.split('roster'),
      order,
      make: (machine) => ({
        ...machine,
        running: null,
        lanes: this.#newLanes(),
        wasExpelled: false,
        servedUpTo: 0,
        followers: setup.followers(machine.host.name),
        lookedAt: null,
      }),
    });
    for (let i = 0; i < setup.memberCount; i++) this.#watch(this.roster.add(true));
    world.network.frameSent = (from, to, bytes) => {
      this.#occasions.happened(from, 'frame');
      framePassed('before', from, bytes, this.#occasions);
      if (from.process !== null) elections.frameSent(from, to, bytes);
    };
    world.network.frameLeft = (from, _to, bytes) => framePassed('after', from, bytes, this.#occasions);
    elections.voted = (voter) => this.#occasions.happened(voter, 'vote');
    this.#promises = new LogPromises(setup.judge, order);
    this.#situations = new Situations({ world, order, roster: this.roster });
    this.#transfers = new TransferWatch(world.coverage);
  }

  get members(): readonly SimulatedHost[] {
    return this.roster.hosts;
  }

  get voters(): readonly SimulatedHost[] {
    return this.roster.voters;
  }

  get votersLeast(): number {
    return this.roster.votersLeast;
  }

  runningOn(host: SimulatedHost): RunningMember | null {
    const running = this.roster.machines.find((machine) => machine.host === host)?.running ?? null;
    return running !== null && running.process === host.process ? running : null;
  }

  leader(): SimulatedHost | null {
    let leader: SimulatedHost | null = null;
    let term = 0;
    for (const host of this.members) {
      const status = this.runningOn(host)?.member.group.status;
      if (status?.role === 'leader' && status.term > term) {
        leader = host;
        term = status.term;
      }
    }
    return leader;
  }

  isSound(host: SimulatedHost): boolean {
    const running = this.runningOn(host);
    return running?.member.state === 'ONLINE' && running.member.group.status?.claim === null;
  }

  /** It is ONLINE, has concluded the whole order, and its followers have been told. */
  isUpToDate(host: SimulatedHost): boolean {
    const running = this.runningOn(host);
    if (running?.member.state !== 'ONLINE' || running.observer.place !== this.#setup.order.length) return false;
    return this.roster.of(host).followers.every(({ position }) => position === running.member.appliedUpTo);
  }

  /** Whoever follows a stream takes all that there is from now on. */
  followersTakeAll(): void {
    for (const { followers } of this.roster.machines) for (const follower of followers) follower.takeAll();
  }

  describe(): string {
    return this.roster.machines
      .map(({ host, hasLeft, followers }) => {
        const running = this.runningOn(host);
        if (running === null) return `${host.name} ${hasLeft ? 'has left' : 'is down'}`;
        const { member, observer } = running;
        const { status } = member.group;
        const facts = [
          member.state,
          status === null ? 'not started' : `${status.role} of term ${status.term}, view ${status.viewNumber}`,
          `${observer.place}/${this.#setup.order.length}`,
          status?.claim == null ? '' : 'claims',
          member.hasRoom ? '' : 'no room',
          `streams at ${followers.map(({ position }) => position).join(' and ')} of ${member.appliedUpTo}`,
        ];
        return `${host.name} ${facts.filter((fact) => fact !== '').join(', ')}`;
      })
      .join('; ');
  }

  // What faults ask for

  onNext(member: SimulatedHost, occasion: Occasion, happened: () => void): void {
    this.#occasions.onNext(member, occasion, happened);
  }

  /** For failpoints that the clients see. */
  passed(host: SimulatedHost, occasion: Occasion): void {
    this.#occasions.happened(host, occasion);
  }

  stop(host: SimulatedHost, stopped: () => void): void {
    const running = this.runningOn(host);
    if (running === null) return;
    host.process!.turn(() => {
      running.member.stop(() => {
        running.engine.stop();
        stopped();
      });
    });
  }

  /** A lane loses all that it has: it is as new. */
  damageLane(host: SimulatedHost, random: SeededRandom): boolean {
    const machine = this.roster.of(host);
    const lost = random.pick(machine.lanes);
    if (lost.flushedUpTo === 0) return false;
    machine.lanes = machine.lanes.map((lane) => (lane === lost ? new MemoryLaneDisk() : lane));
    return true;
  }

  forget(host: SimulatedHost): void {
    const machine = this.roster.of(host);
    this.roster.forget(machine);
    this.#setup.elections.forget(host);
    if (host === this.#visited) this.endIntrusion();
    machine.running = null;
    machine.servedUpTo = 0;
    machine.lanes = this.#newLanes();
  }

  join(count: number): boolean {
    const machines = this.roster.forJoining(count);
    for (const machine of machines) {
      this.#watch(machine);
      const { host } = machine;
      const running = this.runningOn(host);
      if (machine.hasLeft) {
        // It would not hear that it is to join.
        if (host.process?.isPaused) continue;
        machine.hasLeft = false;
        machine.isLeaving = false;
        if (running !== null) this.#administer(host, { kind: 'join' });
        else machine.rejoins = true;
      }
      if (host.process === null) this.restart(host);
    }
    if (machines.length > 1) this.#setup.world.coverage.add('two members join at once');
    return machines.length > 0;
  }

  leave(host: SimulatedHost): boolean {
    if (this.runningOn(host)?.member.state !== 'ONLINE' || host.process!.isPaused) return false;
    const machine = this.roster.of(host);
    machine.isLeaving = true;
    this.#administer(host, { kind: 'leave' });
    return true;
  }

  expel(host: SimulatedHost, random: SeededRandom): boolean {
    const { memberId } = this.roster.of(host);
    const asked = random.pick(this.members);
    const { view } = this.#setup.order;
    if (asked === host || view === null || memberNamed(view, memberId) === undefined) return false;
    if (this.runningOn(asked)?.member.state !== 'ONLINE' || asked.process!.isPaused) return false;
    this.#administer(asked, { kind: 'expel', memberId });
    return true;
  }

  transferLeadership(to: SimulatedHost | null): boolean {
    const asked = this.leader();
    if (asked === null || this.runningOn(asked)?.member.state !== 'ONLINE' || asked.process!.isPaused) return false;
    const memberId = to === null ? null : this.roster.of(to).memberId;
    this.#administer(asked, { kind: 'transfer-leadership', memberId });
    return true;
  }

  #administer(host: SimulatedHost, request: Parameters<Member['administer']>[0]): void {
    const { member, process } = this.runningOn(host)!;
    process.turn(() => member.administer(request, () => {}));
  }

  /** One that would found a group of its own with one of ours. */
  intrude(random: SeededRandom): boolean {
    this.endIntrusion();
    const { world } = this.#setup;
    const visited = random.pick(this.members);
    // One that belongs to no group yet would be its for the asking.
    if (this.#setup.order.view === null || this.runningOn(visited)?.member.group.status == null) return false;
    this.#visited = visited;
    const name = `stranger-${++this.#strangers}`;
    const host = world.addHost(name, `${name}:71`);
    this.#stranger = host;
    host.start((environment) => {
      const refused = (): void => world.coverage.add('a stranger is refused');
      const prepared = Member.prepare({
        ...this.#setupOf({ host, memberId: random.uuid(), incarnation: 1 }, environment),
        lanes: [],
        formation: {
          kind: 'bootstrap',
          seeds: [visited.address],
          groupName: random.pick(['another', 'simulated']),
          options: { [CERTIFICATION_CAPACITY]: this.#setup.capacity + 1 },
        },
        events: {
          ...SILENT,
          formed: () => this.#setup.judge.fail(`${name} has formed a group with a member of ours`),
          refusedPeer: refused,
          refused,
        },
      });
      if (prepared.kind === 'prepared') prepared.member.open();
    });
    return true;
  }

  endIntrusion(): void {
    this.#stranger?.crash('power-lost');
    this.#stranger = null;
  }

  // Runs

  restart(host: SimulatedHost): void {
    const machine = this.roster.of(host);
    if (machine.hasLeft) return;
    host.start((environment, process) => this.#run(machine, environment, process));
  }

  #run(machine: MemberMachine, environment: Environment, process: SimulatedProcess): void {
    const { judge, order, shadow, world } = this.#setup;
    const { host } = machine;
    machine.incarnation++;
    const who = `${host.name} in run ${machine.incarnation}`;
    const { clock, random } = environment;
    const lanes = machine.lanes.map(
      (disk) => new MemoryLaneStore({ disk, clock, flushDelayMs: () => this.#drawFlushMs(host) }),
    );
    let isOver = false;
    const events = this.#eventsOf(machine, {
      who,
      /** What a process that is dead, or a run that is over, still says does not count. */
      heard: (work) => {
        if (process.isAlive && !isOver) work();
      },
      again: () => {
        isOver = true;
        member.stop(() => {
          engine.stop();
          if (process.isAlive) environment.clock.schedule(0, () => this.#run(machine, environment, process));
        });
      },
    });
    const formation = this.#formationOf(machine, environment);
    // Only this run: whoever is still outside after a crash is told so again.
    machine.rejoins = false;
    const prepared = Member.prepare({ ...this.#setupOf(machine, environment), formation, lanes, events });
    if (prepared.kind === 'refused') {
      if (process.isAlive) judge.fail(`${who} is refused: ${prepared.reason}`);
      return;
    }
    const { member } = prepared;
    this.roster.groups.set(machine.memberId, member.group);
    const observer = new MemberObserver({ name: who, member, judge, order, shadow, disk: host.disk });
    const engine = new Engine({
      replica: member,
      clock,
      random,
      limits: this.#setup.limits,
      imageCodec: this.#setup.codec,
    });
    machine.running = { process, member, engine, observer };
    for (const follower of machine.followers) follower.started(process, member, engine);
    world.tell(`${who} opens`);
    member.open();
  }

  #eventsOf(
    machine: MemberMachine,
    run: { readonly who: string; readonly heard: (work: () => void) => void; readonly again: () => void },
  ): MemberEvents {
    const { judge, order, elections, world } = this.#setup;
    const { who, heard } = run;
    const { host } = machine;
    const transfers = this.#transfers;
    return {
      stateChanged: (state, why) =>
        heard(() => {
          world.tell(`${who} is ${state}: ${why}`);
          if (state === 'ERROR' && !host.disk.isBroken) judge.fail(`${who} is in ERROR: ${why}`);
          if (state === 'OFFLINE' && machine.isLeaving && why === 'it left the group') machine.hasLeft = true;
          if (state === 'ONLINE' && machine.wasExpelled) {
            machine.wasExpelled = false;
            world.coverage.add('an expelled member comes back with its disk');
          }
        }),
      leaderChanged: (leader, term) =>
        heard(() => {
          if (leader !== machine.memberId) return;
          world.tell(`${who} leads in term ${term}`);
          elections.leads(host, machine.incarnation, term);
        }),
      quorumChanged: () => {},
      reachabilityChanged: () => {},
      formed: () =>
        heard(() => {
          const definition = machine.running?.member.group.definition;
          if (definition !== null && definition !== undefined) order.founded(who, definition.view);
        }),
      viewChanged: ({ view, index }) =>
        heard(() => {
          machine.running?.observer.follow(index);
          order.told(who, view, index);
        }),
      roomChanged: (hasRoom) => heard(() => world.tell(`${who} has ${hasRoom ? 'room again' : 'no room'}`)),
      damageFound: ({ file, offset, reason }) =>
        heard(() => world.tell(`${who} finds ${file} damaged at ${offset}: ${reason}`)),
      buildProgressed: ({ phase, table, rows, failure }) => {
        world.coverage.add(`a build ${phase === 'goes on' ? 'is' : phase === 'began' ? 'has' : 'ends'} ${phase}`);
        world.tell(
          `${who}: build of ${table} ${phase}, ${rows} rows, ${failure === null ? 'no failure' : failure.kind}`,
        );
      },
      stuck: (why) => world.tell(`${who} is stuck: ${why}`),
      transferChanged: (phase, { kind, donor }, why) =>
        heard(() => {
          world.tell(`${who}: transfer of ${kind} ${phase}: ${why}`);
          transfers.changed(host, {
            phase,
            kind,
            donor: donor === null ? null : (this.roster.named(donor)?.host ?? null),
          });
        }),
      refusedPeer: (address, reason) => world.tell(`${who} and ${address}: ${reason}`),
      recovered: ({ upTo }) =>
        heard(() => {
          const { member, observer } = machine.running!;
          const { logIndex } = member.verdicts!.stateAtEnd;
          world.tell(`${who} has rebuilt itself up to ${upTo}, log index ${logIndex}`);
          observer.recovered(logIndex);
          observer.compareState();
        }),
      restart: (why, detail) =>
        heard(() => {
          world.tell(`${who} begins anew, ${why}: ${detail}`);
          if (detail.includes('that of a majority')) judge.fail(`${who} has gone astray: ${detail}`);
          machine.rejoins = why === 'expelled' || why === 'join';
          if (why === 'expelled') machine.wasExpelled = true;
          run.again();
        }),
      refused: (reason) => heard(() => judge.fail(`${who} is refused: ${reason}`)),
      failed: (error) => heard(() => this.#failed(machine, error)),
    };
  }

  #failed(machine: MemberMachine, error: Error): void {
    const { judge, world } = this.#setup;
    const { host } = machine;
    if (!host.disk.isBroken) return judge.fail(`${host.name} fails: ${error.stack}`);
    world.tell(`${host.name} ends: ${error.message}`);
    world.coverage.add('a disk error ends a member');
    host.crash('killed');
  }

  #watch(machine: MemberMachine): void {
    const { host } = machine;
    host.processFailed = (error) => {
      const known = error instanceof Error ? error : new Error(String(error));
      if (known.name === 'DiskError') this.#failed(machine, known);
      else this.#setup.judge.fail(`${host.name} stops: ${known.stack}`);
    };
    host.crashed = () => this.#transfers.crashed(host);
    // What it delivered in a turn that does not end was perhaps told to clients.
    host.crashing = () => this.runningOn(host)?.observer.deliveredSoFar();
    host.turnEnded = () => this.#turnEnded(machine);
    watchDisk(host, this.#occasions);
  }

  #turnEnded(machine: MemberMachine): void {
    const { running } = machine;
    if (running === null || running.process !== machine.host.process) return;
    const before = running.observer.place;
    running.observer.turnEnded();
    this.#checkServed(machine, running);
    const { group } = running.member;
    if (group.status !== null) this.#lookAtLog(machine, group, group.status);
    if (running.observer.place !== before) this.#occasions.happened(machine.host, 'after apply');
  }

  #lookAtLog(machine: MemberMachine, group: Group, status: ConsensusStatus): void {
    const { judge, order } = this.#setup;
    if (machine.lookedAt?.status === status && machine.lookedAt.orderedUpTo === order.lastIndex) return;
    checkViewChanges(judge, machine.host, group);
    this.#promises.turnEnded(machine.host.name, machine.memberId, group);
    this.#situations.statusSeen(machine, status);
    this.#transfers.logBegins(machine.host, status.firstIndex);
    machine.lookedAt = { status, orderedUpTo: order.lastIndex };
  }

  /** What clients saw here, they see again after a restart: ONLINE is who has applied that (H14, C24). */
  #checkServed(machine: MemberMachine, { member, observer }: RunningMember): void {
    if (member.state !== 'ONLINE') return;
    this.#setup.judge.check(
      observer.place >= machine.servedUpTo,
      () => `${machine.host.name} is ONLINE at message ${observer.place}, and was at ${machine.servedUpTo} before`,
    );
    machine.servedUpTo = observer.place;
  }

  #setupOf(
    { host, memberId, incarnation }: Pick<Machine, 'host' | 'memberId' | 'incarnation'>,
    environment: Environment,
  ) {
    return {
      environment,
      memberId,
      incarnation,
      groupAddress: host.address,
      host: host.name,
      port: 70,
      rejoins: true,
      compression: runLengthCompression,
      // Of every second one: a verdict that depended on it would show in the digests.
      newWriterTable: Number(host.name.at(-1)) % 2 === 0 ? smallLruTable : packedInSmallBlocks(WRITER_BLOCK_BITS),
      imageCodec: this.#setup.codec,
      version: '0.0.0',
      counters: zeroCounters(),
      options: this.#setup.options,
    };
  }

  #formationOf(machine: MemberMachine, { disk }: Environment): Formation {
    if (disk.readWhole('group.json') !== null) return machine.rejoins ? { kind: 'rejoin' } : null;
    const others = this.roster.machines.filter((each) => each !== machine && (!machine.isFounder || each.isFounder));
    const seeds = others.map(({ host }) => host.address);
    machine.seeds = seeds;
    if (machine !== this.roster.machines[0] || !machine.isFounder) return { kind: 'seeds', seeds };
    const { capacity, horizonMs } = this.#setup;
    const options = { [CERTIFICATION_CAPACITY]: capacity, [IDEMPOTENCY_HORIZON_MS]: horizonMs };
    return { kind: 'bootstrap', seeds, groupName: 'simulated', options };
  }

  #newLanes(): readonly MemoryLaneDisk[] {
    return Array.from({ length: this.#setup.laneCount }, () => new MemoryLaneDisk());
  }

  #drawFlushMs(host: SimulatedHost): number {
    this.#occasions.happened(host, 'lane flush');
    const hasRoom = host.disk.hasRoomFor(1);
    for (const lane of this.roster.of(host).lanes) lane.hasRoom = hasRoom;
    return host.disk.drawSyncUs() / 1000;
  }
}

const SILENT: MemberEvents = {
  stateChanged: () => {},
  leaderChanged: () => {},
  quorumChanged: () => {},
  reachabilityChanged: () => {},
  formed: () => {},
  viewChanged: () => {},
  roomChanged: () => {},
  damageFound: () => {},
  transferChanged: () => {},
  buildProgressed: () => {},
  stuck: () => {},
  refusedPeer: () => {},
  recovered: () => {},
  restart: () => {},
  refused: () => {},
  failed: () => {},
};
