import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readRangesMax } from '../../certifier/types.ts';
import { encodeKey, tablePrefix, tableRange } from './key-codec.ts';
import { ReadSet } from './read-set.ts';
import { accounts, TABLE } from './testing/accounts.ts';
import { type TestWorld, testWorld } from './testing/solo-replica.ts';

const key = (tableId: number, id: number) => encodeKey(tablePrefix(tableId), [id], [null]);
const unbounded = { readKeysMax: 1000, readRangesMax: 1000 };

test('of ranges and keys, however they were read and however few are kept, all that was read is certified, in order', () => {
  const place = fc.record({ table: fc.integer({ min: 1, max: 3 }), id: fc.nat(30) });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(place, fc.nat(8)), { maxLength: 15 }),
      fc.uniqueArray(place, { maxLength: 15, selector: ({ table, id }) => `${table} ${id}` }),
      fc.nat(6),
      fc.integer({ min: 1, max: 6 }),
      (scans, gets, readKeysMax, readRangesMax) => {
        const reads = new ReadSet();
        for (const [{ table, id }, length] of scans) reads.add(key(table, id), key(table, id + 1 + length));
        const keysRead = gets.map(({ table, id }) => key(table, id));
        const { keys, ranges } = reads.bounded(keysRead, { readKeysMax, readRangesMax });
        assert.ok(keys.length <= readKeysMax && ranges.length <= readRangesMax);
        for (const [at, { from, to }] of ranges.entries()) {
          assert.ok(from < to && (at === 0 || ranges[at - 1]!.to < from));
        }
        const isRead = (one: string) => keys.includes(one) || ranges.some(({ from, to }) => from <= one && one < to);
        for (const one of keysRead) assert.ok(isRead(one));
        for (const [{ table, id }, length] of scans) {
          for (let at = id; at <= id + length; at++) assert.ok(isRead(key(table, at)) && isRead(`${key(table, at)}\0`));
        }
        const exact = reads.bounded(keysRead, unbounded);
        const isWithin = (one: string) => exact.ranges.some(({ from, to }) => from <= one && one < to);
        for (let table = 1; table <= 3; table++) {
          for (let id = 0; id <= 40; id++) {
            const one = key(table, id);
            const wasScanned = scans.some(([at, length]) => at.table === table && at.id <= id && id <= at.id + length);
            assert.equal(isWithin(one), wasScanned, 'where there is room for all, nothing else is certified');
          }
        }
      },
    ),
  );
});

test('pages of a scan are one range, forwards and backwards', () => {
  for (const pages of [
    [
      [1, 3],
      [3, 4],
      [4, 9],
    ],
    [
      [4, 9],
      [3, 4],
      [1, 3],
    ],
  ]) {
    const reads = new ReadSet();
    let bytes = 0;
    for (const [from, to] of pages) {
      bytes += reads.bytesOf(key(1, from!), key(1, to!));
      reads.add(key(1, from!), key(1, to!));
    }
    assert.equal(bytes, 64 + 2 * key(1, 1).length);
    assert.deepEqual(reads.bounded([], unbounded).ranges, [{ from: key(1, 1), to: key(1, 9) }]);
  }
});

function serializable(world: TestWorld, statements: readonly (readonly [string, object])[]) {
  world.client.do('begin', { tx: 't', isolation: 'SERIALIZABLE' });
  for (const [op, message] of statements) world.client.do(op, { tx: 't', table: TABLE, ...message });
  world.client.do('commit', { tx: 't' });
  return world.replica.committed.at(-1)!;
}

test('what a SERIALIZABLE transaction certifies: rows it has read by key as checks, scans as ranges, own rows once', () => {
  const world = accounts([1, 2, 3]);
  const { writeSet, ranges } = serializable(world, [
    ['get', { key: 1 }],
    ['get', { key: 2 }],
    ['put', { row: { id: 2 } }],
    ['get', { key: 2 }],
    ['put', { row: { id: 7 } }],
    ['get', { key: 7 }],
    ['scan', { gte: 3, lt: 5 }],
    ['get', { key: 3 }],
    ['count', { lt: 0 }],
  ]);
  const tableId = world.replica.table(TABLE, world.replica.appliedUpTo)!.tableId;
  const row = (id: number) => encodeKey(tablePrefix(tableId), [id], ['integer']);
  assert.deepEqual(
    writeSet.slice(1).map(({ key, kind }) => [key, kind]),
    [
      [row(2), 'put'],
      [row(7), 'put'],
      [row(1), 'check'],
    ],
  );
  assert.deepEqual(ranges, [
    { from: tableRange(tableId).from, to: row(0) },
    { from: row(3), to: row(5) },
  ]);
});

