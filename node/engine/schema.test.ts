/** Conversations about tables as they are altered. What is built is ended here by hand: who builds, `builds/` tests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Build, BuildFailure } from './table-definition.ts';
import { type TestClient, testWorld } from './testing/solo-replica.ts';

const COLUMNS = {
  id: { type: 'integer' },
  name: { type: 'text' },
  note: { type: 'text', nullable: true },
};

function people(): ReturnType<typeof testWorld> {
  const world = testWorld();
  world.client.do('createTable', { table: 'a.people', primaryKey: ['id'], columns: COLUMNS });
  world.client.do('put', { table: 'a.people', row: { id: 1, name: 'Ada', note: 'first' } });
  return world;
}

function endBuild({ replica }: ReturnType<typeof testWorld>, build: Build, failure: BuildFailure | null = null): void {
  replica.changeSchema({ kind: 'end-build', build, failure }, 0, () => {});
  replica.settle();
}

function get(client: TestClient, key: number): unknown {
  return client.do('get', { table: 'a.people', key });
}

test('rows from before a column was added have its default, or null', () => {
  const { client } = people();
  client.do('alterTable', {
    table: 'a.people',
    addColumns: { age: { type: 'integer', default: 18 }, town: { type: 'text', nullable: true } },
  });
  assert.deepEqual(get(client, 1), { id: 1, name: 'Ada', note: 'first', age: 18, town: null });
  client.do('put', { table: 'a.people', row: { id: 2, name: 'Bob', age: 30, town: 'Rome' } });
  assert.deepEqual(get(client, 2), { id: 2, name: 'Bob', note: null, age: 30, town: 'Rome' });
  client.do('update', { table: 'a.people', key: 1, set: { town: 'Bonn' } });
  assert.deepEqual(get(client, 1), { id: 1, name: 'Ada', note: 'first', age: 18, town: 'Bonn' });
});

test('a dropped column is gone from all rows, and one added under its name begins anew', () => {
  const { client } = people();
  client.do('alterTable', { table: 'a.people', dropColumns: ['name'] });
  assert.deepEqual(get(client, 1), { id: 1, note: 'first' });
  assert.equal(client.fail('update', { table: 'a.people', key: 1, set: { name: 'x' } }).code, 'NO_SUCH_COLUMN');
  client.do('put', { table: 'a.people', row: { id: 2, note: 'second' } });
  client.do('alterTable', { table: 'a.people', addColumns: { name: { type: 'integer', default: 7 } } });
  assert.deepEqual(get(client, 1), { id: 1, note: 'first', name: 7 });
  assert.deepEqual(get(client, 2), { id: 2, note: 'second', name: 7 });
  client.do('alterTable', {
    table: 'a.people',
    dropColumns: ['note'],
    addColumns: { note: { type: 'boolean', nullable: true } },
  });
  assert.deepEqual(get(client, 1), { id: 1, name: 7, note: null });
  client.do('put', { table: 'a.people', row: { id: 3, name: 8, note: true } });
  assert.deepEqual(client.do('scan', { table: 'a.people' }).rows, [
    { id: 1, name: 7, note: null },
    { id: 2, name: 7, note: null },
    { id: 3, name: 8, note: true },
  ]);
});

test('a snapshot from before an alteration reads the table as it was', () => {
  const world = people();
  const { client } = world;
  client.do('begin', { tx: 'old' });
  assert.deepEqual(client.do('get', { tx: 'old', table: 'a.people', key: 1 }), { id: 1, name: 'Ada', note: 'first' });
  client.do('alterTable', {
    table: 'a.people',
    dropColumns: ['note'],
    addColumns: { age: { type: 'integer', default: 1 } },
  });
  assert.deepEqual(client.do('get', { tx: 'old', table: 'a.people', key: 1 }), { id: 1, name: 'Ada', note: 'first' });
  assert.equal(client.do('commit', { tx: 'old' }).gtid, null);
});

test('whoever has used a table before it was altered is told at the commit, and nobody else', () => {
  const { client } = people();
  client.do('createTable', { table: 'a.other', primaryKey: ['k'] });
  for (const tx of ['old', 'reader', 'elsewhere']) client.do('begin', { tx });
  client.do('put', { tx: 'old', table: 'a.people', row: { id: 2, name: 'Bob' } });
  client.do('get', { tx: 'reader', table: 'a.people', key: 1 });
  client.do('put', { tx: 'reader', table: 'a.other', row: { k: 1 } });
  client.do('put', { tx: 'elsewhere', table: 'a.other', row: { k: 2 } });
  client.do('alterTable', { table: 'a.people', addColumns: { age: { type: 'integer', default: 1 } } });
  for (const tx of ['old', 'reader']) {
    const error = client.fail('commit', { tx });
    assert.deepEqual([error.code, error.table, error.retry], ['SCHEMA_CHANGED', 'a.people', 'transaction']);
  }
  client.do('commit', { tx: 'elsewhere' });
});

test('at READ COMMITTED a statement reads an altered table as it is then, and what was written before is refused', () => {
  const { client } = people();
  client.do('begin', { tx: 'reads', isolation: 'READ COMMITTED' });
  client.do('begin', { tx: 'writes', isolation: 'READ COMMITTED' });
  client.do('get', { tx: 'reads', table: 'a.people', key: 1 });
  client.do('put', { tx: 'writes', table: 'a.people', row: { id: 2, name: 'Bob' } });
  client.do('alterTable', { table: 'a.people', addColumns: { age: { type: 'integer', default: 1 } } });
  assert.equal(client.do('get', { tx: 'reads', table: 'a.people', key: 1 }).age, 1);
  client.do('update', { tx: 'reads', table: 'a.people', key: 1, set: { age: 2 } });
  client.do('commit', { tx: 'reads' });
  assert.equal(client.fail('get', { tx: 'writes', table: 'a.people', key: 2 }).code, 'SCHEMA_CHANGED');
  const { code, cause } = client.fail('commit', { tx: 'writes' });
  assert.deepEqual([code, cause.code], ['TRANSACTION_ABORTED', 'SCHEMA_CHANGED']);
});

test('who has locked a row of a table learns at once that the table was altered', () => {
  const { client } = people();
  client.do('begin', { tx: 'holder' });
  client.do('get', { tx: 'holder', table: 'a.people', key: 1, forUpdate: true });
  client.do('alterTable', { table: 'a.people', addColumns: { age: { type: 'integer', default: 1 } } });
  const error = client.fail('get', { tx: 'holder', table: 'a.people', key: 1 });
  assert.deepEqual([error.code, error.cause.code], ['TRANSACTION_ABORTED', 'SCHEMA_CHANGED']);
  client.do('rollback', { tx: 'holder' });
});

test('columns that something is made of, that there are already, or that would have no value are refused', () => {
  const { client } = people();
  client.do('createTable', { table: 'a.free', primaryKey: ['k'] });
  client.do('createTable', {
    table: 'a.child',
    primaryKey: ['id'],
    columns: { id: { type: 'integer' }, parent: { type: 'integer' }, x: { type: 'integer' } },
    indexes: { byX: ['x'] },
    foreignKeys: { fk: { columns: ['parent'], references: { table: 'a.people', columns: ['id'] } } },
  });
  const wrong: [string, object, string, string | undefined][] = [
    ['a.people', {}, 'INVALID_ARGUMENT', 'table'],
    ['a.people', { addColumns: { name: { type: 'text', nullable: true } } }, 'INVALID_ARGUMENT', 'addColumns'],
    ['a.people', { addColumns: { x: { type: 'text' } } }, 'INVALID_ARGUMENT', 'addColumns.x'],
    [
      'a.people',
      { addColumns: { x: { type: 'text', default: { $generate: 'uuid' } } } },
      'INVALID_ARGUMENT',
      'addColumns.x',
    ],
    ['a.people', { dropColumns: ['id'] }, 'INVALID_ARGUMENT', 'dropColumns'],
    ['a.people', { dropColumns: ['x', 'x'] }, 'INVALID_ARGUMENT', 'dropColumns'],
    ['a.people', { dropColumns: ['x'] }, 'NO_SUCH_COLUMN', undefined],
    ['a.child', { dropColumns: ['x'] }, 'INVALID_ARGUMENT', 'dropColumns'],
    ['a.child', { dropColumns: ['parent'] }, 'INVALID_ARGUMENT', 'dropColumns'],
    ['a.child', { drop: ['nothing'] }, 'NO_SUCH_INDEX', undefined],
    ['a.child', { addIndexes: { byX: ['x'] } }, 'INDEX_EXISTS', undefined],
    ['a.child', { addIndexes: { fk: ['x'] } }, 'INDEX_EXISTS', undefined],
    ['a.child', { addIndexes: { i: ['y'] } }, 'NO_SUCH_COLUMN', undefined],
    ['a.free', { addColumns: { x: { type: 'text', nullable: true } } }, 'INVALID_ARGUMENT', 'addColumns'],
    ['a.none', { drop: ['x'] }, 'NO_SUCH_TABLE', undefined],
    ['a.free', { rename: 'nodot' }, 'INVALID_ARGUMENT', 'rename'],
    ['a.free', { rename: 'a.people' }, 'TABLE_EXISTS', undefined],
    ['a.free', { engine: 'x' }, 'INVALID_ARGUMENT', 'engine'],
  ];
  for (const [table, change, code, argument] of wrong) {
    const error = client.fail('alterTable', { table, ...change });
    assert.deepEqual([error.code, error.argument], [code, argument], JSON.stringify(change));
  }
});

test('a foreign key refers to a whole key of the same types, in whatever order it is given', () => {
  const { client } = testWorld();
  const columns = {
    a: { type: 'integer' },
    b: { type: 'text' },
    c: { type: 'text', nullable: true },
    j: { type: 'json' },
  };
  client.do('createTable', { table: 's.parent', primaryKey: ['a', 'b'], columns, unique: { byC: ['c'] } });
  const create = (table: string, foreignKey: object, more: object = {}) => ({
    table,
    primaryKey: ['a'],
    columns,
    foreignKeys: { fk: foreignKey },
    ...more,
  });
  const references = (...of: string[]) => ({ table: 's.parent', columns: of });
  client.do('createTable', create('s.one', { columns: ['c', 'a'], references: references('b', 'a') }));
  const { foreignKeys, indexes } = client.do('describe', { table: 's.one' });
  assert.deepEqual(foreignKeys, [
    { name: 'fk', columns: ['a', 'c'], references: references('a', 'b'), onDelete: 'restrict', state: 'valid' },
  ]);
  assert.deepEqual(indexes, [{ name: 'fk', columns: ['a', 'c'], unique: false, state: 'valid' }]);
  assert.deepEqual(client.do('describe', { table: 's.parent' }).referencedBy, [{ table: 's.one', foreignKey: 'fk' }]);
  client.do('createTable', create('s.two', { columns: ['c'], references: references('c'), onDelete: 'setNull' }));
  const wrong: [object, string, string | undefined][] = [
    [create('s.x', { columns: ['a'], references: references('a') }), 'INVALID_ARGUMENT', 'foreignKeys.fk'],
    [create('s.x', { columns: ['a'], references: references('c') }), 'INVALID_ARGUMENT', 'foreignKeys.fk'],
    [create('s.x', { columns: ['a'], references: references('x') }), 'NO_SUCH_COLUMN', undefined],
    [create('s.x', { columns: ['a'], references: { table: 's.none', columns: ['c'] } }), 'NO_SUCH_TABLE', undefined],
    [
      create('s.x', { columns: ['b'], references: references('c'), onDelete: 'setNull' }),
      'INVALID_ARGUMENT',
      'foreignKeys.fk.onDelete',
    ],
    [
      create('s.x', { columns: ['c'], references: references('c') }, { indexes: { fk: ['b'] } }),
      'INDEX_EXISTS',
      undefined,
    ],
    [{ table: 's.x', primaryKey: ['a'], columns, indexes: { i: ['j'] } }, 'INVALID_ARGUMENT', 'indexes'],
    [
      { table: 's.x', primaryKey: ['a'], columns, indexes: { i: ['b'] }, unique: { i: ['b'] } },
      'INDEX_EXISTS',
      undefined,
    ],
  ];
  for (const [change, code, argument] of wrong) {
    const error = client.fail('createTable', change);
    assert.deepEqual([error.code, error.argument], [code, argument], JSON.stringify(change));
  }
});

test('what a foreign key refers to, or needs, stays as long as the foreign key does', () => {
  const { client } = testWorld();
  const columns = { id: { type: 'integer' }, code: { type: 'text' } };
  client.do('createTable', { table: 's.p', primaryKey: ['id'], columns, unique: { byCode: ['code'] } });
  client.do('createTable', {
    table: 's.c',
    primaryKey: ['id'],
    columns,
    indexes: { own: ['code', 'id'] },
    foreignKeys: { fk: { columns: ['code'], references: { table: 's.p', columns: ['code'] } } },
  });
  assert.deepEqual(
    client.do('describe', { table: 's.c' }).indexes.map(({ name }: { name: string }) => name),
    ['own'],
  );
  for (const [op, change] of [
    ['dropTable', { table: 's.p' }],
    ['truncateTable', { table: 's.p' }],
    ['alterTable', { table: 's.p', drop: ['byCode'] }],
  ] as const) {
    const error = client.fail(op, change);
    assert.deepEqual(
      [error.code, error.foreignKey, error.referencingTable],
      ['FOREIGN_KEY_VIOLATION', 'fk', 's.c'],
      op,
    );
  }
  assert.equal(client.fail('alterTable', { table: 's.c', drop: ['own'] }).argument, 'drop');
  client.do('alterTable', { table: 's.p', rename: 's.renamed' });
  assert.equal(client.fail('get', { table: 's.p', key: 1 }).code, 'NO_SUCH_TABLE');
  assert.equal(client.do('describe', { table: 's.c' }).foreignKeys[0].references.table, 's.renamed');
  client.do('alterTable', { table: 's.c', rename: 's.child' });
  assert.deepEqual(client.do('describe', { table: 's.renamed' }).referencedBy, [
    { table: 's.child', foreignKey: 'fk' },
  ]);
  client.do('truncateTable', { table: 's.child' });
  client.do('alterTable', { table: 's.child', drop: ['fk', 'own'] });
  assert.deepEqual(client.do('describe', { table: 's.renamed' }).referencedBy, []);
  client.do('dropTable', { table: 's.renamed' });
});

test('a foreign key of a table to itself hinders neither its truncation nor its end', () => {
  const { client } = testWorld();
  const columns = { id: { type: 'integer' }, parent: { type: 'integer', nullable: true } };
  const fk = { columns: ['parent'], references: { table: 's.tree', columns: ['id'] }, onDelete: 'cascade' };
  client.do('createTable', { table: 's.tree', primaryKey: ['id'], columns, foreignKeys: { fk } });
  client.do('alterTable', { table: 's.tree', rename: 's.wood' });
  const { foreignKeys, referencedBy } = client.do('describe', { table: 's.wood' });
  assert.deepEqual(
    [foreignKeys[0].references.table, referencedBy],
    ['s.wood', [{ table: 's.wood', foreignKey: 'fk' }]],
  );
  client.do('truncateTable', { table: 's.wood' });
  client.do('dropTable', { table: 's.wood' });
});

test('who has written the parent of a new foreign key without knowing of it is told so', () => {
  const { client } = people();
  client.do('begin', { tx: 'old' });
  client.do('delete', { tx: 'old', table: 'a.people', key: 1 });
  client.do('createTable', {
    table: 'a.child',
    primaryKey: ['id'],
    columns: { id: { type: 'integer' } },
    foreignKeys: { fk: { columns: ['id'], references: { table: 'a.people', columns: ['id'] } } },
  });
  assert.equal(client.fail('commit', { tx: 'old' }).code, 'SCHEMA_CHANGED');
});

test('an alteration that leaves something to be built is answered when that is over, and holds nobody up meanwhile', () => {
  const world = people();
  const { client } = world;
  const alter = client.send('alterTable', { table: 'a.people', addIndexes: { byName: ['name'] } });
  const get = client.send('get', { table: 'a.people', key: 1 });
  world.replica.settle();
  assert.deepEqual(client.answerTo(get).ok, true);
  assert.equal(client.hasAnswer(alter), false);
  const { tableId, indexes } = client.do('describe', { table: 'a.people' });
  assert.deepEqual(indexes, [
    { name: 'byName', columns: ['name'], unique: false, state: 'building', building: { rows: 7 } },
  ]);
  endBuild(world, { tableId, since: 2 });
  assert.equal(client.answerTo(alter).result.sequenceNumber, 4);
  assert.equal(client.do('describe', { table: 'a.people' }).indexes[0].state, 'valid');
});

test('what cannot be built is gone again, and the client is told why', () => {
  const world = people();
  const { client } = world;
  const alter = client.send('alterTable', {
    table: 'a.people',
    addUnique: { byName: ['name'] },
    addIndexes: { other: ['note'] },
  });
  world.replica.settle();
  const { tableId } = client.do('describe', { table: 'a.people' });
  endBuild(world, { tableId, since: 2 }, { kind: 'duplicate', index: 'byName', values: ['Ada'] });
  const { error } = client.answerTo(alter);
  assert.deepEqual(
    [error.code, error.table, error.index, error.values],
    ['DUPLICATE_KEY', 'a.people', 'byName', ['Ada']],
  );
  assert.deepEqual(client.do('describe', { table: 'a.people' }).indexes, []);
  const before = world.replica.appliedUpTo;
  endBuild(world, { tableId, since: 2 });
  assert.equal(world.replica.appliedUpTo, before, 'a build ends once');
});

test('a build is over when the table is truncated, when it is dropped, and when what was to be built is', () => {
  for (const [op, change, code] of [
    ['truncateTable', {}, undefined],
    ['dropTable', {}, 'NO_SUCH_TABLE'],
    ['alterTable', { drop: ['i'] }, 'NO_SUCH_INDEX'],
  ] as const) {
    const world = people();
    const alter = world.client.send('alterTable', { table: 'a.people', addIndexes: { i: ['name'] } });
    world.replica.settle();
    world.client.do(op, { table: 'a.people', ...change });
    assert.equal(world.client.answerTo(alter).error?.code, code, op);
  }
});

test('who gives up waiting for a build, or is shut down, does not end it', () => {
  const world = people();
  const { client } = world;
  const one = client.send('alterTable', { table: 'a.people', addIndexes: { i: ['name'] } });
  const two = client.send('alterTable', { table: 'a.people', addIndexes: { j: ['note'] } });
  world.replica.settle();
  client.do('cancel', { target: one });
  assert.equal(client.answerTo(one).error.cause.code, 'CANCELLED');
  client.connection.shutDown();
  assert.equal(client.answerTo(two).error.code, 'UNKNOWN_OUTCOME');
});

test('an alteration takes its place among the changes, and rows are told as the table was then', () => {
  const { client, clock } = people();
  client.do('subscribe', { stream: 'changes', from: 0, table: 'a.people' });
  client.do('alterTable', {
    table: 'a.people',
    addColumns: { age: { type: 'integer', default: 1 } },
    dropColumns: ['note'],
  });
  client.do('update', { table: 'a.people', key: 1, set: { age: 2 } });
  client.do('alterTable', { table: 'a.people', rename: 'a.renamed' });
  clock.advance(0);
  const [, put, altered, updated, renamed] = client.events;
  assert.deepEqual(put!.rows[0].after, { id: 1, name: 'Ada', note: 'first' });
  assert.deepEqual([altered!.change, Object.keys(altered!.definition.columns)], ['alterTable', ['id', 'name', 'age']]);
  assert.deepEqual(updated!.rows[0].before, { id: 1, name: 'Ada', age: 1 });
  assert.deepEqual(updated!.rows[0].after, { id: 1, name: 'Ada', age: 2 });
  assert.deepEqual([renamed!.table, renamed!.definition.table], ['a.people', 'a.renamed']);
});
