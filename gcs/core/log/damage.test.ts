import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import { segmentName } from './format.ts';
import { DamagedRecord, SegmentLog } from './segment-log.ts';
import {
  assertHolds,
  durableNumbers,
  entryOf,
  firstSegment,
  indexOfBytes,
  isSameEntry,
  MEMBER,
  manySegments,
  NO_CLAIM,
  opened,
  openedDamaged,
  startsOfBlocks,
  TINY,
  threeBlocks,
  withoutSegment,
  written,
} from './testing/log-fixtures.ts';
import { MemoryDisk } from './testing/memory-disk.ts';

test('a segment of another member, a renamed one and one of another format are refused with a reason that says what to do', () => {
  const disk = threeBlocks();
  const foreign = SegmentLog.open(disk, TINY, { memberId: '11111111-9a0e-4b52-8a52-5f3f6c1d2e3f' });
  assert.ok(foreign.kind === 'refused' && foreign.reason.includes(MEMBER.memberId));
  const bytes = disk.durable.get(firstSegment)!;
  assert.match(refusal(new MemoryDisk(new Map([[segmentName(2), bytes]]))), /renamed/);
  for (const version of [1, 3]) {
    const other = bytes.slice();
    other[4] = version;
    new DataView(other.buffer).setUint32(508, crc32c(other.subarray(0, 508)), true);
    const reason = refusal(new MemoryDisk(new Map([[firstSegment, other]])));
    assert.match(reason, new RegExp(`format version ${version},.* version 2: .*empty directory`));
    assert.ok(!reason.includes('\n'));
  }
});

test('R13: a last block that is not whole is torn and cut, if nothing follows; behind a seal it is damage', () => {
  const last = startsOfBlocks(threeBlocks()).at(-1)!;
  const torn = rotten(threeBlocks(), last.offset + 5);
  assertHolds(opened(torn), [entryOf(1, 1, 40), entryOf(2, 1, 700)], NO_CLAIM);

  const disk = threeBlocks();
  const log = opened(disk);
  assert.equal(log.isSealed, false);
  log.seal();
  disk.finishAll();
  assert.equal(log.isSealed, true);
  const { damage } = openedDamaged(rotten(disk, last.offset + 5));
  assert.deepEqual(damage.holes, [{ from: 3, upTo: 3 }]);
  assert.deepEqual(damage.claim, { term: 1, index: 3 });
  assert.equal(damage.isBeyondRepair, false);
});

test('R13: closing seals what was written, once', () => {
  const disk = threeBlocks();
  for (const syncs of [1, 0]) {
    const log = opened(disk);
    disk.finishAll();
    let closed = 0;
    log.close(() => closed++);
    disk.finishAll();
    assert.deepEqual([closed, log.status.syncs], [1, syncs]);
  }
  const { offset } = startsOfBlocks(disk)[2]!;
  assert.deepEqual(openedDamaged(rotten(disk, offset + 5)).damage.holes, [{ from: 3, upTo: 3 }]);
});

test('R13: a seal is written for an idle log only, once, and not for an empty one', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  log.seal();
  disk.finishAll();
  assert.equal(log.status.syncs, 0);
  log.persist({ number: 1, hardState: null, entries: [entryOf(1, 1, 10)] });
  log.seal();
  disk.finishAll();
  assert.equal(log.status.syncs, 1);
  log.seal();
  log.seal();
  disk.finishAll();
  log.seal();
  assert.ok(disk.isIdle);
  assert.equal(log.status.syncs, 2);
  assert.equal(opened(new MemoryDisk(disk.durable)).isSealed, true);
});

