import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ISOLATION_LEVELS } from './isolation.ts';
import { decodeKey } from './key-codec.ts';
import { type TestClient, type TestWorld, testWorld } from './testing/solo-replica.ts';

const TABLE = 'shop.item';
const integer = { type: 'integer', nullable: true };

/** Items with `a`, `b` and `code`; `by_a_b`, and `code` unique. */
function items(rows: readonly object[] = [], limits: object = {}): TestWorld {
  const world = testWorld(limits);
  world.client.do('createTable', {
    table: TABLE,
    primaryKey: ['id'],
    columns: { id: { type: 'integer' }, a: integer, b: integer, code: { type: 'text', nullable: true } },
    indexes: { by_a_b: ['a', 'b'] },
    unique: { code: ['code'] },
  });
  for (const row of rows) world.client.do('insert', { table: TABLE, row });
  world.replica.committed.length = 0;
  return world;
}

const byIndex = (selection: object = {}) => ({ table: TABLE, index: 'by_a_b', ...selection });
const idsOf = (rows: readonly { id: number }[]) => rows.map(({ id }) => id);
const scanned = (client: TestClient, selection: object) => idsOf(client.do('scan', byIndex(selection)).rows);
const kindsOf = (world: TestWorld) => {
  const { writeSet } = world.replica.committed.at(-1)!;
  return writeSet.map(({ key, kind }) => `${kind} ${decodeKey(key, null).kind}`);
};

const FOUR = [
  { id: 1, a: 1, b: 9 },
  { id: 2, a: 1, b: 3 },
  { id: 3, a: null, b: 5 },
  { id: 4, a: 2, b: null },
];

test('scan by an index gives rows in the order of its columns, null first, within bounds on the first of them', () => {
  const { client } = items(FOUR);
  assert.deepEqual(scanned(client, {}), [3, 2, 1, 4]);
  assert.deepEqual(scanned(client, { reverse: true }), [4, 1, 2, 3]);
  assert.deepEqual(scanned(client, { gte: 1, lte: 1 }), [2, 1]);
  assert.deepEqual(scanned(client, { gt: [1, 3] }), [1, 4]);
  assert.deepEqual(scanned(client, { gt: 1 }), [4]);
  assert.deepEqual(scanned(client, { gte: [null], lt: 1 }), [3]);
  assert.deepEqual(scanned(client, { gte: 1, where: { b: { lt: 5 } } }), [2, 4]);
  assert.deepEqual(scanned(client, { limit: 2, columns: ['id'] }), [3, 2]);
  assert.equal(client.do('count', byIndex({ gte: 1 })).count, 3);
  assert.deepEqual(idsOf(client.do('scan', { table: TABLE, index: 'primary' }).rows), [1, 2, 3, 4]);
  assert.deepEqual(idsOf(client.do('scan', { table: TABLE }).rows), [1, 2, 3, 4]);
});

test('an index that there is not, or bounds that are not of it, are refused', () => {
  const { client } = items();
  assert.equal(client.fail('scan', { table: TABLE, index: 'nope' }).code, 'NO_SUCH_INDEX');
  assert.equal(client.fail('count', { table: TABLE, index: 7 }).argument, 'index');
  assert.equal(client.fail('scan', byIndex({ gte: [1, 2, 3] })).argument, 'gte');
  assert.equal(client.fail('scan', byIndex({ gte: 'x' })).code, 'TYPE_MISMATCH');
  assert.equal(client.fail('delete', { table: TABLE, index: 'nope', gte: 1 }).code, 'NO_SUCH_INDEX');
});

test('a cursor goes on in the index where its page ended, in both directions', () => {
  const { client } = items(FOUR);
  for (const reverse of [false, true]) {
    const whole = scanned(client, { reverse });
    const paged: number[] = [];
    let page = client.do('scan', byIndex({ reverse, limit: 1 }));
    for (;;) {
      paged.push(...idsOf(page.rows));
      if (page.cursor === undefined) break;
      page = client.do('scan', { table: TABLE, cursor: page.cursor });
    }
    assert.deepEqual(paged, whole);
  }
});

