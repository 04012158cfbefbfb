/** `npm run faults`: a group under load and faults, drawn by a seed or from a script, then healed and verified. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SeededRandom } from '../gcs/base/index.ts';
import { whyNoPowerCut } from './disk/compile-power-cut.ts';
import { whyNoFaultyDisk } from './disk/faulty-disk.ts';
import { drawScript } from './faults/draw-script.ts';
import type { FaultKind } from './faults/fault.ts';
import { recover } from './faults/inject.ts';
import { runScript } from './faults/run-script.ts';
import { parseScript, type Script } from './faults/script.ts';
import { type DoneStep, endsOf, type Timeline } from './faults/timeline.ts';
import { LocalGroup } from './group/local-group.ts';
import { Scope } from './group/scope.ts';
import { HistoryWriter } from './history/history-writer.ts';
import { outgrowHistory } from './load/outgrow-history.ts';
import { verifyEverywhere } from './load/verification.ts';
import { Workload } from './load/workload.ts';

const HELP = `npm run faults -- [OPTIONS]

Starts a group of processes, puts it under load, lets faults strike it, heals them, and verifies that nothing acknowledged
is lost, nothing refused is there, all members are equal, and none ended without reason.

  --seconds N     how long faults strike (default 60)
  --seed N        draws the faults (default: a new one, printed)
  --members N     1 to 9 (default 3)
  --only KINDS    draw these kinds of faults only, as in kill,cut,slowDisk
  --script FILE   the faults in this file instead of drawn ones; see harness/README.md
  --history FILE  records what every client asked and was told, as lines of JSON
  --json FILE     writes the timeline: steps, states, commits per 10 ms of each member
  --writers N     at each member (default 4)
  --help
`;

interface Options {
  readonly forMs: number;
  readonly seed: number;
  readonly members: number;
  readonly script: Script | null;
  readonly only: readonly FaultKind[] | null;
  readonly writers: number;
  readonly historyFile: string | null;
  readonly jsonFile: string | null;
}

class OptionError extends Error {
  override readonly name = 'OptionError';
}

const DRAWN: readonly FaultKind[] = [
  ...(['kill', 'stop', 'pause'] as const),
  ...(['cut', 'flapping', 'reset', 'delay', 'narrow'] as const),
];
const DRAWN_FOR_DISKS: readonly FaultKind[] = ['slowDisk', 'failingDisk', 'fullDisk', 'hangingDisk'];
const SEED_BOUND = 1_000_000_000;
/** So that lanes are flushed all the time. */
const BULK_EVERY_MS = 2_000;
const BARS = ' ▁▂▃▄▅▆▇█';
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Null: help was asked for. @throws Error that names the option or the part of the script */
function optionsOf(args: readonly string[]): Options | null {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{
        seconds: text,
        seed: text,
        members: text,
        script: text,
        only: text,
        history: text,
        json: text,
        writers: text,
      },
      help: { type: 'boolean' },
    },
  });
  if (values.help) return null;
  const number = (name: 'seconds' | 'seed' | 'members' | 'writers', missing: number, min: number, max: number) => {
    const given = values[name];
    const value = given === undefined ? missing : Number(given);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new OptionError(`--${name}: a whole number from ${min} to ${max}, not ${given}`);
  };
  const script = values.script === undefined ? null : parseScript(readFileSync(values.script, 'utf8'));
  const lastMs = Math.max(0, ...(script ?? []).map((step) => step.atMs + ('forMs' in step ? (step.forMs ?? 0) : 0)));
  const known = [...DRAWN, ...DRAWN_FOR_DISKS, 'powerCut' as const];
  const only = values.only === undefined ? null : (values.only.split(',') as FaultKind[]);
  const unknown = only?.find((kind) => !known.includes(kind));
  if (unknown !== undefined)
    throw new OptionError(`--only: there is no fault ${unknown}; there are ${known.join(', ')}`);
  return {
    forMs: number('seconds', script === null ? 60 : Math.ceil(lastMs / 1000) + 1, 1, 86_400) * 1000,
    seed: number('seed', Math.floor(Math.random() * SEED_BOUND), 0, SEED_BOUND),
    members: number('members', 3, 1, 9),
    writers: number('writers', 4, 1, 64),
    script,
    only,
    historyFile: values.history ?? null,
    jsonFile: values.json ?? null,
  };
}

