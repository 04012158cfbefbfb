/** What a member holds when nothing happens: queues are empty, and what it waits for is what it always waits for. */
import type { Group } from '../../gcs/core/index.ts';
import type { PhaseSetup } from '../phases.ts';
import type { Machine } from '../roster.ts';
import type { SimulatedHost } from '../world/index.ts';

/** Timers of a member beside those for each of its peers. */
const TURNS_AHEAD_MAX = 30;
const TURNS_AHEAD_PER_MEMBER_MAX = 8;

export function checkBaseLine({ world, judge, roster }: PhaseSetup<Machine>, host: SimulatedHost, group: Group): void {
  const { process } = host;
  if (process === null) return;
  const members = roster.machines.length;
  const ends = world.network.endsOf(process);
  // Dialled and accepted: one of each for every other member.
  judge.check(ends <= 2 * members, () => `${host.name} holds ${ends} connections among ${members} members`);
  const { turnsAhead } = process;
  const turnsMax = TURNS_AHEAD_MAX + TURNS_AHEAD_PER_MEMBER_MAX * members;
  judge.check(turnsAhead <= turnsMax, () => `${host.name} waits for ${turnsAhead} things when nothing happens`);
  const pending = group.status?.pendingMessages ?? 0;
  judge.check(pending === 0, () => `${host.name} has ${pending} messages pending when nothing happens`);
  const { disk } = host;
  judge.check(disk.writesInFlight === 0, () => `${host.name} still writes when nothing happens`);
}
