import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { catalogItemKey, decodeKey } from './key-codec.ts';
import { accounts, TABLE } from './testing/accounts.ts';
import { GROUP_ID, MEMBER_ID, testWorld } from './testing/solo-replica.ts';

test('a transaction sees its snapshot and its own writes, and others see them after the commit', () => {
  const { client, connect } = accounts([1, 2]);
  const other = connect();
  client.do('begin', { tx: 't' });
  assert.equal(client.do('get', { tx: 't', table: TABLE, key: 1 }).v, 0);
  other.do('update', { table: TABLE, key: 2, set: { v: 9 } });
  assert.equal(client.do('get', { tx: 't', table: TABLE, key: 2 }).v, 0);
  client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 5 } });
  client.do('insert', { tx: 't', table: TABLE, row: { id: 0 } });
  assert.equal(client.do('get', { tx: 't', table: TABLE, key: 1 }).v, 5);
  assert.equal(other.do('get', { table: TABLE, key: 1 }).v, 0);
  const answer = client.do('commit', { tx: 't' });
  assert.deepEqual(answer, {
    gtid: `${GROUP_ID}:5`,
    sequenceNumber: 5,
    commitTime: '2026-11-20T09:00:00.000Z.0',
    snapshotVersion: 3,
  });
  assert.equal(other.do('get', { table: TABLE, key: 1 }).v, 5);
  assert.equal(client.fail('get', { tx: 't', table: TABLE, key: 1 }).code, 'NO_SUCH_TRANSACTION');
});

test('the snapshot is fixed by the first statement, not by begin', () => {
  const { client, connect } = accounts([1]);
  client.do('begin', { tx: 't' });
  connect().do('update', { table: TABLE, key: 1, set: { v: 7 } });
  assert.equal(client.do('get', { tx: 't', table: TABLE, key: 1 }).v, 7);
});

test('of two writers of one row with the same snapshot, the second to commit is told the row and the winner', () => {
  const { client, connect } = accounts([1]);
  const other = connect();
  client.do('begin', { tx: 't' });
  client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
  other.do('update', { table: TABLE, key: 1, set: { v: 2 } });
  const { message, ...facts } = client.fail('commit', { tx: 't' });
  assert.match(message, /bank\.account/);
  assert.deepEqual(facts, {
    code: 'CERTIFICATION_CONFLICT',
    sqlState: '40001',
    retry: 'transaction',
    table: TABLE,
    item: 'row',
    key: 1,
    snapshotVersion: 2,
    winner: { gtid: `${GROUP_ID}:3`, member: MEMBER_ID },
    phase: 'group',
  });
});

test('a transaction that touched a table dropped or truncated since gets SCHEMA_CHANGED', () => {
  const { client, connect } = accounts([1]);
  client.do('createTable', { table: 'a.b', primaryKey: ['k'] });
  client.do('begin', { tx: 't' });
  client.do('get', { tx: 't', table: TABLE, key: 1 });
  client.do('put', { tx: 't', table: 'a.b', row: { k: 1 } });
  connect().do('truncateTable', { table: TABLE });
  const error = client.fail('commit', { tx: 't' });
  assert.deepEqual(
    [error.code, error.sqlState, error.retry, error.table],
    ['SCHEMA_CHANGED', '40001', 'transaction', TABLE],
  );
});

test('a transaction that wrote nothing commits without the group', () => {
  const { client, replica } = accounts([1]);
  client.do('begin', { tx: 't' });
  assert.equal(client.do('commit', { tx: 't' }).snapshotVersion, null);
  client.do('begin', { tx: 't' });
  client.do('get', { tx: 't', table: TABLE, key: 1 });
  client.do('delete', { tx: 't', table: TABLE, key: 99 });
  const answer = client.do('commit', { tx: 't' });
  assert.deepEqual(answer, { gtid: null, sequenceNumber: null, commitTime: null, snapshotVersion: 2 });
  assert.equal(client.do('update', { table: TABLE, key: 99, set: { v: 1 } }).gtid, null);
  assert.equal(replica.committed.length, 0);
  assert.equal(replica.openSnapshots, 0);
});

