import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConflictRow } from '../../../client/index.ts';
import { memberLabel } from '../member-label.ts';
import { causeTable, conflictTable, distanceTable, hotRowTable, pairTable } from './conflict-tables.ts';
import { ConflictTally } from './conflict-tally.ts';

function conflict(second: number, facts: Partial<ConflictRow> & { loser: ConflictRow['loser'] }): ConflictRow {
  const time = `2026-11-20T09:00:${String(second).padStart(2, '0')}.000Z`;
  const winner = { member: 'b', gtid: `group:${second}` };
  const about = { table: 'shop.products', item: 'row', key: 1, reason: 'conflict', phase: 'group' } as const;
  return { time, ...about, winner, late: facts.winner === null ? null : 2, ...facts };
}

const ordered = conflict(3, { loser: { member: 'a', transactionId: '1-7-0' }, key: 2 });
const ofA = [
  conflict(4, { loser: { member: 'a', transactionId: 'local-2' }, phase: 'local' }),
  ordered,
  conflict(1, { loser: { member: 'a', transactionId: 'local-1' }, phase: 'local' }),
];
const ofB = [
  conflict(5, { loser: { member: 'b', transactionId: 'local-1' }, reason: 'snapshot-too-old', winner: null }),
  ordered,
  conflict(2, { loser: { member: 'b', transactionId: 'local-2' }, winner: { member: 'a', gtid: 'group:9' } }),
];

describe('conflicts as several members tell them', () => {
  const tally = new ConflictTally();
  const first = tally.add(ofA);
  const second = tally.add(ofB);

  test('count once, whoever tells them', () => {
    assert.deepEqual(first, ofA.toReversed());
    assert.deepEqual(second, [ofB[2], ofB[0]]);
    assert.deepEqual(tally.add(ofA), []);
    assert.equal(tally.has(ordered), true);
    assert.deepEqual(
      tally.newestFirst(4).map(({ time }) => time.slice(17, 19)),
      ['05', '04', '03', '02'],
    );
  });

  test('are counted by row and by loser and winner', () => {
    const summary = tally.summary(10);
    assert.equal(summary.since, '2026-11-20T09:00:01.000Z');
    assert.equal(summary.conflicts, 5);
    assert.deepEqual(summary.hotRows, [
      { table: 'shop.products', item: 'row', key: 1, lastTime: '2026-11-20T09:00:04.000Z', conflicts: 3 },
      { table: 'shop.products', item: 'row', key: 2, lastTime: '2026-11-20T09:00:03.000Z', conflicts: 1 },
    ]);
    assert.deepEqual(summary.pairs, [
      { loser: 'a', winner: 'b', conflicts: 3 },
      { loser: 'b', winner: 'a', conflicts: 1 },
      { loser: 'b', winner: null, conflicts: 1 },
    ]);
    assert.deepEqual(summary.causes, [
      { cause: 'row', conflicts: 4 },
      { cause: 'snapshot-too-old', conflicts: 1 },
    ]);
    assert.deepEqual(summary.distances, [{ upTo: 3, conflicts: 4 }]);
    assert.deepEqual(distanceTable([...summary.distances, { upTo: null, conflicts: 1 }]), [
      { 'transactions late': 'up to 3', conflicts: 4 },
      { 'transactions late': 'more', conflicts: 1 },
    ]);
    assert.deepEqual(causeTable(summary.causes)[1], { cause: 'snapshot too old', conflicts: 1 });
    assert.equal(tally.summary(1).hotRows.length, 1);
    assert.deepEqual(new ConflictTally().summary(10), {
      since: null,
      conflicts: 0,
      hotRows: [],
      pairs: [],
      causes: [],
      distances: [],
    });
  });

  test('are forgotten from the oldest on when there are too many', () => {
    const small = new ConflictTally(2);
    small.add(ofA);
    assert.deepEqual(small.newestFirst(9), ofA.slice(0, 2));
  });

  test('are shown with the addresses of members, as far as those are known', () => {
    const status = { state: 'ONLINE', connections: 1, outstanding: 0, problem: null };
    const label = memberLabel([{ ...status, url: 'ws://127.0.0.1:7001/v1', memberId: 'a' }], []);
    const shown = {
      table: 'shop.products',
      key: 2,
      reason: 'conflict',
      'lost at': '127.0.0.1:7001',
      winner: 'b',
      late: 2,
    };
    assert.deepEqual(conflictTable([ordered], label, '2026-11-20'), [{ time: '09:00:03.000', ...shown }]);
    assert.deepEqual(conflictTable([ordered], label, '2026-11-21'), [{ time: '2026-11-20 09:00:03.000', ...shown }]);
    assert.deepEqual(pairTable(tally.summary(1).pairs, label)[2], {
      loser: 'b',
      winner: '(nobody)',
      conflicts: 1,
    });
    assert.deepEqual(hotRowTable(tally.summary(1).hotRows)[0], {
      table: 'shop.products',
      key: 1,
      conflicts: 3,
      last: '2026-11-20 09:00:04.000',
    });
  });
});
