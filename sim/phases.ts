/**
 * The end of a seed: the faults are over, and what is broken has to become whole. First a random majority is healed,
 * while the others stay down or cut off: it goes on alone. Then everybody is, and all are equal.
 */
import type { SeededRandom } from '../gcs/base/index.ts';
import type { FaultInjector } from './faults/index.ts';
import type { Judge } from './observers/judge.ts';
import type { Machine, Roster } from './roster.ts';
import type { SimulatedHost, SimulatedWorld } from './world/index.ts';

export interface PhaseSetup<M extends Machine> {
  readonly world: SimulatedWorld;
  readonly judge: Judge;
  readonly roster: Roster<M>;
  readonly faults: FaultInjector;
  readonly random: SeededRandom;
  /** What is still open, in one line; for a failure. */
  describe(): string;
}

/** Ends all faults, and heals a random majority. */
export function healMajority<M extends Machine>({ world, roster, faults, random }: PhaseSetup<M>): readonly M[] {
  faults.end();
  const core = roster.drawCore(random, (host) => faults.isDamaged(host));
  const others = roster.machines.filter((machine) => !core.includes(machine));
  world.tell(`these are healed: ${core.map(({ host }) => host.name).join(' ')}`);
  world.network.unblockAll();
  faults.mend(core.map(({ host }) => host));
  for (const { host } of others) {
    if (random.chance(50)) host.crash('power-lost');
    else cutOff(world, host);
  }
  return core;
}

export function healAll<M extends Machine>({ world, roster, faults }: PhaseSetup<M>): void {
  world.tell('everybody is healed');
  world.network.unblockAll();
  faults.mend(roster.hosts);
}

/** Runs the world until `isDone`, or fails. Returns whether it may go on. */
export function waitUntil<M extends Machine>(
  { world, judge, describe }: PhaseSetup<M>,
  { what, msMax, isDone }: { readonly what: string; readonly msMax: number; readonly isDone: () => boolean },
): boolean {
  const beganUs = world.nowUs;
  world.runFor(msMax * 1000, () => judge.violation !== null || isDone());
  if (judge.violation !== null) return false;
  if (!isDone()) judge.fail(`not converged ${msMax} ms after ${what}: ${describe()}`);
  else world.tell(`converged ${(world.nowUs - beganUs) / 1000} ms after ${what}`);
  return judge.violation === null;
}

function cutOff(world: SimulatedWorld, host: SimulatedHost): void {
  world.tell(`${host.name} stays cut off`);
  for (const other of world.hosts) {
    if (other === host) continue;
    world.network.block(host, other);
    world.network.block(other, host);
  }
}