test('update and delete take their rows from an index', () => {
  const { client } = items(FOUR);
  assert.equal(client.do('update', byIndex({ gte: 1, lte: 1, set: { a: 7 } })).matched, 2);
  assert.deepEqual(scanned(client, { gte: 7 }), [2, 1]);
  assert.equal(client.do('delete', byIndex({ gte: 7, where: { b: 9 } })).matched, 1);
  assert.deepEqual(scanned(client, {}), [3, 4, 2]);
});

test('own writes are merged into a scan by an index, in its order', () => {
  for (const isolation of ISOLATION_LEVELS) {
    const { client } = items(FOUR);
    const tx = 't';
    client.do('begin', { tx, isolation });
    client.do('update', { tx, table: TABLE, key: 1, set: { a: 0 } });
    client.do('delete', { tx, table: TABLE, key: 3 });
    client.do('insert', { tx, table: TABLE, row: { id: 5, a: 1, b: 4 } });
    client.do('insert', { tx, table: TABLE, row: { id: 6, a: 1, b: 1 } });
    client.do('delete', { tx, table: TABLE, key: 6 });
    assert.deepEqual(scanned(client, { tx }), [1, 2, 5, 4]);
    assert.deepEqual(scanned(client, { tx, reverse: true, limit: 3 }), [4, 5, 2]);
    assert.equal(client.do('count', byIndex({ tx, gte: 1, lte: 1 })).count, 2);
    client.do('commit', { tx });
    assert.deepEqual(scanned(client, {}), [1, 2, 5, 4]);
  }
});

test('only what changes of the entries is written, and nothing for what comes to nothing (H20)', () => {
  const world = items([{ id: 1, a: 1, b: 1, code: 'x' }]);
  const { client } = world;
  const tx = 't';
  const committed = (run: () => void) => {
    client.do('begin', { tx });
    run();
    const isWritten = client.do('commit', { tx }).gtid !== null;
    return isWritten ? kindsOf(world) : [];
  };
  const table = TABLE;
  const row = { id: 1, a: 1, b: 1, code: 'x' };
  assert.deepEqual(
    committed(() => client.do('update', { tx, table, key: 1, set: { b: 2 } })),
    ['check catalog-item', 'put row', 'delete entry', 'put entry'],
  );
  assert.deepEqual(
    committed(() => client.do('put', { tx, table, row: { ...row, b: 2 } })),
    ['check catalog-item', 'put row'],
  );
  assert.deepEqual(
    committed(() => {
      client.do('delete', { tx, table, key: 1 });
      client.do('insert', { tx, table, row: { ...row, b: 2 } });
    }),
    ['check catalog-item', 'put row'],
  );
  assert.deepEqual(
    committed(() => {
      client.do('insert', { tx, table, row: { id: 2, a: 5, code: 'y' } });
      client.do('delete', { tx, table, key: 2 });
    }),
    [],
  );
  assert.deepEqual(
    committed(() => client.do('delete', { tx, table, key: 1 })),
    ['check catalog-item', 'delete row', 'delete entry', 'delete entry'],
  );
});

test('a change stream tells of rows and of nothing beside them', () => {
  const { client } = items();
  client.do('subscribe', { stream: 'changes' });
  client.do('insert', { table: TABLE, row: { id: 1, a: 1, code: 'x' } });
  client.do('update', { table: TABLE, key: 1, set: { a: 2 } });
  const told = client.events.filter(({ event }) => event === 'change');
  assert.deepEqual(
    told.map(({ rows }) => rows.length),
    told.map(() => 1),
  );
});

test('DUPLICATE_KEY names the unique index and the values, for every statement that writes', () => {
  const { client } = items([{ id: 1, code: 'x' }, { id: 2 }]);
  const facts = (error: Record<string, unknown>) => [error.code, error.table, error.index, error.values];
  const expected = ['DUPLICATE_KEY', TABLE, 'code', ['x']];
  assert.deepEqual(facts(client.fail('insert', { table: TABLE, row: { id: 3, code: 'x' } })), expected);
  assert.deepEqual(facts(client.fail('put', { table: TABLE, row: { id: 2, code: 'x' } })), expected);
  assert.deepEqual(facts(client.fail('update', { table: TABLE, key: 2, set: { code: 'x' } })), expected);
  client.do('insert', { table: TABLE, row: { id: 3 } });
  assert.equal(client.fail('update', { table: TABLE, gte: 2, set: { code: 'z' } }).code, 'DUPLICATE_KEY', 'within one');
  assert.equal(client.do('put', { table: TABLE, row: { id: 1, code: 'x' } }).gtid !== null, true, 'its own value');
});

