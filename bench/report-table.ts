/** The result of a benchmark, as it is printed. */
import type { BenchOptions } from './options.ts';
import type { BenchReport, Latencies, RunReport } from './report.ts';
import type { Spread } from './spread.ts';

type Line = readonly [name: string, value: string];

/** From this share of a core on, a load generator measures itself. */
const busyShare = 0.85;
const pairsShown = 9;
const hotRowsShown = 5;

export function printedReport(report: BenchReport, options: BenchOptions): string {
  const lines: readonly Line[] = [
    ...whatWasRun(report, options),
    ...whatBecameOfIt(report),
    ...whoLost(report),
    ...whatItCost(report),
    ...(report.runs.length > 1 ? allRuns(report) : []),
    ['verified', report.verified ? 'yes' : 'NO'],
    ...report.problems.map((problem): Line => ['', problem]),
  ];
  return `${lines.map(([name, value]) => `${name.padEnd(14)} ${value}`.trimEnd()).join('\n')}\n`;
}

function whatWasRun({ scenario, members, seconds, runs }: BenchReport, options: BenchOptions): readonly Line[] {
  const { own, rate, arrivals, backlog, connections, pipeline, format, attempts, generators, seed, warmup } = options;
  const ofItsOwn = Object.entries(own).map(([name, value]) => `, ${name} ${value}`);
  const loop = rate === null ? 'closed loop' : `open loop: ${rate}/s, ${arrivals}, at most ${backlog} waiting`;
  const processes = generators === 1 ? 'one load generator' : `${generators} load generators`;
  const median = runs.length > 1 ? `; of ${runs.length} runs, the one with the median throughput` : '';
  return [
    ['scenario', `${scenario}: ${members} members${ofItsOwn.join('')}`],
    ['load', `${loop}; ${connections} connections x ${pipeline}, ${format}`],
    ['', `at most ${attempts} attempts, ${processes}, seed ${seed}`],
    ['measured', `${seconds.toFixed(1)} s after ${warmup} s of warm-up${median}`],
  ];
}

function whatBecameOfIt(report: BenchReport): readonly Line[] {
  const { committed, committedByKind, declined, gaveUp, missed, latencyMs, latenessMs, abortRate, aborted } = report;
  const lines: Line[] = [
    ['throughput', `${grouped(Math.round(report.tps))} tx/s`],
    ['latency ms', latencies(latencyMs)],
  ];
  if (latenessMs !== null) lines.push(['', `of that, the load generator's own delay: ${latencies(latenessMs)}`]);
  const byKind = Object.entries(report.latencyMsByKind).sort(([one], [other]) => (one < other ? -1 : 1));
  if (byKind.length > 1) for (const [kind, each] of byKind) lines.push(['', `${kind}: ${latencies(each)}`]);
  for (const { kind, than, ms } of report.p99Differences) {
    lines.push(['', `${kind}: p99 ${ms < 0 ? '-' : '+'}${milliseconds(Math.abs(ms))} to ${than}`]);
  }
  const kinds = Object.keys(committedByKind).length > 1 ? `: ${counts(committedByKind)}` : '';
  lines.push(['committed', `${grouped(committed)}${kinds}`]);
  if (declined > 0) lines.push(['declined', `${grouped(declined)}, with nothing to do`]);
  if (latenessMs !== null) lines.push(['missed', `${grouped(missed)}, with too many waiting already`]);
  const refusals = aborted > 0 ? `: ${counts(report.refusals)}` : '';
  lines.push(['aborted', `${grouped(aborted)} attempts, ${percent(abortRate)}${refusals}`]);
  if (gaveUp > 0) lines.push(['', `${grouped(gaveUp)} transactions were given up`]);
  if (report.reexecuted > 0) lines.push(['re-executed', `${grouped(report.reexecuted)}, by the members on their own`]);
  lines.push([
    'unknown',
    `${grouped(report.unknownOutcomes)} outcomes, ${grouped(report.connectionsLost)} connections lost`,
  ]);
  return lines;
}

