import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeKey } from './key-codec.ts';
import { accounts, TABLE } from './testing/accounts.ts';
import { testWorld } from './testing/solo-replica.ts';

test('rollbackTo undoes what was written since, and the savepoint stays', () => {
  const { client } = accounts([1, 2]);
  client.do('begin', { tx: 't' });
  client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
  assert.deepEqual(client.do('savepoint', { tx: 't', name: 's' }), {});
  for (const v of [2, 3]) {
    client.do('update', { tx: 't', table: TABLE, key: 1, set: { v } });
    client.do('delete', { tx: 't', table: TABLE, key: 2 });
    client.do('put', { tx: 't', table: TABLE, row: { id: 3 } });
    assert.deepEqual(client.do('rollbackTo', { tx: 't', name: 's' }), {});
    assert.deepEqual(client.do('scan', { tx: 't', table: TABLE }).rows, [
      { id: 1, v: 1 },
      { id: 2, v: 0 },
    ]);
  }
  client.do('commit', { tx: 't' });
  assert.deepEqual(client.do('getMany', { table: TABLE, keys: [1, 2, 3] }), [{ id: 1, v: 1 }, { id: 2, v: 0 }, null]);
});

test('rollbackTo forgets later savepoints, and a name given again moves', () => {
  const { client } = accounts([1]);
  client.do('begin', { tx: 't', onError: 'continue' });
  const set = (v: number) => client.do('update', { tx: 't', table: TABLE, key: 1, set: { v } });
  const seen = () => client.do('get', { tx: 't', table: TABLE, key: 1 }).v;
  client.do('savepoint', { tx: 't', name: 'a' });
  set(1);
  client.do('savepoint', { tx: 't', name: 'b' });
  set(2);
  client.do('savepoint', { tx: 't', name: 'a' });
  set(3);
  client.do('rollbackTo', { tx: 't', name: 'a' });
  assert.equal(seen(), 2);
  client.do('rollbackTo', { tx: 't', name: 'b' });
  assert.equal(seen(), 1);
  assert.equal(client.fail('rollbackTo', { tx: 't', name: 'a' }).problem, 'the transaction has no savepoint "a"');
  client.do('rollbackTo', { tx: 't', name: 'b' });
  client.do('commit', { tx: 't' });
});

test('what undone statements observed still has to hold: an absence, a failed condition, a duplicate', () => {
  const other = [
    { row: { id: 3 }, statement: ['insert', { row: { id: 3 } }] },
    { row: { id: 1, v: 7 }, statement: ['update', { key: 1, set: { v: 1 }, if: { v: 9 } }] },
    { row: { id: 2, v: 7 }, statement: ['insert', { row: { id: 2 } }] },
  ] as const;
  for (const { row, statement } of other) {
    const { client, connect } = accounts([1, 2]);
    client.do('begin', { tx: 't', onError: 'continue' });
    client.do('savepoint', { tx: 't', name: 's' });
    client.ask(statement[0], { tx: 't', table: TABLE, ...statement[1] });
    client.do('rollbackTo', { tx: 't', name: 's' });
    client.do('put', { tx: 't', table: TABLE, row: { id: 9 } });
    connect().do('put', { table: TABLE, row });
    const { code, key } = client.fail('commit', { tx: 't' });
    assert.deepEqual([code, key], ['CERTIFICATION_CONFLICT', row.id]);
  }
});

test('what a write would have conflicted with is none of its concern once the write is undone', () => {
  const { client, connect } = accounts([1]);
  client.do('begin', { tx: 't' });
  client.do('put', { tx: 't', table: TABLE, row: { id: 5 } });
  client.do('savepoint', { tx: 't', name: 's' });
  client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
  client.do('rollbackTo', { tx: 't', name: 's' });
  connect().do('update', { table: TABLE, key: 1, set: { v: 2 } });
  client.do('commit', { tx: 't' });
});

test('at READ COMMITTED a row whose write is undone is touched for the first time by what comes after', () => {
  const { client, connect } = accounts([1]);
  client.do('begin', { tx: 't', isolation: 'READ COMMITTED' });
  client.do('savepoint', { tx: 't', name: 's' });
  client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 1 } });
  client.do('rollbackTo', { tx: 't', name: 's' });
  connect().do('update', { table: TABLE, key: 1, set: { v: 2 } });
  assert.equal(client.do('get', { tx: 't', table: TABLE, key: 1 }).v, 2);
  client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 3 } });
  client.do('commit', { tx: 't' });
});

test('a transaction of which everything is undone writes nothing', () => {
  const { client, replica } = accounts([1]);
  client.do('begin', { tx: 't' });
  client.do('savepoint', { tx: 't', name: 's' });
  client.do('delete', { tx: 't', table: TABLE, key: 1 });
  client.do('rollbackTo', { tx: 't', name: 's' });
  assert.equal(client.do('commit', { tx: 't' }).gtid, null);
  assert.equal(replica.committed.length, 0);
});

test('an unknown savepoint dooms the transaction, as any statement that fails', () => {
  const { client } = accounts([1]);
  client.do('begin', { tx: 't' });
  client.do('put', { tx: 't', table: TABLE, row: { id: 2 } });
  const cause = client.fail('rollbackTo', { tx: 't', name: 'unknown' });
  assert.deepEqual([cause.code, cause.argument], ['INVALID_ARGUMENT', 'name']);
  assert.deepEqual(client.fail('commit', { tx: 't' }).cause, cause);
  assert.equal(client.fail('savepoint', { tx: 'none', name: 's' }).code, 'NO_SUCH_TRANSACTION');
  assert.equal(client.fail('savepoint', { name: 's' }).argument, 'tx');
});

