import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_LIMITS } from './limits.ts';
import type { TransactionRow } from './replica.ts';
import { accounts, TABLE } from './testing/accounts.ts';
import { type TestClient, testWorld } from './testing/solo-replica.ts';

/** What is open, while the group decides nothing. */
function shownTo(client: TestClient): readonly TransactionRow[] {
  return client.answerTo(client.send('transactions')).result;
}

test('a write without tx answers its own facts and those of its commit', () => {
  const { client } = accounts([1]);
  const { gtid, commitTime, ...rest } = client.do('update', { table: TABLE, key: 1, set: { v: 1 } });
  assert.deepEqual(rest, { matched: 1, sequenceNumber: 3, snapshotVersion: 2 });
  assert.match(gtid, /:3$/);
  assert.match(commitTime, /Z\.0$/);
});

test('an autocommit write that loses is executed again on a snapshot that includes the winner', () => {
  const { client, connect, replica } = accounts([1, 2, 3]);
  client.do('begin', { tx: 't' });
  client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
  const first = client.send('commit', { tx: 't' });
  const loser = connect();
  const second = loser.send('update', { table: TABLE, key: 1, set: { v: 3 } });
  const third = loser.send('update', { table: TABLE, key: 2, set: { v: 3 } });
  replica.settle();
  assert.equal(client.answerTo(first).ok, true);
  assert.equal(loser.answerTo(second).result.attempts, 2);
  assert.equal(loser.answerTo(third).result.attempts, undefined, 'told only where there was more than one');
  assert.equal(client.do('get', { table: TABLE, key: 1 }).v, 3);
  assert.equal(replica.openSnapshots, 0);
});

test('of what commits, the time from its request to its answer is noted, attempts and waiting included', () => {
  const { client, clock, replica } = accounts([1, 2]);
  replica.commitsAnsweredMs.length = 0;
  const steps = [{ op: 'update', table: TABLE, key: 2, set: { v: 1 } }];
  client.send('update', { table: TABLE, key: 1, set: { v: 1 } });
  clock.advance(3);
  client.send('transact', { steps });
  client.send('begin', { tx: 't' });
  client.send('insert', { tx: 't', table: TABLE, row: { id: 3 } });
  clock.advance(20);
  client.send('commit', { tx: 't' });
  clock.advance(1);
  replica.settle();
  assert.deepEqual(replica.commitsAnsweredMs, [24, 21, 1]);
  client.do('get', { table: TABLE, key: 1 });
  client.do('update', { table: TABLE, key: 99, set: { v: 1 } });
  client.fail('insert', { table: TABLE, row: { id: 3 } });
  replica.refusal = { kind: 'no-quorum' };
  client.fail('update', { table: TABLE, key: 1, set: { v: 2 } });
  assert.equal(replica.commitsAnsweredMs.length, 3, 'reads, writes of nothing and refusals are no commits');
});

test('re-execution ends after the attempts asked for, the first at once and the others after a pause', () => {
  const { client, clock, replica } = accounts([1, 2, 3]);
  replica.refusal = { kind: 'snapshot-too-old', purgeFloor: 9 };
  const update = client.send('update', { table: TABLE, key: 1, set: { v: 1 }, attempts: 4 });
  replica.settle();
  assert.equal(replica.committed.length, 2);
  for (let i = 0; i < 50; i++) {
    clock.advance(20);
    replica.settle();
  }
  assert.equal(replica.committed.length, 4);
  assert.equal(client.answerTo(update).error.code, 'SNAPSHOT_TOO_OLD');
  assert.equal(client.fail('update', { table: TABLE, key: 1, set: { v: 1 }, attempts: 1 }).code, 'SNAPSHOT_TOO_OLD');
  assert.equal(replica.committed.length, 5);
  assert.equal(replica.openSnapshots, 0);
});

