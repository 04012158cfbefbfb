import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '../../gcs/base/index.ts';
import {
  isPossible,
  LocalGroup,
  outgrowHistory,
  POWER_CUT_STATUS,
  verifyEverywhere,
  Workload,
  whyNoPowerCut,
} from '../../harness/index.ts';

const ROUNDS = 3;

describe('a power cut of all three members under load', () => {
  test('at points drawn by chance: restarted they have every acknowledged commit', async (t) => {
    if (!isPossible(t, whyNoPowerCut())) return;
    const seed = Math.floor(Math.random() * 2 ** 32);
    t.diagnostic(`seed ${seed}`);
    const random = new SeededRandom(seed);
    const group = await LocalGroup.create(t, { powerCuts: true, seed });
    const workload = await Workload.prepare(group);
    for (let round = 1; round <= ROUNDS; round++) {
      workload.start();
      const growing = outgrowHistory(group);
      // The power goes after lanes were flushed, or somewhere before.
      if (round % 2 === 1) await growing;
      else growing.catch(() => {});
      await workload.commits(group.members, 20 + random.below(100));
      const ends = await Promise.all(group.members.map((member) => member.cutPower()));
      for (const [i, { code }] of ends.entries()) {
        assert.equal(code, POWER_CUT_STATUS, group.members[i]!.process.errors);
      }
      await workload.stop();
      await group.restart();
      const { rows } = await verifyEverywhere(group, workload);
      const unknown = workload.entries.filter((entry) => entry.fate === 'unknown').length;
      t.diagnostic(`round ${round}: ${workload.acknowledged()} acknowledged, ${unknown} unknown, ${rows} there`);
    }
  });
});
