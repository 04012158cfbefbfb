/** Runs a benchmark: starts or finds a group, loads it from other processes, verifies it, ends what was started. */
import { BenchError } from './bench-error.ts';
import { type ConflictSummary, conflictSummaryOf } from './conflict-summary.ts';
import type { SecondReport } from './load/load.ts';
import type { LoadPlan } from './load/load-plan.ts';
import { type LoadOutcome, LoadProcesses } from './load/load-processes.ts';
import { MemberAccess } from './member-access.ts';
import { RequestError } from './member-connection.ts';
import type { BenchOptions } from './options.ts';
import { freePorts, OwnGroup } from './own-group.ts';
import { type BenchReport, benchReport, type RunReport, runReport } from './report.ts';
import type { Scenario, ScenarioSetup, Verification } from './scenario.ts';
import { scenarioNamed } from './scenarios/index.ts';
import { UsageWatch } from './usage-watch.ts';

/** Takes one line of what happens. */
export type Progress = (line: string) => void;

/**
 * What was started is ended before this settles. `signal` ends it early, with its reason.
 *
 * @throws BenchError, RequestError
 */
export async function runBenchmark(
  options: BenchOptions,
  progress: Progress,
  signal?: AbortSignal,
): Promise<BenchReport> {
  await using started = new AsyncDisposableStack();
  const run = measure(options, progress, started);
  if (signal === undefined) return await run;
  // After an abort, it fails for want of what was taken from under it.
  run.catch(() => {});
  return await Promise.race([run, aborted(signal)]);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function measure(options: BenchOptions, progress: Progress, started: AsyncDisposableStack): Promise<BenchReport> {
  const scenario = scenarioNamed(options.scenario)!;
  const slots = options.connections * options.pipeline;
  const setup = { options: options.own, seed: options.seed, slots } as ScenarioSetup;
  const { urls, processIds } = await groupOf(options, progress, started);
  const access = new MemberAccess(urls, options.format);
  started.defer(() => access.close());
  const members = await access.open();
  await scenario.setUp({ members, progress }, setup);
  const load = new LoadProcesses(options.generators, options.scenario, setup);
  started.defer(() => load.stop());
  const runs: RunReport[] = [];
  for (let run = 1; run <= options.runs; run++) {
    if (options.runs > 1) progress(`run ${run} of ${options.runs}`);
    const usage = new UsageWatch(processIds);
    const outcome = await load.run(planOf(urls, options, run), {
      second: secondPrinter(options, progress),
      measuringBegan: () => usage.begin(),
      measuringEnded: () => usage.end(),
    });
    progress('verifying');
    const { verification, conflictSummary } = await verify(scenario, access, setup, outcome, progress);
    runs.push(
      runReport({
        result: outcome.result,
        isOpenLoop: options.rate !== null,
        compares: scenario.compares ?? [],
        usage: { ...usage.used(), loadGeneratorCpuSeconds: outcome.cpuSeconds },
        verification,
        conflictSummary,
      }),
    );
  }
  const memberIds = members.map((member) => member.memberId);
  return benchReport(options, memberIds, runs);
}

async function groupOf(
  options: BenchOptions,
  progress: Progress,
  started: AsyncDisposableStack,
): Promise<{ readonly urls: readonly string[]; readonly processIds: readonly number[] | null }> {
  if (options.urls !== null) return { urls: options.urls, processIds: null };
  progress(`starting ${options.members} members`);
  const ports = await freePorts(2 * options.members);
  if (started.disposed) throw new BenchError({ code: 'GROUP', message: 'ended before the group was started' });
  const group = new OwnGroup(
    {
      members: options.members,
      dataDirectory: options.data,
      keepsData: options.keep,
      profileDirectory: options.profile,
    },
    ports,
  );
  started.defer(() => group.stop());
  await group.untilReady();
  if (options.keep) progress(`the data is kept in ${group.dataDirectory}`);
  return { urls: group.urls, processIds: group.processIds };
}

function planOf(urls: readonly string[], options: BenchOptions, run: number): LoadPlan {
  const { format, connections, pipeline, attempts, warmup, seconds, rate, arrivals, generators } = options;
  const backlogMax = Math.ceil(options.backlog / generators);
  return {
    urls,
    format,
    connections,
    pipeline,
    openLoop: rate === null ? null : { ratePerSecond: rate, spacing: arrivals, backlogMax },
    attempts,
    warmupSeconds: warmup,
    seconds,
    // Of runs with one seed no two are alike.
    seed: options.seed + run - 1,
  };
}

/** One line a second: how far it is, and how it goes. */
function secondPrinter({ warmup, seconds, rate }: BenchOptions, progress: Progress): (report: SecondReport) => void {
  const passed = { warmup: 0, measured: 0 };
  return ({ isWarmup, latency, refused, missed, backlog }) => {
    const where = isWarmup
      ? `warm-up ${++passed.warmup}/${Math.ceil(warmup)} s`
      : `${++passed.measured}/${Math.ceil(seconds)} s`;
    const waiting = rate === null ? '' : `  waiting ${backlog}  missed ${missed}`;
    const p99 = `p99 ${latency.quantileMs(0.99).toFixed(1)} ms`;
    progress(`${where.padStart(14)}  ${latency.count} tx/s  ${p99}  refused ${refused}${waiting}`);
  };
}

/** A member that went away during the run, or goes now, leaves a run that is not verified. */
async function verify(
  scenario: Scenario,
  access: MemberAccess,
  setup: ScenarioSetup,
  { facts }: LoadOutcome,
  progress: Progress,
): Promise<{ readonly verification: Verification; readonly conflictSummary: ConflictSummary | null }> {
  const { members, problems } = await access.reopen(progress);
  const unverified = (...more: string[]) => ({ verified: false, problems: [...problems, ...more] });
  if (members.length === 0) return { verification: unverified(), conflictSummary: null };
  try {
    const conflictSummary = await conflictSummaryOf(members[0]!, scenario.tables);
    const verification = await scenario.verify({ members, progress }, setup, facts);
    const verdict = problems.length === 0 ? verification : unverified(...verification.problems);
    return { verification: verdict, conflictSummary };
  } catch (error) {
    if (!(error instanceof BenchError || error instanceof RequestError)) throw error;
    return { verification: unverified(error.message), conflictSummary: null };
  }
}
