import assert from 'node:assert/strict';
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
