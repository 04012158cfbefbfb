import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path, { join } from 'node:path';
import { test } from 'node:test';
import { SmallDisk, whyNoSmallDisk } from '../../harness/disk/small-disk.ts';
import { describeLaneStore } from '../testing/lane-store-conformance.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { checkVersionStore } from '../testing/version-store-conformance.ts';
import type { LaneStore } from '../types.ts';
import type { LmdbLane } from './lmdb-lane.ts';
import { type OpenLanesOptions, openLanes } from './open-lanes.ts';

const MEMBER_ID = '7d6b5a4e-0000-4000-8000-000000000001';

describeLaneStore('LMDB lane', async () => {
  const directory = makeDirectory();
  return {
    open: async () => (await open(directory))[0]!,
    until,
    remove: async () => rmSync(directory, { recursive: true }),
  };
});

if (whyNoSmallDisk() === null) {
  describeLaneStore('LMDB lane on a small disk', async () => {
    const directory = makeDirectory();
    const disk = SmallDisk.mount(directory, 64 * 1024 * 1024);
    assert.ok(disk !== null);
    return {
      open: async () => (await open(path.join(directory, 'lanes')))[0]!,
      until,
      remove: async () => {
        disk.unmount();
        rmSync(directory, { recursive: true, force: true });
      },
      setRoom: (hasRoom) => (hasRoom ? disk.makeRoom() : disk.fill()),
    };
  });
}

for (const [laneCount, runs] of [
  [1, 5],
  [2, 4],
  [4, 2],
] as const) {
  test(`over ${laneCount} LMDB lanes, every read is what the list of publications says`, async () => {
    await checkVersionStore(
      async () => {
        const clock = new ManualClock();
        const directory = makeDirectory();
        let lanes: readonly LmdbLane[] = [];
        return {
          clock,
          open: async () => {
            lanes = await open(directory, { lanes: laneCount });
            return lanes;
          },
          // Within one process a lane cannot die in the middle of a transaction: what it was asked for gets through.
          crash: async () => {
            await closeAll(lanes);
            clock.drop();
            lanes = [];
          },
          turn: () => new Promise((resolve) => setImmediate(resolve)),
          remove: async () => rmSync(directory, { recursive: true }),
        };
      },
      { runs, shrink: false },
    );
  });
}

test('a lane whose writer dies fails the flush that waits and every later one', async () => {
  const directory = makeDirectory();
  const [lane] = await open(directory);
  const errors: (Error | null)[] = [];
  // More than one image can be: the transaction fails in the worker.
  const key = `\0\0\0\x01${'k'.repeat(3000)}`;
  lane!.flush({ upTo: 1, clear: [], rows: [{ key, sequenceNumber: 1, image: new Uint8Array(1) }] }, (error) => {
    errors.push(error);
  });
  await until(() => errors.length === 1);
  assert.match(errors[0]!.message, /the lane in .* failed: .*key/i);
  lane!.flush({ upTo: 2, clear: [], rows: [] }, (error) => errors.push(error));
  await until(() => errors.length === 2);
  assert.equal(errors[1], errors[0]);
  assert.equal(lane!.flushedUpTo, 0);
  await closeAll([lane!]);
  rmSync(directory, { recursive: true });
});

test('a data directory that does not fit is refused with what is wrong and what to do', async () => {
  const directory = makeDirectory();
  const lanes = await open(directory, { lanes: 2 });
  for (const lane of lanes) await flushOne(lane, 300_000);
  await closeAll(lanes);
  const data = join(directory, 'lane-1', 'data.mdb');
  const copy = `${directory}-copy`;
  cpSync(directory, copy, { recursive: true });

  await refused(directory, { lanes: 4, memberId: MEMBER_ID }, /lane-0 is one of 2 lanes, not 4: .* set it to 2$/);
  await refused(directory, { lanes: 1, memberId: MEMBER_ID }, /lane-0 is one of 2 lanes, not 1: .* set it to 2$/);
  await refused(directory, { lanes: 2, memberId: 'other' }, /lane-0 belongs to member .*, not other: start the member/);

  rmSync(data);
  await damaged(directory, /lane-1 is without its file data.mdb$/);
  writeFileSync(data, 'x'.repeat(20_000));
  await damaged(directory, /lane-1 is not an LMDB environment$/);
  cpSync(join(directory, 'lane-0', 'data.mdb'), data);
  await refused(directory, { lanes: 2, memberId: MEMBER_ID }, /lane-1 holds lane 0, not 1: restore/);
  cpSync(join(copy, 'lane-1', 'data.mdb'), data);
  truncateSync(data, 9000);
  await damaged(directory, /lane-1 is cut short$/);

  rmSync(join(directory, 'lane-1'), { recursive: true });
  await damaged(directory, /lane-1 is missing, and other lanes have data$/);

  await closeAll(await open(copy, { lanes: 2 }));
  rmSync(directory, { recursive: true });
  rmSync(copy, { recursive: true });
});

