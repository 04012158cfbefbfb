/** The packed table is what the cached one is, in its answers, its order and what it gives up. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { binaryStringOf, hash32, InvariantViolation, SeededRandom } from '../../gcs/base/index.ts';
import { lruWriterTable } from '../cache/index.ts';
import type { ItemKind, RowKey, WriteKind } from '../index.ts';
import { KeyWords } from './key-words.ts';
import { packedInSmallBlocks, packedWriterTable } from './packed-writer-table.ts';
import type { NewWriterTable, WriterTable } from './writer-table.ts';

const WRITE_KINDS: readonly WriteKind[] = ['put', 'delete', 'delta', 'reference', 'mark'];
const KINDS: readonly ItemKind[] = [...WRITE_KINDS, 'check'];

/** Some longer than a block of 16 words, some beginning others. */
const keyNumbered = (number: number): RowKey =>
  `\0\0\0\x07${String.fromCharCode(number)}${'~'.repeat((number * 7) % 90)}`;

/** A table, and the floor that it raises. */
class Floored {
  floor = 0;
  readonly table: WriterTable;

  constructor(newTable: NewWriterTable, capacity: number, fingerprintBits: number) {
    const fingerprint = (key: RowKey) => (fingerprintBits === 0 ? 7 : hash32(key) >>> (32 - fingerprintBits));
    this.table = newTable({
      capacity,
      ...(fingerprintBits < 32 && { fingerprint }),
      evicted: (sequenceNumber) => this.raise(sequenceNumber),
    });
  }

  raise(upTo: number): void {
    this.floor = Math.max(this.floor, upTo);
  }

  /** All that somebody may ask for. */
  answers(keys: number): unknown {
    const aboveFloor = (sequenceNumber = 0) => (sequenceNumber > this.floor ? sequenceNumber : 0);
    const answers: unknown[] = [this.floor];
    for (let number = 0; number < keys; number++) {
      const key = keyNumbered(number);
      answers.push(aboveFloor(this.table.lastWritten(key)));
      for (const kind of KINDS) {
        const opponent = this.table.lastOpponent(key, kind);
        answers.push(aboveFloor(opponent?.sequenceNumber) === 0 ? null : opponent);
      }
    }
    const newest = [...this.table.newestFirst()].filter(({ sequenceNumber }) => sequenceNumber > this.floor);
    answers.push(newest.map(({ key, sequenceNumber, origin }) => ({ key, sequenceNumber, origin })));
    return answers;
  }
}

const KEYS = 24;
const write = fc.record({
  keys: fc.uniqueArray(fc.integer({ min: 0, max: KEYS - 1 }), { minLength: 1, maxLength: 5 }),
  kind: fc.constantFrom(...WRITE_KINDS, 'put' as const, 'put' as const),
  origin: fc.integer({ min: 0, max: 70_000 }),
  step: fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, fc.constantFrom(2 ** 20, 2 ** 30, 2 ** 31, 2 ** 40)),
  /** How far the floor is behind; null: it is not raised. */
  forgetAge: fc.option(fc.integer({ min: 0, max: 20 }), { freq: 6 }),
  forgetMax: fc.integer({ min: 0, max: 10 }),
  capacity: fc.option(fc.constantFrom(1, 2, 5, 20), { freq: 8 }),
});

