/** Tables over many seeds. */
import { CRASH_EFFECTS, FAULT_KINDS } from './faults.ts';
import type { SeedResult } from './seed-result.ts';

export function faultTotals(results: readonly SeedResult[]): ReadonlyMap<string, { times: number; seeds: number }> {
  const totals = new Map<string, { times: number; seeds: number }>();
  for (const kind of [...FAULT_KINDS, ...CRASH_EFFECTS]) totals.set(kind, { times: 0, seeds: 0 });
  for (const { faultCounts } of results) {
    for (const [kind, times] of faultCounts) {
      const total = totals.get(kind) ?? { times: 0, seeds: 0 };
      total.times += times;
      total.seeds++;
      totals.set(kind, total);
    }
  }
  return totals;
}

export function faultTable(results: readonly SeedResult[]): string {
  const rows = [...faultTotals(results)].map(
    ([kind, { times, seeds }]) => `${kind.padEnd(26)}${String(times).padStart(9)}${String(seeds).padStart(8)}`,
  );
  return [`${'fault'.padEnd(26)}${'fired'.padStart(9)}${'seeds'.padStart(8)}`, ...rows].join('\n');
}

export function statisticsTable(results: readonly SeedResult[], seconds: number): string {
  const sums = new Map<string, number>();
  let simulatedMs = 0;
  for (const result of results) {
    simulatedMs += result.simulatedMs;
    for (const [name, value] of Object.entries(result.statistics)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  const parts = [...sums].map(([name, value]) => `${name} ${value}`);
  return `${parts.join(', ')}\n${(simulatedMs / 1000).toFixed(0)} s simulated in ${seconds.toFixed(1)} s, ${(results.length / seconds).toFixed(1)} seeds a second`;
}
