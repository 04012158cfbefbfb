import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accounts, TABLE } from './testing/accounts.ts';
import { MEMBER_ID } from './testing/solo-replica.ts';

const OTHER = '6f1c1e0a-0000-4000-8000-0000000000bb';

test('transactions shows what is open, the oldest first, with what it holds back and whom it waits for', () => {
  const { client, connect, clock } = accounts([1]);
  client.do('begin', { tx: 'old' });
  client.do('get', { tx: 'old', table: TABLE, key: 1, forUpdate: true });
  clock.advance(1500);
  const other = connect();
  other.do('update', { table: TABLE, key: 1, set: { v: 1 }, if: { v: 9 } });
  other.do('put', { table: TABLE, row: { id: 2 } });
  other.do('begin', { tx: 'waits' });
  other.send('get', { tx: 'waits', table: TABLE, key: 1, forUpdate: true });
  client.do('put', { tx: 'old', table: TABLE, row: { id: 5 } });
  const [old, waits] = client.do('transactions');
  assert.deepEqual(old, {
    transactionId: `${MEMBER_ID}:7:1`,
    member: MEMBER_ID,
    tx: 'old',
    state: 'open',
    ageMs: 1500,
    isolation: 'REPEATABLE READ',
    isReadOnly: false,
    snapshotVersion: 2,
    floorHeld: 2,
    holdsFloor: true,
    rowsWritten: 1,
    bytes: old.bytes,
    locks: 1,
    waitsFor: null,
  });
  assert.ok(old.bytes > 0);
  assert.deepEqual([waits.tx, waits.state, waits.snapshotVersion, waits.holdsFloor], ['waits', 'waiting', null, false]);
  assert.deepEqual(waits.waitsFor, { table: TABLE, key: '1', heldBy: old.transactionId });
  assert.equal(client.do('transactions', { limit: 1 }).length, 1);
  client.do('rollback', { tx: 'old' });
  assert.deepEqual(
    client.do('transactions').map(({ tx }: { tx: string }) => tx),
    ['waits'],
  );
});

test('names are shown in a form that does no harm, however long and of whatever they are', () => {
  const { client } = accounts([]);
  const shown = (tx: string): string => {
    client.do('begin', { tx });
    const [row] = client.do('transactions');
    client.do('rollback', { tx });
    return row.tx;
  };
  assert.equal(shown('räksmörgås 🎻'), 'räksmörgås 🎻');
  assert.equal(shown('a\u001b[2J\u202eb'), 'a\\u{1b}[2J\\u{202e}b');
  assert.equal(shown('x'.repeat(64)), 'x'.repeat(64));
  assert.equal(shown('x'.repeat(256)), `${'x'.repeat(64)}…`);
  for (const name of ['\0'.repeat(256), `${'x'.repeat(63)}🎻`, `${'x'.repeat(64)}🎻`, '🎻'.repeat(100)]) {
    const text = shown(name);
    assert.ok(text.length <= 65 && text.isWellFormed() && !/\p{Cc}/u.test(text), text);
  }
});

test('what commits is shown until its fate is known, what is aborted is not, and a cursor is', () => {
  const { client, replica } = accounts([1, 2]);
  const shown = () => client.do('transactions').map(({ tx, state }: { tx: string; state: string }) => [tx, state]);
  client.do('begin', { tx: 't' });
  client.do('put', { tx: 't', table: TABLE, row: { id: 3 } });
  client.send('commit', { tx: 't' });
  const id = client.send('transactions');
  assert.equal(client.answerTo(id).result[0].state, 'committing');
  const commitsId = client.answerTo(id).result[0].transactionId;
  assert.match(client.answerTo(client.send('abortTransaction', { transactionId: commitsId })).error.problem, /group/);
  replica.settle();
  assert.deepEqual(shown(), []);
  client.do('begin', { tx: 'u' });
  client.fail('get', { tx: 'u', table: 'no.such', key: 1 });
  assert.deepEqual(shown(), []);
  const { cursor } = client.do('scan', { table: TABLE, limit: 1 });
  assert.deepEqual(shown(), [[cursor, 'cursor']]);
  const [{ transactionId }] = client.do('transactions');
  client.do('abortTransaction', { transactionId });
  assert.equal(client.fail('scan', { table: TABLE, cursor }).code, 'SNAPSHOT_TOO_OLD');
  assert.deepEqual([shown(), replica.openSnapshots], [[], 0]);
});