test('R13: one flipped byte in anything that is proven durable is a hole or nothing, never a shorter log; in the last block it cuts that at most', () => {
  let holes = 0;
  let salvaged = 0;
  for (const disk of [threeBlocks(), manySegments(), batches()]) {
    const intact = opened(new MemoryDisk(disk.durable));
    const expected = intact.entries(1, intact.lastIndex, Infinity);
    const blocks = startsOfBlocks(disk);
    const last = blocks.at(-1)!;
    for (const [name, bytes] of disk.durable) {
      for (let at = 0; at < bytes.length; at += disk.durable.size === 1 ? 1 : 11) {
        const result = SegmentLog.open(rotten(disk, at, name), TINY, MEMBER);
        assert.ok(result.kind === 'opened', `${name} at ${at}`);
        const { log, damage } = result;
        const isLast = name === last.name && at >= last.offset && at < last.end;
        if (damage === null) {
          const entries = log.lastIndex === 0 ? [] : log.entries(1, log.lastIndex, Infinity);
          assert.deepEqual(entries, expected.slice(0, entries.length), `${name} at ${at}`);
          if (!isLast) assert.equal(entries.length, expected.length, `${name} at ${at}`);
          else assert.ok(entries.length >= blocks.length - 1);
          if (!isLast) assert.deepEqual(log.hardState, intact.hardState);
          continue;
        }
        holes++;
        assert.equal(isLast, false, `${name} at ${at}`);
        assert.equal(damage.isBeyondRepair, false, damage.reason);
        assert.deepEqual(damage.claim, { term: intact.termAt(intact.lastIndex), index: intact.lastIndex });
        assert.deepEqual(log.hardState, intact.hardState);
        const lost = new Set(damage.holes.flatMap(({ from, upTo }) => rangeOf(from, upTo)));
        assert.ok(lost.size > 0 && lost.size <= 4, `${name} at ${at}: ${lost.size} lost`);
        if (lost.size < 4 && disk.durable.size === 1) salvaged++;
        for (const entry of expected) {
          if (lost.has(entry.index)) continue;
          assert.ok(isSameEntry(log.entries(entry.index, entry.index, 0)[0]!, entry), `${name} at ${at}`);
        }
      }
    }
  }
  assert.ok(holes > 3000 && salvaged > 1000, `${holes} ${salvaged}`);
});

test('the reason of damage names what is wrong, where, and what proves it', () => {
  const disk = threeBlocks();
  const at = indexOfBytes(disk.durable.get(firstSegment)!, entryOf(2, 1, 700).payload);
  const { damage } = openedDamaged(rotten(disk, at));
  assert.equal(damage.file, firstSegment);
  assert.ok(damage.offset > 1024 && damage.offset <= at);
  assert.match(damage.reason, /payload of index 2 is wrong: block 2 was durable/);
  const headless = openedDamaged(rotten(disk, startsOfBlocks(disk)[1]!.offset));
  assert.match(headless.damage.reason, /block 2 \(behind index 1\) was durable.*names block 3/);
});

test('R13: a rotten entry leaves the others of its block readable; a rotten header leaves all of them to be repaired', () => {
  const disk = batches();
  const bytes = disk.durable.get(firstSegment)!;
  const [, block] = startsOfBlocks(disk);
  for (const index of [5, 6, 7, 8]) {
    const at = indexOfBytes(bytes, entryOf(index, 2, 90).payload);
    // The payload, and the head of its record.
    for (const place of [at + 3, at - 30]) {
      assert.deepEqual(openedDamaged(rotten(disk, place)).damage.holes, [{ from: index, upTo: index }]);
    }
  }
  assert.deepEqual(openedDamaged(rotten(disk, block!.offset + 40)).damage.holes, [{ from: 5, upTo: 8 }]);
});

test('R13: a lost block that cut the log is known to have done so', () => {
  const disk = new MemoryDisk();
  const log = opened(disk, { ...TINY, segmentBytes: 16_384 });
  const persist = persistTo(log, disk);
  persist([1, 2, 3, 4, 5].map((index) => entryOf(index, 1, 50)));
  persist([entryOf(3, 2, 60), entryOf(4, 2, 60)]);
  persist([entryOf(5, 3, 60)]);
  const [, cutting] = startsOfBlocks(disk);
  const { log: damaged, damage } = openedDamaged(rotten(disk, cutting!.offset));
  assert.deepEqual(damage.holes, [{ from: 3, upTo: 4 }]);
  assert.equal(damaged.lastIndex, 5);
  assert.deepEqual(damaged.entries(5, 5, 0), [entryOf(5, 3, 60)]);
  assert.throws(() => damaged.entries(2, 4, 1e9), DamagedRecord);
});

