import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InvariantViolation } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import { decodeBlock, SEGMENT_HEADER_BYTES, segmentName, segmentSeed } from './format.ts';
import { DamagedRecord, SEGMENT_LOG_DEFAULTS } from './segment-log.ts';
import {
  assertHolds,
  durableNumbers,
  entryOf,
  finishCreates,
  firstSegment,
  indexOfBytes,
  isSame,
  MEMBER,
  type Model,
  opened,
  TINY,
  threeBlocks,
} from './testing/log-fixtures.ts';
import { MemoryDisk, sectorsOf } from './testing/memory-disk.ts';

test('a new directory gives an empty log', () => {
  const log = opened(new MemoryDisk());
  assert.equal(log.lastIndex, 0);
  assert.equal(log.termAt(0), 0);
  assert.deepEqual(log.hardState, { term: 0, votedFor: null, claim: null });
  assert.deepEqual(log.lastMessagesAt(0), new Map());
});

test('R23: a number that the format has no room for is never written as another one', () => {
  for (const wrong of [{ term: 2 ** 48 }, { messageNumber: 2 ** 48 }, { incarnation: 2 ** 52 }]) {
    const disk = new MemoryDisk();
    const log = opened(disk);
    disk.finishAll();
    const entries = [{ ...entryOf(1, 1, 10), ...wrong }];
    assert.throws(() => log.persist({ number: 1, hardState: null, entries }), InvariantViolation);
  }
  const disk = new MemoryDisk();
  const log = opened(disk);
  disk.finishAll();
  const hardState = { term: 2 ** 48, votedFor: null, claim: null };
  assert.throws(() => log.persist({ number: 1, hardState, entries: [] }), InvariantViolation);
});

test('members may come and go for ever: the stays of a group are more than 16 bits count', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  const origins = [0xffff, 0x10000, 0xffff_fffe];
  const entries = origins.map((origin, i) => ({ ...entryOf(i + 1, 1, 10), origin, messageNumber: 1 }));
  const hardState = { term: 1, votedFor: 0xffff_fffe, claim: null };
  log.persist({ number: 1, hardState, entries });
  disk.finishAll();
  for (const each of [log, opened(new MemoryDisk(disk.durable))]) {
    assertHolds(each, entries, hardState);
    assert.deepEqual([...each.lastMessagesAt(3).keys()], origins);
  }
});

test('what is asked for is visible at once, durable in a later turn, and there after a restart', () => {
  const disk = new MemoryDisk();
  const log = opened(disk, SEGMENT_LOG_DEFAULTS);
  const durable = durableNumbers(log);
  const entries = [entryOf(1, 1, 10), entryOf(2, 1, 0), entryOf(3, 4, 70_000), entryOf(4, 4, 4096)];
  log.persist({ number: 1, hardState: { term: 4, votedFor: 2, claim: null }, entries });
  assert.deepEqual(log.entries(1, 4, Infinity), entries);
  assert.deepEqual(log.hardState, { term: 4, votedFor: 2, claim: null });
  assert.deepEqual(durable, []);
  disk.finishAll();
  assert.deepEqual(durable, [1]);
  assertHolds(opened(new MemoryDisk(disk.durable)), entries, { term: 4, votedFor: 2, claim: null });
});

test('all fields of an entry come back, the largest numbers too', () => {
  const disk = new MemoryDisk();
  const entry: LogEntry = {
    index: 1,
    term: 2 ** 48 - 1,
    kind: 'message',
    origin: 65_535,
    incarnation: 2 ** 40,
    messageNumber: 2 ** 48 - 1,
    stampMs: -1.5,
    isCompressed: true,
    payload: Uint8Array.of(1, 2, 3),
  };
  const log = opened(disk);
  log.persist({ number: 1, hardState: null, entries: [entry] });
  disk.finishAll();
  assertHolds(opened(new MemoryDisk(disk.durable)), [entry], { term: 0, votedFor: null, claim: null });
});

test('requests that come while a block is written gather into the next one', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  const durable = durableNumbers(log);
  disk.finishAll();
  for (let i = 1; i <= 5; i++) log.persist({ number: i, hardState: null, entries: [entryOf(i, 1, 20)] });
  assert.equal(disk.pendingWrites.length, 1);
  disk.finishOne();
  assert.deepEqual(durable, [1]);
  disk.finishOne();
  assert.deepEqual(durable, [1, 5]);
  assert.equal(log.status.syncs, 2);
  assert.equal(log.status.writtenEntries, 5);
});

