import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ISOLATION_LEVELS } from './isolation.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { accounts, TABLE } from './testing/accounts.ts';
import { type TestClient, testWorld } from './testing/solo-replica.ts';

const lock = (tx: string, key: number) => ({ tx, table: TABLE, key, forUpdate: true });

function locking(client: TestClient, tx: string, key: number, begin: object = {}): void {
  client.do('begin', { tx, ...begin });
  client.do('get', lock(tx, key));
}

test('H7: who queues for a row takes its snapshot after the grant, and so loses to nobody in the queue', () => {
  const { connect, clock, replica } = accounts([1]);
  const clients = Array.from({ length: 5 }, () => connect());
  const gets = clients.map((client) => {
    client.send('begin', { tx: 't' });
    return client.send('get', lock('t', 1));
  });
  for (const [place, client] of clients.entries()) {
    clock.turn();
    assert.equal(client.answerTo(gets[place]!).result.v, place);
    for (const [behind, other] of clients.entries()) assert.equal(other.hasAnswer(gets[behind]!), behind <= place);
    client.send('update', { tx: 't', table: TABLE, key: 1, set: { v: place + 1 } });
    const commit = client.send('commit', { tx: 't' });
    clock.turn();
    // Held until its fate is known.
    assert.equal(clients[place + 1]?.hasAnswer(gets[place + 1]!) ?? false, false);
    replica.settle();
    assert.equal(client.answerTo(commit).ok, true);
  }
});

test('H7: a row read forUpdate is certified although it is not written, present or absent', () => {
  for (const row of [1, 2]) {
    const { client, replica } = accounts([1]);
    locking(client, 't', row);
    client.do('put', { tx: 't', table: TABLE, row: { id: 9 } });
    client.do('commit', { tx: 't' });
    const kinds = replica.committed[0]!.writeSet.map(({ kind }) => kind);
    assert.deepEqual(kinds, ['check', 'check', 'put']);
  }
});

test('H7: a row that was put, deleted and read forUpdate is certified, though nothing of it is written in the end', () => {
  for (const [isolation, kinds] of [
    ['READ COMMITTED', ['check', 'check', 'put']],
    ['REPEATABLE READ', ['check', 'check', 'put']],
    ['SERIALIZABLE', ['check', 'check', 'put']],
  ] as const) {
    const { client, replica } = accounts([1]);
    client.do('begin', { tx: 't', isolation });
    client.do('put', { tx: 't', table: TABLE, row: { id: 5 } });
    client.do('delete', { tx: 't', table: TABLE, key: 5 });
    assert.equal(client.do('get', lock('t', 5)), null);
    client.do('put', { tx: 't', table: TABLE, row: { id: 9 } });
    client.do('commit', { tx: 't' });
    assert.deepEqual(
      replica.committed[0]!.writeSet.map(({ kind }) => kind),
      kinds,
    );
  }
});

test('H7: a row that was written since the snapshot fails at once', () => {
  const { client, connect } = accounts([1, 2]);
  client.do('begin', { tx: 't' });
  client.do('get', { tx: 't', table: TABLE, key: 2 });
  connect().do('update', { table: TABLE, key: 1, set: { v: 1 } });
  const { code, phase, key, snapshotVersion } = client.fail('get', lock('t', 1));
  assert.deepEqual([code, phase, key, snapshotVersion], ['CERTIFICATION_CONFLICT', 'local', 1, 3]);
  assert.equal(client.fail('commit', { tx: 't' }).cause.code, 'CERTIFICATION_CONFLICT');
});

