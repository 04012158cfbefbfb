/** Whole members over simulated hosts, each with what survives its process: a disk and lanes. */

import { MemoryLaneDisk, MemoryLaneStore } from '../../applier/index.ts';
import { lruRecencyCache } from '../../certifier/cache/index.ts';
import type { SeededRandom } from '../../gcs/base/index.ts';
import type { Group } from '../../gcs/core/index.ts';
import {
  CERTIFICATION_CAPACITY,
  DEFAULT_LIMITS,
  Engine,
  type ImageCodec,
  Member,
  type MemberOptions,
} from '../../node/engine/index.ts';
import type { FaultTargets, Occasion } from '../faults.ts';
import type { Elections } from '../observers/elections.ts';
import type { Judge } from '../observers/judge.ts';
import { MemberObserver } from '../observers/member-observer.ts';
import type { ShadowDatabase } from '../observers/shadow-database.ts';
import type { StreamObserver } from '../observers/stream-observer.ts';
import type { TotalOrder } from '../observers/total-order.ts';
import { Occasions } from '../occasions.ts';
import type { SimulatedHost, SimulatedProcess, SimulatedWorld } from '../world/index.ts';

/** One run of a member. */
export interface RunningMember {
  readonly process: SimulatedProcess;
  readonly member: Member;
  readonly engine: Engine;
  readonly observer: MemberObserver;
}

export interface MemberClusterSetup {
  readonly world: SimulatedWorld;
  readonly judge: Judge;
  readonly order: TotalOrder;
  readonly shadow: ShadowDatabase;
  readonly elections: Elections;
  readonly random: SeededRandom;
  readonly codec: ImageCodec;
  readonly memberCount: number;
  readonly laneCount: number;
  readonly capacity: number;
  readonly options: MemberOptions;
  /** Those who follow the changes at a member. */
  readonly followers: (host: string) => readonly StreamObserver[];
}

interface Machine {
  readonly memberId: string;
  readonly lanes: readonly MemoryLaneDisk[];
  readonly followers: readonly StreamObserver[];
}

export class MemberCluster implements FaultTargets {
  readonly members: readonly SimulatedHost[];
  readonly #setup: MemberClusterSetup;
  readonly #machines = new Map<SimulatedHost, Machine>();
  readonly #occasions = new Occasions();
  readonly #running = new Map<SimulatedHost, RunningMember>();

  constructor(setup: MemberClusterSetup) {
    this.#setup = setup;
    const { world, random, judge, elections, memberCount, laneCount } = setup;
    this.members = Array.from({ length: memberCount }, (_, i) => {
      const host = world.addHost(`member-${i + 1}`, `member-${i + 1}:71`);
      host.processFailed = (error) => judge.fail(`${host.name} stops: ${error instanceof Error ? error.stack : error}`);
      host.turnEnded = () => this.runningOn(host)?.observer.turnEnded();
      const lanes = Array.from({ length: laneCount }, () => new MemoryLaneDisk());
      this.#machines.set(host, { memberId: random.uuid(), lanes, followers: setup.followers(host.name) });
      return host;
    });
    world.network.frameSent = (from, to, bytes) => {
      this.#occasions.happened(from, 'frame');
      elections.frameSent(from, to, bytes);
    };
    elections.voted = (voter) => this.#occasions.happened(voter, 'vote');
  }

  runningOn(member: SimulatedHost): RunningMember | null {
    const running = this.#running.get(member);
    return running !== undefined && running.process === member.process ? running : null;
  }

