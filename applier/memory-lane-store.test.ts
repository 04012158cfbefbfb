import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryLaneDisk, MemoryLaneStore } from './memory-lane-store.ts';
import { describeLaneStore } from './testing/lane-store-conformance.ts';
import { ManualClock } from './testing/manual-clock.ts';

describeLaneStore('memory lane', async () => {
  const clock = new ManualClock();
  const disk = new MemoryLaneDisk();
  return {
    open: async () => new MemoryLaneStore({ disk, clock, flushDelayMs: () => 5 }),
    until: async (isDone) => {
      for (let i = 0; i < 100 && !isDone(); i++) clock.advance(1);
      assert.ok(isDone());
    },
    remove: async () => {},
    setRoom: (hasRoom) => {
      disk.hasRoom = hasRoom;
    },
  };
});

for (const crashAtMs of [0, 9, 10, 15, 19, 20]) {
  test(`memory lane: a crash ${crashAtMs} ms into a flush loses all of it or nothing`, () => {
    const clock = new ManualClock();
    const disk = new MemoryLaneDisk();
    const lane = new MemoryLaneStore({ disk, clock, flushDelayMs: () => 10 });
    let isDone = false;
    const image = Uint8Array.of(1);
    lane.flush({ upTo: 1, clear: [], rows: [{ key: '\0\0\0\x01a', sequenceNumber: 1, image }] }, () => {
      isDone = true;
    });
    clock.advance(crashAtMs);
    lane.crash();
    clock.advance(100);
    assert.equal(isDone, crashAtMs >= 20);
    const after = new MemoryLaneStore({ disk, clock, flushDelayMs: () => 10 });
    assert.equal(after.flushedUpTo, crashAtMs >= 10 ? 1 : 0);
    assert.equal(after.get('\0\0\0\x01a') !== undefined, crashAtMs >= 10);
  });
}
