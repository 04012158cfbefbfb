/** What a lane makes of a disk that refuses: want of room is waited out, anything else is final. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { FaultyDisk, whyNoFaultyDisk } from '../../harness/disk/faulty-disk.ts';
import { isPossible } from '../../harness/group/is-possible.ts';
import { within } from '../../harness/wait-until.ts';
import type { Told } from './testing/flush-when-told.ts';

const MS_MAX = 20_000;
const SCRIPT = path.join(import.meta.dirname, 'testing', 'flush-when-told.ts');

function laneOn(t: TestContext) {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'concert-lane-disk-')));
  const directory = path.join(folder, 'lanes');
  mkdirSync(directory);
  const disk = new FaultyDisk(directory, path.join(folder, 'control'));
  const child = fork(SCRIPT, [directory], { env: { ...process.env, ...disk.environment }, execArgv: [] });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    disk.close();
    rmSync(folder, { recursive: true });
  });
  const flush = async (byte: number): Promise<Told> => {
    child.send(byte);
    const [told] = await within('an answer to a flush', MS_MAX, once(child, 'message'));
    return told;
  };
  return { disk, flush };
}

describe('a lane on a bad disk', { timeout: 120_000 }, () => {
  test('R16: a commit that finds no room leaves the lane as it was, and the same batch goes through later', async (t) => {
    if (!isPossible(t, whyNoFaultyDisk())) return;
    const { disk, flush } = laneOn(t);
    assert.deepEqual(await flush(1), { error: null, flushedUpTo: 1, row: 1 });
    const rule = disk.impose({ operations: ['grow'], error: 'ENOSPC' });
    for (let attempt = 0; attempt < 3; attempt++) {
      assert.deepEqual(await flush(2), { error: 'no-room', flushedUpTo: 1, row: 1 });
    }
    assert.ok(rule.struck() >= 1);
    rule.lift();
    assert.deepEqual(await flush(2), { error: null, flushedUpTo: 2, row: 2 });
    assert.deepEqual(await flush(3), { error: null, flushedUpTo: 3, row: 3 });
  });

  test('R14: a sync that fails is final', async (t) => {
    if (!isPossible(t, whyNoFaultyDisk())) return;
    const { disk, flush } = laneOn(t);
    assert.deepEqual(await flush(1), { error: null, flushedUpTo: 1, row: 1 });
    const rule = disk.impose({ operations: ['sync'], error: 'EIO', times: 1 });
    const failed = await flush(2);
    assert.equal(rule.struck(), 1);
    assert.match(failed.error!, /the lane in .* failed/);
    const again = await flush(2);
    assert.equal(again.error, failed.error);
    assert.equal(again.flushedUpTo, 1);
  });
});
