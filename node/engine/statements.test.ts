import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testWorld } from './testing/solo-replica.ts';

const ALL_TYPES = {
  id: { type: 'integer' },
  d: { type: 'double', nullable: true },
  e: { type: 'decimal', nullable: true },
  t: { type: 'text', nullable: true, default: 'none' },
  b: { type: 'boolean', nullable: true },
  y: { type: 'bytes', nullable: true },
  s: { type: 'timestamp', nullable: true },
  j: { type: 'json', nullable: true },
};

function accounts() {
  const world = testWorld();
  const columns = {
    id: { type: 'integer' },
    name: { type: 'text', nullable: true },
    balance: { type: 'integer', default: 0 },
  };
  world.client.do('createTable', { table: 'bank.account', primaryKey: ['id'], columns });
  return world;
}

function filled(count: number) {
  const world = accounts();
  for (let id = 1; id <= count; id++) {
    world.client.do('insert', { table: 'bank.account', row: { id, name: `n${id % 3}`, balance: id * 10 } });
  }
  return world;
}

const ids = (rows: readonly { id: number }[]) => rows.map(({ id }) => id);

test('a value of every type is given back as it was put, in its canonical form', () => {
  const { client } = testWorld();
  client.do('createTable', { table: 'a.types', primaryKey: ['id'], columns: ALL_TYPES });
  const bytes = Uint8Array.of(0, 255, 7);
  const row = {
    id: 2n ** 62n,
    d: -0,
    e: '-0012.500',
    t: 'grüße \u{1f600}',
    b: true,
    y: bytes,
    s: '2026-11-20T09:00:00Z',
    j: { a: [1, null, { b: 'x' }] },
  };
  client.do('put', { table: 'a.types', row });
  const { y, ...rest } = client.do('get', { table: 'a.types', key: 2n ** 62n });
  assert.deepEqual(Uint8Array.from(y), bytes);
  assert.deepEqual(rest, {
    id: 2n ** 62n,
    d: 0,
    e: '-12.5',
    t: 'grüße \u{1f600}',
    b: true,
    s: '2026-11-20T09:00:00.000Z',
    j: row.j,
  });
});

test('an integer beyond 2^53 may come as a string, since JSON has no other way', () => {
  const { client } = accounts();
  client.do('put', { table: 'bank.account', row: { id: '9223372036854775807', balance: 1 } });
  assert.equal(client.do('get', { table: 'bank.account', key: '9223372036854775807' }).id, 2n ** 63n - 1n);
  assert.equal(client.fail('put', { table: 'bank.account', row: { id: '5' } }).code, 'TYPE_MISMATCH');
});

test('a value of another type is refused, never coerced', () => {
  const { client } = testWorld();
  client.do('createTable', { table: 'a.types', primaryKey: ['id'], columns: ALL_TYPES });
  const wrong: [string, unknown][] = [
    ['id', 1.5],
    ['id', '1'],
    ['id', 2 ** 53],
    ['id', 2n ** 63n],
    ['d', Number.NaN],
    ['d', Infinity],
    ['d', '1'],
    ['e', 1],
    ['e', '1e5'],
    ['e', ''],
    ['t', 5],
    ['t', '\ud800'],
    ['b', 1],
    ['y', 'AAA='],
    ['s', '2026-02-30T00:00:00Z'],
    ['s', 0],
    ['j', 5n],
    ['j', JSON.parse('{"__proto__":1}')],
  ];
  for (const [column, value] of wrong) {
    const error = client.fail('put', { table: 'a.types', row: { id: 1, [column]: value } });
    assert.equal(error.code, 'TYPE_MISMATCH', `${column} ${String(value)}`);
    assert.deepEqual([error.table, error.column], ['a.types', column]);
    assert.equal(typeof error.got, 'string');
  }
});

test('absent columns get their defaults, generated ones are evaluated at the origin and told', () => {
  const { client } = testWorld();
  const columns = {
    id: { type: 'text', default: { $generate: 'uuid' } },
    at: { type: 'timestamp', default: { $generate: 'now' } },
    n: { type: 'integer', default: 7 },
    x: { type: 'text', nullable: true },
  };
  client.do('createTable', { table: 'a.b', primaryKey: ['id'], columns });
  const { generated } = client.do('insert', { table: 'a.b', row: {} });
  assert.match(generated.id, /^[0-9a-f-]{36}$/);
  const row = client.do('get', { table: 'a.b', key: generated.id });
  assert.deepEqual(row, { id: generated.id, at: '2026-11-20T09:00:00.000Z', n: 7, x: null });
});

