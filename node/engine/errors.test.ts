import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ERROR_CLASSES, type ErrorCode } from './errors.ts';
import type { MemberState } from './replica.ts';
import { GROUP_ID, MEMBER_ID, type TestAnswer, type TestWorld, testWorld } from './testing/solo-replica.ts';

const TABLE = 'bank.account';
const COLUMNS = { id: { type: 'integer' }, v: { type: 'integer', default: 0 }, blob: { type: 'text', nullable: true } };

function world(): TestWorld {
  const made = testWorld({
    rowBytesMax: 100,
    transactionBytesMax: 300,
    resultBytesMax: 160,
    keyBytesMax: 40,
    pendingRequestsMax: 3,
  });
  made.client.do('createTable', { table: TABLE, primaryKey: ['id'], columns: COLUMNS });
  made.client.do('insert', { table: TABLE, row: { id: 1 } });
  return made;
}

interface Provoked {
  readonly code: ErrorCode;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly by: (world: TestWorld) => unknown;
}

/** Writes while the group answers `refusal`. */
function refused(refusal: NonNullable<TestWorld['replica']['refusal']>) {
  return ({ client, replica }: TestWorld) => {
    replica.refusal = refusal;
    return client.fail('put', { table: TABLE, row: { id: 2 }, attempts: 1 });
  };
}

