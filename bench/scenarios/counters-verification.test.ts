import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CounterFacts, judgeCounters, type MemberCounts } from './counters-verification.ts';

const facts = (acknowledged: number, unknown: number, valuesSum: number, highest: number): CounterFacts => ({
  acknowledged: Float64Array.of(acknowledged),
  unknown: Float64Array.of(unknown),
  valuesSum: Float64Array.of(valuesSum),
  highest: Float64Array.of(highest),
});
const members = (...counts: number[]): MemberCounts[] =>
  counts.map((count, at) => ({
    memberId: `member-${at}`,
    appliedUpTo: 9,
    digest: 'd',
    counts: Float64Array.of(count),
  }));
const problems = (told: readonly CounterFacts[], ...counts: number[]) =>
  judgeCounters(told, members(...counts)).problems.join();

test('a counter has what all generators were acknowledged, and may have what nobody knows of', () => {
  assert.deepEqual(judgeCounters([facts(2, 0, 1 + 4, 4), facts(2, 0, 2 + 3, 3)], members(4, 4)), {
    verified: true,
    problems: [],
  });
  assert.equal(problems([facts(3, 2, 6, 4)], 4, 5), '');
  assert.match(problems([facts(3, 1, 6, 3)], 5), /has 5, with 3 increments acknowledged and 1 of unknown outcome/);
  assert.match(problems([facts(3, 1, 6, 3)], 2), /has 2/);
  assert.match(problems([facts(1, 0, 1, 1)], Number.NaN), /is missing/);
});

test('what was answered is of each place once, and not beyond what there is', () => {
  assert.match(problems([facts(3, 0, 1 + 2 + 2, 2)], 3), /values that come to 5, not 6/);
  assert.match(problems([facts(2, 3, 1 + 6, 6)], 5), /6 was answered/);
});
