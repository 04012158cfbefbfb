import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counted, grouped } from '../counts.ts';
import { ProgressDisplay } from './progress-display.ts';

/** Lines of a display that is started at 0, at times with figures. */
function linesOf(
  output: { readonly isTTY?: boolean; readonly columns?: number },
  figures: readonly (readonly [atMs: number, rows: number, fraction: number | null])[],
): string[] {
  let now = figures[0]!;
  const written: string[] = [];
  const display = new ProgressDisplay(
    { ...output, write: (text) => written.push(text) },
    () => ({ rows: now[1], fraction: now[2] }),
    () => now[0],
  );
  display.start();
  const lines: string[] = [];
  for (now of figures.slice(1)) lines.push(display.line());
  display.stop();
  return lines;
}

test('progress is told with rows, rate and time left', () => {
  assert.deepEqual(
    linesOf({}, [
      [0, 0, 0],
      [2_000, 20_000, 0.25],
      [4_000, 40_000, 0.5],
    ]),
    ['25 %  20,000 rows  10,000 rows/s  6 s left', '50 %  40,000 rows  10,000 rows/s  4 s left'],
  );
});

test('the rate is that of the last seconds, not of the start', () => {
  const lines = linesOf({}, [
    [0, 0, 0],
    [10_000, 100_000, 0.1],
    [15_000, 105_000, 0.105],
  ]);
  assert.equal(lines[1], '10 %  105,000 rows  1,000 rows/s  14 min 55 s left');
});

test('what is gone on with does not count for the rate', () => {
  const [line] = linesOf({}, [
    [0, 50_000, 0.5],
    [1_000, 60_000, 0.6],
  ]);
  assert.equal(line, '60 %  60,000 rows  10,000 rows/s  4 s left');
});

test('without a known end only rows and rate are told', () => {
  const [line] = linesOf({}, [
    [0, 0, null],
    [1_000, 1_234, null],
  ]);
  assert.equal(line, '1,234 rows  1,234 rows/s');
});

test('on a terminal there is a bar, as far as it is wide enough', () => {
  const figures = [
    [0, 0, 0],
    [1_000, 1_000, 0.25],
  ] as const;
  const [wide] = linesOf({ isTTY: true, columns: 80 }, figures);
  assert.equal(wide, '[######------------------]  25 %  1,000 rows  1,000 rows/s  3 s left');
  const [narrow] = linesOf({ isTTY: true, columns: 50 }, figures);
  assert.equal(narrow, '25 %  1,000 rows  1,000 rows/s  3 s left');
  const [tiny] = linesOf({ isTTY: true, columns: 12 }, figures);
  assert.equal(tiny, '25 %  1,000');
});

test('counts are grouped by thousands, and one is told from many', () => {
  assert.deepEqual([counted(0, 'row'), counted(1, 'row'), counted(1_000, 'row')], ['0 rows', '1 row', '1,000 rows']);
  assert.deepEqual([0, 999, 1_000, 171_075, 1_234_567].map(grouped), ['0', '999', '1,000', '171,075', '1,234,567']);
});