test('a block takes no more than its bound, and a larger request gets a block alone', () => {
  const disk = new MemoryDisk();
  const log = opened(disk, { ...TINY, blockBytesMax: 500 });
  const durable = durableNumbers(log);
  disk.finishAll();
  const sizes = [10, 190, 190, 20_000, 10, 10];
  for (const [i, size] of sizes.entries()) {
    log.persist({ number: i + 1, hardState: null, entries: [entryOf(i + 1, 1, size)] });
  }
  disk.finishAll();
  assert.deepEqual(durable, [1, 3, 4, 6]);
  assertHolds(
    opened(new MemoryDisk(disk.durable)),
    sizes.map((size, i) => entryOf(i + 1, 1, size)),
    { term: 0, votedFor: null, claim: null },
  );
});

test('the next segment is prepared before it is needed, and begins with the hard state', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  const expected: LogEntry[] = [];
  disk.finishAll();
  log.persist({ number: 1, hardState: { term: 3, votedFor: 1, claim: null }, entries: [] });
  disk.finishAll();
  for (let i = 1; i <= 40; i++) {
    expected.push(entryOf(i, 3, 300));
    log.persist({ number: i + 1, hardState: null, entries: [expected.at(-1)!] });
    assert.equal(disk.pendingWrites.length, 1, 'a write begins without waiting for a file');
    disk.finishAll();
  }
  assert.ok(log.status.segments >= 5);
  assert.ok(disk.durable.size - log.status.segments <= 1);
  for (let number = 2; number <= log.status.segments; number++) {
    const segment = disk.durable.get(segmentName(number))!;
    const block = decodeBlock(segment, SEGMENT_HEADER_BYTES, segmentSeed(MEMBER.memberId, number));
    assert.ok(block.kind === 'block');
    assert.deepEqual(block.header.hardState, { term: 3, votedFor: 1, claim: null });
    assert.equal(block.records[0]!.record.kind, 'checkpoint');
  }
  assertHolds(opened(new MemoryDisk(disk.durable)), expected, { term: 3, votedFor: 1, claim: null });
});

test('an entry replaces the one of its index and all behind it, in memory and after a restart', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  log.persist({ number: 1, hardState: null, entries: [1, 2, 3, 4, 5].map((index) => entryOf(index, 1, 50)) });
  disk.finishAll();
  log.persist({ number: 2, hardState: { term: 2, votedFor: null, claim: null }, entries: [entryOf(3, 2, 60)] });
  const expected = [entryOf(1, 1, 50), entryOf(2, 1, 50), entryOf(3, 2, 60)];
  assertHolds(log, expected, { term: 2, votedFor: null, claim: null });
  disk.finishAll();
  assertHolds(log, expected, { term: 2, votedFor: null, claim: null });
  assertHolds(opened(new MemoryDisk(disk.durable)), expected, { term: 2, votedFor: null, claim: null });
});

test('an entry that is replaced while it is being written is never read in its old version', () => {
  const disk = new MemoryDisk();
  const log = opened(disk, { ...TINY, cacheBytesMax: 0 });
  disk.finishAll();
  log.persist({ number: 1, hardState: null, entries: [entryOf(1, 1, 50), entryOf(2, 1, 50)] });
  log.persist({ number: 2, hardState: null, entries: [entryOf(2, 2, 51)] });
  log.persist({ number: 3, hardState: null, entries: [entryOf(2, 3, 52), entryOf(3, 3, 53)] });
  const expected = [entryOf(1, 1, 50), entryOf(2, 3, 52), entryOf(3, 3, 53)];
  assertHolds(log, expected, { term: 0, votedFor: null, claim: null });
  while (!disk.isIdle) {
    disk.finishOne();
    assertHolds(log, expected, { term: 0, votedFor: null, claim: null });
  }
  assert.equal(log.status.cachedBytes, 0);
});

test('many small entries take no more memory than was allowed, and all can be read', () => {
  const disk = new MemoryDisk();
  const log = opened(disk, { ...TINY, cacheBytesMax: 5000 });
  disk.finishAll();
  const entries = Array.from({ length: 200 }, (_, i) => entryOf(i + 1, 1, 1));
  log.persist({ number: 1, hardState: null, entries });
  disk.finishAll();
  const { cachedBytes } = log.status;
  assert(cachedBytes > 2500 && cachedBytes <= 5000, `${cachedBytes}`);
  assertHolds(log, entries, { term: 0, votedFor: null, claim: null });
});

