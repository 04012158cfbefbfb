/** The result of a benchmark, as it is written and as it is printed. */
import type { LoadResult } from './load.ts';
import type { BenchOptions } from './options.ts';
import type { Verification } from './scenario.ts';

export interface RunReport extends LoadResult, Verification {
  /** Refused attempts / attempts. */
  readonly abortRate: number;
  readonly tps: number;
  /** Of all members together; null if they are not processes that we started. */
  readonly cpuSecondsPerThousand: number | null;
  readonly cpuSecondsPerThousandByMember: readonly number[] | null;
  readonly cpuSecondsPerThousandLoadGenerator: number;
  /** Per member, at the end of the load. */
  readonly rssMiB: readonly number[] | null;
}

/** The figures are those of the run with the median throughput; `verified` only if every run was. */
export interface BenchReport extends RunReport {
  readonly scenario: string;
  readonly options: BenchOptions;
  readonly members: number;
  readonly runs: readonly RunReport[];
  readonly spread: { readonly tps: Spread; readonly p99Ms: Spread };
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What the processes used while it was measured. */
export interface Usage {
  /** Null: unknown. */
  readonly memberCpuSeconds: readonly number[] | null;
  readonly memberRssMiB: readonly number[] | null;
  readonly loadGeneratorCpuSeconds: number;
}

export function runReport(result: LoadResult, usage: Usage, verification: Verification): RunReport {
  const attempts = result.committed + result.aborted;
  const perThousand = (seconds: number) => (result.committed === 0 ? 0 : (seconds * 1000) / result.committed);
  const cpuOfMembers = usage.memberCpuSeconds;
  return {
    ...result,
    abortRate: attempts === 0 ? 0 : result.aborted / attempts,
    tps: result.committed / result.seconds,
    cpuSecondsPerThousand: cpuOfMembers && perThousand(cpuOfMembers.reduce((sum, one) => sum + one, 0)),
    cpuSecondsPerThousandByMember: cpuOfMembers?.map(perThousand) ?? null,
    cpuSecondsPerThousandLoadGenerator: perThousand(usage.loadGeneratorCpuSeconds),
    rssMiB: usage.memberRssMiB,
    ...verification,
  };
}

/** `runs`: at least one. */
export function benchReport(options: BenchOptions, runs: readonly RunReport[]): BenchReport {
  const byTps = [...runs].sort((a, b) => a.tps - b.tps);
  const median = byTps[Math.floor((byTps.length - 1) / 2)]!;
  return {
    scenario: options.scenario,
    options,
    members: options.members,
    ...median,
    verified: runs.every((run) => run.verified),
    problems: runs.flatMap((run) => run.problems),
    runs,
    spread: { tps: spreadOf(runs.map((run) => run.tps)), p99Ms: spreadOf(runs.map((run) => run.latencyMs.p99)) },
  };
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

export function printedReport(report: BenchReport): string {
  const { options, latencyMs, spread } = report;
  const load = `${options.connections} connections x ${options.pipeline}, ${options.format}, ${options.rows} rows`;
  const cpu = report.cpuSecondsPerThousandByMember?.map((seconds) => milliseconds(seconds * 1000)).join(' + ');
  const refusals = Object.entries(report.refusals).map(([code, count]) => `${code} ${count}`);
  const lines: (readonly [string, string])[] = [
    ['scenario', `${report.scenario}: ${report.members} members, ${load}`],
    ['measured', `${report.seconds.toFixed(1)} s after ${options.warmup} s of warm-up`],
    ['committed', `${grouped(report.committed)}`],
    ['aborted', [grouped(report.aborted), ...refusals].join(', ')],
    ['abort rate', `${(report.abortRate * 100).toFixed(3)} %`],
    ['re-executed', grouped(report.reexecuted)],
    ['unknown', `${grouped(report.unknownOutcomes)} outcomes, ${grouped(report.connectionsLost)} connections lost`],
    ['throughput', `${grouped(Math.round(report.tps))} tx/s`],
    [
      'latency ms',
      `p50 ${milliseconds(latencyMs.p50)}   p95 ${milliseconds(latencyMs.p95)}   p99 ${milliseconds(latencyMs.p99)}   max ${milliseconds(latencyMs.max)}`,
    ],
    [
      'CPU ms / 1000',
      cpu === undefined ? 'members: unknown' : `members ${cpu} = ${milliseconds(report.cpuSecondsPerThousand! * 1000)}`,
    ],
    ['', `load generator ${milliseconds(report.cpuSecondsPerThousandLoadGenerator * 1000)}`],
    ['RSS MiB', report.rssMiB?.map((mib) => mib.toFixed(0)).join(' + ') ?? 'unknown'],
  ];
  if (report.runs.length > 1) {
    lines.push(
      ['runs', `${report.runs.length}; the figures above are those of the median one`],
      ['throughput', `${spreadText(spread.tps, 0)} tx/s`],
      ['p99 ms', spreadText(spread.p99Ms, 2)],
    );
  }
  lines.push(['verified', report.verified ? 'yes' : 'NO']);
  for (const problem of report.problems) lines.push(['', problem]);
  return `${lines.map(([name, value]) => `${name.padEnd(14)} ${value}`).join('\n')}\n`;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

function milliseconds(value: number): string {
  return value.toFixed(2);
}

function spreadText({ median, min, max }: Spread, digits: number): string {
  return `median ${median.toFixed(digits)}, from ${min.toFixed(digits)} to ${max.toFixed(digits)}`;
}
