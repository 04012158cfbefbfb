/** One strike of a fault: what it may touch, and chance of its own, so that leaving it out shifts no other. */
import type { SeededRandom } from '../../gcs/base/index.ts';
import type { SimulatedHost, SimulatedWorld } from '../world/index.ts';
import type { FaultBudget } from './fault-budget.ts';
import type { TimedFault } from './fault-plan.ts';
import type { FaultTargets } from './fault-targets.ts';

export interface Strike {
  readonly kind: TimedFault;
  readonly world: SimulatedWorld;
  readonly targets: FaultTargets;
  readonly budget: FaultBudget;
  readonly random: SeededRandom;
  /** All faults have ended. */
  isOver(): boolean;
  /** It did strike. */
  count(what: string): void;
  restartIfDown(member: SimulatedHost): void;
}

/** Runs `callback` after a while, unless the faults have ended by then: whoever ends them mends everything. */
export function later({ world, isOver }: Strike, delayMs: number, callback: () => void): void {
  world.schedule(delayMs * 1000, () => {
    if (!isOver()) callback();
  });
}

export function othersThan({ targets }: Strike, member: SimulatedHost): readonly SimulatedHost[] {
  return targets.members.filter((each) => each !== member);
}

export function shuffled<T>(random: SeededRandom, from: readonly T[]): readonly T[] {
  const result = [...from];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

export function namesOf(members: readonly SimulatedHost[]): string {
  return members.map((member) => member.name).join(' ');
}