function whoLost({ lostTo, conflictSummary, memberIds }: BenchReport): readonly Line[] {
  const name = (id: string) => (memberIds.includes(id) ? `member ${memberIds.indexOf(id) + 1}` : id);
  const { pairs = [], hotRows = [] } = conflictSummary ?? {};
  // Where the load saw nobody win, as with expectations that failed, the members still know.
  const all: readonly { loser: string; winner: string | null; attempts: number }[] =
    lostTo.length > 0 ? lostTo : pairs.map(({ conflicts, ...pair }) => ({ ...pair, attempts: conflicts }));
  const lost = all.map(({ loser, winner, attempts }) => {
    const to = winner === null ? 'its age' : name(winner);
    return `${name(loser)} to ${to} ${grouped(attempts)}`;
  });
  const lines = inColumns('who lost', lost.slice(0, pairsShown), 3);
  const rows = hotRows.map(({ table, key, conflicts }) => `${table} ${JSON.stringify(key)} ${grouped(conflicts)}`);
  return [...lines, ...inColumns('hot rows', rows.slice(0, hotRowsShown), 3)];
}

function whatItCost(report: BenchReport): readonly Line[] {
  const ms = (seconds: number) => milliseconds(seconds * 1000);
  const members = report.cpuSecondsPerThousandByMember;
  const shares = report.loadGeneratorCpuShares;
  const lines: Line[] = [
    [
      'CPU ms / 1000',
      members === null
        ? 'members: unknown'
        : `members ${members.map(ms).join(' + ')} = ${ms(report.cpuSecondsPerThousand!)}`,
    ],
    [
      '',
      `load ${shares.length === 1 ? 'generator' : 'generators'} ${ms(report.cpuSecondsPerThousandLoadGenerator)}, ${shares
        .map((share) => `${Math.round(share * 100)} %`)
        .join(' + ')} of a core`,
    ],
  ];
  if (shares.some((share) => share > busyShare)) {
    lines.push(['', 'a load generator was busy all the time: more --generators may find more']);
  }
  lines.push(['RSS MiB', report.rssMiB?.map((mib) => mib.toFixed(0)).join(' + ') ?? 'unknown']);
  return lines;
}

function allRuns({ runs, spread }: BenchReport): readonly Line[] {
  const cells = ([tps, p50, p99, aborts, cpu]: readonly string[]) =>
    tps!.padStart(9) + p50!.padStart(9) + p99!.padStart(9) + aborts!.padStart(10) + cpu!.padStart(15);
  const lines: Line[] = [['', cells(['tx/s', 'p50 ms', 'p99 ms', 'aborted', 'CPU ms / 1000'])]];
  for (const [at, run] of runs.entries()) lines.push([`run ${at + 1}`, cells(figuresOf(run))]);
  const { tps, p50Ms, p99Ms, abortRate, cpuSecondsPerThousand } = spread;
  const row = (figure: (of: Spread) => number) =>
    cells([
      grouped(Math.round(figure(tps))),
      milliseconds(figure(p50Ms)),
      milliseconds(figure(p99Ms)),
      percent(figure(abortRate)),
      cpuSecondsPerThousand === null ? 'unknown' : milliseconds(figure(cpuSecondsPerThousand) * 1000),
    ]);
  const relative = [tps, p50Ms, p99Ms, abortRate, cpuSecondsPerThousand];
  lines.push(
    ['median', row((of) => of.median)],
    ['min', row((of) => of.min)],
    ['max', row((of) => of.max)],
    ['(max-min)/med', cells(relative.map((of) => (of === null ? 'unknown' : `${Math.round(of.relative * 100)} %`)))],
  );
  return lines;
}

function figuresOf({ tps, latencyMs, abortRate, cpuSecondsPerThousand }: RunReport): readonly string[] {
  return [
    grouped(Math.round(tps)),
    milliseconds(latencyMs.p50),
    milliseconds(latencyMs.p99),
    percent(abortRate),
    cpuSecondsPerThousand === null ? 'unknown' : milliseconds(cpuSecondsPerThousand * 1000),
  ];
}

function latencies({ p50, p95, p99, p999, max }: Latencies): string {
  const each = { p50, p95, p99, 'p99.9': p999, max };
  return Object.entries(each)
    .map(([name, ms]) => `${name} ${milliseconds(ms)}`)
    .join('   ');
}

/** Most first. */
function counts(each: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(each).sort(([, one], [, other]) => other - one);
  return sorted.map(([name, count]) => `${name} ${grouped(count)}`).join(', ');
}

function inColumns(name: string, cells: readonly string[], columns: number): readonly Line[] {
  const width = Math.max(0, ...cells.map((cell) => cell.length)) + 3;
  const lines: Line[] = [];
  for (let at = 0; at < cells.length; at += columns) {
    const row = cells.slice(at, at + columns).map((cell) => cell.padEnd(width));
    lines.push([at === 0 ? name : '', row.join('')]);
  }
  return lines;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

function milliseconds(value: number): string {
  return value.toFixed(2);
}
