import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TableCache } from '../table.ts';
import { testImageCodec } from '../testing/image-codec.ts';
import { testWorld } from '../testing/solo-replica.ts';
import { lookForMissing } from './missing-items.ts';

const COLUMNS = {
  id: { type: 'integer' },
  town: { type: 'text', nullable: true },
  visits: { type: 'integer', default: 0 },
};

/** A table of three towns with an index being built, and what its rows lack. */
function lacking() {
  const world = testWorld();
  const { client, replica } = world;
  client.do('createTable', { table: 'a.b', primaryKey: ['id'], columns: COLUMNS });
  for (const [id, town] of ['Ulm', 'Bonn', 'Jena'].entries()) client.do('put', { table: 'a.b', row: { id, town } });
  client.send('alterTable', { table: 'a.b', addIndexes: { byTown: ['town'] } });
  replica.settle();
  const setup = { replica, imageCodec: testImageCodec, tables: new TableCache(), keyBytesMax: 1024 };
  const look = () => {
    const at = { build: { tableId: 1, since: 2 }, snapshot: replica.appliedUpTo, behind: null, rowsMax: 100 };
    const found = lookForMissing(setup, at);
    assert.ok(found.kind === 'looked');
    return found;
  };
  const commit = (found: ReturnType<typeof look>): string => {
    let outcome = '';
    replica.commit(found.transaction!, 0, ({ kind }) => {
      outcome = kind;
    });
    replica.settle();
    return outcome;
  };
  return { ...world, look, commit };
}

test('every row that was there gets its entry, and then none lacks one', () => {
  const { look, commit } = lacking();
  const found = look();
  assert.deepEqual([found.rows, found.entries, found.upTo], [3, 3, null]);
  assert.equal(commit(found), 'committed');
  assert.equal(look().transaction, null);
});

test('H17: entries of a row that was written meanwhile are not added, and its writer has seen to its own', () => {
  for (const [op, change] of [
    ['update', { key: 1, set: { town: 'Kiel' } }],
    ['delete', { key: 1 }],
  ] as const) {
    const { client, look, commit } = lacking();
    const found = look();
    client.do(op, { table: 'a.b', ...change });
    assert.equal(commit(found), 'conflict', op);
    assert.equal(look().entries, 2);
  }
});

test('H17: entries are not added to a table that was altered meanwhile', () => {
  const { client, look, commit } = lacking();
  const found = look();
  client.do('alterTable', { table: 'a.b', drop: ['byTown'] });
  assert.equal(commit(found), 'conflict');
});

test('H8: a counter that never rests in the rows that lack entries does not keep these from being added', () => {
  const { client, look, commit } = lacking();
  const found = look();
  client.do('begin', { tx: 't' });
  client.do('increment', { tx: 't', table: 'a.b', key: 2, column: 'visits', by: 1 });
  client.do('increment', { table: 'a.b', key: 1, column: 'visits', by: 1 });
  assert.equal(commit(found), 'committed');
  assert.equal(look().transaction, null);
  // Nor is an increment refused for them.
  client.do('commit', { tx: 't' });
});