test('R13: of several lost blocks in a row, what they appended is known; if one of them may have cut the log, nothing is', () => {
  for (const cuts of [false, true]) {
    const disk = new MemoryDisk();
    const persist = persistTo(opened(disk, { ...TINY, segmentBytes: 16_384 }), disk);
    persist([entryOf(1, 1, 50), entryOf(2, 1, 50)]);
    persist([entryOf(cuts ? 2 : 3, 2, 50), entryOf(cuts ? 3 : 4, 2, 50)]);
    persist([entryOf(cuts ? 4 : 5, 2, 50)]);
    persist([entryOf(cuts ? 5 : 6, 3, 50)]);
    const [, second, third] = startsOfBlocks(disk);
    const { log, damage } = openedDamaged(rotten(rotten(disk, second!.offset), third!.offset));
    assert.deepEqual(damage.claim, { term: 3, index: cuts ? 5 : 6 });
    assert.equal(damage.isBeyondRepair, cuts);
    if (!cuts) {
      assert.deepEqual(damage.holes, [{ from: 3, upTo: 5 }]);
      assert.deepEqual(log.entries(6, 6, 0), [entryOf(6, 3, 50)]);
      continue;
    }
    assert.match(damage.reason, /one of them cut entries/);
    const state = { term: 3, votedFor: 0, claim: null };
    log.reset({ index: 4, term: 2, view: null, lastMessages: new Map() }, state, () => {});
    disk.finishAll();
    assert.deepEqual(log.hardState, { ...state, claim: damage.claim });
  }
});

test('R13: what was promised in elections survives the loss of the block that held it', () => {
  const disk = threeBlocks();
  const log = opened(disk);
  const persist = persistTo(log, disk);
  const promise = { term: 7, votedFor: 2, claim: { term: 6, index: 90 } };
  persist([], promise);
  log.seal();
  disk.finishAll();
  const block = startsOfBlocks(disk).at(-2)!;
  const survivor = opened(rotten(disk, block.offset, block.name));
  assert.deepEqual(survivor.hardState, promise);
  assert.equal(survivor.lastIndex, 3);
});

test('R13: what is left of an earlier, torn attempt at a block is not taken for part of it', () => {
  const disk = written(1, 10);
  const log = opened(disk);
  const attempt = (to: SegmentLog, term: number): void => {
    const entries = [2, 3, 4].map((index) => entryOf(index, term, 500));
    to.persist({ number: 1, hardState: null, entries });
  };
  attempt(log, 2);
  const torn = disk.afterCrash((_, sector) => sector > 0);
  const stale = torn.durable.get(firstSegment)!.slice();
  const again = opened(torn);
  assert.equal(again.lastIndex, 1);
  attempt(again, 3);
  torn.finishAll();
  again.seal();
  torn.finishAll();
  // The writes of all its sectors but the first did not reach the disk, though it said so.
  const block = startsOfBlocks(torn)[1]!;
  torn.durable.get(firstSegment)!.set(stale.subarray(block.offset + 512, block.end), block.offset + 512);
  const { damage } = openedDamaged(new MemoryDisk(torn.durable));
  assert.deepEqual(damage.holes, [{ from: 2, upTo: 4 }]);
  assert.deepEqual(damage.claim, { term: 3, index: 4 });
});

