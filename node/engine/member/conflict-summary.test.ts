import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Catalog } from '../catalog.ts';
import { catalogItemKey, encodeKey, tablePrefix } from '../key-codec.ts';
import { testImageCodec } from '../testing/image-codec.ts';
import { ConflictLog, type SeenConflict } from './conflict-log.ts';
import { summarizeConflicts } from './conflict-summary.ts';

const STOCK = 1;
const ORDERS = 2;

const catalog = new Catalog();
for (const [tableId, name] of [
  [STOCK, 'shop.stock'],
  [ORDERS, 'shop.orders'],
] as const) {
  const table = { name, primaryKey: ['id'], columns: null, indexes: [], foreignKeys: [] };
  const judged = catalog.judge({ kind: 'create-table', table, ifNotExists: false });
  assert.equal(judged.kind, 'done');
  if (judged.kind === 'done') catalog.apply(tableId, judged, testImageCodec);
}
const names = {
  catalog,
  memberIdOf: (ordinal: number) => `member-${ordinal}`,
  gtidOf: (sequenceNumber: number) => `group:${sequenceNumber}`,
};

function row(tableId: number, id: number): string {
  return encodeKey(tablePrefix(tableId), [id], [null]);
}

function conflict(stampMs: number, key: string, [loser, winner]: readonly [number, number | null]): SeenConflict {
  return {
    stampMs,
    key,
    found: 'item',
    reason: winner === null ? 'snapshot-too-old' : 'conflict',
    phase: 'group',
    structure: null,
    loser,
    loserTransactionId: 't',
    winner: winner === null ? null : { sequenceNumber: 9, origin: winner },
    snapshotVersion: 9 - stampMs,
    standsFor: 1,
  };
}

function logged(...conflicts: readonly SeenConflict[]): ConflictLog {
  const log = new ConflictLog(6);
  for (const each of conflicts) log.add(each);
  return log;
}

const log = logged(
  conflict(1, row(STOCK, 1), [0, 1]),
  conflict(2, row(STOCK, 7), [0, 1]),
  conflict(3, row(ORDERS, 1), [2, 0]),
  conflict(4, row(STOCK, 7), [1, 2]),
  conflict(5, row(STOCK, 1), [0, null]),
  conflict(6, catalogItemKey(ORDERS), [2, 0]),
);
const time = (ms: number) => `1970-01-01T00:00:00.00${ms}Z`;

test('a summary counts the rows of the kept conflicts, the hottest first, and who lost to whom', () => {
  assert.deepEqual(summarizeConflicts(log.newestFirst(), { limit: 10, table: null }, names), {
    since: time(1),
    conflicts: 6,
    hotRows: [
      { table: 'shop.stock', item: 'row', key: 7, conflicts: 2, lastTime: time(4) },
      { table: 'shop.orders', item: 'catalog', key: null, conflicts: 1, lastTime: time(6) },
      { table: 'shop.orders', item: 'row', key: 1, conflicts: 1, lastTime: time(3) },
      { table: 'shop.stock', item: 'row', key: 1, conflicts: 1, lastTime: time(1) },
    ],
    pairs: [
      { loser: 'member-2', winner: 'member-0', conflicts: 2 },
      { loser: 'member-0', winner: 'member-1', conflicts: 2 },
      { loser: 'member-0', winner: null, conflicts: 1 },
      { loser: 'member-1', winner: 'member-2', conflicts: 1 },
    ],
    causes: [
      { cause: 'row', conflicts: 4 },
      { cause: 'catalog', conflicts: 1 },
      { cause: 'snapshot-too-old', conflicts: 1 },
    ],
    distances: [
      { upTo: 1, conflicts: 1 },
      { upTo: 3, conflicts: 2 },
      { upTo: 10, conflicts: 2 },
    ],
  });
});

test('what stands for several counts as so many, whatever is counted', () => {
  const sampled = { ...conflict(7, row(STOCK, 7), [0, 1]), standsFor: 16, snapshotVersion: -200_000 };
  const { conflicts, hotRows, pairs, causes, distances } = summarizeConflicts(
    logged(sampled, conflict(4, row(STOCK, 7), [1, 2])).newestFirst(),
    { limit: 1, table: null },
    names,
  );
  assert.deepEqual([conflicts, hotRows[0]!.conflicts, causes[0]!.conflicts], [17, 17, 17]);
  assert.deepEqual(
    pairs.map((pair) => pair.conflicts),
    [16, 1],
  );
  assert.deepEqual(distances, [
    { upTo: 10, conflicts: 1 },
    { upTo: null, conflicts: 16 },
  ]);
});

test('a summary of one table counts its conflicts only, and tells at most so many rows as asked for', () => {
  const { since, conflicts, hotRows, pairs } = summarizeConflicts(
    log.newestFirst(),
    { limit: 1, table: 'shop.stock' },
    names,
  );
  assert.deepEqual([since, conflicts], [time(1), 4]);
  assert.deepEqual(
    hotRows.map(({ key }) => key),
    [7],
  );
  assert.equal(
    pairs.reduce((sum, pair) => sum + pair.conflicts, 0),
    4,
  );
});

test('conflicts that the log has dropped count no more, and none kept is told as none', () => {
  const full = logged(...log.newestFirst(), conflict(8, row(STOCK, 3), [0, 1]));
  assert.equal(summarizeConflicts(full.newestFirst(), { limit: 1, table: null }, names).conflicts, 6);
  const none = { since: null, conflicts: 0, hotRows: [], pairs: [], causes: [], distances: [] };
  assert.deepEqual(summarizeConflicts(logged().newestFirst(), { limit: 1, table: null }, names), none);
});
