import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { zeroTimes } from '../replica.ts';
import { CommitLatencies } from './commit-latency.ts';

test('every quantile is within 3.2 % above the true one, and the maximum is exact to the microsecond', () => {
  const latency = fc.double({ min: 0, max: 100_000, noNaN: true });
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 300 }), (latencies) => {
      const recorded = new CommitLatencies();
      for (const ms of latencies) recorded.record(ms, zeroTimes(), 5000);
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
    if (second < 15) recorded.record(second + 1, zeroTimes(), second * 1000 + 500);
    counts.push(recorded.lately(second * 1000 + 999).count);
  }
  assert.deepEqual(counts, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 10, 10, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  assert.deepEqual(recorded.lately(24_000), {
    count: 0,
    p50: 0,
    p95: 0,
    p99: 0,
    max: 0,
    layers: { l2Ms: 0, l1Ms: 0, l0Ms: 0 },
  });
  recorded.record(3, { l2Ms: 1.5, l0Ms: 1 }, 1_000_500);
  const layers = { l2Ms: 1.5, l1Ms: 0.5, l0Ms: 1 };
  assert.deepEqual(recorded.lately(1_000_600), { count: 1, p50: 3, p95: 3, p99: 3, max: 3, layers });
});

test('since the start every commit counts in the buckets of all bounds that it is within', () => {
  const recorded = new CommitLatencies();
  for (const ms of [0.5, 0.6, 4, 60_000]) recorded.record(ms, zeroTimes(), 1000 * ms);
  const { count, sumMs, buckets } = recorded.sinceStart();
  assert.deepEqual([count, sumMs], [4, 60_005.1]);
  const within = Object.fromEntries(buckets.map((bucket) => [bucket.upToMs, bucket.count]));
  assert.deepEqual([within[0.5], within[1], within[3], within[5], within[10_000]], [1, 2, 2, 3, 3]);
});

test('the layers of every commit, and their averages, are together the whole of it', () => {
  const ms = fc.double({ min: 0, max: 10_000, noNaN: true });
  const commit = fc.tuple(ms, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(fc.array(commit, { minLength: 1, maxLength: 50 }), (commits) => {
      const recorded = new CommitLatencies();
      let sum = 0;
      for (const [whole, ofIt, ofRest] of commits) {
        const l2Ms = whole * ofIt;
        recorded.record(whole, { l2Ms, l0Ms: (whole - l2Ms) * ofRest }, 5000);
        sum += whole;
      }
      const { l2Ms, l1Ms, l0Ms } = recorded.lately(5999).layers;
      assert.ok(Math.abs(l2Ms + l1Ms + l0Ms - sum / commits.length) < 0.002);
      const layers = (['l2', 'l1', 'l0'] as const).map((layer) => recorded.layerSinceStart(layer));
      const sums = layers.reduce((sumMs, layer) => sumMs + layer.sumMs, 0);
      assert.ok(Math.abs(sums - recorded.sinceStart().sumMs) < 0.001);
      for (const { count, buckets } of layers) {
        assert.equal(count, commits.length);
        assert.ok(buckets.every((bucket, i) => bucket.count >= (buckets[i - 1]?.count ?? 0) && bucket.count <= count));
      }
    }),
  );
});
