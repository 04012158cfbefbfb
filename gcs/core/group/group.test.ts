import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { SimulatedHost } from '../../../sim/world/index.ts';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import type { Delivery, GroupDefinition } from '../types.ts';
import { decodeDefinition, encodeDefinition } from './definition.ts';
import { type Formation, Group } from './group.ts';
import { decodeFrame, encodeFrame, type Introduction } from './handshake.ts';
import { GROUP_DEFAULTS } from './options.ts';

/** What one run of a member's group layer did. */
interface Run {
  readonly group: Group;
  readonly delivered: string[];
  readonly turnedAway: string[];
  refused: string | null;
  definition: GroupDefinition | null;
}

class TestMember {
  readonly host: SimulatedHost;
  memberId: string;
  incarnation = 0;
  run: Run | null = null;
  startRefused: string | null = null;

  constructor(world: SimulatedWorld, name: string) {
    this.host = world.addHost(name, `${name}:1`);
    this.memberId = `id-${name}`;
  }

  start(formation: Formation, { lostDisk = false } = {}): void {
    this.host.start((environment) => {
      if (lostDisk) for (const name of environment.disk.list()) environment.disk.remove(name);
      const run: Omit<Run, 'group'> = { delivered: [], turnedAway: [], refused: null, definition: null };
      const prepared = Group.prepare({
        environment,
        memberId: this.memberId,
        incarnation: ++this.incarnation,
        groupAddress: this.host.address,
        host: this.host.name,
        port: 7001,
        formation,
        options: GROUP_DEFAULTS,
        events: {
          formed: (definition) => {
            run.definition = definition;
            this.run!.group.start(0);
          },
          delivered: (delivery: Delivery) => {
            run.delivered.push(new TextDecoder().decode(delivery.payload));
          },
          statusChanged: () => {},
          reachabilityChanged: () => {},
          noticed: () => {},
          refusedPeer: (_address, reason) => {
            run.turnedAway.push(reason);
          },
          refused: (reason) => {
            run.refused = reason;
          },
          failed: (error) => {
            throw error;
          },
        },
      });
      if (prepared.kind === 'refused') {
        this.startRefused = prepared.reason;
        return;
      }
      this.run = Object.assign(run, { group: prepared.group });
      prepared.group.open();
    });
  }

  broadcast(text: string): void {
    this.host.process!.turn(() => this.run!.group.broadcast(new TextEncoder().encode(text)));
  }

  get isReady(): boolean {
    return this.run?.group.status?.caughtUp === true;
  }
}

const SECONDS = 1_000_000;

function until(world: SimulatedWorld, condition: () => boolean, seconds = 30): void {
  world.runUntil(world.nowUs + seconds * SECONDS, condition);
  assert.ok(condition(), 'the condition came true in time');
}

function formedGroup(world: SimulatedWorld, names = ['a', 'b', 'c']): TestMember[] {
  const members = names.map((name) => new TestMember(world, name));
  const [first, ...others] = members;
  first!.start({
    kind: 'bootstrap',
    seeds: others.map((member) => member.host.address),
    groupName: 'test',
    options: { colour: 'red' },
  });
  for (const member of others) member.start({ kind: 'seeds', seeds: [first!.host.address] });
  until(world, () => members.every((member) => member.isReady));
  return members;
}

