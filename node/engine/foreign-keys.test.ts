import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ISOLATION_LEVELS } from './isolation.ts';
import { decodeKey } from './key-codec.ts';
import { type TestClient, type TestWorld, testWorld } from './testing/solo-replica.ts';

const PARENT = 'shop.customer';
const CHILD = 'shop.order';
const id = { type: 'integer' };
const optional = { type: 'integer', nullable: true };

type OnDelete = 'restrict' | 'cascade' | 'setNull';

/** Customers, by id and perhaps by email; orders that refer to them by id. */
function shop(onDelete: OnDelete = 'restrict', limits: object = {}): TestWorld {
  const world = testWorld(limits);
  world.client.do('createTable', {
    table: PARENT,
    primaryKey: ['id'],
    columns: { id, name: { type: 'text', nullable: true }, email: { type: 'text', nullable: true } },
    unique: { email: ['email'] },
  });
  world.client.do('createTable', {
    table: CHILD,
    primaryKey: ['id'],
    columns: { id, customer: optional, total: optional },
    foreignKeys: { of: { columns: ['customer'], references: { table: PARENT, columns: ['id'] }, onDelete } },
  });
  world.client.do('insert', { table: PARENT, row: { id: 1, email: 'a@b' } });
  world.replica.committed.length = 0;
  return world;
}

const order = (key: number, customer: number | null) => ({ table: CHILD, row: { id: key, customer } });
const all = (client: TestClient, table: string) => client.do('scan', { table }).rows;
const kindsOf = ({ replica }: TestWorld) =>
  replica.committed.at(-1)!.writeSet.map(({ key, kind }) => `${kind} ${decodeKey(key, null).kind}`);

test('who refers to a row that there is not is refused, told what is missing', () => {
  const { client } = shop();
  const expected = ['FOREIGN_KEY_VIOLATION', CHILD, 'of', PARENT, [2], false];
  const facts = (error: Record<string, unknown>) => {
    const { code, table, foreignKey, references, values, isReferredTo } = error;
    return [code, table, foreignKey, references, values, isReferredTo];
  };
  assert.deepEqual(facts(client.fail('insert', order(1, 2))), expected);
  assert.deepEqual(facts(client.fail('put', order(1, 2))), expected);
  client.do('insert', order(1, 1));
  assert.deepEqual(facts(client.fail('update', { table: CHILD, key: 1, set: { customer: 2 } })), expected);
  assert.deepEqual(facts(client.fail('update', { table: CHILD, all: true, set: { customer: 2 } })), expected);
  client.do('insert', order(2, null));
  client.do('update', { table: CHILD, key: 1, set: { customer: null } });
});

test('what is shipped: a reference where one begins, a mark where a key does or ends, nothing for other columns', () => {
  const world = shop('cascade');
  const { client } = world;
  const shipped = (op: string, message: object) => {
    client.do(op, message);
    return kindsOf(world).filter((item) => item.includes('existence') || item.includes('row'));
  };
  assert.deepEqual(shipped('insert', order(1, 1)), ['check row', 'put row', 'reference existence'].slice(1));
  assert.deepEqual(shipped('update', { table: CHILD, key: 1, set: { total: 5 } }), ['put row']);
  assert.deepEqual(shipped('put', order(1, 1)), ['put row']);
  assert.deepEqual(shipped('update', { table: CHILD, key: 1, set: { customer: null } }), ['put row']);
  assert.deepEqual(shipped('insert', { table: PARENT, row: { id: 2 } }), ['put row', 'mark existence']);
  assert.deepEqual(shipped('put', { table: PARENT, row: { id: 2, name: 'x' } }), ['put row']);
  assert.deepEqual(shipped('update', { table: PARENT, key: 2, set: { name: 'y' } }), ['put row']);
  assert.deepEqual(shipped('update', { table: CHILD, key: 1, set: { customer: 2 } }), [
    'put row',
    'reference existence',
  ]);
  assert.deepEqual(shipped('delete', { table: PARENT, key: 2 }), ['delete row', 'delete row', 'mark existence']);
  assert.deepEqual(all(client, CHILD), []);
});

test('H10: to change other columns of a row that is referred to is no conflict with those who begin to', () => {
  for (const isolation of ISOLATION_LEVELS) {
    for (const first of ['parent', 'child']) {
      const { client, connect } = shop();
      const other = connect();
      client.do('begin', { tx: 't', isolation });
      other.do('begin', { tx: 't', isolation });
      client.do('update', { tx: 't', table: PARENT, key: 1, set: { name: 'new', email: 'c@d' } });
      other.do('insert', { tx: 't', ...order(7, 1) });
      for (const each of first === 'parent' ? [client, other] : [other, client]) each.do('commit', { tx: 't' });
      assert.equal(all(client, CHILD).length, 1);
    }
  }
});

