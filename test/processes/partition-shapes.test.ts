/** Partitions in which majorities overlap, or which do not last, or are on the clients' side. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type Fault,
  inject,
  LocalGroup,
  type LocalMember,
  recover,
  Scope,
  verifyEverywhere,
  Workload,
  waitUntil,
} from '../../harness/index.ts';

/** Longer than members need to choose another leader, several times. */
const COMMITS_MS_MAX = 15_000;

function underFaults(
  members: number,
  name: string,
  tests: (its: () => { group: LocalGroup; workload: Workload }) => void,
) {
  describe(name, { timeout: 120_000 }, () => {
    const scope = new Scope();
    let its: { group: LocalGroup; workload: Workload };
    before(async () => {
      const group = await LocalGroup.create(scope, { members, network: true });
      const workload = await Workload.prepare(group);
      its = { group, workload };
    });
    after(() => scope.end());
    tests(() => its);
  });
}

/** Under load: `during` while the fault lasts; then it heals, all commit again and are equal. */
async function through(
  { group, workload }: { group: LocalGroup; workload: Workload },
  fault: Fault,
  during: () => Promise<void>,
): Promise<void> {
  workload.start();
  await workload.commits(group.members, 10);
  const pids = group.members.map((member) => member.process.pid);
  const heal = await inject(group, fault);
  await during();
  await heal();
  await recover(group);
  await workload.commits(group.members, 10, COMMITS_MS_MAX);
  await workload.stop();
  assert.deepEqual(
    group.members.map((member) => member.process.pid),
    pids,
    'no member has ended',
  );
  await verifyEverywhere(group, workload);
}

underFaults(3, 'under load, a network between three members', (its) => {
  for (const role of ['leader', 'follower'] as const) {
    test(`in which the ${role} alone reaches both others: a majority commits, and nothing is lost`, async () => {
      const { group, workload } = its();
      const bridge = role === 'leader' ? await group.leader() : group.others(await group.leader())[0]!;
      const shape = { name: 'bridge', member: group.placeOf(bridge) } as const;
      // Both ends reach the bridge, so it is in every majority.
      await through(its(), { kind: 'cut', shape }, () => workload.commits([bridge], 30, COMMITS_MS_MAX));
    });
  }

  test('in which the leader hears nobody: another leads, the others commit, and nothing is lost', async () => {
    const { group, workload } = its();
    const leader = await group.leader();
    const followers = group.others(leader);
    await through(its(), { kind: 'cut', shape: { name: 'deaf', member: 'leader' } }, async () => {
      await waitUntil('another leads', 10_000, () =>
        followers.some(({ latestLeader }) => latestLeader?.leader != null && latestLeader.leader !== leader.memberId),
      );
      await workload.commits(followers, 30, COMMITS_MS_MAX);
    });
  });

  test('in which one member does not reach one other: a majority commits, and nothing is lost', async () => {
    const { group, workload } = its();
    const from = group.placeOf(await group.leader());
    const to = (from + 1) % 3;
    const third = group.members[(from + 2) % 3]!;
    await through(its(), { kind: 'cut', shape: { name: 'oneWay', from, to } }, () =>
      workload.commits([third], 30, COMMITS_MS_MAX),
    );
  });

  test('that loses its leader again and again for shorter than an election: all commit when it is over, and nothing is lost', async () => {
    const { workload } = its();
    const fault = {
      kind: 'flapping',
      shape: { name: 'isolated', member: 'leader' },
      cutMs: 400,
      wholeMs: 400,
    } as const;
    await through(its(), fault, async () => {
      const before = workload.acknowledged();
      await waitUntil('some are acknowledged', COMMITS_MS_MAX, () => workload.acknowledged() > before + 100);
    });
  });

  test('that resets its connections again and again: all commit when it is over, and nothing is lost', async () => {
    const { group, workload } = its();
    const shape = { name: 'apart' } as const;
    await through(its(), { kind: 'flapping', shape, how: 'reset', cutMs: 50, wholeMs: 500 }, () =>
      workload.commits(group.members, 30, COMMITS_MS_MAX),
    );
  });

  test('that delays everything by 50 ms: all go on, and a commit takes no less', async (t) => {
    const { group, workload } = its();
    await through(its(), { kind: 'delay', flows: 'members', ms: 50, jitterMs: 10 }, async () => {
      await workload.commits(group.members, 10, COMMITS_MS_MAX);
      const client = await group.members[0]!.client();
      const startedAt = performance.now();
      await client.result('put', { table: 'test.counters', row: { id: 'delayed', count: 0 } });
      const tookMs = performance.now() - startedAt;
      client.close();
      t.diagnostic(`${tookMs.toFixed(0)} ms`);
      assert(tookMs >= 80, `to a majority and back in ${tookMs} ms`);
    });
    const client = await group.members[0]!.client();
    await client.result('delete', { table: 'test.counters', key: 'delayed' });
    client.close();
  });

  test('and clients, some of whom do not reach their member: the member serves on, and they are answered when it has healed', async () => {
    const { group, workload } = its();
    const [cutOff, ...others] = group.members as readonly [LocalMember, ...LocalMember[]];
    const client = await cutOff.client();
    await through(its(), { kind: 'cut', shape: { name: 'clients', members: [0] } }, async () => {
      const waiting = client.ask('get', { table: 'test.counters', key: 0 });
      const before = workload.acknowledged(cutOff);
      await workload.commits(others, 30, COMMITS_MS_MAX);
      assert.equal(workload.acknowledged(cutOff), before, 'nobody was told anything');
      assert.equal(await cutOff.state(), 'ONLINE');
      assert(client.isOpen);
      waiting.then((answer) => assert.equal(answer.kind, 'result'));
    });
    await client.result('get', { table: 'test.counters', key: 0 });
    client.close();
  });
});

underFaults(5, 'under load, a network between five members', (its) => {
  test('that is a ring, in which each sees another majority: some commit, and nothing is lost', async () => {
    const { workload } = its();
    await through(its(), { kind: 'cut', shape: { name: 'ring' } }, async () => {
      const before = workload.acknowledged();
      await waitUntil('some are acknowledged', COMMITS_MS_MAX, () => workload.acknowledged() > before + 50);
    });
  });

  test('in two halves: the larger one commits, and the smaller one acknowledges nothing', async () => {
    const { group, workload } = its();
    const [larger, smaller] = [group.members.slice(0, 3), group.members.slice(3)];
    await through(its(), { kind: 'cut', shape: { name: 'halves' } }, async () => {
      await waitUntil('the smaller half knows', 10_000, () => smaller.every((member) => member.hasQuorum === false));
      const before = smaller.map((member) => workload.acknowledged(member));
      await workload.commits(larger, 20, COMMITS_MS_MAX);
      assert.deepEqual(
        smaller.map((member) => workload.acknowledged(member)),
        before,
      );
    });
  });
});
