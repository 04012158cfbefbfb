import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TestCluster } from './testing/cluster.ts';
import { diskWith, message, noop } from './testing/entries.ts';
import { everyone, led, sent } from './testing/scenes.ts';

function ask(cluster: TestCluster, ordinal: number, ticket: number): void {
  cluster.step(ordinal, { kind: 'read-index', ticket });
}

describe('read index (R7)', () => {
  test('R7: a majority must answer a round that began after the question; then the index is what was chosen', () => {
    const cluster = led(3);
    cluster.propose(0, 'x');
    everyone(cluster, 100);
    ask(cluster, 0, 1);
    const appends = sent(cluster.packets, 'append');
    assert.equal(appends.length, 2, 'it does not wait for a heartbeat');
    assert.deepEqual(cluster.member(0).reads, []);
    cluster.arrive(({ to }) => to === 1);
    cluster.arrive(({ from }) => from === 1);
    assert.deepEqual(cluster.member(0).reads, [{ ticket: 1, index: 2 }]);
  });

  test('R7: answers to what was sent before the question do not count', () => {
    const cluster = led(3);
    cluster.elapse(75, 0);
    const heartbeats = cluster.packets;
    cluster.packets = [];
    ask(cluster, 0, 1);
    cluster.packets = heartbeats;
    cluster.settle();
    assert.deepEqual(cluster.member(0).reads, []);
    everyone(cluster, 100);
    assert.deepEqual(cluster.member(0).reads, [{ ticket: 1, index: 1 }]);
  });

  test('R7: a new leader answers only when an entry of its term is chosen, since it does not know what was', () => {
    const x = message({ index: 2, term: 1 }, { origin: 2, messageNumber: 1 }, 'x');
    const disks = [0, 1, 2].map(() => diskWith(1, null, noop(1, 1), x));
    const cluster = new TestCluster({ members: 3, disks });
    cluster.elect(0);
    ask(cluster, 0, 1);
    cluster.arriveAll(({ from, to }) => from + to === 1);
    cluster.arriveAll(({ from, to }) => from + to === 2);
    assert.equal(cluster.core(0).status().chosenUpTo, 0);
    assert.deepEqual(cluster.member(0).reads, []);
    cluster.settle();
    assert.deepEqual(cluster.member(0).reads, [{ ticket: 1, index: 3 }]);
  });

  test('R7: a follower asks its leader; those that come while a question is out are asked together by the next', () => {
    const cluster = led(3);
    ask(cluster, 1, 1);
    ask(cluster, 1, 2);
    ask(cluster, 1, 3);
    assert.equal(sent(cluster.packets, 'read-request').length, 1);
    const before = cluster.transcript.length;
    cluster.settle();
    const lines = cluster.transcript.slice(before);
    assert.equal(lines.filter((line) => line === '  1 sends 0: read index?').length, 1);
    assert.deepEqual(
      cluster.member(1).reads.map(({ ticket, index }) => [ticket, index]),
      [
        [1, 1],
        [2, 1],
        [3, 1],
      ],
    );
  });

  test('R7: one round serves all that wait for it', () => {
    const cluster = led(5);
    for (let ticket = 0; ticket < 40; ticket++) ask(cluster, ticket % 5, ticket);
    cluster.settle();
    const rounds = cluster.transcript.filter((line) => line.includes('0 sends 1: append') && line.includes('round'));
    assert.ok(rounds.length <= 6, rounds.join('\n'));
    assert.equal(cluster.members.flatMap(({ reads }) => reads).filter(({ index }) => index === 1).length, 40);
  });

  test('R7: a leader that was deposed says so, and the question goes to the next', () => {
    const cluster = led(3);
    ask(cluster, 0, 1);
    cluster.packets = [];
    cluster.step(0, { kind: 'transfer-leadership', to: 2 });
    cluster.settle();
    assert.equal(cluster.core(2).role, 'leader');
    assert.deepEqual(cluster.member(0).reads, [{ ticket: 1, index: 2 }]);
    const answers = cluster.feed({ from: 1, to: 0, message: { kind: 'read-request', ticket: 7 } }).send;
    assert.deepEqual(
      answers.map(({ message: answer }) => answer),
      [{ kind: 'read-answer', ticket: 7, index: null }],
    );
  });

  test('R7: a leader tells who waits that it is deposed', () => {
    const cluster = led(3);
    ask(cluster, 1, 1);
    cluster.arrive(({ message: each }) => each.kind === 'read-request');
    cluster.packets = [];
    const request = { kind: 'vote-request', term: 2, preVote: false, isTransfer: true } as const;
    cluster.feed({ from: 2, to: 0, message: { ...request, lastIndex: 9, lastTerm: 1 } });
    const [answer] = sent(cluster.packets, 'read-answer');
    assert.equal(answer!.message.kind === 'read-answer' && answer!.message.index, null);
  });

  test('R7: without a leader a question is answered with null after electionTimeoutMs, and with one before that in time', () => {
    const cluster = new TestCluster({ members: 3 });
    ask(cluster, 0, 1);
    cluster.elapse(575, 0);
    assert.deepEqual(cluster.member(0).reads, []);
    cluster.elapse(25, 0);
    assert.deepEqual(cluster.member(0).reads, [{ ticket: 1, index: null }]);
    ask(cluster, 1, 2);
    everyone(cluster, 500);
    cluster.elect(0);
    cluster.settle();
    everyone(cluster, 50);
    assert.deepEqual(cluster.member(1).reads, [{ ticket: 2, index: 1 }]);
  });

  test('R7: a lost question is asked again after resendMs', () => {
    const cluster = led(3);
    ask(cluster, 1, 1);
    cluster.packets = [];
    everyone(cluster, 475);
    assert.deepEqual(cluster.member(1).reads, []);
    everyone(cluster, 50);
    assert.deepEqual(cluster.member(1).reads, [{ ticket: 1, index: 1 }]);
  });

  test('R7: what waits is bounded, and more is answered with null at once', () => {
    const cluster = led(3, { pendingReadsMax: 2 });
    for (const ticket of [1, 2, 3]) ask(cluster, 1, ticket);
    assert.deepEqual(cluster.member(1).reads, [{ ticket: 3, index: null }]);
    cluster.settle();
    assert.equal(cluster.member(1).reads.length, 3);
  });

  test('R7: an answer to a question of an earlier run of this member is none', () => {
    const cluster = led(3);
    ask(cluster, 1, 1);
    const [request] = sent(cluster.packets, 'read-request');
    const ticket = request!.message.kind === 'read-request' ? request!.message.ticket : 0;
    cluster.crash(1);
    cluster.packets = [];
    cluster.start(1);
    cluster.elapse(75, 0);
    cluster.arriveAll(({ to }) => to === 1);
    ask(cluster, 1, 2);
    for (const old of [ticket, Number.MAX_SAFE_INTEGER]) {
      cluster.feed({ from: 0, to: 1, message: { kind: 'read-answer', ticket: old, index: 1 } });
    }
    assert.deepEqual(cluster.member(1).reads, []);
    cluster.settle();
    assert.deepEqual(cluster.member(1).reads, [{ ticket: 2, index: 1 }]);
  });

  test('a single member answers at once', () => {
    const cluster = led(1);
    ask(cluster, 0, 1);
    assert.deepEqual(cluster.member(0).reads, [{ ticket: 1, index: 1 }]);
  });
});
