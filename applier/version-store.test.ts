import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../gcs/base/index.ts';
import { laneOf } from './lane-of.ts';
import { MemoryLaneDisk, MemoryLaneStore } from './memory-lane-store.ts';
import { ManualClock } from './testing/manual-clock.ts';
import { checkVersionStore } from './testing/version-store-conformance.ts';
import { VersionStore, type VersionStoreOptions } from './version-store.ts';

const KEY = '\0\0\0\x01k';

for (const laneCount of [1, 2, 4]) {
  test(`over ${laneCount} lanes in memory, every read is what the list of publications says`, async () => {
    let worlds = 0;
    await checkVersionStore(
      async () => {
        const clock = new ManualClock();
        const disks = Array.from({ length: laneCount }, () => new MemoryLaneDisk());
        const random = new SeededRandom(++worlds);
        let lanes: MemoryLaneStore[] = [];
        return {
          clock,
          open: async () => {
            lanes = disks.map((disk) => new MemoryLaneStore({ disk, clock, flushDelayMs: () => random.below(30) }));
            return lanes;
          },
          crash: async () => {
            for (const lane of lanes) lane.crash();
            clock.drop();
          },
          turn: async () => {},
          remove: async () => {},
        };
      },
      { runs: 150, shrink: true },
    );
  });
}

test('the lane of a key never changes', () => {
  assert.deepEqual(
    ['\0\0\0\x01a', '\0\0\0\x01b', '\0\0\0\x02\xff\0', '', '\xff'.repeat(100)].map((key) => laneOf(key, 4)),
    LANES_OF_FOUR,
  );
  assert.equal(laneOf('anything', 1), 0);
});

const LANES_OF_FOUR = [0, 1, 1, 3, 0];

test('a key overwritten a million times under one old reader keeps two versions', () => {
  const { store, clock } = makeStore();
  store.publish(1, [{ key: KEY, image: Uint8Array.of(1) }]);
  const old = store.acquireSnapshot(() => assert.fail('not ended'));
  const image = Uint8Array.of(2);
  for (let n = 2; n <= 1_000_000; n++) store.publish(n, [{ key: KEY, image }]);
  assert.ok(store.overlayBytes < 1000, `${store.overlayBytes} bytes`);
  assert.deepEqual(store.get(KEY, old.sequenceNumber), Uint8Array.of(1));
  assert.deepEqual(store.get(KEY, store.appliedUpTo), Uint8Array.of(2));
  clock.advance(100);
  assert.deepEqual(store.get(KEY, old.sequenceNumber), Uint8Array.of(1));
});

test('a version in the middle goes when its reader has gone and the row is written again', () => {
  const { store } = makeStore();
  store.publish(1, [{ key: KEY, image: Uint8Array.of(1) }]);
  const first = store.acquireSnapshot(() => {});
  store.publish(2, [{ key: KEY, image: Uint8Array.of(2) }]);
  const second = store.acquireSnapshot(() => {});
  store.publish(3, [{ key: KEY, image: Uint8Array.of(3) }]);
  const withThree = store.overlayBytes;
  second.release();
  store.publish(4, [{ key: KEY, image: Uint8Array.of(4) }]);
  assert.ok(store.overlayBytes < withThree);
  assert.deepEqual(store.get(KEY, first.sequenceNumber), Uint8Array.of(1));
});

test('a flushed version leaves the overlay only after the read view of its lane is renewed', () => {
  const { store, clock, lanes } = makeStore();
  const lane = lanes[0]!;
  const renew = lane.renewReadView.bind(lane);
  let wasThere = false;
  lane.renewReadView = () => {
    wasThere = store.overlayRows === 1;
    renew();
    assert.deepEqual(lane.get(KEY)?.image, Uint8Array.of(1));
  };
  store.publish(1, [{ key: KEY, image: Uint8Array.of(1) }]);
  clock.advance(200);
  assert.ok(wasThere);
  assert.equal(store.overlayRows, 0);
  assert.equal(store.flushedUpTo, 1);
  assert.deepEqual(store.get(KEY, 1), Uint8Array.of(1));
});

test('a row written a thousand times between two rounds is written once', () => {
  const { store, clock, lanes } = makeStore();
  let rows = 0;
  const lane = lanes[0]!;
  const flush = lane.flush.bind(lane);
  lane.flush = (batch, done) => {
    rows += batch.rows.length;
    flush(batch, done);
  };
  for (let n = 1; n <= 1000; n++) store.publish(n, [{ key: KEY, image: Uint8Array.of(n & 0xff) }]);
  clock.advance(500);
  assert.equal(rows, 1);
  assert.equal(store.flushedUpTo, 1000);
});

test('every lane gets every round, with or without rows, so that all flush points move', () => {
  const { store, clock, lanes } = makeStore({ laneCount: 4 });
  store.publish(1, [{ key: KEY, image: Uint8Array.of(1) }]);
  clock.advance(200);
  assert.deepEqual(
    lanes.map((lane) => lane.flushedUpTo),
    [1, 1, 1, 1],
  );
  assert.ok(clock.isIdle, 'nothing is scheduled when all is flushed');
});