test('what only reads, or is declared to, certifies nothing; what reads at a lower level certifies what it writes', () => {
  const world = accounts([1]);
  const { client, replica } = world;
  for (const facts of [{ isolation: 'SERIALIZABLE' }, { isolation: 'SERIALIZABLE', readOnly: true }]) {
    client.do('begin', { tx: 't', ...facts });
    client.do('get', { tx: 't', table: TABLE, key: 1 });
    client.do('scan', { tx: 't', table: TABLE });
    assert.equal(client.do('commit', { tx: 't' }).gtid, null);
  }
  assert.equal(replica.committed.length, 0);
  for (const isolation of ['READ COMMITTED', 'REPEATABLE READ']) {
    const steps = [
      { op: 'get', table: TABLE, key: 1 },
      { op: 'scan', table: TABLE },
      { op: 'put', table: TABLE, row: { id: 2 } },
    ];
    client.do('transact', { isolation, steps });
    const { writeSet, ranges } = replica.committed.at(-1)!;
    assert.deepEqual([writeSet.map(({ kind }) => kind), ranges], [['check', 'put'], undefined]);
  }
});

test('more keys or ranges than are certified one by one become wider ranges', () => {
  const world = testWorld({ readKeysMax: 2, readRangesMax: 2 });
  world.client.do('createTable', { table: TABLE, primaryKey: ['id'] });
  const get = (key: number) => ['get', { key }] as const;
  const write = ['put', { row: { id: 99 } }] as const;
  const few = serializable(world, [get(1), get(2), write]);
  assert.deepEqual([few.writeSet.map(({ kind }) => kind), few.ranges], [['check', 'put', 'check', 'check'], undefined]);
  const many = serializable(world, [get(1), get(9), get(5), write]);
  const tableId = world.replica.table(TABLE, world.replica.appliedUpTo)!.tableId;
  assert.deepEqual(
    many.writeSet.map(({ kind }) => kind),
    ['check', 'put'],
  );
  assert.deepEqual(many.ranges, [{ from: key(tableId, 1), to: `${key(tableId, 9)}\0` }]);
  const scan = (gte: number) => ['count', { gte, lt: gte + 1 }] as const;
  const scans = serializable(world, [scan(1), scan(5), scan(3), write]);
  assert.deepEqual(scans.ranges, [{ from: key(tableId, 1), to: key(tableId, 6) }]);
});

test('what was read counts for the transaction’s bytes, and the error names them', () => {
  const world = testWorld({ transactionBytesMax: 400 });
  const { client } = world;
  client.do('createTable', { table: TABLE, primaryKey: ['id'] });
  const scan = (tx: string, gte: number) => ['count', { tx, table: TABLE, gte, lt: gte + 1 }] as const;
  for (const isolation of ['SERIALIZABLE', 'REPEATABLE READ']) {
    client.do('begin', { tx: 't', isolation });
    for (let at = 0; at < 4; at++) client.do(...scan('t', 2 * at));
    if (isolation === 'SERIALIZABLE') {
      const { code, bytesMax, bytes } = client.fail(...scan('t', 8));
      assert.deepEqual([code, bytesMax, bytes], ['TRANSACTION_TOO_LARGE', 400, 5 * (64 + 2 * key(1, 1).length)]);
    }
    client.do('rollback', { tx: 't' });
  }
  client.do('begin', { tx: 'u', isolation: 'SERIALIZABLE', readOnly: true });
  for (let at = 0; at < 10; at++) client.do(...scan('u', 2 * at));
  client.do('commit', { tx: 'u' });
});

test('a range that is widened counts for what its bounds take more, or less', () => {
  const reads = new ReadSet();
  let bytes = 0;
  const add = (from: string, to: string): void => {
    bytes += reads.bytesOf(from, to);
    reads.add(from, to);
    const { ranges } = reads.bounded([], unbounded);
    assert.equal(bytes, 64 + ranges[0]!.from.length + ranges[0]!.to.length);
  };
  add('cc', 'cd');
  add('cd', `d${'x'.repeat(500)}`);
  add('a', 'cc');
  add('b', 'c');
});

test('no more ranges are certified than the certifier takes, whatever the limit says', () => {
  const reads = new ReadSet();
  for (let at = 0; at < 2000; at++) {
    const from = `\0\0\0\0\0\x01${String(at).padStart(5, '0')}`;
    reads.add(`${from}a`, `${from}b`);
  }
  const { ranges } = reads.bounded([], { readKeysMax: 10, readRangesMax: 5000 });
  assert.ok(ranges.length <= readRangesMax, `${ranges.length}`);
});

