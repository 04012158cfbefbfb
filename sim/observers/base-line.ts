/** What a member holds when nothing happens: queues are empty, and what it waits for is what it always waits for. */
import type { Group } from '../../gcs/core/index.ts';
import type { SimulatedHost, SimulatedWorld } from '../world/index.ts';

/** Timers of a member beside those for each of its peers. */
const TURNS_AHEAD_MAX = 30;
const TURNS_AHEAD_PER_MEMBER_MAX = 8;

/** Half-open connections have timed out by then. */
export const BASE_LINE_MS_MAX = 40_000;

/** What is more than that, or null. `members`: how many there are. */
export function aboveBaseLine(
  world: SimulatedWorld,
  { host, group, members }: { readonly host: SimulatedHost; readonly group: Group; readonly members: number },
): string | null {
  const { process, disk } = host;
  if (process === null) return null;
  const ends = world.network.endsOf(process);
  // Dialled and accepted: one of each for every other member.
  if (ends > 2 * members) return `${host.name} holds ${ends} connections among ${members} members`;
  const { turnsAhead } = process;
  if (turnsAhead > TURNS_AHEAD_MAX + TURNS_AHEAD_PER_MEMBER_MAX * members) {
    return `${host.name} waits for ${turnsAhead} things`;
  }
  const pending = group.status?.pendingMessages ?? 0;
  if (pending > 0) return `${host.name} has ${pending} messages pending`;
  return disk.writesInFlight > 0 ? `${host.name} still writes` : null;
}
