/** The result of a benchmark, as it is written. */
import type { ConflictSummary } from './conflict-summary.ts';
import type { LatencyHistogram } from './latency-histogram.ts';
import type { LoadCounts, LoadResult } from './load/load-result.ts';
import type { BenchOptions } from './options.ts';
import type { Scenario, Verification } from './scenario.ts';
import { type Spread, spreadOf } from './spread.ts';

export { type Spread, spreadOf } from './spread.ts';

export interface RunReport extends Omit<LoadCounts, 'lostTo'>, Verification {
  readonly seconds: number;
  /** Refused attempts / attempts. */
  readonly abortRate: number;
  readonly tps: number;
  readonly latencyMs: Latencies;
  readonly latencyMsByKind: Readonly<Record<string, Latencies>>;
  /** By how much the p99 of one kind is above that of another, where a scenario compares them. */
  readonly p99Differences: readonly { readonly kind: string; readonly than: string; readonly ms: number }[];
  /** Open loop: how late the load generators themselves were; it is part of the latencies. Null: closed loop. */
  readonly latenessMs: Latencies | null;
  /** Of all members together; null if they are not processes that we started, or did not live to the end. */
  readonly cpuSecondsPerThousand: number | null;
  readonly cpuSecondsPerThousandByMember: readonly number[] | null;
  readonly cpuSecondsPerThousandLoadGenerator: number;
  /** Share of a core that each load generator used: near 1, it measures itself. */
  readonly loadGeneratorCpuShares: readonly number[];
  /** Per member, at the end of the load. */
  readonly rssMiB: readonly number[] | null;
  /** Of the refused attempts: at which member, against a transaction of which member; most first. */
  readonly lostTo: readonly { readonly loser: string; readonly winner: string; readonly attempts: number }[];
  /** Null: no member tells of its conflicts. */
  readonly conflictSummary: ConflictSummary | null;
}

export interface Latencies {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** The figures are those of the run with the median throughput; `verified` only if every run was. */
export interface BenchReport extends RunReport {
  readonly scenario: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly members: number;
  /** In the order of the addresses. */
  readonly memberIds: readonly string[];
  readonly runs: readonly RunReport[];
  readonly spread: {
    readonly tps: Spread;
    readonly p50Ms: Spread;
    readonly p99Ms: Spread;
    readonly abortRate: Spread;
    /** Null where it is of a run. */
    readonly cpuSecondsPerThousand: Spread | null;
  };
}

/** What the processes used while it was measured. */
export interface Usage {
  /** Null: unknown. */
  readonly memberCpuSeconds: readonly number[] | null;
  readonly memberRssMiB: readonly number[] | null;
  /** One a process. */
  readonly loadGeneratorCpuSeconds: readonly number[];
}

export interface RunFacts {
  readonly result: LoadResult;
  readonly isOpenLoop: boolean;
  readonly compares: NonNullable<Scenario['compares']>;
  readonly usage: Usage;
  readonly verification: Verification;
  readonly conflictSummary: ConflictSummary | null;
}

export function runReport(facts: RunFacts): RunReport {
  const { result, isOpenLoop, compares, usage, verification, conflictSummary } = facts;
  const { seconds, latency, latencyByKind, lateness } = result;
  const { lostTo, ...counts } = result.counts;
  const { committed, aborted, declined } = counts;
  const attempts = committed + declined + aborted;
  const perThousand = (cpuSeconds: number) => (committed === 0 ? 0 : (cpuSeconds * 1000) / committed);
  const cpuOfMembers = usage.memberCpuSeconds;
  return {
    seconds,
    ...counts,
    abortRate: attempts === 0 ? 0 : aborted / attempts,
    tps: committed / seconds,
    latencyMs: latenciesOf(latency),
    latencyMsByKind: Object.fromEntries(
      Object.entries(latencyByKind).map(([kind, histogram]) => [kind, latenciesOf(histogram)]),
    ),
    p99Differences: compares.flatMap(([kind, than]) => {
      const [one, other] = [latencyByKind[kind], latencyByKind[than]];
      if (one === undefined || other === undefined) return [];
      return [{ kind, than, ms: one.quantileMs(0.99) - other.quantileMs(0.99) }];
    }),
    latenessMs: isOpenLoop ? latenciesOf(lateness) : null,
    cpuSecondsPerThousand: cpuOfMembers && perThousand(sumOf(cpuOfMembers)),
    cpuSecondsPerThousandByMember: cpuOfMembers?.map(perThousand) ?? null,
    cpuSecondsPerThousandLoadGenerator: perThousand(sumOf(usage.loadGeneratorCpuSeconds)),
    loadGeneratorCpuShares: usage.loadGeneratorCpuSeconds.map((cpuSeconds) => cpuSeconds / seconds),
    rssMiB: usage.memberRssMiB,
    lostTo: pairsOf(lostTo),
    conflictSummary,
    ...verification,
  };
}

/** `runs`: at least one. */
export function benchReport(
  options: BenchOptions,
  memberIds: readonly string[],
  runs: readonly RunReport[],
): BenchReport {
  const byTps = [...runs].sort((a, b) => a.tps - b.tps);
  const median = byTps[Math.floor((byTps.length - 1) / 2)]!;
  const { own, ...common } = options;
  const cpu = runs.map((run) => run.cpuSecondsPerThousand);
  return {
    scenario: options.scenario,
    options: { ...common, ...own },
    members: options.members,
    memberIds,
    ...median,
    verified: runs.every((run) => run.verified),
    problems: runs.flatMap((run) => run.problems),
    runs,
    spread: {
      tps: spreadOf(runs.map((run) => run.tps)),
      p50Ms: spreadOf(runs.map((run) => run.latencyMs.p50)),
      p99Ms: spreadOf(runs.map((run) => run.latencyMs.p99)),
      abortRate: spreadOf(runs.map((run) => run.abortRate)),
      cpuSecondsPerThousand: cpu.every((one) => one !== null) ? spreadOf(cpu) : null,
    },
  };
}

function latenciesOf(histogram: LatencyHistogram): Latencies {
  return {
    p50: histogram.quantileMs(0.5),
    p95: histogram.quantileMs(0.95),
    p99: histogram.quantileMs(0.99),
    p999: histogram.quantileMs(0.999),
    max: histogram.maxMs,
  };
}

function pairsOf(lostTo: LoadCounts['lostTo']): RunReport['lostTo'] {
  return Object.entries(lostTo)
    .flatMap(([loser, winners]) => Object.entries(winners).map(([winner, attempts]) => ({ loser, winner, attempts })))
    .sort((one, other) => other.attempts - one.attempts);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