test('at SERIALIZABLE a row put and deleted that was not there has to be absent still; below that it is as if never written', () => {
  for (const [isolation, kinds] of [
    ['SERIALIZABLE', ['check', 'put', 'check']],
    ['REPEATABLE READ', ['check', 'put']],
  ] as const) {
    const { client, connect, replica } = accounts([1]);
    client.do('begin', { tx: 't', isolation });
    client.do('put', { tx: 't', table: TABLE, row: { id: 5 } });
    client.do('delete', { tx: 't', table: TABLE, key: 5 });
    client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
    const conflicts = isolation === 'SERIALIZABLE';
    connect().do('put', { table: TABLE, row: { id: 5 } });
    assert.equal(client.ask('commit', { tx: 't' }).ok, !conflicts);
    const { writeSet } = replica.committed.at(-1)!;
    assert.deepEqual(
      writeSet.map(({ kind }) => kind),
      kinds,
    );
  }
});

test('at READ COMMITTED a scan meets the own writes that it comes to, none behind its limit', () => {
  const { client, connect } = accounts([1, 2, 3]);
  const other = connect();
  client.do('begin', { tx: 't', isolation: 'READ COMMITTED', onError: 'continue' });
  client.do('update', { tx: 't', table: TABLE, key: 3, set: { v: 1 } });
  other.do('update', { table: TABLE, key: 3, set: { v: 2 } });
  assert.equal(client.do('scan', { tx: 't', table: TABLE, limit: 1 }).rows.length, 1);
  assert.equal(client.fail('scan', { tx: 't', table: TABLE, limit: 2 }).code, 'CERTIFICATION_CONFLICT');
  assert.equal(client.do('scan', { tx: 't', table: TABLE, limit: 1, lt: 3 }).rows.length, 1);
  assert.equal(client.fail('scan', { tx: 't', table: TABLE, limit: 1, reverse: true }).code, 'CERTIFICATION_CONFLICT');
});

test('H5, H6: at READ COMMITTED the floor is held for the first statement that wrote, and nothing else is held between statements', () => {
  const { client, replica } = accounts([1, 2]);
  client.do('begin', { tx: 't', isolation: 'READ COMMITTED' });
  client.do('get', { tx: 't', table: TABLE, key: 1 });
  assert.equal(replica.openSnapshots, 0);
  const before = replica.appliedUpTo;
  client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
  client.do('insert', { table: TABLE, row: { id: 3 } });
  client.do('update', { tx: 't', table: TABLE, key: 2, set: { v: 2 } });
  client.do('delete', { tx: 't', table: TABLE, key: 3 });
  replica.endSnapshots();
  client.do('commit', { tx: 't' });
  const { snapshotVersion, writeSet } = replica.committed.at(-1)!;
  assert.equal(snapshotVersion, before);
  assert.deepEqual(
    writeSet.map((item) => [item.kind, item.snapshotVersion]),
    [
      ['check', undefined],
      ['put', undefined],
      ['put', before + 1],
      ['delete', before + 1],
    ],
  );
});

test('at READ COMMITTED a row that was not there before the first statement that wrote it, and is gone, is not deleted', () => {
  const { client, replica } = accounts([]);
  client.do('begin', { tx: 't', isolation: 'READ COMMITTED' });
  client.do('put', { tx: 't', table: TABLE, row: { id: 5 } });
  client.do('put', { table: TABLE, row: { id: 6 } });
  client.do('delete', { tx: 't', table: TABLE, key: 5 });
  assert.equal(client.do('commit', { tx: 't' }).gtid, null);
  assert.equal(replica.committed.length, 1);
});

test('at READ COMMITTED a table that was only read may be dropped meanwhile; one whose rows were written may not', () => {
  const { client, connect } = accounts([1]);
  const other = connect();
  const create = (table: string) => other.do('createTable', { table, primaryKey: ['id'] });
  for (const [op, message, code] of [
    ['count', {}, null],
    ['put', { row: { id: 1 } }, 'SCHEMA_CHANGED'],
  ] as const) {
    create('bank.other');
    client.do('begin', { tx: 't', isolation: 'READ COMMITTED' });
    client.do(op, { tx: 't', table: 'bank.other', ...message });
    other.do('dropTable', { table: 'bank.other' });
    client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 3 } });
    const { ok, error } = client.ask('commit', { tx: 't' });
    assert.equal(ok ? null : error.code, code);
  }
});
