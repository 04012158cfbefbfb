import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noticeOf, viewOf } from '../testing/views.ts';
import { Membership } from './membership.ts';

const SELF = {
  memberId: 'm0',
  state: 'ONLINE',
  version: '1',
  hasRoom: true,
  claims: false,
  reaches: [0, 2],
  transfer: null,
} as const;

test('each view says who joined and who left, by stay: one who came back has done both', () => {
  const membership = new Membership('m0');
  membership.install(viewOf(1, [0, 1, 2]), 0);
  assert.deepEqual(membership.install(viewOf(2, [0, 1, 2, 3], [3]), 10).joined, ['m3']);
  const gone = membership.install(viewOf(3, [0, 2, 3], [3]), 11);
  assert.deepEqual([gone.joined, gone.left], [[], ['m1']]);
  const back = viewOf(5, [0, 3, 4]);
  const members = back.members.map((member) => (member.ordinal === 4 ? { ...member, memberId: 'm2' } : member));
  const change = membership.install({ ...back, members }, 12);
  assert.deepEqual([change.joined, change.left], [['m2'], ['m2']], 'the same member in another stay');
  assert.deepEqual(
    membership.viewsAfter(2, SELF, null).map(({ number }) => number),
    [3, 5],
  );
});

test('H14: a voter is who votes in its present stay: views of the past have it as another', () => {
  const membership = new Membership('m3');
  membership.install(viewOf(4, [0, 1, 3]), 10);
  assert.equal(membership.isVoter, false, 'it belongs to nothing yet');
  membership.stay = 5;
  assert.equal(membership.isVoter, false, 'the view is from before its expulsion');
  const back = viewOf(6, [0, 1, 5]);
  const members = back.members.map((member) => (member.ordinal === 5 ? { ...member, memberId: 'm3' } : member));
  membership.install({ ...back, members }, 20);
  assert.equal(membership.isVoter, true);
});

test('members are named by ordinal, with gaps, and those who left as long as they are remembered', () => {
  const membership = new Membership('m0');
  membership.remember(viewOf(1, [0, 1, 2]));
  membership.install(viewOf(7, [0, 5]), 40);
  assert.deepEqual(
    [1, 5, 9].map((ordinal) => membership.memberIdOf(ordinal)),
    ['m1', 'm5', ''],
  );
});

test('rows are those of the view in force, with what each told last, and the matrix by member ids', () => {
  const membership = new Membership('m0');
  membership.install(viewOf(3, [0, 2, 5], [5]), 9);
  membership.noticed(2, noticeOf({ hasRoom: false, reaches: [0, 2, 5] }));
  membership.noticed(7, noticeOf());
  const rows = membership.rows(SELF, 2);
  assert.deepEqual(
    rows.map(({ memberId, state, leads, learner, hasRoom, reaches, reachable }) => [
      ...[memberId, state, leads, learner, hasRoom, reachable],
      reaches.join(),
    ]),
    [
      ['m0', 'ONLINE', false, false, true, true, 'm0,m2'],
      ['m2', 'ONLINE', true, false, false, true, 'm0,m2,m5'],
      ['m5', 'UNREACHABLE', false, true, true, false, ''],
    ],
  );
  assert(!membership.notices.has(7), 'nothing is kept of a stranger');
});

const nobody = (): boolean => false;

test('H5: a silent voter holds the purge floor where it was until it is expelled; a learner holds nothing', () => {
  const membership = new Membership('m0');
  assert.equal(membership.oldestNeededByAll(100, nobody), null);
  membership.install(viewOf(1, [0, 1, 2, 3], [3]), 0);
  membership.noticed(1, noticeOf({ oldestNeeded: 80 }));
  assert.equal(membership.oldestNeededByAll(100, nobody), null, 'member 2 has not told yet');
  membership.noticed(2, noticeOf({ oldestNeeded: 40 }));
  assert.equal(membership.oldestNeededByAll(100, nobody), 40);
  membership.noticed(1, noticeOf({ oldestNeeded: 500 }));
  assert.equal(membership.oldestNeededByAll(600, nobody), 40, 'member 2 is silent');
  membership.install(viewOf(2, [0, 1, 3], [3]), 20);
  assert.equal(membership.oldestNeededByAll(600, nobody), 500, 'it was expelled');
});

test('H5: a voter whose data diverged commits nothing any more, and holds no floor', () => {
  const membership = new Membership('m0');
  membership.install(viewOf(1, [0, 1, 2]), 0);
  membership.noticed(1, noticeOf({ oldestNeeded: 500 }));
  membership.noticed(2, noticeOf({ oldestNeeded: 40, state: 'ERROR' }));
  assert.equal(membership.oldestNeededByAll(600, nobody), 500);
});

test('H5: a voter that receives its state holds no floor, for however long that takes, and again one when it takes part', () => {
  const membership = new Membership('m0');
  membership.install(viewOf(1, [0, 1, 2]), 0);
  membership.noticed(1, noticeOf({ oldestNeeded: 500 }));
  const restoring = new Set([2]);
  const lowest = (): number | null => membership.oldestNeededByAll(600, (voter) => restoring.has(voter));
  assert.equal(lowest(), 500, 'it has told nothing');
  membership.noticed(2, noticeOf({ oldestNeeded: 40 }));
  assert.equal(lowest(), 500, 'that was of its run before');
  restoring.delete(2);
  assert.equal(lowest(), 40);
});
