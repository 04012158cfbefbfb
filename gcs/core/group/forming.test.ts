import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { foundingView } from '../views.ts';
import type { Formation } from './contract.ts';
import { GROUP_PROTOCOL_VERSION, type Introduction } from './handshake.ts';
import { Joining } from './joining.ts';
import { GROUP_DEFAULTS } from './options.ts';
import { formedGroup, TestMember, until } from './testing/test-member.ts';

const SECONDS = 1_000_000;

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
    assert.match(other.run!.refused!, /the group test is there already: start with --seeds alone to join it/);
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

  test('a member that was started with seeds takes no place in a group that none of them is in', () => {
    const world = new SimulatedWorld(12);
    const stranger = new TestMember(world, 'x');
    const [a, b] = ['a', 'b'].map((name) => new TestMember(world, name));
    b!.start({ kind: 'seeds', seeds: ['a:1'] });
    stranger.start({ kind: 'bootstrap', seeds: ['b:1'], groupName: 'strange', options: {} });
    until(world, () => stranger.run!.definition !== null);
    world.runFor(5 * SECONDS);
    assert.equal(b!.run!.definition, null);
    a!.start({ kind: 'bootstrap', seeds: ['b:1'], groupName: 'test', options: {} });
    until(world, () => [a, b].every((member) => member!.isReady));
    assert.equal(b!.run!.definition!.groupName, 'test');
    assert.equal(stranger.isReady, false);
  });

  test('a place in a group is kept until a seed, under whatever address, turns out to be in it', () => {
    const [a, b, x] = ['a', 'b', 'x'].map((name) => introductionOf(name));
    const formation = { kind: 'seeds', seeds: ['alias-of-a:1'] } as const;
    const joining = new Joining(b!, formation);
    const options = {};
    const offers = [
      [x!, b!],
      [a!, b!],
    ].map((members, i) => {
      const view = foundingView(0, members);
      return { definition: { groupId: `group-${i}`, groupName: 'test', view, options }, self: 1, view };
    });
    for (const offer of offers) assert.equal(joining.isOfSeeds(offer), false);
    assert.equal(joining.withheldOfSeeds(), null);
    joining.met('elsewhere:1', x!);
    assert.equal(joining.withheldOfSeeds(), null, 'whoever answers elsewhere is no seed');
    joining.met('alias-of-a:1', a!);
    assert.equal(joining.withheldOfSeeds()!.definition.groupId, 'group-1');
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

function introductionOf(name: string): Introduction {
  return {
    protocolVersion: GROUP_PROTOCOL_VERSION,
    messageBytesMax: GROUP_DEFAULTS.messageBytesMax,
    memberId: `id-${name}`,
    incarnation: 1,
    groupId: null,
    ordinal: null,
    viewNumber: 0,
    isLeader: false,
    formation: 'seeds',
    groupAddress: `${name}:1`,
    host: name,
    port: 7001,
  };
}
