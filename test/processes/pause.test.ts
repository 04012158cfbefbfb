import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalGroup, type LocalMember, verifyEverywhere, Workload } from '../../harness/index.ts';

/** Longer than the others take to choose another leader, and to show the paused one as unreachable. */
const PAUSE_MS = 3_000;

describe('a member that stands still for some seconds under load (SIGSTOP, SIGCONT)', () => {
  for (const role of ['leader', 'follower'] as const) {
    test(`as ${role}: the others go on, it comes back ONLINE, and nothing is lost or acknowledged wrongly`, async (t) => {
      const group = await LocalGroup.create(t);
      const workload = await Workload.prepare(group);
      workload.start();
      await workload.commits(group.members, 20);
      const leader = await group.leader();
      const paused: LocalMember = role === 'leader' ? leader : group.others(leader)[0]!;
      const others = group.others(paused);
      paused.process.signal('SIGSTOP');
      const pausedAt = performance.now();
      await workload.commits(others, 50);
      await delay(Math.max(0, PAUSE_MS - (performance.now() - pausedAt)));
      for (const member of others) {
        const gapMs = workload.longestGapMs(member, pausedAt, performance.now());
        t.diagnostic(`longest gap at ${member.name}: ${Math.round(gapMs)} ms`);
        assert(gapMs < 2_000, `${member.name} committed nothing for ${Math.round(gapMs)} ms`);
      }
      paused.process.signal('SIGCONT');
      await paused.untilState('ONLINE', 10_000);
      await workload.commits(group.members, 20, 20_000);
      await workload.stop();
      await verifyEverywhere(group, workload);
    });
  }
});
