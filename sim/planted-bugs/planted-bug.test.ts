import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import test, { describe } from 'node:test';
import { findPlantedBug, violationWithout } from './find-planted-bug.ts';
import { changed, changesByFile } from './planted-bug.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { recordedSeeds } from './recorded-seeds.ts';

const SEEDS_MAX = 1000;
const AT_ONCE = 2;

test('a planted bug whose text is not there exactly once is an error', () => {
  const change = { file: 'example.ts', find: 'one', replace: 'two' };
  assert.equal(changed('this one', change), 'this two');
  assert.throws(() => changed('nothing', change), /occurs 0 times in example.ts/);
  assert.throws(() => changed('one and one', change), /occurs 2 times in example.ts/);
});

test('each planted bug has a name of its own and its place', () => {
  assert.equal(new Set(PLANTED_BUGS.map(({ name }) => name)).size, PLANTED_BUGS.length);
  for (const bug of PLANTED_BUGS) {
    for (const [file, changes] of changesByFile(bug)) {
      changes.reduce(changed, readFileSync(path.join(import.meta.dirname, '..', '..', file), 'utf8'));
    }
  }
});

describe('planted bugs are found', { concurrency: AT_ONCE }, () => {
  for (const bug of PLANTED_BUGS.filter(({ isRare }) => isRare !== true)) {
    test(`${bug.name} (${bug.breaks}), by a seed that passes without it`, async (context) => {
      const from = recordedSeeds()[bug.name] ?? 1;
      const found = await findPlantedBug(bug, { from, seeds: SEEDS_MAX, workers: 1 });
      assert.ok(found !== null, `not found in ${SEEDS_MAX} seeds from ${from} on`);
      const { seed, violation } = found.result;
      context.diagnostic(`after ${found.seedsRun} seeds, by seed ${seed}: ${violation!.split('\n')[0]}`);
      assert.equal(await violationWithout(bug, seed), null);
    });
  }
});
