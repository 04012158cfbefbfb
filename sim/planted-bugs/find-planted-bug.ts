import type { Scenario } from '../scenario.ts';
import type { SeedResult } from '../seed-result.ts';
import { runSeeds } from '../seed-runner.ts';

/** Runs seeds with the bug planted until one fails. Null: none did. */
export async function findPlantedBug(
  bug: { readonly name: string; readonly scenario: Scenario },
  range: { readonly from: number; readonly seeds: number; readonly workers: number },
): Promise<{ seedsRun: number; result: SeedResult } | null> {
  let seedsRun = 0;
  let found: SeedResult | null = null;
  await runSeeds({
    scenario: bug.scenario,
    planted: bug.name,
    workers: range.workers,
    seeds: Array.from({ length: range.seeds }, (_, i) => ({
      seed: range.from + i,
      profile: 'usual',
      off: [],
      leftOut: [],
    })),
    ended: (result) => {
      seedsRun++;
      if (result.violation !== null) found ??= result;
      return found === null;
    },
  });
  return found === null ? null : { seedsRun, result: found };
}
