import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withLearner } from '../views.ts';
import { addressOf, type TestCluster } from './testing/cluster.ts';
import { everyone, led, sent, texts } from './testing/scenes.ts';

function transfer(cluster: TestCluster, to: number | null): void {
  cluster.step(0, { kind: 'transfer-leadership', to });
}

function roles(cluster: TestCluster): string {
  return cluster.members.map(({ core }) => core?.role ?? 'down').join();
}

describe('leadership is handed over (R6)', () => {
  test('R6: to a voter that has everything, which is told at once, skips the pre-vote, and is elected though all hear the old leader', () => {
    const cluster = led(3);
    transfer(cluster, 2);
    assert.deepEqual(
      sent(cluster.packets, 'timeout-now').map(({ to }) => to),
      [2],
    );
    const before = cluster.nowMs;
    cluster.settle();
    assert.equal(roles(cluster), 'follower,follower,leader');
    assert.equal(cluster.core(2).term, 2);
    assert.equal(cluster.nowMs, before, 'no time passes');
    assert.ok(!cluster.transcript.some((line) => line.includes('pre-vote for term 2')));
  });

  test('R6: one that lacks something is told only when it has it, and meanwhile nothing is taken', () => {
    const cluster = led(3);
    cluster.cut(0, 1);
    cluster.propose(0, 'before');
    const { lastIndex } = cluster.core(0).status();
    transfer(cluster, 2);
    assert.deepEqual(sent(cluster.packets, 'timeout-now'), []);
    assert.equal(cluster.core(0).canPropose(), false);
    cluster.propose(0, 'meanwhile');
    cluster.propose(2, 'meanwhile');
    cluster.arriveAll(({ message }) => message.kind === 'propose');
    assert.equal(cluster.core(0).status().lastIndex, lastIndex);
    assert.equal(cluster.core(0).canChangeView, false);
    cluster.heal(0, 1);
    everyone(cluster, 1_000);
    assert.equal(cluster.core(2).role, 'leader');
    assert.deepEqual([...texts(cluster, 1)].sort(), ['before', 'meanwhile', 'meanwhile']);
    assert.equal(texts(cluster, 1)[0], 'before');
  });

  test('R6: after electionTimeoutMs without success the leader goes on, and takes what waited', () => {
    const cluster = led(3);
    transfer(cluster, 2);
    cluster.propose(0, 'waited');
    const deaf = (ms: number): void => {
      for (let passed = 0; passed < ms; passed += 25) {
        cluster.packets = cluster.packets.filter(({ message }) => message.kind !== 'timeout-now');
        everyone(cluster, 25);
      }
    };
    cluster.packets = cluster.packets.filter(({ message }) => message.kind !== 'timeout-now');
    cluster.cut(0, 2);
    deaf(500);
    assert.equal(cluster.core(0).canPropose(), false);
    deaf(150);
    assert.equal(cluster.core(0).canPropose(), true);
    assert.equal(roles(cluster).split(',')[0], 'leader');
    assert.deepEqual(texts(cluster, 1), ['waited']);
  });

  test('R6: what is lost is told again', () => {
    const cluster = led(3);
    transfer(cluster, 2);
    cluster.packets = [];
    everyone(cluster, 200);
    assert.equal(cluster.core(2).role, 'leader');
  });

  test('R6: to nobody that cannot: itself, a learner, a stranger, who is not connected or not heard', () => {
    const cluster = led(3);
    cluster.join();
    cluster.changeView(0, withLearner(cluster.core(0).view, addressOf(3)));
    everyone(cluster, 200);
    cluster.cut(0, 1);
    cluster.cut(0, 2, false);
    everyone(cluster, 450);
    for (const to of [0, 1, 3, 9]) {
      transfer(cluster, to);
      assert.equal(cluster.core(0).canPropose(), true, `${to}`);
    }
    cluster.step(0, { kind: 'tick' });
    cluster.nowMs += 150;
    transfer(cluster, 2);
    assert.equal(cluster.core(0).canPropose(), true, 'not heard');
  });

  test('R6: to the fittest is to who has most; and nothing happens at one that does not lead', () => {
    const cluster = led(5);
    for (const other of [1, 2, 4]) cluster.cut(0, other, false);
    cluster.propose(0, 'x');
    cluster.settle();
    for (const other of [1, 2, 4]) cluster.heal(0, other);
    cluster.packets = [];
    cluster.step(1, { kind: 'transfer-leadership', to: null });
    assert.deepEqual(cluster.packets, []);
    transfer(cluster, null);
    assert.deepEqual(
      sent(cluster.packets, 'timeout-now').map(({ to }) => to),
      [3],
    );
  });

  test('a word of an earlier term, or of one that does not lead, makes nobody stand', () => {
    const cluster = led(3);
    cluster.feed({ from: 2, to: 1, message: { kind: 'timeout-now', term: 1 } });
    cluster.feed({ from: 0, to: 1, message: { kind: 'timeout-now', term: 0 } });
    cluster.feed({ from: 0, to: 1, message: { kind: 'timeout-now', term: 2 } });
    assert.equal(cluster.core(1).role, 'follower');
  });
});

