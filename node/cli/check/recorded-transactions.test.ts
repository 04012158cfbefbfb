import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { recordedTransactions } from './recorded-transactions.ts';
import { get, historyOf, put, type Request, transaction } from './testing/history-file.ts';

const LOST = { code: 'UNKNOWN_OUTCOME' };
const T = 'test.t';

/** Outcome, sequence number and statements of each. */
async function read(t: TestContext, requests: readonly Request[]) {
  return recordedTransactions(await historyOf(t, requests)).map(({ outcome, sequenceNumber, statements }) => {
    return [outcome, sequenceNumber, statements.map(({ op, result }) => (result === undefined ? op : [op, result]))];
  });
}

describe('transactions of a recorded history', () => {
  test('are what shares a tx in one process, from its first statement to its commit', async (t) => {
    const row = { id: 1 };
    const requests = [
      { process: 1, op: 'begin', arguments: { tx: 'a' }, ok: {} },
      { process: 2, op: 'begin', arguments: { tx: 'a' }, ok: {} },
      { process: 1, op: 'get', arguments: { tx: 'a', table: T, key: 1 }, ok: row },
      { process: 2, op: 'put', arguments: { tx: 'a', table: T, row }, ok: {} },
      { process: 2, op: 'commit', arguments: { tx: 'a' }, ok: { gtid: 'g:7', sequenceNumber: 7 } },
      { process: 1, op: 'commit', arguments: { tx: 'a' }, ok: { gtid: null, sequenceNumber: null } },
    ];
    assert.deepEqual(await read(t, requests), [
      ['ok', null, [['get', row]]],
      ['ok', 7, [['put', {}]]],
    ]);
    const [first] = recordedTransactions(await historyOf(t, requests));
    const { invokedAt, completedAt, firstLine, lastLine, member, process } = first!;
    assert.deepEqual(
      { invokedAt, completedAt, firstLine, lastLine, member, process },
      { invokedAt: 4, completedAt: 11, firstLine: 2, lastLine: 13, member: 'member-1', process: 1 },
    );
  });

  test('may use the name of one that has ended', async (t) => {
    const one = (id: number) => transaction([put(T, { id })], { tx: 'a', commit: id });
    const found = await read(t, [...one(1), ...one(2)]);
    assert.deepEqual(
      found.map(([outcome, sequenceNumber]) => [outcome, sequenceNumber]),
      [
        ['ok', 1],
        ['ok', 2],
      ],
    );
  });

  test('are requests on their own, and all the steps of a transact', async (t) => {
    const steps = [
      { op: 'get', table: T, key: 1 },
      { op: 'put', table: T, row: { id: 1 } },
    ];
    const found = await read(t, [
      { ...get(T, 1, null) },
      { ...put(T, { id: 1 }), ok: { gtid: 'g:3', sequenceNumber: 3 } },
      { op: 'transact', arguments: { steps }, ok: { gtid: 'g:4', sequenceNumber: 4, results: [{ id: 1 }, {}] } },
      { op: 'transact', arguments: { steps }, info: LOST },
      { op: 'members', ok: [] },
    ]);
    assert.deepEqual(found, [
      ['ok', null, [['get', null]]],
      ['ok', 3, [['put', { gtid: 'g:3', sequenceNumber: 3 }]]],
      [
        'ok',
        4,
        [
          ['get', { id: 1 }],
          ['put', {}],
        ],
      ],
      ['info', null, ['get', 'put']],
    ]);
  });

  test('have failed if they were rolled back, refused, or never committed; nobody knows if no answer came', async (t) => {
    const begun = (tx: string): readonly Request[] => [
      { op: 'begin', arguments: { tx }, ok: {} },
      { op: 'put', arguments: { tx, table: T, row: { id: 1 } }, ok: {} },
    ];
    const found = await read(t, [
      ...begun('a'),
      { op: 'rollback', arguments: { tx: 'a' }, ok: {} },
      ...begun('b'),
      { op: 'commit', arguments: { tx: 'b' }, fail: { code: 'CERTIFICATION_CONFLICT' } },
      ...begun('c'),
      ...begun('d'),
      { op: 'commit', arguments: { tx: 'd' }, info: LOST },
      ...begun('e'),
      { op: 'commit', arguments: { tx: 'e' } },
    ]);
    assert.deepEqual(
      found.map(([outcome]) => outcome),
      ['fail', 'fail', 'fail', 'info', 'info'],
    );
  });

  test('that are committed, though not everywhere, have the number of their GTID', async (t) => {
    const error = { code: 'COMMITTED_NOT_EVERYWHERE', gtid: 'group:12' };
    const history = await historyOf(t, [put(T, { id: 1 })]);
    const [operation] = history.operations;
    const operations = [{ ...operation!, outcome: 'ok' as const, error, completedIndex: 1, completedUs: 5 }];
    const [found] = recordedTransactions({ ...history, operations });
    assert.deepEqual([found!.outcome, found!.sequenceNumber], ['ok', 12]);
  });

  test('are without what a statement that was refused did, and without what a savepoint took back', async (t) => {
    const within = (requests: readonly Request[]) => transaction(requests, { tx: 'a', commit: 5 });
    const refused = { op: 'insert', arguments: { table: T, row: { id: 1 } }, fail: { code: 'DUPLICATE_KEY' } };
    const found = await read(t, [
      ...within([put('test.before', { id: 1 })]).slice(0, -1),
      { ...refused, arguments: { ...refused.arguments, tx: 'a' } },
      ...within([
        { op: 'savepoint', arguments: { name: 's' } },
        put(T, { id: 2 }),
        get(T, 2, { id: 2 }),
        get('test.other', 3, { id: 3 }),
        { op: 'rollbackTo', arguments: { name: 's' } },
        put('test.after', { id: 4 }),
      ]).slice(1),
    ]);
    assert.deepEqual(found, [
      [
        'ok',
        5,
        [
          ['put', {}],
          ['get', { id: 3 }],
          ['put', {}],
        ],
      ],
    ]);
  });

  test('that repeat an earlier one by its idempotency key tell what became of that', async (t) => {
    const steps = [{ op: 'put', table: T, row: { id: 1 } }];
    const args = { steps, idempotencyKey: 'k' };
    const replayed = { gtid: 'g:9', sequenceNumber: 9, results: [{}], replayed: true };
    const lost = { op: 'transact', arguments: args, info: LOST };
    assert.deepEqual(await read(t, [lost, { op: 'transact', arguments: args, ok: replayed }]), [['ok', 9, ['put']]]);
    assert.deepEqual(await read(t, [{ op: 'transact', arguments: args, ok: replayed }]), [['ok', 9, [['put', {}]]]]);
    const asked = (ok: object) => ({ op: 'outcome', arguments: { idempotencyKey: 'k' }, ok });
    assert.deepEqual(await read(t, [lost, asked({ gtid: 'g:9', sequenceNumber: 9 })]), [['ok', 9, ['put']]]);
    assert.deepEqual(await read(t, [lost, asked({ state: 'fenced' })]), [['fail', null, ['put']]]);
    assert.deepEqual(await read(t, [lost, asked({ state: 'unknown' })]), [['info', null, ['put']]]);
    const acknowledged = { op: 'transact', arguments: args, ok: { ...replayed, replayed: false } };
    assert.deepEqual(
      await read(t, [acknowledged, { op: 'transact', arguments: args, ok: replayed }]),
      [['ok', 9, [['put', {}]]]],
      'one transaction, not two with one number',
    );
    const [told] = recordedTransactions(await historyOf(t, [lost, asked({ gtid: 'g:9', sequenceNumber: 9 })]));
    assert.equal(told!.completedAt, Number.POSITIVE_INFINITY, 'it may have ended at any time');
  });

  test('that read the past have no place in time', async (t) => {
    const past = { op: 'get', arguments: { table: T, key: 1, asOf: 3 }, ok: { id: 1 } };
    const [found] = recordedTransactions(await historyOf(t, [past]));
    assert.deepEqual([found!.invokedAt, found!.completedAt], [-1, Number.POSITIVE_INFINITY]);
  });
});
