/**
 * `npm run planted`: how many seeds it takes to find each planted bug, as the median of several attempts that begin at
 * other seeds.
 */
import { parseArgs } from 'node:util';
import { findPlantedBug, violationWithout } from './find-planted-bug.ts';
import type { SoughtBug } from './planted-bug.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { recordedSeeds, recordSeed } from './recorded-seeds.ts';

const USAGE = `usage: npm run planted -- [--bug NAME,…] [--repeats N] [--seeds N] [--from S] [--workers W] [--json]
       npm run planted -- --record [--bug NAME,…] [--seeds N] [--workers W]
  --bug NAME     some of the planted bugs (default: all ${PLANTED_BUGS.length})
  --repeats N    attempts for each, each from another seed on (3)
  --seeds N      an attempt gives up after so many (1000)
  --from S       first seed of the first attempt (1)
  --workers W    threads (2)
  --json         a line of JSON for each bug
  --record       looks from the recorded seed of each on, and records the one that finds it, for the tests
`;
const SEEDS_BETWEEN_ATTEMPTS = 100_000;

function wrongUsage(problem: string): never {
  process.stderr.write(`planted: ${problem}\n${USAGE}`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        bug: { type: 'string' },
        repeats: { type: 'string', default: '3' },
        seeds: { type: 'string', default: '1000' },
        from: { type: 'string', default: '1' },
        workers: { type: 'string', default: '2' },
        json: { type: 'boolean', default: false },
        record: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return wrongUsage((error as Error).message);
  }
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value > 0x7fff_ffff) {
    wrongUsage(`--${name} ${text} is not a whole number from 1`);
  }
  return value;
}

/** Of an even number, the lower of the two in the middle. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1]!;
}

const options = readOptions();
if (options.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const names = options.bug?.split(',') ?? PLANTED_BUGS.map(({ name }) => name);
const repeats = wholeNumber('repeats', options.repeats);
const seeds = wholeNumber('seeds', options.seeds);
const from = wholeNumber('from', options.from);
const workers = wholeNumber('workers', options.workers);
const bugs = names.map(
  (name) => PLANTED_BUGS.find((each) => each.name === name) ?? wrongUsage(`${name} is none of the planted bugs`),
);
if (options.record) for (const bug of bugs) await record(bug);
else await measure();

/** By a seed that finds nothing where the bug is not planted. */
async function record(bug: SoughtBug): Promise<void> {
  const first = recordedSeeds()[bug.name] ?? 1;
  for (let next = first; next < first + seeds; ) {
    const found = await findPlantedBug(bug, { from: next, seeds: first + seeds - next, workers });
    if (found === null) break;
    const { seed, violation } = found.result;
    const without = await violationWithout(bug, seed);
    process.stdout.write(`${bug.name.padEnd(40)} seed ${seed}: ${violation!.split('\n')[0]}\n`);
    if (without === null) return recordSeed(bug.name, seed);
    process.stdout.write(`${bug.name.padEnd(40)} seed ${seed} fails without it, too: ${without.split('\n')[0]}\n`);
    next = seed + 1;
  }
  process.exitCode = 1;
  process.stdout.write(`${bug.name.padEnd(40)} NOT FOUND from seed ${first} on\n`);
}

async function measure(): Promise<void> {
  const medians: number[] = [];
  for (const bug of bugs) {
    const took: number[] = [];
    let violation = '';
    for (let attempt = 0; attempt < repeats; attempt++) {
      const found = await findPlantedBug(bug, { from: from + attempt * SEEDS_BETWEEN_ATTEMPTS, seeds, workers });
      took.push(found?.seedsRun ?? Number.POSITIVE_INFINITY);
      violation = found?.result.violation?.split('\n')[0] ?? violation;
    }
    const isFound = took.every(Number.isFinite);
    if (!isFound) process.exitCode = 1;
    medians.push(median(took));
    const { name, scenario, breaks } = bug;
    const facts = { bug: name, breaks, scenario, medianSeeds: median(took), seeds: took, violation };
    process.stdout.write(
      options.json
        ? `${JSON.stringify(facts)}\n`
        : `${name.padEnd(40)} ${breaks.padEnd(10)} ${scenario.padEnd(7)} ${isFound ? `median ${median(took)} of ${took.join(', ')}` : `NOT FOUND (${took.join(', ')})`}: ${violation}\n`,
    );
  }
  if (!options.json) {
    process.stdout.write(`${names.length} bugs: median ${median(medians)} seeds, at most ${Math.max(...medians)}\n`);
  }
}
