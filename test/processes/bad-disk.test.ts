/** Members whose disks are slow, fail or hang while they work. Full ones: full-disk.test.ts. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  inject,
  isPossible,
  LocalGroup,
  outgrowHistory,
  recover,
  Scope,
  verifyEverywhere,
  Workload,
  waitUntil,
  whyNoFaultyDisk,
} from '../../harness/index.ts';

// Where a lane meets it first, the store's library has said so itself, without an end of line.
const ONE_LINE = /^([^\n]*error: [^\n]*)?concert: [^\n]*the disk failed[^\n]*start again[^\n]*\n$/i;

describe('under load, a member', { timeout: 120_000 }, () => {
  const scope = new Scope();
  let group: LocalGroup;
  let workload: Workload;
  before(async () => {
    if (whyNoFaultyDisk() !== null) return;
    group = await LocalGroup.create(scope, { faultyDisks: true });
    workload = await Workload.prepare(group);
  });
  after(() => scope.end());

  const isSound = async (): Promise<void> => {
    await recover(group);
    await workload.commits(group.members, 10, 20_000);
    await workload.stop();
    await verifyEverywhere(group, workload);
  };

  for (const [operation, role] of [
    ['sync', 'leader'],
    ['sync', 'follower'],
    ['write', 'leader'],
  ] as const) {
    test(`that leads or follows (${role}) and whose disk fails a ${operation} (EIO) stops with one line; the others go on, it comes back`, async (t) => {
      if (!isPossible(t, whyNoFaultyDisk())) return;
      workload.start();
      await workload.commits(group.members, 10);
      const leader = await group.leader();
      const struck = role === 'leader' ? leader : group.others(leader)[0]!;
      const failing = struck.process;
      await inject(group, { kind: 'failingDisk', members: group.placeOf(struck), operation, nth: 5 });
      const ended = await struck.end(20_000);
      assert.notEqual(ended.code, 0);
      assert.equal(ended.signal, null);
      assert.match(failing.errors, ONE_LINE);
      await workload.commits(group.others(struck), 30);
      await isSound();
    });
  }

  test('whose disk cannot be read when it starts refuses with one line, and starts once it can', async (t) => {
    if (!isPossible(t, whyNoFaultyDisk())) return;
    workload.start();
    await workload.commits(group.members, 10);
    const struck = group.members[1]!;
    await struck.process.kill();
    const rule = struck.faultyDisk.impose({ operations: ['read'], path: 'log-', error: 'EIO' });
    const refused = struck.start();
    const ended = await struck.end(20_000);
    assert(rule.struck() > 0);
    assert.equal(ended.code, 1);
    assert.match(refused.errors, /^concert: [^\n]+\n$/);
    rule.lift();
    await isSound();
  });

  test('whose disk hangs holds up nobody else, and goes on where it was', async (t) => {
    if (!isPossible(t, whyNoFaultyDisk())) return;
    workload.start();
    await workload.commits(group.members, 10);
    const hanging = group.others(await group.leader())[0]!;
    const { pid } = hanging.process;
    await inject(group, { kind: 'hangingDisk', members: group.placeOf(hanging) });
    await workload.commits(group.others(hanging), 50);
    await isSound();
    assert.equal(hanging.process.pid, pid);
  });

  test('whose lane fails while its log hangs ends all the same, and comes back', async (t) => {
    if (!isPossible(t, whyNoFaultyDisk())) return;
    await outgrowHistory(group);
    workload.start({ bulkEveryMs: 500 });
    await workload.commits(group.members, 10);
    const struck = group.others(await group.leader())[0]!;
    const failing = struck.process;
    const hangs = { operations: ['sync'], delay: 'hangs' } as const;
    // It fails when the rule is lifted.
    const ofLanes = struck.faultyDisk.impose({ ...hangs, path: 'lanes/', error: 'EIO' });
    await waitUntil('a lane syncs', 20_000, () => ofLanes.struck() > 0);
    const ofLog = struck.faultyDisk.impose({ ...hangs, path: 'log-' });
    await waitUntil('the log syncs', 20_000, () => ofLog.struck() > 0);
    ofLanes.lift();
    assert.deepEqual(await struck.end(20_000), { code: 1, signal: null }, failing.errors);
    assert.match(failing.errors, ONE_LINE);
    ofLog.lift();
    await isSound();
  });

  test('of a group whose disks all need 60 ms for a sync commits in no less, and in less again when they are healed', async (t) => {
    if (!isPossible(t, whyNoFaultyDisk())) return;
    const client = await group.members[0]!.client();
    const commitMs = async (id: string): Promise<number> => {
      const startedAt = performance.now();
      await client.result('put', { table: 'test.slow', row: { id } });
      return performance.now() - startedAt;
    };
    await client.result('createTable', { table: 'test.slow', primaryKey: ['id'] });
    const heal = await inject(group, { kind: 'slowDisk', members: 'all', ms: 60, operations: ['sync'] });
    const slowMs = [await commitMs('one'), await commitMs('two')];
    await heal();
    t.diagnostic(`${slowMs.map((ms) => ms.toFixed(0)).join(' and ')} ms`);
    assert(
      slowMs.every((ms) => ms >= 60),
      `${slowMs} ms`,
    );
    await waitUntil('a commit takes less than 60 ms', 20_000, async () => (await commitMs('three')) < 60);
    client.close();
  });
});