test('whatever the order writes wins over who holds the row, and that one learns at once', () => {
  const { client, connect, engine } = accounts([1, 2]);
  const [writer, waiting] = [connect(), connect()];
  locking(client, 't', 1, { onError: 'continue' });
  waiting.do('begin', { tx: 't' });
  const get = waiting.send('get', lock('t', 1));
  writer.do('update', { table: TABLE, key: 2, set: { v: 1 } });
  assert.equal(engine.lockedRows, 1);
  writer.do('update', { table: TABLE, key: 1, set: { v: 7 } });
  assert.deepEqual([engine.lockedRows, engine.lockWaiters, engine.counters.locksLost], [1, 0, 1]);
  const { code, cause, retry } = client.fail('get', { tx: 't', table: TABLE, key: 2 });
  assert.deepEqual(
    [code, cause.code, cause.key, retry],
    ['TRANSACTION_ABORTED', 'CERTIFICATION_CONFLICT', 1, 'transaction'],
  );
  assert.match(cause.winner.gtid, /:5$/);
  assert.equal(waiting.hasAnswer(get), false);
});

test('the one who waits behind a holder that lost reads what the winner wrote', () => {
  const { client, connect, clock } = accounts([1]);
  const waiting = connect();
  locking(client, 't', 1);
  waiting.do('begin', { tx: 't' });
  const get = waiting.send('get', lock('t', 1));
  connect().do('update', { table: TABLE, key: 1, set: { v: 7 } });
  clock.turn();
  assert.equal(waiting.answerTo(get).result.v, 7);
});

test('a transaction that holds one row, reads nothing yet and waits for another loses nothing to who writes the first', () => {
  const { client, connect, clock } = accounts([1, 2]);
  const other = connect();
  locking(other, 't', 2);
  client.do('begin', { tx: 't' });
  const both = client.send('getMany', { tx: 't', table: TABLE, keys: [2, 1], forUpdate: true });
  connect().do('update', { table: TABLE, key: 1, set: { v: 5 } });
  other.do('rollback', { tx: 't' });
  clock.turn();
  assert.deepEqual(client.answerTo(both).result, [
    { id: 2, v: 0 },
    { id: 1, v: 5 },
  ]);
});

test('one that has its snapshot, holds one row and waits for another is ended when the first is written', () => {
  for (const isolation of ISOLATION_LEVELS) {
    const { client, connect, clock } = accounts([1, 2, 3]);
    const [holder, writer] = [connect(), connect()];
    locking(holder, 'h', 2);
    client.do('begin', { tx: 't', isolation });
    client.do('get', { tx: 't', table: TABLE, key: 3 });
    const get = client.send('getMany', { tx: 't', table: TABLE, keys: [1, 2], forUpdate: true });
    writer.do('update', { table: TABLE, key: 1, set: { v: 7 } });
    if (isolation !== 'READ COMMITTED') {
      const { code, cause } = client.answerTo(get).error;
      assert.deepEqual([code, cause.code, cause.key], ['TRANSACTION_ABORTED', 'CERTIFICATION_CONFLICT', 1]);
      continue;
    }
    // It reads both as of the grant.
    assert.equal(client.hasAnswer(get), false);
    holder.do('rollback', { tx: 'h' });
    clock.turn();
    assert.equal(client.answerTo(get).result[0].v, 7);
  }
});

test('what is sent behind a statement that waits waits with it, in order', () => {
  const { client, connect, clock, replica } = accounts([1, 2]);
  const other = connect();
  locking(other, 't', 1);
  client.send('begin', { tx: 't' });
  const ids = [
    client.send('get', lock('t', 1)),
    client.send('update', { tx: 't', table: TABLE, key: 1, set: { v: 3 } }),
    client.send('get', lock('t', 2)),
    client.send('commit', { tx: 't' }),
  ];
  const alone = client.send('get', { table: TABLE, key: 1 });
  assert.equal(client.hasAnswer(alone), true);
  clock.turn();
  for (const id of ids) assert.equal(client.hasAnswer(id), false);
  other.do('rollback', { tx: 't' });
  clock.turn();
  replica.settle();
  for (const id of ids) assert.equal(client.answerTo(id).ok, true);
  assert.equal(client.do('get', { table: TABLE, key: 1 }).v, 3);
});

