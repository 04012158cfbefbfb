import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { accounts, TABLE } from './testing/accounts.ts';
import { testImageCodec } from './testing/image-codec.ts';
import { testWorld } from './testing/solo-replica.ts';

const add = (by: unknown, more: object = {}) => ({ table: TABLE, key: 1, column: 'v', by, ...more });
const LEVELS = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const;

function kindsOf(writeSet: readonly { readonly kind: string }[]): string[] {
  return writeSet.map(({ kind }) => kind).filter((kind) => kind !== 'check');
}

test('increments of one row do not conflict, and each commit answers the value that it came to', () => {
  const { client, connect, replica } = accounts([1]);
  const other = connect();
  client.do('begin', { tx: 'a' });
  client.do('increment', { tx: 'a', ...add(5) });
  other.do('begin', { tx: 'b' });
  other.do('increment', { tx: 'b', ...add(-2) });
  assert.deepEqual(client.do('commit', { tx: 'a' }).increments, [{ table: TABLE, key: 1, column: 'v', value: 5 }]);
  assert.deepEqual(other.do('commit', { tx: 'b' }).increments, [{ table: TABLE, key: 1, column: 'v', value: 3 }]);
  assert.deepEqual(client.do('increment', add(10)).increments, [{ table: TABLE, key: 1, column: 'v', value: 13 }]);
  assert.deepEqual(client.do('get', { table: TABLE, key: 1 }), { id: 1, v: 13 });
  assert.deepEqual(kindsOf(replica.committed.at(-1)!.writeSet), ['delta']);
  assert.equal('increments' in client.do('put', { table: TABLE, row: { id: 2 } }), false);
});

test('several increments of a column are one, with the bounds that hold for all of them', () => {
  const { client, replica } = accounts([1]);
  const steps = [add(9, { max: 5 }), add(-6, { min: 1 })].map((step) => ({ op: 'increment', ...step }));
  const { increments, attempts } = client.do('transact', { steps });
  assert.deepEqual([increments, attempts], [[{ table: TABLE, key: 1, column: 'v', value: 3 }], 1]);
  assert.equal(replica.committed.at(-1)!.writeSet.length, 2);
  const { code, value, by, max, problem } = client.fail('transact', { steps: steps.slice(0, 1) });
  assert.deepEqual([code, value, by, max, problem], ['OUT_OF_BOUNDS', 3, 9, 5, 'above-max']);
  assert.equal(client.do('get', { table: TABLE, key: 1 }).v, 3);
});

test('bounds are judged on the value that the order comes to, not on what the transaction saw', () => {
  const { client, connect } = accounts([1]);
  client.do('increment', add(10));
  const both = [client, connect()];
  for (const each of both) {
    each.do('begin', { tx: 't' });
    each.do('increment', { tx: 't', ...add(-7, { min: 0 }) });
  }
  assert.equal(both[0]!.do('commit', { tx: 't' }).increments[0].value, 3);
  assert.equal(both[1]!.fail('commit', { tx: 't' }).code, 'OUT_OF_BOUNDS');
  client.do('begin', { tx: 't' });
  client.do('increment', { tx: 't', ...add(-7, { min: 0 }) });
  connect().do('increment', add(4));
  assert.equal(client.do('commit', { tx: 't' }).increments[0].value, 0);
});