describe('a packed writer table', () => {
  test('answers as one over a cache library, whatever is written, forgotten and evicted, in blocks of any size', () => {
    fc.assert(
      fc.property(
        fc.array(write, { maxLength: 120, size: 'max' }),
        fc.constantFrom(1, 2, 7, 20, 1000),
        fc.constantFrom(0, 1, 4, 32),
        fc.constantFrom(4, 5, 7, 13),
        (writes, capacityAtFirst, fingerprintBits, blockBits) => {
          let capacity: number = capacityAtFirst;
          const packed = new Floored(packedInSmallBlocks(blockBits), capacity, fingerprintBits);
          const cached = new Floored(lruWriterTable, capacity, fingerprintBits);
          let sequenceNumber = 0;
          for (const { keys, kind, origin, step, forgetAge, forgetMax, capacity: resized } of writes) {
            sequenceNumber += step;
            for (const { table } of [packed, cached]) {
              for (const number of keys) table.put(keyNumbered(number), kind, sequenceNumber, origin);
            }
            if (forgetAge !== null) {
              for (const each of [packed, cached]) {
                each.raise(sequenceNumber - forgetAge);
                each.table.forget(each.floor, forgetMax);
              }
            }
            if (resized !== null) {
              capacity = resized;
              for (const { table } of [packed, cached]) table.resize(capacity);
            }
            assert.deepEqual(packed.answers(KEYS), cached.answers(KEYS));
            assert.ok(packed.table.size <= capacity);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('forgets the oldest first, no more than it is told, none above the floor, and says when it is through', () => {
    const { table } = new Floored(packedWriterTable, 100, 32);
    for (let i = 1; i <= 10; i++) table.put(keyNumbered(i), 'put', i, 0);
    table.put(keyNumbered(1), 'put', 11, 0);
    assert.equal(table.forget(4, 2), false);
    assert.deepEqual([table.size, table.lastWritten(keyNumbered(3)), table.lastWritten(keyNumbered(4))], [8, 0, 4]);
    assert.equal(table.forget(4, 2), true);
    assert.deepEqual([table.size, table.lastWritten(keyNumbered(1)), table.lastWritten(keyNumbered(5))], [7, 11, 5]);
  });

  test('takes memory for what is in it, however often that is written, and gives it back', () => {
    const { table } = new Floored(packedWriterTable, 1_000_000, 32);
    assert.ok(table.bytes < 100, 'nothing is taken for what may come');
    const random = new SeededRandom(1);
    const rows = 20_000;
    const rowKey = (number: number): RowKey => `\0\0\0\x07\x80${String(number).padStart(8, '0')}`;
    let sequenceNumber = 0;
    for (let i = 0; i < rows; i++) table.put(rowKey(i), 'put', ++sequenceNumber, 0);
    assert.ok(table.bytes < 60 * rows, `${table.bytes} for ${rows}`);
    let most = 0;
    for (let i = 0; i < 20 * rows; i++) {
      table.put(rowKey(random.below(i % 3 === 0 ? rows : 100)), 'put', ++sequenceNumber, 0);
      most = Math.max(most, table.bytes);
    }
    assert.equal(table.size, rows);
    assert.ok(most < 120 * rows, `${most} for ${rows}`);
    while (!table.forget(sequenceNumber, 64));
    assert.equal(table.size, 0);
    assert.ok(table.bytes < 1_300_000, `${table.bytes} for none`);
  });

  test('a key with a character that is no byte, and one longer than can be said, stop the member', () => {
    const { table } = new Floored(packedWriterTable, 10, 32);
    assert.throws(() => table.lastWritten('\0\0\0\x07\u0100'), InvariantViolation);
    assert.throws(() => table.put('k'.repeat(2 ** 24), 'put', 1, 0), InvariantViolation);
    table.put('k'.repeat(100_000), 'put', 1, 0);
    assert.equal(table.lastWritten('k'.repeat(100_000)), 1);
    assert.equal(table.lastWritten('k'.repeat(99_999)), 0);
  });

  test('a writer is put once for a key of a transaction', () => {
    const { table } = new Floored(packedWriterTable, 10, 32);
    table.put('key', 'put', 1, 0);
    assert.throws(() => table.put('key', 'put', 1, 0), InvariantViolation);
  });
});

test('a packed key has the hash that every member has of it, and its own bytes as words', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }).map(binaryStringOf), (key) => {
      const packed = new KeyWords(null);
      packed.pack('something longer or shorter');
      packed.pack(key);
      assert.equal(packed.hash, hash32(key) | 0);
      const bytes = Array.from({ length: key.length }, (_, i) => (packed.words[i >> 2]! >>> (8 * (i & 3))) & 0xff);
      assert.equal(String.fromCharCode(...bytes), key);
      assert.equal(packed.length, key.length);
    }),
  );
});