describe('a member whose disk is full (R16)', () => {
  test('R16: gives leadership away, and does not stand while it lasts', () => {
    const cluster = led(3);
    cluster.step(0, { kind: 'disk-full', full: true });
    cluster.settle();
    const { leader } = cluster;
    assert.notEqual(leader!.ordinal, 0);
    cluster.crash(leader!.ordinal);
    const other = [1, 2].find((ordinal) => ordinal !== leader!.ordinal)!;
    everyone(cluster, 3_000);
    assert.equal(cluster.core(other).role, 'leader', 'it votes');
    cluster.crash(other);
    cluster.start(leader!.ordinal);
    cluster.crash(leader!.ordinal);
    everyone(cluster, 3_000);
    assert.equal(cluster.core(0).role, 'follower');
    cluster.step(0, { kind: 'disk-full', full: false });
    everyone(cluster, 1_500);
    assert.equal(cluster.core(0).role, 'pre-candidate', 'it comes back by itself');
  });

  test('R16: tries another the next time, if the first does not take over', () => {
    const cluster = led(3);
    cluster.step(1, { kind: 'disk-full', full: true });
    cluster.step(0, { kind: 'disk-full', full: true });
    everyone(cluster, 500);
    assert.equal(cluster.core(0).role, 'leader', 'member 1 was told, in vain');
    everyone(cluster, 1_000);
    assert.equal(cluster.core(2).role, 'leader');
  });

  test('R16: leads on while nobody can take over, and takes broadcasts between the attempts', () => {
    const cluster = led(3);
    for (const ordinal of [0, 1, 2]) cluster.step(ordinal, { kind: 'disk-full', full: true });
    cluster.propose(1, 'x');
    everyone(cluster, 1_500);
    assert.equal(cluster.core(0).role, 'leader');
    assert.deepEqual(texts(cluster, 2), ['x']);
  });
});

describe('a member whose disk hangs', () => {
  test('R22: does not lead for long, since what waits for it there has no bound but memory', () => {
    const cluster = led(3, { tailBytesMax: 1_000, windowBytesMax: 1_000, pendingMessagesMax: 20 });
    const text = 'x'.repeat(100);
    const lastIndex = (): number => cluster.core(0).status().lastIndex;
    const { durableUpTo } = cluster.core(0).status();
    for (let round = 0; round < 200; round++) {
      if (cluster.core(1).canPropose()) cluster.propose(1, text);
      cluster.arriveAll(() => true);
      for (const ordinal of [1, 2]) cluster.sync(ordinal);
      cluster.arriveAll(() => true);
      cluster.elapse(25, 0, 1, 2);
    }
    assert.equal(cluster.core(0).status().durableUpTo, durableUpTo);
    assert.ok(lastIndex() < 100, `${lastIndex()} entries`);
    assert.ok(cluster.core(0).role !== 'leader' && cluster.leader!.ordinal !== 0);
    assert.ok(texts(cluster, 1).length > 150, `${texts(cluster, 1).length} are chosen without it`);
    everyone(cluster, 500);
    assert.deepEqual(texts(cluster, 0), texts(cluster, 1));
  });
});
