import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { decodeView } from '../views.ts';
import { GROUP_DEFAULTS } from './options.ts';
import type { RemovalOutcome } from './removals.ts';
import { formedGroup, joined, leaderOf, membersOf, TestMember, until } from './testing/test-member.ts';

const SECONDS = 1_000_000;
const EXPEL_S = (GROUP_DEFAULTS.unreachableAfterMs + GROUP_DEFAULTS.memberExpelTimeoutMs) / 1000;

/** Cuts `member` off from all others, in both directions. */
function isolate(world: SimulatedWorld, member: TestMember, others: readonly TestMember[]): void {
  for (const other of others) {
    world.network.block(member.host, other.host);
    world.network.block(other.host, member.host);
  }
}

describe('expelling a member', () => {
  test('one that is silent goes after the time limit, and not before; it comes back under a new ordinal', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world);
      const silent = members[seed % 3]!;
      const others = members.filter((member) => member !== silent);
      silent.host.process!.pause();
      world.runFor((EXPEL_S - 0.5) * SECONDS);
      for (const member of others) assert.equal(membersOf(member).length, 3);
      until(world, () => others.every((member) => membersOf(member).length === 2), 3);
      others[0]!.broadcast('without it');
      until(world, () => others.every((member) => member.run!.delivered.length === 1));
      silent.host.process!.resume();
      until(world, () => silent.run!.ended === 'expelled');
      assert.deepEqual(silent.run!.delivered, []);
      silent.restart({ kind: 'rejoin' });
      until(world, () => silent.isReady && silent.isVoter);
      assert.equal(silent.ordinal, 3);
      assert.deepEqual(silent.run!.delivered, ['without it']);
      silent.broadcast('back');
      until(world, () => members.every((member) => member.run!.delivered.at(-1) === 'back'));
    }
  });

  test('a group that stood still as a whole expels nobody', () => {
    const world = new SimulatedWorld(6);
    const members = formedGroup(world);
    for (const member of members) member.host.process!.pause();
    world.runFor(60 * SECONDS);
    for (const member of members) member.host.process!.resume();
    world.runFor((EXPEL_S - 1) * SECONDS);
    assert.ok(members.every((member) => membersOf(member).length === 3 && member.run!.ended === null));
    members[0]!.broadcast('on');
    until(world, () => members.every((member) => member.run!.delivered.length === 1));
  });

  test('R21: a minority that is cut off expels nobody, and comes back as it was if the majority was down, too', () => {
    const world = new SimulatedWorld(7);
    const members = formedGroup(world);
    for (const member of members.slice(1)) member.host.crash('power-lost');
    world.runFor(30 * SECONDS);
    assert.equal(membersOf(members[0]!).length, 3);
    for (const member of members.slice(1)) member.start(null);
    until(world, () => members.every((member) => member.isReady && member.run!.group.status!.hasQuorum));
    assert.ok(members.every((member) => membersOf(member).length === 3));
  });

  test('R5: a removed member that still runs and hears nothing disturbs nobody, and is told when it is heard', () => {
    for (let seed = 10; seed < 15; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world);
      const removed = members.find((member) => !member.isLeader)!;
      const others = members.filter((member) => member !== removed);
      isolate(world, removed, others);
      until(world, () => others.every((member) => membersOf(member).length === 2), EXPEL_S + 5);
      const { term } = leaderOf(others).run!.group.status!;
      world.network.unblockAll();
      until(world, () => removed.run!.ended === 'expelled');
      // The next run does not know, asks for votes, and is told again.
      removed.restart(null);
      until(world, () => removed.run!.ended === 'expelled');
      world.runFor(10 * SECONDS);
      assert.equal(leaderOf(others).run!.group.status!.term, term);
    }
  });

  test('H15: from the view that removes it on, nothing of that stay is delivered', () => {
    for (let seed = 20; seed < 40; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world);
      const leader = leaderOf(members);
      const removed = members.find((member) => !member.isLeader)!;
      const others = members.filter((member) => member !== removed);
      const talk = (): void => {
        removed.host.process?.turn(() => {
          const { group, ended } = removed.run!;
          if (ended === null && group.canBroadcast()) group.broadcast(new Uint8Array(10));
        });
        world.schedule(1000, talk);
      };
      talk();
      world.runFor(world.random.split('when').below(SECONDS));
      const outcomes: RemovalOutcome[] = [];
      leader.do((group) => group.expel(removed.ordinal, (outcome) => outcomes.push(outcome)));
      until(world, () => outcomes.length === 1);
      assert.deepEqual(outcomes, [{ kind: 'removed' }]);
      world.runFor(2 * SECONDS);
      assert.equal(removed.run!.ended, 'expelled');
      for (const { run } of others) {
        const { index } = run!.views.find(({ view }) => view.members.length === 2)!;
        const late = run!.deliveries.filter(
          (delivery) => delivery.origin === removed.ordinal && delivery.index > index,
        );
        assert.deepEqual(late, []);
        // The log itself has nothing of it.
        const { log } = run!.group;
        const later = index < log.lastIndex ? log.entries(index + 1, log.lastIndex, Number.POSITIVE_INFINITY) : [];
        for (const entry of later) {
          assert.notEqual(entry.origin === removed.ordinal && entry.kind === 'message', true);
        }
      }
    }
  });

  test('by request of any member; with a reason where it cannot be', () => {
    const world = new SimulatedWorld(41);
    const members = formedGroup(world);
    const follower = members.find((member) => !member.isLeader)!;
    const leader = leaderOf(members);
    const third = members.find((member) => member !== follower && member !== leader)!;
    const outcomes: RemovalOutcome[] = [];
    const told = (outcome: RemovalOutcome): number => outcomes.push(outcome);
    follower.do((group) => group.expel(77, told));
    until(world, () => outcomes.length === 1);
    assert.match(JSON.stringify(outcomes[0]), /no member of the group has the ordinal 77/);
    third.host.crash('killed');
    world.runFor(3 * SECONDS);
    follower.do((group) => group.expel(leader.ordinal, told));
    until(world, () => outcomes.length === 2);
    assert.match(JSON.stringify(outcomes[1]), /no majority of those that remain/);
    follower.do((group) => group.expel(third.ordinal, told));
    until(world, () => outcomes.length === 3, 2);
    assert.deepEqual(outcomes[2], { kind: 'removed' });
    assert.deepEqual(membersOf(follower).length, 2);
  });

  test('R3: the leader that is to go lets another lead first; no view ever lacks its leader', () => {
    for (let seed = 50; seed < 60; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world);
      const leader = leaderOf(members);
      const others = members.filter((member) => member !== leader);
      leader.do((group) => group.leave());
      until(world, () => leader.run!.ended === 'left', 3);
      until(world, () => others.every((member) => membersOf(member).length === 2));
      const { log } = others[0]!.run!.group;
      for (const index of log.viewIndexes()) {
        const [entry] = log.entries(index, index, 1);
        const view = decodeView(entry!.payload)!;
        assert.ok(view.members.some(({ ordinal }) => ordinal === entry!.origin));
      }
    }
  });

  test('a member that leaves while nobody leads leaves as soon as somebody does', () => {
    const world = new SimulatedWorld(61);
    const members = formedGroup(world);
    const leader = leaderOf(members);
    const [leaving, other] = members.filter((member) => member !== leader);
    leader.host.crash('power-lost');
    leaving!.do((group) => group.leave());
    leader.start(null);
    until(world, () => leaving!.run!.ended === 'left');
    until(world, () => membersOf(other!).length === 2);
  });

  test('a wish to leave that nobody answered in time is told as unknown, and does not come true much later', () => {
    const world = new SimulatedWorld(65);
    const members = formedGroup(world);
    const [leaving, ...others] = members.toSorted((a, b) => Number(a.isLeader) - Number(b.isLeader));
    for (const { host } of others) host.crash('power-lost');
    const outcomes: RemovalOutcome[] = [];
    leaving!.do((group) => group.leave((outcome) => outcomes.push(outcome)));
    until(world, () => outcomes.length === 1);
    assert.deepEqual(outcomes, [{ kind: 'unknown' }]);
    for (const other of others) other.start(null);
    until(world, () => members.some((member) => member.isLeader));
    world.runFor(30 * SECONDS);
    assert.deepEqual([leaving!.run!.ended, membersOf(leaving!).length], [null, 3]);
  });

  test('who may not leave is told so, and does not leave as soon as it could', () => {
    const world = new SimulatedWorld(66);
    const members = formedGroup(world);
    const leader = leaderOf(members);
    const [leaving, down] = members.filter((member) => member !== leader);
    down!.host.crash('power-lost');
    world.runFor(3 * SECONDS);
    const outcomes: RemovalOutcome[] = [];
    leaving!.do((group) => group.leave((outcome) => outcomes.push(outcome)));
    until(world, () => outcomes.length === 1, 3);
    assert.match(JSON.stringify(outcomes[0]), /no majority of those that remain/);
    down!.start(null);
    world.runFor(20 * SECONDS);
    assert.deepEqual([leaving!.run!.ended, membersOf(leaving!).length], [null, 3]);
  });

  test('R21: the last member leaves nobody behind: it just goes, and comes back alone', () => {
    const world = new SimulatedWorld(62);
    const [a] = formedGroup(world, ['a']);
    a!.do((group) => group.leave());
    until(world, () => a!.run!.ended === 'left');
    a!.restart(null);
    until(world, () => a!.isReady);
    a!.broadcast('x');
    until(world, () => a!.run!.delivered.length === 1);
  });

  test('R21: who is alone only as far as it knew once, and not by its log, does not just go', () => {
    const world = new SimulatedWorld(64);
    const [founder] = formedGroup(world, ['a']);
    const others = ['b', 'c'].map((name) => joined(world, name, founder!));
    const members = [founder!, ...others];
    until(world, () => members.every((member) => membersOf(member).length === 3 && member.isVoter));
    for (const { host } of members) host.crash('power-lost');
    // It knows of the founding view alone that it is chosen.
    founder!.start(null);
    founder!.do((group) => group.leave());
    world.runFor(SECONDS);
    assert.equal(founder!.run!.ended, null);
    for (const other of others) other.start(null);
    until(world, () => founder!.run!.ended === 'left' || membersOf(founder!).length === 3);
    if (founder!.run!.ended === null) {
      world.runFor(5 * SECONDS);
      founder!.do((group) => group.leave());
      until(world, () => founder!.run!.ended === 'left');
    }
    until(world, () => others.every((member) => membersOf(member).length === 2));
  });

  test('R21: of a group of two the one that remains goes on alone, and takes the other one in again', () => {
    const world = new SimulatedWorld(63);
    const members = formedGroup(world, ['a', 'b']);
    const leader = leaderOf(members);
    const other = members.find((member) => member !== leader)!;
    leader.do((group) => group.leave());
    until(world, () => leader.run!.ended === 'left' && other.isLeader);
    other.broadcast('alone');
    until(world, () => other.run!.delivered.length === 1);
    other.restart(null);
    until(world, () => other.isLeader);
    leader.restart({ kind: 'rejoin' });
    until(world, () => leader.isReady && leader.isVoter);
    assert.deepEqual(leader.run!.delivered, ['alone']);
    assert.deepEqual(membersOf(other), [`${other.memberId}`, `${leader.memberId}`]);
  });
});