test('scan forUpdate locks the rows that it returns, as of a snapshot after the last grant', () => {
  const { client, connect, clock, engine } = accounts([1, 2, 3]);
  const other = connect();
  other.do('begin', { tx: 't' });
  other.do('scan', { tx: 't', table: TABLE, gte: 2, limit: 1, forUpdate: true });
  assert.equal(engine.lockedRows, 1);
  client.do('begin', { tx: 't' });
  const scan = client.send('scan', { tx: 't', table: TABLE, where: { v: 0 }, forUpdate: true });
  other.do('update', { tx: 't', table: TABLE, key: 2, set: { v: 9 } });
  other.do('put', { tx: 't', table: TABLE, row: { id: 4 } });
  other.do('commit', { tx: 't' });
  clock.turn();
  assert.deepEqual(
    client.answerTo(scan).result.rows.map(({ id }: { id: number }) => id),
    [1, 3, 4],
  );
  assert.deepEqual(client.do('scan', { tx: 't', table: TABLE, gte: 9, forUpdate: true }).rows, []);
  const held = connect();
  held.do('begin', { tx: 't', lockTimeoutMs: 0 });
  const waits = held.send('get', lock('t', 4));
  clock.advance(50);
  assert.equal(held.answerTo(waits).error.code, 'LOCK_TIMEOUT');
});

test('a row that is not free in time is LOCK_TIMEOUT, and dooms unless it was begun to go on', () => {
  const { client, connect, clock, engine } = accounts([1, 2]);
  locking(client, 't', 1);
  const [dooms, goesOn] = [connect(), connect()];
  dooms.do('begin', { tx: 't', lockTimeoutMs: 200 });
  goesOn.do('begin', { tx: 't', lockTimeoutMs: 200, onError: 'continue' });
  goesOn.do('get', lock('t', 2));
  const waits = [dooms, goesOn].map((one) => [one, one.send('get', lock('t', 1))] as const);
  const commit = dooms.send('commit', { tx: 't' });
  clock.advance(300);
  for (const [one, id] of waits) {
    const { code, table, key, ms, retry } = one.answerTo(id).error;
    assert.deepEqual([code, table, key, ms, retry], ['LOCK_TIMEOUT', TABLE, 1, 200, 'transaction']);
  }
  assert.equal(dooms.answerTo(commit).error.cause.code, 'LOCK_TIMEOUT');
  goesOn.do('update', { tx: 't', table: TABLE, key: 2, set: { v: 1 } });
  goesOn.do('commit', { tx: 't' });
  assert.deepEqual([engine.lockedRows, engine.lockWaiters, engine.counters.lockTimeouts], [1, 0, 2]);
});

test('rollback ends the wait of its own transaction at once, with what was sent in between, and frees its name', () => {
  const { client, connect, clock, engine } = accounts([1, 2]);
  const holder = connect();
  locking(holder, 'h', 1);
  client.do('begin', { tx: 't' });
  client.do('get', lock('t', 2));
  const [get, put, rollback, begin] = [
    client.send('get', lock('t', 1)),
    client.send('put', { tx: 't', table: TABLE, row: { id: 9 } }),
    client.send('rollback', { tx: 't' }),
    client.send('begin', { tx: 't', atLeast: 99 }),
  ];
  for (const id of [get, put]) {
    const { code, cause } = client.answerTo(id).error;
    assert.deepEqual([code, cause.code], ['TRANSACTION_ABORTED', 'CANCELLED']);
  }
  assert.equal(client.answerTo(rollback).ok, true);
  assert.deepEqual([engine.lockedRows, engine.lockWaiters], [1, 0]);
  const statement = client.send('get', { tx: 't', table: TABLE, key: 1 });
  const again = client.send('rollback', { tx: 't' });
  assert.equal(client.answerTo(begin).error.cause.code, 'CANCELLED', 'a begin that waits, too');
  assert.deepEqual([client.answerTo(statement).ok, client.answerTo(again).ok], [false, true]);
  client.do('begin', { tx: 't' });
  const waits = [client.send('get', lock('t', 1)), client.send('commit', { tx: 't' })];
  const late = client.send('rollback', { tx: 't' });
  assert.equal(client.hasAnswer(waits[0]!), false, 'a commit that was asked for before is not given up');
  holder.do('rollback', { tx: 'h' });
  clock.turn();
  for (const id of waits) assert.equal(client.answerTo(id).ok, true);
  assert.equal(client.answerTo(late).error.code, 'NO_SUCH_TRANSACTION');
});

