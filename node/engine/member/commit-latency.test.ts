import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CommitLatencies } from './commit-latency.ts';

test('every quantile is within 3.2 % above the true one, and the maximum is exact to the microsecond', () => {
  const latency = fc.double({ min: 0, max: 100_000, noNaN: true });
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 300 }), (latencies) => {
      const recorded = new CommitLatencies();
      for (const ms of latencies) recorded.record(ms, 5000);
      const sorted = [...latencies].sort((a, b) => a - b);
      const { count, p50, p95, p99, max } = recorded.lately(5999);
      assert.equal(count, latencies.length);
      assert.ok(Math.abs(max - sorted.at(-1)!) <= 0.0006);
      for (const [told, share] of [
        [p50, 0.5],
        [p95, 0.95],
        [p99, 0.99],
      ] as const) {
        const truth = sorted[Math.ceil(share * sorted.length) - 1]!;
        assert.ok(told >= truth - 0.0006 && told <= truth * 1.032 + 0.0016, `${told} for ${truth}`);
      }
    }),
  );
});

test('what is older than ten seconds is forgotten, second by second', () => {
  const recorded = new CommitLatencies();
  const counts: number[] = [];
  for (let second = 0; second < 25; second++) {
    if (second < 15) recorded.record(second + 1, second * 1000 + 500);
    counts.push(recorded.lately(second * 1000 + 999).count);
  }
  assert.deepEqual(counts, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 10, 10, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  assert.deepEqual(recorded.lately(24_000), { count: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  recorded.record(3, 1_000_500);
  assert.deepEqual(recorded.lately(1_000_600), { count: 1, p50: 3, p95: 3, p99: 3, max: 3 });
});

test('since the start every commit counts in the buckets of all bounds that it is within', () => {
  const recorded = new CommitLatencies();
  for (const ms of [0.5, 0.6, 4, 60_000]) recorded.record(ms, 1000 * ms);
  const { count, sumMs, buckets } = recorded.sinceStart();
  assert.deepEqual([count, sumMs], [4, 60_005.1]);
  const within = Object.fromEntries(buckets.map((bucket) => [bucket.upToMs, bucket.count]));
  assert.deepEqual([within[0.5], within[1], within[3], within[5], within[10_000]], [1, 2, 2, 3, 3]);
});
