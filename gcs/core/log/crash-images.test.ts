/**
 * The power goes while the last block is written: every subset of its sectors and every prefix of its bytes. Each such
 * image opens and is the log as it was before or as it is afterwards, and goes on from there; its next block over the
 * remains of the torn one, torn again in every way, as well.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import { SegmentLog, type SegmentLogOptions } from './segment-log.ts';
import { entryOf, firstSegment, MEMBER, openedDamaged, startsOfBlocks, TINY } from './testing/log-fixtures.ts';
import { MemoryDisk, sectorsOf } from './testing/memory-disk.ts';

interface Scene {
  readonly disk: MemoryDisk;
  readonly log: SegmentLog;
  readonly act: () => void;
}

/** Payload bytes of the last batch, for blocks of 1 to 4 sectors. */
const SIZES = [0, 300, 700, 1300, 1800];

check('the last batch of a segment', () => SIZES.map((size) => batchScene(2, size)));

check('the first batch of all', () => SIZES.map((size) => batchScene(0, size)));

check('a batch that goes to the next segment', () => SIZES.map((size) => batchScene(6, size)));

check('a batch that cuts the log', () =>
  SIZES.map((size) => {
    const scene = batchScene(3, size);
    const entries = [entryOf(2, 9, size), entryOf(3, 9, 5)];
    const act = () => scene.log.persist({ number: 4, hardState: { term: 9, votedFor: 2, claim: null }, entries });
    return { ...scene, act };
  }),
);

check('a hard state alone, and a seal', () => [
  hardStateScene({ term: 4, votedFor: 1, claim: { term: 2, index: 9 } }),
  { ...batchScene(2, 0), act: () => {} },
  sealScene(),
]);

check('a truncation', () => [truncateScene(), truncateScene({ seals: true })]);

check('a reset, over a log and over none', () => [resetScene(6), resetScene(1), resetScene(0)]);

check('a repair of one entry and of several', () => [repairScene([2]), repairScene([2, 5, 6, 7, 8])]);

check('what is discarded', () => [discardScene(), discardScene(600)]);

/** Defines the test; its name in the output tells how many images there were. */
function check(what: string, scenes: () => readonly Scene[]): void {
  test(`crash images: ${what}`, (context) => {
    let images = 0;
    for (const { disk, log, act } of scenes()) {
      disk.finishAll();
      act();
      while (!disk.isIdle) {
        images += checkEveryImage(disk);
        disk.finishOne();
      }
      assert.equal(describe(new MemoryDisk(disk.durable)), describeLog(log), 'the log in memory is the one on disk');
    }
    context.diagnostic(`${images} images`);
    assert.ok(images > 10);
  });
}

function checkEveryImage(disk: MemoryDisk): number {
  const before = describe(disk.afterCrash(() => false));
  const after = describe(disk.afterCrash(() => true));
  const [write] = disk.pendingWrites;
  const sectors = write === undefined ? 0 : sectorsOf(write);
  assert.ok(sectors <= 10, `${sectors} sectors`);
  let images = 0;
  const see = (image: MemoryDisk, where: string): void => {
    images++;
    const found = describe(image);
    assert.ok(found === before || found === after, `${where}: ${found} is neither ${before} nor ${after}`);
  };
  for (const created of [null, 0, 300, 4096]) {
    for (const comesBack of [true, false]) {
      for (let subset = 0; subset < 2 ** sectors; subset++) {
        const image = disk.afterCrash((_, sector) => (subset >> sector) % 2 === 1, () => created, () => comesBack); // biome-ignore format: one line
        see(image, `sectors ${subset.toString(2)} of ${write?.name}`);
        if (created === null && comesBack) images += checkGoingOn(image);
      }
      if (disk.isCreating === false && disk.removed.size === 0) break;
    }
    if (!disk.isCreating) break;
  }
  for (let bytes = 64; bytes < sectors * 512; bytes += 64) see(disk.afterPrefix(bytes), `${bytes} bytes`);
  return images;
}

/** Another block over what is left, torn in every way, and written in the end. */
function checkGoingOn(image: MemoryDisk): number {
  const result = SegmentLog.open(image, TINY, MEMBER);
  assert.ok(result.kind === 'opened');
  const { log, damage } = result;
  if (damage !== null) return 0;
  const state = describeLog(log);
  const hardState = { term: 77, votedFor: 7, claim: null };
  log.persist({ number: 1, hardState, entries: [entryOf(log.lastIndex + 1, 77, 500)] });
  while (!image.isIdle && image.pendingWrites.length === 0) image.finishOne();
  const [write] = image.pendingWrites;
  const sectors = sectorsOf(write!);
  let images = 0;
  for (let subset = 0; sectors <= 4 && subset < 2 ** sectors; subset++) {
    images++;
    const again = describe(image.afterCrash((_, sector) => (subset >> sector) % 2 === 1));
    if (again === describeLog(log) || again === state) continue;
    // The torn attempt itself may come back whole: it was written once, and never denied.
    assert.ok(!again.includes('"term":77'), `${again} is a mixture`);
  }
  image.finishAll();
  assert.equal(describe(new MemoryDisk(image.durable)), describeLog(log));
  return images;
}