test('nulls are no duplicates, in a unique index of several columns neither', () => {
  const { client } = testWorld();
  const table = 'a.b';
  client.do('createTable', { table, primaryKey: ['id'], unique: { u: ['x', 'y'] } });
  for (const id of [1, 2]) client.do('insert', { table, row: { id, x: 1 } });
  for (const id of [3, 4]) client.do('insert', { table, row: { id, x: null, y: 5 } });
  client.do('insert', { table, row: { id: 5, x: 1, y: 5 } });
  assert.deepEqual(client.fail('insert', { table, row: { id: 6, x: 1, y: 5 } }).values, [1, 5]);
  assert.deepEqual(idsOf(client.do('scan', { table, index: 'u' }).rows), [3, 4, 1, 2, 5]);
  assert.equal(client.fail('insert', { table, row: { id: 7, x: [1] } }).code, 'TYPE_MISMATCH');
});

test('of concurrent inserts of one unique value the later is refused, told what of', () => {
  for (const isolation of ISOLATION_LEVELS) {
    const { client, connect, replica } = items();
    const other = connect();
    for (const [each, id] of [
      [client, 1],
      [other, 2],
    ] as const) {
      each.do('begin', { tx: 't', isolation });
      each.do('insert', { tx: 't', table: TABLE, row: { id, code: 'x' } });
    }
    client.do('commit', { tx: 't' });
    const error = other.fail('commit', { tx: 't' });
    assert.deepEqual(
      [error.code, error.table, error.item, error.index, error.key],
      ['CERTIFICATION_CONFLICT', TABLE, 'unique', 'code', 'x'],
    );
    assert.equal(replica.appliedUpTo > 0, true);
  }
});

test('a value that is freed in a transaction may be taken again in it, and two rows swap values by a third one', () => {
  for (const isolation of ISOLATION_LEVELS) {
    const { client } = items([
      { id: 1, code: 'x' },
      { id: 2, code: 'y' },
    ]);
    const tx = 't';
    const set = (key: number, code: string | null) => ({ tx, table: TABLE, key, set: { code } });
    client.do('begin', { tx, isolation, onError: 'continue' });
    assert.equal(client.fail('update', set(1, 'y')).code, 'DUPLICATE_KEY', 'a swap needs a third value in between');
    client.do('rollback', { tx });
    client.do('begin', { tx, isolation });
    client.do('update', set(1, null));
    client.do('update', set(2, 'x'));
    client.do('update', set(1, 'y'));
    client.do('delete', { tx, table: TABLE, key: 1 });
    client.do('insert', { tx, table: TABLE, row: { id: 3, code: 'y' } });
    client.do('commit', { tx });
    const rows = client.do('scan', { table: TABLE, index: 'code' }).rows;
    assert.deepEqual(
      rows.map(({ id, code }: { id: number; code: string }) => [code, id]),
      [
        ['x', 2],
        ['y', 3],
      ],
    );
  }
});

test('a duplicate that was answered still has to be one when the transaction commits', () => {
  const { client, connect } = items([{ id: 1, code: 'x' }]);
  const tx = 't';
  client.do('begin', { tx, onError: 'continue' });
  client.fail('insert', { tx, table: TABLE, row: { id: 2, code: 'x' } });
  client.do('insert', { tx, table: TABLE, row: { id: 3 } });
  connect().do('delete', { table: TABLE, key: 1 });
  assert.equal(client.fail('commit', { tx }).item, 'unique');
});