  /** The newest run of each member, also of one that is down. */
  get newestRuns(): readonly (Group | null)[] {
    return this.members.map((member) => this.#running.get(member)?.member.group ?? null);
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

  stop(host: SimulatedHost, stopped: () => void): void {
    const running = this.runningOn(host);
    host.process?.turn(() => {
      running?.member.stop(() => {
        running.engine.stop();
        stopped();
      });
    });
  }

  onNext(member: SimulatedHost, occasion: Occasion, happened: () => void): void {
    this.#occasions.onNext(member, occasion, happened);
  }

  /** Every member runs, is ONLINE and has delivered the whole order. */
  get isConverged(): boolean {
    return this.members.every((host) => {
      const running = this.runningOn(host);
      if (running?.member.state !== 'ONLINE' || running.observer.place !== this.#setup.order.length) return false;
      return this.#machines.get(host)!.followers.every(({ position }) => position === running.member.appliedUpTo);
    });
  }

  /** Whoever follows a stream takes all that there is from now on. */
  followersTakeAll(): void {
    for (const { followers } of this.#machines.values()) for (const follower of followers) follower.takeAll();
  }

  describe(): string {
    return this.members
      .map((host) => {
        const running = this.runningOn(host);
        if (running === null) return `${host.name} is down`;
        const { place } = running.observer;
        const positions = this.#machines.get(host)!.followers.map(({ position }) => position);
        return `${host.name} ${running.member.state} at ${place} of ${this.#setup.order.length}, streams at ${positions.join(' and ')}`;
      })
      .join(', ');
  }

  restart(host: SimulatedHost): void {
    const { judge, order, shadow, elections, options, codec, capacity, world } = this.#setup;
    const machine = this.#machines.get(host)!;
    const others = this.members.filter((each) => each !== host).map((each) => each.address);
    host.start((environment, process) => {
      const who = `${host.name} in run ${process.run}`;
      const { clock, disk, random } = environment;
      const lanes = machine.lanes.map(
        (lane) => new MemoryLaneStore({ disk: lane, clock, flushDelayMs: () => this.#drawFlushMs(host) }),
      );
      const formed = disk.readWhole('group.json') !== null;
      let observer: MemberObserver | null = null;
      const prepared = Member.prepare({
        environment,
        memberId: machine.memberId,
        incarnation: process.run,
        groupAddress: host.address,
        host: host.name,
        port: 70,
        formation: formed
          ? null
          : host === this.members[0]
            ? {
                kind: 'bootstrap',
                seeds: others,
                groupName: 'simulated',
                options: { [CERTIFICATION_CAPACITY]: capacity },
              }
            : { kind: 'seeds', seeds: others },
        lanes,
        newCache: lruRecencyCache,
        imageCodec: codec,
        version: '0.0.0',
        options,
        events: {
          stateChanged: (state, why) => {
            world.tell(`${who} is ${state}: ${why}`);
            if (state === 'ERROR') judge.fail(`${who} is in ERROR: ${why}`);
          },
          leaderChanged: (leader, term) => {
            if (leader === machine.memberId) {
              world.tell(`${who} leads in term ${term}`);
              elections.leads(host, process.run, term);
            }
          },
          quorumChanged: () => {},
          reachabilityChanged: () => {},
          formed: () => {},
          refusedPeer: (address, reason) => world.tell(`${who} and ${address}: ${reason}`),
          recovered: ({ upTo }) => {
            const deliveredUpTo = prepared.kind === 'prepared' ? prepared.member.verdicts!.stateAtEnd.logIndex : 0;
            world.tell(`${who} has rebuilt itself up to ${upTo}, log index ${deliveredUpTo}`);
            observer!.recovered(deliveredUpTo);
            observer!.compareState();
          },
          refused: (reason) => judge.fail(`${who} is refused: ${reason}`),
          failed: (error) => judge.fail(`${who} fails: ${error.stack}`),
        },
      });
      if (prepared.kind === 'refused') return judge.fail(`${who} is refused: ${prepared.reason}`);
      const { member } = prepared;
      observer = new MemberObserver({ name: who, member, judge, order, shadow });
      const engine = new Engine({ replica: member, clock, random, limits: DEFAULT_LIMITS, imageCodec: codec });
      this.#running.set(host, { process, member, engine, observer });
      for (const follower of machine.followers) follower.started(process, member, engine);
      member.open();
    });
  }

  #drawFlushMs(host: SimulatedHost): number {
    this.#occasions.happened(host, 'lane flush');
    return host.disk.drawSyncUs() / 1000;
  }
}
