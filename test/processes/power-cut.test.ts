import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { SeededRandom } from '../../gcs/base/index.ts';
import { compilePowerCut, LocalGroup, verifyEverywhere, Workload } from '../../harness/index.ts';

const POWER_CUT_STATUS = 137;
const ROUNDS = 3;

describe('a power cut of all three members under load', () => {
  test('at points drawn by chance: restarted they have every acknowledged commit', async (t) => {
    const powerCut = compilePowerCut();
    if (powerCut.kind === 'unavailable') {
      assert(process.env.CI === undefined, powerCut.reason);
      t.skip(powerCut.reason);
      return;
    }
    const seed = Math.floor(Math.random() * 2 ** 32);
    t.diagnostic(`seed ${seed}`);
    const random = new SeededRandom(seed);
    const group = await LocalGroup.prepare(t);
    const equip = () => {
      for (const { directory, environment } of group.members) {
        mkdirSync(directory, { recursive: true });
        const plan = { directory, seed: random.below(2 ** 31) };
        Object.assign(environment, powerCut.environment(plan));
      }
    };
    equip();
    group.form();
    await group.online();
    const workload = await Workload.prepare(group);
    for (let round = 1; round <= ROUNDS; round++) {
      workload.start();
      await workload.commits(group.members, 20 + random.below(100));
      // The power goes at the next write or sync of each.
      for (const member of group.members) member.process.signal('SIGUSR2');
      for (const member of group.members) {
        assert.equal((await member.end(10_000)).code, POWER_CUT_STATUS, member.process.errors);
      }
      await workload.stop();
      equip();
      await group.restart();
      const { rows } = await verifyEverywhere(group, workload);
      const unknown = workload.entries.filter((entry) => entry.fate === 'unknown').length;
      t.diagnostic(`round ${round}: ${workload.acknowledged()} acknowledged, ${unknown} unknown, ${rows} there`);
    }
  });
});
