import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Append } from './peer-message.ts';
import { TestCluster } from './testing/cluster.ts';
import { appendOf, message, noop } from './testing/entries.ts';
import { everyone, led, texts } from './testing/scenes.ts';

describe('delivery', () => {
  test('it comes in slices of deliverBytesMax, and continue asks for the next', () => {
    const cluster = led(1, { deliverBytesMax: 200 });
    for (let i = 0; i < 5; i++) cluster.propose(0, `m${i}`);
    cluster.sync(0);
    assert.deepEqual([texts(cluster, 0).length, cluster.member(0).moreToDeliver], [3, true]);
    cluster.step(0, { kind: 'continue' });
    assert.deepEqual([texts(cluster, 0).length, cluster.member(0).moreToDeliver], [5, false]);
  });

  test('while it is paused nothing is delivered, and afterwards it goes on where it was', () => {
    const cluster = led(3);
    cluster.step(1, { kind: 'delivery-paused', paused: true });
    cluster.propose(0, 'x');
    cluster.settle();
    assert.deepEqual([texts(cluster, 1), cluster.member(1).moreToDeliver], [[], false]);
    assert.equal(cluster.core(1).status().chosenUpTo, 2);
    cluster.step(1, { kind: 'delivery-paused', paused: false });
    assert.deepEqual(texts(cluster, 1), ['x']);
  });

  test('a noop is not delivered and moves deliveredUpTo', () => {
    const cluster = led(3);
    assert.deepEqual(texts(cluster, 0), []);
    assert.equal(cluster.core(0).status().deliveredUpTo, 1);
  });

  test('after a restart it goes on behind deliveredUpTo', () => {
    const cluster = led(3);
    for (const text of ['a', 'b', 'c']) cluster.propose(0, text);
    cluster.settle();
    cluster.crash(2);
    cluster.member(2).knownChosenUpTo = 3;
    cluster.start(2, 2);
    assert.equal(cluster.core(2).status().caughtUp, false);
    everyone(cluster, 200);
    assert.deepEqual(texts(cluster, 2), ['b', 'c']);
    assert.equal(cluster.core(2).status().caughtUp, true);
  });

  test('a member is not caught up by the word of a leader that has yet to learn what was chosen before it', () => {
    const cluster = new TestCluster({ members: 3 });
    const first: Append = appendOf({ term: 2, entries: [noop(1, 1), noop(2, 2)] });
    cluster.feed({ from: 0, to: 1, message: first });
    cluster.sync(1);
    assert.equal(cluster.core(1).status().caughtUp, false);
    const chosen = appendOf({ term: 2, previousIndex: 2, previousTerm: 2, chosenUpTo: 2, established: true });
    cluster.feed({ from: 0, to: 1, message: chosen });
    assert.equal(cluster.core(1).status().caughtUp, true);
  });

  test('R1: what was learnt to be chosen in a new term is delivered only when that term is durable', () => {
    const cluster = new TestCluster({ members: 3 });
    const entries = [noop(1, 1), message({ index: 2, term: 1 }, { origin: 0, messageNumber: 1 }, 'x')];
    cluster.feed({ from: 0, to: 1, message: appendOf({ term: 1, entries }) });
    cluster.sync(1);
    const news = appendOf({ term: 2, previousIndex: 2, previousTerm: 1, chosenUpTo: 2 });
    cluster.feed({ from: 2, to: 1, message: news });
    assert.deepEqual(texts(cluster, 1), [], 'else a restart in term 1 might meet a leader that lacks it');
    cluster.sync(1);
    assert.deepEqual(texts(cluster, 1), ['x']);
  });
});
