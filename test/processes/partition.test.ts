import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalGroup, type LocalMember, verifyEverywhere, Workload, waitUntil, within } from '../../harness/index.ts';

/** Longer than a leader without a majority believes to be one, and than the members take to choose another. */
const CUT_MS = 3_000;

async function partitioned(t: test.TestContext, minorityOf: (group: LocalGroup) => Promise<LocalMember>) {
  const group = await LocalGroup.create(t, { network: true });
  const workload = await Workload.prepare(group);
  workload.start();
  await workload.commits(group.members, 20);
  const minority = await minorityOf(group);
  const majority = group.others(minority);

  const client = await minority.client();
  await group.network.cut({ name: 'isolated', member: group.placeOf(minority) });
  const cutAt = performance.now();
  await waitUntil(`${minority.name} knows that it reaches no majority`, 5_000, () => minority.hasQuorum === false);
  const lostAt = performance.now();
  const acknowledgedBefore = workload.acknowledged(minority);
  const refused = await within(
    'an answer of the minority',
    10_000,
    client.error('put', { table: 'test.counters', row: { id: 'minority', count: 1 } }),
  );
  assert.equal(refused.code, 'NO_QUORUM');
  assert.equal(refused.retry, 'elsewhere');
  client.close();
  await workload.commits(majority, 50);
  await delay(Math.max(0, CUT_MS - (performance.now() - cutAt)));
  assert.equal(workload.acknowledged(minority), acknowledgedBefore, 'the minority acknowledged nothing');
  for (const member of majority) {
    const gapMs = workload.longestGapMs(member, cutAt, performance.now());
    t.diagnostic(`longest gap at ${member.name}: ${Math.round(gapMs)} ms`);
    assert(gapMs < 2_000, `${member.name} committed nothing for ${Math.round(gapMs)} ms`);
  }
  t.diagnostic(`the minority knew after ${Math.round(lostAt - cutAt)} ms`);
  await group.network.heal();
  await workload.commits(group.members, 20, 20_000);
  await workload.stop();
  for (const member of group.members) assert.equal(await member.state(), 'ONLINE');
  assert(group.members.every((member) => member.isRunning));
  const { rows } = await verifyEverywhere(group, workload);
  t.diagnostic(`${workload.acknowledged()} acknowledged of ${workload.entries.length}, ${rows} there`);
}

describe('a partition of the network between the members', () => {
  test('that cuts off the leader: it answers NO_QUORUM, the others go on, and all are equal after it has healed', async (t) => {
    await partitioned(t, (group) => group.leader());
  });

  test('that cuts off a follower: it answers NO_QUORUM, the others go on, and all are equal after it has healed', async (t) => {
    await partitioned(t, async (group) => group.others(await group.leader())[0]!);
  });

  test('into three: nobody acknowledges anything until it has healed', async (t) => {
    const group = await LocalGroup.create(t, { network: true });
    const workload = await Workload.prepare(group);
    workload.start();
    await workload.commits(group.members, 20);
    await group.network.cut({ name: 'apart' });
    await waitUntil('all know that they reach no majority', 5_000, () =>
      group.members.every((member) => member.hasQuorum === false),
    );
    const before = workload.acknowledged();
    const clients = await Promise.all(group.members.map((member) => member.client()));
    const row = { id: 'nobody', count: 1 };
    const refused = await Promise.all(clients.map((client) => client.error('put', { table: 'test.counters', row })));
    for (const { code } of refused) assert.equal(code, 'NO_QUORUM');
    for (const client of clients) client.close();
    assert.equal(workload.acknowledged(), before);
    await group.network.heal();
    await workload.commits(group.members, 20, 20_000);
    await workload.stop();
    await verifyEverywhere(group, workload);
  });

  test('of which only one direction is lost, at the leader: the group commits again, and nothing is lost', async (t) => {
    const group = await LocalGroup.create(t, { network: true });
    const workload = await Workload.prepare(group);
    workload.start();
    await workload.commits(group.members, 20);
    const leader = await group.leader();
    const followers = group.others(leader);
    // The leader hears its followers, and none of them hears it.
    await group.network.cut({ name: 'mute', member: group.placeOf(leader) });
    const cutAt = performance.now();
    await waitUntil('another leads', 10_000, () => {
      const seen = followers.map((follower) => follower.latestLeader?.leader);
      return seen[0] !== null && seen[0] === seen[1] && seen[0] !== leader.memberId;
    });
    await workload.commits(followers, 50);
    for (const member of followers) {
      t.diagnostic(
        `longest gap at ${member.name}: ${Math.round(workload.longestGapMs(member, cutAt, performance.now()))} ms`,
      );
    }
    await group.network.heal();
    await workload.commits(group.members, 20, 20_000);
    await workload.stop();
    await verifyEverywhere(group, workload);
  });
});
