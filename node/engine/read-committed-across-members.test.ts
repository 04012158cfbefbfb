/** Transactions at READ COMMITTED between whose statements another member changes tables and rows. */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { SimulatedWorld } from '../../sim/world/index.ts';
import { SimulatedMemberClient, startGroup, until } from './testing/simulated-group.ts';

const id = { type: 'integer' };
const optional = { type: 'integer', nullable: true };

describe('READ COMMITTED across members', () => {
  let one: SimulatedMemberClient;
  let other: SimulatedMemberClient;
  let everywhere: () => void;

  /** Rows 1 and 2 of c.parent, and row 1 of c.child, which refers to nothing. */
  beforeEach(() => {
    const world = new SimulatedWorld(31);
    const members = startGroup(world);
    until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
    everywhere = () => {
      const upTo = Math.max(...members.map(({ member }) => member.appliedUpTo));
      until(world, () => members.every(({ member }) => member.appliedUpTo >= upTo));
    };
    one = new SimulatedMemberClient(world, members[0]!);
    other = new SimulatedMemberClient(world, members[1]!);
    one.do('createTable', { table: 'c.parent', primaryKey: ['id'], columns: { id, v: optional } });
    one.do('createTable', {
      table: 'c.child',
      primaryKey: ['id'],
      columns: { id, parent: optional, x: optional },
      foreignKeys: { of: { columns: ['parent'], references: { table: 'c.parent', columns: ['id'] } } },
    });
    one.do('insert', { table: 'c.parent', row: { id: 1 } });
    one.do('insert', { table: 'c.parent', row: { id: 2 } });
    one.do('insert', { table: 'c.child', row: { id: 1 } });
    everywhere();
    one.do('begin', { tx: 't', isolation: 'READ COMMITTED', onError: 'continue' });
  });

  function otherDoes(operation: string, message: Record<string, unknown>): void {
    other.do(operation, message);
    everywhere();
  }

  describe('a table that was altered behind a statement that wrote there', () => {
    test('with new columns fails the next statement on it, and the commit', () => {
      one.do('update', { tx: 't', table: 'c.child', key: 1, set: { x: 1 } });
      otherDoes('alterTable', { table: 'c.child', addColumns: { w: optional } });
      const { code, table } = one.fail('update', { tx: 't', table: 'c.child', key: 1, set: { w: 2 } });
      assert.deepEqual([code, table], ['SCHEMA_CHANGED', 'c.child']);
      assert.equal(one.fail('commit', { tx: 't' }).code, 'SCHEMA_CHANGED');
    });

    test('without its foreign key fails the next statement on it, and the commit', () => {
      one.do('update', { tx: 't', table: 'c.child', key: 1, set: { x: 1 } });
      otherDoes('alterTable', { table: 'c.child', drop: ['of'] });
      assert.equal(
        one.fail('update', { tx: 't', table: 'c.child', key: 1, set: { parent: 1 } }).code,
        'SCHEMA_CHANGED',
      );
      assert.equal(one.fail('commit', { tx: 't' }).code, 'SCHEMA_CHANGED');
    });

    test('without a column that was incremented fails with what can be tried again', () => {
      one.do('update', { table: 'c.child', key: 1, set: { x: 1 } });
      one.do('increment', { tx: 't', table: 'c.child', key: 1, column: 'x', by: 1 });
      otherDoes('alterTable', { table: 'c.child', dropColumns: ['x'] });
      const { code, retry } = one.fail('get', { tx: 't', table: 'c.child', key: 1 });
      assert.deepEqual([code, retry], ['SCHEMA_CHANGED', 'transaction']);
    });

    test('is as any other once what was written there is undone', () => {
      one.do('savepoint', { tx: 't', name: 's' });
      one.do('update', { tx: 't', table: 'c.child', key: 1, set: { x: 1 } });
      otherDoes('alterTable', { table: 'c.child', addColumns: { w: optional } });
      one.do('rollbackTo', { tx: 't', name: 's' });
      one.do('update', { tx: 't', table: 'c.child', key: 1, set: { w: 2 } });
      one.do('commit', { tx: 't' });
      assert.equal(one.do('get', { table: 'c.child', key: 1 }).w, 2);
    });
  });

  test('a row whose table nobody refers to any more is deleted by a later statement', () => {
    one.do('update', { tx: 't', table: 'c.parent', key: 1, set: { v: 1 } });
    otherDoes('dropTable', { table: 'c.child' });
    one.do('delete', { tx: 't', table: 'c.parent', key: 1 });
    one.do('commit', { tx: 't' });
    assert.equal(one.do('get', { table: 'c.parent', key: 1 }), null);
  });

  test('a row whose table one foreign key fewer refers to is still no longer to be referred to', () => {
    one.do('createTable', {
      table: 'c.second',
      primaryKey: ['id'],
      columns: { id, v: optional },
      foreignKeys: { of: { columns: ['v'], references: { table: 'c.parent', columns: ['id'] } } },
    });
    one.do('update', { tx: 't', table: 'c.parent', key: 1, set: { v: 1 } });
    otherDoes('dropTable', { table: 'c.second' });
    one.do('delete', { tx: 't', table: 'c.parent', key: 1 });
    otherDoes('update', { table: 'c.child', key: 1, set: { parent: 1 } });
    assert.equal(one.fail('commit', { tx: 't' }).item, 'reference');
  });

  describe('what a statement did that was undone is not certified', () => {
    const orphans = () => other.do('scan', { table: 'c.child', where: { parent: 1 } }).rows;

    test('of a key that ends: who refers to it meanwhile has won', () => {
      one.do('delete', { tx: 't', table: 'c.parent', key: 1 });
      one.do('savepoint', { tx: 't', name: 's' });
      otherDoes('insert', { table: 'c.child', row: { id: 2, parent: 1 } });
      one.do('insert', { tx: 't', table: 'c.parent', row: { id: 1 } });
      one.do('rollbackTo', { tx: 't', name: 's' });
      assert.equal(one.fail('commit', { tx: 't' }).item, 'reference');
      everywhere();
      assert.notEqual(other.do('get', { table: 'c.parent', key: 1 }), null);
    });

    test('of a key that is referred to: who ends it meanwhile has won', () => {
      one.do('insert', { tx: 't', table: 'c.child', row: { id: 2, parent: 1 } });
      one.do('savepoint', { tx: 't', name: 's' });
      otherDoes('delete', { table: 'c.parent', key: 1 });
      one.do('insert', { tx: 't', table: 'c.parent', row: { id: 1 } });
      one.do('rollbackTo', { tx: 't', name: 's' });
      assert.equal(one.fail('commit', { tx: 't' }).item, 'reference');
      everywhere();
      assert.deepEqual(orphans(), []);
    });

    test('and a statement that sees the key again is', () => {
      one.do('savepoint', { tx: 't', name: 's' });
      one.do('insert', { tx: 't', table: 'c.child', row: { id: 2, parent: 1 } });
      one.do('rollbackTo', { tx: 't', name: 's' });
      otherDoes('delete', { table: 'c.parent', key: 1 });
      otherDoes('insert', { table: 'c.parent', row: { id: 1 } });
      one.do('insert', { tx: 't', table: 'c.child', row: { id: 2, parent: 1 } });
      one.do('commit', { tx: 't' });
      everywhere();
      assert.equal(orphans().length, 1);
    });
  });

  describe('a cursor in a transaction', () => {
    const columns = { id, v: optional };

    beforeEach(() => {
      one.do('createTable', { table: 'c.t', primaryKey: ['id'], columns, indexes: { v: ['v'] } });
      for (let i = 0; i < 4; i++) one.do('insert', { table: 'c.t', row: { id: i, v: i } });
      everywhere();
    });

    const firstPage = (message: Record<string, unknown> = {}) =>
      one.do('scan', { tx: 't', table: 'c.t', limit: 2, ...message });

    test('goes on over rows of a table that was altered meanwhile', () => {
      const { cursor } = firstPage();
      otherDoes('alterTable', { table: 'c.t', addColumns: { w: optional } });
      otherDoes('update', { table: 'c.t', key: 3, set: { w: 1 } });
      assert.deepEqual(one.do('scan', { tx: 't', table: 'c.t', cursor }).rows, [
        { id: 2, v: 2, w: null },
        { id: 3, v: 3, w: 1 },
      ]);
    });

    test('by an index goes on by it where the table was altered otherwise', () => {
      const { cursor } = firstPage({ index: 'v', columns: ['id'], where: { v: { gte: 0 } } });
      otherDoes('alterTable', { table: 'c.t', addColumns: { w: optional } });
      assert.deepEqual(one.do('scan', { tx: 't', table: 'c.t', cursor }).rows, [{ id: 2 }, { id: 3 }]);
    });

    test('by an index that was dropped meanwhile is told so, also where another one has its name', () => {
      const { cursor } = firstPage({ index: 'v' });
      otherDoes('alterTable', { table: 'c.t', drop: ['v'] });
      assert.equal(one.fail('scan', { tx: 't', table: 'c.t', cursor }).code, 'NO_SUCH_INDEX');
      otherDoes('alterTable', { table: 'c.t', addIndexes: { v: ['v'] } });
      assert.equal(one.fail('scan', { tx: 't', table: 'c.t', cursor }).code, 'NO_SUCH_INDEX');
    });

    test('is told where a column that it goes by is gone, or is another one', () => {
      otherDoes('alterTable', { table: 'c.t', addColumns: { w: optional } });
      const { cursor } = firstPage({ where: { w: null } });
      const { cursor: narrow } = firstPage({ columns: ['w'] });
      otherDoes('alterTable', { table: 'c.t', dropColumns: ['w'] });
      assert.equal(one.fail('scan', { tx: 't', table: 'c.t', cursor: narrow }).code, 'NO_SUCH_COLUMN');
      otherDoes('alterTable', { table: 'c.t', addColumns: { w: { type: 'text', nullable: true } } });
      assert.equal(one.fail('scan', { tx: 't', table: 'c.t', cursor }).code, 'SCHEMA_CHANGED');
    });

    test('is told where the table is gone, or is another one', () => {
      const { cursor } = firstPage();
      otherDoes('dropTable', { table: 'c.t' });
      assert.equal(one.fail('scan', { tx: 't', table: 'c.t', cursor }).code, 'NO_SUCH_TABLE');
      otherDoes('createTable', { table: 'c.t', primaryKey: ['id'], columns });
      assert.equal(one.fail('scan', { tx: 't', table: 'c.t', cursor }).code, 'SCHEMA_CHANGED');
    });
  });
});
