import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnWrites } from './own-writes.ts';
import { testWorld } from './testing/solo-replica.ts';
import type { BufferedRow } from './write-set.ts';

/** Counts how many rows were gone through. */
class CountedRows extends Map<string, BufferedRow> {
  visits = 0;
  override *[Symbol.iterator](): MapIterator<[string, BufferedRow]> {
    for (const entry of super.entries()) {
      this.visits++;
      yield entry;
    }
    return undefined;
  }
}

const row = (isWritten: boolean): BufferedRow => ({
  image: null,
  isWritten,
  isObserved: !isWritten,
  isLocked: false,
  increments: null,
});
const keyOf = (n: number): string => `k${String(n).padStart(4, '0')}`;

test('who looks through many ranges goes through all that was written twice, however many they are', () => {
  const rows = new CountedRows();
  for (let n = 999; n >= 0; n--) rows.set(keyOf(n), row(n % 2 === 0));
  const own = new OwnWrites(rows);
  for (let n = 0; n < 1000; n += 10) {
    const keys = own.between(keyOf(n), keyOf(n + 5)).map(([key]) => key);
    assert.deepEqual(keys, [n, n + 2, n + 4].map(keyOf));
  }
  assert.deepEqual([own.between('a', 'k'), own.between('l', 'm'), own.between(keyOf(3), keyOf(3))], [[], [], []]);
  assert.equal(own.between('', 'z').length, 500);
  assert.equal(rows.visits, 2000);
});

test('rows that refer to those which a transaction wrote itself are found, also after more was written or taken back', () => {
  const { client } = testWorld();
  const id = { type: 'integer' };
  client.do('createTable', { table: 'a.p', primaryKey: ['id'], columns: { id } });
  client.do('createTable', {
    table: 'a.c',
    primaryKey: ['id'],
    columns: { id, p: { type: 'integer', nullable: true } },
    foreignKeys: { of: { columns: ['p'], references: { table: 'a.p', columns: ['id'] }, onDelete: 'cascade' } },
  });
  const rowsOf = (table: string) => client.do('scan', { tx: 't', table }).rows.length;
  client.do('begin', { tx: 't' });
  for (let n = 0; n < 5; n++) client.do('insert', { tx: 't', table: 'a.p', row: { id: n } });
  for (let n = 0; n < 10; n++) client.do('insert', { tx: 't', table: 'a.c', row: { id: n, p: n % 5 } });
  client.do('savepoint', { tx: 't', name: 's' });
  client.do('delete', { tx: 't', table: 'a.p', all: true });
  assert.deepEqual([rowsOf('a.p'), rowsOf('a.c')], [0, 0]);
  client.do('rollbackTo', { tx: 't', name: 's' });
  assert.deepEqual([rowsOf('a.p'), rowsOf('a.c')], [5, 10]);
  client.do('delete', { tx: 't', table: 'a.p', key: 3 });
  assert.deepEqual([rowsOf('a.p'), rowsOf('a.c')], [4, 8]);
  client.do('commit', { tx: 't' });
});
