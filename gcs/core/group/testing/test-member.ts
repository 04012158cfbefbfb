/** Members of a group in a simulated world, with nothing above their group layer: for its tests. */
import assert from 'node:assert/strict';
import type { SimulatedHost, SimulatedWorld } from '../../../../sim/world/index.ts';
import { utf8Decode, utf8Encode } from '../../../base/index.ts';
import { runLengthCompression } from '../../messages/index.ts';
import type { Delivery, GroupDefinition, GroupView } from '../../types.ts';
import { memberOf } from '../../views.ts';
import type { Formation, GroupOptions } from '../contract.ts';
import { Group } from '../group.ts';
import { GROUP_DEFAULTS } from '../options.ts';

/** What one run of a member's group layer did. */
export interface Run {
  readonly group: Group;
  readonly deliveries: Delivery[];
  readonly delivered: string[];
  readonly views: { readonly view: GroupView; readonly index: number }[];
  readonly turnedAway: string[];
  readonly room: boolean[];
  readonly reachability: string[];
  refused: string | null;
  definition: GroupDefinition | null;
  /** Its final event. */
  ended: 'expelled' | 'left' | 'behind' | 'refused' | 'failed' | null;
}

export interface StartOptions {
  readonly lostDisk?: boolean;
  readonly options?: GroupOptions;
  /** It does not call `start` of itself. */
  readonly isRestoring?: boolean;
  /** It is never ready to be a voter. */
  readonly isNeverReady?: boolean;
}

export class TestMember {
  readonly host: SimulatedHost;
  memberId: string;
  incarnation = 0;
  run: Run | null = null;
  startRefused: string | null = null;

  constructor(world: SimulatedWorld, name: string, address = `${name}:1`) {
    this.host = world.addHost(name, address);
    this.memberId = `id-${name}`;
  }

  start(formation: Formation, { lostDisk, options, isRestoring, isNeverReady }: StartOptions = {}): void {
    this.run = null;
    this.startRefused = null;
    this.host.start((environment) => {
      if (lostDisk) for (const name of environment.disk.list()) environment.disk.remove(name);
      const run: Omit<Run, 'group'> = {
        deliveries: [],
        delivered: [],
        views: [],
        turnedAway: [],
        room: [],
        reachability: [],
        refused: null,
        definition: null,
        ended: null,
      };
      const ends = (how: NonNullable<Run['ended']>): void => {
        assert.equal(this.run!.ended, null, 'a run ends once');
        this.run!.ended = how;
      };
      const prepared = Group.prepare({
        environment,
        compression: runLengthCompression,
        memberId: this.memberId,
        incarnation: ++this.incarnation,
        groupAddress: this.host.address,
        host: this.host.name,
        port: 7001,
        formation,
        options: options ?? GROUP_DEFAULTS,
        events: {
          formed: (definition) => {
            this.run!.definition = definition;
            if (!isRestoring) this.run!.group.start(0);
          },
          delivered: (delivery) => {
            assert.equal(this.run!.ended, null, 'nothing is delivered after the end');
            run.deliveries.push(delivery);
            run.delivered.push(utf8Decode(delivery.payload) ?? '');
          },
          viewChanged: (view, index) => {
            run.views.push({ view, index });
          },
          statusChanged: ({ caughtUp }) => {
            if (caughtUp && !isNeverReady) this.host.process!.soon(() => this.run!.group.setReady());
          },
          reachabilityChanged: (peer, isReachable) => {
            run.reachability.push(`${peer.memberId} ${isReachable}`);
          },
          noticed: () => {},
          refusedPeer: (_address, reason) => {
            run.turnedAway.push(reason);
          },
          roomChanged: (hasRoom) => {
            run.room.push(hasRoom);
          },
          expelled: (view) => {
            const { group } = this.run!;
            assert.equal(memberOf(view, group.self!.ordinal), undefined, 'it is not in the view that it is told');
            ends('expelled');
          },
          left: () => ends('left'),
          behind: () => ends('behind'),
          refused: (reason) => {
            this.run!.refused = reason;
            ends('refused');
          },
          failed: () => ends('failed'),
        },
      });
      if (prepared.kind === 'refused') {
        this.startRefused = prepared.reason;
        return;
      }
      this.run = Object.assign(run, { group: prepared.group });
      if (prepared.group.damage === null) prepared.group.open();
    });
  }

  /** Ends this process and starts another one on the same disk. */
  restart(formation: Formation, options: StartOptions = {}): void {
    this.host.crash('killed');
    this.start(formation, options);
  }

  /** Does something in a turn of its process. */
  do<T>(what: (group: Group) => T): T {
    let result: T | undefined;
    this.host.process!.turn(() => {
      result = what(this.run!.group);
    });
    return result as T;
  }

  broadcast(text: string): number {
    return this.do((group) => group.broadcast(utf8Encode(text)));
  }

  get isReady(): boolean {
    return this.run?.group.status?.caughtUp === true;
  }

  get isLeader(): boolean {
    return this.host.process !== null && this.run?.ended === null && this.run.group.status?.role === 'leader';
  }

  /** Its stay in the newest view that it knows. */
  get ordinal(): number {
    return this.run!.group.self!.ordinal;
  }

  get isVoter(): boolean {
    const { view, self } = this.run!.group;
    return (view !== null && self !== null && memberOf(view, self.ordinal)?.isVoter) ?? false;
  }
}

const SECOND_US = 1_000_000;

export function until(world: SimulatedWorld, condition: () => boolean, seconds = 30): void {
  world.runUntil(world.nowUs + seconds * SECOND_US, condition);
  assert.ok(condition(), `the condition came true within ${seconds} s`);
}

export function formedGroup(world: SimulatedWorld, names = ['a', 'b', 'c'], options?: GroupOptions): TestMember[] {
  const members = names.map((name) => new TestMember(world, name));
  const [first, ...others] = members;
  const start: StartOptions = options === undefined ? {} : { options };
  const seeds = others.map((member) => member.host.address);
  first!.start({ kind: 'bootstrap', seeds, groupName: 'test', options: { colour: 'red' } }, start);
  for (const member of others) member.start({ kind: 'seeds', seeds: [first!.host.address] }, start);
  until(world, () => members.every((member) => member.isReady));
  return members;
}

/** A new member that joins a group through its member `through`, until it is a voter. */
export function joined(
  world: SimulatedWorld,
  name: string,
  through: TestMember,
  options: StartOptions = {},
): TestMember {
  const member = new TestMember(world, name);
  member.start({ kind: 'seeds', seeds: [through.host.address] }, options);
  until(world, () => member.isReady && member.isVoter);
  return member;
}

export function leaderOf(members: readonly TestMember[]): TestMember {
  const leaders = members.filter((member) => member.isLeader);
  const term = (member: TestMember): number => member.run!.group.status!.term;
  leaders.sort((a, b) => term(b) - term(a));
  assert.ok(leaders[0] !== undefined, 'somebody leads');
  return leaders[0];
}

/** Ids of the members of its newest view, with `?` behind a learner's. */
export function membersOf(member: TestMember): string[] {
  return member.run!.group.view!.members.map(({ memberId, isVoter }) => `${memberId}${isVoter ? '' : '?'}`);
}
