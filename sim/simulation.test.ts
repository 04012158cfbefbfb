import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { CRASH_EFFECTS, FAULT_KINDS } from './faults/index.ts';
import { coverageTotals, faultTotals, situationsOf, statisticsTable, totalsTable } from './report.ts';
import { SCENARIOS, type Scenario } from './scenario.ts';
import type { SeedResult } from './seed-result.ts';
import { runSeeds } from './seed-runner.ts';
import { shrink } from './shrink.ts';

async function resultsOf(scenario: Scenario, seeds: readonly number[]): Promise<readonly SeedResult[]> {
  const results: SeedResult[] = [];
  await runSeeds({
    scenario,
    planted: null,
    workers: 2,
    seeds: seeds.map(optionsOf),
    ended: (result) => {
      results.push(result);
      return result.violation === null;
    },
  });
  return results.sort((one, other) => one.seed - other.seed);
}

function optionsOf(seed: number) {
  return { seed, profile: 'usual', off: [], leftOut: [] } as const;
}

function seedsFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

function assertPassed(scenario: Scenario, results: readonly SeedResult[]): void {
  for (const { seed, violation } of results) {
    assert.equal(violation, null, `replay it with: npm run sim -- --layer ${scenario} --seed ${seed}`);
  }
}

/** Half of the batch for each scenario. Every kind of fault has to strike, and every situation to come up. */
const BATCH = 250;

for (const scenario of SCENARIOS) {
  test(`${BATCH} seeds of the scenario ${scenario} pass, with every kind of fault and every situation that is to be met`, async (context) => {
    const startedMs = performance.now();
    const cpuBefore = process.cpuUsage();
    const results = await resultsOf(scenario, seedsFrom(1, BATCH));
    assertPassed(scenario, results);
    const cpu = process.cpuUsage(cpuBefore);
    const faults = faultTotals(results);
    const situations = coverageTotals(scenario, results);
    context.diagnostic(totalsTable('fault', faults));
    context.diagnostic(totalsTable('situation', situations));
    const seconds = (performance.now() - startedMs) / 1000;
    context.diagnostic(statisticsTable(results, { seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 }));
    const unseen = [...FAULT_KINDS, ...CRASH_EFFECTS].filter((kind) => faults.get(kind)!.times === 0);
    // There are no lanes in the group layer alone, and no states to transfer.
    assert.deepEqual(unseen, scenario === 'group' ? ['crash in a lane flush', 'crash in a transfer'] : []);
    assert.deepEqual(
      situationsOf(scenario).filter((name) => situations.get(name)!.times === 0),
      [],
    );
  });
}

test('I14: a seed that is run twice has the same fingerprint', async () => {
  for (const scenario of SCENARIOS) {
    const seeds = seedsFrom(1, 10);
    const first = await resultsOf(scenario, seeds);
    const second = await resultsOf(scenario, seeds);
    assert.deepEqual(
      second.map(({ fingerprint }) => fingerprint),
      first.map(({ fingerprint }) => fingerprint),
    );
  }
});

test('a failing seed is shrunk to fewer faults, and still fails in the same way', async () => {
  const planted = 'answer-before-fsync';
  const failed: SeedResult[] = [];
  await runSeeds({
    scenario: 'group',
    planted,
    workers: 2,
    seeds: seedsFrom(1, 200).map(optionsOf),
    ended: (result) => {
      if (result.violation !== null && result.struck.length > 3) failed.push(result);
      return failed.length < 5;
    },
  });
  const fewer: number[] = [];
  for (const each of failed) {
    let runsLeft = 25;
    const shrunk = await shrink({
      scenario: 'group',
      planted,
      options: optionsOf(each.seed),
      failed: each,
      mayGoOn: () => runsLeft-- > 0,
    });
    assert.notEqual(shrunk.result.violation, null);
    fewer.push(each.struck.length - shrunk.result.struck.length);
  }
  // One that needs all of its few faults cannot be made shorter.
  assert.ok(Math.max(...fewer) > 0, `of ${failed.length} seeds`);
});

function runMain(args: readonly string[], nodeArgs: readonly string[] = []) {
  const ended = spawnSync(process.execPath, [...nodeArgs, path.join(import.meta.dirname, 'main.ts'), ...args], {
    encoding: 'utf8',
  });
  return { status: ended.status, lines: ended.stdout.trimEnd().split('\n'), errors: ended.stderr };
}

test('one seed is replayed with its story', () => {
  const { status, lines } = runMain(['--seed', '3']);
  assert.equal(status, 0);
  assert.ok(lines.some((line) => line.includes('ms  all faults end')));
  assert.equal(lines.at(-1), 'seed 3 passes');
});

test('when a seed fails, its story is told, the last line is the seed, and the exit code is 1', () => {
  const plantIt = `
    import { plant } from ${JSON.stringify(pathToFileURL(path.join(import.meta.dirname, 'planted-bugs', 'planted-bug.ts')).href)};
    import { PLANTED_BUGS } from ${JSON.stringify(pathToFileURL(path.join(import.meta.dirname, 'planted-bugs', 'planted-bugs.ts')).href)};
    plant(PLANTED_BUGS.find((bug) => bug.name === 'snapshot-taken-at-commit'));`;
  const { status, lines } = runMain(
    ['--seeds', '60', '--workers', '1'],
    ['--import', `data:text/javascript,${encodeURIComponent(plantIt)}`],
  );
  assert.equal(status, 1);
  assert.match(lines.at(-1)!, /^seed \d+$/);
  assert.ok(lines.some((line) => line.includes('VIOLATION')));
  assert.ok(lines.some((line) => line.includes('npm run sim -- --layer member --seed')));
});

test('a wrong option is named, with exit code 2', () => {
  const { status, errors } = runMain(['--seeds', 'many']);
  assert.equal(status, 2);
  assert.match(errors, /--seeds many is not a whole number/);
});
