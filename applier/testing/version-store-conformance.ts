/**
 * The version store against its definition: the list of everything ever published. Runs over any lanes.
 *
 * A world is a store, its lanes and the log of publications. A random list of steps publishes, reads, holds snapshots,
 * lets time pass (in the middle of flush rounds too), flushes, and kills the process; afterwards the log is replayed
 * from the lowest flush point.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { RowKey, WriteSetItem } from '../../certifier/types.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';
import { laneOf } from '../lane-of.ts';
import type { KeyRange, LaneStore } from '../types.ts';
import { VersionStore, type VersionStoreOptions, type Write } from '../version-store.ts';
import type { ManualClock } from './manual-clock.ts';

export interface LanesFixture {
  readonly clock: ManualClock;
  open(): Promise<readonly LaneStore[]>;
  /** Kills what `open` gave: its flushes are durable or not. */
  crash(): Promise<void>;
  /** Lets what was begun outside the clock go on a little. */
  turn(): Promise<void>;
  remove(): Promise<void>;
}

interface Publication {
  readonly writes: readonly Write[];
  readonly clear: readonly KeyRange[];
}

type Step =
  | {
      readonly kind: 'publish';
      readonly writes: readonly (readonly [number, number | null])[];
      readonly clear: number | null;
    }
  /** `checks`: so many of its items write nothing. */
  | {
      readonly kind: 'publish-large';
      readonly writes: readonly (readonly [number, number | null])[];
      readonly checks: number;
    }
  | { readonly kind: 'settle'; readonly rows: number }
  | { readonly kind: 'read-one'; readonly key: number }
  | { readonly kind: 'acquire'; readonly back: number }
  | { readonly kind: 'release'; readonly which: number }
  | { readonly kind: 'read' }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'flush' }
  | { readonly kind: 'crash' }
  | { readonly kind: 'restart' };

const TABLES = 3;
const KEYS_A_TABLE = 6;
const EVERYTHING = { from: '', to: '\xff\xff\xff\xff\xff' };

const writes = fc.uniqueArray(fc.tuple(fc.nat(TABLES * KEYS_A_TABLE - 1), fc.option(fc.nat(255), { freq: 4 })), {
  selector: ([key]) => key,
  maxLength: 5,
});
const manyWrites = fc.uniqueArray(fc.tuple(fc.nat(TABLES * KEYS_A_TABLE - 1), fc.option(fc.nat(255), { freq: 4 })), {
  selector: ([key]) => key,
  minLength: 1,
  maxLength: TABLES * KEYS_A_TABLE,
});
const acquire = fc.record({ kind: fc.constant('acquire' as const), back: fc.oneof(fc.constant(0), fc.nat(20)) });
const release = fc.record({ kind: fc.constant('release' as const), which: fc.nat() });
const read = fc.constant({ kind: 'read' as const });
const pass = fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(60) });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      writes,
      clear: fc.option(fc.nat(TABLES - 1), { freq: 8 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('publish-large' as const), writes: manyWrites, checks: fc.nat(2) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('settle' as const), rows: fc.nat(5) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('read-one' as const), key: fc.nat(TABLES * KEYS_A_TABLE - 1) }),
  },
  { weight: 4, arbitrary: acquire },
  { weight: 3, arbitrary: release },
  { weight: 6, arbitrary: read },
  { weight: 6, arbitrary: pass },
  { weight: 2, arbitrary: fc.constant({ kind: 'flush' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
);

/** Checks that a store over the fixture's lanes reads as the list of publications says. */
export async function checkVersionStore(
  makeFixture: () => Promise<LanesFixture>,
  { runs, shrink }: { readonly runs: number; readonly shrink: boolean },
): Promise<void> {
  const seed = Number(process.env.CONCERT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }),
      fc.constantFrom(1, 200, 1_000_000),
      fc.constantFrom(1500, 1_000_000),
      fc.constantFrom(null, 0, 3, 15),
      async (steps, flushBytes, overlayBytesMax, keptMax) => {
        const options = { flushIntervalMs: 40, flushBytes, overlayBytesMax };
        const world = new World(await makeFixture(), { options, keptMax });
        try {
          await world.start();
          for (const next of steps) await world.take(next);
          world.check();
          await world.take({ kind: 'restart' });
          world.check();
        } finally {
          await world.remove();
        }
      },
    ),
    { numRuns: runs, seed, endOnFailure: !shrink },
  );
}

