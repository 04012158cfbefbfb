import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../base/index.ts';
import { TestCluster } from './testing/cluster.ts';

const SEEDS = Number(process.env.CONSENSUS_SEEDS ?? 300);
const FROM = Number(process.env.CONSENSUS_FROM ?? 1);
const ACTIONS = 1500;

const counts = { crashes: 0, losses: 0, duplicates: 0, reorders: 0, cuts: 0, chosen: 0, terms: 0 };

/** The cluster checks one leader a term, one total order, each broadcast once and in order, and nothing chosen lost, at every step. */
function runSchedule(seed: number): string {
  const random = new SeededRandom(seed);
  const members = random.pick([1, 2, 3, 3, 3, 5]);
  const cluster = new TestCluster({
    members,
    seed,
    options: {
      appendEntriesMax: random.between(1, 8),
      appendBytesMax: random.between(1, 400),
      windowMessagesMax: random.between(1, 4),
      windowBytesMax: random.between(1, 1000),
      tailBytesMax: random.pick([1, 300, 1_000_000]),
      deliverBytesMax: random.between(1, 300),
      pendingMessagesMax: random.between(1, 20),
      resendMs: random.between(50, 500),
    },
  });
  const anyone = () => random.below(members);
  const hostility = random.pick([0, 1, 4]);
  for (let action = 0; action < ACTIONS; action++) {
    const dice = random.below(100);
    const ordinal = anyone();
    const member = cluster.member(ordinal);
    if (dice < 45) {
      if (cluster.packets.length === 0) continue;
      const reorder = random.chance(hostility * 5);
      if (reorder) counts.reorders += 1;
      const packet = reorder ? random.pick(cluster.packets) : cluster.packets[0]!;
      if (random.chance(hostility * 2)) {
        counts.losses += 1;
        cluster.packets = cluster.packets.filter((other) => other !== packet);
        continue;
      }
      const duplicate = random.chance(hostility * 2);
      if (duplicate) counts.duplicates += 1;
      cluster.arrive((other) => other === packet, duplicate);
    } else if (dice < 60) {
      cluster.nowMs += random.pick([1, 5, 25, 25, 100]);
      for (const other of cluster.members) if (other.core !== null) cluster.step(other.ordinal, { kind: 'tick' });
      if (random.chance(hostility * 3)) {
        // One member grows impatient while nobody hears anything.
        cluster.nowMs += random.between(300, 1300);
        for (let i = 0; i < 2; i++) if (member.core !== null) cluster.step(ordinal, { kind: 'tick' });
      }
    } else if (dice < 75) {
      if (member.core !== null) cluster.sync(ordinal, random.between(1, 3));
    } else if (dice < 90) {
      if (member.core?.canPropose())
        cluster.propose(ordinal, `${ordinal}.${member.incarnation}.${member.proposedUpTo + 1}`);
    } else if (dice < 94) {
      if (member.core !== null) {
        cluster.step(
          ordinal,
          random.chance(50) ? { kind: 'delivery-paused', paused: random.chance(30) } : { kind: 'continue' },
        );
        if (random.chance(20)) {
          const { deliveredUpTo, chosenUpTo } = member.core.status();
          member.knownChosenUpTo = Math.max(
            member.knownChosenUpTo,
            random.pick([deliveredUpTo, Math.min(chosenUpTo, member.disk.lastIndex)]),
          );
          member.knownChosenUpTo = Math.min(member.knownChosenUpTo, deliveredUpTo);
        }
      }
    } else if (dice < 97) {
      if (!random.chance(hostility * 15)) continue;
      counts.crashes += 1;
      if (member.core === null) {
        cluster.start(ordinal, random.between(0, member.knownChosenUpTo));
      } else {
        cluster.crash(ordinal, { requests: random.between(0, 2), entries: random.between(0, 2) });
      }
    } else if (members > 1) {
      const other = anyone();
      if (other === ordinal) continue;
      if (cluster.isCut(ordinal, other)) cluster.heal(ordinal, other);
      else if (random.chance(hostility * 15)) {
        counts.cuts += 1;
        cluster.cut(ordinal, other, random.chance(70));
      }
    }
  }
  becomeWell(cluster);
  return cluster.transcript.join('\n');
}

/** Liveness: once all run and hear each other, everything still pending is delivered everywhere. */
function becomeWell(cluster: TestCluster): void {
  for (const { ordinal, core } of cluster.members) if (core === null) cluster.start(ordinal);
  for (const { ordinal: a } of cluster.members) {
    for (const { ordinal: b } of cluster.members) if (a < b && cluster.isCut(a, b)) cluster.heal(a, b);
  }
  for (const { ordinal } of cluster.members) cluster.step(ordinal, { kind: 'delivery-paused', paused: false });
  const isWell = () => {
    const statuses = cluster.members.map(({ core }) => core!.status());
    return statuses.every(
      (status) =>
        status.pendingMessages === 0 &&
        status.caughtUp &&
        status.hasQuorum &&
        status.deliveredUpTo === statuses[0]!.lastIndex &&
        status.receivedByAll === statuses[0]!.lastIndex,
    );
  };
  for (let round = 0; !isWell(); round++) {
    assert.ok(
      round < 2_000,
      `the group recovers: ${JSON.stringify(cluster.members.map(({ core }) => core!.status()))}`,
    );
    cluster.nowMs += 25;
    for (const { ordinal } of cluster.members) {
      cluster.step(ordinal, { kind: 'tick' });
      cluster.step(ordinal, { kind: 'continue' });
    }
    cluster.settle();
  }
  for (const { core, log, ordinal } of cluster.members) {
    assert.equal(log.lastIndex, cluster.chosen.length, `member ${ordinal} has the whole log`);
    counts.terms = Math.max(counts.terms, core!.status().term);
  }
  counts.chosen += cluster.chosen.length;
}

test('under loss, reordering, duplication, partitions and crashes that forget unsynced writes, the group keeps one order and recovers', () => {
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    try {
      runSchedule(seed);
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
  }
  if (SEEDS < 100) return;
  for (const [what, count] of Object.entries(counts))
    assert.ok(count >= (what === 'terms' ? 5 : 500), `${what} happened: ${count}`);
});

test('one seed is one world', () => {
  for (const seed of [3, 4, 5]) assert.equal(runSchedule(seed), runSchedule(seed));
});