test('going back to a savepoint takes back entries as it does rows', () => {
  for (const isolation of ISOLATION_LEVELS) {
    const { client, replica } = items([{ id: 1, a: 1, code: 'x' }]);
    const tx = 't';
    client.do('begin', { tx, isolation });
    client.do('insert', { tx, table: TABLE, row: { id: 2, a: 2 } });
    client.do('savepoint', { tx, name: 's' });
    client.do('delete', { tx, table: TABLE, key: 1 });
    client.do('update', { tx, table: TABLE, key: 2, set: { a: 5, code: 'x' } });
    client.do('rollbackTo', { tx, name: 's' });
    assert.deepEqual(scanned(client, { tx }), [1, 2]);
    assert.equal(client.do('transactions')[0].rowsWritten, 1);
    client.do('insert', { tx, table: TABLE, row: { id: 3, code: 'y' } });
    client.do('commit', { tx });
    assert.deepEqual(scanned(client, {}), [3, 1, 2]);
    const { writeSet } = replica.committed.at(-1)!;
    assert.equal(
      writeSet.some(({ kind }) => kind === 'delete'),
      false,
    );
  }
});

test('pipelined writes of one client to one unique value are executed one after the other', () => {
  const { client, replica } = items([{ id: 1, code: 'x' }]);
  const requests = [
    client.send('delete', { table: TABLE, key: 1 }),
    client.send('insert', { table: TABLE, row: { id: 2, code: 'x' } }),
    client.send('insert', { table: TABLE, row: { id: 3, code: 'x' } }),
  ];
  replica.settle();
  const answers = requests.map((id) => client.answerTo(id));
  assert.deepEqual(
    answers.map(({ ok, error }) => (ok ? 'ok' : error.code)),
    ['ok', 'ok', 'DUPLICATE_KEY'],
  );
});

test('READ COMMITTED: an entry is certified as the first statement that touched it saw it (H6)', () => {
  const { client, connect } = items([
    { id: 1, code: 'x' },
    { id: 2, code: 'y' },
  ]);
  const tx = 't';
  client.do('begin', { tx, isolation: 'READ COMMITTED' });
  client.do('update', { tx, table: TABLE, key: 1, set: { code: 'z' } });
  connect().do('update', { table: TABLE, key: 2, set: { code: 'x2' } });
  client.do('insert', { tx, table: TABLE, row: { id: 3, code: 'y' } });
  client.do('commit', { tx });
  const rows = client.do('scan', { table: TABLE, index: 'code' }).rows;
  assert.deepEqual(idsOf(rows), [2, 3, 1], 'what was freed in between may be taken');
});

test('H11: a row that moves into, out of or within a range of an index that was read is a conflict', () => {
  const changes: [string, object][] = [
    ['update', { key: 1, set: { a: 5 } }],
    ['update', { key: 4, set: { a: 1 } }],
    ['update', { key: 2, set: { code: 'z' } }],
    ['insert', { row: { id: 9, a: 1 } }],
    ['delete', { key: 2 }],
  ];
  for (const [op, change] of changes) {
    for (const where of [{}, { where: { b: 77 } }]) {
      const { client, connect } = items(FOUR);
      const tx = 't';
      client.do('begin', { tx, isolation: 'SERIALIZABLE' });
      client.do('scan', byIndex({ tx, gte: 1, lte: 1, ...where }));
      client.do('put', { tx, table: TABLE, row: { id: 100 } });
      connect().do(op, { table: TABLE, ...change });
      assert.equal(client.fail('commit', { tx }).code, 'CERTIFICATION_CONFLICT', `${op} ${JSON.stringify(change)}`);
    }
  }
});

test('H11: what lies beyond the range of an index that was read, or behind its page, is none', () => {
  const changes: [string, object][] = [
    ['update', { key: 4, set: { a: 3 } }],
    ['update', { key: 3, set: { b: 6 } }],
    ['insert', { row: { id: 9, a: 2, code: 'q' } }],
    ['update', { key: 1, set: { b: 10 } }],
  ];
  for (const [op, change] of changes) {
    const { client, connect } = items(FOUR);
    const tx = 't';
    client.do('begin', { tx, isolation: 'SERIALIZABLE' });
    client.do('scan', byIndex({ tx, gte: 1, lte: 1, limit: 1 }));
    client.do('put', { tx, table: TABLE, row: { id: 100 } });
    connect().do(op, { table: TABLE, ...change });
    client.do('commit', { tx });
  }
});

