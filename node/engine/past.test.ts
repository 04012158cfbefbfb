/** The past by time (H13), and streams that begin at one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accounts, TABLE } from './testing/accounts.ts';

/** A second each: 1 creates the table, 2 inserts row 1, the next ones update it. */
function timeline() {
  const world = accounts([1]);
  const { client, clock } = world;
  const times: string[] = [];
  for (let v = 1; v <= 3; v++) {
    clock.advance(1000);
    times.push(client.do('update', { table: TABLE, key: 1, set: { v } }).commitTime);
  }
  return { ...world, times };
}

const ISO = (seconds: number, ms = 0) => `2026-11-20T09:00:0${seconds}.${String(ms).padStart(3, '0')}Z`;

test('asOf a time reads what was committed then or before, by ISO time and by commit time', () => {
  const { client, times } = timeline();
  const at = (asOf: string) => client.do('get', { table: TABLE, key: 1, asOf })?.v;
  assert.deepEqual(
    times,
    [1, 2, 3].map((seconds) => `${ISO(seconds)}.0`),
  );
  assert.deepEqual([ISO(0), ISO(0, 999), ISO(1), ISO(1, 1), ISO(2, 999)].map(at), [0, 0, 1, 1, 2]);
  assert.deepEqual([times[0]!, `${ISO(1, 999)}.7`, times[2]!].map(at), [1, 1, 3]);
  client.do('begin', { tx: 't', asOf: times[1] });
  assert.equal(client.do('get', { tx: 't', table: TABLE, key: 1 }).v, 2);
  assert.equal(client.do('commit', { tx: 't' }).snapshotVersion, 4);
  const { results } = client.do('transact', { asOf: ISO(1), steps: [{ op: 'get', table: TABLE, key: 1 }] });
  assert.equal(results[0].v, 1);
  assert.equal(client.fail('delete', { table: TABLE, key: 1, asOf: ISO(1) }).code, 'READ_ONLY_TRANSACTION');
});

test('H13: a time that the order has not come beyond is waited for, and what is behind it is not seen', () => {
  const { client, connect, clock, replica } = timeline();
  const asOf = ISO(4);
  const [reader, beginner] = [connect(), connect()];
  const get = reader.send('get', { table: TABLE, key: 1, asOf });
  beginner.send('begin', { tx: 't', asOf });
  const inside = beginner.send('get', { tx: 't', table: TABLE, key: 1 });
  replica.settle();
  assert.ok(!reader.hasAnswer(get) && !beginner.hasAnswer(inside));
  clock.advance(1000);
  client.do('update', { table: TABLE, key: 1, set: { v: 4 } });
  clock.advance(1);
  client.do('update', { table: TABLE, key: 1, set: { v: 5 } });
  replica.settle();
  assert.equal(reader.answerTo(get).result.v, 4);
  assert.equal(beginner.answerTo(inside).result.v, 4);
  assert.equal(client.do('get', { table: TABLE, key: 1 }).v, 5);
});

test('H13: a wait for a time ends with its timeout, or when it is cancelled, and leaves nothing behind', () => {
  const { client, clock, replica } = timeline();
  const asOf = ISO(9);
  const get = client.send('get', { table: TABLE, key: 1, asOf, waitTimeoutMs: 100 });
  const begin = client.send('begin', { tx: 't', asOf, waitTimeoutMs: 200 });
  const other = client.send('get', { table: TABLE, key: 1, asOf, timeoutMs: 300 });
  const subscribe = client.send('subscribe', { stream: 'changes', from: asOf, waitTimeoutMs: 400 });
  const cancelled = client.send('subscribe', { stream: 'changes', from: asOf });
  assert.deepEqual(client.do('cancel', { target: cancelled }), { cancelled: true });
  for (let i = 0; i < 500; i++) {
    clock.advance(1);
    replica.settle();
  }
  const errorOf = (id: number) => {
    const { code, waitedFor, ms } = client.answerTo(id).error;
    return [code, waitedFor, ms];
  };
  assert.deepEqual([get, begin].map(errorOf), [
    ['TIMEOUT', 'asOf', 100],
    ['TIMEOUT', 'asOf', 200],
  ]);
  assert.equal(client.answerTo(other).error.ms, 300);
  assert.deepEqual(errorOf(subscribe), ['TIMEOUT', 'from', 400]);
  assert.equal(client.answerTo(cancelled).error.cause.code, 'CANCELLED');
  assert.deepEqual([replica.openSnapshots, client.connection.openTransactions, clock.scheduled], [0, 0, 0]);
});