test('rollback leaves no trace, and so does closing the connection', () => {
  const { client, replica, connect } = accounts([1]);
  const other = connect();
  for (const end of ['rollback', 'close']) {
    other.do('begin', { tx: 't' });
    other.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
    if (end === 'rollback') assert.deepEqual(other.do('rollback', { tx: 't' }), {});
    else other.connection.close();
    assert.equal(replica.openSnapshots, 0);
  }
  assert.equal(client.do('get', { table: TABLE, key: 1 }).v, 0);
  assert.equal(replica.committed.length, 0);
});

// H20: what a row becomes, by whether it existed at the snapshot and what was done to it in turn.
const H20: readonly [existed: boolean, steps: string, item: string | null, ends: boolean][] = [
  [false, 'insert', 'put', true],
  [false, 'insert delete', 'check', false],
  [false, 'put delete', null, false],
  [false, 'insert update', 'put', true],
  [false, 'insert delete insert', 'put', true],
  [false, 'delete', 'check', false],
  [false, 'delete insert delete', 'check', false],
  [false, 'delete put', 'put', true],
  [true, 'update', 'put', true],
  [true, 'put', 'put', true],
  [true, 'delete', 'delete', false],
  [true, 'update delete', 'delete', false],
  [true, 'delete insert', 'put', true],
  [true, 'delete insert delete', 'delete', false],
  [true, 'delete insert update delete insert', 'put', true],
  [true, 'failed-if', 'check', true],
  [true, 'failed-if update', 'put', true],
];

for (const [existed, steps, item, ends] of H20) {
  test(`H20: ${existed ? 'an existing row' : 'no row'}, ${steps.replaceAll(' ', ', ')} is ${item ?? 'nothing'}`, () => {
    const { client, replica } = accounts(existed ? [1] : []);
    client.do('begin', { tx: 't' });
    client.do('put', { tx: 't', table: TABLE, row: { id: 77 } });
    for (const step of steps.split(' ')) {
      if (step === 'insert' || step === 'put') client.do(step, { tx: 't', table: TABLE, row: { id: 1, v: 3 } });
      else if (step === 'failed-if')
        client.do('update', { tx: 't', table: TABLE, key: 1, if: { v: -1 }, set: { v: 4 } });
      else client.do(step, { tx: 't', table: TABLE, key: 1, ...(step === 'update' ? { set: { v: 4 } } : {}) });
    }
    client.do('commit', { tx: 't' });
    const items = replica.committed[0]!.writeSet.filter(({ key }) => {
      const decoded = decodeKey(key, ['integer']);
      return decoded.kind === 'row' && decoded.values[0] === 1;
    });
    assert.deepEqual(
      items.map(({ kind }) => kind),
      item === null ? [] : [item],
    );
    assert.equal(client.do('get', { table: TABLE, key: 1 }) !== null, ends);
  });
}

test('the write set checks the catalog item of each table touched', () => {
  const { client, replica } = accounts([1]);
  client.do('put', { table: TABLE, row: { id: 1 } });
  const [first] = replica.committed[0]!.writeSet;
  assert.deepEqual([first!.kind, first!.key], ['check', catalogItemKey(1)]);
});

test('scans within a transaction merge its own writes in key order, as a plain map would', () => {
  const operation = fc.tuple(
    fc.constantFrom('put', 'delete'),
    fc.integer({ min: 0, max: 9 }),
    fc.integer({ min: 0, max: 99 }),
  );
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 9 })),
      fc.array(operation),
      fc.boolean(),
      fc.integer({ min: 0, max: 9 }),
      (rows, operations, reverse, gte) => {
        const { client } = accounts(rows);
        const expected = new Map(rows.map((id) => [id, 0]));
        client.do('begin', { tx: 't' });
        for (const [op, id, v] of operations) {
          if (op === 'put') {
            client.do('put', { tx: 't', table: TABLE, row: { id, v } });
            expected.set(id, v);
          } else
            assert.equal(client.do('delete', { tx: 't', table: TABLE, key: id }).matched, expected.delete(id) ? 1 : 0);
        }
        const seen = client
          .do('scan', { tx: 't', table: TABLE, gte, reverse })
          .rows.map((row: { id: number; v: number }) => [row.id, row.v]);
        const wanted = [...expected].filter(([id]) => id >= gte).sort(([a], [b]) => (reverse ? b - a : a - b));
        assert.deepEqual(seen, wanted);
      },
    ),
    { numRuns: 100 },
  );
});