test('forUpdate locks the rows that are found by an index', () => {
  const { client, connect } = items(FOUR);
  const tx = 't';
  client.do('begin', { tx });
  client.do('scan', byIndex({ tx, gte: 1, lte: 1, forUpdate: true }));
  connect().do('update', { table: TABLE, key: 1, set: { code: 'w' } });
  assert.equal(client.fail('put', { tx, table: TABLE, row: { id: 50 } }).code, 'TRANSACTION_ABORTED');
});

test('an entry longer than a key may be is refused', () => {
  const { client } = items([], { keyBytesMax: 40 });
  const error = client.fail('insert', { table: TABLE, row: { id: 1, code: 'x'.repeat(40) } });
  assert.deepEqual([error.code, error.argument], ['INVALID_ARGUMENT', 'index code']);
});

test('whatever statements do in whatever transactions, each index has the rows of its table, in its order', () => {
  const value = fc.option(fc.integer({ min: 0, max: 2 }), { nil: null });
  const row = fc.record({
    id: fc.integer({ min: 0, max: 4 }),
    a: value,
    b: value,
    code: fc.option(fc.constantFrom('p', 'q', 'r'), { nil: null }),
  });
  const statement = fc.oneof(
    fc.tuple(
      fc.constantFrom('insert', 'put'),
      row.map((of) => ({ row: of })),
    ),
    fc.tuple(
      fc.constant('delete'),
      row.map(({ id }) => ({ key: id })),
    ),
    fc.tuple(
      fc.constant('update'),
      row.map(({ id, ...set }) => ({ key: id, set })),
    ),
    fc.tuple(
      fc.constant('update'),
      row.map(({ a, b }) => ({ index: 'by_a_b', gte: [a], set: { b } })),
    ),
    fc.tuple(
      fc.constant('delete'),
      row.map(({ a, b }) => ({ index: 'by_a_b', gte: [a, b], lte: [a, b] })),
    ),
    fc.tuple(fc.constantFrom('savepoint', 'rollbackTo'), fc.constant({ name: 's' })),
  );
  const compare = (one: unknown, other: unknown) =>
    one === other ? 0 : one === null ? -1 : other === null ? 1 : (one as string) < (other as string) ? -1 : 1;
  const script = fc.array(fc.tuple(fc.constantFrom(...ISOLATION_LEVELS), fc.array(statement, { maxLength: 8 })), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(script, (transactions) => {
      const { client } = items([{ id: 0, a: 0, b: 0, code: 'p' }]);
      const tx = 't';
      const check = (inside: object) => {
        const rows: Record<string, unknown>[] = client.do('scan', { ...inside, table: TABLE }).rows;
        for (const [index, columns] of [
          ['by_a_b', ['a', 'b', 'id']],
          ['code', ['code', 'id']],
        ] as const) {
          const sorted = rows.toSorted((one, other) => {
            for (const column of columns) {
              const difference = compare(one[column], other[column]);
              if (difference !== 0) return difference;
            }
            return 0;
          });
          assert.deepEqual(client.do('scan', { ...inside, table: TABLE, index }).rows, sorted);
        }
        const codes = rows.map(({ code }) => code).filter((code) => code !== null);
        assert.equal(new Set(codes).size, codes.length);
      };
      for (const [isolation, statements] of transactions) {
        client.do('begin', { tx, isolation });
        client.do('savepoint', { tx, name: 's' });
        let isDoomed = false;
        for (const [op, message] of statements) {
          const isOfTransaction = op === 'savepoint' || op === 'rollbackTo';
          const answer = client.ask(op, { tx, ...(isOfTransaction ? {} : { table: TABLE }), ...message });
          if (!answer.ok) {
            assert.equal(answer.error.code, 'DUPLICATE_KEY');
            isDoomed = true;
            break;
          }
          check({ tx });
        }
        client.do(isDoomed ? 'rollback' : 'commit', { tx });
        check({});
      }
    }),
    { numRuns: 150 },
  );
});
