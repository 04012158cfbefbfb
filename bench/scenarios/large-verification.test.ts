import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeLargeRows, type MemberLargeRows } from './large-verification.ts';

function member(memberId: string, values: Readonly<Record<number, number>>): MemberLargeRows {
  const map = new Map(Object.entries(values).map(([value, rows]) => [Number(value), rows]));
  const rows = [...map.values()].reduce((sum, one) => sum + one, 0);
  return { memberId, appliedUpTo: 6, digest: 'd', rows, values: map };
}

const idle = { sequenceNumber: 0, value: 0, unknown: [] };
const writes = [idle, { sequenceNumber: 9, value: 3, unknown: [4] }];

test('large rows that all hold the last acknowledged value, or one of unknown outcome, are verified', () => {
  assert.deepEqual(judgeLargeRows(writes, [member('a', { 3: 5 }), member('b', { 3: 5 })], 5), {
    verified: true,
    problems: [],
  });
  assert.equal(judgeLargeRows(writes, [member('a', { 4: 5 })], 5).verified, true);
  assert.equal(judgeLargeRows([idle], [member('a', { 0: 5 })], 5).verified, true);
});

test('a part of a large transaction is found', () => {
  assert.match(judgeLargeRows(writes, [member('a', { 3: 4, 4: 1 })], 5).problems[0]!, /a: .*a part of one is there/);
});

test('a lost large transaction, a missing row and a member of its own are found', () => {
  assert.match(judgeLargeRows(writes, [member('a', { 2: 5 })], 5).problems[0]!, /hold 2 instead of 3/);
  assert.match(judgeLargeRows(writes, [member('a', { 3: 4 })], 5).problems[0]!, /4 large rows instead of 5/);
  assert.match(
    judgeLargeRows(writes, [member('a', { 3: 5 }), member('b', { 4: 5 })], 5).problems[0]!,
    /b: the large rows hold 4, the first member 3/,
  );
});