class World {
  readonly #fixture: LanesFixture;
  readonly #options: VersionStoreOptions;
  /** So many sequence numbers of the past are kept readable; null: nobody asks for that. */
  readonly #keptMax: number | null;
  readonly #log: Publication[] = [];
  #store!: VersionStore;
  #snapshots: { readonly sequenceNumber: SequenceNumber; release(): void }[] = [];
  #verdictsDurableUpTo = 0;
  /** Which table ids are in use; a cleared one is never used again. */
  readonly #tableIds = Array.from({ length: TABLES }, (_, i) => i);

  constructor(
    fixture: LanesFixture,
    { options, keptMax }: { readonly options: VersionStoreOptions; readonly keptMax: number | null },
  ) {
    this.#fixture = fixture;
    this.#options = options;
    this.#keptMax = keptMax;
  }

  async start(): Promise<void> {
    const lanes = await this.#fixture.open();
    const { clock } = this.#fixture;
    this.#snapshots = [];
    this.#store = new VersionStore({
      lanes: lanes.map((lane, number) => this.#watched(lane, { number, count: lanes.length })),
      clock,
      options: this.#options,
      makeVerdictsDurable: (upTo, done) =>
        clock.schedule(7, () => {
          this.#verdictsDurableUpTo = Math.max(this.#verdictsDurableUpTo, upTo);
          done(null);
        }),
      failed: (error) => {
        throw error;
      },
    });
    assert.equal(this.#store.appliedUpTo, Math.min(...lanes.map((lane) => lane.flushedUpTo)));
    if (this.#keptMax !== null) this.#store.keepFrom(this.#store.highestLanePoint);
    while (this.#store.appliedUpTo < this.#log.length) {
      const { writes, clear } = this.#log[this.#store.appliedUpTo]!;
      this.#store.publish(this.#store.appliedUpTo + 1, writes, clear);
      this.#keep();
      if (this.#store.appliedUpTo % 7 === 0) await this.#pass(5);
    }
  }

  async take(next: Step): Promise<void> {
    switch (next.kind) {
      case 'publish':
        return this.#publish(next.writes, next.clear);
      case 'publish-large':
        return this.#publishLarge(next.writes, next.checks);
      case 'settle':
        return this.#store.settle(next.rows);
      case 'read-one':
        return this.#readOne(next.key);
      case 'acquire':
        return this.#acquire(next.back);
      case 'release':
        return this.#release(next.which);
      case 'read':
        return this.check();
      case 'pass':
        return this.#pass(next.ms);
      case 'flush':
        return this.#flush();
      case 'crash':
        await this.#fixture.crash();
        return this.start();
      case 'restart':
        await this.#close();
        return this.start();
    }
  }

  /** Every key, and everything in order, at every snapshot that is held, at every number that is kept, and now. */
  check(): void {
    const snapshots = new Set(this.#snapshots.map((snapshot) => snapshot.sequenceNumber));
    for (let kept = this.#store.keptFrom; kept <= this.#store.appliedUpTo; kept++) snapshots.add(kept);
    for (const snapshot of snapshots) {
      const expected = this.#stateAt(snapshot);
      const keys = [...expected.keys()].sort();
      const rows = keys.map((key) => [key, [...expected.get(key)!]]);
      const scanned = (range: KeyRange, reverse: boolean) =>
        [...this.#store.scan(range, snapshot, reverse)].map(([key, image]) => [key, [...image]]);
      assert.deepEqual(scanned(EVERYTHING, false), rows, `scan at ${snapshot}`);
      assert.deepEqual(scanned(EVERYTHING, true), rows.toReversed(), `scan backwards at ${snapshot}`);
      const middle = { from: keyOf(1, 2), to: keyOf(2, 3) };
      const within = rows.filter(([key]) => (key as string) >= middle.from && (key as string) < middle.to);
      assert.deepEqual(scanned(middle, false), within, `scan of a range at ${snapshot}`);
      for (const id of this.#tableIds) {
        for (let number = 0; number < KEYS_A_TABLE; number++) {
          const key = keyOf(id, number);
          const image = this.#store.get(key, snapshot);
          assert.deepEqual(
            image && [...image],
            expected.has(key) ? [...expected.get(key)!] : undefined,
            `${key} at ${snapshot}`,
          );
        }
      }
    }
    assert.ok(this.#store.flushedUpTo <= Math.min(...snapshots));
    assert.ok(this.#store.overlayBytes >= 0);
  }

  async remove(): Promise<void> {
    await this.#fixture.crash();
    await this.#fixture.remove();
  }

  /** A lane that is never flushed ahead of the verdicts (H3), and holds its rows as of its flush point. */
  #watched(lane: LaneStore, { number, count }: { readonly number: number; readonly count: number }): LaneStore {
    const checkRows = () => {
      const rows = [...this.#stateAt(lane.flushedUpTo)].filter(([key]) => laneOf(key, count) === number);
      const expected = rows.map(([key, image]) => [key, [...image]]).sort();
      const found = [...lane.scan(EVERYTHING, false)].map(([key, row]) => [key, [...row.image]]).sort();
      assert.deepEqual(found, expected, `rows of lane ${number} at ${lane.flushedUpTo}`);
    };
    const verdictsDurableUpTo = () => this.#verdictsDurableUpTo;
    return {
      get flushedUpTo() {
        return lane.flushedUpTo;
      },
      flush(batch, done) {
        assert.ok(batch.upTo <= verdictsDurableUpTo(), 'verdicts are durable before a lane is flushed');
        lane.flush(batch, done);
      },
      restore: () => assert.fail('a version store restores nothing'),
      renewReadView: () => {
        lane.renewReadView();
        checkRows();
      },
      get: (key) => lane.get(key),
      scan: (range, reverse) => lane.scan(range, reverse),
      close: (done) => lane.close(done),
    };
  }

  #publish(writes: readonly (readonly [number, number | null])[], clear: number | null): void {
    const cleared: KeyRange[] = [];
    if (clear !== null) {
      const id = this.#tableIds[clear]!;
      cleared.push({ from: prefixOf(id), to: prefixOf(id + 1) });
      this.#tableIds[clear] = id + TABLES;
    }
    const publication: Publication = { clear: cleared, writes: this.#writesOf(writes) };
    this.#log.push(publication);
    this.#store.publish(this.#log.length, publication.writes, publication.clear);
    assert.equal(this.#store.appliedUpTo, this.#log.length);
    this.#keep();
  }

  #publishLarge(writes: readonly (readonly [number, number | null])[], checks: number): void {
    const items = this.#writesOf(writes).map(({ key, image }, at): WriteSetItem => {
      if (at < Math.min(checks, writes.length - 1)) return { key, kind: 'check', image: null };
      return { key, kind: image === null ? 'delete' : 'put', image };
    });
    this.#log.push({ clear: [], writes: items.filter(({ kind }) => kind !== 'check') });
    this.#store.settle(Number.POSITIVE_INFINITY);
    assert.ok(this.#store.isSettled);
    const places = new Map(items.map(({ key }, at) => [key, at]));
    this.#store.publishLarge(this.#log.length, { snapshotVersion: 0, writeSet: items, places });
    assert.equal(this.#store.appliedUpTo, this.#log.length);
    this.#keep();
  }

  #readOne(number: number): void {
    const key = keyOf(this.#tableIds[number % TABLES]!, Math.floor(number / TABLES));
    const { appliedUpTo } = this.#store;
    const expected = this.#stateAt(appliedUpTo).get(key);
    const image = this.#store.get(key, appliedUpTo);
    assert.deepEqual(image && [...image], expected && [...expected], `${key} at ${appliedUpTo}`);
  }

  #writesOf(writes: readonly (readonly [number, number | null])[]): readonly Write[] {
    const buffer = new Uint8Array(300);
    return writes.map(([number, value], i) => {
      const key = keyOf(this.#tableIds[number % TABLES]!, Math.floor(number / TABLES));
      if (value === null) return { key, image: null };
      buffer[i * 2] = value;
      return { key, image: buffer.subarray(i * 2, i * 2 + 2) };
    });
  }

  #keep(): void {
    if (this.#keptMax === null) return;
    const { appliedUpTo, keptFrom } = this.#store;
    const isLetGo = this.#store.isOverloaded && appliedUpTo >= this.#store.highestLanePoint;
    this.#store.keepFrom(
      isLetGo ? appliedUpTo : Math.max(keptFrom, this.#store.highestLanePoint, appliedUpTo - this.#keptMax),
    );
  }

  #acquire(back: number): void {
    const { keptFrom, appliedUpTo } = this.#store;
    const sequenceNumber = appliedUpTo - (back % (appliedUpTo - keptFrom + 1));
    const ended = () => {
      assert.ok(this.#snapshots.includes(held));
      this.#snapshots = this.#snapshots.filter((other) => other !== held);
    };
    const held = back === 0 ? this.#store.acquireSnapshot(ended) : this.#store.acquireSnapshotAt(sequenceNumber, ended);
    assert.equal(held.sequenceNumber, sequenceNumber);
    this.#snapshots.push(held);
  }

  #release(which: number): void {
    if (this.#snapshots.length === 0) return;
    const [held] = this.#snapshots.splice(which % this.#snapshots.length, 1);
    held!.release();
    held!.release();
  }

  async #pass(ms: number): Promise<void> {
    for (let i = 0; i <= ms; i += 5) {
      this.#fixture.clock.advance(5);
      await this.#fixture.turn();
    }
  }

  async #until(isDone: () => boolean): Promise<void> {
    for (let i = 0; !isDone(); i++) {
      assert.ok(i < 100_000, 'what was begun is answered');
      await this.#pass(5);
    }
  }

  async #flush(): Promise<void> {
    const oldest = Math.min(this.#store.keptFrom, ...this.#snapshots.map(({ sequenceNumber }) => sequenceNumber));
    const areNoneHeld = oldest === this.#log.length;
    let isDone = false;
    this.#store.flushNow(() => {
      isDone = true;
    });
    await this.#until(() => isDone);
    assert.ok(this.#store.flushedUpTo >= oldest, 'flushed up to the oldest snapshot');
    if (areNoneHeld) assert.equal(this.#store.overlayRows, 0);
  }

  async #close(): Promise<void> {
    let isClosed = false;
    this.#store.close(() => {
      isClosed = true;
    });
    await this.#until(() => isClosed);
  }

  #stateAt(snapshot: SequenceNumber): Map<RowKey, Uint8Array> {
    const rows = new Map<RowKey, Uint8Array>();
    for (const { writes, clear } of this.#log.slice(0, snapshot)) {
      for (const { from, to } of clear) {
        for (const key of rows.keys()) if (key >= from && key < to) rows.delete(key);
      }
      for (const { key, image } of writes) {
        if (image === null) rows.delete(key);
        else rows.set(key, image);
      }
    }
    return rows;
  }
}

function prefixOf(tableId: number): RowKey {
  return `\0\0${String.fromCharCode(tableId >> 8, tableId & 0xff)}`;
}

function keyOf(tableId: number, number: number): RowKey {
  return prefixOf(tableId) + String.fromCharCode(number);
}
