import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../gcs/base/index.ts';
import { type ArrivalPlan, Arrivals } from './arrivals.ts';

function arrivals(plan: Partial<ArrivalPlan>, count: number, seed = 5): readonly number[] {
  const whole = { ratePerSecond: 1000, spacing: 'even', generator: 0, generators: 1, ...plan } as const;
  const source = new Arrivals(whole, new SeededRandom(seed));
  return Array.from({ length: count }, () => source.next());
}

test('evenly spaced arrivals of two generators interleave to the whole rate', () => {
  const both = [0, 1].flatMap((generator) => arrivals({ generator, generators: 2 }, 3));
  assert.deepEqual(
    both.sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5],
  );
});

test('Poisson arrivals come at the rate, with exponential gaps', () => {
  const count = 50_000;
  const times = arrivals({ spacing: 'poisson', generators: 4 }, count);
  const gaps = times.map((time, at) => time - (times[at - 1] ?? 0));
  assert.ok(gaps.every((gap) => gap >= 0));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / count;
  assert.ok(Math.abs(mean - 4) < 0.1, `mean gap ${mean}`);
  // Of exponential gaps a share of 1/e is longer than the mean.
  const longer = gaps.filter((gap) => gap > 4).length / count;
  assert.ok(Math.abs(longer - Math.exp(-1)) < 0.01, `${longer} are longer than the mean`);
});

test('one seed is one sequence of arrivals', () => {
  const poisson = { spacing: 'poisson' } as const;
  assert.deepEqual(arrivals(poisson, 100, 9), arrivals(poisson, 100, 9));
  assert.notDeepEqual(arrivals(poisson, 100, 9), arrivals(poisson, 100, 10));
});
