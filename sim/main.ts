/**
 * `npm run sim -- --seeds N --from S`: runs seeds S to S+N-1 and prints what happened in them. `--seed S`: replays one
 * with its story. `--planted NAME|all --seeds N`: how many seeds it takes to find planted bugs.
 */
import { parseArgs } from 'node:util';
import { findPlantedBug } from './planted-bugs/find-planted-bug.ts';
import { PLANTED_BUGS } from './planted-bugs/planted-bugs.ts';
import { faultTable, statisticsTable } from './report.ts';
import { SCENARIOS, type Scenario } from './scenario.ts';
import type { SeedResult } from './seed-result.ts';
import { runSeeds } from './seed-runner.ts';
import { shrink } from './shrink.ts';

const USAGE = `usage: npm run sim -- [--seeds N] [--from S] [--seed S] [--planted NAME|all] [--layer group|member] [--workers W]
  --seeds N     how many seeds to run (100)
  --from S      the first of them (1)
  --seed S      replays one seed with its story
  --planted     looks for a planted bug, or all: ${PLANTED_BUGS.map((bug) => bug.name).join(', ')}
  --layer       the group layer alone, or whole members (member)
  --workers W   threads (2)
`;

function wrongUsage(problem: string): never {
  process.stderr.write(`sim: ${problem}\n${USAGE}`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        seeds: { type: 'string', default: '100' },
        from: { type: 'string', default: '1' },
        seed: { type: 'string' },
        planted: { type: 'string' },
        layer: { type: 'string', default: 'member' },
        workers: { type: 'string', default: '2' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return wrongUsage((error as Error).message);
  }
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least || value > 0xffff_ffff) {
    wrongUsage(`--${name} ${text} is not a whole number from ${least}`);
  }
  return value;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function replay(scenario: Scenario, seed: number): Promise<boolean> {
  const results: SeedResult[] = [];
  await runSeeds({
    scenario,
    planted: null,
    workers: 1,
    seeds: [{ seed, off: [] }],
    ended: (result) => results.push(result) > 0,
  });
  const result = results[0]!;
  print(`${result.configuration}\n\n${result.story}\n`);
  print(`fingerprint ${result.fingerprint}, ${Math.round(result.simulatedMs)} ms simulated`);
  print(result.violation === null ? `seed ${seed} passes` : `${result.violation}\nseed ${seed} fails`);
  return result.violation === null;
}

async function runMany(scenario: Scenario, range: { from: number; seeds: number; workers: number }): Promise<boolean> {
  const passed: SeedResult[] = [];
  const failed: SeedResult[] = [];
  const startedMs = performance.now();
  await runSeeds({
    scenario,
    planted: null,
    workers: range.workers,
    seeds: Array.from({ length: range.seeds }, (_, i) => ({ seed: range.from + i, off: [] })),
    ended: (result) => {
      (result.violation === null ? passed : failed).push(result);
      return failed.length === 0;
    },
  });
  print(faultTable(passed));
  print(statisticsTable(passed, (performance.now() - startedMs) / 1000));
  const result = failed.sort((one, other) => one.seed - other.seed)[0];
  if (result === undefined) {
    print(`${passed.length} seeds pass`);
    return true;
  }
  const smallest = await shrink(scenario, result);
  print(`\nseed ${result.seed} fails\n${smallest.result.configuration}`);
  if (smallest.off.length > 0) print(`it still fails without: ${smallest.off.join(', ')}`);
  print(`\n${smallest.result.story.split('\n').slice(-200).join('\n')}\n`);
  print(`${result.violation}\nreplay it with: npm run sim -- --layer ${scenario} --seed ${result.seed}`);
  print(`seed ${result.seed}`);
  return false;
}

async function lookForPlanted(name: string, range: { from: number; seeds: number; workers: number }): Promise<boolean> {
  const bugs = PLANTED_BUGS.filter((bug) => name === 'all' || bug.name === name);
  if (bugs.length === 0) wrongUsage(`--planted ${name} is none of the planted bugs`);
  let foundAll = true;
  for (const bug of bugs) {
    const found = await findPlantedBug(bug, range);
    if (found === null) foundAll = false;
    print(
      found === null
        ? `${bug.name}: not found in ${range.seeds} seeds`
        : `${bug.name}: found after ${found.seedsRun} seeds, by seed ${found.result.seed}: ${found.result.violation!.split('\n')[0]}`,
    );
  }
  return foundAll;
}

const options = readOptions();
if (options.help) {
  print(USAGE);
  process.exit(0);
}
const scenario = SCENARIOS.find((each) => each === options.layer) ?? wrongUsage(`--layer ${options.layer} is unknown`);
const range = {
  from: wholeNumber('from', options.from, 0),
  seeds: wholeNumber('seeds', options.seeds, 1),
  workers: wholeNumber('workers', options.workers, 1),
};
let isGood: boolean;
if (options.planted !== undefined) isGood = await lookForPlanted(options.planted, range);
else if (options.seed !== undefined) isGood = await replay(scenario, wholeNumber('seed', options.seed, 0));
else isGood = await runMany(scenario, range);
process.exitCode = isGood ? 0 : 1;
