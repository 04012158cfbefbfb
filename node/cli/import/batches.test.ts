import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Batches } from './batches.ts';
import { DonePrefix } from './done-prefix.ts';
import { type SourceRow, START } from './source-row.ts';

function sourceRow(number: number): SourceRow {
  const end = { rows: number, bytes: number * 10, line: number + 1 };
  return { line: number, end, content: { kind: 'value', value: {}, text: '{}' } };
}

test('a batch has no more rows and bytes than allowed, but for one row that is larger by itself', () => {
  const batches = new Batches(START, { rowsMax: 3, bytesMax: 100 });
  const taken: number[][] = [];
  for (const [i, bytes] of [10, 10, 10, 60, 50, 500, 10].entries()) {
    if (batches.isFullWith(bytes)) taken.push(batches.take()!.rows.map(({ source }) => source.line));
    batches.add({ source: sourceRow(i + 1), row: {}, key: String(i) }, bytes);
    if (batches.isFull) taken.push(batches.take()!.rows.map(({ source }) => source.line));
  }
  assert.deepEqual(taken, [[1, 2, 3], [4], [5], [6]]);
  assert.deepEqual(
    batches.take()!.rows.map(({ source }) => source.line),
    [7],
  );
  assert.equal(batches.take(), null);
});

test('a key collides while a batch with it is under way, not within its own', () => {
  const batches = new Batches(START, { rowsMax: 10, bytesMax: 100 });
  batches.add({ source: sourceRow(1), row: {}, key: 'a' }, 1);
  batches.add({ source: sourceRow(2), row: {}, key: null }, 1);
  assert.equal(batches.collides('a'), false);
  const batch = batches.take()!;
  assert.equal(batches.collides('a'), true);
  assert.equal(batches.collides('b'), false);
  assert.equal(batches.collides(null), false);
  batches.done(batch);
  assert.equal(batches.collides('a'), false);
});

test('rows passed by are counted with the batch that they come before the end of, even without any other row', () => {
  const batches = new Batches(START, { rowsMax: 10, bytesMax: 100 });
  batches.pass(sourceRow(1));
  batches.pass(sourceRow(2));
  const batch = batches.take()!;
  assert.deepEqual([batch.rows.length, batch.badRows, batch.end.rows], [0, 2, 2]);
});

test('the prefix ends where the first batch begins that is not done, in whatever order they are', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6]), (order) => {
      const prefix = new DonePrefix({ position: START, rows: 100, badRows: 5 });
      const done = new Set<number>();
      for (const number of order) {
        prefix.done(number, { end: sourceRow(number + 1).end, rows: 10, badRows: 1 });
        done.add(number);
        let contiguous = 0;
        while (done.has(contiguous)) contiguous++;
        const { position, rows, badRows } = prefix.progress;
        assert.deepEqual([position.rows, rows, badRows], [contiguous, 100 + 10 * contiguous, 5 + contiguous]);
        assert.equal(prefix.batchesAhead, done.size - contiguous);
        assert.equal(prefix.furthest.rows, Math.max(...done) + 1);
      }
    }),
  );
});
