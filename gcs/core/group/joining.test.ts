import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { Joining } from './joining.ts';
import { GROUP_DEFAULTS } from './options.ts';
import { formedGroup, joined, leaderOf, membersOf, TestMember, until } from './testing/test-member.ts';

const SECONDS = 1_000_000;

describe('joining a group', () => {
  test('a new member becomes a learner, delivers everything, and then a voter; all see the same views', () => {
    const world = new SimulatedWorld(1);
    const members = formedGroup(world);
    members[0]!.broadcast('before');
    const d = new TestMember(world, 'd');
    d.start({ kind: 'seeds', seeds: ['b:1'] }, { isNeverReady: true });
    until(world, () => d.isReady);
    assert.equal(d.isVoter, false);
    assert.deepEqual(d.run!.delivered, ['before']);
    world.runFor(5 * SECONDS);
    assert.deepEqual(membersOf(members[0]!), ['id-a', 'id-b', 'id-c', 'id-d?'], 'not before its owner is ready');
    d.do((group) => group.setReady());
    until(world, () => d.isVoter);
    d.broadcast('after');
    const all = [...members, d];
    until(world, () => all.every((member) => member.run!.delivered.at(-1) === 'after'));
    until(world, () => all.every((member) => member.run!.views.at(-1)!.view.number === 3));
    for (const member of all) {
      assert.deepEqual(member.run!.views, members[0]!.run!.views);
      assert.deepEqual(
        member.run!.views.map(({ view }) => view.viewId.split(':')[1]),
        ['1', '2', '3'],
      );
      assert.equal(member.run!.definition!.view.members.length, 3, 'the definition has the founding view');
    }
    assert.equal(d.ordinal, 3);
  });

  test('a group grows from one member to five, and shrinks to one again', () => {
    const world = new SimulatedWorld(2);
    const members = formedGroup(world, ['a']);
    for (const name of ['b', 'c', 'd', 'e']) members.push(joined(world, name, members.at(-1)!));
    for (const member of members) member.broadcast(`from ${member.memberId}`);
    until(world, () => members.every((member) => member.run!.delivered.length === 5));
    while (members.length > 1) {
      const [leaving] = members.splice(members.indexOf(leaderOf(members)), 1);
      leaving!.do((group) => group.leave());
      until(world, () => leaving!.run!.ended === 'left');
      until(world, () => members.every((member) => membersOf(member).length === members.length));
    }
    members[0]!.broadcast('alone');
    until(world, () => members[0]!.run!.delivered.at(-1) === 'alone');
  });

  test('many join at once, through any member, one change at a time', () => {
    for (let seed = 10; seed < 15; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world);
      const others = ['d', 'e', 'f', 'g'].map((name) => new TestMember(world, name));
      for (const [i, member] of others.entries()) {
        member.start({ kind: 'seeds', seeds: [members[i % 3]!.host.address] });
      }
      until(world, () => others.every((member) => member.isReady && member.isVoter));
      const all = [...members, ...others];
      until(world, () => all.every((member) => member.run!.views.at(-1)!.view.number === 9));
      const last = members[0]!.run!.views;
      assert.deepEqual(new Set(last.at(-1)!.view.members.map(({ ordinal }) => ordinal)).size, 7);
    }
  });

  test('a member that crashes at any moment of its joining is let in once, under one ordinal', () => {
    for (let seed = 20; seed < 60; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world, ['a', 'b']);
      const d = new TestMember(world, 'd');
      const [victim, formation] = world.random.split('who').pick([
        [d, { kind: 'seeds', seeds: ['a:1'] } as const],
        [leaderOf(members), null],
      ] as const);
      d.start({ kind: 'seeds', seeds: ['a:1'] });
      world.runFor(world.random.split('when').below(SECONDS / 20));
      victim.host.crash('power-lost');
      world.runFor(world.random.split('how long').below(SECONDS / 5));
      victim.start(formation);
      until(world, () => d.isReady && d.isVoter);
      assert.equal(d.ordinal, 2);
      until(world, () => membersOf(members[0]!).join() === 'id-a,id-b,id-d');
    }
  });

  test('a learner that is not there any more is removed, and does not stop the group', () => {
    const world = new SimulatedWorld(3);
    const members = formedGroup(world, ['a', 'b']);
    const d = new TestMember(world, 'd');
    d.start({ kind: 'seeds', seeds: ['a:1'] }, { isNeverReady: true });
    until(world, () => d.isReady);
    d.host.crash('power-lost');
    members[0]!.broadcast('meanwhile');
    until(world, () => members.every((member) => member.run!.delivered.length === 1), 1);
    until(world, () => members.every((member) => membersOf(member).length === 2), 10);
  });

  test('who is to be let in again dials also those that were members before, since the newest may be out of reach', () => {
    const joining = new Joining({ memberId: 'id-c', groupAddress: 'c:1', host: 'c', port: 1 }, { kind: 'rejoin' });
    joining.remember(['a:1', 'b:1', 'c:1'].map((groupAddress) => ({ groupAddress })));
    joining.remember([{ groupAddress: 'd:1' }]);
    assert.deepEqual([...joining.addresses()], ['a:1', 'b:1', 'd:1']);
  });

  test('a seed that is not the leader names it; the seed need not stay', () => {
    const world = new SimulatedWorld(4);
    const members = formedGroup(world);
    const follower = members.find((member) => !member.isLeader)!;
    const d = new TestMember(world, 'd');
    d.start({ kind: 'seeds', seeds: [follower.host.address] });
    until(world, () => d.run!.group.definition !== null);
  });

  test('another group protocol version, the own id or a group that is there already: refused with a reason on both sides', () => {
    const world = new SimulatedWorld(5);
    const members = formedGroup(world, ['a', 'b']);
    const copy = new TestMember(world, 'copy');
    copy.memberId = 'id-a';
    copy.start({ kind: 'seeds', seeds: ['a:1', 'b:1'] });
    until(world, () => copy.run!.ended === 'refused');
    assert.match(copy.run!.refused!, /this is the same member|which can be reached: a data directory was copied/);
    const twin = new TestMember(world, 'twin');
    twin.memberId = 'id-b';
    twin.start({ kind: 'seeds', seeds: ['a:1'] });
    until(world, () => twin.run!.ended === 'refused');
    const reasons = members.flatMap((member) => member.run!.turnedAway);
    assert.ok(reasons.some((reason) => /same member|a data directory was copied/.test(reason)));
    assert.deepEqual(membersOf(members[0]!), ['id-a', 'id-b']);
  });

  test('a member that takes messages of another length is refused with the reason on both sides, also one of the group', () => {
    const world = new SimulatedWorld(8);
    const members = formedGroup(world, ['a', 'b']);
    const options = { ...GROUP_DEFAULTS, messageBytesMax: 1000 };
    const reason =
      /takes messages of up to 1000 bytes, the one that it asks of up to 157286400: all members of a group/;
    const other = new TestMember(world, 'other');
    other.start({ kind: 'seeds', seeds: ['a:1'] }, { options });
    until(world, () => other.run!.ended === 'refused');
    assert.match(other.run!.refused!, reason);
    const [a, b] = members;
    assert.ok(a!.run!.turnedAway.some((each) => reason.test(each)));
    b!.restart(null, { options });
    until(world, () => b!.run!.turnedAway.some((each) => reason.test(each)));
    assert.ok(a!.run!.turnedAway.some((each) => reason.test(each)));
  });

  test('a member that says it is at the address of another that can be reached is refused', () => {
    const world = new SimulatedWorld(6);
    const members = formedGroup(world, ['a', 'b']);
    const thief = new TestMember(world, 'thief', 'thief:1');
    Object.defineProperty(thief.host, 'address', { value: 'b:1' });
    thief.start({ kind: 'seeds', seeds: ['a:1'] });
    until(world, () => thief.run!.ended === 'refused');
    assert.match(thief.run!.refused!, /the group address b:1 is that of member id-b, which can be reached/);
    assert.ok(leaderOf(members).run!.turnedAway.some((reason) => /which can be reached/.test(reason)));
  });

  test('R17: a member that lost its disk comes back as a new one, and the old one is gone first', () => {
    for (const isQuick of [true, false]) {
      const world = new SimulatedWorld(7);
      const members = formedGroup(world);
      const lost = members[2]!;
      const others = members.slice(0, 2);
      lost.host.crash('killed');
      if (!isQuick) world.runFor(3 * SECONDS);
      lost.memberId = 'id-new';
      lost.start({ kind: 'seeds', seeds: ['a:1'] }, { lostDisk: true });
      until(world, () => lost.isReady && lost.isVoter);
      assert.equal(lost.ordinal, 3);
      until(world, () => others.every((member) => membersOf(member).join() === 'id-a,id-b,id-new'));
      const sizes = others[0]!.run!.views.map(({ view }) => view.members.length);
      assert.deepEqual(sizes, [3, 2, 3, 3]);
      assert.deepEqual(others[0]!.run!.views.at(-1)!.view.former, [{ ordinal: 2, memberId: 'id-c' }]);
    }
  });

  test('R17: the same member id without its disk is not the same stay either', () => {
    const world = new SimulatedWorld(8);
    const members = formedGroup(world);
    const lost = members[2]!;
    lost.host.crash('killed');
    lost.start({ kind: 'seeds', seeds: ['a:1', 'b:1'] }, { lostDisk: true });
    until(world, () => lost.isReady && lost.isVoter);
    assert.equal(lost.ordinal, 3);
  });
});

describe('signs of life', () => {
  test('a member that restores itself for long is not expelled', () => {
    const world = new SimulatedWorld(30);
    const members = formedGroup(world);
    const slow = members.find((member) => !member.isLeader)!;
    slow.restart(null, { isRestoring: true });
    world.runFor(30 * SECONDS);
    assert.equal(membersOf(leaderOf(members.filter((member) => member !== slow))).length, 3);
    slow.do((group) => group.start(0));
    until(world, () => slow.isReady);
  });

  test('members that say nothing to each other in the order still know who can be reached', () => {
    const world = new SimulatedWorld(31);
    const members = formedGroup(world);
    world.runFor(10 * SECONDS);
    for (const { run } of members) {
      assert.deepEqual([...run!.group.reachability().values()], [true, true, true]);
      assert.ok(run!.reachability.every((text) => text.endsWith('true')));
    }
    members[2]!.host.crash('power-lost');
    const [a, b] = members;
    const limit = GROUP_DEFAULTS.unreachableAfterMs / 1000 + 1;
    until(world, () => [a, b].every((member) => member!.run!.group.reachability().get(2) === false), limit);
  });
});
