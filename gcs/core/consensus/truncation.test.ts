import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Append, Behind } from './peer-message.ts';
import { TestCluster } from './testing/cluster.ts';
import { appendOf, diskWith, message, noop } from './testing/entries.ts';
import { everyone, led, sent, texts } from './testing/scenes.ts';

/** Member 2 missed `missed` broadcasts, and the others keep none of them. */
function withOneBehind(missed: number): TestCluster {
  const cluster = led(3);
  cluster.crash(2);
  for (let i = 1; i <= missed; i++) cluster.propose(0, `m${i}`);
  cluster.settle();
  for (const ordinal of [0, 1]) cluster.truncate(ordinal, missed);
  return cluster;
}

describe('a log that begins later', () => {
  test('R9: a peer that needs what is not kept any more is told so, at the pace of heartbeats, and shows it', () => {
    const cluster = withOneBehind(5);
    cluster.start(2);
    everyone(cluster, 300);
    assert.equal(cluster.core(2).isBehind, true);
    assert.equal(cluster.core(2).leader, 0, 'it hears its leader all the same');
    assert.equal(cluster.core(2).hasQuorum, true);
    cluster.elapse(300, 0);
    const told = sent(cluster.packets, 'behind').filter(({ to }) => to === 2);
    assert.ok(told.length >= 3 && told.length <= 5, `${told.length} in 300 ms`);
    assert.deepEqual((told[0]!.message as Behind).firstIndex, 6);
    assert.deepEqual(texts(cluster, 2), []);
  });

  test('R9: with the state of another it goes on behind it, and is behind no more', () => {
    const cluster = withOneBehind(5);
    cluster.start(2);
    everyone(cluster, 300);
    cluster.crash(2);
    cluster.transferState(1, 2);
    cluster.propose(0, 'meanwhile');
    everyone(cluster, 100);
    cluster.start(2);
    everyone(cluster, 200);
    assert.equal(cluster.core(2).isBehind, false);
    assert.deepEqual(texts(cluster, 2), ['meanwhile']);
    const { receivedByAll, lastIndex } = cluster.core(2).status();
    assert.equal(receivedByAll, lastIndex);
  });

  test('R9: a state that is older than what the leader keeps by then leaves it behind, and the next does not', () => {
    const cluster = withOneBehind(5);
    cluster.transferState(1, 2);
    for (let i = 6; i <= 9; i++) cluster.propose(0, `m${i}`);
    cluster.settle();
    for (const ordinal of [0, 1]) cluster.truncate(ordinal, 9);
    cluster.start(2);
    everyone(cluster, 300);
    assert.equal(cluster.core(2).isBehind, true);
    cluster.crash(2);
    cluster.transferState(0, 2);
    cluster.start(2);
    everyone(cluster, 300);
    assert.deepEqual([cluster.core(2).isBehind, cluster.core(2).status().chosenUpTo], [false, 10]);
  });

  test('R9: the log is truncated while appends are under way, and answers to them arrive later', () => {
    const cluster = led(3, { windowMessagesMax: 4 });
    for (let i = 1; i <= 3; i++) cluster.propose(0, `m${i}`);
    const late = sent(cluster.packets, 'append').filter(({ to }) => to === 2);
    assert.equal(late.length, 3);
    cluster.packets = cluster.packets.filter(({ to }) => to !== 2);
    cluster.sync(0);
    cluster.arriveAll(({ to }) => to === 1);
    cluster.sync(1);
    cluster.arriveAll(() => true);
    cluster.truncate(0, 3);
    assert.equal(cluster.core(0).status().firstIndex, 4);
    for (const { message: append } of late.reverse()) cluster.feed({ from: 0, to: 2, message: append });
    everyone(cluster, 300);
    assert.deepEqual(texts(cluster, 2), ['m1', 'm2', 'm3']);
  });

  test('R9: an append that begins before the base of a follower is taken from the base on', () => {
    const cluster = led(3);
    for (let i = 1; i <= 4; i++) cluster.propose(0, `m${i}`);
    everyone(cluster, 100);
    cluster.truncate(1, 4);
    const entries = [3, 4, 5, 6].map((index) =>
      message({ index, term: 1 }, { origin: 0, messageNumber: index - 1 }, `m${index - 1}`),
    );
    cluster.feed({ from: 0, to: 1, message: appendOf({ term: 1, previousIndex: 2, previousTerm: 1, entries }) });
    assert.equal(cluster.core(1).status().lastIndex, 6);
    cluster.feed({ from: 0, to: 1, message: appendOf({ term: 1, previousIndex: 1, previousTerm: 1 }) });
    assert.equal(cluster.core(1).status().lastIndex, 6);
  });

  test('R11: a leader that is stale, and knows less than this base, is refused without a look below it', () => {
    const cluster = led(3);
    for (let i = 1; i <= 4; i++) cluster.propose(0, `m${i}`);
    everyone(cluster, 100);
    cluster.truncate(1, 4);
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    cluster.elect(1);
    cluster.settle();
    const stale = appendOf({ term: 1, previousIndex: 2, previousTerm: 1 });
    const answer = cluster.feed({ from: 0, to: 1, message: stale }).send[0]!.message;
    assert.equal(answer.kind === 'append-answer' && answer.term > 1 && answer.rejected !== null, true);
  });

  test('where the logs of a follower and a leader part below the base of the leader, the follower is behind', () => {
    const ours = [noop(1, 1), noop(2, 2), noop(3, 2), noop(4, 2), noop(5, 2)];
    const theirs = [noop(1, 1), noop(2, 1), noop(3, 1), noop(4, 1), noop(5, 1), noop(6, 1)];
    const leader = diskWith(2, null, ...ours);
    leader.truncate(4);
    const cluster = new TestCluster({
      members: 3,
      disks: [leader, diskWith(2, null, ...theirs), diskWith(2, null, ...ours)],
    });
    cluster.elect(0);
    everyone(cluster, 500);
    assert.equal(cluster.core(0).status().chosenUpTo, 6);
    assert.equal(cluster.core(1).isBehind, true);
  });

  test('a peer that is told to be behind and has all of that chosen says so, and is sent what is next', () => {
    const cluster = led(3);
    for (let i = 1; i <= 4; i++) cluster.propose(0, `m${i}`);
    everyone(cluster, 100);
    const behind = { kind: 'behind', term: 1, firstIndex: 4, chosenUpTo: 5 } as const;
    const [answer] = cluster.feed({ from: 0, to: 1, message: behind }).send;
    assert.equal(answer!.message.kind === 'append-answer' && answer!.message.matchedUpTo, 5);
    assert.equal(cluster.core(1).isBehind, false);
  });

  test('so does one that has all of that from this leader, though it does not know it to be chosen yet', () => {
    const cluster = led(3);
    const entries = [2, 3, 4, 5].map((index) =>
      message({ index, term: 1 }, { origin: 0, messageNumber: index - 1 }, `m${index - 1}`),
    );
    const append = appendOf({ term: 1, previousIndex: 1, previousTerm: 1, chosenUpTo: 1, entries });
    cluster.feed({ from: 0, to: 1, message: append });
    cluster.sync(1);
    assert.equal(cluster.core(1).status().chosenUpTo, 1);
    const behind = { kind: 'behind', term: 1, firstIndex: 4, chosenUpTo: 5 } as const;
    const [answer] = cluster.feed({ from: 0, to: 1, message: behind }).send;
    assert.equal(cluster.core(1).isBehind, false);
    assert.equal(answer!.message.kind === 'append-answer' && answer!.message.matchedUpTo, 5);
  });

  test('a new leader starts from the end of its log, however much of it is kept', () => {
    const cluster = led(3);
    for (let i = 1; i <= 4; i++) cluster.propose(0, `m${i}`);
    everyone(cluster, 100);
    for (const ordinal of [0, 1, 2]) cluster.truncate(ordinal, 5);
    cluster.crash(0);
    cluster.elect(1);
    const [first] = sent(cluster.packets, 'append');
    assert.equal((first!.message as Append).previousIndex, 5);
    cluster.settle();
    assert.equal(cluster.core(2).status().chosenUpTo, 6);
  });
});
