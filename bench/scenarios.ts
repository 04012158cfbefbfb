import { micro } from './micro.ts';
import type { Scenario } from './scenario.ts';

export const scenarios: readonly Scenario[] = [micro];

export function scenarioNamed(name: string): Scenario | undefined {
  return scenarios.find((scenario) => scenario.name === name);
}