/** All that can be known of the log on a disk. */
function describe(disk: MemoryDisk): string {
  const result = SegmentLog.open(new MemoryDisk(disk.durable), TINY, MEMBER);
  assert.ok(result.kind === 'opened', 'each image opens');
  return describeLog(result.log, result.damage?.holes, result.damage?.isBeyondRepair);
}

function describeLog(
  log: SegmentLog,
  holes: readonly { readonly from: number; readonly upTo: number }[] = [],
  isBeyondRepair = false,
): string {
  assert.equal(isBeyondRepair, false);
  const entries: string[] = [];
  for (let index = log.firstIndex; index <= log.lastIndex; index++) {
    if (holes.some(({ from, upTo }) => from <= index && index <= upTo)) {
      entries.push(`${index} lost`);
      continue;
    }
    const [entry] = log.entries(index, index, 0);
    entries.push(`${index} "term":${entry!.term} ${crc32c(entry!.payload)}`);
  }
  const { index, term, lastMessages } = log.base;
  const { hardState } = log;
  return JSON.stringify({ index, term, lastMessages: [...lastMessages], hardState, entries });
}

function sceneOf(blocks: number, options: SegmentLogOptions = TINY): { disk: MemoryDisk; log: SegmentLog } {
  const disk = new MemoryDisk();
  const result = SegmentLog.open(disk, options, MEMBER);
  assert.ok(result.kind === 'opened');
  for (let i = 1; i <= blocks; i++) {
    const hardState = { term: i, votedFor: 0, claim: null };
    result.log.persist({ number: i, hardState, entries: [entryOf(i, i, 400)] });
    disk.finishAll();
  }
  return { disk, log: result.log };
}

function batchScene(blocks: number, size: number): Scene {
  const scene = sceneOf(blocks);
  const entries: LogEntry[] = [entryOf(blocks + 1, 9, size), entryOf(blocks + 2, 9, 5)];
  const hardState = { term: 9, votedFor: 1, claim: null };
  return { ...scene, act: () => scene.log.persist({ number: blocks + 1, hardState, entries }) };
}

function hardStateScene(hardState: SegmentLog['hardState']): Scene {
  const scene = sceneOf(2);
  return { ...scene, act: () => scene.log.persist({ number: 3, hardState, entries: [] }) };
}

function sealScene(): Scene {
  const scene = sceneOf(2);
  return { ...scene, act: () => scene.log.seal() };
}

function truncateScene({ seals } = { seals: false }): Scene {
  const scene = sceneOf(12);
  return {
    ...scene,
    act: () => {
      scene.log.truncate(9);
      assert.equal(scene.log.firstIndex, 10);
      if (!seals) return;
      // The files go with the second block.
      scene.disk.finishAll();
      scene.log.seal();
    },
  };
}

function resetScene(blocks: number): Scene {
  const scene = sceneOf(blocks);
  const base = { index: 20, term: 3, view: null, lastMessages: new Map([[1, { incarnation: 2, messageNumber: 5 }]]) };
  return { ...scene, act: () => scene.log.reset(base, { term: 30, votedFor: 2, claim: null }, () => {}) };
}

/** Entry 2 and the whole second batch of three are lost. */
function damagedScene(): { disk: MemoryDisk; log: SegmentLog } {
  const { disk, log } = sceneOf(0);
  for (const term of [1, 2, 3]) {
    const entries = [1, 2, 3, 4].map((i) => entryOf(term * 4 - 4 + i, term, 90));
    log.persist({ number: term, hardState: null, entries });
    disk.finishAll();
  }
  const bytes = disk.durable.get(firstSegment)!;
  bytes[Buffer.from(bytes).indexOf(entryOf(2, 1, 90).payload)]! ^= 1;
  bytes[startsOfBlocks(disk)[1]!.offset]! ^= 1;
  const damaged = new MemoryDisk(disk.durable);
  const { log: opened, damage } = openedDamaged(damaged);
  assert.equal(damage.holes.length, 2);
  return { disk: damaged, log: opened };
}

function repairScene(indexes: readonly number[]): Scene {
  const scene = damagedScene();
  const act = () => {
    for (const index of indexes) scene.log.repair(entryOf(index, index < 5 ? 1 : 2, 90), () => {});
  };
  if (indexes.length === 5) return { ...scene, act };
  scene.log.repair(entryOf(2, 1, 90), () => {});
  scene.disk.finishAll();
  return {
    ...scene,
    act: () => {
      for (const index of [5, 6, 7, 8]) scene.log.repair(entryOf(index, 2, 90), () => {});
    },
  };
}

function discardScene(size = 0): Scene {
  const scene = damagedScene();
  scene.log.repair(entryOf(2, 1, 90), () => {});
  scene.disk.finishAll();
  return {
    ...scene,
    act: () => {
      scene.log.discardFrom(5, { term: 3, index: 12 }, () => {});
      if (size > 0) scene.disk.finishAll();
      if (size > 0) scene.log.persist({ number: 1, hardState: null, entries: [entryOf(5, 4, size)] });
    },
  };
}