test('H13: the far future is refused, however the clock of this member stands', () => {
  const { client, clock } = timeline();
  const { code, argument, problem } = client.fail('get', { table: TABLE, key: 1, asOf: '2026-11-20T09:01:03.001Z' });
  assert.deepEqual([code, argument], ['INVALID_ARGUMENT', 'asOf']);
  assert.match(problem, /60001 ms ahead of this member's clock, and at most 60000 ms are waited for/);
  // The order has come further than the clock of this member says.
  clock.wallMs = () => Date.parse('2020-01-01T00:00:00Z');
  assert.equal(client.do('get', { table: TABLE, key: 1, asOf: ISO(2) }).v, 2);
  assert.equal(client.fail('subscribe', { stream: 'changes', from: '2031-01-01T00:00:00Z' }).argument, 'from');
});

test('H18: a time below what is held is refused with the oldest place that is, and its time', () => {
  const { client, replica, times } = timeline();
  replica.heldFrom = 4;
  const { message, ...facts } = client.fail('get', { table: TABLE, key: 1, asOf: ISO(1) });
  assert.deepEqual(facts, {
    code: 'SNAPSHOT_TOO_OLD',
    sqlState: '40001',
    retry: 'no',
    asOf: ISO(1),
    oldest: 4,
    oldestTime: times[1],
  });
  assert.match(message, /holds the past from sequence number 4 on \(2026-11-20T09:00:02\.000Z\.0\)/);
  const byNumber = client.fail('get', { table: TABLE, key: 1, asOf: 3 });
  assert.deepEqual([byNumber.snapshotVersion, byNumber.oldestTime], [3, times[1]]);
  assert.equal(client.do('get', { table: TABLE, key: 1, asOf: times[1] }).v, 2);
  const purged = client.fail('subscribe', { stream: 'changes', from: ISO(1) });
  assert.deepEqual([purged.code, purged.oldest, purged.oldestTime], ['HISTORY_PURGED', 4, times[1]]);
  assert.equal(client.fail('subscribe', { stream: 'changes', from: 3 }).oldestTime, times[1]);
});

test('a stream of changes begins behind a time', () => {
  const { client, connect, clock, replica } = timeline();
  const follower = connect();
  const { sequenceNumber } = follower.do('subscribe', { stream: 'changes', from: ISO(1) });
  clock.turn();
  assert.equal(sequenceNumber, 3);
  assert.deepEqual(
    follower.events.map(({ rows }) => [rows[0].before.v, rows[0].after.v]),
    [
      [1, 2],
      [2, 3],
    ],
  );
  // One that is not over yet: what is committed until then is not told.
  const later = connect();
  const asked = later.send('subscribe', { stream: 'changes', from: ISO(4) });
  clock.advance(1000);
  client.do('update', { table: TABLE, key: 1, set: { v: 4 } });
  assert.ok(!later.hasAnswer(asked));
  clock.advance(1);
  client.do('update', { table: TABLE, key: 1, set: { v: 5 } });
  replica.settle();
  assert.equal(later.answerTo(asked).result.sequenceNumber, 6);
  clock.turn();
  assert.deepEqual(
    later.events.map(({ rows }) => rows[0].after.v),
    [5],
  );
  assert.equal(client.fail('subscribe', { stream: 'views', from: ISO(1) }).argument, 'from');
});
