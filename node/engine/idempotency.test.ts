/** Conversations with idempotency keys (H16), over a group of one by definition. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accounts, TABLE } from './testing/accounts.ts';
import { HORIZON_MS } from './testing/solo-replica.ts';

const idempotencyKey = 'order 7';
const steps = [
  { op: 'update', table: TABLE, key: 1, set: { v: 5 } },
  { op: 'get', table: TABLE, key: 1 },
];

test('a repeated transact answers the first outcome, results included, on any connection, and is not executed', () => {
  const { client, connect, replica } = accounts([1]);
  const first = client.do('transact', { steps, idempotencyKey });
  client.do('update', { table: TABLE, key: 1, set: { v: 9 } });
  const repeated = connect().do('transact', { steps, idempotencyKey, attempts: 1, timeoutMs: 1000 });
  assert.deepEqual(repeated, { ...first, replayed: true });
  assert.equal(first.results[1].v, 5);
  assert.deepEqual([replica.committed.length, client.do('get', { table: TABLE, key: 1 }).v], [2, 9]);
  assert.equal(replica.openSnapshots, 0);
});

test('the same of a statement of its own, and two at once are one', () => {
  const { client, connect, replica } = accounts([1]);
  const insert = { table: TABLE, row: { id: 4 }, idempotencyKey };
  const sent = [client.send('insert', insert), client.send('insert', insert)];
  const other = connect();
  const elsewhere = other.send('insert', insert);
  replica.settle();
  const [first, second] = sent.map((id) => client.answerTo(id).result);
  assert.deepEqual(second, { ...first, replayed: true });
  assert.deepEqual(other.answerTo(elsewhere).result, second);
  assert.equal(replica.committed.length, 1);
});

test('what comes behind its own first sending in the order takes no number and is answered alike', () => {
  const { client, connect, replica } = accounts([1, 2]);
  const begun = [client, connect()].map((one) => {
    one.do('begin', { tx: 't', idempotencyKey });
    one.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
    return one;
  });
  const commits = begun.map((one) => one.send('commit', { tx: 't' }));
  const before = replica.appliedUpTo;
  replica.settle();
  const [first, second] = begun.map((one, at) => one.answerTo(commits[at]!).result);
  assert.deepEqual(second, { ...first, replayed: true });
  assert.deepEqual([replica.committed.length, replica.appliedUpTo], [2, before + 1]);
});

test('begin with a key that has committed tells so; whatever is done then, commit answers the first outcome', () => {
  const { client, replica } = accounts([1]);
  client.do('begin', { tx: 't', idempotencyKey });
  client.do('insert', { tx: 't', table: TABLE, row: { id: 5 } });
  const { gtid, sequenceNumber } = client.do('commit', { tx: 't' });
  const begun = client.do('begin', { tx: 't', idempotencyKey });
  assert.deepEqual([begun.tx, begun.replayed, begun.gtid], ['t', true, gtid]);
  assert.equal(client.fail('insert', { tx: 't', table: TABLE, row: { id: 5 } }).code, 'DUPLICATE_KEY');
  client.do('put', { tx: 't', table: TABLE, row: { id: 6 } });
  const again = client.do('commit', { tx: 't' });
  assert.deepEqual([again.sequenceNumber, again.replayed], [sequenceNumber, true]);
  assert.equal(client.do('get', { table: TABLE, key: 6 }), null);
  assert.deepEqual([replica.committed.length, replica.openSnapshots], [1, 0]);
});

test('H16: a repeated transact that has waited for the lock of its own first sending answers the first outcome', () => {
  const { client, connect, replica, clock } = accounts([1]);
  const locking = [
    { op: 'get', table: TABLE, key: 1, forUpdate: true },
    { op: 'insert', table: TABLE, row: { id: 7 } },
  ];
  const sent = [client, connect()].map((one) => {
    const id = one.send('transact', { steps: locking, idempotencyKey });
    return () => one.answerTo(id).result;
  });
  replica.settle();
  clock.advance(5);
  const [first, second] = sent.map((answer) => answer());
  assert.deepEqual(second, { ...first, replayed: true });
  const row = { table: TABLE, key: 1, forUpdate: true };
  client.do('begin', { tx: 'free' });
  client.do('get', { tx: 'free', ...row });
  client.do('rollback', { tx: 'free' });
  assert.deepEqual([replica.committed.length, replica.openSnapshots], [1, 0]);
});

test('H16: a named transaction learns of its first sending whenever that commits, and commit answers its outcome', () => {
  const update = { table: TABLE, key: 1, set: { v: 5 }, if: { v: 0 } };
  const doneAgain: Readonly<Record<string, readonly (readonly [string, object, string?])[]>> = {
    'what it did is seen': [['insert', { table: TABLE, row: { id: 7 } }, 'DUPLICATE_KEY']],
    'nothing is left to do': [],
    'only read': [['get', { table: TABLE, key: 7 }]],
    'a condition that it made false': [['update', update]],
    'a request that is wrong': [['insert', { table: 'no.such', row: { id: 7 } }, 'NO_SUCH_TABLE']],
  };
  for (const [name, requests] of Object.entries(doneAgain)) {
    const { client, connect, replica } = accounts([1]);
    client.do('begin', { tx: 't', idempotencyKey });
    client.do('insert', { tx: 't', table: TABLE, row: { id: 7 } });
    client.do('update', { tx: 't', ...update });
    const commit = client.send('commit', { tx: 't' });
    const other = connect();
    const begin = other.send('begin', { tx: 't', idempotencyKey });
    assert.deepEqual(other.answerTo(begin).result, { tx: 't' }, name);
    replica.settle();
    const first = client.answerTo(commit).result;
    for (const [op, message, code] of requests) {
      if (code === undefined) other.do(op, { tx: 't', ...message });
      else assert.equal(other.fail(op, { tx: 't', ...message }).code, code, name);
    }
    assert.deepEqual(other.do('commit', { tx: 't' }), { ...first, replayed: true }, name);
    assert.deepEqual([replica.committed.length, replica.openSnapshots], [1, 0], name);
  }
});

test('H16: also one that was doomed before its first sending has committed, and one that waits for its lock', () => {
  const { client, connect, replica, clock } = accounts([1]);
  client.do('begin', { tx: 't', idempotencyKey });
  client.do('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
  client.do('insert', { tx: 't', table: TABLE, row: { id: 7 } });
  const commit = client.send('commit', { tx: 't' });
  const [doomed, waiting] = [connect(), connect()];
  doomed.send('begin', { tx: 't', idempotencyKey });
  const wrong = doomed.send('get', { tx: 't', table: 'no.such', key: 1 });
  assert.equal(doomed.answerTo(wrong).error.code, 'NO_SUCH_TABLE');
  waiting.send('begin', { tx: 't', idempotencyKey });
  const sent = [
    waiting.send('get', { tx: 't', table: TABLE, key: 1, forUpdate: true }),
    waiting.send('insert', { tx: 't', table: TABLE, row: { id: 7 } }),
    waiting.send('commit', { tx: 't' }),
  ];
  replica.settle();
  clock.advance(5);
  const replayed = { ...client.answerTo(commit).result, replayed: true };
  assert.equal(waiting.answerTo(sent[0]!).ok, true);
  assert.equal(waiting.answerTo(sent[1]!).error.code, 'DUPLICATE_KEY');
  assert.deepEqual(waiting.answerTo(sent[2]!).result, replayed);
  assert.deepEqual(doomed.do('commit', { tx: 't' }), replayed);
  assert.deepEqual([replica.committed.length, replica.openSnapshots], [1, 0]);
});

test('another request with the key is KEY_REUSED, and names what committed', () => {
  const { client } = accounts([1, 2]);
  const { gtid } = client.do('transact', { steps, idempotencyKey });
  for (const [op, message] of [
    ['transact', { steps: [{ op: 'update', table: TABLE, key: 1, set: { v: 6 } }] }],
    ['update', { table: TABLE, key: 1, set: { v: 5 } }],
  ] as const) {
    const { code, gtid: of } = client.fail(op, { ...message, idempotencyKey });
    assert.deepEqual([code, of], ['KEY_REUSED', gtid]);
  }
  const begun = [1, 2].map((key) => {
    client.do('begin', { tx: `t${key}`, idempotencyKey: 'another' });
    client.do('update', { tx: `t${key}`, table: TABLE, key, set: { v: 7 } });
    return `t${key}`;
  });
  client.do('commit', { tx: begun[0] });
  assert.equal(client.fail('commit', { tx: begun[1] }).code, 'KEY_REUSED', 'it writes other rows');
});

test('only a positive outcome binds a key: what was refused may be repeated, and commits', () => {
  const { client, connect, replica } = accounts([1]);
  const wrong = { steps: [{ op: 'insert', table: TABLE, row: { id: 1 } }], idempotencyKey };
  assert.equal(client.fail('transact', wrong).code, 'DUPLICATE_KEY');
  const winner = connect();
  winner.do('begin', { tx: 'w' });
  winner.do('update', { tx: 'w', table: TABLE, key: 1, set: { v: 3 } });
  winner.send('commit', { tx: 'w' });
  const lost = client.send('transact', { steps, idempotencyKey, attempts: 1 });
  replica.settle();
  assert.equal(client.answerTo(lost).error.code, 'CERTIFICATION_CONFLICT');
  assert.equal(client.do('transact', { steps, idempotencyKey }).replayed, undefined);
  assert.equal(client.do('update', { table: TABLE, key: 99, set: { v: 1 }, idempotencyKey: 'nothing' }).matched, 0);
  client.do('insert', { table: TABLE, row: { id: 99 } });
  const { matched } = client.do('update', { table: TABLE, key: 99, set: { v: 1 }, idempotencyKey: 'nothing' });
  assert.equal(matched, 1, 'what wrote nothing binds nothing');
});

test('UNKNOWN_OUTCOME carries the key; outcome tells what became of it, and a fence that nothing does', () => {
  const { client, connect, replica } = accounts([1]);
  const outcome = (key: string, fence = false) => client.do('outcome', { idempotencyKey: key, fence });
  replica.refusal = { kind: 'unknown' };
  const error = client.fail('transact', { steps, idempotencyKey });
  assert.deepEqual([error.code, error.retry, error.idempotencyKey], ['UNKNOWN_OUTCOME', 'withKey', idempotencyKey]);
  assert.equal(client.fail('outcome', { idempotencyKey, fence: true }).idempotencyKey, idempotencyKey);
  replica.refusal = null;
  assert.deepEqual(outcome(idempotencyKey), { state: 'unknown' });
  const first = client.do('transact', { steps, idempotencyKey });
  assert.deepEqual(outcome(idempotencyKey), { ...first, replayed: true });
  assert.deepEqual(outcome(idempotencyKey, true), { ...first, replayed: true }, 'it comes too late');
  const other = connect();
  other.do('begin', { tx: 't', idempotencyKey: 'late' });
  other.do('put', { tx: 't', table: TABLE, row: { id: 8 } });
  assert.deepEqual(outcome('late', true), { state: 'fenced' });
  assert.deepEqual(outcome('late', true), { state: 'fenced' });
  assert.equal(other.fail('commit', { tx: 't' }).code, 'KEY_FENCED');
  assert.equal(other.fail('begin', { tx: 't', idempotencyKey: 'late' }).code, 'KEY_FENCED');
  assert.equal(other.fail('put', { table: TABLE, row: { id: 8 }, idempotencyKey: 'late' }).code, 'KEY_FENCED');
  assert.equal(client.do('get', { table: TABLE, key: 8 }), null);
});

test('a fence that is ordered behind the transaction is answered its outcome, one before it refuses it', () => {
  const { client, connect, replica } = accounts([1]);
  const put = (id: number, key: string) => client.send('put', { table: TABLE, row: { id }, idempotencyKey: key });
  const fence = (key: string) => client.send('outcome', { idempotencyKey: key, fence: true });
  const [committed, tooLate, fenced, refused] = [put(5, 'a'), fence('a'), fence('b'), put(6, 'b')];
  replica.settle();
  const { gtid } = client.answerTo(committed).result;
  assert.deepEqual([client.answerTo(tooLate).result.gtid, client.answerTo(tooLate).result.replayed], [gtid, true]);
  assert.deepEqual(client.answerTo(fenced).result, { state: 'fenced' });
  assert.equal(client.answerTo(refused).error.code, 'KEY_FENCED');
  const changes = connect();
  changes.do('subscribe', { stream: 'changes', from: 0 });
  assert.deepEqual(changes.events.at(-1)?.rows ?? [], [], 'a fence changes no row');
});

test('a key is forgotten behind the horizon; one that says when it was made is refused from then on', () => {
  const { client, clock } = accounts([1, 2]);
  const uuid = (ms: number): string => {
    const time = ms.toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000001`;
  };
  const put = (key: string) => ({ table: TABLE, row: { id: 9 }, idempotencyKey: key });
  const made = uuid(clock.wallMs());
  assert.equal(client.do('put', put(made)).replayed, undefined);
  assert.equal(client.do('put', put('plain')).replayed, undefined);
  clock.advance(HORIZON_MS - 1);
  client.do('update', { table: TABLE, key: 2, set: { v: 1 } });
  assert.deepEqual([client.do('put', put(made)).replayed, client.do('put', put('plain')).replayed], [true, true]);
  clock.advance(1);
  client.do('update', { table: TABLE, key: 2, set: { v: 2 } });
  assert.equal(client.fail('put', put(made)).code, 'KEY_EXPIRED');
  assert.equal(client.do('put', put('plain')).replayed, undefined);
  assert.equal(client.fail('put', put(uuid(clock.wallMs() + HORIZON_MS + 1))).code, 'KEY_EXPIRED', 'far ahead');
});

test('of a result that is too large to be kept only the facts of the commit are answered again', () => {
  const { client } = accounts([1]);
  const reads = Array.from({ length: 2000 }, () => ({ op: 'get', table: TABLE, key: 1 }));
  const message = { steps: [...steps, ...reads], idempotencyKey };
  const { results, attempts, ...facts } = client.do('transact', message);
  assert.deepEqual([results.length, attempts], [2002, 1]);
  assert.deepEqual(client.do('transact', message), { ...facts, resultOmitted: true, replayed: true });
});

test('a key is a text that is not empty, and what only reads needs none', () => {
  const { client } = accounts([1]);
  for (const key of ['', 7, 'x'.repeat(257), '\ud800']) {
    const error = client.fail('put', { table: TABLE, row: { id: 3 }, idempotencyKey: key });
    assert.deepEqual([error.code, error.argument], ['INVALID_ARGUMENT', 'idempotencyKey']);
  }
  assert.equal(client.fail('outcome', {}).argument, 'idempotencyKey');
  assert.equal(client.do('get', { table: TABLE, key: 1, idempotencyKey }).id, 1);
  assert.deepEqual(client.do('outcome', { idempotencyKey }), { state: 'unknown' });
});
