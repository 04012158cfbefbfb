import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AppendAnswer } from './peer-message.ts';
import { TestCluster } from './testing/cluster.ts';
import { led, sent, texts } from './testing/scenes.ts';

describe('what is promised is durable (R1)', () => {
  test('R1: a candidate asks for votes only when its term and its own vote are durable', () => {
    const cluster = new TestCluster({ members: 3 });
    while (cluster.core(0).role !== 'candidate') {
      cluster.elapse(25, 0);
      cluster.arriveAll(() => true);
    }
    assert.deepEqual(cluster.packets, []);
    cluster.sync(0);
    assert.equal(sent(cluster.packets, 'vote-request').length, 2);
  });

  test('R1: a vote is granted aloud only when it is durable, and a crash before that leaves it ungiven', () => {
    const cluster = new TestCluster({ members: 3 });
    const request = {
      kind: 'vote-request',
      term: 1,
      preVote: false,
      isTransfer: false,
      lastIndex: 0,
      lastTerm: 0,
    } as const;
    assert.deepEqual(cluster.feed({ from: 0, to: 1, message: request }).send, []);
    cluster.crash(1);
    cluster.start(1);
    assert.deepEqual(cluster.feed({ from: 2, to: 1, message: request }).send, []);
    cluster.sync(1);
    assert.deepEqual(
      cluster.packets.map(({ to, message: answer }) => [to, answer.kind === 'vote-answer' && answer.granted]),
      [[2, true]],
    );
  });

  test('a vote of an earlier term makes nobody leader in a later one', () => {
    const cluster = new TestCluster({ members: 5 });
    const vote = (term: number, preVote = false) =>
      ({ kind: 'vote-answer', term, preVote, granted: true, wallMs: 0 }) as const;
    const stand = (): void => {
      do cluster.elapse(25, 0);
      while (cluster.core(0).role !== 'pre-candidate');
      const { term } = cluster.core(0).status();
      for (const from of [1, 2]) cluster.feed({ from, to: 0, message: vote(term + 1, true) });
      assert.equal(cluster.core(0).role, 'candidate');
      cluster.sync(0);
    };
    stand();
    const earlier = cluster.core(0).status().term;
    cluster.feed({ from: 1, to: 0, message: vote(earlier) });
    stand();
    const later = cluster.core(0).status().term;
    assert.ok(later > earlier);
    for (const from of [1, 2, 3, 4]) cluster.feed({ from, to: 0, message: vote(earlier) });
    assert.equal(cluster.core(0).role, 'candidate');
    for (const from of [1, 2]) cluster.feed({ from, to: 0, message: vote(later) });
    assert.equal(cluster.core(0).role, 'leader');
  });

  test('R1: a vote that was given is remembered after a restart', () => {
    const cluster = new TestCluster({ members: 3 });
    const request = {
      kind: 'vote-request',
      term: 1,
      preVote: false,
      isTransfer: false,
      lastIndex: 0,
      lastTerm: 0,
    } as const;
    cluster.feed({ from: 0, to: 1, message: request });
    cluster.sync(1);
    cluster.crash(1);
    cluster.start(1);
    const [answer] = cluster.feed({ from: 2, to: 1, message: request }).send;
    assert.equal(answer?.message.kind === 'vote-answer' && answer.message.granted, false);
  });

  test('R1: a follower answers for entries only when they are durable', () => {
    const cluster = led(3);
    cluster.propose(0, 'x');
    cluster.arriveAll(({ to }) => to === 1);
    assert.deepEqual(sent(cluster.packets, 'append-answer'), []);
    cluster.sync(1);
    const [answer] = sent(cluster.packets, 'append-answer');
    assert.equal((answer!.message as AppendAnswer).matchedUpTo, 2);
  });

  test('a leader sends before its own disk has the entry, and an entry can be chosen without that disk', () => {
    const cluster = led(3);
    cluster.propose(0, 'x');
    cluster.arriveAll(({ to }) => to !== 0);
    cluster.sync(1);
    cluster.arriveAll(() => true);
    assert.equal(cluster.core(0).status().chosenUpTo, 1);
    cluster.sync(2);
    cluster.arriveAll(() => true);
    assert.equal(cluster.core(0).status().chosenUpTo, 2);
    assert.deepEqual(texts(cluster, 0), [], 'nothing is delivered that is not durable here');
    cluster.sync(0);
    assert.deepEqual(texts(cluster, 0), ['x']);
  });

  test('R16: a vote leaves when it is durable, though entries asked for before have no room yet', () => {
    const cluster = led(3);
    cluster.propose(0, 'x');
    cluster.arriveAll(({ to }) => to === 1);
    const request = { kind: 'vote-request', term: 2, preVote: false, isTransfer: true } as const;
    cluster.feed({ from: 2, to: 1, message: { ...request, lastIndex: 2, lastTerm: 1 } });
    cluster.packets = [];
    const [entries, vote] = cluster.member(1).pending;
    assert.deepEqual([entries!.entries.length, vote!.hardState?.votedFor], [1, 2]);
    cluster.step(1, { kind: 'hard-state-durable', number: vote!.number });
    assert.equal(sent(cluster.packets, 'vote-answer').length, 1);
    assert.equal(cluster.core(1).status().durableUpTo, 1);
    cluster.sync(1);
    assert.equal(cluster.core(1).status().durableUpTo, 2);
  });
});
