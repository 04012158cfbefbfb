import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPossible, LocalGroup, verifyEverywhere, Workload, whyNoSmallDisk } from '../../harness/index.ts';

const DISK_BYTES = 128 * 1024 * 1024;

test('a member whose disk is full under load stops with one clear line, the others go on, and with room again it catches up', async (t) => {
  if (!isPossible(t, whyNoSmallDisk())) return;
  const group = await LocalGroup.create(t, { diskBytes: DISK_BYTES });
  const [full, ...others] = group.members as readonly [(typeof group.members)[0], ...typeof group.members];
  const workload = await Workload.prepare(group);
  workload.start();
  await workload.commits(group.members, 20);
  full.smallDisk!.fill();
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

  full.smallDisk!.makeRoom();
  full.start();
  await full.online();
  await workload.commits(group.members, 20);
  await workload.stop();
  await verifyEverywhere(group, workload);
});