describe('forming a group', () => {
  test('the bootstrapping member and its seeds come to one definition, and messages of all to one order', () => {
    const world = new SimulatedWorld(1);
    const members = formedGroup(world);
    const definitions = members.map((member) => member.run!.definition);
    assert.deepEqual(definitions[1], definitions[0]);
    assert.deepEqual(definitions[2], definitions[0]);
    assert.deepEqual(
      definitions[0]!.view.members.map((member) => [member.ordinal, member.memberId, member.groupAddress]),
      [
        [0, 'id-a', 'a:1'],
        [1, 'id-b', 'b:1'],
        [2, 'id-c', 'c:1'],
      ],
    );
    for (const member of members) for (let i = 0; i < 5; i++) member.broadcast(`${member.memberId} ${i}`);
    until(world, () => members.every((member) => member.run!.delivered.length === 15));
    assert.deepEqual(members[1]!.run!.delivered, members[0]!.run!.delivered);
    assert.deepEqual(members[2]!.run!.delivered, members[0]!.run!.delivered);
    for (const { memberId } of members) {
      const own = members[0]!.run!.delivered.filter((text) => text.startsWith(memberId));
      assert.deepEqual(
        own,
        [0, 1, 2, 3, 4].map((i) => `${memberId} ${i}`),
      );
    }
  });

  test('one member alone is a group', () => {
    const world = new SimulatedWorld(2);
    const [member] = formedGroup(world, ['a']);
    member!.broadcast('hello');
    until(world, () => member!.run!.delivered.length === 1);
  });

  test('a member that has its definition needs neither --bootstrap nor --seeds, and a whole group comes back by itself', () => {
    const world = new SimulatedWorld(3);
    const members = formedGroup(world);
    members[1]!.broadcast('before');
    until(world, () => members.every((member) => member.run!.delivered.length === 1));
    for (const member of members) member.host.crash('power-lost');
    for (const member of members) member.start(null);
    until(world, () => members.every((member) => member.isReady));
    members[2]!.broadcast('after');
    until(world, () => members.every((member) => member.run!.delivered.length === 2));
    for (const member of members) assert.deepEqual(member.run!.delivered, ['before', 'after']);
  });

  test('a member that crashed before it stored the definition gets it when it is back', () => {
    for (let seed = 10; seed < 40; seed++) {
      const world = new SimulatedWorld(seed);
      const members = ['a', 'b', 'c'].map((name) => new TestMember(world, name));
      members[0]!.start({ kind: 'bootstrap', seeds: ['b:1', 'c:1'], groupName: 'test', options: {} });
      for (const member of members.slice(1)) member.start({ kind: 'seeds', seeds: ['a:1'] });
      world.runUntil(world.random.split('when').below(SECONDS / 2));
      const victim = members[world.random.split('who').below(3)]!;
      victim.host.crash('power-lost');
      const formation: Formation =
        victim === members[0]
          ? { kind: 'bootstrap', seeds: ['b:1', 'c:1'], groupName: 'test', options: {} }
          : { kind: 'seeds', seeds: ['a:1'] };
      victim.start(formation);
      until(world, () => members.every((member) => member.isReady));
    }
  });

  test('a data directory without a group is refused without --bootstrap and --seeds', () => {
    const world = new SimulatedWorld(4);
    const member = new TestMember(world, 'a');
    member.start(null);
    assert.match(member.startRefused!, /belongs to no group yet: say --bootstrap/);
  });

  test('--bootstrap is refused where there is another group already, and does nothing where there is this one', () => {
    const world = new SimulatedWorld(5);
    const members = formedGroup(world);
    const [member] = members;
    const { definition } = member!.run!;
    const same = { kind: 'bootstrap', seeds: ['c:1', 'b:1'], groupName: 'test', options: { colour: 'red' } } as const;
    for (const other of [
      { ...same, groupName: 'again' },
      { ...same, seeds: ['b:1'] },
      { ...same, seeds: ['b:1', 'd:1'] },
      { ...same, options: { colour: 'blue' } },
      { ...same, options: {} },
    ]) {
      member!.host.crash('killed');
      member!.startRefused = null;
      member!.start(other);
      assert.match(member!.startRefused!, /already belongs to the group test, .* start without --bootstrap/);
    }
    member!.host.crash('killed');
    member!.startRefused = null;
    member!.start(same);
    assert.equal(member!.startRefused, null);
    until(world, () => member!.isReady);
    assert.deepEqual(member!.run!.definition, definition);
  });

  test('a member that lost its disk does not come back as the old one, and both sides say why', () => {
    const world = new SimulatedWorld(6);
    const members = formedGroup(world);
    members[2]!.host.crash('killed');
    const empty = members[2]!;
    empty.memberId = 'id-other';
    empty.incarnation = 0;
    empty.start({ kind: 'seeds', seeds: ['a:1'] }, { lostDisk: true });
    until(world, () => empty.run!.refused !== null);
    assert.match(empty.run!.refused!, /created without member id-other|lost its disk/);
    assert.ok(
      members
        .slice(0, 2)
        .some((member) => member.run!.turnedAway.some((reason) => /lost its disk|without member/.test(reason))),
    );
  });

  test('a refusal that is repeated is reported once', () => {
    const world = new SimulatedWorld(11);
    const [member] = formedGroup(world, ['a', 'b']);
    const other = new TestMember(world, 'x');
    other.start({ kind: 'bootstrap', seeds: ['a:1', 'y:1'], groupName: 'other', options: {} });
    until(world, () => other.run!.refused !== null);
    // A stranger that does not take the refusal for an end.
    for (let i = 0; i < 5; i++) {
      other.host.crash('killed');
      other.start({ kind: 'bootstrap', seeds: ['a:1', 'y:1'], groupName: 'other', options: {} }, { lostDisk: true });
      until(world, () => other.run!.refused !== null);
    }
    assert.equal(member!.run!.turnedAway.length, 1);
  });

  test('a member of another group is refused on both sides', () => {
    const world = new SimulatedWorld(7);
    formedGroup(world, ['a', 'b']);
    const other = new TestMember(world, 'x');
    other.start({ kind: 'bootstrap', seeds: ['a:1'], groupName: 'other', options: {} });
    until(world, () => other.run!.refused !== null);
    assert.match(other.run!.refused!, /group test was created without member id-x/);
  });

  test('a group layer that has stopped may be stopped again, and says each time when it is done', () => {
    const world = new SimulatedWorld(9);
    const [member] = formedGroup(world, ['a']);
    const done: string[] = [];
    member!.host.process!.turn(() => {
      member!.run!.group.stop();
      member!.run!.group.stop(() => done.push('while it stops'));
    });
    until(world, () => done.length === 1);
    member!.host.process!.turn(() => member!.run!.group.stop(() => done.push('afterwards')));
    until(world, () => done.length === 2);
  });

  test('two bootstrapping members refuse each other', () => {
    const world = new SimulatedWorld(8);
    const a = new TestMember(world, 'a');
    const b = new TestMember(world, 'b');
    a.start({ kind: 'bootstrap', seeds: ['b:1'], groupName: 'one', options: {} });
    b.start({ kind: 'bootstrap', seeds: ['a:1'], groupName: 'two', options: {} });
    until(world, () => a.run!.turnedAway.length > 0 && b.run!.turnedAway.length > 0);
    assert.match(a.run!.turnedAway[0]!, /both members were started with --bootstrap/);
  });
});

