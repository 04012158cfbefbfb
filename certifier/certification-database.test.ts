import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hash32, InvariantViolation, SeededRandom } from '../gcs/base/index.ts';
import { lruWriterTable } from './cache/index.ts';
import {
  CertificationDatabase,
  certificationItemsMax,
  type NewWriterTable,
  packedWriterTable,
  type RowKey,
} from './index.ts';

for (const newWriterTable of [packedWriterTable, lruWriterTable]) testWith(newWriterTable);

function testWith(newWriterTable: NewWriterTable): void {
  const name = newWriterTable === packedWriterTable ? 'packed' : 'cached';
  const newDatabase = (capacity: number, fingerprint: (key: RowKey) => number = hash32) =>
    new CertificationDatabase({ capacity, newWriterTable, fingerprint });

  describe(`the certification database with a ${name} writer table`, () => {
    test('two keys with one fingerprint are two items (H12, C9)', () => {
      const database = newDatabase(10, () => 7);
      database.record('a', 'put', 1, 0);
      database.record('b', 'put', 2, 1);
      assert.deepEqual(database.lastWriter('a'), { sequenceNumber: 1, origin: 0 });
      assert.deepEqual(database.lastWriter('b'), { sequenceNumber: 2, origin: 1 });
      assert.equal(database.lastWriter('c'), undefined);
      assert.deepEqual([database.itemCount, database.purgeFloor], [2, 0]);
    });

    test('recording more items than it holds raises the floor to the highest writer that went', () => {
      const database = newDatabase(2);
      for (const [at, key] of ['a', 'b', 'a', 'c'].entries()) database.record(key, 'put', at + 1, 0);
      assert.deepEqual([database.purgeFloor, database.itemCount], [2, 2]);
      assert.equal(database.lastWriter('b'), undefined);
      assert.equal(database.lastWriter('a')?.sequenceNumber, 3);
    });

    test('a lower capacity gives up the oldest at once and raises the floor to the last of them, a higher one nothing', () => {
      const database = newDatabase(5);
      for (const [at, key] of ['a', 'b', 'c', 'a', 'd', 'e'].entries()) database.record(key, 'put', at + 1, 0);
      assert.deepEqual([database.purgeFloor, database.itemCount], [0, 5]);
      database.changeCapacity(3);
      assert.deepEqual([database.purgeFloor, database.itemCount], [3, 3]);
      assert.equal(database.lastWriter('c'), undefined);
      assert.equal(database.lastWriter('a')?.sequenceNumber, 4);
      database.changeCapacity(4);
      database.record('f', 'put', 7, 0);
      assert.deepEqual([database.purgeFloor, database.itemCount], [3, 4]);
      database.record('g', 'put', 8, 0);
      assert.deepEqual([database.purgeFloor, database.itemCount], [4, 4]);
      assert.throws(() => database.changeCapacity(0), InvariantViolation);
    });

    test('what waits behind a large transaction is settled before the capacity is lowered', () => {
      const database = newDatabase(10);
      const writeSet = ['a', 'b', 'c'].map((key) => ({ key, kind: 'put' as const, image: new Uint8Array() }));
      const places = new Map(writeSet.map(({ key }, at) => [key, at]));
      database.recordLarge({ snapshotVersion: 0, writeSet, places }, { sequenceNumber: 1, origin: 0 });
      database.record('d', 'put', 2, 0);
      database.changeCapacity(2);
      assert.ok(database.isSettled);
      assert.deepEqual([database.purgeFloor, database.itemCount], [1, 2]);
      assert.equal(database.lastWriter('d')?.sequenceNumber, 2);
    });

    test('looking up does not keep an item from being evicted (H2)', () => {
      const database = newDatabase(2);
      database.record('a', 'put', 1, 0);
      database.record('b', 'put', 2, 0);
      for (let i = 0; i < 10; i++) database.lastWriter('a');
      database.record('c', 'put', 3, 0);
      assert.equal(database.lastWriter('a'), undefined);
      assert.equal(database.purgeFloor, 1);
    });

    test('items of colliding keys come and go without a trace, in any pattern', () => {
      for (const bits of [0, 1, 3, 32]) {
        const random = new SeededRandom(bits + 1);
        const database = newDatabase(8, (key) => (bits === 0 ? 0xffffffff : hash32(key) >>> (32 - bits)));
        /** Keys by recency, oldest first, as a Map has them. */
        const expected = new Map<RowKey, number>();
        let floor = 0;
        for (let sequenceNumber = 1; sequenceNumber <= 4000; sequenceNumber++) {
          const key = `key ${random.below(20)}`;
          expected.delete(key);
          expected.set(key, sequenceNumber);
          const [oldest] = expected;
          if (expected.size > 8 && oldest !== undefined) {
            floor = oldest[1];
            expected.delete(oldest[0]);
          }
          database.record(key, 'put', sequenceNumber, 0);
          assert.deepEqual([database.purgeFloor, database.itemCount], [floor, expected.size]);
          for (let other = 0; other < 20; other++) {
            const name = `key ${other}`;
            assert.equal(database.lastWriter(name)?.sequenceNumber, expected.get(name));
          }
        }
      }
    });

    test('an item is found although adding it evicted the one farthest from their common fingerprint', () => {
      const database = newDatabase(3, () => 7);
      const keys = ['a', 'b', 'c', 'a', 'b', 'd', 'a', 'b', 'e'];
      for (const [at, key] of keys.entries()) database.record(key, 'put', at + 1, 0);
      assert.deepEqual(
        ['a', 'b', 'c', 'd', 'e'].map((key) => database.lastWriter(key)?.sequenceNumber),
        [7, 8, undefined, undefined, 9],
      );
    });

    test('where room gets short behind a large transaction, what is recorded next settles a few items each, and never all', () => {
      let puts = 0;
      const countingTable: NewWriterTable = (setup) => {
        const table = newWriterTable(setup);
        const { put } = table;
        table.put = (...item) => {
          puts++;
          put.apply(table, item);
        };
        return table;
      };
      const capacity = 1000;
      const database = new CertificationDatabase({ capacity, newWriterTable: countingTable });
      const plain = newDatabase(capacity);
      const record = (key: RowKey, sequenceNumber: number): void => {
        for (const each of [database, plain]) each.record(key, 'put', sequenceNumber, 0);
      };
      for (let i = 0; i < 550; i++) record(`old ${i}`, i + 1);
      const writeSet = Array.from(
        { length: 400 },
        (_, i) => ({ key: `key ${i}`, kind: 'delete', image: null }) as const,
      );
      const places = new Map(writeSet.map(({ key }, at) => [key, at]));
      assert.ok(!database.canRecordLarge(401), 'fifty places stay free');
      database.recordLarge({ snapshotVersion: 0, writeSet, places }, { sequenceNumber: 551, origin: 0 });
      for (const { key } of writeSet) plain.record(key, 'put', 551, 0);
      puts = 0;
      for (let i = 0; i < 60; i++) {
        const before = puts;
        record(`new ${i}`, 552 + i);
        assert.ok(puts - before <= 9, `${puts - before} at once`);
        assert.equal(database.purgeFloor, plain.purgeFloor);
        for (const key of ['old 3', 'key 7', 'key 399', `new ${i}`]) {
          assert.deepEqual(database.lastWriter(key), plain.lastWriter(key));
        }
      }
      assert.ok(database.isSettled);
      assert.ok(plain.purgeFloor > 0);
      assert.equal(database.itemCount, plain.itemCount);
    });

    test('the floor can be raised from outside, and never falls (H4)', () => {
      const database = newDatabase(2);
      database.raisePurgeFloor(5);
      database.raisePurgeFloor(3);
      assert.equal(database.purgeFloor, 5);
      assert.throws(() => database.record('a', 'put', 4, 0), InvariantViolation);
    });

    test('a capacity out of range and writers out of order stop the member', () => {
      for (const capacity of [0, -1, 1.5, Number.NaN, certificationItemsMax + 1]) {
        assert.throws(() => newDatabase(capacity), InvariantViolation);
      }
      const database = newDatabase(2);
      database.record('a', 'put', 2, 0);
      assert.throws(() => database.record('b', 'put', 1, 0), InvariantViolation);
      assert.throws(() => database.record('a', 'put', 2, 0), InvariantViolation);
    });
  });
}
