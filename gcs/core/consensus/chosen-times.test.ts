import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChosenTimes } from './chosen-times.ts';

test('an entry was chosen when it was first learnt, and it is not known of one that was not learnt before', () => {
  const times = new ChosenTimes();
  assert.equal(times.of(1), null);
  times.learnt(4, 20);
  times.learnt(4, 21);
  times.learnt(6, 30);
  times.learnt(5, 31);
  assert.deepEqual(
    [2, 4, 5, 6, 7].map((index) => times.of(index)),
    [20, 20, 30, 30, null],
  );
  times.delivered(4);
  times.delivered(6);
  times.learnt(9, 50);
  assert.deepEqual(
    [9, 10].map((index) => times.of(index)),
    [50, null],
  );
});

test('what is learnt in too many steps counts as learnt with the last one kept', () => {
  const times = new ChosenTimes();
  for (let index = 1; index <= 5000; index++) times.learnt(index, index);
  assert.deepEqual(
    [1, 1023, 1024, 5000, 5001].map((index) => times.of(index)),
    [1, 1023, 1024, 1024, null],
  );
});

test('however long it goes on with entries that wait, each is told when it was learnt', () => {
  const times = new ChosenTimes();
  for (let index = 1; index <= 10_000; index++) {
    times.learnt(index + 2, index);
    times.delivered(index);
    assert.equal(times.of(index + 1), Math.max(1, index - 1));
  }
});
