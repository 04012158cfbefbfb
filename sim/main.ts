/**
 * `npm run sim -- --seeds N --from S`: runs seeds S to S+N-1 and prints what happened in them. `--seed S`: replays one
 * with its story. `--planted NAME|all --seeds N`: how many seeds it takes to find planted bugs.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findPlantedBug } from './planted-bugs/find-planted-bug.ts';
import { PLANTED_BUGS } from './planted-bugs/planted-bugs.ts';
import { coverageTotals, faultTotals, statisticsTable, sumsOf, totalsTable } from './report.ts';
import { SCENARIOS, type Scenario } from './scenario.ts';
import { PROFILES, type Profile, type SeedOptions, type SeedResult } from './seed-result.ts';
import { runSeeds } from './seed-runner.ts';
import { shrink } from './shrink.ts';

const USAGE = `usage: npm run sim -- [--seeds N] [--from S] [--seed S] [--planted NAME|all] [--layer group|member] [--profile usual|long] [--record] [--workers W]
  --seeds N     how many seeds to run (100)
  --from S      the first of them (1)
  --seed S      replays one seed with its story
  --planted     looks for a planted bug, or all: ${PLANTED_BUGS.map((bug) => bug.name).join(', ')}
  --layer       the group layer alone, or whole members (member)
  --profile     usual, or long: hours each, sparse (usual)
  --record      adds a line to docs/simulation.jsonl, if all pass
  --workers W   threads (2)
`;

const RECORD_FILE = path.join(import.meta.dirname, '..', 'docs', 'simulation.jsonl');
const STORY_LINES_MAX = 200;
const SHRINK_MS_MAX = 60_000;
/** One of so many seeds is run twice, and has to go the same way. */
const TWICE_EVERY = 50;

interface Range {
  readonly scenario: Scenario;
  readonly profile: Profile;
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
}

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
        profile: { type: 'string', default: 'usual' },
        record: { type: 'boolean', default: false },
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

async function replay({ scenario, profile }: Range, seed: number): Promise<boolean> {
  const results: SeedResult[] = [];
  await runSeeds({
    scenario,
    planted: null,
    workers: 1,
    seeds: [{ seed, profile, off: [], leftOut: [] }],
    ended: (result) => results.push(result) > 0,
  });
  const result = results[0]!;
  print(`${result.configuration}\n\n${result.story}\n`);
  print(`fingerprint ${result.fingerprint}, ${Math.round(result.simulatedMs)} ms simulated`);
  print(result.violation === null ? `seed ${seed} passes` : `${result.violation}\nseed ${seed} fails`);
  return result.violation === null;
}

async function runMany(range: Range, isRecorded: boolean): Promise<boolean> {
  const { scenario, profile } = range;
  const passed = new Map<number, SeedResult>();
  const failed: SeedResult[] = [];
  const startedMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const runs = Array.from({ length: range.seeds }, (_, i) => optionsOf(range.from + i, profile));
  await runSeeds({
    scenario,
    planted: null,
    workers: range.workers,
    seeds: runs.flatMap((run) => (run.seed % TWICE_EVERY === 0 ? [run, run] : [run])),
    ended: (result) => {
      const judged = isOther(passed.get(result.seed), result) ? otherWay(result) : result;
      if (judged.violation === null) passed.set(result.seed, { ...result, story: '', configuration: '' });
      else failed.push(judged);
      return failed.length === 0;
    },
  });
  const cpu = process.cpuUsage(cpuBefore);
  const effort = { seconds: (performance.now() - startedMs) / 1000, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
  const results = [...passed.values()];
  print(totalsTable('fault', faultTotals(results)));
  print(totalsTable('situation', coverageTotals(scenario, results)));
  print(statisticsTable(results, effort));
  const first = failed.sort((one, other) => one.seed - other.seed)[0];
  if (first !== undefined) {
    await tellFailure(range, first);
    return false;
  }
  print(`${results.length} seeds pass`);
  if (isRecorded) record(results);
  return true;
}

function optionsOf(seed: number, profile: Profile): SeedOptions {
  return { seed, profile, off: [], leftOut: [] };
}

function isOther(before: SeedResult | undefined, result: SeedResult): boolean {
  return before !== undefined && before.fingerprint !== result.fingerprint;
}

function otherWay(result: SeedResult): SeedResult {
  return { ...result, violation: 'the same seed went another way the second time' };
}

async function tellFailure({ scenario, profile }: Range, failed: SeedResult): Promise<void> {
  const untilMs = performance.now() + SHRINK_MS_MAX;
  const { result, off, leftOut } = await shrink({
    scenario,
    planted: null,
    options: optionsOf(failed.seed, profile),
    failed,
    mayGoOn: () => performance.now() < untilMs,
  });
  print(`\nseed ${failed.seed} fails\n${result.configuration}`);
  if (off.length > 0) print(`it still fails without: ${off.join(', ')}`);
  if (leftOut.length > 0) print(`and without: ${leftOut.join(', ')}`);
  print(`it needs: ${result.struck.join(', ') || 'no fault'}`);
  print(`\n${result.story.split('\n').slice(-STORY_LINES_MAX).join('\n')}\n`);
  print(`${failed.violation}`);
  const profileOption = profile === 'usual' ? '' : ` --profile ${profile}`;
  print(`replay it with: npm run sim -- --layer ${scenario}${profileOption} --seed ${failed.seed}`);
  print(`seed ${failed.seed}`);
}

/** One line of JSON for each batch that passed. */
function record(results: readonly SeedResult[]): void {
  const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8' });
  const { simulatedSeconds, events } = sumsOf(results);
  const line = {
    date: new Date().toISOString(),
    commit: commit.stdout?.trim() ?? '',
    command: `npm run sim -- ${process.argv.slice(2).join(' ')}`,
    seeds: results.length,
    simulatedSeconds: Math.round(simulatedSeconds),
    events,
    violations: 0,
  };
  appendFileSync(RECORD_FILE, `${JSON.stringify(line)}\n`);
  print(`recorded in ${path.relative(process.cwd(), RECORD_FILE)}`);
}

async function lookForPlanted(name: string, range: Range): Promise<boolean> {
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
const range: Range = {
  scenario: SCENARIOS.find((each) => each === options.layer) ?? wrongUsage(`--layer ${options.layer} is unknown`),
  profile: PROFILES.find((each) => each === options.profile) ?? wrongUsage(`--profile ${options.profile} is unknown`),
  from: wholeNumber('from', options.from, 0),
  seeds: wholeNumber('seeds', options.seeds, 1),
  workers: wholeNumber('workers', options.workers, 1),
};
let isGood: boolean;
if (options.planted !== undefined) isGood = await lookForPlanted(options.planted, range);
else if (options.seed !== undefined) isGood = await replay(range, wholeNumber('seed', options.seed, 0));
else isGood = await runMany(range, options.record);
process.exitCode = isGood ? 0 : 1;
