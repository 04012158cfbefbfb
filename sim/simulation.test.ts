import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { CRASH_EFFECTS, FAULT_KINDS } from './faults.ts';
import { faultTable, faultTotals, statisticsTable } from './report.ts';
import { SCENARIOS, type Scenario } from './scenario.ts';
import type { SeedResult } from './seed-result.ts';
import { runSeeds } from './seed-runner.ts';

async function resultsOf(scenario: Scenario, seeds: readonly number[]): Promise<readonly SeedResult[]> {
  const results: SeedResult[] = [];
  await runSeeds({
    scenario,
    planted: null,
    workers: 2,
    seeds: seeds.map((seed) => ({ seed, off: [] })),
    ended: (result) => {
      results.push(result);
      return result.violation === null;
    },
  });
  return results.sort((one, other) => one.seed - other.seed);
}

function seedsFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

function assertPassed(scenario: Scenario, results: readonly SeedResult[]): void {
  for (const { seed, violation } of results) {
    assert.equal(violation, null, `replay it with: npm run sim -- --layer ${scenario} --seed ${seed}`);
  }
}

test('300 seeds of whole members pass, and every kind of fault strikes in them', async (context) => {
  const startedMs = performance.now();
  const results = await resultsOf('member', seedsFrom(1, 300));
  assertPassed('member', results);
  context.diagnostic(faultTable(results));
  context.diagnostic(statisticsTable(results, (performance.now() - startedMs) / 1000));
  const totals = faultTotals(results);
  for (const kind of [...FAULT_KINDS, ...CRASH_EFFECTS]) {
    assert.ok(totals.get(kind)!.times >= 20, `${kind} struck ${totals.get(kind)!.times} times`);
  }
});

test('100 seeds of the group layer alone pass', async () => {
  assertPassed('group', await resultsOf('group', seedsFrom(1, 100)));
});

test('a seed that is run twice has the same fingerprint', async () => {
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
    ['--seeds', '30', '--workers', '1'],
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
