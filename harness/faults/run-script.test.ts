import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { LocalGroup } from '../group/local-group.ts';
import type { LocalMember } from '../group/local-member.ts';
import { Scope } from '../group/scope.ts';
import { HistoryWriter } from '../history/history-writer.ts';
import { readHistory } from '../history/read-history.ts';
import { verifyEverywhere } from '../load/verification.ts';
import { Workload } from '../load/workload.ts';
import { waitUntil } from '../wait-until.ts';
import { inject, mayHaveEnded, recover } from './inject.ts';
import { runScript } from './run-script.ts';

describe('a group under a script', { timeout: 90_000 }, () => {
  const scope = new Scope();
  let group: LocalGroup;
  before(async () => {
    group = await LocalGroup.create(scope, { network: true });
  });
  after(() => scope.end());

  test('has a timeline of steps, states and commits, and a history of what each client was told', async () => {
    const file = path.join(group.folder, 'history.jsonl');
    const history = new HistoryWriter(file, { members: 3 });
    const workload = await Workload.prepare(group, { history });
    workload.start({ each: 2 });
    await workload.commits(group.members, 5);
    const before = workload.acknowledged();
    const timeline = await runScript(
      group,
      workload,
      [
        { atMs: 0, fault: { kind: 'cut', shape: { name: 'clients', members: [1] } }, name: 'cut' },
        { atMs: 100, fault: { kind: 'kill', members: [2] }, forMs: 300 },
        { atMs: 150, request: { member: 0, op: 'tables' } },
        { atMs: 200, request: { member: 0, op: 'fly' } },
        { atMs: 500, heal: 'cut' },
        { atMs: 550, heal: 'nothing' },
      ],
      { forMs: 600, history },
    );
    await recover(group);
    await workload.commits(group.members, 5, 20_000);
    await workload.stop();
    history.close();
    await verifyEverywhere(group, workload);

    const steps = timeline.steps.map(({ kind, name, error }) => `${kind} ${name}${error === null ? '' : ' failed'}`);
    assert.deepEqual(steps.sort(), [
      'heal cut',
      'heal kill',
      'heal nothing failed',
      'inject cut',
      'inject kill',
      'request fly failed',
      'request tables',
    ]);
    const [asked] = timeline.steps.filter(({ name }) => name === 'kill');
    assert(asked!.atMs >= 100);
    const [end, ...more] = timeline.ends;
    assert.deepEqual([end?.member, end?.signal, end?.isExplained, more.length], ['member-3', 'SIGKILL', true, 0]);
    assert(timeline.endedMs >= 600);

    const { everyMs, byMember } = timeline.commits;
    assert.equal(everyMs, 10);
    const counted = Object.values(byMember)
      .flat()
      .reduce((sum, count) => sum + count, 0);
    assert(counted > 0 && counted <= workload.acknowledged() - before, `${counted} of ${workload.acknowledged()}`);

    const { operations, notes, isTorn } = await readHistory(file);
    assert.equal(isTorn, false);
    assert.equal(notes.length, timeline.steps.length);
    const commits = operations.filter(
      ({ op, arguments: { steps } }) => op === 'commit' || (op === 'transact' && steps),
    );
    const acknowledged = commits
      .filter(({ outcome }) => outcome === 'ok')
      .map(({ result }) => (result as { sequenceNumber: number }).sequenceNumber);
    const told = workload.entries.flatMap(({ sequenceNumber }) => sequenceNumber ?? []);
    assert.deepEqual(
      acknowledged.sort((a, b) => a - b),
      told.sort((a, b) => a - b),
    );
    const unknown = workload.entries.filter(({ fate }) => fate === 'unknown').length;
    const openCommits = commits.filter(({ outcome }) => outcome === 'info').length;
    assert(openCommits <= unknown, `${openCommits} commits without an outcome, ${unknown} transactions`);
  });

  test('starts a member again when all faults that hold it down are healed', async () => {
    const [member] = group.members;
    const first = await inject(group, { kind: 'kill', members: 0 });
    const second = await inject(group, { kind: 'stop', members: 0 });
    await first();
    await first();
    assert.equal(member!.isRunning, false);
    await second();
    assert.equal(member!.isRunning, true);
    await member!.online();
    const pauseOne = await inject(group, { kind: 'pause', members: 0 });
    const pauseTwo = await inject(group, { kind: 'pause', members: 0 });
    await pauseTwo();
    assert.equal(member!.isPaused, true);
    await pauseOne();
    assert.equal(member!.isPaused, false);
    await member!.untilState('ONLINE', 10_000);
  });

  test('tells an end that a fault explains, shortly after it too, from one that none does', async () => {
    const [member, other] = group.members as readonly [LocalMember, LocalMember];
    const before = Date.now() - 1;
    const heal = await inject(group, { kind: 'kill', members: 0 });
    assert.equal(mayHaveEnded(group, member, member.process.endedAtMs!), true);
    await heal();
    assert.equal(mayHaveEnded(group, member, Date.now()), true);
    assert.equal(mayHaveEnded(group, member, Date.now() + 60_000), false);
    assert.equal(mayHaveEnded(group, other, before), false);
    await recover(group);
  });

  test('takes clients through its network, and keeps their requests back where it is cut', async () => {
    const traffic = async () => (await group.network.network.traffic()).get('clients>1')!;
    const client = await group.members[1]!.client();
    await client.result('ping');
    const before = await traffic();
    assert(before > 0);
    const heal = await inject(group, { kind: 'cut', shape: { name: 'clients', members: [1] } });
    const answered = client.ask('ping');
    assert.equal(await traffic(), before);
    assert.equal(await group.members[1]!.state(), 'ONLINE');
    await heal();
    assert.equal((await answered).kind, 'result');
    await waitUntil('it has passed', 5_000, async () => (await traffic()) > before);
    client.close();
  });

  test('can be delayed from clients to one member alone', async () => {
    const client = await group.members[0]!.client();
    const heal = await inject(group, { kind: 'delay', flows: { from: 'clients', to: 0 }, ms: 150 });
    const startedAt = performance.now();
    await client.result('ping');
    assert(performance.now() - startedAt >= 150);
    await heal();
    client.close();
  });

  test('is told when a fault names a member that there is not, or needs what the group was not made with', async () => {
    await assert.rejects(inject(group, { kind: 'kill', members: 3 }), /no member at place 3/);
    await assert.rejects(inject(group, { kind: 'slowDisk', members: 0, ms: 1 }), /made with faultyDisks/);
    await assert.rejects(inject(group, { kind: 'cut', shape: { name: 'ring' } }), /a ring of majorities needs four/);
  });
});
