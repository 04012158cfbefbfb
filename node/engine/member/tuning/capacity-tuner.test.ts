import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificationItemsMax } from '../../../../certifier/index.ts';
import { CapacityTuner } from './capacity-tuner.ts';

const LOOK_EVERY_MS = 500;
const BASE = 100_000;

/** A database that has `itemBytes` for each item. */
class Database {
  readonly tuner: CapacityTuner;
  readonly capacities: number[] = [];
  base = BASE;
  capacity = BASE;
  size = 0;
  #nowMs = 0;

  constructor(memoryBytesMax: number) {
    this.tuner = new CapacityTuner({ memoryBytesMax });
  }

  /** What nobody needs goes at once; what is needed and has no room, too. */
  run(seconds: number, { needed, itemBytes = 80 }: { needed: number; itemBytes?: number }): void {
    for (const endMs = this.#nowMs + seconds * 1000; this.#nowMs < endMs; ) {
      this.#nowMs += LOOK_EVERY_MS;
      this.size = Math.min(needed, this.capacity);
      const { base, capacity, size } = this;
      const wanted = this.tuner.look(this.#nowMs, { base, capacity, size, bytes: size * itemBytes });
      if (wanted === null) continue;
      assert.notEqual(wanted, this.capacity);
      this.capacity = wanted;
      this.capacities.push(wanted);
    }
  }
}

test('while an old transaction holds the floor the capacity grows with what is written, and comes back within 5 s', () => {
  const database = new Database(1e9);
  database.run(5, { needed: 50_000 });
  assert.deepEqual(database.capacities, []);
  database.run(2, { needed: 140_000 });
  assert.equal(database.capacity, 2 * BASE);
  database.run(2, { needed: 290_000 });
  assert.equal(database.capacity, 4 * BASE);
  database.run(5, { needed: 1000 });
  assert.equal(database.capacity, BASE);
  assert.deepEqual(database.capacities, [2 * BASE, 4 * BASE, 2 * BASE, BASE]);
});

test('it never grows beyond the bound of memory, by what an item takes', () => {
  const database = new Database(30e6);
  database.run(10, { needed: 1_000_000, itemBytes: 100 });
  assert.equal(database.capacity, 300_000);
});

test('long keys lower it below what was set, where they would take more memory than the bound', () => {
  const database = new Database(20e6);
  database.run(2, { needed: 90_000, itemBytes: 80 });
  const before = database.capacity;
  database.run(5, { needed: 1_000_000, itemBytes: 400 });
  assert.ok(before >= BASE && database.capacity === 50_000);
});

test('a need that stays at an edge does not move it back and forth', () => {
  for (const needed of [19_000, 21_000, 40_000, 74_000, 76_000, 100_000, 150_000, 151_000]) {
    const database = new Database(1e9);
    for (let i = 0; i < 60; i++) database.run(1, { needed: needed + (i % 2 === 0 ? 1500 : -1500) });
    assert.ok(database.capacities.length <= 2, `${needed}: ${database.capacities.join(', ')}`);
  }
});

test('it never grows beyond what a database can hold, however much memory there is', () => {
  const database = new Database(64e9);
  database.run(20, { needed: 20_000_000 });
  assert.equal(database.capacity, certificationItemsMax);
});

test('a rise that is hardly one is not worth a place in the order', () => {
  const database = new Database(1.02 * BASE * 80);
  database.run(5, { needed: BASE });
  assert.deepEqual(database.capacities, []);
});

test('without a bound of memory nothing is tuned', () => {
  const database = new Database(0);
  database.run(5, { needed: 1_000_000 });
  assert.deepEqual(database.capacities, []);
});
