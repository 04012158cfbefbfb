/** What the faults strike at: the members of a scenario. */
import type { SeededRandom } from '../../gcs/base/index.ts';
import type { SimulatedHost } from '../world/index.ts';
import type { Occasion } from './occasions.ts';

export interface FaultTargets {
  /** Machines that are, were or try to become members. Grows. */
  readonly members: readonly SimulatedHost[];
  /** Machines of the voters of the newest view that anybody has delivered. */
  readonly voters: readonly SimulatedHost[];
  /** How many there are in the smallest view that may be in force. */
  readonly votersLeast: number;
  /** Null if nobody leads. */
  leader(): SimulatedHost | null;
  /** Starts the member's process; it is down. */
  restart(member: SimulatedHost): void;
  /** Asks the member to stop by itself; `stopped` is called when it has. */
  stop(member: SimulatedHost, stopped: () => void): void;
  /** Calls back once, when the member next does so. */
  onNext(member: SimulatedHost, occasion: Occasion, happened: () => void): void;
  /** It runs, is a voter and ONLINE, and lacks nothing that it ever promised to have. */
  isSound(member: SimulatedHost): boolean;
  /** Loses a lane's rows, or spoils one, while the member is down. False: it has none. */
  damageLane(member: SimulatedHost, random: SeededRandom): boolean;
  /** All that the member had is gone: what starts there next is a new member, which asks to be let in. */
  forget(member: SimulatedHost): void;

  // Membership. Each says whether there was anything to ask and anybody to ask it of.

  /** Starts new members, on new machines, that ask to be let in. */
  join(count: number): boolean;
  leave(member: SimulatedHost): boolean;
  /** Asks some member to have `member` removed. */
  expel(member: SimulatedHost, random: SeededRandom): boolean;
  /** Null: whoever is fittest. */
  transferLeadership(to: SimulatedHost | null): boolean;
  /** Starts somebody who does not belong here: of another group, or with other options. */
  intrude(random: SeededRandom): boolean;
  /** How long a member has to be away until the others expel it. */
  readonly expelledAfterMs: number;
}
