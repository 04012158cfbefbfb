import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LocalGroup, outgrowHistory, verifyEverywhere, Workload } from '../../harness/index.ts';

const GAP_MS_MAX = 2_000;

describe('kill -9 under load', () => {
  test('of any one member, the leader included: the others commit again within 2 s, and the killed one catches up', async (t) => {
    const group = await LocalGroup.create(t);
    const workload = await Workload.prepare(group);
    workload.start();
    await workload.commits(group.members, 20);
    const notKilled = new Set(group.members);
    let hasKilledLeader = false;
    while (notKilled.size > 0 || !hasKilledLeader) {
      const leader = await group.leader();
      // The leader of the first round, then those that are left.
      const victim = notKilled.size === group.members.length ? leader : ([...notKilled][0] ?? leader);
      notKilled.delete(victim);
      hasKilledLeader ||= victim === leader;
      const survivors = group.others(victim);
      const killedAt = performance.now();
      await victim.process.kill();
      await workload.commits(survivors, 50);
      const restartedAt = performance.now();
      for (const survivor of survivors) {
        const gapMs = workload.longestGapMs(survivor, killedAt, restartedAt);
        const role = victim === leader ? 'the leader' : 'a follower';
        t.diagnostic(`longest gap at ${survivor.name} after kill -9 of ${role}: ${Math.round(gapMs)} ms`);
        assert(gapMs < GAP_MS_MAX, `${survivor.name} committed nothing for ${Math.round(gapMs)} ms`);
      }
      victim.start();
      await victim.online();
      await workload.commits(group.members, 20);
    }
    await workload.stop();
    const { rows } = await verifyEverywhere(group, workload);
    t.diagnostic(`${workload.acknowledged()} acknowledged of ${workload.entries.length}, ${rows} there`);
  });

  test('of all three at once, again and again: the group comes back by itself with every acknowledged commit', async (t) => {
    const group = await LocalGroup.create(t);
    const workload = await Workload.prepare(group);
    for (let round = 1; round <= 3; round++) {
      workload.start();
      await workload.commits(group.members, 30);
      // Then lanes hold some of it.
      if (round === 2) await outgrowHistory(group);
      await group.killAll();
      await workload.stop();
      await group.restart();
      const { rows } = await verifyEverywhere(group, workload);
      const unknown = workload.entries.filter((entry) => entry.fate === 'unknown').length;
      t.diagnostic(`round ${round}: ${workload.acknowledged()} acknowledged, ${unknown} unknown, ${rows} there`);
    }
  });
});