test('entries are cut after the bytes asked for, but there is at least one', () => {
  const disk = new MemoryDisk();
  for (const cacheBytesMax of [0, 500, 5000]) {
    const log = opened(new MemoryDisk(disk.durable), { ...TINY, cacheBytesMax });
    if (log.lastIndex === 0) {
      const first = opened(disk);
      first.persist({ number: 1, hardState: null, entries: [1, 2, 3, 4].map((index) => entryOf(index, 1, 100)) });
      disk.finishAll();
      assert.equal(first.entries(1, 4, 250).length, 2);
      continue;
    }
    assert.deepEqual(log.entries(1, 4, 250), [entryOf(1, 1, 100), entryOf(2, 1, 100)]);
    assert.deepEqual(log.entries(2, 4, 0), [entryOf(2, 1, 100)]);
    assert.deepEqual(log.entries(2, 3, 1e9), [entryOf(2, 1, 100), entryOf(3, 1, 100)]);
  }
});

test('the last message of each member at an index counts what the log holds up to there', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  const message = (index: number, origin: number, incarnation: number, messageNumber: number): LogEntry => ({
    ...entryOf(index, 1, 5),
    origin,
    incarnation,
    messageNumber,
  });
  const noop: LogEntry = { ...entryOf(3, 1, 0), kind: 'noop', origin: 1, messageNumber: 0 };
  log.persist({
    number: 1,
    hardState: null,
    entries: [message(1, 1, 1, 7), message(2, 0, 3, 1), noop, message(4, 1, 2, 1), message(5, 0, 3, 2)],
  });
  log.persist({ number: 2, hardState: null, entries: [message(5, 2, 9, 1)] });
  disk.finishAll();
  for (const each of [log, opened(new MemoryDisk(disk.durable))]) {
    assert.deepEqual(each.lastMessagesAt(0), new Map());
    assert.deepEqual(each.lastMessagesAt(3), new Map([
      [1, { incarnation: 1, messageNumber: 7 }],
      [0, { incarnation: 3, messageNumber: 1 }],
    ])); // biome-ignore format: a table
    assert.deepEqual(each.lastMessagesAt(5), new Map([
      [0, { incarnation: 3, messageNumber: 1 }],
      [1, { incarnation: 2, messageNumber: 1 }],
      [2, { incarnation: 9, messageNumber: 1 }],
    ])); // biome-ignore format: a table
  }
});

test('after an error of the disk nothing is written any more, and the owner is told once', () => {
  for (const step of ['create', 'write']) {
    const disk = new MemoryDisk();
    const log = opened(disk);
    const durable = durableNumbers(log);
    const errors: string[] = [];
    log.onFailed = (error) => errors.push(error.code);
    if (step === 'write') disk.finishAll();
    log.persist({ number: 1, hardState: null, entries: [entryOf(1, 1, 50)] });
    log.persist({ number: 2, hardState: null, entries: [entryOf(2, 1, 50)] });
    disk.failEverything();
    disk.finishAll();
    log.persist({ number: 3, hardState: null, entries: [entryOf(3, 1, 50)] });
    assert.deepEqual([errors, durable, disk.isIdle], [['IO'], [], true]);
    let closed = 0;
    log.close(() => closed++);
    assert.equal(closed, 1);
  }
});

test('closing writes what was asked for first', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  const durable = durableNumbers(log);
  for (let i = 1; i <= 30; i++) log.persist({ number: i, hardState: null, entries: [entryOf(i, 1, 600)] });
  let closed = 0;
  log.close(() => closed++);
  assert.equal(closed, 0);
  disk.finishAll();
  assert.equal(closed, 1);
  assert.equal(durable.at(-1), 30);
});

test('an entry whose bytes rotted since it was written is reported, never handed out', () => {
  const disk = threeBlocks();
  const log = opened(disk, { ...TINY, cacheBytesMax: 0 });
  const file = disk.open(firstSegment);
  const at = indexOfBytes(file.read(0, 4096), entryOf(2, 1, 700).payload);
  file.write(at, [Uint8Array.of(0xff)], () => {});
  disk.finishAll();
  assert.deepEqual(log.entries(1, 1, 1e9), [entryOf(1, 1, 40)]);
  assert.throws(
    () => log.entries(2, 2, 1e9),
    (error) => error instanceof DamagedRecord && error.index === 2,
  );
});

