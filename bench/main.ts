/** `concert bench`: starts or finds a group, loads it from another process, verifies it, reports. */
import { writeFileSync } from 'node:fs';
import { BenchError } from './bench-error.ts';
import { LoadProcess } from './load-process.ts';
import { MemberConnection, RequestError } from './member-connection.ts';
import { type BenchOptions, help, parseOptions } from './options.ts';
import { freePorts, OwnGroup } from './own-group.ts';
import { cpuSecondsOf, rssMiBOf } from './process-usage.ts';
import { benchReport, printedReport, type RunReport, runReport } from './report.ts';
import type { GroupAccess, ScenarioOptions } from './scenario.ts';
import { scenarioNamed } from './scenarios.ts';

/** Runs `concert bench` with the arguments after `bench`. Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // What was started is ended before the process is, by a signal too.
  const started = new AsyncDisposableStack();
  const signals = new SignalWatch();
  try {
    const parsed = parseOptions(args, process.env);
    if (parsed.kind === 'help') {
      process.stdout.write(`${help}\n`);
      return 0;
    }
    if (parsed.options.json !== null) write(parsed.options.json, '');
    return await signals.orElse(bench(parsed.options, started));
  } catch (error) {
    if (!(error instanceof BenchError || error instanceof RequestError)) throw error;
    process.stderr.write(`concert bench: ${error.message}\n`);
    return error instanceof BenchError && error.code === 'OPTION' ? 2 : 1;
  } finally {
    await started.disposeAsync();
    signals.stop();
  }
}

/** Turns SIGINT and SIGTERM into exit codes; a second signal changes nothing. */
class SignalWatch {
  #said: (exitCode: number) => void = () => {};
  readonly #signal = new Promise<number>((resolve) => {
    this.#said = resolve;
  });
  readonly #heard = (_signal: NodeJS.Signals, number: number) => this.#said(128 + number);

  constructor() {
    process.on('SIGINT', this.#heard).on('SIGTERM', this.#heard);
  }

  /** The exit code of `run`, or that of a signal that came before it. */
  orElse(run: Promise<number>): Promise<number> {
    // After a signal, it fails for want of what was taken from under it.
    run.catch(() => {});
    return Promise.race([run, this.#signal]);
  }

  stop(): void {
    process.off('SIGINT', this.#heard).off('SIGTERM', this.#heard);
  }
}

async function bench(options: BenchOptions, started: AsyncDisposableStack): Promise<number> {
  const scenario = scenarioNamed(options.scenario)!;
  const scenarioOptions: ScenarioOptions = { rows: options.rows, slots: options.connections * options.pipeline };
  const { urls, processIds } = await groupOf(options, started);
  const group = await accessTo(urls, options, started);
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
  const report = benchReport(options, runs);
  process.stdout.write(printedReport(report));
  if (options.json !== null) write(options.json, `${JSON.stringify(report, null, 2)}\n`);
  return report.verified ? 0 : 1;
}

async function groupOf(
  options: BenchOptions,
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

/** What the members use while it is measured. */
class UsageWatch {
  readonly #processIds: readonly number[] | null;
  #cpuAtBegin: readonly (number | null)[] = [];
  #memberCpuSeconds: readonly number[] | null = null;
  #memberRssMiB: readonly number[] | null = null;

  constructor(processIds: readonly number[] | null) {
    this.#processIds = processIds;
  }

  begin(): void {
    this.#cpuAtBegin = this.#processIds?.map(cpuSecondsOf) ?? [];
  }

  end(): void {
    if (this.#processIds === null) return;
    const cpu = this.#processIds.map((pid, at) => {
      const before = this.#cpuAtBegin[at];
      const now = cpuSecondsOf(pid);
      return before == null || now === null ? null : now - before;
    });
    this.#memberCpuSeconds = allKnown(cpu);
    this.#memberRssMiB = allKnown(this.#processIds.map(rssMiBOf));
  }

  used() {
    return { memberCpuSeconds: this.#memberCpuSeconds, memberRssMiB: this.#memberRssMiB };
  }
}

function allKnown(values: readonly (number | null)[]): readonly number[] | null {
  return values.every((value) => value !== null) ? values : null;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new BenchError({ code: 'OPTION', message: `--json: cannot write ${file}: ${(error as Error).message}` });
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
