import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SerialStamps, type StampedTransaction } from './serial-stamps.ts';

const NOTHING = { read: [], ranges: [] };

test('whoever wrote a hot key is found with few looks, however many did', () => {
  const writers = 4096;
  const stamps = new SerialStamps(writers, 0);
  let looks = 0;
  for (let number = 1; number <= writers; number++) {
    const transaction: StampedTransaction = {
      get sequenceNumber() {
        looks++;
        return number;
      },
      origin: 0,
      serialPlace: number,
      written: ['hot'],
      ...NOTHING,
    };
    stamps.record(transaction);
  }
  for (const snapshot of [0, 1000, writers - 1, writers]) {
    looks = 0;
    const first = stamps.firstWriterBehind('hot', snapshot);
    const last = stamps.lastWriterUpTo('hot', snapshot);
    assert.ok(looks <= 30, `${looks} looks`);
    assert.equal(first?.serialPlace, snapshot === writers ? undefined : snapshot + 1);
    assert.equal(last?.serialPlace, snapshot === 0 ? undefined : snapshot);
  }
});

test('a rise of the floor gives nothing up at once, but little by little, and no more than is recorded is left', () => {
  const stamps = new SerialStamps(10_000, 0);
  const write = (number: number) =>
    stamps.record({
      sequenceNumber: number,
      origin: 0,
      serialPlace: number,
      written: ['hot', `${number}`],
      ...NOTHING,
    });
  for (let number = 1; number <= 1000; number++) write(number);
  stamps.forgetUpTo(999);
  assert.deepEqual([stamps.floor, stamps.size], [999, 2000]);
  assert.equal(stamps.lastWriterUpTo('hot', 999), undefined);
  let before = stamps.size;
  for (let number = 1001; number <= 2100; number++) {
    write(number);
    assert.ok(before - stamps.size <= 2);
    before = stamps.size;
    stamps.forgetUpTo(number - 1);
  }
  assert.ok(stamps.size <= 4, `${stamps.size} are left`);
});

test('answers are those of a list of all, cut at the floor', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const step = fc.record({
    written: fc.uniqueArray(key, { maxLength: 2 }),
    read: fc.uniqueArray(key, { maxLength: 2 }),
    back: fc.nat(12),
    /** The floor rises to so far back, if at all. */
    floor: fc.option(fc.integer({ min: -1, max: 12 })),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 100, size: 'max' }),
      fc.constantFrom(3, 10, 40, 1000),
      (steps, capacity) => {
        const stamps = new SerialStamps(capacity, 0);
        const all: StampedTransaction[] = [];
        let floor = 0;
        let number = 0;
        for (const step of steps) {
          number++;
          const read = step.read.filter((each) => !step.written.includes(each));
          const serialPlace = Math.max(floor + 1, number - step.back);
          all.push({ sequenceNumber: number, origin: 0, serialPlace, written: step.written, read, ranges: [] });
          stamps.record(all.at(-1)!);
          let size = 0;
          for (let at = number; at > floor; at--) {
            size += Math.max(1, all[at - 1]!.written.length + all[at - 1]!.read.length);
            if (size > capacity) floor = at;
          }
          if (step.floor !== null) {
            stamps.forgetUpTo(Math.max(0, number - step.floor));
            floor = Math.max(floor, number - step.floor);
            for (; number < floor; number++)
              all.push({ ...all[0]!, sequenceNumber: number + 1, written: [], read: [] });
          }
          assert.equal(stamps.floor, floor);
          const known = all.slice(floor);
          for (const each of ['a', 'b', 'c']) {
            for (let snapshot = floor; snapshot <= number; snapshot++) {
              const writers = known.filter(({ written }) => written.includes(each));
              assert.equal(
                stamps.firstWriterBehind(each, snapshot),
                writers.find(({ sequenceNumber }) => sequenceNumber > snapshot),
              );
              assert.equal(
                stamps.lastWriterUpTo(each, snapshot),
                writers.findLast(({ sequenceNumber }) => sequenceNumber <= snapshot),
              );
            }
            const places = known.filter((by) => by.read.includes(each)).map((by) => by.serialPlace);
            const highest = Math.max(floor, ...places);
            assert.equal(Math.max(floor, stamps.highestReader(each)?.serialPlace ?? 0), highest);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});