test('a transact that waits for a locked row is shown, and can be ended', () => {
  const { client, connect, engine } = accounts([1, 2]);
  locking(client, 't', 1);
  const other = connect();
  const steps = [1, 2].map((key) => ({ op: 'get', table: TABLE, key: 3 - key, forUpdate: true }));
  const id = other.send('transact', { steps });
  const [held, waits] = client.answerTo(client.send('transactions')).result;
  const { tx, state, locks, waitsFor } = waits;
  const { transactionId: heldBy } = held;
  assert.deepEqual([tx, state, locks, waitsFor], [String(id), 'waiting', 1, { table: TABLE, key: '1', heldBy }]);
  client.do('abortTransaction', { transactionId: waits.transactionId });
  assert.equal(other.answerTo(id).error.cause.code, 'CANCELLED');
  assert.deepEqual([engine.lockedRows, engine.lockWaiters], [1, 0]);
  assert.equal(client.do('transactions').length, 1);
});

test('LOCK_TIMEOUT of a transact names the step; with onError: "continue" that step alone fails', () => {
  const { client, connect, clock, engine } = accounts([1, 2]);
  locking(client, 't', 1);
  const steps = [
    { op: 'update', table: TABLE, key: 2, set: { v: 4 } },
    { op: 'get', table: TABLE, key: 1, forUpdate: true },
    { op: 'get', table: TABLE, key: 2, forUpdate: true },
  ];
  const [whole, goesOn] = [connect(), connect()];
  const first = whole.send('transact', { steps, lockTimeoutMs: 100 });
  clock.advance(200);
  const { code, step } = whole.answerTo(first).error;
  assert.deepEqual([code, step], ['LOCK_TIMEOUT', 1]);
  const second = goesOn.send('transact', { steps, lockTimeoutMs: 100, onError: 'continue' });
  clock.advance(200);
  goesOn.do('ping');
  const { results } = goesOn.answerTo(second).result;
  assert.deepEqual([results[0].matched, results[1].error.code, results[2].v], [1, 'LOCK_TIMEOUT', 4]);
  assert.deepEqual([engine.lockedRows, engine.lockWaiters, engine.counters.lockTimeouts], [1, 0, 2]);
});

test('of those that wait for each other the cheapest is ended at once, whatever it was begun with', () => {
  const { client, connect, clock, engine } = accounts([1, 2]);
  const other = connect();
  locking(client, 'cheap', 1, { onError: 'continue' });
  locking(other, 'dear', 2);
  other.do('put', { tx: 'dear', table: TABLE, row: { id: 5 } });
  const waits = client.send('get', lock('cheap', 2));
  const wins = other.send('get', lock('dear', 1));
  const { code, key, transactions } = client.answerTo(waits).error;
  assert.deepEqual([code, key, transactions], ['DEADLOCK', 2, 2]);
  assert.equal(other.answerTo(wins).ok, true);
  assert.equal(client.fail('commit', { tx: 'cheap' }).cause.code, 'DEADLOCK');
  other.do('commit', { tx: 'dear' });
  clock.turn();
  assert.deepEqual([engine.lockedRows, engine.lockWaiters, engine.counters.deadlocks], [0, 0, 1]);
});

test('of equals that wait for each other the youngest is ended', () => {
  const { client, connect, clock } = accounts([1, 2]);
  const other = connect();
  locking(client, 't', 1);
  clock.advance(5);
  locking(other, 't', 2);
  const young = other.send('get', lock('t', 1));
  const old = client.send('get', lock('t', 2));
  assert.equal(other.answerTo(young).error.code, 'DEADLOCK');
  assert.equal(client.answerTo(old).ok, true);
});