test('abortTransaction ends a transaction of any connection, and its client learns it', () => {
  const { client, connect, replica, clock } = accounts([1]);
  const victim = connect();
  victim.do('begin', { tx: 't', onError: 'continue' });
  victim.do('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
  victim.do('savepoint', { tx: 't', name: 's' });
  const waiting = connect();
  waiting.do('begin', { tx: 't' });
  const get = waiting.send('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
  const [{ transactionId }] = client.do('transactions');
  assert.deepEqual(client.do('abortTransaction', { transactionId }), {});
  const { code, cause, retry } = victim.fail('commit', { tx: 't' });
  assert.deepEqual([code, cause.code, retry], ['TRANSACTION_ABORTED', 'CANCELLED', 'no']);
  assert.match(cause.message, /abortTransaction/);
  clock.turn();
  assert.equal(waiting.answerTo(get).ok, true);
  assert.equal(client.fail('abortTransaction', { transactionId }).code, 'NO_SUCH_TRANSACTION');
  waiting.do('rollback', { tx: 't' });
  assert.equal(replica.openSnapshots, 0);
});

test('one that waits is ended, too', () => {
  const { client, connect, engine } = accounts([1]);
  client.do('begin', { tx: 't' });
  client.do('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
  const waiting = connect();
  waiting.do('begin', { tx: 't' });
  const get = waiting.send('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
  const commit = waiting.send('commit', { tx: 't' });
  client.do('abortTransaction', { transactionId: client.do('transactions')[1].transactionId });
  assert.equal(waiting.answerTo(get).error.cause.code, 'CANCELLED');
  assert.equal(waiting.answerTo(commit).error.cause.code, 'CANCELLED');
  assert.equal(engine.lockWaiters, 0);
});

test("other members' are shown as they told them, and ended there", () => {
  const { client, replica } = accounts([1]);
  client.do('begin', { tx: 't' });
  client.do('get', { tx: 't', table: TABLE, key: 1 });
  const row = {
    transactionId: `${OTHER}:1:4`,
    member: OTHER,
    tx: 'far',
    state: 'open',
    ageMs: 9000,
    isolation: 'SERIALIZABLE',
    isReadOnly: false,
    snapshotVersion: 1,
    floorHeld: 1,
    rowsWritten: 0,
    bytes: 0,
    locks: 0,
    waitsFor: null,
  } as const;
  replica.elsewhere = [row];
  const [far, near] = client.do('transactions');
  assert.deepEqual([far, near.holdsFloor], [{ ...row, holdsFloor: true }, false]);
  assert.equal(client.fail('abortTransaction', { transactionId: row.transactionId }).code, 'NO_SUCH_TRANSACTION');
  assert.deepEqual(replica.abortsAsked, []);
  const members = replica.members();
  replica.members = () => [...members, { ...members[0]!, memberId: OTHER, port: 7002 }];
  assert.deepEqual(client.do('abortTransaction', { transactionId: row.transactionId }), {});
  assert.deepEqual(replica.abortsAsked, [[OTHER, row.transactionId]]);
  for (const [outcome, code, fact] of [
    ['not-open', 'NO_SUCH_TRANSACTION', ['transactionId', row.transactionId]],
    ['committing', 'INVALID_ARGUMENT', ['argument', 'transactionId']],
    ['not-reached', 'INVALID_ARGUMENT', ['argument', 'transactionId']],
    ['unknown', 'TIMEOUT', ['waitedFor', 'member']],
  ] as const) {
    replica.abortOutcome = outcome;
    const error = client.fail('abortTransaction', { transactionId: row.transactionId });
    assert.deepEqual([error.code, error[fact[0]]], [code, fact[1]]);
  }
  for (const transactionId of ['', 'x', `${MEMBER_ID}:6:1`, `${MEMBER_ID}:7:99`]) {
    assert.equal(client.fail('abortTransaction', { transactionId }).code, 'NO_SUCH_TRANSACTION');
  }
  assert.equal(client.fail('abortTransaction', {}).argument, 'transactionId');
});

test('H5: what only reads holds back no purge floor, and which transaction does is told whatever is asked for', () => {
  const { client, replica, clock } = accounts([1, 7]);
  const put = (id: number) => client.do('put', { table: TABLE, row: { id } });
  client.do('begin', { tx: 'past', asOf: 2 });
  client.do('begin', { tx: 'reads', readOnly: true });
  client.do('begin', { tx: 'committed', isolation: 'READ COMMITTED' });
  client.do('begin', { tx: 'reads committed', isolation: 'READ COMMITTED', readOnly: true });
  for (const tx of ['past', 'reads', 'committed', 'reads committed']) client.do('get', { tx, table: TABLE, key: 1 });
  const scanned = client.do('scan', { table: TABLE, limit: 1 });
  assert.deepEqual(replica.floorsHeld, []);
  put(2);
  put(3);
  clock.advance(100);
  client.do('begin', { tx: 'writes' });
  client.do('get', { tx: 'writes', table: TABLE, key: 1 });
  put(4);
  client.do('put', { tx: 'committed', table: TABLE, row: { id: 9 } });
  put(5);
  client.do('get', { tx: 'committed', table: TABLE, key: 1 });
  const held = (limit: number) =>
    client.do('transactions', { limit }).map((row: { tx: string; floorHeld: number | null; holdsFloor: boolean }) => {
      return [row.tx, row.floorHeld, row.holdsFloor];
    });
  assert.deepEqual(held(10), [
    ['past', null, false],
    ['reads', null, false],
    ['committed', 6, false],
    ['reads committed', null, false],
    [scanned.cursor, null, false],
    ['writes', 5, true],
  ]);
  assert.deepEqual(replica.floorsHeld.toSorted(), [5, 6]);
  assert.deepEqual(held(2), [
    ['past', null, false],
    ['writes', 5, true],
  ]);
  for (const tx of ['writes', 'committed']) client.do('rollback', { tx });
  assert.deepEqual(replica.floorsHeld, []);
});

test('a transaction whose client asks for nothing for too long is ended, and says why', () => {
  const { client, clock, engine, replica } = accounts([1], { transactionIdleMsMax: 1000, transactionMsMax: 60_000 });
  client.do('begin', { tx: 't' });
  client.do('get', { tx: 't', table: TABLE, key: 1 });
  for (let i = 0; i < 5; i++) {
    clock.advance(900);
    client.do('put', { tx: 't', table: TABLE, row: { id: 10 + i } });
  }
  assert.equal(client.do('transactions').length, 1);
  clock.advance(1100);
  assert.deepEqual(
    [client.do('transactions'), replica.openSnapshots, engine.counters.idleTransactionsEnded],
    [[], 0, 1],
  );
  const { code, cause, retry } = client.fail('commit', { tx: 't' });
  assert.deepEqual(
    [code, cause.code, cause.waitedFor, cause.ms, retry],
    ['TRANSACTION_ABORTED', 'TIMEOUT', 'request', 1000, 'transaction'],
  );
  assert.equal(client.do('count', { table: TABLE }).count, 1);
  // The client that says nothing at all from the beginning, and one that only rolls back.
  client.do('begin', { tx: 'u' });
  clock.advance(1100);
  client.do('rollback', { tx: 'u' });
  assert.equal(engine.counters.idleTransactionsEnded, 2);
});

test('whoever waits for a row, or for what is not visible yet, is not idle; nor is any where the limit is 0', () => {
  const { client, connect, clock, replica, engine } = accounts([1], { transactionIdleMsMax: 1000 });
  const holder = connect();
  const keepBusy = (ms: number): void => {
    for (let at = 0; at < ms; at += 500) {
      clock.advance(500);
      holder.do('get', { tx: 'h', table: TABLE, key: 1 });
    }
  };
  holder.do('begin', { tx: 'h' });
  holder.do('get', { tx: 'h', table: TABLE, key: 1, forUpdate: true });
  client.do('begin', { tx: 't', lockTimeoutMs: 60_000 });
  const get = client.send('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
  const later = client.send('begin', { tx: 'u', atLeast: replica.appliedUpTo + 1, waitTimeoutMs: 60_000 });
  keepBusy(5000);
  holder.do('rollback', { tx: 'h' });
  holder.do('put', { table: TABLE, row: { id: 2 } });
  clock.advance(900);
  assert.ok(client.answerTo(get).ok && client.answerTo(later).ok);
  assert.equal(client.do('transactions').length, 2);
  clock.advance(1000);
  assert.deepEqual([client.do('transactions').length, engine.counters.idleTransactionsEnded], [0, 2]);
  const patient = accounts([1], { transactionIdleMsMax: 0 });
  patient.client.do('begin', { tx: 't' });
  patient.clock.advance(200_000);
  patient.client.do('get', { tx: 't', table: TABLE, key: 1 });
  patient.clock.advance(110_000);
  assert.equal(patient.client.fail('commit', { tx: 't' }).cause.waitedFor, 'transaction');
});

test('the rows that one transaction writes are bounded, however often it writes them', () => {
  const { client } = accounts([1, 2, 3], { transactionRowsMax: 3 });
  const steps = (ids: readonly number[]) => ({ steps: ids.map((id) => ({ op: 'put', table: TABLE, row: { id } })) });
  assert.equal(client.do('transact', steps([1, 2, 3, 1, 2, 3])).attempts, 1);
  const { code, rows, rowsMax, bytes } = client.fail('transact', steps([1, 2, 3, 4]));
  assert.deepEqual([code, rows, rowsMax, bytes], ['TRANSACTION_TOO_LARGE', 4, 3, undefined]);
  assert.equal(client.do('update', { table: TABLE, all: true, set: { v: 1 } }).matched, 3);
  client.do('put', { table: TABLE, row: { id: 4 } });
  assert.equal(client.fail('delete', { table: TABLE, all: true }).rows, 4);
  client.do('begin', { tx: 't', onError: 'continue' });
  client.do('delete', { tx: 't', table: TABLE, lte: 3 });
  assert.equal(client.fail('put', { tx: 't', table: TABLE, row: { id: 9 } }).code, 'TRANSACTION_TOO_LARGE');
  client.do('get', { tx: 't', table: TABLE, key: 4 });
  client.do('commit', { tx: 't' });
  assert.equal(client.do('count', { table: TABLE }).count, 1);
});
