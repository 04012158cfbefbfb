import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogEntry } from '../types.ts';
import type { SegmentLog, SegmentLogOptions } from './segment-log.ts';
import { assertHolds, durableNumbers, entryOf, NO_CLAIM, opened, TINY } from './testing/log-fixtures.ts';
import { MemoryDisk } from './testing/memory-disk.ts';

const OPTIONS: SegmentLogOptions = { ...TINY, segmentBytes: 8192 };

test('R16: without space for the next segment nothing fails: what fits is written, the rest waits and is told when there is room again', () => {
  const { disk, log, rooms, durable } = fullDisk();
  const errors: string[] = [];
  log.onFailed = (error) => errors.push(error.code);
  const expected: LogEntry[] = [];
  for (let i = 1; i <= 12; i++) {
    expected.push(entryOf(i, 1, 700));
    log.persist({ number: i, hardState: null, entries: [expected.at(-1)!] });
    disk.finishAll();
  }
  assert.deepEqual([rooms, log.hasRoom, log.status.hasRoom, errors], [[false], false, false, []]);
  const written = durable.at(-1)!;
  assert.ok(written >= 5 && written < 12);
  assertHolds(opened(new MemoryDisk(disk.durable), OPTIONS), expected.slice(0, written), NO_CLAIM);
  assert.deepEqual(log.entries(1, 12, Infinity), expected, 'reads go on');

  log.retryRoom();
  disk.finishAll();
  assert.deepEqual([rooms, durable.at(-1)], [[false], written]);
  disk.roomBytes = 10 * OPTIONS.segmentBytes;
  log.retryRoom();
  disk.finishAll();
  assert.deepEqual([rooms, log.hasRoom, durable.at(-1), errors], [[false, true], true, 12, []]);
  assertHolds(opened(new MemoryDisk(disk.durable), OPTIONS), expected, NO_CLAIM);
});

test('R16: the half-made file of a segment is removed, and no other is tried for until asked', () => {
  const { disk, log, rooms } = fullDisk();
  for (let i = 1; i <= 6; i++) log.persist({ number: i, hardState: null, entries: [entryOf(i, 1, 700)] });
  disk.finishAll();
  assert.deepEqual(rooms, [false]);
  assert.deepEqual(disk.list(), ['log-0000000000000001.segment']);
  for (let i = 7; i <= 9; i++) log.persist({ number: i, hardState: null, entries: [entryOf(i, 1, 700)] });
  assert.ok(disk.pendingWrites.length <= 1);
  disk.finishAll();
  assert.ok(disk.isIdle);
});

test('R16: votes are written though entries wait, into the reserve, and are there after a crash', () => {
  const { disk, log, durable } = fullDisk();
  const ahead: number[] = [];
  log.onHardStateDurable = (number) => ahead.push(number);
  const expected: LogEntry[] = [];
  for (let i = 1; i <= 12; i++) {
    expected.push(entryOf(i, 1, 700));
    log.persist({ number: i, hardState: null, entries: [expected.at(-1)!] });
  }
  disk.finishAll();
  const written = durable.at(-1)!;
  const vote = { term: 5, votedFor: 2, claim: null };
  log.persist({ number: 13, hardState: vote, entries: [] });
  disk.finishAll();
  assert.deepEqual([ahead, durable.at(-1)], [[13], written]);
  assertHolds(opened(new MemoryDisk(disk.durable), OPTIONS), expected.slice(0, written), vote);
  // As long as the reserve lasts, and never over its end.
  for (let number = 14; number <= 30; number++) {
    log.persist({ number, hardState: { ...vote, term: number }, entries: [] });
    disk.finishAll();
  }
  assert.ok(ahead.length >= 2 && ahead.length < 8, `${ahead.length} votes`);
  assert.equal(disk.durable.get('log-0000000000000001.segment')!.length, OPTIONS.segmentBytes);
  disk.roomBytes = 10 * OPTIONS.segmentBytes;
  log.retryRoom();
  disk.finishAll();
  assert.equal(durable.at(-1), 30);
  assertHolds(opened(new MemoryDisk(disk.durable), OPTIONS), expected, { ...vote, term: 30 });
});

test('R16: a hard state that overtook entries is not taken back by an older one behind them', () => {
  const { disk, log, durable } = fullDisk();
  for (let i = 1; i <= 12; i++) {
    const hardState = { term: i, votedFor: null, claim: null };
    log.persist({ number: i, hardState, entries: [entryOf(i, 1, 700)] });
  }
  disk.finishAll();
  const newest = { term: 12, votedFor: null, claim: null };
  assert.deepEqual(opened(new MemoryDisk(disk.durable), OPTIONS).hardState, newest);
  disk.roomBytes = 10 * OPTIONS.segmentBytes;
  log.retryRoom();
  while (!disk.isIdle) {
    disk.finishOne();
    assert.deepEqual(opened(new MemoryDisk(disk.durable), OPTIONS).hardState, newest);
  }
  assert.equal(durable.at(-1), 12);
});