test('each torn subset of the sectors of the last write leaves all that was durable, and the unfinished block whole or not at all', () => {
  let images = 0;
  let survivals = 0;
  for (const before of [0, 1, 2, 6]) {
    for (const size of [0, 30, 403, 418, 500, 1800, 2600]) {
      const disk = new MemoryDisk();
      const log = opened(disk);
      disk.finishAll();
      const expected: LogEntry[] = [];
      for (let i = 1; i <= before; i++) {
        expected.push(entryOf(i, i, 400));
        log.persist({ number: i, hardState: { term: i, votedFor: 0, claim: null }, entries: [expected.at(-1)!] });
        disk.finishAll();
      }
      const last = [entryOf(before + 1, 9, size), entryOf(before + 2, 9, 20)];
      log.persist({ number: before + 1, hardState: { term: 9, votedFor: 1, claim: null }, entries: last });
      finishCreates(disk);
      const sectors = sectorsOf(disk.pendingWrites[0]!);
      const isFirst = disk.pendingWrites[0]!.offset === 0;
      const durableState = { term: before, votedFor: before === 0 ? null : 0, claim: null };
      for (let subset = 0; subset < 2 ** sectors; subset++) {
        const crashed = disk.afterCrash((_, sector) => (subset >> sector) % 2 === 1);
        const survivor = opened(crashed);
        images++;
        if (survivor.lastIndex > before) {
          survivals++;
          // The segment's header says nothing that the block does not.
          assert.equal(isFirst ? subset | 1 : subset, 2 ** sectors - 1);
          assertHolds(survivor, [...expected, ...last], { term: 9, votedFor: 1, claim: null });
        } else {
          assertHolds(survivor, expected, durableState);
        }
        // Other entries of the same sizes in the same place, torn again in each way: never a mixture.
        const rival = [entryOf(before + 1, 12, size), entryOf(before + 2, 12, 20)];
        const kept = survivor.lastIndex > before ? last : [];
        survivor.persist({ number: 1, hardState: { term: 12, votedFor: 2, claim: null }, entries: rival });
        finishCreates(crashed);
        for (let second = 0; sectors <= 4 && second < 2 ** sectorsOf(crashed.pendingWrites[0]!); second++) {
          const again = opened(crashed.afterCrash((_, sector) => (second >> sector) % 2 === 1));
          const isNew = again.lastIndex > before && again.termAt(before + 1) === 12;
          // An attempt that was cut at the first restart may come back whole: it was written once, and never denied.
          const isOld = again.lastIndex > before && again.termAt(before + 1) === 9;
          const tail = isNew ? rival : isOld ? last : kept;
          assertHolds(again, [...expected, ...tail], again.hardState);
        }
        crashed.finishAll();
        assertHolds(opened(new MemoryDisk(crashed.durable)), [...expected, ...rival], {
          term: 12,
          votedFor: 2,
          claim: null,
        });
      }
    }
  }
  assert.ok(images > 500 && survivals > 10);
});

test('a smaller block over a torn larger one leaves nothing of it behind', () => {
  const disk = threeBlocks();
  const log = opened(disk);
  log.persist({ number: 1, hardState: null, entries: [entryOf(4, 1, 1000)] });
  const crashed = disk.afterCrash((_, sector) => sector !== 1);
  const again = opened(crashed);
  assert.equal(again.lastIndex, 3);
  again.persist({ number: 1, hardState: null, entries: [entryOf(4, 1, 3)] });
  crashed.finishAll();
  const end = again.status.bytes;
  assert.ok(
    crashed.durable
      .get(firstSegment)!
      .subarray(end)
      .every((byte) => byte === 0),
  );
});

test('a crash around a new segment loses nothing: file missing, short, empty, header alone, left over', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  const expected: LogEntry[] = [];
  let crashes = 0;
  const crashEverywhere = (): void => {
    for (const created of [null, 0, 100, 512, 4096]) {
      for (const survivor of [0, 1, 2, 3]) {
        const crashed = disk.afterCrash((_, sector) => sector < survivor, () => created); // biome-ignore format: one line
        const again = opened(crashed);
        assert.ok(again.lastIndex >= durableUpTo);
        const atLeast = expected.slice(0, again.lastIndex);
        assertHolds(again, atLeast, again.hardState);
        const more = entryOf(again.lastIndex + 1, 7, 900);
        again.persist({ number: 1, hardState: null, entries: [more] });
        crashed.finishAll();
        assertHolds(opened(new MemoryDisk(crashed.durable)), [...atLeast, more], again.hardState);
        crashes++;
      }
    }
  };
  let durableUpTo = 0;
  log.onDurable = (number) => {
    durableUpTo = number;
  };
  crashEverywhere();
  for (let i = 1; i <= 25; i++) {
    expected.push(entryOf(i, 1, 700));
    log.persist({ number: i, hardState: null, entries: [expected.at(-1)!] });
    while (!disk.isIdle) {
      crashEverywhere();
      disk.finishOne();
    }
    crashEverywhere();
  }
  assert.ok(log.status.segments >= 5 && crashes > 1000);
});

