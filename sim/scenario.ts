import type { SeedOptions, SeedResult } from './seed-result.ts';

/** `group`: the group layer alone, quicker. `member`: whole members, with clients. */
export type Scenario = 'group' | 'member';

export const SCENARIOS: readonly Scenario[] = ['group', 'member'];

/** Loads the scenario: not before bugs are planted. */
export async function loadScenario(scenario: Scenario): Promise<(options: SeedOptions) => SeedResult> {
  if (scenario === 'group') return (await import('./group/run-group-seed.ts')).runGroupSeed;
  return (await import('./members/run-member-seed.ts')).runMemberSeed;
}