test('R13: a missing segment is holes, and so is one that an old copy took the place of', () => {
  const disk = manySegments();
  const log = opened(disk);
  assert.ok(log.status.segments > 3);
  const last = startsOfBlocks(disk).filter((block) => block.name === segmentName(2)).length;
  const { damage } = openedDamaged(withoutSegment(disk, 2));
  assert.equal(damage.isBeyondRepair, false);
  assert.equal(damage.file, segmentName(1));
  assert.equal(rangeOf(damage.holes[0]!.from, damage.holes[0]!.upTo).length, last);
  assert.equal(openedDamaged(withoutSegment(disk, 1)).damage.holes[0]!.from, 1);

  const old = new MemoryDisk(disk.durable);
  const block = startsOfBlocks(disk).findLast((each) => each.name === segmentName(2))!;
  old.durable.get(segmentName(2))!.fill(0, block.offset);
  const { damage: rolledBack } = openedDamaged(new MemoryDisk(old.durable));
  assert.deepEqual(rolledBack.holes, [{ from: damage.holes[0]!.upTo, upTo: damage.holes[0]!.upTo }]);
});

test('a sector that cannot be read is as one that is rotten; at the end of the log it is an error, not an end', () => {
  const disk = threeBlocks();
  const [, middle, last] = startsOfBlocks(disk);
  const unreadable = new MemoryDisk(disk.durable);
  unreadable.unreadable.add(`${firstSegment}@${middle!.offset + 512}`);
  assert.deepEqual(openedDamaged(unreadable).damage.holes, [{ from: 2, upTo: 2 }]);
  const atEnd = new MemoryDisk(disk.durable);
  atEnd.unreadable.add(`${firstSegment}@${last!.offset}`);
  assert.throws(() => SegmentLog.open(atEnd, TINY, MEMBER), /unreadable/);
});

test('R13: a repair replaces its own index only, is durable, and the log is whole at the next start', () => {
  const disk = batches();
  const bytes = disk.durable.get(firstSegment)!;
  const bad = rotten(rotten(disk, indexOfBytes(bytes, entryOf(2, 1, 90).payload)), startsOfBlocks(disk)[1]!.offset);
  const { log, damage } = openedDamaged(bad);
  assert.deepEqual(damage.holes, [
    { from: 2, upTo: 2 },
    { from: 5, upTo: 8 },
  ]);
  assert.equal(log.status.faultyFound, 5);
  const repaired: number[] = [];
  for (const index of [2, 5, 6, 7, 8]) {
    log.repair(entryOf(index, index < 5 ? 1 : 2, 90), () => repaired.push(index));
  }
  assert.deepEqual(repaired, []);
  const atOnce = openedDamaged(bad.afterCrash(() => false));
  assert.equal(atOnce.damage.holes.length, 2);
  bad.finishAll();
  assert.deepEqual(repaired, [2, 5, 6, 7, 8]);
  assert.equal(log.status.faultyRepaired, 5);
  const expected = rangeOf(1, 12).map((index) => entryOf(index, Math.ceil(index / 4), 90));
  assertHolds(log, expected, NO_CLAIM);
  const again = opened(new MemoryDisk(bad.durable));
  assertHolds(again, expected, NO_CLAIM);
  assert.equal(again.status.faultyFound, 0);
  const durable = durableNumbers(log);
  log.persist({ number: 1, hardState: null, entries: [entryOf(12, 4, 33), entryOf(13, 4, 33)] });
  bad.finishAll();
  assert.deepEqual(durable, [1]);
  assertHolds(
    opened(new MemoryDisk(bad.durable)),
    [...expected.slice(0, 11), entryOf(12, 4, 33), entryOf(13, 4, 33)],
    NO_CLAIM,
  );
});

