import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RecentWrites } from './recent-writes.ts';
import type { WriteSetItem } from './types.ts';

const rowKey = (number: number) => `table ${String(number).padStart(3, '0')}`;
const key = fc.integer({ min: 0, max: 20 });
const write = fc.record({ keys: fc.uniqueArray(key, { maxLength: 6 }), isLarge: fc.boolean(), floorAge: fc.nat(20) });
const question = fc.record({ ends: fc.uniqueArray(key, { maxLength: 6 }), age: fc.nat(20) });

test('whatever was written and asked before, the last that was written in the ranges is told as looking through all tells it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(write, question), { maxLength: 60, size: 'max' }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 6 }),
      (steps, blockWrites, blocksMax) => {
        const from = 3;
        const writes = new RecentWrites(from, { blockWrites, blocksMax });
        const all: { readonly key: string; readonly sequenceNumber: number }[] = [];
        let sequenceNumber = from;
        let floor = 0;
        let answered = 0;
        for (const step of steps) {
          if ('keys' in step) {
            const writer = { sequenceNumber: ++sequenceNumber, origin: 1 };
            floor = Math.max(floor, sequenceNumber - 1 - step.floorAge);
            const keys = step.keys.map(rowKey);
            if (step.isLarge) {
              const checked: WriteSetItem = { key: rowKey(1), kind: 'check', image: null };
              const items = keys.map((key): WriteSetItem => ({ key, kind: 'delete', image: null }));
              writes.addLarge([checked, ...items], writer, floor);
            } else for (const key of keys) writes.add(key, writer, floor);
            for (const key of keys) all.push({ key, sequenceNumber });
            continue;
          }
          const ends = step.ends.slice(0, step.ends.length & ~1).sort((one, other) => one - other);
          const ranges = Array.from({ length: ends.length / 2 }, (_, i) => {
            return { from: rowKey(ends[2 * i]!), to: rowKey(ends[2 * i + 1]!) };
          });
          const snapshotVersion = sequenceNumber - step.age;
          if (snapshotVersion < Math.max(writes.knownFrom, floor)) continue;
          answered++;
          const last = all.findLast((one) => {
            const isWithin = ranges.some(({ from, to }) => from <= one.key && one.key < to);
            return one.sequenceNumber > snapshotVersion && isWithin;
          });
          const told = writes.lastWithin(ranges, snapshotVersion);
          assert.deepEqual(told && { key: told.key, sequenceNumber: told.writer.sequenceNumber }, last ?? null);
        }
        fc.pre(answered > 0);
      },
    ),
    { numRuns: 1000 },
  );
});

test('nobody asks for long: it is of no use any more, until somebody asks again', () => {
  const writes = new RecentWrites(0, { blockWrites: 2, blocksMax: 1000 });
  const isUnasked = [];
  for (let sequenceNumber = 1; sequenceNumber <= 400; sequenceNumber++) {
    writes.add(rowKey(sequenceNumber % 7), { sequenceNumber, origin: 0 }, 0);
    if (sequenceNumber === 100) writes.lastWithin([], 0);
    isUnasked.push(writes.isUnasked);
  }
  assert.deepEqual([isUnasked.indexOf(true) + 1, isUnasked.lastIndexOf(false) + 1], [230, 229]);
});

test('it is bounded: what goes is what was written first, and it says from where on it knows', () => {
  const writes = new RecentWrites(0, { blockWrites: 10, blocksMax: 3 });
  for (let sequenceNumber = 1; sequenceNumber <= 95; sequenceNumber++) {
    writes.add(rowKey(1), { sequenceNumber, origin: 0 }, 0);
  }
  assert.equal(writes.knownFrom, 70);
  const purged = new RecentWrites(0, { blockWrites: 10, blocksMax: 100 });
  for (let sequenceNumber = 1; sequenceNumber <= 95; sequenceNumber++) {
    purged.add(rowKey(1), { sequenceNumber, origin: 0 }, 44);
  }
  assert.equal(purged.knownFrom, 40);
});