test('a statement that fails dooms its transaction: only rollback succeeds', () => {
  const { client, replica } = accounts([1]);
  client.do('begin', { tx: 't' });
  client.do('put', { tx: 't', table: TABLE, row: { id: 2 } });
  const cause = client.fail('insert', { tx: 't', table: TABLE, row: { id: 1 } });
  assert.equal(cause.code, 'DUPLICATE_KEY');
  assert.equal(replica.openSnapshots, 0);
  for (const op of ['get', 'put', 'commit', 'commit', 'get']) {
    const error = client.fail(op, { tx: 't', table: TABLE, key: 1 });
    assert.deepEqual([error.code, error.sqlState, error.retry], ['TRANSACTION_ABORTED', '40000', 'no']);
    assert.deepEqual(error.cause, cause);
  }
  assert.deepEqual(client.do('rollback', { tx: 't' }), {});
  assert.equal(client.do('get', { table: TABLE, key: 2 }), null);
});

test('whatever fails in the name of a transaction dooms it, so that no half of it commits', () => {
  const half = [
    ['increment', { table: TABLE, key: 1, column: 'v' }],
    ['get', { table: 'no.such', key: 1 }],
    ['get', { table: TABLE, key: 1, unknownArgument: 1 }],
    ['createTable', { table: 'x.y', primaryKey: ['a'] }],
    ['commit', { profile: 1 }],
    [5, {}],
  ] as const;
  for (const [op, message] of half) {
    const { client } = accounts([1]);
    client.do('begin', { tx: 't' });
    client.do('put', { tx: 't', table: TABLE, row: { id: 2 } });
    const failed = client.fail(op as string, { tx: 't', ...message });
    const error = client.fail('commit', { tx: 't' });
    assert.deepEqual([error.code, error.cause.code], ['TRANSACTION_ABORTED', failed.code]);
  }
});

test('with onError: "continue" a failed statement changes nothing and the others commit', () => {
  const { client } = accounts([1, 2]);
  client.do('begin', { tx: 't', onError: 'continue' });
  client.do('put', { tx: 't', table: TABLE, row: { id: 3 } });
  assert.equal(client.fail('insert', { tx: 't', table: TABLE, row: { id: 1 } }).code, 'DUPLICATE_KEY');
  assert.equal(client.fail('nonsense', { tx: 't' }).code, 'UNKNOWN_OPERATION');
  assert.equal(client.do('commit', { tx: 't' }).sequenceNumber, 4);
  assert.notEqual(client.do('get', { table: TABLE, key: 3 }), null);
});

test('a statement over several rows that fails in the middle writes none of them', () => {
  const world = testWorld({ transactionBytesMax: 400 });
  const { client } = world;
  client.do('createTable', { table: 'a.b', primaryKey: ['k'] });
  for (const k of [1, 2, 3, 4]) client.do('put', { table: 'a.b', row: { k } });
  client.do('begin', { tx: 't', onError: 'continue' });
  const error = client.fail('update', { tx: 't', table: 'a.b', all: true, set: { text: 'x'.repeat(30) } });
  assert.equal(error.code, 'TRANSACTION_TOO_LARGE');
  assert.ok(error.bytes > error.bytesMax);
  client.do('update', { tx: 't', table: 'a.b', key: 1, set: { n: 1 } });
  client.do('commit', { tx: 't' });
  assert.equal(client.do('count', { table: 'a.b', where: { text: null } }).count, 4);
});

test('a name is free again after commit, rollback, or a refused commit of a doomed transaction', () => {
  const { client } = accounts([1]);
  client.do('begin', { tx: 't' });
  assert.equal(client.fail('begin', { tx: 't' }).argument, 'tx');
  client.do('put', { tx: 't', table: TABLE, row: { id: 5 } });
  const commit = client.send('commit', { tx: 't' });
  const late = client.send('put', { tx: 't', table: TABLE, row: { id: 6 } });
  const again = client.send('begin', { tx: 't' });
  assert.equal(client.answerTo(late).error.code, 'NO_SUCH_TRANSACTION');
  assert.equal(client.answerTo(again).ok, true);
  assert.equal(client.hasAnswer(commit), false);
  client.fail('get', { tx: 't', table: 'no.such', key: 1 });
  assert.equal(client.fail('begin', { tx: 't' }).argument, 'tx');
  client.fail('commit', { tx: 't' });
  client.do('begin', { tx: 't' });
  client.do('rollback', { tx: 't' });
  assert.equal(client.fail('rollback', { tx: 't' }).code, 'NO_SUCH_TRANSACTION');
});

