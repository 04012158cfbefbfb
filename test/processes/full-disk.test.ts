import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { LocalGroup, verifyEverywhere, Workload } from '../../harness/index.ts';

const DISK_BYTES = 128 * 1024 * 1024;

/** A small disk of its own, for this test; null where this process may not mount one. */
function mountSmallDisk(t: TestContext): string | null {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-small-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'concert-test', folder]);
  t.after(() => {
    // Lazily: a process that is being ended may still have files there.
    if (mounted.status === 0) spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return mounted.status === 0 ? folder : null;
}

/** Takes all the room that is left. */
function fill(file: string): void {
  for (const chunk of [1024 * 1024, 4096, 1]) {
    const descriptor = openSync(file, 'a');
    try {
      for (;;) writeSync(descriptor, Buffer.alloc(chunk, 1));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    } finally {
      closeSync(descriptor);
    }
  }
}

test('a member whose disk is full under load stops with one clear line, the others go on, and with room again it catches up', async (t) => {
  const disk = mountSmallDisk(t);
  if (disk === null) {
    assert(process.env.CI === undefined, 'in CI a disk can be mounted');
    t.skip('mounting a disk needs more rights');
    return;
  }
  const directory = path.join(disk, 'data');
  const group = await LocalGroup.create(t, {
    directoryOf: (place, folder) => (place === 0 ? directory : path.join(folder, `member-${place + 1}`)),
  });
  const [full, ...others] = group.members as readonly [(typeof group.members)[0], ...typeof group.members];
  const workload = await Workload.prepare(group);
  workload.start();
  await workload.commits(group.members, 20);
  const filler = path.join(disk, 'filler');
  fill(filler);
  const ended = await full.end(30_000);
  assert.notEqual(ended.code, 0);
  assert.equal(ended.signal, null);
  // Where a lane meets the full disk first, the store's library has said so itself, without an end of line.
  assert.match(full.process.errors, /^(Write error: [^\n]*)?concert: [^\n]*full[^\n]*make room[^\n]*\n$/);
  assert(full.process.events.some((event) => event.event === 'failed'));
  await workload.commits(others, 50);

  const again = full.start();
  const endedAgain = await full.end(10_000);
  assert.notEqual(endedAgain.code, 0);
  assert.match(again.errors, /^(Write error: [^\n]*)?concert: [^\n]*full[^\n]*make room[^\n]*\n$/);

  rmSync(filler);
  full.start();
  await full.online();
  await workload.commits(group.members, 20);
  await workload.stop();
  await verifyEverywhere(group, workload);
});