function lockFirst(client: TestWorld['client']): void {
  client.do('begin', { tx: 't' });
  client.do('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
}

const PROVOKED: readonly Provoked[] = [
  {
    code: 'CERTIFICATION_CONFLICT',
    facts: {
      table: TABLE,
      item: 'row',
      key: 1,
      snapshotVersion: 2,
      winner: { gtid: `${GROUP_ID}:3`, member: MEMBER_ID },
      phase: 'group',
    },
    by: ({ client, connect, replica }) => {
      const winner = connect();
      winner.do('begin', { tx: 't' });
      winner.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
      winner.send('commit', { tx: 't' });
      const lost = client.send('update', { table: TABLE, key: 1, set: { v: 2 }, attempts: 1 });
      replica.settle();
      return client.answerTo(lost).error;
    },
  },
  {
    code: 'CERTIFICATION_CONFLICT',
    facts: {
      table: TABLE,
      item: 'range',
      key: 7,
      snapshotVersion: 2,
      winner: { gtid: `${GROUP_ID}:3`, member: MEMBER_ID },
      phase: 'group',
    },
    by: ({ client, connect }) => {
      client.do('begin', { tx: 't', isolation: 'SERIALIZABLE' });
      client.do('count', { tx: 't', table: TABLE, gt: 5 });
      client.do('put', { tx: 't', table: TABLE, row: { id: 2 } });
      connect().do('put', { table: TABLE, row: { id: 7 } });
      return client.fail('commit', { tx: 't' });
    },
  },
  {
    code: 'CERTIFICATION_CONFLICT',
    facts: {
      table: TABLE,
      item: 'row',
      key: 1,
      snapshotVersion: 2,
      winner: { gtid: `${GROUP_ID}:3`, member: MEMBER_ID },
      phase: 'local',
    },
    by: ({ client, connect }) => {
      client.do('begin', { tx: 't' });
      client.do('count', { tx: 't', table: TABLE });
      connect().do('update', { table: TABLE, key: 1, set: { v: 1 } });
      return client.fail('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
    },
  },
  {
    code: 'LOCK_TIMEOUT',
    facts: { table: TABLE, key: 1, ms: 0 },
    by: ({ client, connect, clock }) => {
      lockFirst(client);
      const other = connect();
      other.do('begin', { tx: 't', lockTimeoutMs: 0 });
      const waits = other.send('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
      clock.advance(50);
      return other.answerTo(waits).error;
    },
  },
  {
    code: 'DEADLOCK',
    facts: { table: TABLE, key: 1, transactions: 2 },
    by: ({ client, connect }) => {
      lockFirst(client);
      const other = connect();
      other.do('begin', { tx: 't' });
      other.do('get', { tx: 't', table: TABLE, key: 2, forUpdate: true });
      client.do('put', { tx: 't', table: TABLE, row: { id: 3 } });
      client.send('get', { tx: 't', table: TABLE, key: 2, forUpdate: true });
      return other.fail('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
    },
  },
  {
    code: 'READ_ONLY_TRANSACTION',
    facts: { op: 'forUpdate' },
    by: ({ client }) => {
      client.do('begin', { tx: 't', readOnly: true });
      return client.fail('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
    },
  },
  {
    code: 'INVALID_ARGUMENT',
    facts: { argument: 'name', problem: 'the transaction has no savepoint "s"' },
    by: ({ client }) => {
      client.do('begin', { tx: 't' });
      return client.fail('rollbackTo', { tx: 't', name: 's' });
    },
  },
  {
    code: 'SNAPSHOT_TOO_OLD',
    facts: { snapshotVersion: 2, purgeFloor: 8 },
    by: refused({ kind: 'snapshot-too-old', purgeFloor: 8 }),
  },
  {
    code: 'SCHEMA_CHANGED',
    facts: { table: TABLE, snapshotVersion: 2, winner: { gtid: `${GROUP_ID}:3`, member: MEMBER_ID } },
    by: ({ client, connect, replica }) => {
      connect().send('dropTable', { table: TABLE });
      const lost = client.send('put', { table: TABLE, row: { id: 2 }, attempts: 1 });
      replica.settle();
      return client.answerTo(lost).error;
    },
  },
  {
    code: 'TIMEOUT',
    facts: { waitedFor: 'atLeast', ms: 100 },
    by: ({ client, clock }) => {
      const id = client.send('get', { table: TABLE, key: 1, atLeast: 50, waitTimeoutMs: 100 });
      clock.advance(200);
      return client.answerTo(id).error;
    },
  },
  {
    code: 'DUPLICATE_KEY',
    facts: { table: TABLE, index: 'primary', values: [1] },
    by: ({ client }) => client.fail('insert', { table: TABLE, row: { id: 1 } }),
  },
  {
    code: 'NULL_VIOLATION',
    facts: { table: TABLE, column: 'id' },
    by: ({ client }) => client.fail('put', { table: TABLE, row: { v: 1 } }),
  },
  {
    code: 'NULL_VIOLATION',
    facts: { table: TABLE, column: 'v' },
    by: ({ client }) => client.fail('update', { table: TABLE, key: 1, set: { v: null } }),
  },
  {
    code: 'EXPECTATION_FAILED',
    facts: { step: 0, expected: { found: true }, got: { found: false } },
    by: ({ client }) =>
      client.fail('transact', { steps: [{ op: 'get', table: TABLE, key: 5, expect: { found: true } }] }),
  },
  {
    code: 'NO_SUCH_TABLE',
    facts: { table: 'no.such' },
    by: ({ client }) => client.fail('get', { table: 'no.such', key: 1 }),
  },
  {
    code: 'NO_SUCH_TABLE',
    facts: { table: 'no.such' },
    by: ({ client }) => client.fail('truncateTable', { table: 'no.such' }),
  },
  {
    code: 'TABLE_EXISTS',
    facts: { table: TABLE },
    by: ({ client }) => client.fail('createTable', { table: TABLE, primaryKey: ['x'] }),
  },
  {
    code: 'NO_SUCH_COLUMN',
    facts: { table: TABLE, column: 'w' },
    by: ({ client }) => client.fail('put', { table: TABLE, row: { id: 1, w: 1 } }),
  },
  {
    code: 'NO_SUCH_COLUMN',
    facts: { table: TABLE, column: 'w' },
    by: ({ client }) => client.fail('scan', { table: TABLE, where: { w: 1 } }),
  },
  {
    code: 'NO_SUCH_INDEX',
    facts: { table: TABLE, index: 'w' },
    by: ({ client }) => client.fail('scan', { table: TABLE, index: 'w' }),
  },
  {
    code: 'TYPE_MISMATCH',
    facts: { table: TABLE, column: 'v', type: 'integer', got: 'text' },
    by: ({ client }) => client.fail('put', { table: TABLE, row: { id: 1, v: 'x' } }),
  },
  {
    code: 'INVALID_ARGUMENT',
    facts: { argument: 'set', problem: 'column "id" of the primary key cannot be changed; delete and insert instead' },
    by: ({ client }) => client.fail('update', { table: TABLE, key: 1, set: { id: 2 } }),
  },
  {
    code: 'INVALID_ARGUMENT',
    facts: { argument: 'colums', problem: "unknown argument of 'get'" },
    by: ({ client }) => client.fail('get', { table: TABLE, key: 1, colums: ['v'] }),
  },
  { code: 'NO_SUCH_TRANSACTION', facts: { tx: 'x' }, by: ({ client }) => client.fail('commit', { tx: 'x' }) },
  {
    code: 'READ_ONLY_TRANSACTION',
    facts: { op: 'put' },
    by: ({ client }) => client.fail('put', { readOnly: true, table: TABLE, row: { id: 3 } }),
  },
  ...(['OFFLINE', 'RECOVERING', 'ERROR'] as const).map(
    (state: MemberState): Provoked => ({
      code: 'NOT_ONLINE',
      facts: { state },
      by: ({ client, replica }) => {
        replica.state = state;
        client.do('ping');
        assert.equal(client.do('members')[0].state, state);
        assert.equal(client.fail('begin', { tx: 't' }).code, 'NOT_ONLINE');
        return client.fail('get', { table: TABLE, key: 1 });
      },
    }),
  ),
  { code: 'NOT_ONLINE', facts: { state: 'ERROR' }, by: refused({ kind: 'not-online', state: 'ERROR' }) },
  { code: 'NO_QUORUM', facts: { state: 'ONLINE' }, by: refused({ kind: 'no-quorum' }) },
  { code: 'SHUTTING_DOWN', facts: { state: 'ONLINE' }, by: refused({ kind: 'shutting-down' }) },
  { code: 'DISK_FULL', facts: { state: 'ONLINE' }, by: refused({ kind: 'disk-full' }) },
  { code: 'UNKNOWN_OUTCOME', facts: {}, by: refused({ kind: 'unknown' }) },
  {
    code: 'UNKNOWN_OUTCOME',
    facts: { idempotencyKey: 'k' },
    by: ({ client, replica }) => {
      replica.refusal = { kind: 'unknown' };
      return client.fail('put', { table: TABLE, row: { id: 9 }, idempotencyKey: 'k' });
    },
  },
  {
    code: 'KEY_REUSED',
    facts: { idempotencyKey: 'k', gtid: `${GROUP_ID}:3` },
    by: ({ client }) => {
      client.do('put', { table: TABLE, row: { id: 9 }, idempotencyKey: 'k' });
      return client.fail('put', { table: TABLE, row: { id: 8 }, idempotencyKey: 'k' });
    },
  },
  {
    code: 'KEY_FENCED',
    facts: { idempotencyKey: 'k' },
    by: ({ client }) => {
      client.do('outcome', { idempotencyKey: 'k', fence: true });
      return client.fail('put', { table: TABLE, row: { id: 9 }, idempotencyKey: 'k' });
    },
  },
  {
    code: 'KEY_EXPIRED',
    facts: { idempotencyKey: '00000000-0001-7000-8000-000000000000' },
    by: ({ client }) =>
      client.fail('put', {
        table: TABLE,
        row: { id: 9 },
        idempotencyKey: '00000000-0001-7000-8000-000000000000',
      }),
  },
  { code: 'OVERLOADED', facts: { retryAfterMs: 7 }, by: refused({ kind: 'overloaded', retryAfterMs: 7 }) },
  {
    code: 'OVERLOADED',
    facts: { retryAfterMs: 100 },
    by: ({ client }) => {
      for (const id of [11, 12, 13]) client.send('put', { table: TABLE, row: { id } });
      return client.answerTo(client.send('ping')).error;
    },
  },
  {
    code: 'ROW_TOO_LARGE',
    facts: { bytes: 206, bytesMax: 100, table: TABLE },
    by: ({ client }) => client.fail('put', { table: TABLE, row: { id: 2, blob: 'x'.repeat(200) } }),
  },
  {
    code: 'TRANSACTION_TOO_LARGE',
    facts: { bytes: 399, bytesMax: 300 },
    by: ({ client }) => {
      const put = (id: number) => ({ op: 'put', table: TABLE, row: { id, blob: 'x'.repeat(50) } });
      const { step, ...error } = client.fail('transact', { steps: [put(2), put(3), put(4)] });
      assert.equal(step, 2);
      return error;
    },
  },
  {
    code: 'RESULT_TOO_LARGE',
    facts: { bytes: 168, bytesMax: 160, table: TABLE },
    by: ({ client }) => {
      for (const id of [1, 2, 3]) client.do('put', { table: TABLE, row: { id, blob: 'x'.repeat(50) } });
      return client.fail('scan', { table: TABLE });
    },
  },
  {
    code: 'MALFORMED_MESSAGE',
    facts: { problem: "'op' must be a string" },
    by: ({ client }) => {
      client.connection.receive({ id: 'm' });
      return client.answers.at(-1)!.error;
    },
  },
  {
    code: 'UNKNOWN_OPERATION',
    facts: { op: 'upsert' },
    by: ({ client }) => client.fail('upsert', { table: TABLE, key: 1 }),
  },
  {
    code: 'NO_SUCH_ROW',
    facts: { table: TABLE, key: 99 },
    by: ({ client }) => client.fail('increment', { table: TABLE, key: 99, column: 'v', by: 1 }),
  },
  {
    code: 'OUT_OF_BOUNDS',
    facts: { table: TABLE, key: 1, column: 'v', by: -3, value: 1, min: 0, problem: 'below-min' },
    by: ({ client }) => {
      client.do('put', { table: TABLE, row: { id: 1, v: 1 } });
      return client.fail('increment', { table: TABLE, key: 1, column: 'v', by: -3, min: 0 });
    },
  },
];

for (const { code, facts, by } of PROVOKED) {
  test(`${code} carries ${Object.keys(facts).join(', ') || 'no facts'}: ${JSON.stringify(facts)}`, () => {
    const { message, ...rest } = by(world()) as { message: string };
    assert.deepEqual(rest, { code, ...ERROR_CLASSES[code], ...facts });
    assert.ok(message.length > 10);
  });
}

test('TRANSACTION_ABORTED carries its cause and the cause decides about the retry', () => {
  const { client, replica } = world();
  client.do('begin', { tx: 't' });
  client.do('get', { tx: 't', table: TABLE, key: 1 });
  replica.endSnapshots();
  const error = client.fail('commit', { tx: 't' });
  assert.deepEqual(
    [error.code, error.sqlState, error.retry, error.cause.code],
    ['TRANSACTION_ABORTED', '40000', 'transaction', 'SNAPSHOT_TOO_OLD'],
  );
});

test('what belongs to later versions is refused and said to be unsupported', () => {
  const { client } = world();
  const refusals: [string, object, string][] = [['begin', { tx: 't', consistency: 'AFTER' }, 'consistency']];
  for (const [op, message, argument] of refusals) {
    const error = client.fail(op, message);
    assert.deepEqual([error.code, error.argument], ['INVALID_ARGUMENT', argument]);
    assert.match(error.problem, /^not supported by this version: /);
  }
  for (const op of ['forceMembers', '__proto__', 'toString']) {
    assert.equal(client.fail(op).code, 'UNKNOWN_OPERATION', op);
  }
  client.do('begin', { tx: 't', isolation: 'REPEATABLE READ', consistency: 'EVENTUAL', onError: 'abort' });
});

test('wrong arguments are named', () => {
  const { client } = world();
  const wrong: [string, object, string][] = [
    ['get', { key: 1 }, 'table'],
    ['get', { table: TABLE }, 'key'],
    ['get', { table: TABLE, key: [1] }, 'key'],
    ['get', { table: TABLE, key: 1, columns: 'v' }, 'columns'],
    ['get', { table: TABLE, key: 1, atLeast: 'other-group:1' }, 'atLeast'],
    ['get', { table: TABLE, key: 1, atLeast: -1 }, 'atLeast'],
    ['get', { table: TABLE, key: 1, timeoutMs: 0 }, 'timeoutMs'],
    ['get', { table: TABLE, key: 1, attempts: 1.5 }, 'attempts'],
    ['get', { table: TABLE, key: 1, isolation: 'CHAOS' }, 'isolation'],
    ['getMany', { table: TABLE, keys: 1 }, 'keys'],
    ['getMany', { table: TABLE, keys: [1, [2]] }, 'keys[1]'],
    ['scan', { table: TABLE, limit: 0 }, 'limit'],
    ['scan', { table: TABLE, gt: 1, gte: 1 }, 'gt'],
    ['scan', { table: TABLE, lt: [1, 2] }, 'lt'],
    ['scan', { table: TABLE, reverse: 'yes' }, 'reverse'],
    ['scan', { table: TABLE, where: { v: { between: 1 } } }, 'where'],
    ['scan', { table: TABLE, where: { v: {} } }, 'where'],
    ['scan', { table: TABLE, where: { v: { in: 1 } } }, 'where'],
    ['scan', { table: TABLE, where: 'v = 1' }, 'where'],
    ['put', { table: TABLE, row: [1] }, 'row'],
    ['update', { table: TABLE, key: 1, set: {} }, 'set'],
    ['update', { table: TABLE, key: 1 }, 'set'],
    ['begin', {}, 'tx'],
    ['begin', { tx: 't', onError: 'ignore' }, 'onError'],
    ['begin', { tx: 't', asOf: -1 }, 'asOf'],
    ['get', { table: TABLE, key: 1, asOf: '2026-11-20 09:00' }, 'asOf'],
    ['subscribe', { stream: 'changes', from: 'yesterday' }, 'from'],
    ['begin', { tx: 't', lockTimeoutMs: -1 }, 'lockTimeoutMs'],
    ['get', { table: TABLE, key: 1, forUpdate: true }, 'forUpdate'],
    ['scan', { table: TABLE, forUpdate: true }, 'forUpdate'],
    ['cancel', {}, 'target'],
    ['conflicts', { limit: 0 }, 'limit'],
    ['conflicts', { table: 5 }, 'table'],
    ['conflictSummary', { limit: 10_001 }, 'limit'],
    ['conflictSummary', { table: [] }, 'table'],
    ['subscribe', {}, 'stream'],
    ['subscribe', { stream: 'transactions' }, 'stream'],
    ['subscribe', { stream: 'changes', from: -1 }, 'from'],
    ['subscribe', { stream: 'changes', from: '5' }, 'from'],
    ['subscribe', { stream: 'changes', table: 5 }, 'table'],
    ['subscribe', { stream: 'views', table: TABLE }, 'table'],
    ['subscribe', { stream: 'conflicts', from: 5 }, 'from'],
    ['unsubscribe', {}, 'subscription'],
  ];
  for (const [op, message, argument] of wrong) {
    const error = client.fail(op, message);
    assert.deepEqual([error.code, error.argument], ['INVALID_ARGUMENT', argument], `${op} ${JSON.stringify(message)}`);
  }
});

test('a key beyond its bytes is refused', () => {
  const { client } = world();
  client.do('createTable', { table: 'a.b', primaryKey: ['k'], columns: { k: { type: 'text' } } });
  const long = 'x'.repeat(40);
  assert.equal(client.fail('put', { table: 'a.b', row: { k: long } }).argument, 'row');
  assert.equal(client.fail('get', { table: 'a.b', key: long }).argument, 'key');
  assert.equal(client.fail('scan', { table: 'a.b', gt: long }).argument, 'gt');
});

test('a message without a readable id is answered with id null', () => {
  const { client } = world();
  for (const message of [
    null,
    5,
    'x',
    [],
    [{ id: 1, op: 'ping' }],
    {},
    { id: null, op: 'ping' },
    { id: Number.NaN, op: 'ping' },
    new Date(),
  ]) {
    const before = client.answers.length;
    client.connection.receive(message);
    assert.equal(client.answers.length, before + 1);
    const { id, ok, error } = client.answers.at(-1)!;
    assert.deepEqual([id, ok, error.code], [null, false, 'MALFORMED_MESSAGE']);
  }
});

test('ping, members, memberStats, conflicts and conflictSummary answer', () => {
  const { client } = world();
  assert.deepEqual(client.do('ping'), { time: '2026-11-20T09:00:00.000Z' });
  assert.equal(client.do('members')[0].memberId, MEMBER_ID);
  assert.deepEqual(client.do('memberStats'), []);
  assert.equal(client.do('conflicts', { limit: 5, table: 'a.b' }).length, 1);
  assert.equal(client.do('conflicts', { table: 'c.d' }).length, 0);
  assert.deepEqual(client.do('conflictSummary'), {
    since: null,
    conflicts: 0,
    hotRows: [],
    pairs: [],
    causes: [],
    distances: [],
  });
});

const OPS = [
  'begin',
  'commit',
  'rollback',
  'transact',
  'cancel',
  'ping',
  'get',
  'getMany',
  'scan',
  'count',
  'insert',
  'put',
  'update',
  'delete',
  'createTable',
  'dropTable',
  'truncateTable',
  'tables',
  'describe',
  'members',
  'memberStats',
  'conflicts',
  'conflictSummary',
  'subscribe',
  'unsubscribe',
  'increment',
  'toString',
];

const scalars = fc.oneof(
  fc.constantFrom(
    null,
    true,
    false,
    0,
    1,
    -1,
    2,
    1.5,
    Number.NaN,
    Infinity,
    2 ** 60,
    2n ** 60n,
    2n ** 70n,
    '',
    'a',
    'a.b',
    'a.free',
    't',
    'cursor-1',
    '\ud800',
    '__proto__',
    undefined,
  ),
  fc.uint8Array({ maxLength: 3 }),
);
const names = fc.constantFrom(
  'id',
  'v',
  'k',
  'x',
  '__proto__',
  'eq',
  'in',
  'gt',
  'type',
  'columns',
  '$generate',
  'matched',
  'found',
);
const anything = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    scalars,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3 }),
  ),
})).value;
const row = fc.record(
  { id: fc.oneof(fc.integer({ min: 0, max: 3 }), anything), v: anything, k: anything },
  { requiredKeys: ['id'] },
);
const mostly = (good: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 5, arbitrary: good }, { weight: 1, arbitrary: anything });
const statement = fc.record(
  {
    op: mostly(fc.constantFrom(...OPS)),
    tx: mostly(fc.constantFrom('t', 'u')),
    table: mostly(fc.constantFrom('a.b', 'a.free', 'no.such')),
    key: mostly(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.tuple(fc.nat(2), fc.nat(2)))),
    keys: anything,
    row: mostly(row),
    set: mostly(row),
    if: mostly(row),
    where: mostly(row),
    gt: anything,
    lte: anything,
    all: anything,
    limit: mostly(fc.constantFrom(1, 2)),
    cursor: mostly(fc.constantFrom('cursor-1', 'cursor-2')),
    primaryKey: mostly(fc.constantFrom(['id'], ['k', 'id'])),
    columns: anything,
    target: mostly(fc.nat(20)),
    atLeast: mostly(fc.nat(8)),
    timeoutMs: mostly(fc.constantFrom(1, 50)),
    onError: mostly(fc.constant('continue')),
    attempts: anything,
    expect: anything,
  },
  { requiredKeys: ['op'] },
);
/** Keeps only some of the arguments: with all of them, each request would be refused for the first unknown one. */
const thinned = fc
  .tuple(
    statement,
    fc.array(
      fc.constantFrom(
        'tx',
        'table',
        'key',
        'row',
        'set',
        'if',
        'where',
        'gt',
        'limit',
        'cursor',
        'all',
        'primaryKey',
        'columns',
        'target',
        'atLeast',
        'onError',
        'expect',
        'keys',
        'timeoutMs',
      ),
      { maxLength: 6 },
    ),
  )
  .map(([message, kept]) =>
    Object.fromEntries(Object.entries(message).filter(([name]) => name === 'op' || kept.includes(name as never))),
  );
