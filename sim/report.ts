/** Tables over many seeds. */
import { GROUP_SITUATIONS, MEMBER_SITUATIONS } from './coverage.ts';
import { CRASH_EFFECTS, FAULT_KINDS } from './faults/index.ts';
import type { Scenario } from './scenario.ts';
import type { NamedCounts, SeedResult } from './seed-result.ts';

export type Totals = ReadonlyMap<string, { readonly times: number; readonly seeds: number }>;

export function faultTotals(results: readonly SeedResult[]): Totals {
  return totalsOf(
    [...FAULT_KINDS, ...CRASH_EFFECTS],
    results.map((result) => result.faultCounts),
  );
}

export function coverageTotals(scenario: Scenario, results: readonly SeedResult[]): Totals {
  return totalsOf(
    situationsOf(scenario),
    results.map((result) => result.coverage),
  );
}

/** What every large batch of seeds has to meet. */
export function situationsOf(scenario: Scenario): readonly string[] {
  return scenario === 'group' ? GROUP_SITUATIONS : MEMBER_SITUATIONS;
}

function totalsOf(names: readonly string[], counts: readonly NamedCounts[]): Totals {
  const totals = new Map<string, { times: number; seeds: number }>();
  for (const name of names) totals.set(name, { times: 0, seeds: 0 });
  for (const [name, times] of counts.flat()) {
    const total = totals.get(name) ?? { times: 0, seeds: 0 };
    total.times += times;
    total.seeds++;
    totals.set(name, total);
  }
  return totals;
}

export function totalsTable(title: string, totals: Totals): string {
  const width = Math.max(30, ...[...totals.keys()].map((name) => name.length + 2));
  const rows = [...totals].map(
    ([name, { times, seeds }]) => `${name.padEnd(width)}${String(times).padStart(9)}${String(seeds).padStart(8)}`,
  );
  return [`${title.padEnd(width)}${'times'.padStart(9)}${'seeds'.padStart(8)}`, ...rows].join('\n');
}

export interface Effort {
  readonly seconds: number;
  /** Of all cores. */
  readonly cpuSeconds: number;
}

export function sumsOf(results: readonly SeedResult[]): { simulatedSeconds: number; events: number } {
  let simulatedMs = 0;
  let events = 0;
  for (const result of results) {
    simulatedMs += result.simulatedMs;
    events += result.events;
  }
  return { simulatedSeconds: simulatedMs / 1000, events };
}

export function statisticsTable(results: readonly SeedResult[], { seconds, cpuSeconds }: Effort): string {
  const sums = new Map<string, number>();
  for (const result of results) {
    for (const [name, value] of Object.entries(result.statistics)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  const parts = [...sums].map(([name, value]) => `${name} ${value}`);
  const { simulatedSeconds, events } = sumsOf(results);
  const perCore = (amount: number): string => (amount / cpuSeconds).toFixed(0);
  return [
    parts.join(', '),
    `${simulatedSeconds.toFixed(0)} s simulated in ${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of processors), ${(results.length / seconds).toFixed(1)} seeds a second`,
    `${perCore(simulatedSeconds)} times real time a core, ${perCore(events)} events a second and core`,
  ].join('\n');
}