test('R13: what is discarded is claimed, durably, and what replaces it is appended as ever', () => {
  const disk = rotten(batches(), startsOfBlocks(batches())[1]!.offset);
  const { log, damage } = openedDamaged(disk);
  let done = 0;
  log.discardFrom(5, damage.claim, () => done++);
  assert.equal(log.lastIndex, 4);
  assert.equal(done, 0);
  disk.finishAll();
  assert.equal(done, 1);
  const claimed = { term: 0, votedFor: null, claim: { term: 3, index: 12 } };
  const kept = rangeOf(1, 4).map((index) => entryOf(index, 1, 90));
  const again = new MemoryDisk(disk.durable);
  assertHolds(opened(again), kept, claimed);
  const goesOn = opened(again);
  const voted = { term: 4, votedFor: 1, claim: claimed.claim };
  goesOn.persist({ number: 1, hardState: voted, entries: [entryOf(5, 4, 10)] });
  again.finishAll();
  assertHolds(opened(new MemoryDisk(again.durable)), [...kept, entryOf(5, 4, 10)], voted);
});

test('damage above a claim that is still open claims the further of both', () => {
  const disk = rotten(batches(), startsOfBlocks(batches())[1]!.offset);
  const { log } = openedDamaged(disk);
  log.discardFrom(5, { term: 3, index: 12 }, () => {});
  disk.finishAll();
  log.discardFrom(3, { term: 2, index: 40 }, () => {});
  disk.finishAll();
  assert.deepEqual(log.hardState.claim, { term: 3, index: 12 });
  log.discardFrom(2, { term: 3, index: 13 }, () => {});
  disk.finishAll();
  assert.deepEqual(opened(new MemoryDisk(disk.durable)).hardState.claim, { term: 3, index: 13 });
});

test('R13: an entry that rots while the log is open is reported and sealed in, so that the next start finds damage, not a torn end', () => {
  const disk = written(3, 700);
  const log = opened(disk, { ...TINY, cacheBytesMax: 0 });
  disk.finishAll();
  const file = disk.open(firstSegment);
  const at = indexOfBytes(file.read(0, 4096), entryOf(3, 1, 700).payload);
  file.write(at, [Uint8Array.of(0xff)], () => {});
  disk.finishAll();
  const reported: DamagedRecord[] = [];
  log.onDamaged = (record) => reported.push(record);
  assert.throws(
    () => log.entries(1, 3, 1e9),
    (error) => error === reported[0],
  );
  assert.deepEqual([reported.length, reported[0]!.index, log.status.faultyFound], [1, 3, 1]);
  disk.finishAll();
  assert.deepEqual(openedDamaged(new MemoryDisk(disk.durable)).damage.holes, [{ from: 3, upTo: 3 }]);
});

test('a read that the disk refuses while the log is open is damage, too', () => {
  const disk = written(3, 700);
  const log = opened(disk, { ...TINY, cacheBytesMax: 0 });
  disk.unreadable.add(`${firstSegment}@1536`);
  assert.throws(() => log.entries(1, 3, 1e9), DamagedRecord);
});

function refusal(disk: MemoryDisk): string {
  const result = SegmentLog.open(disk, TINY, MEMBER);
  assert.ok(result.kind === 'refused');
  return result.reason;
}

/** A copy with one byte changed. */
function rotten(disk: MemoryDisk, at: number, name = firstSegment): MemoryDisk {
  const copy = new MemoryDisk(disk.durable);
  copy.durable.get(name)![at]! ^= 0x10;
  return new MemoryDisk(copy.durable);
}

/** Three blocks of four entries each, of terms 1 to 3. */
function batches(): MemoryDisk {
  const disk = new MemoryDisk();
  const persist = persistTo(opened(disk), disk);
  for (const term of [1, 2, 3]) persist(rangeOf(term * 4 - 3, term * 4).map((index) => entryOf(index, term, 90)));
  return new MemoryDisk(new Map([[firstSegment, disk.durable.get(firstSegment)!]]));
}

function persistTo(
  log: SegmentLog,
  disk: MemoryDisk,
): (entries: readonly LogEntry[], hardState?: typeof NO_CLAIM) => void {
  let number = 0;
  return (entries, hardState) => {
    log.persist({ number: ++number, hardState: hardState ?? null, entries });
    disk.finishAll();
  };
}

function rangeOf(from: number, upTo: number): number[] {
  return Array.from({ length: upTo - from + 1 }, (_, i) => from + i);
}