test('locks go with rollback, deadline, a lost connection and a lost snapshot', () => {
  const ends: ((world: ReturnType<typeof accounts>) => void)[] = [
    ({ client }) => client.do('rollback', { tx: 't' }),
    ({ client }) => client.fail('get', { tx: 't', table: 'no.such', key: 1 }),
    ({ clock }) => clock.advance(1100),
    ({ client }) => client.connection.close(),
    ({ client }) => client.connection.shutDown(),
    ({ replica }) => replica.endSnapshots(),
    ({ client, replica }) => {
      replica.refusal = { kind: 'unknown' };
      client.fail('commit', { tx: 't' });
    },
  ];
  for (const end of ends) {
    const world = accounts([1]);
    const { client, connect, clock, engine } = world;
    locking(client, 't', 1, { timeoutMs: 1000 });
    client.do('put', { tx: 't', table: TABLE, row: { id: 8 } });
    const waiting = connect();
    waiting.do('begin', { tx: 't' });
    const get = waiting.send('get', lock('t', 1));
    assert.equal(waiting.hasAnswer(get), false);
    end(world);
    clock.turn();
    assert.equal(waiting.answerTo(get).ok, true);
    assert.equal(engine.lockedRows, 1);
  }
});

test('nothing that a lost connection left behind a wait is executed, though its transaction was to go on after errors', () => {
  const { client, connect, clock, replica, engine } = accounts([1, 2]);
  locking(client, 't', 1);
  const lost = connect();
  lost.do('begin', { tx: 't', onError: 'continue' });
  lost.do('put', { tx: 't', table: TABLE, row: { id: 77 } });
  lost.send('get', lock('t', 1));
  lost.send('get', lock('t', 2));
  lost.send('commit', { tx: 't' });
  lost.connection.close();
  assert.deepEqual([engine.lockWaiters, lost.connection.openTransactions], [0, 0]);
  clock.turn();
  replica.settle();
  clock.advance(60_000);
  assert.equal(engine.counters.lockTimeouts, 0);
  assert.equal(client.do('get', { table: TABLE, key: 77 }), null);
});

test('one `transact` that waits for one row after another ends at the age at which any transaction does', () => {
  const { client, connect, clock, engine } = accounts([1]);
  const { transactionMsMax } = DEFAULT_LIMITS;
  locking(client, 't', 1, { timeoutMs: transactionMsMax });
  const waiting = connect();
  const steps = [{ op: 'get', table: TABLE, key: 1, forUpdate: true }];
  clock.advance(1);
  const id = waiting.send('transact', { steps, lockTimeoutMs: transactionMsMax });
  assert.equal(waiting.hasAnswer(id), false);
  clock.advance(transactionMsMax + 1000);
  assert.ok(waiting.hasAnswer(id));
  assert.equal(engine.lockWaiters, 0);
});

test('who waits and is cancelled, closed or past its deadline leaves the queue', () => {
  const ends: ((client: TestClient, get: number, clock: { advance(ms: number): void }) => void)[] = [
    (client, get) => assert.equal(client.do('cancel', { target: get }).cancelled, true),
    (client) => client.connection.close(),
    (client) => client.connection.shutDown(),
    (_client, _get, clock) => clock.advance(600),
  ];
  for (const end of ends) {
    const { client, connect, clock, engine } = accounts([1]);
    locking(client, 't', 1);
    const waiting = connect();
    waiting.do('begin', { tx: 't', timeoutMs: 500 });
    const get = waiting.send('get', lock('t', 1));
    assert.equal(engine.lockWaiters, 1);
    end(waiting, get, clock);
    assert.equal(engine.lockWaiters, 0);
    const rollback = waiting.send('rollback', { tx: 't' });
    assert.equal(waiting.connection.openTransactions, 0);
    if (waiting.hasAnswer(get)) {
      const { code } = waiting.answerTo(get).error;
      assert.ok(code === 'TRANSACTION_ABORTED' || code === 'SHUTTING_DOWN', code);
      assert.ok(waiting.hasAnswer(rollback));
    }
    client.do('rollback', { tx: 't' });
    clock.advance(1000);
    assert.deepEqual([engine.lockedRows, clock.scheduled], [0, 0]);
  }
});

