/** Group layers alone, without a database above them: each remembers what was delivered, or delivers it again after a restart. */
import type { SeededRandom } from '../../gcs/base/index.ts';
import { Group, type GroupHeadline, type GroupOptions } from '../../gcs/core/index.ts';
import type { FaultTargets, Occasion } from '../faults.ts';
import type { Elections } from '../observers/elections.ts';
import type { Judge } from '../observers/judge.ts';
import type { TotalOrder } from '../observers/total-order.ts';
import { Occasions } from '../occasions.ts';
import type { SimulatedHost, SimulatedWorld } from '../world/index.ts';

export interface RunningGroup {
  readonly group: Group;
  /** Messages of the order that this run has delivered, or started behind. */
  place: number;
  status: GroupHeadline | null;
}

export interface GroupClusterSetup {
  readonly world: SimulatedWorld;
  readonly judge: Judge;
  readonly order: TotalOrder;
  readonly elections: Elections;
  readonly random: SeededRandom;
  readonly memberCount: number;
  readonly options: GroupOptions;
}

export class GroupCluster implements FaultTargets {
  readonly members: readonly SimulatedHost[];
  readonly #setup: GroupClusterSetup;
  readonly #occasions = new Occasions();
  readonly #running = new Map<SimulatedHost, RunningGroup>();
  readonly #memberIds = new Map<SimulatedHost, string>();
  /** Known to be delivered by an earlier run of the member. */
  readonly #deliveredUpTo = new Map<SimulatedHost, number>();

  constructor(setup: GroupClusterSetup) {
    this.#setup = setup;
    const { world, random, judge, elections } = setup;
    const members: SimulatedHost[] = [];
    for (let i = 1; i <= setup.memberCount; i++) {
      const host = world.addHost(`member-${i}`, `member-${i}:71`);
      host.processFailed = (error) => judge.fail(`${host.name} stops: ${error instanceof Error ? error.stack : error}`);
      this.#memberIds.set(host, random.uuid());
      members.push(host);
    }
    this.members = members;
    world.network.frameSent = (from, to, bytes) => {
      this.#occasions.happened(from, 'frame');
      elections.frameSent(from, to, bytes);
    };
    elections.voted = (voter) => this.#occasions.happened(voter, 'vote');
  }

  runningOn(member: SimulatedHost): RunningGroup | null {
    return member.process === null ? null : (this.#running.get(member) ?? null);
  }

  /** The newest run of each member, also of one that is down. */
  get newestRuns(): readonly (Group | null)[] {
    return this.members.map((member) => this.#running.get(member)?.group ?? null);
  }

  leader(): SimulatedHost | null {
    let leader: SimulatedHost | null = null;
    let term = 0;
    for (const member of this.members) {
      const status = this.runningOn(member)?.status;
      if (status?.role === 'leader' && status.term > term) {
        leader = member;
        term = status.term;
      }
    }
    return leader;
  }

  stop(member: SimulatedHost, stopped: () => void): void {
    const running = this.runningOn(member);
    member.process?.turn(() => running?.group.stop(stopped));
  }

  /** There are no lanes here to flush. */
  onNext(member: SimulatedHost, occasion: Occasion, happened: () => void): void {
    this.#occasions.onNext(member, occasion, happened);
  }

  restart(member: SimulatedHost): void {
    const { order, judge, elections, options } = this.#setup;
    const self = this.members.indexOf(member);
    const others = this.members.filter((each) => each !== member).map((each) => each.address);
    member.start((environment, process) => {
      let group: Group | null = null;
      let running: RunningGroup | null = null;
      const who = `${member.name} in run ${process.run}`;
      const mayReplay = this.#setup.random.chance(50) ? 0 : (this.#deliveredUpTo.get(member) ?? 0);
      let follower = order.follow(who, mayReplay);
      const prepared = Group.prepare({
        environment,
        memberId: this.#memberIds.get(member)!,
        incarnation: process.run,
        groupAddress: member.address,
        host: member.name,
        port: 70,
        formation:
          environment.disk.readWhole('group.json') !== null
            ? null
            : self === 0
              ? { kind: 'bootstrap', seeds: others, groupName: 'simulated', options: {} }
              : { kind: 'seeds', seeds: others },
        options,
        events: {
          formed: () => {
            follower = order.follow(who, mayReplay);
            group!.start(mayReplay);
          },
          delivered: (delivery) => {
            follower.delivered(delivery);
            running!.place = follower.place;
            const before = this.#deliveredUpTo.get(member) ?? 0;
            this.#deliveredUpTo.set(member, Math.max(before, delivery.index));
          },
          statusChanged: (status) => {
            running!.status = status;
            if (status.role !== 'leader') return;
            elections.leads(member, process.run, status.term);
            this.#setup.world.tell(`${who} leads in term ${status.term}`);
          },
          reachabilityChanged: () => {},
          noticed: () => {},
          refusedPeer: () => {},
          refused: (reason) => judge.fail(`${who} is refused: ${reason}`),
          failed: (error) => judge.fail(`${who} fails: ${error.stack}`),
        },
      });
      if (prepared.kind === 'refused') return judge.fail(`${who} is refused: ${prepared.reason}`);
      group = prepared.group;
      running = { group, place: follower.place, status: null };
      this.#running.set(member, running);
      group.open();
    });
  }
}
