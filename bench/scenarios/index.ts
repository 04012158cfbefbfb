import { type Scenario, scenario } from '../scenario.ts';
import { counters } from './counters.ts';
import { duty } from './duty.ts';
import { inventory } from './inventory.ts';
import { large } from './large.ts';
import { micro } from './micro.ts';
import { oltp } from './oltp.ts';

export const scenarios: readonly Scenario[] = [
  scenario(micro),
  scenario(inventory),
  scenario(large),
  scenario(oltp),
  scenario(counters),
  scenario(duty),
];

export function scenarioNamed(name: string): Scenario | undefined {
  return scenarios.find((scenario) => scenario.name === name);
}
