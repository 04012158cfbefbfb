import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spreadOf } from './spread.ts';

test('a spread is the median, the extremes, and their distance relative to the median', () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3, relative: 1 });
  assert.deepEqual(spreadOf([10, 20, 40, 30]), { median: 25, min: 10, max: 40, relative: 1.2 });
  assert.deepEqual(spreadOf([7]), { median: 7, min: 7, max: 7, relative: 0 });
  assert.deepEqual(spreadOf([0, 0]), { median: 0, min: 0, max: 0, relative: 0 });
});
