/** What is known of conflicts beside their list: which are kept, how all are counted, which are lines of the log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { catalogItemKey, encodeKey, tablePrefix } from '../key-codec.ts';
import type { ConflictRecord } from '../replica.ts';
import { SimulatedMemberClient, startGroup, until } from '../testing/simulated-group.ts';
import { conflictCause } from './conflict-cause.ts';
import { ConflictCounts } from './conflict-counts.ts';
import { ConflictSampling } from './conflict-sampling.ts';

test('all conflicts of a second are kept up to a number, then one of so many, and they stand for all of them', () => {
  const sampling = new ConflictSampling({ exactPerSecondMax: 4, oneOf: 3 });
  assert.deepEqual(
    Array.from({ length: 11 }, () => sampling.take(1500)),
    [1, 1, 1, 1, 0, 0, 3, 0, 0, 3, 0],
  );
  assert.deepEqual([sampling.take(1999), sampling.take(2000), sampling.take(2001)], [0, 3, 1]);
});

test('whenever conflicts come, those that are kept stand for all but fewer than one of so many', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(5000), { maxLength: 300 }),
      fc.nat(5),
      fc.integer({ min: 1, max: 7 }),
      (times, exact, oneOf) => {
        const sampling = new ConflictSampling({ exactPerSecondMax: exact, oneOf });
        let stoodFor = 0;
        for (const ms of times.toSorted((one, other) => one - other)) {
          const standsFor = sampling.take(ms);
          assert.ok(standsFor <= oneOf);
          stoodFor += standsFor;
        }
        assert.ok(times.length - stoodFor >= 0 && times.length - stoodFor < oneOf);
      },
    ),
  );
});

test('the cause of a conflict is told from the bytes of its key', () => {
  const cause = (key: string, found: 'item' | 'range' = 'item') => conflictCause({ reason: 'conflict', found, key });
  for (const tableId of [7, 2 ** 33]) {
    const prefix = tablePrefix(tableId);
    for (const value of [5, 'text', true, null, new Uint8Array([255])]) {
      assert.equal(cause(encodeKey(prefix, [value], [null])), 'row');
    }
    assert.equal(cause(encodeKey(prefix, [5], [null]), 'range'), 'range');
    assert.equal(cause(`${prefix}\x60\x00\x01`), 'unique');
    assert.equal(cause(`${prefix}\x68\x00\x00`), 'reference');
    assert.equal(cause(catalogItemKey(tableId)), 'catalog');
  }
  assert.equal(conflictCause({ reason: 'snapshot-too-old', found: 'item', key: tablePrefix(7) }), 'snapshot-too-old');
});

/** By label, as a scrape sees them. */
function scraped(counts: ConflictCounts): Record<string, number> {
  return Object.fromEntries(counts.read().map(({ table, cause, count }) => [`${table} ${cause}`, count]));
}

test('the tables with most conflicts get counters of their own, and what they had before stays with the rest', () => {
  const counts = new ConflictCounts(2);
  const add = (table: string | null, count: number, cause: 'row' | 'range' = 'row'): void => {
    for (let i = 0; i < count; i++) counts.add(table, cause);
  };
  add('a', 1);
  assert.deepEqual(scraped(counts), { 'a row': 1 });
  add('b', 2);
  add('c', 5);
  add(null, 1, 'range');
  assert.deepEqual(scraped(counts), { 'a row': 1, 'c row': 5, 'null row': 2, 'null range': 1 });
  add('b', 1);
  add('c', 1, 'range');
  assert.deepEqual(scraped(counts), { 'a row': 1, 'c row': 5, 'c range': 1, 'null row': 3, 'null range': 1 });
});

test('no counter goes back, and together they are all conflicts, however many tables there are', () => {
  const table = fc.option(fc.nat(30).map((n) => `t${n}`));
  const step = fc.oneof(
    fc.record({ table, cause: fc.constantFrom('row' as const, 'range' as const) }),
    fc.constant(null),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.nat(5), (steps, labelsMax) => {
      const counts = new ConflictCounts(labelsMax);
      let before: Record<string, number> = {};
      let added = 0;
      for (const each of [...steps, null]) {
        if (each !== null) {
          counts.add(each.table, each.cause);
          added++;
          continue;
        }
        const now = scraped(counts);
        for (const [name, count] of Object.entries(before)) assert.ok((now[name] ?? 0) >= count, name);
        assert.equal(
          Object.values(now).reduce((sum, count) => sum + count, 0),
          added,
        );
        assert.ok(new Set(Object.keys(now).map((name) => name.split(' ')[0])).size <= labelsMax + 1);
        before = now;
      }
    }),
  );
});

test('whoever loses is told by its own member alone, with how late it was, and the others list what went through the order', () => {
  const world = new SimulatedWorld(41);
  const told: Record<string, ConflictRecord[]> = {};
  const members = startGroup(world, {
    conflictLost: (memberId, conflict) => {
      told[memberId] ??= [];
      told[memberId].push(conflict);
    },
  });
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const [loser, winner] = members.map((member) => new SimulatedMemberClient(world, member)) as [
    SimulatedMemberClient,
    SimulatedMemberClient,
  ];
  loser.do('createTable', { table: 'a.b', primaryKey: ['k'] });
  const { sequenceNumber } = loser.do('put', { table: 'a.b', row: { k: 1 } });
  loser.do('begin', { tx: 't', atLeast: sequenceNumber });
  loser.do('update', { tx: 't', table: 'a.b', key: 1, set: { v: 1 } });
  let last = 0;
  for (let v = 0; v < 3; v++) {
    last = winner.do('update', { table: 'a.b', key: 1, set: { v }, atLeast: sequenceNumber }).sequenceNumber;
  }
  until(world, () => members[0]!.member.appliedUpTo >= last);
  loser.fail('commit', { tx: 't' });
  assert.deepEqual(Object.keys(told), ['id-0']);
  const [record] = told['id-0']!;
  assert.deepEqual(
    [record!.table, record!.key, record!.snapshotVersion, record!.late, record!.standsFor, record!.phase],
    ['a.b', 1, sequenceNumber, 3, 1, 'local'],
  );
  assert.deepEqual(members[0]!.member.conflicts(1, null), [record]);
  assert.deepEqual(members[0]!.member.conflictCounts, [{ table: 'a.b', cause: 'row', count: 1 }]);
  const summary = members[0]!.member.conflictSummary(1, null);
  assert.deepEqual(summary.causes, [{ cause: 'row', conflicts: 1 }]);
  assert.deepEqual(summary.distances, [{ upTo: 3, conflicts: 1 }]);
});