test('transact with forUpdate queues for the row, and is executed once', () => {
  const { connect, clock, replica } = accounts([1]);
  const clients = Array.from({ length: 6 }, () => connect());
  const steps = [
    { op: 'get', table: TABLE, key: 1, forUpdate: true },
    { op: 'update', table: TABLE, key: 1, set: { v: 1 } },
  ];
  const sent = clients.map((client) => [client, client.send('transact', { steps, attempts: 1 })] as const);
  for (let turns = 0; turns < 6; turns++) {
    clock.turn();
    replica.settle();
  }
  for (const [client, id] of sent) {
    const { ok, result } = client.answerTo(id);
    assert.deepEqual([ok, result.attempts], [true, 1]);
  }
});

test('transact that is the cheapest in a deadlock is executed again when the others are through', () => {
  const { client, connect, clock, replica } = accounts([1, 2]);
  locking(client, 't', 2);
  client.do('put', { tx: 't', table: TABLE, row: { id: 7 } });
  const other = connect();
  const steps = [1, 2].map((key) => ({ op: 'get', table: TABLE, key, forUpdate: true }));
  const waits = other.send('transact', { steps: [...steps, { op: 'update', table: TABLE, key: 2, set: { v: 1 } }] });
  assert.equal(client.do('get', lock('t', 1)).v, 0);
  client.do('commit', { tx: 't' });
  clock.advance(100);
  replica.settle();
  assert.equal(other.answerTo(waits).result.attempts, 2);
});

test('a transact that waits too long for a row is LOCK_TIMEOUT, or TIMEOUT if its own deadline came first', () => {
  const { client, connect, clock, engine } = accounts([1]);
  locking(client, 't', 1);
  const steps = [{ op: 'get', table: TABLE, key: 1, forUpdate: true }];
  const other = connect();
  const [lockTimeout, deadline, cancelled] = [
    other.send('transact', { steps, lockTimeoutMs: 100 }),
    other.send('transact', { steps, timeoutMs: 100 }),
    other.send('transact', { steps }),
  ] as const;
  other.do('cancel', { target: cancelled });
  clock.advance(200);
  assert.equal(other.answerTo(lockTimeout).error.code, 'LOCK_TIMEOUT');
  assert.equal(other.answerTo(deadline).error.code, 'TIMEOUT');
  assert.equal(other.answerTo(cancelled).error.cause.code, 'CANCELLED');
  assert.equal(engine.lockWaiters, 0);
});

test('rows locked by a transaction, by all of them, and those who wait are bounded', () => {
  const { client, connect } = testWorld({ locksMax: 2, locksInAllMax: 3, lockWaitersInAllMax: 1 });
  client.do('createTable', { table: TABLE, primaryKey: ['id'] });
  const others = [connect(), connect(), connect()] as const;
  for (const one of [client, ...others]) one.do('begin', { tx: 't', onError: 'continue' });
  for (const id of [1, 2]) client.do('get', lock('t', id));
  assert.equal(client.fail('get', lock('t', 3)).argument, 'forUpdate');
  others[0].do('get', lock('t', 3));
  assert.equal(others[0].fail('get', lock('t', 4)).code, 'OVERLOADED');
  others[1].send('get', lock('t', 1));
  assert.equal(others[2].fail('get', lock('t', 1)).code, 'OVERLOADED');
});

test('plain writes are not held up by locks, and win', () => {
  const { client, connect } = accounts([1]);
  locking(client, 't', 1);
  const answer = connect().ask('update', { table: TABLE, key: 1, set: { v: 2 } });
  assert.equal(answer.ok, true);
  assert.equal(client.fail('commit', { tx: 't' }).cause.code, 'CERTIFICATION_CONFLICT');
});

test('at READ COMMITTED each statement that locks reads what is newest after its grant', () => {
  const { client, connect, clock } = accounts([1, 2]);
  const other = connect();
  locking(other, 't', 1);
  client.do('begin', { tx: 't', isolation: 'READ COMMITTED' });
  client.do('update', { tx: 't', table: TABLE, key: 2, set: { v: 1 } });
  const get = client.send('get', lock('t', 1));
  other.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 7 } });
  other.do('commit', { tx: 't' });
  clock.turn();
  assert.equal(client.answerTo(get).result.v, 7);
  client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 8 } });
  client.do('commit', { tx: 't' });
  assert.equal(client.do('get', { table: TABLE, key: 1 }).v, 8);
});

