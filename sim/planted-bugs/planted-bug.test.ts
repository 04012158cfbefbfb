import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { runSeeds } from '../seed-runner.ts';
import { findPlantedBug } from './find-planted-bug.ts';
import { changed, changesByFile } from './planted-bug.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';

const SEEDS_MAX = 1000;

test('a planted bug whose text is not there exactly once is an error', () => {
  const change = { file: 'example.ts', find: 'one', replace: 'two' };
  assert.equal(changed('this one', change), 'this two');
  assert.throws(() => changed('nothing', change), /occurs 0 times in example.ts/);
  assert.throws(() => changed('one and one', change), /occurs 2 times in example.ts/);
});

for (const bug of PLANTED_BUGS) {
  test(`the planted bug ${bug.name} has its place`, () => {
    for (const [file, changes] of changesByFile(bug)) {
      changes.reduce(changed, readFileSync(path.join(import.meta.dirname, '..', '..', file), 'utf8'));
    }
  });

  test(`the planted bug ${bug.name} (${bug.breaks}) is found, by a seed that passes without it`, async (context) => {
    const found = await findPlantedBug(bug, { from: 1, seeds: SEEDS_MAX, workers: 2 });
    assert.ok(found !== null, `not found in ${SEEDS_MAX} seeds`);
    const { seed, violation } = found.result;
    context.diagnostic(`after ${found.seedsRun} seeds, by seed ${seed}: ${violation!.split('\n')[0]}`);
    await runSeeds({
      scenario: bug.scenario,
      planted: null,
      workers: 1,
      seeds: [{ seed, profile: 'usual', off: [], leftOut: [] }],
      ended: (result) => {
        assert.equal(result.violation, null);
        return true;
      },
    });
  });
}