test('a damaged or missing lane is made anew with flush point 0, if that is asked for, and what there was is kept', async () => {
  for (const harm of ['cut', 'nonsense', 'missing'] as const) {
    const directory = makeDirectory();
    const lanes = await open(directory, { lanes: 2 });
    for (const lane of lanes) await flushOne(lane, 300_000);
    await closeAll(lanes);
    const data = join(directory, 'lane-1', 'data.mdb');
    if (harm === 'cut') truncateSync(data, 9000);
    else if (harm === 'nonsense') writeFileSync(data, 'x'.repeat(20_000));
    else rmSync(join(directory, 'lane-1'), { recursive: true });
    await damaged(directory, /lane-1 is /);
    const again = await open(directory, { lanes: 2, setDamagedAside: true });
    assert.deepEqual(
      again.map((lane) => lane.flushedUpTo),
      [1, 0],
    );
    assert.equal(again[1]!.get('\0\0\0\x01k'), undefined);
    assert.equal(existsSync(join(directory, 'lane-1.damaged')), harm !== 'missing');
    await flushOne(again[1]!, 10);
    await closeAll(again);
    await closeAll(await open(directory, { lanes: 2 }));
    rmSync(directory, { recursive: true });
  }
});

test('a directory whose making was interrupted is made anew', async () => {
  const directory = makeDirectory();
  await closeAll(await open(directory, { lanes: 2 }));
  cpSync(join(directory, 'lane-1'), join(directory, 'lane-1.making'), { recursive: true });
  truncateSync(join(directory, 'lane-1.making', 'data.mdb'), 5000);
  rmSync(join(directory, 'lane-1'), { recursive: true });
  const lanes = await open(directory, { lanes: 2 });
  for (const lane of lanes) await flushOne(lane, 10);
  await closeAll(lanes);
  rmSync(directory, { recursive: true });
});

test('bounds longer than any key include what they should', async () => {
  const directory = makeDirectory();
  const [lane] = await open(directory);
  const longest = `\0\0\0\x01${'a'.repeat(1974)}`;
  let isDone = false;
  const row = { key: longest, sequenceNumber: 1, image: new Uint8Array(1) };
  lane!.flush({ upTo: 1, clear: [], rows: [row] }, () => {
    isDone = true;
  });
  await until(() => isDone);
  lane!.renewReadView();
  for (const reverse of [false, true]) {
    const keys = (from: string, to: string) => [...lane!.scan({ from, to }, reverse)].map(([key]) => key);
    assert.deepEqual(keys(longest, `${longest}\0`), [longest]);
    assert.deepEqual(keys('\0\0\0\x01', longest), []);
    assert.deepEqual(keys(`${longest}\0`, '\xff'), []);
    assert.deepEqual(keys('\0\0\0\x01', `${longest}\0\0`), [longest]);
  }
  assert.equal(lane!.get(`${longest}\0`), undefined);
  await closeAll([lane!]);
  rmSync(directory, { recursive: true });
});

function makeDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'concert-lanes-'));
}

async function open(directory: string, options: Partial<OpenLanesOptions> = {}): Promise<readonly LmdbLane[]> {
  const outcome = await openLanes(directory, { lanes: 1, memberId: MEMBER_ID, ...options });
  assert.equal(outcome.kind, 'opened', 'reason' in outcome ? outcome.reason : '');
  return outcome.kind === 'opened' ? outcome.lanes : [];
}

async function refused(directory: string, options: OpenLanesOptions, reason: RegExp): Promise<void> {
  const outcome = await openLanes(directory, options);
  assert.equal(outcome.kind, 'refused');
  if (outcome.kind === 'refused') assert.match(outcome.reason, reason);
}

async function damaged(directory: string, reason: RegExp): Promise<void> {
  const outcome = await openLanes(directory, { lanes: 2, memberId: MEMBER_ID });
  assert.equal(outcome.kind, 'damaged');
  if (outcome.kind === 'damaged') assert.match(outcome.reason, reason);
}

async function flushOne(lane: LaneStore, imageBytes: number): Promise<void> {
  let isDone = false;
  const row = { key: '\0\0\0\x01k', sequenceNumber: 1, image: new Uint8Array(imageBytes) };
  lane.flush({ upTo: lane.flushedUpTo + 1, clear: [], rows: [row] }, (error) => {
    assert.equal(error, null);
    isDone = true;
  });
  await until(() => isDone);
}

async function closeAll(lanes: readonly LaneStore[]): Promise<void> {
  await Promise.all(lanes.map((lane) => new Promise<void>((resolve) => lane.close(resolve))));
}

/** Waits for the threads, for as long as the test runner has patience. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
}