test('R16: with room again, a loss of power behind any block of the entries that waited leaves these, and the vote that overtook them', () => {
  const { disk, log, durable } = fullDisk();
  const expected = Array.from({ length: 12 }, (_, i) => entryOf(i + 1, 1, 700));
  for (const [i, entry] of expected.entries()) log.persist({ number: i + 1, hardState: null, entries: [entry] });
  const vote = { term: 5, votedFor: 2, claim: null };
  log.persist({ number: 13, hardState: vote, entries: [] });
  disk.finishAll();
  disk.roomBytes = 10 * OPTIONS.segmentBytes;
  log.retryRoom();
  const told = durable.at(-1)!;
  while (!disk.isIdle) {
    const before = disk.afterCrash(() => false);
    assertHolds(opened(before, OPTIONS), expected.slice(0, durable.at(-1)), vote);
    const after = disk.afterCrash(() => true);
    const behind = opened(after, OPTIONS);
    assertHolds(behind, expected.slice(0, behind.lastIndex), vote);
    assert.equal(behind.lastIndex > durable.at(-1)!, disk.pendingWrites.length > 0 && durable.at(-1)! < 12);
    disk.finishOne();
  }
  assert.ok(told < 12 && durable.at(-1) === 13);
});

test('R16: a full disk is left and entered again without anything lost, and closing does not wait for room', () => {
  const { disk, log, durable } = fullDisk();
  const expected = Array.from({ length: 12 }, (_, i) => entryOf(i + 1, 1, 700));
  for (const [i, entry] of expected.entries()) log.persist({ number: i + 1, hardState: null, entries: [entry] });
  disk.finishAll();
  let closed = 0;
  log.close(() => closed++);
  disk.finishAll();
  assert.equal(closed, 1);
  const again = new MemoryDisk(disk.durable);
  again.roomBytes = 0;
  const full = opened(again, OPTIONS);
  const rooms: boolean[] = [];
  full.onRoomChanged = (hasRoom) => rooms.push(hasRoom);
  again.finishAll();
  assert.deepEqual(rooms, [false]);
  assertHolds(full, expected.slice(0, durable.at(-1)), NO_CLAIM);
});

test('R16: closing ends also where room is being tried for, and there is none again', () => {
  const { disk, log, rooms, durable } = fullDisk();
  for (let i = 1; i <= 12; i++) log.persist({ number: i, hardState: null, entries: [entryOf(i, 1, 700)] });
  disk.finishAll();
  log.retryRoom();
  assert.ok(disk.isCreating);
  let closed = 0;
  log.close(() => closed++);
  disk.finishAll();
  assert.deepEqual([closed, rooms, disk.isIdle], [1, [false], true]);
  assert.ok(durable.at(-1)! < 12);
});

test('a block that is larger than a segment gets a file of its size, or waits for room for it', () => {
  const { disk, log, rooms, durable } = fullDisk();
  disk.roomBytes = OPTIONS.segmentBytes + 100;
  log.persist({ number: 1, hardState: null, entries: [entryOf(1, 1, 50_000)] });
  disk.finishAll();
  assert.deepEqual([rooms, durable], [[false], []]);
  disk.roomBytes = 100_000;
  log.retryRoom();
  disk.finishAll();
  assert.deepEqual([rooms, durable], [[false, true], [1]]);
  assertHolds(opened(new MemoryDisk(disk.durable), OPTIONS), [entryOf(1, 1, 50_000)], NO_CLAIM);
});

test('R14: an error of a write, and any of a file to be made but for room, is final', () => {
  for (const step of ['create', 'write']) {
    const disk = new MemoryDisk();
    const log = opened(disk);
    const errors: string[] = [];
    log.onFailed = (error) => errors.push(error.code);
    if (step === 'write') disk.finishAll();
    log.persist({ number: 1, hardState: null, entries: [entryOf(1, 1, 50)] });
    disk.failEverything();
    disk.finishAll();
    log.retryRoom();
    log.seal();
    assert.deepEqual([errors, disk.isIdle], [['IO'], true]);
  }
});

/** A log with its first segment made and no room for a second. */
function fullDisk(): { disk: MemoryDisk; log: SegmentLog; rooms: boolean[]; durable: number[] } {
  const disk = new MemoryDisk();
  disk.roomBytes = OPTIONS.segmentBytes;
  const log = opened(disk, OPTIONS);
  disk.finishAll();
  const rooms: boolean[] = [];
  log.onRoomChanged = (hasRoom) => rooms.push(hasRoom);
  return { disk, log, rooms, durable: durableNumbers(log) };
}