test('H10: those who refer to one row do not conflict with each other', () => {
  const { client, connect } = shop();
  const clients = [client, connect(), connect()];
  for (const [i, each] of clients.entries()) {
    each.do('begin', { tx: 't', isolation: ISOLATION_LEVELS[i] });
    each.do('insert', { tx: 't', ...order(i, 1) });
  }
  for (const each of clients) each.do('commit', { tx: 't' });
  assert.equal(all(client, CHILD).length, 3);
});

test('H10: who deletes a row and who begins to refer to it conflict, whoever comes first, told what about', () => {
  for (const onDelete of ['restrict', 'cascade', 'setNull'] as const) {
    for (const isolation of ISOLATION_LEVELS) {
      for (const first of ['parent', 'child']) {
        const { client, connect } = shop(onDelete);
        const other = connect();
        client.do('begin', { tx: 't', isolation });
        other.do('begin', { tx: 't', isolation });
        client.do('delete', { tx: 't', table: PARENT, key: 1 });
        other.do('insert', { tx: 't', ...order(7, 1) });
        const [winner, loser] = first === 'parent' ? [client, other] : [other, client];
        winner.do('commit', { tx: 't' });
        const { code, table, item, index, key } = loser.fail('commit', { tx: 't' });
        assert.deepEqual(
          [code, table, item, index, key],
          ['CERTIFICATION_CONFLICT', PARENT, 'reference', 'primary', 1],
        );
      }
    }
  }
});

test('restrict: a row that is referred to stays, unless who refers to it goes in the same statement', () => {
  const { client } = shop('restrict');
  client.do('insert', order(1, 1));
  const error = client.fail('delete', { table: PARENT, key: 1 });
  assert.deepEqual(
    [error.code, error.table, error.references, error.values, error.isReferredTo],
    ['FOREIGN_KEY_VIOLATION', CHILD, PARENT, [1], true],
  );
  client.do('begin', { tx: 't' });
  client.do('delete', { tx: 't', table: CHILD, key: 1 });
  client.do('delete', { tx: 't', table: PARENT, key: 1 });
  client.do('commit', { tx: 't' });
});

test('cascade and setNull reach all who refer to it, own writes included', () => {
  for (const onDelete of ['cascade', 'setNull'] as const) {
    const { client, engine } = shop(onDelete);
    client.do('insert', { table: PARENT, row: { id: 2 } });
    for (const key of [1, 2, 3]) client.do('insert', order(key, key === 3 ? 2 : 1));
    client.do('begin', { tx: 't' });
    client.do('insert', { tx: 't', ...order(4, 1) });
    client.do('update', { tx: 't', table: CHILD, key: 2, set: { customer: 2 } });
    client.do('delete', { tx: 't', table: PARENT, key: 1 });
    client.do('commit', { tx: 't' });
    const rows = all(client, CHILD).map((row: { id: number; customer: number | null }) => [row.id, row.customer]);
    const kept = [
      [2, 2],
      [3, 2],
    ];
    const nulled = [[1, null], ...kept, [4, null]];
    assert.deepEqual(rows, onDelete === 'cascade' ? kept : nulled);
    assert.equal(engine.counters.rowsCascaded, 2);
    assert.equal(client.do('count', { table: CHILD, index: 'of', gte: 1, lte: 1 }).count, 0);
  }
});

test('a table that refers to itself is deleted from as a tree, round a circle, too', () => {
  const { client } = testWorld();
  const table = 'a.node';
  client.do('createTable', {
    table,
    primaryKey: ['id'],
    columns: { id, up: optional },
    foreignKeys: { up: { columns: ['up'], references: { table, columns: ['id'] }, onDelete: 'cascade' } },
  });
  client.do('insert', { table, row: { id: 1, up: 1 } });
  for (let key = 2; key <= 200; key++) client.do('insert', { table, row: { id: key, up: key - 1 } });
  client.do('update', { table, key: 1, set: { up: 100 } });
  assert.equal(client.do('delete', { table, key: 50 }).matched, 1);
  assert.deepEqual(all(client, table), [], 'one circle and its branch');
  client.do('insert', { table, row: { id: 1, up: null } });
  client.do('insert', { table, row: { id: 2, up: 1 } });
  client.do('delete', { table, all: true });
  assert.deepEqual(all(client, table), []);
});

