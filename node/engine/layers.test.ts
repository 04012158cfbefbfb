/** The layers that a commit's time is split into: as sessions see it, and in a group whose network and disks take their time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layersOf, slowestLayer } from './commit-layers.ts';
import { LineRate } from './line-rate.ts';
import type { SlowTransaction } from './sessions/slow-transactions.ts';
import { accounts, TABLE } from './testing/accounts.ts';
import { testWorld } from './testing/solo-replica.ts';

const lock = { table: TABLE, key: 1, forUpdate: true };

test('what is neither order nor disk is execution; the parts are the whole, to the microsecond', () => {
  assert.deepEqual(layersOf(10, { l2Ms: 6, l0Ms: 1.5 }), { l2Ms: 6, l1Ms: 2.5, l0Ms: 1.5 });
  assert.deepEqual(layersOf(1.23449, { l2Ms: 0.1, l0Ms: 0.2 }), { l2Ms: 0.1, l1Ms: 0.934, l0Ms: 0.2 });
  // Clocks that are read one after the other.
  assert.deepEqual(layersOf(1, { l2Ms: 0.9, l0Ms: 0.2 }), { l2Ms: 0.9, l1Ms: 0, l0Ms: 0.1 });
  assert.deepEqual(layersOf(1, { l2Ms: 2, l0Ms: 2 }), { l2Ms: 1, l1Ms: 0, l0Ms: 0 });
  assert.equal(slowestLayer({ l2Ms: 1, l1Ms: 1, l0Ms: 1 }), 'l2');
  assert.equal(slowestLayer({ l2Ms: 0, l1Ms: 2, l0Ms: 3 }), 'l0');
  assert.equal(slowestLayer({ l2Ms: 1, l1Ms: 2, l0Ms: 2 }), 'l1');
});

test('a write says with `profile` where its time went, all attempts together, and without it does not', () => {
  const { client, connect, clock, replica } = accounts([1]);
  replica.orderedTimes = { l2Ms: 3, l0Ms: 1 };
  const loser = connect();
  client.do('begin', { tx: 't' });
  client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
  const first = client.send('commit', { tx: 't' });
  const second = loser.send('update', { table: TABLE, key: 1, set: { v: 2 }, profile: true });
  clock.advance(5);
  replica.decideNext();
  replica.decideNext();
  clock.advance(7);
  replica.settle();
  assert.equal('layers' in client.answerTo(first).result, false);
  const { layers, attempts } = loser.answerTo(second).result;
  assert.equal(attempts, 2);
  assert.deepEqual(layers, { l2Ms: 6, l1Ms: 4, l0Ms: 2 });
  replica.orderedTimes = { l2Ms: 3, l0Ms: 1 };
  const transact = client.send('transact', { profile: true, steps: [{ op: 'put', table: TABLE, row: { id: 2 } }] });
  clock.advance(10);
  replica.settle();
  assert.deepEqual(client.answerTo(transact).result.layers, { l2Ms: 3, l1Ms: 6, l0Ms: 1 });
  assert.deepEqual(replica.orderedAnswered.at(-1), { l2Ms: 3, l0Ms: 1 });
  assert.equal(client.fail('get', { table: TABLE, key: 1, profile: true }).argument, 'profile');
  assert.equal(client.fail('put', { table: TABLE, row: { id: 1 }, profile: 1 }).argument, 'profile');
  const nothing = client.do('update', { table: TABLE, key: 77, set: { v: 1 }, profile: true });
  assert.deepEqual([nothing.matched, nothing.layers], [0, { l2Ms: 0, l1Ms: 0, l0Ms: 0 }]);
});

test('a named transaction counts what its requests took, the lock that it waited for included, and not its client', () => {
  const { client, connect, clock, replica } = accounts([1]);
  const waiting = connect();
  client.do('begin', { tx: 'h' });
  client.do('get', { tx: 'h', ...lock });
  waiting.do('begin', { tx: 't' });
  clock.advance(1000);
  const get = waiting.send('get', { tx: 't', ...lock });
  clock.advance(40);
  client.do('rollback', { tx: 'h' });
  clock.turn();
  assert.equal(waiting.answerTo(get).ok, true);
  clock.advance(2000);
  waiting.send('put', { tx: 't', table: TABLE, row: { id: 1 } });
  const commit = waiting.send('commit', { tx: 't', profile: true });
  clock.advance(9);
  replica.orderedTimes = { l2Ms: 6, l0Ms: 2 };
  replica.settle();
  assert.deepEqual(waiting.answerTo(commit).result.layers, { l2Ms: 6, l1Ms: 41, l0Ms: 2 });
  assert.equal(replica.commitsAnsweredMs.at(-1), 9);
  client.do('begin', { tx: 'r' });
  assert.deepEqual(client.do('commit', { tx: 'r', profile: true }).layers, { l2Ms: 0, l1Ms: 0, l0Ms: 0 });
});

test('what took as long as the option says is told, with the layer that took most, whatever came of it', () => {
  const slow: SlowTransaction[] = [];
  const world = testWorld({}, { fromMs: 50, told: (one) => slow.push(one) });
  const { client, clock, replica } = world;
  client.do('createTable', { table: TABLE, primaryKey: ['id'] });
  const put = (ms: number, ordered = { l2Ms: 0, l0Ms: 0 }): void => {
    client.send('put', { table: TABLE, row: { id: 1 } });
    clock.advance(ms);
    replica.orderedTimes = ordered;
    replica.settle();
  };
  put(49);
  assert.equal(slow.length, 0);
  put(60, { l2Ms: 5, l0Ms: 40 });
  client.do('begin', { tx: 't' });
  client.do('put', { tx: 't', table: TABLE, row: { id: 2 } });
  client.do('put', { tx: 't', table: TABLE, row: { id: 3 } });
  const [{ transactionId }] = client.do('transactions');
  client.send('commit', { tx: 't' });
  clock.advance(70);
  replica.refusal = { kind: 'unknown' };
  replica.orderedTimes = { l2Ms: 69, l0Ms: 0 };
  replica.settle();
  replica.refusal = null;
  assert.deepEqual(slow, [
    {
      transactionId: null,
      op: 'put',
      outcome: 'committed',
      sequenceNumber: 3,
      ms: 60,
      slowest: 'l0',
      l2Ms: 5,
      l1Ms: 15,
      l0Ms: 40,
      attempts: 1,
      rows: 1,
      tables: [TABLE],
      leftOut: 0,
    },
    {
      transactionId,
      op: 'commit',
      outcome: 'UNKNOWN_OUTCOME',
      sequenceNumber: null,
      ms: 70,
      slowest: 'l2',
      l2Ms: 69,
      l1Ms: 1,
      l0Ms: 0,
      attempts: 1,
      rows: 2,
      tables: [TABLE],
      leftOut: 0,
    },
  ]);
});

test('of many slow transactions at most ten a second are told, and the next says how many were not', () => {
  const slow: SlowTransaction[] = [];
  const { client, clock, engine, replica } = testWorld({}, { fromMs: 10, told: (one) => slow.push(one) });
  client.do('createTable', { table: TABLE, primaryKey: ['id'] });
  for (let id = 0; id < 25; id++) client.send('put', { table: TABLE, row: { id } });
  clock.advance(500);
  replica.settle();
  assert.equal(slow.length, 10);
  client.send('put', { table: TABLE, row: { id: 1 } });
  clock.advance(1000);
  replica.settle();
  assert.deepEqual([slow.length, slow.at(-1)!.leftOut, engine.counters.slowTransactions], [11, 15, 26]);
});

test('lines of one kind are bounded for each second', () => {
  const rate = new LineRate(2);
  assert.deepEqual(
    [0, 1, 2, 999, 1000, 1001, 1002, 5000].map((ms) => rate.take(ms)),
    [0, 0, null, null, 2, 0, null, 1],
  );
  assert.equal(new LineRate(0).take(5), null);
});