test('a held snapshot keeps its rows out of the base, and its release lets them through', () => {
  const { store, clock } = makeStore();
  store.publish(1, [{ key: KEY, image: Uint8Array.of(1) }]);
  const held = store.acquireSnapshot(() => {});
  store.publish(2, [{ key: KEY, image: Uint8Array.of(2) }]);
  clock.advance(1000);
  assert.equal(store.flushedUpTo, 1);
  assert.deepEqual(store.get(KEY, 1), Uint8Array.of(1));
  held.release();
  clock.advance(1000);
  assert.equal(store.flushedUpTo, 2);
});

test('what is kept of the past is readable at every number, and holds the flush back only so far', () => {
  const { store, clock } = makeStore();
  store.keepFrom(0);
  for (let n = 1; n <= 100; n++) {
    store.publish(n, [{ key: KEY, image: Uint8Array.of(n) }]);
    store.keepFrom(Math.max(0, n - 10));
    clock.advance(20);
  }
  clock.advance(100);
  assert.deepEqual([store.keptFrom, store.flushedUpTo], [90, 90]);
  for (let n = 90; n <= 100; n++) assert.deepEqual(store.get(KEY, n), Uint8Array.of(n));
  const past = store.acquireSnapshotAt(93, () => assert.fail('not ended'));
  store.keepFrom(100);
  clock.advance(100);
  assert.equal(store.flushedUpTo, 93);
  assert.deepEqual(store.get(KEY, 93), Uint8Array.of(93));
  past.release();
  clock.advance(100);
  assert.deepEqual([store.flushedUpTo, store.overlayRows], [100, 0]);
});

test('what is kept no more goes from memory even while an old reader holds every flush back', () => {
  const { store, clock } = makeStore();
  store.keepFrom(0);
  store.publish(1, [{ key: KEY, image: Uint8Array.of(1) }]);
  const old = store.acquireSnapshot(() => assert.fail('not ended'));
  let bytesMax = 0;
  for (let n = 2; n <= 10_000; n++) {
    store.publish(n, [{ key: KEY, image: Uint8Array.of(n & 0xff) }]);
    store.keepFrom(Math.max(1, n - 10));
    if (n % 100 === 0) clock.advance(50);
    bytesMax = Math.max(bytesMax, store.overlayBytes);
  }
  assert.ok(bytesMax < 50_000, `${bytesMax} bytes`);
  assert.deepEqual(store.get(KEY, old.sequenceNumber), Uint8Array.of(1));
});

test('above the bound of the overlay the oldest snapshots are ended, and the overload passes', () => {
  const { store, clock } = makeStore({ options: { overlayBytesMax: 100_000 } });
  const ended: number[] = [];
  for (let n = 1; n <= 200; n++) {
    store.publish(n, [{ key: KEY + n, image: new Uint8Array(1000) }]);
    if (n % 50 === 1) {
      const held = store.acquireSnapshot(() => {
        ended.push(held.sequenceNumber);
        held.release();
      });
    }
  }
  assert.equal(store.isOverloaded, true);
  assert.deepEqual(ended, [], 'no snapshot is ended in the middle of a publication');
  clock.advance(1000);
  assert.equal(store.isOverloaded, false);
  assert.deepEqual(ended, [1, 51, 101]);
  assert.equal(store.flushedUpTo, 151);
});

test('above the bound the past that is kept gives way before any snapshot does', () => {
  const { store, clock } = makeStore({ options: { overlayBytesMax: 100_000 } });
  store.keepFrom(0);
  for (let n = 1; n <= 100; n++) store.publish(n, [{ key: KEY + n, image: new Uint8Array(1000) }]);
  store.acquireSnapshot(() => assert.fail('not ended'));
  clock.advance(1000);
  assert.deepEqual([store.isOverloaded, store.flushedUpTo], [true, 0]);
  store.keepFrom(100);
  clock.advance(20);
  assert.deepEqual([store.isOverloaded, store.flushedUpTo], [false, 100], 'at once');
});

test('a failed flush is reported once, and whoever waits is not kept waiting', () => {
  const { store, clock, lanes, failures } = makeStore({ laneCount: 2 });
  for (const lane of lanes) lane.flush = (_batch, done) => clock.schedule(1, () => done(new Error('disk')));
  store.publish(1, [{ key: KEY, image: Uint8Array.of(1) }]);
  let isDone = false;
  store.flushNow(() => {
    isDone = true;
  });
  clock.advance(1000);
  assert.equal(failures.length, 1);
  assert.ok(isDone);
  assert.equal(store.flushedUpTo, 0);
});

test('near the bound, small images move out of their large buffers before any snapshot is ended', () => {
  const { store, clock } = makeStore({ options: { overlayBytesMax: 2_500_000 } });
  store.publish(1, []);
  store.acquireSnapshot(() => assert.fail('not ended'));
  for (let n = 2; n <= 10; n++) {
    store.publish(n, [{ key: KEY + n, image: new Uint8Array(1_000_000).fill(n).subarray(500, 540) }]);
    clock.advance(100);
    assert.equal(store.isOverloaded, false);
  }
  for (let n = 2; n <= 10; n++) assert.deepEqual(store.get(KEY + n, 10), new Uint8Array(40).fill(n));
});