test('a row that refers to itself, or to one that goes in the same statement, restricts nothing', () => {
  const { client } = testWorld();
  const table = 'a.node';
  client.do('createTable', {
    table,
    primaryKey: ['id'],
    columns: { id, up: optional },
    foreignKeys: { up: { columns: ['up'], references: { table, columns: ['id'] } } },
  });
  client.do('insert', { table, row: { id: 1, up: 1 } });
  client.do('insert', { table, row: { id: 2, up: 1 } });
  assert.equal(client.fail('delete', { table, key: 1 }).code, 'FOREIGN_KEY_VIOLATION');
  client.do('delete', { table, all: true });
});

test('cascades go on over several tables, and are refused as a whole where the last one restricts', () => {
  for (const last of ['cascade', 'restrict', 'setNull']) {
    const { client } = testWorld();
    const names = ['a.one', 'a.two', 'a.three'];
    for (const [i, table] of names.entries()) {
      const references = { table: names[i - 1], columns: ['id'] };
      const onDelete = i === 1 ? 'cascade' : last;
      const foreignKeys = i === 0 ? {} : { up: { columns: ['up'], references, onDelete } };
      client.do('createTable', { table, primaryKey: ['id'], columns: { id, up: optional }, foreignKeys });
      client.do('insert', { table, row: { id: 1, up: i === 0 ? null : 1 } });
    }
    if (last === 'restrict') {
      assert.equal(client.fail('delete', { table: 'a.one', key: 1 }).table, 'a.three');
      assert.deepEqual(
        names.map((table) => all(client, table).length),
        [1, 1, 1],
      );
    } else {
      client.do('delete', { table: 'a.one', key: 1 });
      assert.deepEqual(
        names.map((table) => all(client, table).length),
        [0, 0, last === 'cascade' ? 0 : 1],
      );
    }
  }
});

test('a foreign key may refer to a unique index: its values may not change while somebody does', () => {
  const { client } = testWorld();
  const parent = 'a.parent';
  const child = 'a.child';
  client.do('createTable', {
    table: parent,
    primaryKey: ['id'],
    columns: { id, x: optional, y: optional },
    unique: { xy: ['x', 'y'] },
  });
  client.do('createTable', {
    table: child,
    primaryKey: ['id'],
    columns: { id, x: optional, y: optional },
    foreignKeys: {
      of: { columns: ['x', 'y'], references: { table: parent, columns: ['x', 'y'] }, onDelete: 'cascade' },
    },
  });
  client.do('insert', { table: parent, row: { id: 1, x: 1, y: 2 } });
  client.do('insert', { table: parent, row: { id: 2, x: 1 } });
  client.do('insert', { table: child, row: { id: 1, x: 1, y: 2 } });
  client.do('insert', { table: child, row: { id: 2, x: 9, y: null } });
  assert.deepEqual(client.fail('insert', { table: child, row: { id: 3, x: 1, y: 3 } }).values, [1, 3]);
  assert.equal(client.fail('update', { table: parent, key: 1, set: { y: 3 } }).code, 'FOREIGN_KEY_VIOLATION');
  client.do('update', { table: parent, key: 1, set: { x: 1 } });
  client.do('begin', { tx: 't' });
  client.do('delete', { tx: 't', table: child, key: 1 });
  client.do('update', { tx: 't', table: parent, key: 1, set: { y: 3 } });
  client.do('insert', { tx: 't', table: child, row: { id: 4, x: 1, y: 3 } });
  client.do('commit', { tx: 't' });
  client.do('delete', { table: parent, key: 1 });
  assert.deepEqual(
    all(client, child).map((row: { id: number }) => row.id),
    [2],
  );
});

test('parent and child in one transaction, in whatever order they come to stay', () => {
  const world = shop('cascade');
  const { client } = world;
  client.do('begin', { tx: 't' });
  client.do('insert', { tx: 't', table: PARENT, row: { id: 5 } });
  client.do('insert', { tx: 't', ...order(1, 5) });
  client.do('delete', { tx: 't', table: PARENT, key: 5 });
  client.do('insert', { tx: 't', table: PARENT, row: { id: 5 } });
  client.do('insert', { tx: 't', ...order(2, 5) });
  client.do('commit', { tx: 't' });
  assert.deepEqual(
    all(client, CHILD).map((row: { id: number }) => row.id),
    [2],
  );
  assert.equal(kindsOf(world).filter((item) => item === 'mark existence').length, 1);
  assert.equal(kindsOf(world).includes('reference existence'), false, 'the mark says it already');
});