describe('coming back', () => {
  test('a rejoin that was interrupted at any moment ends with one stay', () => {
    for (let seed = 70; seed < 100; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world);
      const removed = members.find((member) => !member.isLeader)!;
      const others = members.filter((member) => member !== removed);
      leaderOf(members).do((group) => group.expel(removed.ordinal, () => {}));
      until(world, () => removed.run!.ended === 'expelled');
      removed.restart({ kind: 'rejoin' });
      world.runFor(world.random.split('when').below(SECONDS / 20));
      removed.host.crash('power-lost');
      // What its owner does after a crash: it starts as ever, and is told if its stay is over.
      removed.start(null);
      world.runFor(2 * SECONDS);
      if (removed.run!.ended === 'expelled') removed.restart({ kind: 'rejoin' });
      until(world, () => removed.isReady && removed.isVoter);
      assert.equal(removed.ordinal, 3);
      for (const member of others) assert.equal(membersOf(member).length, 3);
    }
  });

  test('a member that was away while all others were replaced still finds the group', () => {
    const world = new SimulatedWorld(101);
    const members = formedGroup(world);
    const away = members[2]!;
    away.host.crash('killed');
    let current = members.slice(0, 2);
    until(world, () => current.every((member) => membersOf(member).length === 2), 15);
    for (const name of ['d', 'e', 'f']) current.push(joined(world, name, current[0]!));
    const [a, b] = current;
    current = current.slice(2);
    // One founding member stays reachable until the one that was away has heard of the new ones.
    b!.do((group) => group.leave());
    until(world, () => b!.run!.ended === 'left');
    away.start(null);
    until(world, () => away.run!.ended === 'expelled');
    assert.equal(a!.run!.ended, null);
    away.restart({ kind: 'rejoin' });
    until(world, () => away.isReady && away.isVoter);
    assert.equal(away.ordinal, 6);
  });

  test('rejoining asks for a group that the directory belongs to', () => {
    const world = new SimulatedWorld(102);
    const member = new TestMember(world, 'a');
    member.start({ kind: 'rejoin' });
    assert.match(member.startRefused!, /belongs to no group yet/);
  });
});

