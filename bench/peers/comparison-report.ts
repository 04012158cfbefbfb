/** A comparison as a table, and as the JSON that is written. */
import { type Spread, spreadOf } from '../report.ts';
import type { Comparison, SystemRuns } from './compare.ts';
import type { PeerRun } from './peer.ts';

export interface ComparisonReport extends Comparison {
  readonly verified: boolean;
  /** Concert's figures over those of each peer, of the same round: above 1 Concert is faster, or slower to answer. */
  readonly ratios: readonly {
    readonly peer: string;
    readonly tps: Spread;
    readonly p99Ms: Spread;
    readonly cpu: Spread | null;
  }[];
}

export function comparisonReport(comparison: Comparison): ComparisonReport {
  const [ours, ...peers] = comparison.systems as readonly [SystemRuns, ...SystemRuns[]];
  const ratio = (peer: SystemRuns, figure: (run: PeerRun) => number) =>
    spreadOf(peer.runs.map((run, round) => figure(ours.runs[round]!) / figure(run)));
  const ratios = peers.map((peer) => ({
    peer: peer.name,
    tps: ratio(peer, (run) => run.tps),
    p99Ms: ratio(peer, (run) => run.latencyMs.p99),
    cpu: [...peer.runs, ...ours.runs].some((run) => run.cpuSecondsPerThousand === null)
      ? null
      : ratio(peer, (run) => run.cpuSecondsPerThousand! + run.cpuSecondsPerThousandLoadGenerator),
  }));
  const verified = comparison.systems.every(({ runs }) => runs.every((run) => run.verified));
  return { ...comparison, verified, ratios };
}

export function printedComparison(report: ComparisonReport): string {
  const head = [
    'system',
    'tx/s',
    'p50 ms',
    'p95 ms',
    'p99 ms',
    'abort %',
    'CPU ms / 1000',
    'generator',
    'RSS MiB',
    'verified',
  ];
  const rows = report.systems.map(({ name, runs }) => {
    const spread = (figure: (run: PeerRun) => number, digits: number) => spreadText(spreadOf(runs.map(figure)), digits);
    return [
      name,
      spread((run) => run.tps, 0),
      spread((run) => run.latencyMs.p50, 1),
      spread((run) => run.latencyMs.p95, 1),
      spread((run) => run.latencyMs.p99, 1),
      spread((run) => (100 * run.aborted) / Math.max(1, run.committed + run.aborted), 2),
      runs.some((run) => run.cpuSecondsPerThousand === null)
        ? 'unknown'
        : spread((run) => run.cpuSecondsPerThousand! * 1000, 0),
      spread((run) => run.cpuSecondsPerThousandLoadGenerator * 1000, 0),
      runs
        .at(-1)
        ?.rssMiB?.map((mib) => mib.toFixed(0))
        .join(' + ') ?? 'unknown',
      runs.every((run) => run.verified) ? 'yes' : 'NO',
    ];
  });
  const lines = [
    ...table([head, ...rows]),
    '',
    ...report.systems.slice(1).map(({ name, version }) => `${name}: ${version}`),
    '',
    ...report.ratios.map(({ peer, tps, p99Ms, cpu }) => {
      const cpuText = cpu === null ? '' : `, CPU a transaction ${spreadText(cpu, 2)}`;
      return `concert / ${peer}: throughput ${spreadText(tps, 2)}, p99 ${spreadText(p99Ms, 2)}${cpuText}; ${whoWins(peer, tps, p99Ms)}`;
    }),
    ...report.systems.flatMap(({ name, runs }) =>
      runs.flatMap((run) => run.problems.map((problem) => `${name}: ${problem}`)),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** Says plainly who was ahead in all rounds, and where nobody was. */
function whoWins(peer: string, tps: Spread, p99Ms: Spread): string {
  const ahead = (spread: Spread, isMoreBetter: boolean) => {
    if (spread.min > 1) return isMoreBetter ? 'concert' : peer;
    if (spread.max < 1) return isMoreBetter ? peer : 'concert';
    return 'nobody in all rounds';
  };
  return `ahead in throughput: ${ahead(tps, true)}, in p99: ${ahead(p99Ms, false)}`;
}

function spreadText({ median, min, max }: Spread, digits: number): string {
  const text = median.toFixed(digits);
  return min === max ? text : `${text} [${min.toFixed(digits)}–${max.toFixed(digits)}]`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
