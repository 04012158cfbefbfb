/** Makes a failing seed easier to read: switches kinds of faults off, one after the other, as long as it still fails. */
import { FAULT_KINDS } from './faults.ts';
import type { Scenario } from './scenario.ts';
import type { SeedResult } from './seed-result.ts';
import { runSeeds } from './seed-runner.ts';

export async function shrink(
  scenario: Scenario,
  failed: SeedResult,
): Promise<{ readonly result: SeedResult; readonly off: readonly string[] }> {
  let result = failed;
  let off: readonly string[] = [];
  const fired = new Set(failed.faultCounts.map(([kind]) => kind));
  for (const kind of FAULT_KINDS) {
    if (!fired.has(kind)) continue;
    const without = [...off, kind];
    const results: SeedResult[] = [];
    await runSeeds({
      scenario,
      planted: null,
      workers: 1,
      seeds: [{ seed: failed.seed, off: without }],
      ended: (ended) => results.push(ended) > 0,
    });
    if (results[0]!.violation === null) continue;
    result = results[0]!;
    off = without;
  }
  return { result, off };
}
