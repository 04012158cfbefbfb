import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  inject,
  isPossible,
  LocalGroup,
  type LocalMember,
  verifyEverywhere,
  Workload,
  whyNoFaultyDisk,
  whyNoSmallDisk,
} from '../../harness/index.ts';

const DISK_BYTES = 128 * 1024 * 1024;
/** A row that makes the log grow soon. */
const LARGE_ROW = { id: 1, filler: 'x'.repeat(200_000) };
// Where a lane meets the full disk first, the store's library has said so itself, without an end of line.
const ONE_LINE = /^(Write error: [^\n]*)?concert: [^\n]*full[^\n]*make room[^\n]*\n$/;

for (const [how, whyNot, options] of [
  ['a filesystem of its own', whyNoSmallDisk, { diskBytes: DISK_BYTES }],
  ['a shim', whyNoFaultyDisk, { faultyDisks: true }],
] as const) {
  test(`a member whose disk (${how}) is full under load stops with one clear line, the others go on, and with room again it catches up`, async (t) => {
    if (!isPossible(t, whyNot())) return;
    const group = await LocalGroup.create(t, options);
    const [full, ...others] = group.members as readonly [LocalMember, LocalMember, LocalMember];
    const workload = await Workload.prepare(group);
    workload.start();
    await workload.commits(group.members, 20);
    const heal = await inject(group, { kind: 'fullDisk', members: 0 });
    const client = await others[0].client();
    await client.result('createTable', { table: 'test.large', primaryKey: ['id'] });
    const filling = (async () => {
      while (!full.process.hasEnded) await client.ask('put', { table: 'test.large', row: LARGE_ROW });
      client.close();
    })();
    const ended = await full.end(30_000);
    await filling;
    assert.notEqual(ended.code, 0);
    assert.equal(ended.signal, null);
    assert.match(full.process.errors, ONE_LINE);
    assert(full.process.events.some((event) => event.event === 'failed'));
    await workload.commits(others, 50);

    const again = full.start();
    assert.notEqual((await full.end(20_000)).code, 0);
    assert.match(again.errors, ONE_LINE);

    await heal();
    await full.online();
    await workload.commits(group.members, 20);
    await workload.stop();
    await verifyEverywhere(group, workload);
  });
}
