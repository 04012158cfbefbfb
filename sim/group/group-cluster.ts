/**
 * Group layers alone, without a database above them. Each owner remembers how far it has been delivered to, or takes it
 * again after a restart; it can do without anything that was delivered, so that a member whose log begins too late
 * goes on where that of another begins.
 */
import type { Environment, LogIndex, SeededRandom } from '../../gcs/base/index.ts';
import {
  type ConsensusStatus,
  type Delivery,
  type EntryId,
  Group,
  type GroupHeadline,
  type GroupOptions,
  type GroupView,
  type LogEntry,
  memberNamed,
  runLengthCompression,
} from '../../gcs/core/index.ts';
import { type FaultTargets, framePassed, type Occasion, Occasions, watchDisk } from '../faults/index.ts';
import type { Elections } from '../observers/elections.ts';
import type { Judge } from '../observers/judge.ts';
import { LogFollower } from '../observers/log-follower.ts';
import { LogPromises } from '../observers/log-promises.ts';
import type { Isolation, Reads } from '../observers/reads.ts';
import { Situations } from '../observers/situations.ts';
import type { TotalOrder } from '../observers/total-order.ts';
import { checkViewChanges } from '../observers/view-changes.ts';
import { type Machine, Roster } from '../roster.ts';
import type { SimulatedHost, SimulatedProcess, SimulatedWorld } from '../world/index.ts';

const TRUNCATE_EVERY = 20;
const KEPT_BEHIND = [0, 20, 300];
const READ_BYTES = 1024 * 1024;
const ROOM_RETRY_US = 500_000;
const BEGINNING_RETRY_US = 200_000;
const ASKED_IN_VAIN_MAX = 20;

/** One run of a group layer. */
export interface RunningGroup {
  readonly process: SimulatedProcess;
  readonly group: Group;
  readonly follower: LogFollower;
  /** Messages of the order that this run has delivered, or started behind. */
  place: number;
  status: GroupHeadline | null;
  /** Broadcasts that were not delivered yet, with whether this member was cut off. */
  readonly pending: Map<number, Isolation>;
}

interface GroupMachine extends Machine {
  running: RunningGroup | null;
  /** What its owner has durably. */
  deliveredUpTo: LogIndex;
  /** When so much is delivered, what was delivered is not needed any more, but for the last `keepsBehind` entries. */
  truncatesAt: LogIndex;
  readonly keepsBehind: number;
  /** It has said that it needs the log from there on. */
  neededFrom: LogIndex;
  /** Its log begins too late for it. */
  isBehind: boolean;
  /** How often nobody had a log that begins as late as its own. */
  askedInVain: number;
  /** What its log durably had before it was damaged beyond repair. */
  claim: EntryId | null;
  /** When a turn was last looked at: the status, and how far the order was. Where both are the same, nothing has changed. */
  lookedAt: { readonly status: ConsensusStatus; readonly orderedUpTo: LogIndex } | null;
}

export interface GroupClusterSetup {
  readonly world: SimulatedWorld;
  readonly judge: Judge;
  readonly order: TotalOrder;
  readonly elections: Elections;
  readonly reads: Reads;
  readonly random: SeededRandom;
  readonly memberCount: number;
  readonly options: GroupOptions;
}

export class GroupCluster implements FaultTargets {
  readonly roster: Roster<GroupMachine>;
  readonly expelledAfterMs: number;
  readonly #setup: GroupClusterSetup;
  readonly #occasions = new Occasions();
  readonly #situations: Situations;
  readonly #promises: LogPromises;
  #strangers = 0;
  #stranger: SimulatedHost | null = null;
  #visited: SimulatedHost | null = null;