describe('stopping', () => {
  test('a leader that stops lets another lead first, so that nobody waits for an election', () => {
    for (let seed = 110; seed < 120; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world);
      const leader = leaderOf(members);
      const others = members.filter((member) => member !== leader);
      let isClosed = false;
      leader.do((group) =>
        group.stop(() => {
          isClosed = true;
        }),
      );
      const { electionTimeoutMs } = GROUP_DEFAULTS.consensus;
      until(world, () => others.some((member) => member.isLeader), electionTimeoutMs / 4 / 1000);
      until(world, () => isClosed, electionTimeoutMs / 1000);
      const [first] = others;
      until(world, () => first!.run!.group.canBroadcast() && first!.run!.group.status!.leader !== leader.ordinal, 0.1);
      first!.broadcast('on');
      until(world, () => others.every((member) => member.run!.delivered.length === 1), 0.2);
    }
  });

  test('a leader that nobody can follow stops all the same', () => {
    const world = new SimulatedWorld(121);
    const members = formedGroup(world);
    const leader = leaderOf(members);
    for (const member of members) if (member !== leader) member.host.process!.pause();
    let isClosed = false;
    leader.do((group) =>
      group.stop(() => {
        isClosed = true;
      }),
    );
    until(world, () => isClosed, 1);
  });
});
