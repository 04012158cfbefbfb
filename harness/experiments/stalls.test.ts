import assert from 'node:assert/strict';
import test from 'node:test';
import { countsAround, longestGap, median } from './stalls.ts';

test('the longest gap counts the ends of the span', () => {
  assert.equal(longestGap([10, 20, 70, 90], 0, 100), 50);
  assert.equal(longestGap([], 0, 100), 100);
  assert.equal(longestGap([10], 0, 100), 90);
  assert.equal(longestGap([5, 60, 200], 50, 100), 40, 'what lies outside does not count');
});

test('counts lie in the span in which they happened', () => {
  assert.deepEqual(countsAround([-1, 0, 9, 10, 29, 30], { fromMs: 0, upToMs: 30, everyMs: 10 }), [2, 1, 1]);
});

test('the median is one of the values', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2);
  assert.ok(Number.isNaN(median([])));
});
