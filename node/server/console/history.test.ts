import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HISTORY_MS, History, type Sample } from './history.js';

function sampleAt(atMs: number, commits: number | null = 1): Sample {
  return {
    atMs,
    commits: new Map([['a', commits]]),
    conflicts: new Map([['a', 0]]),
    latencyMs: null,
    appliedUpTo: atMs / 1000,
  };
}

const commitsOfA = (sample: Sample) => sample.commits.get('a') ?? null;

test('what is older than five minutes is forgotten, and the count is bounded however often samples come', () => {
  const history = new History();
  for (let second = 1; second <= 1000; second++) history.add(sampleAt(second * 1000));
  const { times } = history.columns([commitsOfA]);
  assert.deepEqual([times[0], times.at(-1)], [1000 - HISTORY_MS / 1000, 1000]);
  for (let i = 1; i <= 5000; i++) history.add(sampleAt(1_000_000 + i));
  assert.equal(history.columns([]).times.length, 600);
});

test('where nobody answered, or looked, the line is broken', () => {
  const history = new History();
  history.add(sampleAt(1_000, 5));
  history.interrupt(2_000);
  history.interrupt(3_000);
  history.add(sampleAt(4_000, 6));
  history.add(sampleAt(60_000, 7));
  const { times, columns } = history.columns([commitsOfA]);
  assert.deepEqual(columns, [[5, null, 6, null, 7]]);
  assert.deepEqual(times, [1, 2, 4, 4.001, 60]);
});

test('a clock that was set back begins anew', () => {
  const history = new History();
  history.add(sampleAt(10_000));
  history.add(sampleAt(5_000));
  assert.deepEqual(history.columns([]).times, [5]);
});

test('how long the group has been ahead of a member is known as far back as anybody looked', () => {
  const history = new History();
  assert.equal(history.aheadForMs(0, 0), 0);
  for (const second of [10, 11, 12, 13]) history.add(sampleAt(second * 1000));
  assert.equal(history.aheadForMs(13, 14_000), 0);
  assert.equal(history.aheadForMs(11, 14_000), 2_000);
  assert.equal(history.aheadForMs(9, 14_000), null);
});