test('savepoints are bounded in number, and names in length', () => {
  const { client } = testWorld({ savepointsMax: 2 });
  client.do('begin', { tx: 't', onError: 'continue' });
  for (const name of ['a', 'b', 'a']) client.do('savepoint', { tx: 't', name });
  assert.equal(client.fail('savepoint', { tx: 't', name: 'c' }).argument, 'name');
  for (const name of ['', 'x'.repeat(257), 5]) {
    assert.equal(client.fail('savepoint', { tx: 't', name }).argument, 'name');
  }
  client.do('rollbackTo', { tx: 't', name: 'b' });
  client.do('savepoint', { tx: 't', name: 'c' });
});

test('what savepoints keep is counted with what is written, and given back', () => {
  const { client } = testWorld({ transactionBytesMax: 2000 });
  client.do('createTable', { table: 'a.b', primaryKey: ['k'] });
  client.do('begin', { tx: 't', onError: 'continue' });
  const put = (text: string) => ({ tx: 't', table: 'a.b', row: { k: 1, text } });
  const long = 'x'.repeat(500);
  for (const name of ['a', 'b', 'c']) {
    client.do('put', put(long));
    client.do('savepoint', { tx: 't', name });
  }
  // The same row once for each savepoint: a third copy beside what is written is too much.
  assert.equal(client.fail('put', put(long.repeat(2))).code, 'TRANSACTION_TOO_LARGE');
  client.do('rollbackTo', { tx: 't', name: 'a' });
  for (let times = 0; times < 20; times++) {
    client.do('put', put(long.repeat(2)));
    client.do('rollbackTo', { tx: 't', name: 'a' });
  }
  client.do('rollback', { tx: 't' });
});

interface Step {
  readonly op: 'put' | 'delete' | 'insert' | 'savepoint' | 'rollbackTo';
  readonly id: number;
  readonly v: number;
}

/**
 * The write set by its definition: savepoints are copies of everything, and observations are never taken back. What was seen
 * of an own write says nothing of the snapshot, unless that write can be undone.
 */
function modelOf(existing: readonly number[], steps: readonly Step[]) {
  let rows = new Map<number, number | null>();
  const observed = new Set<number>();
  let savepoints: { name: number; rows: Map<number, number | null> }[] = [];
  const observe = (id: number): void => {
    if (!rows.has(id) || steps.slice(0, at).some(({ op }) => op === 'savepoint')) observed.add(id);
  };
  let at = -1;
  const isThere = (id: number): boolean => (rows.has(id) ? rows.get(id) !== null : existing.includes(id));
  for (const { op, id, v } of steps) {
    at++;
    if (op === 'savepoint') {
      savepoints = [...savepoints.filter(({ name }) => name !== id % 3), { name: id % 3, rows: new Map(rows) }];
    } else if (op === 'rollbackTo') {
      const place = savepoints.findIndex(({ name }) => name === id % 3);
      if (place < 0) continue;
      savepoints = savepoints.slice(0, place + 1);
      rows = new Map(savepoints[place]!.rows);
    } else if (op === 'put') rows.set(id, v);
    else if (op === 'delete') {
      if (isThere(id)) rows.set(id, null);
      else observe(id);
    } else {
      observe(id);
      if (!isThere(id)) rows.set(id, v);
    }
  }
  const items = new Map<number, string>();
  for (const id of observed) items.set(id, 'check');
  for (const [id, v] of rows) {
    if (v !== null) items.set(id, `put ${v}`);
    else if (existing.includes(id)) items.set(id, 'delete');
  }
  return { items, seen: (id: number) => (rows.has(id) ? rows.get(id) : existing.includes(id) ? 0 : null) ?? null };
}

test('random writes, savepoints and rollbacks end in the write set of what survives, and of all that was observed', () => {
  const step = fc.record({
    op: fc.constantFrom(
      'put' as const,
      'put' as const,
      'delete' as const,
      'insert' as const,
      'savepoint' as const,
      'rollbackTo' as const,
    ),
    id: fc.integer({ min: 0, max: 5 }),
    v: fc.integer({ min: 1, max: 99 }),
  });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 5 })),
      fc.array(step, { maxLength: 40 }),
      fc.constantFrom('REPEATABLE READ', 'READ COMMITTED'),
      (existing, steps, isolation) => {
        const { client, replica } = accounts(existing);
        client.do('begin', { tx: 't', onError: 'continue', isolation });
        for (const { op, id, v } of steps) {
          if (op === 'put' || op === 'insert') client.ask(op, { tx: 't', table: TABLE, row: { id, v } });
          else if (op === 'delete') client.do(op, { tx: 't', table: TABLE, key: id });
          else client.ask(op, { tx: 't', name: `s${id % 3}` });
        }
        const model = modelOf(existing, steps);
        for (const id of [0, 1, 2, 3, 4, 5]) {
          assert.equal(client.do('get', { tx: 't', table: TABLE, key: id })?.v ?? null, model.seen(id));
        }
        const written = client.do('commit', { tx: 't' }).gtid !== null;
        const isWriting = [...model.items.values()].some((item) => item !== 'check');
        assert.equal(written, isWriting);
        if (!written) return;
        const items = new Map<number, string>();
        for (const { key, kind } of replica.committed[0]!.writeSet) {
          const decoded = decodeKey(key, ['integer']);
          if (decoded.kind !== 'row') continue;
          const id = Number(decoded.values[0]);
          items.set(id, kind === 'put' ? `put ${client.do('get', { table: TABLE, key: id }).v}` : kind);
        }
        // A write covers what was observed of its row, and so does one that ends as nothing.
        for (const [id, item] of model.items) {
          assert.equal(items.get(id), item, `row ${id}`);
        }
        for (const id of items.keys()) assert.ok(model.items.has(id), `row ${id}`);
      },
    ),
    { numRuns: 1000 },
  );
});