describe('the frames between members', () => {
  const introduction: Introduction = {
    protocolVersion: 1,
    memberId: 'm',
    incarnation: 3,
    groupId: null,
    formation: 'seeds',
    groupAddress: 'h:1',
    host: 'h',
    port: 2,
  };

  test('come back as they were sent', () => {
    const frames = [
      { kind: 'hello', introduction },
      { kind: 'answer', introduction, refused: null },
      { kind: 'answer', introduction: { ...introduction, groupId: 'g', formation: null }, refused: 'why' },
      { kind: 'refused', reason: 'why' },
      { kind: 'definition', bytes: new Uint8Array([1]) },
      { kind: 'peer', bytes: new Uint8Array([2, 3]) },
      { kind: 'notice', bytes: new Uint8Array() },
    ] as const;
    for (const frame of frames) assert.deepEqual(decodeFrame(encodeFrame(frame)), frame);
  });

  test('never throw when they are foreign', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        decodeFrame(bytes);
      }),
    );
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), (at, value) => {
        const bytes = encodeFrame({ kind: 'hello', introduction });
        bytes[at % bytes.length] = value;
        decodeFrame(bytes);
      }),
    );
  });

  test('a definition with any byte changed is found damaged, or says the same', () => {
    const definition: GroupDefinition = {
      groupId: 'g',
      groupName: 'name',
      view: { viewId: '1:1', members: [{ ordinal: 0, memberId: 'm', groupAddress: 'h:1', host: 'h', port: 1 }] },
      options: { a: 1 },
    };
    const bytes = encodeDefinition(definition);
    assert.deepEqual(decodeDefinition(bytes), { kind: 'definition', definition });
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      const decoded = decodeDefinition(changed);
      if (decoded.kind === 'definition') assert.deepEqual(decoded.definition, definition);
    }
  });
});
