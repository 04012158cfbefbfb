import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TestCluster } from './testing/cluster.ts';
import { diskWith, noop } from './testing/entries.ts';
import { MemoryLog } from './testing/memory-log.ts';
import { everyone, led, texts } from './testing/scenes.ts';

describe('elections', () => {
  test('a vote goes to a log that is at least as far: by last term first, then by last index', () => {
    const outcomes = [
      [2, 2, true],
      [1, 3, true],
      [1, 2, false],
      [9, 1, false],
    ] as const;
    for (const [lastIndex, lastTerm, expected] of outcomes) {
      const cluster = new TestCluster({
        members: 3,
        disks: [new MemoryLog(), diskWith(2, null, noop(1, 1), noop(2, 2))],
      });
      for (const preVote of [true, false]) {
        const effects = cluster.feed({
          from: 0,
          to: 1,
          message: { kind: 'vote-request', term: 4, preVote, isTransfer: false, lastIndex, lastTerm },
        });
        if (effects.send.length === 0) cluster.sync(1);
        const answer = cluster.packets.at(-1)!.message;
        assert.equal(answer.kind === 'vote-answer' && answer.granted, expected, `${lastIndex}@${lastTerm}`);
      }
    }
  });

  test('R5: a member cut off for long raises no term and deposes nobody when it comes back', () => {
    const cluster = led(3);
    cluster.cut(0, 2);
    cluster.cut(1, 2);
    everyone(cluster, 5_000);
    assert.equal(cluster.core(2).status().role, 'pre-candidate');
    cluster.heal(0, 2);
    cluster.heal(1, 2);
    everyone(cluster, 2_000);
    const { role, term } = cluster.core(0).status();
    assert.deepEqual([role, term], ['leader', 1]);
    assert.equal(cluster.core(2).status().leader, 0);
  });

  test('R5: with one link of three broken, the leader stays and the third member does not disturb it', () => {
    const cluster = led(3);
    cluster.cut(0, 2);
    everyone(cluster, 5_000);
    const { role, term } = cluster.core(0).status();
    assert.deepEqual([role, term], ['leader', 1]);
    cluster.propose(1, 'x');
    cluster.settle();
    assert.deepEqual(texts(cluster, 1), ['x']);
  });

  test('R5: a leader that hears no majority has no quorum and steps down, and the others elect one', () => {
    const cluster = led(3);
    cluster.cut(0, 1, false);
    cluster.cut(0, 2, false);
    everyone(cluster, 600);
    assert.equal(cluster.core(0).status().hasQuorum, false);
    everyone(cluster, 100);
    assert.notEqual(cluster.core(0).role, 'leader');
    everyone(cluster, 2_000);
    const leaders = cluster.members.filter(({ core }) => core!.status().role === 'leader');
    assert.equal(leaders.length, 1);
    assert.equal(leaders[0]!.core!.status().hasQuorum, true);
  });

  test('a closed link to the leader hurries its follower to a pre-vote within 300 ms', () => {
    const cluster = led(3);
    cluster.crash(0);
    everyone(cluster, 325);
    const roles = [1, 2].map((ordinal) => cluster.core(ordinal).status().role);
    assert.ok(roles.includes('leader'), roles.join());
  });

  test('a follower that hears its leader refuses pre-votes and ignores votes', () => {
    const cluster = led(3);
    const request = {
      kind: 'vote-request',
      term: 7,
      preVote: true,
      isTransfer: false,
      lastIndex: 9,
      lastTerm: 6,
    } as const;
    const [answer] = cluster.feed({ from: 2, to: 1, message: request }).send;
    assert.equal(answer?.message.kind === 'vote-answer' && answer.message.granted, false);
    assert.deepEqual(cluster.feed({ from: 2, to: 1, message: { ...request, preVote: false } }).send, []);
    assert.equal(cluster.core(1).status().term, 1);
  });

  test('R20: a leader that slept wakes without a quorum, its appends are refused, and it follows', () => {
    const cluster = led(3);
    for (const other of [1, 2]) cluster.cut(0, other, false);
    for (let passed = 0; passed < 3_000; passed += 25) {
      cluster.elapse(25, 1, 2);
      cluster.settle();
    }
    for (const other of [1, 2]) cluster.heal(0, other);
    cluster.packets = [];
    assert.equal(cluster.core(0).status().hasQuorum, false);
    cluster.propose(0, 'late');
    assert.equal(cluster.core(0).role, 'leader');
    cluster.settle();
    assert.equal(cluster.core(0).role, 'follower');
    everyone(cluster, 1_500);
    for (const { ordinal } of cluster.members) assert.deepEqual(texts(cluster, ordinal), ['late']);
  });

  test('R24: a member that stood still does not hold its own silence against the others, but only once in a row', () => {
    const cluster = led(3);
    cluster.nowMs += 2_000;
    cluster.step(0, { kind: 'tick' });
    cluster.step(1, { kind: 'tick' });
    assert.equal(cluster.core(0).role, 'leader');
    assert.equal(cluster.core(1).status().role, 'follower');
    cluster.nowMs += 2_000;
    cluster.step(0, { kind: 'tick' });
    cluster.step(1, { kind: 'tick' });
    assert.equal(cluster.core(0).role, 'follower');
    assert.equal(cluster.core(1).status().role, 'pre-candidate');
  });

  test('R21: a single member leads itself, and what it broadcasts is chosen as soon as it is durable', () => {
    const cluster = new TestCluster({ members: 1 });
    cluster.step(0, { kind: 'tick' });
    cluster.settle();
    cluster.propose(0, 'x');
    assert.deepEqual(texts(cluster, 0), []);
    cluster.sync(0);
    assert.deepEqual(texts(cluster, 0), ['x']);
    const { caughtUp, hasQuorum, receivedByAll } = cluster.core(0).status();
    assert.deepEqual([caughtUp, hasQuorum, receivedByAll], [true, true, 2]);
  });

  test('R21: when all members restart together, the group comes back with what was chosen', () => {
    const cluster = led(3);
    cluster.propose(2, 'x');
    cluster.settle();
    for (const { ordinal } of cluster.members) cluster.crash(ordinal);
    cluster.packets = [];
    for (const { ordinal } of cluster.members) cluster.start(ordinal);
    assert.equal(cluster.core(0).status().caughtUp, false);
    everyone(cluster, 3_000);
    for (const { ordinal, core } of cluster.members) {
      assert.deepEqual(texts(cluster, ordinal), ['x']);
      assert.equal(core!.status().caughtUp, true);
    }
  });
});
