/** Runs a benchmark: starts or finds a group, loads it from another process, verifies it, ends what was started. */
import { BenchError } from './bench-error.ts';
import { LoadProcess } from './load-process.ts';
import { MemberConnection } from './member-connection.ts';
import type { BenchOptions } from './options.ts';
import { freePorts, OwnGroup } from './own-group.ts';
import { type BenchReport, benchReport, type RunReport, runReport } from './report.ts';
import type { GroupAccess, ScenarioOptions } from './scenario.ts';
import { scenarioNamed } from './scenarios.ts';
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
  const scenarioOptions: ScenarioOptions = { rows: options.rows, slots: options.connections * options.pipeline };
  const { urls, processIds } = await groupOf(options, progress, started);
  const group = await accessTo(urls, options, progress, started);
  await scenario.setUp(group, scenarioOptions);
  const load = new LoadProcess(options.scenario, scenarioOptions);
  started.defer(() => load.stop());
  const runs: RunReport[] = [];
  for (let run = 1; run <= options.runs; run++) {
    if (options.runs > 1) progress(`run ${run} of ${options.runs}`);
    const usage = new UsageWatch(processIds);
    const outcome = await load.run(planOf(urls, options), {
      second: ({ isWarmup, committed, refused, p99Ms }) =>
        progress(`${isWarmup ? 'warm-up  ' : ''}${committed}/s  p99 ${p99Ms.toFixed(1)} ms  refused ${refused}`),
      measuringBegan: () => usage.begin(),
      measuringEnded: () => usage.end(),
    });
    progress('verifying');
    const verification = await scenario.verify(group, scenarioOptions, outcome.facts);
    runs.push(
      runReport(outcome.result, { ...usage.used(), loadGeneratorCpuSeconds: outcome.cpuSeconds }, verification),
    );
  }
  return benchReport(options, runs);
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

async function accessTo(
  urls: readonly string[],
  options: BenchOptions,
  progress: Progress,
  started: AsyncDisposableStack,
): Promise<GroupAccess> {
  const members: MemberConnection[] = [];
  for (const url of urls) {
    const member = await MemberConnection.open(url, options.format);
    started.defer(() => member.close());
    members.push(member);
  }
  return { members, progress };
}

function planOf(urls: readonly string[], options: BenchOptions) {
  return {
    urls,
    format: options.format,
    connections: options.connections,
    pipeline: options.pipeline,
    warmupSeconds: options.warmup,
    seconds: options.seconds,
  };
}