test('a client that pipelines writes to one row never conflicts with itself, and they take effect in order', () => {
  const { client, replica } = accounts([1, 2, 3]);
  const sent = [
    client.send('insert', { table: TABLE, row: { id: 9, v: 1 } }),
    client.send('update', { table: TABLE, key: 9, if: { v: 1 }, set: { v: 2 } }),
    client.send('insert', { table: TABLE, row: { id: 9, v: 50 } }),
    client.send('delete', { table: TABLE, key: 9 }),
    client.send('insert', { table: TABLE, row: { id: 9, v: 3 } }),
    client.send('update', { table: TABLE, key: 9, set: { v: 4 }, attempts: 1 }),
    client.send('update', { table: TABLE, key: 1, set: { v: 4 } }),
  ];
  assert.equal(replica.undecided, 2);
  replica.settle();
  const answers = sent.map((id) => client.answerTo(id));
  assert.deepEqual(
    answers.map(({ ok }) => ok),
    [true, true, false, true, true, true, true],
  );
  assert.equal(answers[1]!.result.matched, 1);
  assert.equal(answers[2]!.error.code, 'DUPLICATE_KEY');
  assert.equal(answers[3]!.result.matched, 1);
  assert.equal(client.do('get', { table: TABLE, key: 9 }).v, 4);
});

test('writes to one row by several connections queue, and none of them conflicts', () => {
  const { client, connect, replica } = accounts([1, 2]);
  const clients = [client, connect(), connect()] as const;
  const sent = clients.map((one, at) => one.send('update', { table: TABLE, key: 1, set: { v: at + 1 }, attempts: 1 }));
  const elsewhere = connect().send('update', { table: TABLE, key: 2, set: { v: 9 } });
  assert.equal(replica.undecided, 2, 'a row that nobody else writes waits for nobody');
  const rows = shownTo(client);
  assert.deepEqual(
    rows.map(({ tx, state, waitsFor }) => [tx, state, waitsFor]),
    [1, 2].map((at) => [String(sent[at]), 'waiting', { table: TABLE, key: '1', heldBy: null }]),
  );
  replica.settle();
  assert.deepEqual(
    clients.map((one, at) => one.answerTo(sent[at]!).ok),
    [true, true, true],
  );
  assert.equal(typeof elsewhere, 'number');
  assert.deepEqual([replica.committed.length, client.do('get', { table: TABLE, key: 1 }).v], [4, 3]);
  assert.deepEqual(client.do('transactions'), []);
});

test('an operator ends a write that waits for another one, and not one that was handed to the group', () => {
  const { client, connect, replica } = accounts([1]);
  const first = client.send('update', { table: TABLE, key: 1, set: { v: 1 } });
  const other = connect();
  const second = other.send('update', { table: TABLE, key: 1, set: { v: 2 } });
  const third = other.send('update', { table: TABLE, key: 1, set: { v: 3 } });
  const [waiting] = shownTo(client);
  client.send('abortTransaction', { transactionId: waiting!.transactionId });
  assert.equal(other.answerTo(second).error.cause.code, 'CANCELLED');
  const [next] = shownTo(client);
  replica.decideNext();
  assert.equal(client.answerTo(first).ok, true);
  const late = client.send('abortTransaction', { transactionId: next!.transactionId });
  assert.match(client.answerTo(late).error.problem, /handed to the group/);
  assert.equal(shownTo(client)[0]!.state, 'committing');
  replica.settle();
  assert.equal(other.answerTo(third).ok, true);
});

test('a write that waits for an earlier one ends some time, whatever becomes of that', () => {
  const { transactionMsMax } = DEFAULT_LIMITS;
  const { client, clock, engine, replica } = accounts([1]);
  const [, behind] = [1, 2].map((v) => client.send('update', { table: TABLE, key: 1, set: { v } }));
  clock.advance(transactionMsMax - 1000);
  assert.deepEqual([replica.undecided, engine.rowWaiters, client.hasAnswer(behind!)], [1, 1, false]);
  clock.advance(2000);
  const { code, waitedFor } = client.answerTo(behind!).error;
  assert.deepEqual([code, waitedFor, engine.rowWaiters], ['TIMEOUT', 'row', 0]);
});