test('going back to a savepoint takes back what was said of references', () => {
  const world = shop('restrict');
  const { client } = world;
  client.do('begin', { tx: 't' });
  client.do('insert', { tx: 't', table: PARENT, row: { id: 2 } });
  client.do('savepoint', { tx: 't', name: 's' });
  client.do('insert', { tx: 't', ...order(1, 1) });
  client.do('delete', { tx: 't', table: PARENT, key: 2 });
  client.do('rollbackTo', { tx: 't', name: 's' });
  client.do('commit', { tx: 't' });
  const existence = kindsOf(world).filter((item) => item.includes('existence'));
  assert.deepEqual(existence, ['mark existence']);
});

test('a violation that was answered still has to be one when the transaction commits', () => {
  const { client, connect } = shop();
  const other = connect();
  client.do('begin', { tx: 't', onError: 'continue' });
  client.fail('insert', { tx: 't', ...order(1, 2) });
  client.do('insert', { tx: 't', ...order(2, null) });
  other.do('insert', { table: PARENT, row: { id: 2 } });
  assert.equal(client.fail('commit', { tx: 't' }).code, 'CERTIFICATION_CONFLICT');
  other.do('insert', order(3, 2));
  client.do('begin', { tx: 't', onError: 'continue' });
  client.fail('delete', { tx: 't', table: PARENT, key: 2 });
  client.do('insert', { tx: 't', ...order(4, null) });
  other.do('delete', { table: CHILD, key: 3 });
  assert.equal(client.fail('commit', { tx: 't' }).code, 'CERTIFICATION_CONFLICT');
});

test('who loses at a row that it only saw to refer to another is told the table', () => {
  const { client, connect } = shop();
  client.do('insert', order(3, 1));
  client.do('begin', { tx: 't', onError: 'continue' });
  client.fail('delete', { tx: 't', table: PARENT, key: 1 });
  client.do('insert', { tx: 't', table: PARENT, row: { id: 2 } });
  connect().do('delete', { table: CHILD, key: 3 });
  const { code, table, key } = client.fail('commit', { tx: 't' });
  assert.deepEqual([code, table, key], ['CERTIFICATION_CONFLICT', CHILD, 3]);
});

test('pipelined, a row and those that refer to it are written one after the other', () => {
  const { client, replica } = shop('restrict');
  const requests = [
    client.send('insert', { table: PARENT, row: { id: 2 } }),
    client.send('insert', order(1, 2)),
    client.send('insert', order(2, 2)),
  ];
  replica.settle();
  assert.deepEqual(
    requests.map((request) => client.answerTo(request).error?.code),
    requests.map(() => undefined),
  );
});

test('READ COMMITTED: a reference is certified as of the statement that saw what it refers to', () => {
  const { client, connect } = shop();
  const other = connect();
  client.do('begin', { tx: 't', isolation: 'READ COMMITTED' });
  client.do('insert', { tx: 't', ...order(1, null) });
  other.do('insert', { table: PARENT, row: { id: 2 } });
  client.do('update', { tx: 't', table: CHILD, key: 1, set: { customer: 2 } });
  client.do('commit', { tx: 't' });
  client.do('begin', { tx: 't', isolation: 'READ COMMITTED' });
  client.do('insert', { tx: 't', ...order(2, 2) });
  other.do('delete', { table: CHILD, key: 1 });
  other.do('delete', { table: PARENT, key: 2 });
  const error = client.fail('commit', { tx: 't' });
  assert.deepEqual([error.item, error.key], ['reference', 2]);
});

test('a cascade keeps to the limits of its transaction', () => {
  const { client } = shop('cascade', { transactionBytesMax: 2000 });
  for (let key = 0; key < 40; key++) client.do('insert', order(key, 1));
  const error = client.fail('delete', { table: PARENT, key: 1 });
  assert.deepEqual([error.code, error.bytesMax], ['TRANSACTION_TOO_LARGE', 2000]);
  assert.equal(all(client, CHILD).length, 40);
});

test('a table whose primary key begins with the foreign key is found by that', () => {
  const { client } = testWorld();
  client.do('createTable', { table: 'a.order', primaryKey: ['id'], columns: { id } });
  client.do('createTable', {
    table: 'a.line',
    primaryKey: ['order', 'line'],
    columns: { order: id, line: id },
    foreignKeys: { of: { columns: ['order'], references: { table: 'a.order', columns: ['id'] }, onDelete: 'cascade' } },
  });
  for (const key of [1, 2]) {
    client.do('insert', { table: 'a.order', row: { id: key } });
    for (const line of [1, 2]) client.do('insert', { table: 'a.line', row: { order: key, line } });
  }
  client.do('delete', { table: 'a.order', key: 1 });
  assert.deepEqual(
    all(client, 'a.line').map((row: { order: number }) => row.order),
    [2, 2],
  );
});