test('an unknown tx never becomes autocommit', () => {
  const { client } = accounts([1]);
  for (const op of ['get', 'put', 'delete', 'commit', 'rollback']) {
    const error = client.fail(op, { tx: 'unknown', table: TABLE, key: 1, row: { id: 9 } });
    assert.deepEqual([error.code, error.tx], ['NO_SUCH_TRANSACTION', 'unknown']);
  }
  assert.equal(client.fail('put', { tx: null, table: TABLE, row: { id: 9 } }).argument, 'tx');
  assert.equal(client.do('get', { table: TABLE, key: 9 }), null);
});

test('a read-only transaction refuses to write', () => {
  const { client } = accounts([1]);
  client.do('begin', { tx: 't', readOnly: true });
  const error = client.fail('put', { tx: 't', table: TABLE, row: { id: 2 } });
  assert.deepEqual([error.code, error.sqlState], ['READ_ONLY_TRANSACTION', '25000']);
  assert.equal(client.fail('put', { readOnly: true, table: TABLE, row: { id: 2 } }).code, 'READ_ONLY_TRANSACTION');
});

test('a transaction past its deadline is aborted with TIMEOUT', () => {
  const { client, clock, replica } = accounts([1]);
  client.do('begin', { tx: 't', timeoutMs: 500 });
  client.do('get', { tx: 't', table: TABLE, key: 1 });
  clock.advance(600);
  assert.equal(replica.openSnapshots, 0);
  const error = client.fail('commit', { tx: 't' });
  assert.deepEqual(
    [error.code, error.retry, error.cause.code, error.cause.waitedFor, error.cause.ms],
    ['TRANSACTION_ABORTED', 'transaction', 'TIMEOUT', 'transaction', 500],
  );
  client.do('rollback', { tx: 't' });
  client.do('begin', { tx: 'old' });
  clock.advance(300_100);
  assert.equal(client.fail('commit', { tx: 'old' }).cause.code, 'TIMEOUT');
});

test('a transaction whose snapshot the member ended is aborted with SNAPSHOT_TOO_OLD', () => {
  const { client, replica } = accounts([1]);
  client.do('begin', { tx: 't' });
  client.do('get', { tx: 't', table: TABLE, key: 1 });
  replica.endSnapshots();
  const error = client.fail('get', { tx: 't', table: TABLE, key: 1 });
  assert.deepEqual([error.cause.code, error.retry], ['SNAPSHOT_TOO_OLD', 'transaction']);
});

test('open transactions of a connection are bounded; those that wait only for their rollback give way', () => {
  const { client } = testWorld({ openTransactionsMax: 2 });
  client.do('begin', { tx: 'a' });
  client.do('begin', { tx: 'b' });
  const error = client.fail('begin', { tx: 'c' });
  assert.deepEqual([error.code, error.sqlState, typeof error.retryAfterMs], ['OVERLOADED', '53000', 'number']);
  client.fail('get', { tx: 'a', table: 'no.such', key: 1 });
  client.fail('commit', { tx: 'a' });
  client.do('begin', { tx: 'c' });
  assert.equal(client.fail('rollback', { tx: 'a' }).code, 'NO_SUCH_TRANSACTION');
});

test('what open transactions hold together is bounded, and what ends makes room', () => {
  const { client } = testWorld({ transactionsBytesMax: 1000 });
  client.do('createTable', { table: 'a.b', primaryKey: ['k'] });
  const put = (tx: string, k: number) => ({ tx, table: 'a.b', row: { k, text: 'x'.repeat(300) } });
  for (const tx of ['t', 'u']) client.do('begin', { tx, onError: 'continue' });
  client.do('put', put('t', 1));
  client.do('put', put('u', 2));
  assert.equal(client.fail('put', put('u', 3)).code, 'OVERLOADED');
  client.do('put', put('u', 2));
  client.do('commit', { tx: 't' });
  client.do('put', put('u', 3));
  client.do('rollback', { tx: 'u' });
  client.do('begin', { tx: 'v' });
  client.do('put', put('v', 1));
  client.do('put', put('v', 2));
});