test('a free-form table takes any columns beside its key, whatever their names', () => {
  const { client } = testWorld();
  client.do('createTable', { table: 'a.free', primaryKey: ['k'] });
  const row = JSON.parse('{"k":"a","__proto__":{"x":1},"constructor":null,"1":true,"deep":{"a":[{}]}}');
  client.do('insert', { table: 'a.free', row });
  const got = client.do('get', { table: 'a.free', key: 'a' });
  assert.deepEqual(JSON.parse(JSON.stringify(got)), row);
  assert.equal(Object.getPrototypeOf(got), Object.prototype);
  assert.equal(client.do('count', { table: 'a.free', where: { constructor: null, missing: null } }).count, 1);
  client.do('update', { table: 'a.free', key: 'a', set: { deep: 5, more: 'x' } });
  assert.deepEqual(client.do('get', { table: 'a.free', key: 'a', columns: ['deep', 'more', 'absent'] }), {
    deep: 5,
    more: 'x',
  });
});

test('a declared column may be named __proto__', () => {
  const { client } = testWorld();
  const columns = JSON.parse('{"id":{"type":"integer"},"__proto__":{"type":"text"}}');
  client.do('createTable', { table: 'a.b', primaryKey: ['id'], columns });
  client.do('put', { table: 'a.b', row: JSON.parse('{"id":1,"__proto__":"x"}') });
  assert.equal(JSON.stringify(client.do('get', { table: 'a.b', key: 1 })), '{"id":1,"__proto__":"x"}');
});

test('a composite key is an array in key order', () => {
  const { client } = testWorld();
  client.do('createTable', {
    table: 'a.b',
    primaryKey: ['x', 'y'],
    columns: { y: { type: 'text' }, x: { type: 'integer' } },
  });
  for (const [x, y] of [
    [1, 'a'],
    [1, 'b'],
    [2, 'a'],
    [10, 'a'],
  ] as const)
    client.do('put', { table: 'a.b', row: { x, y } });
  assert.deepEqual(client.do('get', { table: 'a.b', key: [1, 'b'] }), { y: 'b', x: 1 });
  const keys = (bounds: object) =>
    client.do('scan', { table: 'a.b', ...bounds }).rows.map((row: { x: number; y: string }) => row.x + row.y);
  assert.deepEqual(keys({}), ['1a', '1b', '2a', '10a']);
  assert.deepEqual(keys({ gt: [1] }), ['2a', '10a']);
  assert.deepEqual(keys({ gt: 1 }), ['2a', '10a']);
  assert.deepEqual(keys({ gte: [1, 'b'], lte: [2] }), ['1b', '2a']);
  assert.deepEqual(keys({ lt: [2] }), ['1a', '1b']);
  assert.equal(client.fail('get', { table: 'a.b', key: 1 }).argument, 'key');
  assert.equal(client.fail('get', { table: 'a.b', key: [1] }).argument, 'key');
});

test('scan filters, projects, limits and goes backwards', () => {
  const { client } = filled(9);
  const scan = (message: object) => client.do('scan', { table: 'bank.account', ...message }).rows;
  assert.deepEqual(ids(scan({ gt: 2, lte: 5 })), [3, 4, 5]);
  assert.deepEqual(ids(scan({ gte: 8, reverse: true })), [9, 8]);
  assert.deepEqual(ids(scan({ where: { name: 'n1' } })), [1, 4, 7]);
  assert.deepEqual(ids(scan({ where: { balance: { gte: 30, lt: 60 }, name: { ne: 'n0' } } })), [4, 5]);
  assert.deepEqual(ids(scan({ where: { id: { in: [9, 1, 77] } } })), [1, 9]);
  assert.deepEqual(scan({ lte: 1, columns: ['balance'] }), [{ balance: 10 }]);
  assert.deepEqual(scan({ gt: 5, lt: 3 }), []);
  assert.equal(client.do('count', { table: 'bank.account' }).count, 9);
  assert.equal(client.do('count', { table: 'bank.account', gt: 3, where: { name: 'n0' } }).count, 2);
});

