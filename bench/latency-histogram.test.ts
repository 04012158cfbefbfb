import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LatencyHistogram } from './latency-histogram.ts';

test('every quantile is within 1 % (and 1 microsecond) of the true one', () => {
  const latency = fc.double({ min: 0, max: 100_000, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(latency, { minLength: 1, maxLength: 300 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (latencies, quantile) => {
        const histogram = new LatencyHistogram();
        for (const ms of latencies) histogram.record(ms);
        const sorted = [...latencies].sort((a, b) => a - b);
        const truth = sorted[Math.max(1, Math.ceil(quantile * sorted.length)) - 1]!;
        assert.ok(Math.abs(histogram.quantileMs(quantile) - truth) <= truth * 0.01 + 0.0011);
      },
    ),
  );
});

test('the maximum is exact', () => {
  const histogram = new LatencyHistogram();
  for (const ms of [1.25, 17.123456, 3]) histogram.record(ms);
  assert.equal(histogram.maxMs, 17.123456);
  assert.equal(histogram.quantileMs(1), 17.123456);
});

test('an empty histogram has no latencies', () => {
  const histogram = new LatencyHistogram();
  assert.deepEqual([histogram.count, histogram.quantileMs(0.99), histogram.maxMs], [0, 0, 0]);
});

test('added histograms count as if recorded in one', () => {
  const [one, other, both] = [new LatencyHistogram(), new LatencyHistogram(), new LatencyHistogram()];
  for (let i = 1; i <= 1000; i++) {
    (i % 2 === 0 ? one : other).record(i / 10);
    both.record(i / 10);
  }
  one.add(other);
  for (const quantile of [0.1, 0.5, 0.99]) assert.equal(one.quantileMs(quantile), both.quantileMs(quantile));
  assert.deepEqual([one.count, one.maxMs], [both.count, both.maxMs]);
});

test('a histogram that travelled is the same', () => {
  const histogram = new LatencyHistogram();
  for (let i = 1; i <= 1000; i++) histogram.record(i / 7);
  const travelled = LatencyHistogram.of(structuredClone(histogram.recorded()));
  assert.deepEqual([travelled.count, travelled.maxMs], [1000, 1000 / 7]);
  for (const quantile of [0.1, 0.5, 0.99]) assert.equal(travelled.quantileMs(quantile), histogram.quantileMs(quantile));
});

test('a latency beyond all measure is counted, not lost', () => {
  const histogram = new LatencyHistogram();
  histogram.record(1e9);
  assert.equal(histogram.count, 1);
  assert.ok(histogram.quantileMs(0.5) > 2_000_000);
});