/** The problems that were found; empty: verified. */
async function run(scope: Scope, options: Options): Promise<readonly string[]> {
  const { seed, members, forMs } = options;
  const [noDisks, noPowerCuts] = [whyNoFaultyDisk(), whyNoPowerCut()];
  for (const reason of new Set([noDisks, noPowerCuts])) if (reason !== null) say(`without faults of disks: ${reason}`);
  const group = await LocalGroup.create(scope, {
    members,
    network: true,
    faultyDisks: noDisks === null,
    powerCuts: noPowerCuts === null,
    seed,
  });
  const history = options.historyFile === null ? null : new HistoryWriter(options.historyFile, { seed, members });
  if (history !== null) scope.after(() => history.close());
  const workload = await Workload.prepare(group, { history });
  const possible = [
    ...DRAWN,
    ...(noDisks === null ? DRAWN_FOR_DISKS : []),
    ...(noPowerCuts === null ? ['powerCut' as const] : []),
  ];
  const kinds = options.only ?? possible;
  const script = options.script ?? drawScript(new SeededRandom(seed), { members, forMs, kinds });
  await outgrowHistory(group);
  const startedAt = Date.now();
  workload.start({ each: options.writers, bulkEveryMs: BULK_EVERY_MS });
  const progress = (step: DoneStep) => say(lineOf(step));
  const timeline = await runScript(group, workload, script, { forMs, progress, ...(history && { history }) });
  showCommits(timeline);
  if (options.jsonFile !== null) writeFileSync(options.jsonFile, JSON.stringify({ seed, members, ...timeline }));
  const problems: string[] = [];
  try {
    await recover(group);
    await workload.commits(group.members, 20, 20_000);
    await workload.stop();
    const { rows } = await verifyEverywhere(group, workload);
    const fates = new Map<string, number>();
    for (const { fate } of workload.entries) fates.set(fate, (fates.get(fate) ?? 0) + 1);
    say(`${[...fates].map(([fate, count]) => `${count} ${fate}`).join(', ')}; ${rows} there, on every member`);
  } catch (error) {
    problems.push((error as Error).message);
  }
  for (const { member, code, signal, said, isExplained } of endsOf(group, startedAt, Date.now())) {
    if (!isExplained)
      problems.push(`${member} ended with ${signal ?? `code ${code}`}, and no fault explains it: ${said}`);
  }
  return problems;
}

function lineOf({ atMs, tookMs, kind, name, what, error }: DoneStep): string {
  const sign = { inject: '+', heal: '-', request: '?' }[kind];
  const facts = what === null ? '' : ` ${JSON.stringify(what)}`;
  const took = tookMs >= 100 ? ` (took ${(tookMs / 1000).toFixed(1)} s)` : '';
  return `${(atMs / 1000).toFixed(2).padStart(8)} s ${sign} ${name}${facts}${took}${error === null ? '' : `: ${error}`}`;
}

/** A bar for each second. */
function showCommits({ commits: { byMember, everyMs } }: Timeline): void {
  const each = 1000 / everyMs;
  const perSecond = Object.entries(byMember).map(([name, counts]) => {
    const sums: number[] = [];
    for (let at = 0; at < counts.length; at += each) sums.push(counts.slice(at, at + each).reduce((a, b) => a + b, 0));
    return { name, sums };
  });
  const highest = Math.max(1, ...perSecond.flatMap(({ sums }) => sums));
  say(`commits in each second, at most ${highest}:`);
  for (const { name, sums } of perSecond) {
    say(`  ${name} ${sums.map((sum) => BARS[Math.ceil((sum / highest) * (BARS.length - 1))]).join('')}`);
  }
}

async function main(): Promise<number> {
  let options: Options | null;
  try {
    options = optionsOf(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`faults: ${(error as Error).message}\n`);
    return 2;
  }
  if (options === null) {
    process.stdout.write(HELP);
    return 0;
  }
  const { seed, members, forMs, script } = options;
  say(`seed ${seed}: ${members} members, ${forMs / 1000} s of ${script === null ? 'drawn faults' : 'the script'}`);
  const scope = new Scope();
  const ended = scope.end.bind(scope);
  process.once('SIGINT', () => void ended().finally(() => process.exit(130)));
  let problems: readonly string[] = [];
  try {
    problems = await run(scope, options);
  } catch (error) {
    problems = [(error as Error).message];
  }
  scope.passed = problems.length === 0;
  await scope.end();
  for (const problem of problems) say(`NOT VERIFIED: ${problem}`);
  say(problems.length === 0 ? `seed ${seed}: verified` : `seed ${seed}: failed`);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main();