test('writers hold back from a row that another member has lost twice, until it has written it or for a moment', () => {
  const { client, clock, engine, replica } = accounts([1, 2]);
  const update = (key: number) => client.send('update', { table: TABLE, key, set: { v: 1 } });
  const keys = update(1);
  replica.settle();
  assert.equal(client.answerTo(keys).ok, true);
  const lost = replica.committed[0]!.writeSet;
  replica.lostElsewhere(lost);
  update(1);
  assert.equal(replica.undecided, 1, 'once may be chance');
  replica.settle();
  replica.lostElsewhere(lost);
  const [held, other] = [update(1), update(2)];
  assert.equal(replica.undecided, 1, 'another row is not held back');
  replica.settle();
  assert.deepEqual([client.hasAnswer(held), client.hasAnswer(other), engine.rowWaiters], [false, true, 1]);
  replica.writtenElsewhere(lost);
  replica.settle();
  assert.equal(client.answerTo(held).ok, true);
  for (let i = 0; i < 2; i++) replica.lostElsewhere(lost);
  const bounded = update(1);
  clock.advance(100);
  replica.settle();
  assert.equal(client.answerTo(bounded).ok, true);
  assert.deepEqual([engine.rowWaiters, engine.counters.yields, clock.scheduled], [0, 2, 0]);
});

test('writes of several rows and transact wait behind writes to any of their rows', () => {
  const { client, replica } = accounts([1, 2, 3]);
  const sent = [
    client.send('update', { table: TABLE, key: 2, set: { v: 1 }, attempts: 1 }),
    client.send('update', { table: TABLE, all: true, set: { v: 2 }, attempts: 1 }),
    client.send('transact', { steps: [{ op: 'update', table: TABLE, key: 3, set: { v: 3 } }], attempts: 1 }),
    client.send('update', { table: TABLE, key: 3, set: { v: 4 }, attempts: 1 }),
    client.send('delete', { table: TABLE, where: { v: 4 }, attempts: 1 }),
  ];
  replica.settle();
  for (const id of sent) assert.equal(client.answerTo(id).ok, true, JSON.stringify(client.answerTo(id)));
});

test('transact executes its steps as one transaction and answers their results', () => {
  const { client } = accounts([1, 2, 3]);
  const { results, attempts, sequenceNumber, snapshotVersion } = client.do('transact', {
    steps: [
      { op: 'get', table: TABLE, key: 1, expect: { found: true } },
      { op: 'update', table: TABLE, key: 1, set: { v: 5 }, expect: { matched: 1 } },
      { op: 'get', table: TABLE, key: 1, columns: ['v'] },
      { op: 'insert', table: TABLE, row: { id: 7 } },
      { op: 'scan', table: TABLE, limit: 2 },
    ],
  });
  assert.deepEqual(results[2], { v: 5 });
  assert.deepEqual(results[4].rows.length, 2);
  assert.deepEqual([attempts, sequenceNumber, snapshotVersion], [1, 5, 4]);
});

test('an expectation that fails writes nothing', () => {
  const { client, replica } = accounts([1, 2, 3]);
  const error = client.fail('transact', {
    steps: [
      { op: 'put', table: TABLE, row: { id: 5 } },
      { op: 'update', table: TABLE, key: 99, set: { v: 1 }, expect: { matched: 1 } },
    ],
  });
  const { code, sqlState, retry, step, expected, got } = error;
  assert.deepEqual(
    { code, sqlState, retry, step, expected, got },
    {
      code: 'EXPECTATION_FAILED',
      sqlState: '02000',
      retry: 'no',
      step: 1,
      expected: { matched: 1 },
      got: { matched: 0 },
    },
  );
  const found = client.fail('transact', { steps: [{ op: 'get', table: TABLE, key: 1, expect: { found: false } }] });
  assert.deepEqual(found.got, { found: true });
  assert.equal(replica.committed.length, 0);
});