test('at READ COMMITTED the holder of a row that is overtaken learns it between its statements, too', () => {
  const { client, connect } = accounts([1]);
  locking(client, 't', 1, { isolation: 'READ COMMITTED' });
  connect().do('update', { table: TABLE, key: 1, set: { v: 7 } });
  assert.equal(client.fail('get', { tx: 't', table: TABLE, key: 1 }).cause.code, 'CERTIFICATION_CONFLICT');
});

test('at SERIALIZABLE a scan that waited is certified as it ran in the end, and a transact as it was executed last', () => {
  const { client, connect, clock, replica } = accounts([1, 2]);
  const other = connect();
  locking(other, 't', 2);
  client.do('begin', { tx: 't', isolation: 'SERIALIZABLE' });
  const scan = client.send('scan', { tx: 't', table: TABLE, forUpdate: true });
  const third = connect();
  const steps = [
    { op: 'count', table: TABLE },
    { op: 'get', table: TABLE, key: 2, forUpdate: true },
    { op: 'put', table: TABLE, row: { id: 9 } },
  ];
  const transact = third.send('transact', { steps, isolation: 'SERIALIZABLE', attempts: 1 });
  connect().do('put', { table: TABLE, row: { id: 5 } });
  other.do('rollback', { tx: 't' });
  clock.turn();
  assert.equal(client.answerTo(scan).result.rows.length, 3);
  client.do('put', { tx: 't', table: TABLE, row: { id: 6 } });
  client.do('commit', { tx: 't' });
  clock.turn();
  replica.settle();
  assert.equal(third.answerTo(transact).result.results[0].count, 4);
});

test('random transactions that lock, write and end: each gets its answers, and nothing stays locked or lost', () => {
  const step = fc.record({
    who: fc.integer({ min: 0, max: 3 }),
    what: fc.constantFrom('lock', 'lock', 'lock', 'scan', 'write', 'commit', 'rollback', 'alone', 'turn'),
    key: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(...ISOLATION_LEVELS), (steps, isolation) => {
      const { connect, clock, replica, engine, client: auditor } = accounts([1, 2, 3]);
      const clients = Array.from({ length: 4 }, () => connect());
      const sent = clients.map((): number[] => []);
      for (const { who, what, key } of steps) {
        const client = clients[who]!;
        const send = (op: string, message: object): void => {
          sent[who]!.push(client.send(op, message));
        };
        if (what === 'lock') send('get', lock('t', key));
        else if (what === 'scan') send('scan', { tx: 't', table: TABLE, forUpdate: true });
        else if (what === 'write') send('update', { tx: 't', table: TABLE, key, set: { v: 1 } });
        else if (what === 'alone') send('update', { table: TABLE, key, set: { v: 2 } });
        else if (what === 'turn') {
          clock.turn();
          replica.settle();
        } else {
          send(what, { tx: 't' });
          send('begin', { tx: 't', lockTimeoutMs: 60_000, isolation });
        }
      }
      for (const [who, client] of clients.entries()) sent[who]!.push(client.send('commit', { tx: 't' }));
      for (let turns = 0; turns < 200; turns++) {
        clock.advance(5);
        replica.settle();
      }
      for (const [who, client] of clients.entries()) for (const id of sent[who]!) client.answerTo(id);
      for (const client of clients) client.ask('rollback', { tx: 't' });
      clock.turn();
      assert.deepEqual([engine.lockedRows, engine.lockWaiters], [0, 0]);
      assert.equal(auditor.do('count', { table: TABLE }).count, 3);
      for (const client of clients) client.connection.close();
      clock.advance(1000);
      assert.deepEqual([replica.openSnapshots, clock.scheduled], [0, 0]);
    }),
    { numRuns: 1000 },
  );
});
