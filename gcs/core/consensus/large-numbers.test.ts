import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InvariantViolation } from '../../base/index.ts';
import { foundingView, isView, withLearner } from '../views.ts';
import { addressOf, TestCluster } from './testing/cluster.ts';
import { diskWith, noop } from './testing/entries.ts';
import { EMPTY_BASE, MemoryLog } from './testing/memory-log.ts';
import { led, texts } from './testing/scenes.ts';

const MAX = Number.MAX_SAFE_INTEGER;

function logThatEndsAt(index: number): MemoryLog {
  const log = new MemoryLog({ ...EMPTY_BASE, index: index - 1, term: 1 });
  log.apply({ number: 0, hardState: { term: 1, votedFor: null, claim: null }, entries: [noop(index, 1)] });
  return log;
}

describe('R23: numbers near 2^53', () => {
  test('R23: a term beyond is never used: a single member that would need one stops', () => {
    const cluster = new TestCluster({ members: 1, disks: [diskWith(MAX, null)] });
    assert.throws(() => cluster.step(0, { kind: 'tick' }), InvariantViolation);
    const next = new TestCluster({ members: 1, disks: [diskWith(MAX - 1, null)] });
    next.step(0, { kind: 'tick' });
    next.settle();
    assert.equal(next.core(0).term, MAX);
  });

  test('R23: a term beyond is not even asked for', () => {
    const cluster = new TestCluster({ members: 3, disks: [diskWith(MAX, null)] });
    assert.throws(() => cluster.elapse(2_000, 0), InvariantViolation);
    assert.deepEqual(cluster.packets, []);
  });

  test('R23: the last index is used, and none behind it', () => {
    const cluster = new TestCluster({ members: 1, disks: [logThatEndsAt(MAX - 2)] });
    cluster.step(0, { kind: 'tick' });
    cluster.settle();
    cluster.propose(0, 'last');
    cluster.settle();
    assert.deepEqual(texts(cluster, 0), ['last']);
    assert.equal(cluster.core(0).status().lastIndex, MAX);
    assert.throws(() => cluster.propose(0, 'one too many'), InvariantViolation);
  });

  test('R23: three members agree at the end of the numbers', () => {
    const cluster = new TestCluster({ members: 3, disks: [0, 1, 2].map(() => logThatEndsAt(MAX - 3)) });
    cluster.elect(0);
    cluster.settle();
    cluster.propose(2, 'x');
    cluster.settle();
    for (const ordinal of [0, 1, 2]) assert.deepEqual(texts(cluster, ordinal), ['x']);
  });

  test('R23: message numbers and incarnations are safe numbers', () => {
    const cluster = led(1);
    const propose = (incarnation: number, messageNumber: number) =>
      cluster.step(0, {
        kind: 'propose',
        incarnation,
        messageNumber,
        entryKind: 'message',
        isCompressed: false,
        payload: new Uint8Array(1),
      });
    assert.throws(() => propose(1, MAX + 1), InvariantViolation);
    assert.throws(() => propose(MAX + 1, 1), InvariantViolation);
  });

  test('R23: a view whose ordinals would go beyond is none', () => {
    const view = { ...foundingView(1, [addressOf(0)]), nextOrdinal: MAX };
    assert.equal(isView(view), true);
    assert.equal(isView(withLearner(view, addressOf(1))), false);
    const cluster = led(1);
    const next = withLearner(cluster.core(0).view, addressOf(1));
    assert.throws(() => cluster.changeView(0, { ...next, nextOrdinal: MAX + 1 }), InvariantViolation);
  });
});
