import type { SeedOptions, SeedResult } from '../seed-result.ts';
import { runSeeds } from '../seed-runner.ts';
import type { SoughtBug } from './planted-bug.ts';

/** Runs seeds with the bug planted until one fails. Null: none did. */
export async function findPlantedBug(
  { name, scenario }: Pick<SoughtBug, 'name' | 'scenario'>,
  range: { readonly from: number; readonly seeds: number; readonly workers: number },
): Promise<{ readonly seedsRun: number; readonly result: SeedResult } | null> {
  let seedsRun = 0;
  let found: SeedResult | null = null;
  await runSeeds({
    scenario,
    planted: name,
    workers: range.workers,
    seeds: Array.from({ length: range.seeds }, (_, i) => usual(range.from + i)),
    ended: (result) => {
      seedsRun++;
      if (result.violation !== null) found ??= result;
      return found === null;
    },
  });
  return found === null ? null : { seedsRun, result: found };
}

/** What the seed finds where nothing is planted; null: nothing. */
export async function violationWithout(
  { scenario }: Pick<SoughtBug, 'scenario'>,
  seed: number,
): Promise<string | null> {
  let violation: string | null = null;
  await runSeeds({
    scenario,
    planted: null,
    workers: 1,
    seeds: [usual(seed)],
    ended: (result) => {
      violation = result.violation;
      return true;
    },
  });
  return violation;
}

function usual(seed: number): SeedOptions {
  return { seed, profile: 'usual', off: [], leftOut: [] };
}