test('a cursor goes on where the limit cut, at the snapshot of its first scan', () => {
  for (const reverse of [false, true]) {
    const { client, replica } = filled(7);
    const first = client.do('scan', { table: 'bank.account', limit: 3, reverse });
    client.do('delete', { table: 'bank.account', all: true });
    const second = client.do('scan', { table: 'bank.account', cursor: first.cursor });
    const third = client.do('scan', { table: 'bank.account', cursor: second.cursor, limit: 9 });
    assert.equal(third.cursor, undefined);
    const seen = ids([...first.rows, ...second.rows, ...third.rows]);
    assert.deepEqual(seen, reverse ? [7, 6, 5, 4, 3, 2, 1] : [1, 2, 3, 4, 5, 6, 7]);
    assert.equal(replica.openSnapshots, 0);
    assert.equal(client.fail('scan', { table: 'bank.account', cursor: first.cursor }).code, 'SNAPSHOT_TOO_OLD');
  }
});

test('a cursor is gone when its snapshot ended, when it was unused too long, and when too many are open', () => {
  const { client, replica, clock } = filled(5);
  const open = () => client.do('scan', { table: 'bank.account', limit: 1 }).cursor;
  const tooOld = (cursor: string) => {
    const error = client.fail('scan', { table: 'bank.account', cursor });
    assert.deepEqual([error.code, error.retry], ['SNAPSHOT_TOO_OLD', 'transaction']);
  };
  const ended = open();
  replica.endSnapshots();
  tooOld(ended);
  const unused = open();
  clock.advance(300_100);
  tooOld(unused);
  const oldest = open();
  for (let i = 0; i < 64; i++) open();
  tooOld(oldest);
  assert.equal(replica.openSnapshots, 64);
  client.connection.close();
  assert.equal(replica.openSnapshots, 0);
});

test('a cursor that no scan answered is an invalid argument', () => {
  const { client } = filled(3);
  assert.equal(client.fail('scan', { table: 'bank.account', cursor: 'cursor-1' }).code, 'INVALID_ARGUMENT');
  const { cursor } = client.do('scan', { table: 'bank.account', limit: 1 });
  assert.equal(client.fail('scan', { table: 'bank.account', cursor, where: {} }).argument, 'where');
  client.do('begin', { tx: 't' });
  assert.equal(client.fail('scan', { table: 'bank.account', cursor, tx: 't' }).argument, 'cursor');
});

test('getMany gives rows and nulls in the order of the keys', () => {
  const { client } = filled(3);
  const rows = client.do('getMany', { table: 'bank.account', keys: [3, 9, 1], columns: ['id'] });
  assert.deepEqual(rows, [{ id: 3 }, null, { id: 1 }]);
});

test('update and delete say how many rows they matched, by key, by range and where, and all', () => {
  const { client } = filled(9);
  const table = 'bank.account';
  assert.equal(client.do('update', { table, key: 1, set: { balance: 5 } }).matched, 1);
  assert.equal(client.do('update', { table, key: 99, set: { balance: 5 } }).matched, 0);
  assert.equal(client.do('update', { table, key: 1, if: { balance: 6 }, set: { balance: 7 } }).matched, 0);
  assert.equal(client.do('update', { table, key: 1, if: { balance: 5, name: 'n1' }, set: { balance: 7 } }).matched, 1);
  assert.equal(client.do('update', { table, gt: 3, where: { name: 'n0' }, set: { name: null } }).matched, 2);
  assert.equal(client.do('delete', { table, key: 1, if: { balance: 0 } }).matched, 0);
  assert.equal(client.do('delete', { table, where: { name: null } }).matched, 2);
  assert.deepEqual(ids(client.do('scan', { table }).rows), [1, 2, 3, 4, 5, 7, 8]);
  assert.equal(client.do('delete', { table, all: true }).matched, 7);
  for (const bad of [
    {},
    { key: 1, all: true },
    { key: 1, gt: 0 },
    { if: { id: 1 }, gt: 0 },
    { all: true, gt: 0 },
    { all: 1 },
  ]) {
    assert.equal(client.fail('delete', { table, ...bad }).code, 'INVALID_ARGUMENT', JSON.stringify(bad));
  }
});

test('put inserts or replaces the whole row', () => {
  const { client } = filled(1);
  client.do('put', { table: 'bank.account', row: { id: 1 } });
  assert.deepEqual(client.do('get', { table: 'bank.account', key: 1 }), { id: 1, name: null, balance: 0 });
});