test('begin with atLeast waits until it is visible here, and what is pipelined behind waits with it', () => {
  const { client, connect } = accounts([1]);
  const begin = client.send('begin', { tx: 't', atLeast: `${GROUP_ID}:3` });
  const get = client.send('get', { tx: 't', table: TABLE, key: 2 });
  const commit = client.send('commit', { tx: 't' });
  const late = client.send('get', { tx: 't', table: TABLE, key: 2 });
  assert.equal(client.hasAnswer(begin), false);
  connect().do('put', { table: TABLE, row: { id: 2 } });
  assert.deepEqual(client.answerTo(begin).result, { tx: 't' });
  assert.equal(client.answerTo(get).result.id, 2);
  assert.equal(client.answerTo(commit).result.snapshotVersion, 3);
  assert.equal(client.answerTo(late).error.code, 'NO_SUCH_TRANSACTION');
  assert.equal(client.do('get', { table: TABLE, key: 2, atLeast: 3 }).id, 2);
});

test('what waits for atLeast in vain gets TIMEOUT, and what is behind it learns why', () => {
  const { client, clock } = accounts([1]);
  const begin = client.send('begin', { tx: 't', atLeast: 99, waitTimeoutMs: 200 });
  const put = client.send('put', { tx: 't', table: TABLE, row: { id: 2 } });
  const commit = client.send('commit', { tx: 't' });
  const rollback = client.send('rollback', { tx: 't' });
  const read = client.send('get', { table: TABLE, key: 1, atLeast: 99, waitTimeoutMs: 300 });
  clock.advance(1000);
  const { code, waitedFor, ms } = client.answerTo(begin).error;
  assert.deepEqual([code, waitedFor, ms], ['TIMEOUT', 'atLeast', 200]);
  assert.equal(client.answerTo(put).error.cause.code, 'TIMEOUT');
  assert.equal(client.answerTo(commit).error.cause.code, 'TIMEOUT');
  assert.deepEqual(client.answerTo(rollback).result, {});
  assert.equal(client.answerTo(read).error.ms, 300);
  assert.equal(client.connection.openTransactions, 0);
  assert.equal(clock.scheduled, 0);
});

test('asOf reads the past, alone and in a transaction, rows and tables', () => {
  const { client } = accounts([1, 2]);
  client.do('update', { table: TABLE, key: 1, set: { v: 7 } });
  client.do('delete', { table: TABLE, key: 2 });
  client.do('dropTable', { table: TABLE });
  assert.equal(client.fail('get', { table: TABLE, key: 1 }).code, 'NO_SUCH_TABLE');
  assert.deepEqual(client.do('get', { table: TABLE, key: 1, asOf: 3 }), { id: 1, v: 0 });
  assert.deepEqual(client.do('get', { table: TABLE, key: 1, asOf: 4 }), { id: 1, v: 7 });
  const first = client.do('scan', { table: TABLE, asOf: 4, limit: 1 });
  assert.deepEqual(client.do('scan', { table: TABLE, cursor: first.cursor }).rows, [{ id: 2, v: 0 }]);
  client.do('begin', { tx: 't', asOf: 5 });
  assert.deepEqual(client.do('count', { tx: 't', table: TABLE }), { count: 1 });
  assert.equal(client.do('commit', { tx: 't' }).snapshotVersion, 5);
  assert.equal(client.fail('describe', { table: TABLE, asOf: 0 }).code, 'NO_SUCH_TABLE');
});

test('asOf waits for what is not visible yet, and writes nothing', () => {
  const { client, replica } = accounts([1]);
  const get = client.send('get', { table: TABLE, key: 1, asOf: 3 });
  assert.equal(client.hasAnswer(get), false);
  client.do('update', { table: TABLE, key: 1, set: { v: 7 } });
  client.do('update', { table: TABLE, key: 1, set: { v: 8 } });
  assert.equal(client.answerTo(get).result.v, 7);
  assert.equal(client.fail('put', { table: TABLE, row: { id: 1 }, asOf: 3 }).code, 'READ_ONLY_TRANSACTION');
  assert.equal(replica.openSnapshots, 0);
});

test('a past that is no longer held is refused with the oldest that is', () => {
  const { client, replica } = accounts([1, 2, 3]);
  replica.heldFrom = 3;
  const { code, oldest, snapshotVersion } = client.fail('get', { table: TABLE, key: 1, asOf: 2 });
  assert.deepEqual([code, oldest, snapshotVersion], ['SNAPSHOT_TOO_OLD', 3, 2]);
  assert.equal(client.do('get', { table: TABLE, key: 2, asOf: 3 }).id, 2);
});