test('a step that fails fails the whole and is named; with onError: "continue" it alone', () => {
  const { client } = accounts([1, 2, 3]);
  const steps = [
    { op: 'put', table: TABLE, row: { id: 5 } },
    { op: 'insert', table: TABLE, row: { id: 1 } },
  ];
  const error = client.fail('transact', { steps });
  assert.deepEqual([error.code, error.step], ['DUPLICATE_KEY', 1]);
  assert.equal(client.do('get', { table: TABLE, key: 5 }), null);
  const { results } = client.do('transact', { steps, onError: 'continue' });
  assert.equal(results[1].error.code, 'DUPLICATE_KEY');
  assert.notEqual(client.do('get', { table: TABLE, key: 5 }), null);
  for (const bad of [
    [],
    5,
    [5],
    [{}],
    [{ op: 'get', tx: 't', table: TABLE, key: 1 }],
    [{ op: 'put', table: TABLE, row: { id: 1 }, expect: { matched: 1 } }],
  ]) {
    assert.equal(client.fail('transact', { steps: bad }).code, 'INVALID_ARGUMENT', JSON.stringify(bad));
  }
  assert.equal(client.fail('transact', { steps: [{ op: 'begin' }] }).code, 'UNKNOWN_OPERATION');
});

test('transact is executed again as a whole on conflict, and says how often', () => {
  const { client, connect, replica } = accounts([1, 2, 3]);
  const rival = connect();
  rival.do('begin', { tx: 't' });
  rival.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 10 } });
  const won = rival.send('commit', { tx: 't' });
  const lost = client.send('transact', {
    steps: [
      { op: 'get', table: TABLE, key: 1 },
      { op: 'update', table: TABLE, key: 1, set: { v: 11 } },
    ],
  });
  replica.settle();
  assert.equal(rival.answerTo(won).ok, true);
  const { attempts, results } = client.answerTo(lost).result;
  assert.deepEqual([attempts, results[0].v], [2, 10]);
});

test('cancel gives up what waits, and says so; what went to the group is not given up', () => {
  const { client, replica } = accounts([1, 2, 3]);
  const inFlight = client.send('update', { table: TABLE, key: 1, set: { v: 1 } });
  const queued = client.send('update', { table: TABLE, key: 1, set: { v: 2 } });
  const waiting = client.send('get', { table: TABLE, key: 1, atLeast: 99 });
  const begin = client.send('begin', { tx: 't', atLeast: 99 });
  const behind = client.send('put', { tx: 't', table: TABLE, row: { id: 8 } });
  const last = client.send('put', { table: TABLE, row: { id: 1, v: 3 } });
  const cancel = (target: number) => client.answerTo(client.send('cancel', { target })).result.cancelled;
  assert.deepEqual([queued, waiting, behind, begin].map(cancel), [true, true, true, true]);
  assert.deepEqual([cancel(inFlight), cancel(queued), cancel(12345)], [false, false, false]);
  for (const id of [queued, waiting, behind, begin]) {
    const { code, cause } = client.answerTo(id).error;
    assert.deepEqual([code, cause.code], ['TRANSACTION_ABORTED', 'CANCELLED']);
  }
  replica.settle();
  assert.equal(client.answerTo(inFlight).ok, true);
  assert.equal(client.answerTo(last).ok, true);
  assert.equal(client.do('get', { table: TABLE, key: 1 }).v, 3);
  assert.equal(client.connection.openTransactions, 0);
  assert.equal(replica.openSnapshots, 0);
});

test('a write that waits behind another one of its row keeps its deadline', () => {
  const { client, clock, replica } = accounts([1, 2, 3]);
  const first = client.send('update', { table: TABLE, key: 1, set: { v: 1 } });
  const second = client.send('update', { table: TABLE, key: 1, set: { v: 2 }, timeoutMs: 50 });
  const third = client.send('update', { table: TABLE, key: 1, set: { v: 3 } });
  clock.advance(100);
  const { code, waitedFor, ms } = client.answerTo(second).error;
  assert.deepEqual([code, waitedFor, ms], ['TIMEOUT', 'row', 50]);
  replica.settle();
  assert.equal(client.answerTo(first).ok && client.answerTo(third).ok, true);
  assert.equal(client.do('get', { table: TABLE, key: 1 }).v, 3);
});

