import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { importRealData } from './testing/real-data.ts';

/** `npm run real-data` takes all of them. */
const ROWS = 6_000;

test('real rows imported while three clients write are everywhere what the file has and the clients were told', {
  timeout: 180_000,
}, async (t) => {
  const { transactions, visits, verified } = await importRealData(t, { rows: ROWS });
  assert.equal(verified.equal, true);
  assert.ok(visits > 0 && transactions > visits, `${transactions} transactions, ${visits} of cities: all at once`);
});

test('real-data takes no options, and says so instead of importing', () => {
  const main = path.join(import.meta.dirname, 'testing', 'real-data-main.ts');
  const { status, stderr } = spawnSync(process.execPath, [main, '--help'], { encoding: 'utf8' });
  assert.equal(status, 2, stderr);
  assert.equal(stderr, 'real-data: it takes no options, such as --help\n');
});
