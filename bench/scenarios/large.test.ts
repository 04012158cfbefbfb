import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadRequest } from '../scenario.ts';
import { LargeWorkload } from './large.ts';

const options = { rows: 100, bytes: 1000, rowBytes: 100, every: 4, window: 10, settle: 3 };

function workloadAt(now: { ms: number }): LargeWorkload {
  return new LargeWorkload({ options, seed: 1, slots: 2 }, () => now.ms);
}

test('large transactions are begun by the first place, in every second window, and no sooner than they may', () => {
  const now = { ms: 0 };
  const workload = workloadAt(now);
  const kindsAt = (ms: number, slot: number) => {
    now.ms = ms;
    return workload.draw(slot).kind;
  };
  assert.equal(kindsAt(5000, 0), 'small alone');
  assert.equal(kindsAt(11_000, 1), 'small alone');
  assert.equal(kindsAt(11_000, 0), 'large');
  assert.equal(kindsAt(11_500, 1), 'small beside large');
  assert.equal(kindsAt(12_000, 0), 'small after large');
  assert.equal(kindsAt(15_000, 0), 'large');
  assert.equal(kindsAt(20_000, 1), 'small beside large', 'it is under way yet');
  assert.equal(kindsAt(21_000, 0), 'small after large');
  assert.equal(kindsAt(23_999, 1), 'small after large');
  assert.equal(kindsAt(24_000, 1), 'small alone');
});

test('a load generator without the first place goes by the windows', () => {
  const now = { ms: 0 };
  const workload = workloadAt(now);
  const kinds = [11_000, 19_999, 20_000, 23_000].map((ms) => {
    now.ms = ms;
    return workload.draw(1).kind;
  });
  assert.deepEqual(kinds, ['small beside large', 'small beside large', 'small after large', 'small alone']);
});

test('a large transaction puts every row once, with one value, and is told when it is acknowledged', () => {
  const workload = workloadAt({ ms: 11_000 });
  const large = workload.draw(0);
  const asked: LoadRequest[] = [];
  const attempt = workload.attempt(large);
  let step = attempt.next([]);
  while (!step.done) {
    asked.push(...step.value);
    step = attempt.next(step.value.map(({ op }) => (op === 'commit' ? { sequenceNumber: 7 } : {})));
  }
  assert.equal(workload.draw(1).kind, 'small after large', 'it is acknowledged');
  assert.deepEqual([asked[0]!.op, asked.at(-1)!.op, new Set(asked.map(({ tx }) => tx)).size], ['begin', 'commit', 1]);
  const rows = asked.slice(1, -1).map(({ row }) => row as { id: number; value: number; payload: string });
  assert.deepEqual(
    rows.map(({ id, value, payload }) => [id, value, payload.length]),
    Array.from({ length: 10 }, (_, id) => [id, 1, 100]),
  );
  assert.deepEqual(workload.facts().large, { sequenceNumber: 7, value: 1, unknown: [] });
  workload.outcomeUnknown({ kind: 'large', value: 2 });
  assert.deepEqual(workload.facts().large.unknown, [2]);
});
