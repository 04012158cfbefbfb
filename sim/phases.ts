/**
 * The end of a seed: the faults are over, and what is broken has to become whole. First a random majority is healed,
 * while the others stay down or cut off: it goes on alone. Then everybody is, and all are equal.
 */
import type { SeededRandom } from '../gcs/base/index.ts';
import type { FaultInjector } from './faults/index.ts';
import type { Judge } from './observers/judge.ts';
import type { Machine, Roster } from './roster.ts';
import type { SimulatedHost, SimulatedWorld } from './world/index.ts';

const WIDEN_EVERY_US = 3_000_000;

export interface PhaseSetup<M extends Machine> {
  readonly world: SimulatedWorld;
  readonly judge: Judge;
  readonly roster: Roster<M>;
  readonly faults: FaultInjector;
  readonly random: SeededRandom;
  /** What is still open, in one line; for a failure. */
  describe(): string;
}

/**
 * Ends all faults, heals a random majority, and waits until it `isDone`. A change of the view may have been under way that
 * makes it a minority: then one more is healed after the other, until it is none. `isDone` is asked of those that can
 * come to the others.
 */
export function healMajority<M extends Machine>(
  phase: PhaseSetup<M>,
  {
    msMax,
    healed,
    isDone,
  }: { msMax: number; healed: (core: readonly M[]) => void; isDone: (core: readonly M[]) => boolean },
): boolean {
  const { world, roster, faults, random } = phase;
  faults.end();
  const core = roster.drawCore(random, (host) => faults.isDamaged(host));
  world.tell(`these are healed: ${core.map(({ host }) => host.name).join(' ')}`);
  world.network.unblockAll();
  faults.mend(core.map(({ host }) => host));
  for (const { host } of roster.machines.filter((machine) => !core.includes(machine))) {
    if (random.chance(50)) host.crash('power-lost');
    else cutOff(world, host);
  }
  healed(core);
  const widen = (): void => {
    const others = roster.machines.filter((machine) => !core.includes(machine));
    if (isOver || others.length === 0) return;
    if (!roster.canGoOn(core)) {
      const { host } = others[0]!;
      world.tell(`${host.name} is healed, too`);
      core.push(others[0]!);
      connect(world, host);
      faults.mend([host]);
    }
    world.schedule(WIDEN_EVERY_US, widen);
  };
  let isOver = false;
  world.schedule(WIDEN_EVERY_US, widen);
  const what = 'the healing of a majority';
  const goesOn = waitUntil(phase, {
    what,
    msMax,
    isDone: () => isDone(core.filter((machine) => roster.isToBeMet(machine, core))),
  });
  isOver = true;
  return goesOn;
}

export function healAll<M extends Machine>({ world, roster, faults }: PhaseSetup<M>): void {
  world.tell('everybody is healed');
  world.network.unblockAll();
  faults.mend(roster.hosts);
  // Its operator has to tell it where the group is now, which a directory is not told.
  for (const machine of roster.wanted) if (!roster.isToBeMet(machine, roster.wanted)) faults.replace(machine.host);
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

function connect(world: SimulatedWorld, host: SimulatedHost): void {
  for (const other of world.hosts) {
    world.network.unblock(host, other);
    world.network.unblock(other, host);
  }
}

function cutOff(world: SimulatedWorld, host: SimulatedHost): void {
  world.tell(`${host.name} stays cut off`);
  for (const other of world.hosts) {
    if (other === host) continue;
    world.network.block(host, other);
    world.network.block(other, host);
  }
}
