import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counts, RandomSchedule } from './testing/random-schedule.ts';

const SEEDS = Number(process.env.CONSENSUS_SEEDS ?? 200);
const FROM = Number(process.env.CONSENSUS_FROM ?? 1);

test('under loss, partitions, crashes, damage and changes of the membership, the group keeps one order and recovers', () => {
  const counts = new Counts();
  let terms = 0;
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    try {
      const schedule = new RandomSchedule(seed, counts);
      schedule.run();
      terms = Math.max(terms, schedule.cluster.leader!.core!.term);
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
  }
  if (process.env.CONSENSUS_SEEDS !== undefined) console.log(counts, terms);
  if (SEEDS < 100) return;
  assert.ok(terms >= 5, `terms: ${terms}`);
  for (const [what, count] of Object.entries(counts)) assert.ok(count >= SEEDS / 20, `${what} happened: ${count}`);
});

test('one seed is one world', () => {
  const transcriptOf = (seed: number): string => {
    const schedule = new RandomSchedule(seed, new Counts());
    schedule.run();
    return schedule.cluster.transcript.join('\n');
  };
  for (const seed of [3, 4, 5]) assert.equal(transcriptOf(seed), transcriptOf(seed));
});