interface Parts {
  readonly laneCount?: number;
  readonly options?: Partial<VersionStoreOptions>;
}

test('a round comes to its end however fast new rows are published meanwhile', () => {
  const { store, clock, lanes } = makeStore();
  const [lane] = lanes;
  const flush = lane!.flush.bind(lane);
  let isHandedOver = false;
  lane!.flush = (batch, done) => {
    isHandedOver = true;
    flush(batch, done);
  };
  const publishMany = (): void => {
    const writes = Array.from({ length: 700 }, (_, i) => ({
      key: `\0\0\0\x01${store.appliedUpTo}-${i}`,
      image: Uint8Array.of(1),
    }));
    store.publish(store.appliedUpTo + 1, writes);
  };
  for (let n = 0; n < 10; n++) publishMany();
  // More new rows in every turn than a round takes in its first slice.
  let turns = 0;
  const publishEachTurn = (): void => {
    if (isHandedOver || ++turns > 200) return;
    publishMany();
    clock.schedule(0, publishEachTurn);
  };
  clock.schedule(52, publishEachTurn);
  clock.advance(100);
  assert.ok(store.flushedUpTo >= 10 && turns < 100, `${turns} turns`);
});

test('R16: a flush round waits for room, everything stays readable, and it goes on by itself', () => {
  const { store, clock, disks, failures } = makeStore({ laneCount: 2 });
  const rooms: boolean[] = [];
  store.onRoomChanged = (hasRoom) => rooms.push(hasRoom);
  const publish = (): void => {
    const n = store.appliedUpTo + 1;
    store.publish(
      n,
      Array.from({ length: 4 }, (_, i) => ({ key: `\0\0\0\x01${i}`, image: Uint8Array.of(n) })),
    );
  };
  publish();
  clock.advance(100);
  assert.equal(store.flushedUpTo, 1);
  disks[1]!.hasRoom = false;
  publish();
  clock.advance(5000);
  publish();
  assert.deepEqual(rooms, [false]);
  assert.equal(store.flushedUpTo, 1);
  assert.equal(disks[1]!.flushedUpTo, 1);
  for (let i = 0; i < 4; i++) assert.deepEqual(store.get(`\0\0\0\x01${i}`, 3), Uint8Array.of(3));
  let isDone = false;
  store.flushNow(() => {
    isDone = true;
  });
  clock.advance(1);
  assert.ok(isDone, 'who wants to stop does not wait for room');
  disks[1]!.hasRoom = true;
  clock.advance(2000);
  assert.deepEqual(rooms, [false, true]);
  assert.equal(store.flushedUpTo, 3);
  assert.deepEqual(failures, []);
  for (let i = 0; i < 4; i++) assert.deepEqual(store.get(`\0\0\0\x01${i}`, 3), Uint8Array.of(3));
});

test('R16: a store whose round waits for room is closed', () => {
  const { store, clock, disks } = makeStore({ laneCount: 2 });
  disks[0]!.hasRoom = false;
  store.publish(1, [{ key: '\0\0\0\x01a', image: Uint8Array.of(1) }]);
  clock.advance(500);
  assert.equal(store.hasRoom, false);
  let isClosed = false;
  store.close(() => {
    isClosed = true;
  });
  clock.advance(5000);
  assert.ok(isClosed);
});

test('what takes its place behind a large publication hurries the next round, too', () => {
  const { store, clock } = makeStore({ options: { flushIntervalMs: 10_000, flushBytes: 50_000 } });
  const writeSet = Array.from(
    { length: 1000 },
    (_, i) => ({ kind: 'put', key: `\0\0\0\x01${String(i).padStart(4, '0')}`, image: Uint8Array.of(1) }) as const,
  );
  const places = new Map(writeSet.map(({ key }, i) => [key, i]));
  store.publishLarge(1, { snapshotVersion: 0, writeSet, places });
  store.settle(100);
  clock.advance(100);
  assert.equal(store.flushedUpTo, 0, 'there is little of it');
  store.settle(900);
  clock.advance(100);
  assert.equal(store.flushedUpTo, 1);
});

function makeStore({ laneCount = 1, options = {} }: Parts = {}) {
  const clock = new ManualClock();
  const disks = Array.from({ length: laneCount }, () => new MemoryLaneDisk());
  const lanes = disks.map((disk) => new MemoryLaneStore({ disk, clock, flushDelayMs: () => 3 }));
  const failures: Error[] = [];
  const store = new VersionStore({
    lanes,
    clock,
    options: { flushIntervalMs: 50, flushBytes: 1 << 24, overlayBytesMax: 1 << 28, ...options },
    makeVerdictsDurable: (_upTo, done) => clock.schedule(2, () => done(null)),
    failed: (error) => failures.push(error),
  });
  return { store, clock, lanes, disks, failures };
}