test('tables are described as they were created, and truncation and drop take their rows', () => {
  const { client } = filled(3);
  const described = client.do('describe', { table: 'bank.account' });
  assert.deepEqual(described.primaryKey, ['id']);
  assert.deepEqual(described.columns.balance, { type: 'integer', nullable: false, default: 0 });
  client.do('createTable', { table: 'a.free', primaryKey: ['x', 'y'] });
  assert.deepEqual(
    client.do('tables').map(({ table }: { table: string }) => table),
    ['a.free', 'bank.account'],
  );
  client.do('truncateTable', { table: 'bank.account' });
  assert.equal(client.do('count', { table: 'bank.account' }).count, 0);
  const { sequenceNumber } = client.do('dropTable', { table: 'bank.account' });
  assert.equal(client.fail('count', { table: 'bank.account' }).code, 'NO_SUCH_TABLE');
  assert.equal(client.do('dropTable', { table: 'bank.account', ifExists: true }).sequenceNumber, sequenceNumber);
  assert.equal(
    client.do('createTable', { table: 'a.free', primaryKey: ['z'], ifNotExists: true }).sequenceNumber,
    sequenceNumber,
  );
});

test('a table that cannot be is refused, naming what is wrong', () => {
  const { client } = testWorld();
  const columns = { id: { type: 'integer' } };
  const wrong: [object, string][] = [
    [{ table: 'nodot' }, 'table'],
    [{ table: 'a.b c' }, 'table'],
    [{ table: 5 }, 'table'],
    [{ primaryKey: [] }, 'primaryKey'],
    [{ primaryKey: ['id', 'id'] }, 'primaryKey'],
    [{ primaryKey: ['other'] }, 'primaryKey'],
    [{ primaryKey: 'id' }, 'primaryKey'],
    [{ columns: { id: { type: 'int' } } }, 'columns.id.type'],
    [{ columns: { id: { type: 'json' } } }, 'columns.id.type'],
    [{ columns: { id: { type: 'integer', nullable: true } } }, 'columns.id.nullable'],
    [{ columns: { id: { type: 'integer', unsigned: true } } }, 'columns.id.unsigned'],
    [{ columns: { id: { type: 'integer', default: 'x' } } }, 'columns.id.default'],
    [{ columns: { id: { type: 'text', default: { $generate: 'sequence' } } } }, 'columns.id.default'],
    [{ columns: { id: { type: 'integer', default: { $generate: 'uuid' } } } }, 'columns.id.default'],
    [{ unique: ['id'] }, 'unique'],
    [{ unique: { u: [] } }, 'unique.u'],
    [{ indexes: { i: ['id', 'id'] } }, 'indexes.i'],
    [{ indexes: { i: ['other'] } }, 'indexes.i'],
    [{ indexes: { primary: ['id'] } }, 'indexes'],
    [{ indexes: { '': ['id'] } }, 'indexes'],
    [{ foreignKeys: { f: ['id'] } }, 'foreignKeys.f'],
    [{ foreignKeys: { f: { columns: ['id'] } } }, 'foreignKeys.f.references'],
    [{ foreignKeys: { f: { columns: ['id'], references: { table: 'a.b' } } } }, 'foreignKeys.f.references.columns'],
    [{ foreignKeys: { f: { columns: ['id'], references: { table: 'a.b', columns: ['x', 'y'] } } } }, 'foreignKeys.f'],
    [
      { foreignKeys: { f: { columns: ['x'], references: { table: 'a.b', columns: ['id'] } } } },
      'foreignKeys.f.columns',
    ],
    [
      { foreignKeys: { f: { columns: ['id'], references: { table: 'a.b', columns: ['id'] }, onDelete: 'never' } } },
      'foreignKeys.f.onDelete',
    ],
    [{ engine: 'x' }, 'engine'],
    [{ tx: 't' }, 'tx'],
  ];
  for (const [change, argument] of wrong) {
    const error = client.fail('createTable', { table: 'a.b', primaryKey: ['id'], columns, ...change });
    assert.deepEqual([error.code, error.argument], ['INVALID_ARGUMENT', argument], JSON.stringify(change));
  }
});

test('count counts what scan would give, and no further than limit', () => {
  const { client } = filled(10);
  const count = (message: object) => client.do('count', { table: 'bank.account', ...message }).count;
  assert.equal(count({}), 10);
  assert.equal(count({ gt: [3], where: { name: 'n1' } }), 3);
  assert.equal(count({ limit: 4 }), 4);
  assert.equal(count({ limit: 100 }), 10);
  assert.equal(client.fail('count', { table: 'bank.account', limit: 0 }).code, 'INVALID_ARGUMENT');
});