test('at shutdown what is committing finishes and the rest is answered SHUTTING_DOWN', () => {
  const { client, replica, clock } = accounts([1, 2, 3]);
  client.do('begin', { tx: 't' });
  client.do('put', { tx: 't', table: TABLE, row: { id: 50 } });
  const inFlight = client.send('update', { table: TABLE, key: 1, set: { v: 1 } });
  const queued = [2, 3].map((v) => client.send('update', { table: TABLE, key: 1, set: { v } }));
  const waiting = client.send('begin', { tx: 'u', atLeast: 99 });
  const behind = client.send('commit', { tx: 'u' });
  client.connection.shutDown();
  const late = client.send('commit', { tx: 't' });
  for (const id of [...queued, waiting, behind, late]) {
    const { code, retry, state } = client.answerTo(id).error;
    assert.deepEqual([code, retry, state], ['SHUTTING_DOWN', 'elsewhere', 'ONLINE']);
  }
  assert.equal(client.hasAnswer(inFlight), false);
  replica.settle();
  assert.equal(client.answerTo(inFlight).ok, true);
  assert.equal(replica.committed.length, 1);
  assert.equal(replica.openSnapshots, 0);
  clock.advance(500);
  assert.equal(clock.scheduled, 0);
});

test('after the connection closed nothing is sent, and nothing is left', () => {
  const { client, engine, replica, clock } = accounts([1, 2, 3]);
  client.send('update', { table: TABLE, key: 1, set: { v: 1 } });
  client.send('update', { table: TABLE, key: 1, set: { v: 2 } });
  client.send('get', { table: TABLE, key: 1, atLeast: 99 });
  client.send('begin', { tx: 't', atLeast: 99 });
  client.send('scan', { table: TABLE, limit: 1 });
  const before = client.answers.length;
  client.connection.close();
  client.send('ping');
  replica.settle();
  clock.advance(1_000_000);
  assert.equal(client.answers.length, before);
  assert.deepEqual(
    [replica.openSnapshots, engine.connections, replica.committed.length, clock.scheduled],
    [0, 0, 1, 0],
  );
});

test('what is sent behind a schema change waits for it, in the order sent', () => {
  const { client, replica } = testWorld();
  const row = (id: number) => ({ table: 'a.b', row: { id } });
  const sent = [
    client.send('createTable', { table: 'a.b', primaryKey: ['id'] }),
    client.send('insert', row(1)),
    client.send('begin', { tx: 't' }),
    client.send('insert', { tx: 't', ...row(2) }),
    client.send('commit', { tx: 't' }),
    client.send('count', { table: 'a.b' }),
    client.send('truncateTable', { table: 'a.b' }),
    client.send('insert', row(3)),
    client.send('transact', { steps: [{ op: 'insert', ...row(4) }] }),
  ];
  const ping = client.send('ping', {});
  assert.ok(client.answerTo(ping).ok, 'what concerns no table does not wait');
  replica.settle();
  for (const id of sent) assert.ok(client.answerTo(id).ok, JSON.stringify(client.answerTo(id)));
  assert.deepEqual(
    client.do('scan', { table: 'a.b' }).rows.map(({ id }: { id: number }) => id),
    [3, 4],
  );
});

test('what waits behind a schema change can be cancelled, and ends with the connection or the member', () => {
  for (const end of ['cancel', 'shutDown', 'close'] as const) {
    const { client, replica } = testWorld();
    const create = client.send('createTable', { table: 'a.b', primaryKey: ['id'] });
    const insert = client.send('insert', { table: 'a.b', row: { id: 1 } });
    if (end === 'cancel') assert.deepEqual(client.do('cancel', { target: insert }), { cancelled: true });
    else client.connection[end]();
    replica.settle();
    if (end === 'close') continue;
    assert.ok(client.answerTo(create).ok, 'a schema change that is on its way is answered');
    const { code, cause } = client.answerTo(insert).error;
    assert.deepEqual(
      end === 'cancel' ? [code, cause.code] : [code],
      end === 'cancel' ? ['TRANSACTION_ABORTED', 'CANCELLED'] : ['SHUTTING_DOWN'],
    );
  }
});