const messages = fc.oneof(
  { weight: 8, arbitrary: thinned },
  { weight: 1, arbitrary: fc.array(thinned, { maxLength: 4 }).map((steps) => ({ op: 'transact', steps })) },
  { weight: 1, arbitrary: anything },
);
const events = fc.oneof(
  { weight: 8, arbitrary: messages.map((message) => ({ message })) },
  { weight: 2, arbitrary: fc.constantFrom('decide' as const, 'tick' as const) },
  { weight: 1, arbitrary: fc.constant('end-snapshots' as const) },
);

test('whatever is sent, nothing throws, every request gets exactly one answer, and nothing is left at the end', () => {
  fc.assert(
    fc.property(fc.array(events, { maxLength: 40 }), fc.boolean(), (story, shutsDown) => {
      const { client, replica, clock } = testWorld({ openTransactionsMax: 3, openCursorsMax: 2 });
      client.do('createTable', {
        table: 'a.b',
        primaryKey: ['id'],
        columns: { id: { type: 'integer' }, v: { type: 'json', nullable: true } },
      });
      client.do('createTable', { table: 'a.free', primaryKey: ['id', 'k'] });
      client.answers.length = 0;
      let sent = 0;
      for (const event of story) {
        if (event === 'decide') replica.decideNext();
        else if (event === 'tick') clock.advance(30);
        else if (event === 'end-snapshots') replica.endSnapshots();
        else {
          const { message } = event;
          const isObject = typeof message === 'object' && message !== null && !Array.isArray(message);
          client.connection.receive(isObject ? { ...message, id: sent } : message);
          sent++;
        }
      }
      if (shutsDown) client.connection.shutDown();
      for (let i = 0; i < 20; i++) {
        replica.settle();
        clock.advance(100_000);
      }
      assert.equal(client.answers.length, sent);
      const withId = client.answers.filter(({ id }) => id !== null).map(({ id }: TestAnswer) => id);
      assert.equal(new Set(withId).size, withId.length);
      for (const { ok, error } of client.answers) if (!ok) assert.ok(error.code in ERROR_CLASSES);
      client.connection.close();
      clock.advance(100);
      assert.deepEqual([replica.openSnapshots, clock.scheduled], [0, 0]);
    }),
    { numRuns: 600 },
  );
});