  constructor(setup: GroupClusterSetup) {
    this.#setup = setup;
    const { world, random, elections, order, options } = setup;
    this.expelledAfterMs = options.unreachableAfterMs + options.memberExpelTimeoutMs;
    this.roster = new Roster<GroupMachine>({
      world,
      random: random.split('roster'),
      order,
      make: (machine) => ({
        ...machine,
        running: null,
        deliveredUpTo: 0,
        truncatesAt: 0,
        keepsBehind: random.pick(KEPT_BEHIND),
        neededFrom: 1,
        isBehind: false,
        askedInVain: 0,
        claim: null,
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
    this.#promises = new LogPromises(setup.judge, setup.order);
    this.#situations = new Situations({ world, order, roster: this.roster });
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

  runningOn(host: SimulatedHost): RunningGroup | null {
    const { running } = this.roster.of(host);
    return running !== null && running.process === host.process ? running : null;
  }

  leader(): SimulatedHost | null {
    let leader: SimulatedHost | null = null;
    let term = 0;
    for (const host of this.members) {
      const status = this.runningOn(host)?.status;
      if (status?.role === 'leader' && status.term > term) {
        leader = host;
        term = status.term;
      }
    }
    return leader;
  }

  isSound(host: SimulatedHost): boolean {
    const machine = this.roster.of(host);
    const running = this.runningOn(host);
    const status = running?.group.status;
    return status?.caughtUp === true && status.claim === null && this.roster.isVoter(machine) && !machine.isBehind;
  }

  /** It has delivered the whole order. */
  isUpToDate(host: SimulatedHost): boolean {
    return this.runningOn(host)?.place === this.#setup.order.length;
  }

  describe(): string {
    return this.roster.machines
      .map(({ host, hasLeft, isBehind }) => {
        const running = this.runningOn(host);
        if (running === null) return `${host.name} ${hasLeft ? 'has left' : 'is down'}`;
        const { status } = running.group;
        const facts = [
          status === null ? 'not started' : `${status.role} of term ${status.term}, view ${status.viewNumber}`,
          `${running.place}/${this.#setup.order.length}`,
          status?.claim === null ? '' : 'claims',
          isBehind ? 'behind' : '',
        ];
        return `${host.name} ${facts.filter((fact) => fact !== '').join(', ')}`;
      })
      .join('; ');
  }

  // What faults ask for

  onNext(member: SimulatedHost, occasion: Occasion, happened: () => void): void {
    this.#occasions.onNext(member, occasion, happened);
  }

  stop(host: SimulatedHost, stopped: () => void): void {
    const running = this.runningOn(host);
    if (running === null) return;
    host.process!.turn(() => running.group.stop(stopped));
  }

  damageLane(): boolean {
    return false;
  }

  forget(host: SimulatedHost): void {
    const machine = this.roster.of(host);
    this.roster.forget(machine);
    this.#setup.elections.forget(host);
    if (host === this.#visited) this.endIntrusion();
    machine.running = null;
    machine.deliveredUpTo = 0;
    machine.truncatesAt = 0;
    machine.neededFrom = 1;
    machine.isBehind = false;
    machine.askedInVain = 0;
    machine.claim = null;
  }

  join(count: number): boolean {
    const machines = this.roster.forJoining(count);
    for (const machine of machines) {
      this.#watch(machine);
      if (machine.hasLeft) {
        machine.hasLeft = false;
        machine.isLeaving = false;
        machine.rejoins = true;
      }
      this.restart(machine.host);
    }
    if (machines.length > 1) this.#setup.world.coverage.add('two members join at once');
    return machines.length > 0;
  }

  leave(host: SimulatedHost): boolean {
    const running = this.runningOn(host);
    if (running === null || running.group.status === null || host.process!.isPaused) return false;
    this.roster.of(host).isLeaving = true;
    host.process!.turn(() => running.group.leave());
    return true;
  }

  expel(host: SimulatedHost, random: SeededRandom): boolean {
    const { memberId } = this.roster.of(host);
    const view = this.#setup.order.view;
    const ordinal = view === null ? undefined : memberNamed(view, memberId)?.ordinal;
    const asked = random.pick(this.members);
    const running = this.runningOn(asked);
    if (ordinal === undefined || asked === host || running === null || running.group.status === null) return false;
    if (asked.process!.isPaused) return false;
    asked.process!.turn(() => running.group.expel(ordinal, () => {}));
    return true;
  }

  transferLeadership(to: SimulatedHost | null): boolean {
    const leader = this.leader();
    const { view } = this.#setup.order;
    if (leader === null || view === null || leader.process!.isPaused) return false;
    const ordinal = to === null ? null : memberNamed(view, this.roster.of(to).memberId)?.ordinal;
    if (ordinal === undefined) return false;
    leader.process!.turn(() => this.runningOn(leader)?.group.transferLeadership(ordinal));
    return true;
  }

  /** One that would found a group of its own with one of ours. */
  intrude(random: SeededRandom): boolean {
    this.endIntrusion();
    const { world, options } = this.#setup;
    const visited = random.pick(this.members);
    // One that belongs to no group yet would be its for the asking.
    if (this.#setup.order.view === null || this.runningOn(visited) === null) return false;
    this.#visited = visited;
    const name = `stranger-${++this.#strangers}`;
    const host = world.addHost(name, `${name}:71`);
    this.#stranger = host;
    host.start((environment) => {
      const prepared = Group.prepare({
        environment,
        compression: runLengthCompression,
        memberId: random.uuid(),
        incarnation: 1,
        groupAddress: host.address,
        host: name,
        port: 70,
        formation: {
          kind: 'bootstrap',
          seeds: [visited.address],
          groupName: random.pick(['another', 'simulated']),
          options: { other: 1 },
        },
        options,
        events: {
          ...SILENT,
          formed: () => this.#setup.judge.fail(`${name} has formed a group with a member of ours`),
          refusedPeer: () => world.coverage.add('a stranger is refused'),
          refused: () => world.coverage.add('a stranger is refused'),
        },
      });
      if (prepared.kind === 'prepared') prepared.group.open();
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

  #run(machine: GroupMachine, environment: Environment, process: SimulatedProcess): void {
    const { order, judge, elections, options, world } = this.#setup;
    const { host } = machine;
    machine.incarnation++;
    const who = `${host.name} in run ${machine.incarnation}`;
    let running: RunningGroup | null = null;
    let isOver = false;
    /** What a process that is dead, or a run that is over, still says does not count. */
    const heard = (work: () => void): void => {
      if (process.isAlive && !isOver) work();
    };
    const again = (): void => {
      isOver = true;
      machine.running = null;
      group.stop(() => {
        if (process.isAlive) environment.clock.schedule(0, () => this.#run(machine, environment, process));
      });
    };
    const prepared = Group.prepare({
      environment,
      compression: runLengthCompression,
      memberId: machine.memberId,
      incarnation: machine.incarnation,
      groupAddress: host.address,
      host: host.name,
      port: 70,
      formation: this.#formationOf(machine, environment),
      options,
      events: {
        formed: (definition) =>
          heard(() => {
            order.founded(who, definition.view);
            running = this.#start({ machine, process, who, group });
          }),
        delivered: (delivery) => heard(() => this.#delivered(machine, running!, { who, delivery })),
        viewChanged: (view, index) => heard(() => this.#viewChanged(machine, view, { who, index })),
        statusChanged: (status) =>
          heard(() => {
            if (running !== null) running.status = status;
            if (status.role !== 'leader') return;
            elections.leads(host, machine.incarnation, status.term);
            world.tell(`${who} leads in term ${status.term}`);
          }),
        reachabilityChanged: () => {},
        noticed: () => {},
        refusedPeer: () => {},
        roomChanged: (hasRoom) => heard(() => world.tell(`${who} has ${hasRoom ? 'room again' : 'no room'}`)),
        expelled: (view) =>
          heard(() => {
            world.tell(`${who} is expelled, view ${view.number}`);
            machine.rejoins = true;
            again();
          }),
        left: () =>
          heard(() => {
            world.tell(`${who} has left`);
            machine.hasLeft = true;
            isOver = true;
            machine.running = null;
            world.schedule(0, () => host.crash('killed'));
          }),
        behind: () =>
          heard(() => {
            world.tell(`${who} is behind`);
            world.coverage.add('a state transfer begins');
            machine.isBehind = true;
            again();
          }),
        refused: (reason) => heard(() => judge.fail(`${who} is refused: ${reason}`)),
        failed: (error) => heard(() => this.#failed(machine, error)),
      },
    });
    if (prepared.kind === 'refused') return judge.fail(`${who} is refused: ${prepared.reason}`);
    const { group } = prepared;
    this.roster.groups.set(machine.memberId, group);
    machine.running = null;
    const { damage } = group;
    if (damage !== null) {
      world.tell(`${who} finds ${damage.file} damaged at ${damage.offset}: ${damage.reason}`);
      machine.claim = damage.claim;
      if (damage.isBeyondRepair) machine.isBehind = true;
      else {
        // What was delivered before is delivered again: the others have it.
        const from = damage.holes[0]?.from ?? damage.claim.index + 1;
        if (from > group.log.firstIndex && from >= machine.neededFrom) {
          machine.deliveredUpTo = Math.min(machine.deliveredUpTo, from - 1);
          world.tell(`${who} discards its log from ${from} on, and claims ${damage.claim.index}`);
          let isWaiting = true;
          this.#keepAskingForRoom(machine, group, () => isWaiting);
          return group.log.discardFrom(from, damage.claim, () => {
            isWaiting = false;
            heard(again);
          });
        }
        machine.isBehind = true;
      }
    }
    if (machine.isBehind) return this.#takeBeginning(machine, group, () => heard(again));
    group.open();
  }

  #start(of: { machine: GroupMachine; process: SimulatedProcess; who: string; group: Group }): RunningGroup {
    const { machine, process, who, group } = of;
    const { order, judge, random } = this.#setup;
    const { log } = group;
    if (machine.rejoins) this.#setup.world.coverage.add('an expelled member comes back with its disk');
    machine.rejoins = false;
    const least = machine.neededFrom - 1;
    const most = Math.min(machine.deliveredUpTo, log.lastIndex);
    const from = random.chance(50) ? least : Math.max(least, most);
    const follower = new LogFollower({ name: who, group, order, judge, disk: machine.host.disk, deliveredUpTo: from });
    const running: RunningGroup = {
      process,
      group,
      follower,
      place: order.messagesUpTo(from),
      status: null,
      pending: new Map(),
    };
    machine.running = running;
    group.start(from);
    group.setReady();
    return running;
  }

  /**
   * Its state is that of another member, whose log begins behind it. Where nobody has such a one for long it takes any, as
   * a member does: whoever told it that it is behind is gone, and its vote may be what the others wait for.
   */
  #takeBeginning(machine: GroupMachine, group: Group, again: () => void): void {
    const donors = this.roster.machines.filter((each) => each !== machine && this.runningOn(each.host) !== null);
    const donor = donors[0] === undefined ? null : this.#setup.random.pick(donors);
    const log = donor === null ? null : this.runningOn(donor.host)!.group.log;
    const isLastResort = machine.claim !== null || machine.askedInVain >= ASKED_IN_VAIN_MAX;
    if (log === null || (!isLastResort && log.firstIndex < group.log.firstIndex)) {
      if (log !== null) machine.askedInVain++;
      this.#setup.world.schedule(BEGINNING_RETRY_US, () => {
        if (machine.host.process?.isAlive) machine.host.process.turn(again);
      });
      return;
    }
    machine.askedInVain = 0;
    const { base } = log;
    const { neededFrom } = donor!;
    const deliveredUpTo = Math.max(this.runningOn(donor!.host)!.follower.deliveredUpTo, neededFrom - 1);
    this.#setup.world.tell(`${machine.host.name} takes what ${donor!.host.name} has up to ${deliveredUpTo}`);
    const entries = donor!.host.disk.observe(() => entriesOf(log, deliveredUpTo));
    const { term, votedFor, claim } = group.log.hardState;
    const newestTerm = entries.at(-1)?.term ?? base.term;
    const isOlder = term < newestTerm;
    const hardState = {
      term: isOlder ? newestTerm : term,
      votedFor: isOlder ? null : votedFor,
      claim: machine.claim ?? claim,
    };
    const done = (): void => {
      machine.isBehind = false;
      machine.claim = null;
      machine.deliveredUpTo = deliveredUpTo;
      machine.neededFrom = neededFrom;
      this.#setup.world.coverage.add('a state transfer is done');
      again();
    };
    group.log.reset(base, hardState, () => {
      if (entries.length === 0) return done();
      const number = group.log.lastRequest + 1;
      group.log.onDurable = (upTo) => {
        if (upTo >= number) done();
      };
      group.log.persist({ number, hardState: group.log.hardState, entries });
    });
    this.#keepAskingForRoom(machine, group, () => machine.isBehind);
  }

  /** The group layer, which asks its log so else, is not open. */
  #keepAskingForRoom(machine: GroupMachine, group: Group, isWaiting: () => boolean): void {
    const { process } = machine.host;
    this.#setup.world.schedule(ROOM_RETRY_US, () => {
      if (!isWaiting() || machine.host.process !== process) return;
      process?.turn(() => group.log.retryRoom());
      this.#keepAskingForRoom(machine, group, isWaiting);
    });
  }

  #delivered(
    machine: GroupMachine,
    running: RunningGroup,
    { who, delivery }: { who: string; delivery: Delivery },
  ): void {
    const { order, judge, reads } = this.#setup;
    running.follower.follow(delivery.index);
    const expected = order.messageAt(running.place);
    const isSame =
      expected !== undefined &&
      expected.index === delivery.index &&
      expected.term === delivery.term &&
      expected.origin === delivery.origin &&
      expected.incarnation === delivery.incarnation &&
      expected.messageNumber === delivery.messageNumber &&
      expected.stampMs === delivery.stampMs &&
      areEqual(expected.payload, delivery.payload);
    judge.check(isSame, () => `${who} delivers a message at ${delivery.index}, and ${expected?.index} is next`);
    running.place++;
    machine.deliveredUpTo = Math.max(machine.deliveredUpTo, delivery.index);
    if (delivery.ticket === null) return;
    const since = running.pending.get(delivery.ticket);
    judge.check(
      since !== undefined,
      () => `${who} delivers ticket ${delivery.ticket} twice, or without having given it`,
    );
    running.pending.delete(delivery.ticket);
    judge.check(
      !reads.wasCutOff(machine.host, since ?? null),
      () => `${who} delivers what it broadcast, and was cut off all the time`,
    );
  }

  #viewChanged(machine: GroupMachine, view: GroupView, { who, index }: { who: string; index: LogIndex }): void {
    const { order } = this.#setup;
    const { running } = machine;
    if (running !== null && index > running.follower.deliveredUpTo) running.follower.follow(index);
    order.told(who, view, index);
  }

  #failed(machine: GroupMachine, error: Error): void {
    const { judge, world } = this.#setup;
    const { host } = machine;
    if (!host.disk.isBroken) return judge.fail(`${host.name} fails: ${error.stack}`);
    world.tell(`${host.name} ends: ${error.message}`);
    world.coverage.add('a disk error ends a member');
    host.crash('killed');
  }

  #watch(machine: GroupMachine): void {
    const { host } = machine;
    host.processFailed = (error) => {
      const known = error instanceof Error ? error : new Error(String(error));
      if (known.name === 'DiskError' || known.name === 'DamagedRecord') this.#failed(machine, known);
      else this.#setup.judge.fail(`${host.name} stops: ${known.stack}`);
    };
    host.turnEnded = () => this.#turnEnded(machine);
    watchDisk(host, this.#occasions);
  }

  #turnEnded(machine: GroupMachine): void {
    const { order, judge } = this.#setup;
    const running = this.runningOn(machine.host);
    if (running === null) return;
    const { status } = running.group;
    if (status === null) return;
    if (machine.lookedAt?.status === status && machine.lookedAt.orderedUpTo === order.lastIndex) return;
    if (status.deliveredUpTo > running.follower.deliveredUpTo) running.follower.follow(status.deliveredUpTo);
    const expected = order.messagesUpTo(running.follower.deliveredUpTo);
    judge.check(
      running.place === expected,
      () => `${machine.host.name} has delivered ${running.place} messages, and its log has ${expected}`,
    );
    machine.deliveredUpTo = Math.max(machine.deliveredUpTo, running.follower.deliveredUpTo);
    if (machine.deliveredUpTo >= machine.truncatesAt) {
      machine.truncatesAt = machine.deliveredUpTo + TRUNCATE_EVERY;
      // What is not durable here may have to be delivered again.
      const kept = Math.min(machine.deliveredUpTo, status.durableUpTo) - machine.keepsBehind;
      machine.neededFrom = Math.max(machine.neededFrom, kept + 1);
      running.group.truncate(machine.neededFrom);
    }
    checkViewChanges(judge, machine.host, running.group);
    this.#promises.turnEnded(machine.host.name, machine.memberId, running.group);
    this.#situations.statusSeen(machine, status);
    machine.lookedAt = { status, orderedUpTo: order.lastIndex };
  }

  #formationOf(machine: GroupMachine, { disk }: Environment) {
    if (disk.readWhole('group.json') !== null) return machine.rejoins ? ({ kind: 'rejoin' } as const) : null;
    const others = this.roster.machines.filter((each) => each !== machine && (!machine.isFounder || each.isFounder));
    const seeds = others.map(({ host }) => host.address);
    machine.seeds = seeds;
    if (machine !== this.roster.machines[0] || !machine.isFounder) return { kind: 'seeds', seeds } as const;
    return { kind: 'bootstrap', seeds, groupName: 'simulated', options: {} } as const;
  }
}

/** All of a log up to `upTo`. */
function entriesOf(log: Group['log'], upTo: LogIndex): LogEntry[] {
  const entries: LogEntry[] = [];
  while (log.firstIndex + entries.length <= upTo) {
    entries.push(...log.entries(log.firstIndex + entries.length, upTo, READ_BYTES));
  }
  return entries;
}

const SILENT = {
  formed: () => {},
  delivered: () => {},
  viewChanged: () => {},
  statusChanged: () => {},
  reachabilityChanged: () => {},
  noticed: () => {},
  refusedPeer: () => {},
  roomChanged: () => {},
  expelled: () => {},
  left: () => {},
  behind: () => {},
  refused: () => {},
  failed: () => {},
};

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}
