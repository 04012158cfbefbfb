import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Progress } from './progress.ts';
import { TestCluster } from './testing/cluster.ts';
import { textOf } from './testing/describe.ts';
import { diskWith, message, noop } from './testing/entries.ts';
import { everyone, led, texts } from './testing/scenes.ts';

/** `x` is chosen by members 0 and 1, member 2 never heard of it; then member 1 loses it. Nobody leads. */
function withLostEntry(): TestCluster {
  const cluster = led(3);
  cluster.cut(0, 2);
  cluster.propose(0, 'x');
  cluster.settle();
  assert.deepEqual(texts(cluster, 0), ['x']);
  cluster.crash(0);
  cluster.crash(1);
  cluster.damage(1, 2);
  cluster.heal(0, 2);
  cluster.start(1);
  return cluster;
}

describe('PAR: a member whose log lost its end to damage', () => {
  test('R13: what it had acknowledged cannot be voted away: it gives its vote to nobody with less', () => {
    const cluster = withLostEntry();
    everyone(cluster, 5_000);
    assert.ok(cluster.running.every(({ core }) => core!.role !== 'leader'));
    cluster.start(0);
    everyone(cluster, 3_000);
    assert.equal(cluster.leader!.ordinal, 0);
    for (const ordinal of [1, 2]) assert.deepEqual(texts(cluster, ordinal), ['x']);
  });

  test('R13: it does not stand, not even when it is told to', () => {
    const cluster = withLostEntry();
    const term = cluster.core(1).term;
    everyone(cluster, 5_000);
    assert.deepEqual([cluster.core(1).role, cluster.core(1).term], ['follower', term]);
    cluster.start(0);
    cluster.elect(0);
    cluster.arriveAll(({ message: sent }) => sent.kind === 'append');
    cluster.feed({ from: 0, to: 1, message: { kind: 'timeout-now', term: cluster.core(0).term } });
    assert.equal(cluster.core(1).role, 'follower');
  });

  test('R13: it votes for whoever has what it had', () => {
    const entries = [noop(1, 1), message({ index: 2, term: 1 }, { origin: 0, messageNumber: 1 }, 'x')];
    const damaged = diskWith(1, null, ...entries);
    damaged.lose(2);
    const cluster = new TestCluster({ members: 3, disks: [diskWith(1, null, ...entries), damaged] });
    cluster.crash(2);
    cluster.elect(0);
    cluster.settle();
    assert.deepEqual(texts(cluster, 1), ['x']);
  });

  test('R13: the claim is dropped, durably, once the log is as far again on disk, and not before', () => {
    const cluster = withLostEntry();
    cluster.start(0);
    cluster.elect(0);
    while (cluster.core(1).status().lastIndex < 2) {
      cluster.arriveAll(() => true);
      cluster.elapse(25, 0);
    }
    assert.deepEqual(cluster.core(1).claim, { term: 1, index: 2 });
    assert.deepEqual(cluster.member(1).disk.hardState.claim, { term: 1, index: 2 });
    cluster.settle();
    assert.equal(cluster.core(1).claim, null);
    assert.equal(cluster.member(1).disk.hardState.claim, null);
  });

  test('R13: a crash behind the last entry and before the claim is dropped leaves a claim that is dropped at the start', () => {
    const disk = diskWith(1, null, noop(1, 1), noop(2, 1));
    disk.hardState = { ...disk.hardState, claim: { term: 1, index: 2 } };
    const cluster = new TestCluster({ members: 1, disks: [disk] });
    assert.equal(cluster.core(0).claim, null);
    everyone(cluster, 50);
    assert.equal(cluster.core(0).role, 'leader');
    assert.equal(disk.hardState.claim, null);
  });

  test('R13: a claim survives a restart and changes of the term', () => {
    const cluster = withLostEntry();
    everyone(cluster, 3_000);
    const request = { kind: 'vote-request', term: 7, preVote: false, isTransfer: false } as const;
    cluster.feed({ from: 2, to: 1, message: { ...request, lastIndex: 1, lastTerm: 1 } });
    cluster.sync(1);
    cluster.crash(1);
    cluster.start(1);
    assert.deepEqual([cluster.core(1).term, cluster.core(1).claim], [7, { term: 1, index: 2 }]);
  });

  test('R13: the leader of the same term, that had counted on it, learns of the loss and brings everything back', () => {
    const cluster = led(3);
    for (const text of ['a', 'b', 'c']) cluster.propose(0, text);
    everyone(cluster, 100);
    assert.equal(cluster.core(0).status().peers[0]!.matchedUpTo, 4);
    cluster.crash(1);
    cluster.damage(1, 3);
    cluster.start(1);
    everyone(cluster, 500);
    assert.deepEqual([cluster.core(0).role, cluster.core(0).term], ['leader', 1]);
    assert.equal(cluster.core(1).claim, null);
    assert.deepEqual(cluster.member(1).log.held.map(textOf), ['noop', 'a', 'b', 'c']);
  });

  test('R13: all of the log is lost to one of three, and comes back', () => {
    const cluster = led(3);
    for (const text of ['a', 'b', 'c']) cluster.propose(0, text);
    everyone(cluster, 100);
    cluster.crash(1);
    cluster.damage(1, 1);
    cluster.start(1);
    everyone(cluster, 500);
    assert.deepEqual(texts(cluster, 1), ['a', 'b', 'c']);
  });
});

describe('a refusal of what matched', () => {
  test('is old, unless a later round confirms it', () => {
    const progress = new Progress(5);
    progress.matched(4);
    let round = 3;
    const nextRound = () => ++round;
    assert.equal(progress.hasLost({ previousIndex: 4, round: 3 }, nextRound), false);
    assert.equal(progress.wantedRound, 4);
    assert.equal(progress.hasLost({ previousIndex: 4, round: 3 }, nextRound), false);
    assert.equal(progress.hasLost({ previousIndex: 4, round: 4 }, nextRound), true);
    progress.lost(2);
    assert.deepEqual([progress.matchedUpTo, progress.nextIndex, progress.mode], [2, 3, 'probe']);
  });

  test('is forgotten when that round is answered well', () => {
    const progress = new Progress(5);
    progress.matched(4);
    assert.equal(
      progress.hasLost({ previousIndex: 4, round: 0 }, () => 1),
      false,
    );
    progress.accepted(4, 1);
    assert.equal(
      progress.hasLost({ previousIndex: 4, round: 1 }, () => 2),
      false,
    );
    assert.equal(progress.matchedUpTo, 4);
  });
});