for (const isolation of LEVELS) {
  describe(`at ${isolation}`, () => {
    test('own increments are seen by own statements, over what others commit as the level sees it', () => {
      const { client, connect } = accounts([1, 2]);
      client.do('begin', { tx: 't', isolation });
      client.do('increment', { tx: 't', ...add(5) });
      const below = isolation === 'READ COMMITTED' ? 100 : 0;
      if (isolation === 'READ COMMITTED') connect().do('increment', add(100));
      assert.deepEqual(client.do('scan', { tx: 't', table: TABLE }).rows, [
        { id: 1, v: below + 5 },
        { id: 2, v: 0 },
      ]);
      assert.equal(client.do('count', { tx: 't', table: TABLE, where: { v: below + 5 } }).count, 1);
      client.do('increment', { tx: 't', ...add(1) });
      assert.deepEqual(client.do('get', { tx: 't', table: TABLE, key: 1 }), { id: 1, v: below + 6 });
      assert.equal(client.do('commit', { tx: 't' }).increments[0].value, below + 6);
    });

    test('a row that is also written is certified as any write, and bounds hold for what it ends with', () => {
      for (const first of ['update', 'increment'] as const) {
        const { client, connect, replica } = accounts([1]);
        const statements = [
          ['update', { table: TABLE, key: 1, set: { v: 50 } }],
          ['increment', add(5, { max: 60 })],
        ] as const;
        const run = (more: object) => {
          client.do('begin', { tx: 't', isolation });
          for (const [op, message] of first === 'update' ? statements : statements.toReversed()) {
            client.do(op, { tx: 't', ...message });
          }
          if ('v' in more) client.do('update', { tx: 't', table: TABLE, key: 1, set: more });
        };
        run({});
        const value = first === 'update' ? 55 : 50;
        assert.deepEqual(client.do('commit', { tx: 't' }).increments, [{ table: TABLE, key: 1, column: 'v', value }]);
        assert.deepEqual(kindsOf(replica.committed.at(-1)!.writeSet), ['put']);
        run({ v: 61 });
        const { code, problem } = client.fail('commit', { tx: 't' });
        assert.deepEqual([code, problem], ['OUT_OF_BOUNDS', 'above-max']);
        assert.equal(client.fail('get', { tx: 't', table: TABLE, key: 1 }).code, 'NO_SUCH_TRANSACTION');
        run({});
        connect().do('increment', add(1));
        assert.equal(client.fail('commit', { tx: 't' }).code, 'CERTIFICATION_CONFLICT');
      }
    });

    test('a row that is locked, before or after, is certified as any write', () => {
      for (const isLockedFirst of [true, false]) {
        const { client, connect, replica } = accounts([1]);
        const run = () => {
          client.do('begin', { tx: 't', isolation });
          if (!isLockedFirst) client.do('increment', { tx: 't', ...add(5) });
          assert.equal(client.do('get', { tx: 't', table: TABLE, key: 1, forUpdate: true }).id, 1);
          if (isLockedFirst) client.do('increment', { tx: 't', ...add(5) });
        };
        run();
        assert.equal(client.do('commit', { tx: 't' }).increments[0].value, 5);
        assert.deepEqual(kindsOf(replica.committed.at(-1)!.writeSet), ['put']);
        run();
        connect().do('increment', add(1));
        assert.equal(client.fail('commit', { tx: 't' }).cause.code, 'CERTIFICATION_CONFLICT');
      }
    });

    test('reading the row at SERIALIZABLE makes it a write; else it stays what commutes', () => {
      for (const isReadFirst of [true, false]) {
        const { client, connect } = accounts([1]);
        client.do('begin', { tx: 't', isolation });
        if (isReadFirst) client.do('get', { tx: 't', table: TABLE, key: 1 });
        client.do('increment', { tx: 't', ...add(5) });
        if (!isReadFirst) assert.equal(client.do('get', { tx: 't', table: TABLE, key: 1 }).v, 5);
        connect().do('increment', add(1));
        if (isolation === 'SERIALIZABLE') {
          assert.equal(client.fail('commit', { tx: 't' }).code, 'CERTIFICATION_CONFLICT');
        } else assert.equal(client.do('commit', { tx: 't' }).increments[0].value, 6);
      }
    });

    test('a row that was deleted meanwhile conflicts, there again or not; one that was replaced does not', () => {
      const { client, connect } = accounts([1]);
      const other = connect();
      const after = (...statements: (readonly [string, object])[]) => {
        client.do('begin', { tx: 't', isolation });
        client.do('increment', { tx: 't', ...add(5) });
        for (const [op, message] of statements) other.do(op, { table: TABLE, ...message });
        return client.ask('commit', { tx: 't' });
      };
      const remove = ['delete', { key: 1 }] as const;
      const put = ['put', { row: { id: 1, v: 20 } }] as const;
      assert.equal(after(put).result.increments[0].value, 25);
      assert.equal(after(remove, put).error.code, 'CERTIFICATION_CONFLICT');
      assert.equal(after(remove).error.code, 'CERTIFICATION_CONFLICT');
      client.do('begin', { tx: 't', isolation });
      const { code, key } = client.fail('increment', { tx: 't', ...add(1) });
      assert.deepEqual([code, key], ['NO_SUCH_ROW', 1]);
    });

    test('going back to a savepoint undoes increments, and what was observed since keeps them from commuting', () => {
      const { client, connect, replica } = accounts([1]);
      client.do('begin', { tx: 't', isolation });
      client.do('increment', { tx: 't', ...add(5) });
      client.do('savepoint', { tx: 't', name: 's' });
      for (let i = 0; i < 2; i++) {
        client.do('increment', { tx: 't', ...add(30, { max: 1 }) });
        client.do('rollbackTo', { tx: 't', name: 's' });
      }
      assert.equal(client.do('commit', { tx: 't' }).increments[0].value, 5);
      assert.deepEqual(kindsOf(replica.committed.at(-1)!.writeSet), ['delta']);
      for (const between of ['get', 'update'] as const) {
        client.do('begin', { tx: 't', isolation });
        client.do('increment', { tx: 't', ...add(1) });
        client.do('savepoint', { tx: 't', name: 's' });
        if (between === 'update') client.do('update', { tx: 't', table: TABLE, key: 1, set: { v: 99 } });
        client.do('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
        client.do('rollbackTo', { tx: 't', name: 's' });
        assert.equal(client.do('get', { tx: 't', table: TABLE, key: 1 }).v, between === 'get' ? 6 : 7);
        client.do('commit', { tx: 't' });
        assert.deepEqual(kindsOf(replica.committed.at(-1)!.writeSet), ['put']);
      }
      client.do('begin', { tx: 't', isolation });
      client.do('savepoint', { tx: 't', name: 's' });
      client.do('increment', { tx: 't', ...add(1) });
      client.do('rollbackTo', { tx: 't', name: 's' });
      assert.deepEqual(
        [client.do('commit', { tx: 't' }).gtid, connect().do('get', { table: TABLE, key: 1 }).v],
        [null, 7],
      );
    });
  });
}

test('at READ COMMITTED increments of later statements meet newer ones, and only a write over them fails', () => {
  const { client, connect } = accounts([1]);
  const begin = () => {
    client.do('begin', { tx: 't', isolation: 'READ COMMITTED', onError: 'continue' });
    client.do('increment', { tx: 't', ...add(1) });
    connect().do('increment', add(10));
  };
  begin();
  client.do('increment', { tx: 't', ...add(1) });
  assert.equal(client.do('commit', { tx: 't' }).increments[0].value, 12);
  begin();
  assert.equal(client.fail('update', { tx: 't', table: TABLE, key: 1, set: { v: 0 } }).code, 'CERTIFICATION_CONFLICT');
  assert.equal(client.do('commit', { tx: 't' }).increments[0].value, 23);
  begin();
  connect().do('delete', { table: TABLE, key: 1 });
  assert.equal(client.fail('get', { tx: 't', table: TABLE, key: 1 }).code, 'CERTIFICATION_CONFLICT');
});

test('a row that the transaction deletes is not incremented, and answers nothing of it', () => {
  const { client } = accounts([1]);
  client.do('begin', { tx: 't', onError: 'continue' });
  client.do('increment', { tx: 't', ...add(1, { max: 0 }) });
  client.do('delete', { tx: 't', table: TABLE, key: 1 });
  assert.equal(client.fail('increment', { tx: 't', ...add(1) }).code, 'NO_SUCH_ROW');
  client.do('insert', { tx: 't', table: TABLE, row: { id: 1, v: 70 } });
  assert.equal('increments' in client.do('commit', { tx: 't' }), false);
  assert.equal(client.do('get', { table: TABLE, key: 1 }).v, 70);
});

test('increments of one connection to one row do not wait for each other', () => {
  const { client, replica } = accounts([1]);
  const ids = [1, 2, 3].map((by) => client.send('increment', add(by)));
  const put = client.send('put', { table: TABLE, row: { id: 1, v: 100 } });
  const behind = client.send('increment', add(5));
  assert.equal(replica.undecided, 3);
  replica.settle();
  const values = [...ids, behind].map((id) => client.answerTo(id).result.increments[0].value);
  assert.deepEqual([values, client.answerTo(put).ok], [[1, 3, 6, 105], true]);
});

describe('columns', () => {
  const columns = {
    id: { type: 'integer' },
    i: { type: 'integer', nullable: true },
    d: { type: 'double' },
    m: { type: 'decimal' },
    t: { type: 'text' },
  };
  const world = () => {
    const { client } = testWorld();
    client.do('createTable', { table: 'a.typed', primaryKey: ['id'], columns });
    client.do('put', { table: 'a.typed', row: { id: 1, i: 2 ** 52, d: 0.1, m: '0.1', t: '' } });
    return client;
  };
  const by = (column: string, by: unknown, more: object = {}) => ({ table: 'a.typed', key: 1, column, by, ...more });

  test('of whole numbers, doubles and decimals, several of one row, each in its own way', () => {
    const client = world();
    const steps = [by('i', 2 ** 52), by('d', 0.2), by('m', '0.2'), by('i', 7)].map((step) => ({
      op: 'increment',
      ...step,
    }));
    const { increments } = client.do('transact', { steps });
    assert.deepEqual(
      increments.map(({ column, value }: { column: string; value: unknown }) => [column, value]),
      [
        ['i', 2n ** 53n + 7n],
        ['d', 0.1 + 0.2],
        ['m', '0.3'],
      ],
    );
    assert.deepEqual(client.do('get', { table: 'a.typed', key: 1 }).i, 2n ** 53n + 7n);
  });

  test('keep within what their types have', () => {
    const client = world();
    const { code, problem } = client.fail('increment', by('i', '9223372036854775807'));
    assert.deepEqual([code, problem], ['OUT_OF_BOUNDS', 'out-of-range']);
    client.do('begin', { tx: 't' });
    client.do('increment', { tx: 't', ...by('i', '9223372036854775807') });
    assert.equal(client.fail('increment', { tx: 't', ...by('i', 1) }).argument, 'by');
  });

  test('that have no numbers, are keys, or are not there, are refused with the argument at fault', () => {
    const client = world();
    const refused = (message: object) => {
      const { code, argument, column } = client.fail('increment', message);
      return [code, argument ?? column];
    };
    assert.deepEqual(refused(by('t', 1)), ['INVALID_ARGUMENT', 'column']);
    assert.deepEqual(refused(by('id', 1)), ['INVALID_ARGUMENT', 'column']);
    assert.deepEqual(refused(by('x', 1)), ['NO_SUCH_COLUMN', 'x']);
    assert.deepEqual(refused(by('i', 0.5)), ['TYPE_MISMATCH', 'i']);
    assert.deepEqual(refused(by('m', 1)), ['TYPE_MISMATCH', 'm']);
    assert.deepEqual(refused(by('i', null)), ['INVALID_ARGUMENT', 'by']);
    assert.deepEqual(refused(by('i', 1, { min: 3, max: 2 })), ['INVALID_ARGUMENT', 'min']);
    client.do('update', { table: 'a.typed', key: 1, set: { i: null } });
    assert.deepEqual(refused(by('i', 1)), ['TYPE_MISMATCH', 'i']);
  });

  test('that are of an index are refused, and entries of others stay as they are', () => {
    const { client, replica } = testWorld();
    const indexes = { byName: ['name'] };
    const unique = { byCode: ['code'] };
    client.do('createTable', {
      table: 'a.indexed',
      primaryKey: ['id'],
      columns: { id: { type: 'integer' }, name: { type: 'text' }, code: { type: 'integer' }, n: { type: 'integer' } },
      indexes,
      unique,
    });
    client.do('put', { table: 'a.indexed', row: { id: 1, name: 'one', code: 7, n: 0 } });
    const refused = client.fail('increment', { table: 'a.indexed', key: 1, column: 'code', by: 1 });
    assert.deepEqual([refused.code, refused.argument], ['INVALID_ARGUMENT', 'column']);
    client.do('begin', { tx: 't' });
    client.do('increment', { tx: 't', table: 'a.indexed', key: 1, column: 'n', by: 5 });
    const { rows } = client.do('scan', { tx: 't', table: 'a.indexed', index: 'byName', gte: 'one' });
    assert.deepEqual(rows, [{ id: 1, name: 'one', code: 7, n: 5 }]);
    client.do('commit', { tx: 't' });
    assert.deepEqual(kindsOf(replica.committed.at(-1)!.writeSet), ['delta']);
    assert.equal(client.do('get', { table: 'a.indexed', key: 1 }).n, 5);
  });

  const freeForm = () => {
    const { client, connect } = testWorld();
    client.do('createTable', { table: TABLE, primaryKey: ['id'] });
    client.do('put', { table: TABLE, row: { id: 1, v: 0 } });
    return { client, connect };
  };

  test('of free-form rows have what they have: a number is added to, anything else is refused', () => {
    const { client } = freeForm();
    assert.equal(client.do('increment', add(0.5)).increments[0].value, 0.5);
    client.do('put', { table: TABLE, row: { id: 1, v: 'text' } });
    assert.equal(client.fail('increment', add(1)).code, 'TYPE_MISMATCH');
    assert.equal(client.fail('increment', add('1')).code, 'TYPE_MISMATCH');
    assert.equal(client.fail('increment', add(1, { column: 'nothing' })).code, 'TYPE_MISMATCH');
  });

  test('that have lost their number by the time of the commit are told as such', () => {
    const { client, connect } = freeForm();
    client.do('begin', { tx: 't' });
    client.do('increment', { tx: 't', ...add(1) });
    connect().do('put', { table: TABLE, row: { id: 1, v: 'text' } });
    const { code, problem, value } = client.fail('commit', { tx: 't' });
    assert.deepEqual([code, problem, value], ['OUT_OF_BOUNDS', 'no-number', 'text']);
  });
});

test('a publication has the rows that increments came to', () => {
  const { client, replica } = accounts([1]);
  const { sequenceNumber } = client.do('increment', add(4));
  const [publication] = replica.publications(sequenceNumber - 1, 1);
  assert.deepEqual(
    publication!.writes.map(({ image }) => testImageCodec.decode(image!)),
    [[1, 1, 4]],
  );
});
