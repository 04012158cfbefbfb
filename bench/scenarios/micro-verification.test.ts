import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeRows, lastWrites, type MemberRows } from './micro-verification.ts';

/** Row 0 never written, row 1 last by 7 at sequence number 5, row 2 by 9 at 6. */
function acknowledged(unknown: readonly { row: number; value: number }[] = []) {
  return { sequenceNumbers: Float64Array.of(0, 5, 6), values: Float64Array.of(0, 7, 9), unknown };
}

function member(memberId: string, values: readonly number[], more: Partial<MemberRows> = {}): MemberRows {
  return { memberId, appliedUpTo: 6, digest: 'd', values: Float64Array.from(values), ...more };
}

test('rows that hold their last acknowledged write on all members are verified', () => {
  const verification = judgeRows(acknowledged(), [member('a', [0, 7, 9]), member('b', [0, 7, 9])]);
  assert.deepEqual(verification, { verified: true, problems: [] });
});

test('of the writes that several load generators saw acknowledged, the later of a row counts', () => {
  const other = { sequenceNumbers: Float64Array.of(3, 4, 8), values: Float64Array.of(2, 1, 5), unknown: [] };
  const unknown = [{ row: 1, value: 11 }];
  const { sequenceNumbers, values, unknown: all } = lastWrites([acknowledged(unknown), other]);
  assert.deepEqual([[...sequenceNumbers], [...values], all], [[3, 5, 8], [2, 7, 5], unknown]);
});

test('a lost acknowledged write is found', () => {
  const { verified, problems } = judgeRows(acknowledged(), [member('a', [0, 3, 9]), member('b', [0, 3, 9])]);
  assert.equal(verified, false);
  assert.match(problems[0]!, /a: row 1 holds 3 instead of 7.*sequence number 5/);
});

test('a row that differs on one member is found', () => {
  const { verified, problems } = judgeRows(acknowledged(), [member('a', [0, 7, 9]), member('b', [0, 7, 8])]);
  assert.equal(verified, false);
  assert.match(problems[0]!, /b: row 2/);
});

test('a missing row is found', () => {
  const { problems } = judgeRows(acknowledged(), [member('a', [0, 7, Number.NaN])]);
  assert.deepEqual(problems, ['a: row 2 is missing']);
});

test('a value that nobody wrote is found', () => {
  const { problems } = judgeRows(acknowledged(), [member('a', [4, 7, 9])]);
  assert.match(problems[0]!, /row 0 holds 4 although no write of it was acknowledged/);
});

test('a write whose outcome is unknown may have been made, but then on every member', () => {
  const unknown = acknowledged([
    { row: 1, value: 11 },
    { row: 1, value: 12 },
  ]);
  assert.equal(judgeRows(unknown, [member('a', [0, 12, 9]), member('b', [0, 12, 9])]).verified, true);
  assert.equal(judgeRows(unknown, [member('a', [0, 7, 9]), member('b', [0, 7, 9])]).verified, true);
  const differing = judgeRows(unknown, [member('a', [0, 12, 9]), member('b', [0, 7, 9])]);
  assert.deepEqual(differing.problems, ['b: row 1 holds 7, the first member 12']);
});

test('unequal digests at one sequence number are found', () => {
  const { verified, problems } = judgeRows(acknowledged(), [
    member('a', [0, 7, 9]),
    member('b', [0, 7, 9], { digest: 'e' }),
  ]);
  assert.equal(verified, false);
  assert.match(problems[0]!, /digests are not equal.*a d at 6, b e at 6/);
});

test('members at different sequence numbers are not verified', () => {
  const members = [member('a', [0, 7, 9]), member('b', [0, 7, 9], { appliedUpTo: 5 })];
  assert.equal(judgeRows(acknowledged(), members).verified, false);
});

test('of many wrong rows a few are named, and all are counted', () => {
  const rows = 100;
  const writes = {
    sequenceNumbers: new Float64Array(rows).fill(1),
    values: new Float64Array(rows).fill(1),
    unknown: [],
  };
  const { problems } = judgeRows(writes, [member('a', new Array(rows).fill(2))]);
  assert.equal(problems.length, 4);
  assert.match(problems.at(-1)!, /100 rows are wrong in all/);
});