test('a torn block that was given up for the next segment does not look like damage', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  disk.finishAll();
  log.persist({ number: 1, hardState: null, entries: [entryOf(1, 1, 700)] });
  disk.finishAll();
  log.persist({ number: 2, hardState: null, entries: [entryOf(2, 1, 600)] });
  const crashed = disk.afterCrash((_, sector) => sector === 0);
  const again = opened(crashed);
  assert.equal(again.lastIndex, 1);
  const expected = [entryOf(1, 1, 700), entryOf(2, 2, 2560), entryOf(3, 2, 10)];
  again.persist({ number: 1, hardState: null, entries: [expected[1]!] });
  crashed.finishAll();
  again.persist({ number: 2, hardState: null, entries: [expected[2]!] });
  crashed.finishAll();
  assert.equal(again.status.segments, 2);
  assertHolds(opened(new MemoryDisk(crashed.durable)), expected, { term: 0, votedFor: null, claim: null });
});

test('a log is the array of entries that its requests describe, through crashes at any point', () => {
  const step = fc.record({
    kind: fc.constantFrom('persist', 'persist', 'persist', 'finish', 'finish', 'crash', 'reopen'),
    keep: fc.integer({ min: 0, max: 40 }),
    sizes: fc.array(fc.integer({ min: 0, max: 1500 }), { maxLength: 4 }),
    termStep: fc.integer({ min: 0, max: 1 }),
    vote: fc.boolean(),
    survives: fc.integer({ min: 0, max: 2 ** 20 }),
  });
  const options = fc.record({
    segmentBytes: fc.constantFrom(1024, 2048, 8192),
    cacheBytesMax: fc.constantFrom(0, 1500, 100_000),
    blockBytesMax: fc.constantFrom(100, 1500, 100_000),
  });
  fc.assert(
    fc.property(options, fc.array(step, { maxLength: 60 }), (drawn, steps) => {
      let disk = new MemoryDisk();
      let log = opened(disk, drawn);
      let model: Model = { entries: [], hardState: { term: 0, votedFor: null, claim: null } };
      let number = 0;
      let durable = 0;
      let term = 1;
      let stamp = 0;
      /** The state after each request since the last start; 0: at it. */
      let history: Model[] = [model];
      const watch = (): void => {
        number = 0;
        durable = 0;
        history = [model];
        log.onDurable = (upTo) => {
          durable = upTo;
        };
      };
      watch();
      for (const { kind, keep, sizes, termStep, vote, survives } of steps) {
        if (kind === 'persist') {
          // Terms of replaced entries are never below: a replacement is of a later term.
          const from = termStep === 1 ? Math.min(keep, model.entries.length) : model.entries.length;
          term += termStep;
          const entries = sizes.map((size, i) => ({ ...entryOf(from + i + 1, term, size), stampMs: stamp++ }));
          const hardState = vote ? { term, votedFor: keep % 3, claim: null } : null;
          log.persist({ number: ++number, hardState, entries });
          model = {
            entries: entries.length === 0 ? model.entries : [...model.entries.slice(0, from), ...entries],
            hardState: hardState ?? model.hardState,
          };
          history.push(model);
        } else if (kind === 'finish') {
          disk.finishOne();
        } else {
          if (kind === 'reopen') disk.finishAll();
          disk = disk.afterCrash(
            (_, sector) => (survives >> (sector % 20)) % 2 === 1,
            (_, sizeBytes) => (survives % 3 === 0 ? null : survives % sizeBytes),
          );
          log = opened(disk, drawn);
          const found = history.slice(durable).find((state) => isSame(log, state));
          assert.ok(found, 'the log is the state after the last durable request, or after a later one');
          model = found;
          watch();
        }
        assertHolds(log, model.entries, model.hardState);
      }
    }),
    { numRuns: 400 },
  );
});
