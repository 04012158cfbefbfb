/**
 * What may be lost at a time. An entry that was acknowledged keeps a good copy on some voter, and whoever could be
 * elected without it is known to be damaged: so at any time only a minority of the voters have damaged or lost disks,
 * each until it is sound again. A voter that is silent, or that was asked to go, does not count: a view without it may be
 * on its way, in which the others have to be a majority. The last block of a log, behind which nothing was written, is not
 * damaged: nobody could tell that from a torn write.
 *
 * Outside of the budget is a whole directory that goes back to an earlier state: it breaks promises that nothing on it
 * remembers.
 */
import type { SimulatedHost, SimulatedWorld } from '../world/index.ts';
import type { FaultTargets } from './fault-targets.ts';

/** For so long a member asks for a removal, and then a leader that was asked last goes on with it; and a while. */
const WISH_MS = 10_000 + 3000 + 1000;

export class FaultBudget {
  readonly #world: SimulatedWorld;
  readonly #targets: FaultTargets;
  readonly #damaged = new Set<SimulatedHost>();
  /** Who was asked to go, and when that is over, one way or the other. */
  readonly #goesUntilUs = new Map<SimulatedHost, number>();

  constructor(world: SimulatedWorld, targets: FaultTargets) {
    this.#world = world;
    this.#targets = targets;
  }

  /** The group was asked to go on without `member`. */
  askedToGo(member: SimulatedHost): void {
    const forMs = 2 * this.#targets.expelledAfterMs + WISH_MS;
    this.#goesUntilUs.set(member, this.#world.nowUs + forMs * 1000);
  }

  /** Whether `member` may lose something now; if so, it counts as damaged until it is sound. */
  take(member: SimulatedHost): boolean {
    for (const each of this.#damaged) if (this.#targets.isSound(each)) this.#damaged.delete(each);
    const { voters, votersLeast } = this.#targets;
    const going = voters.filter((each) => each !== member && !this.#damaged.has(each) && this.#mayGo(each)).length;
    const damagedMax = Math.floor((votersLeast - going - 1) / 2);
    const others = [...this.#damaged].filter((each) => each !== member).length;
    if (others + 1 > damagedMax) return false;
    this.#damaged.add(member);
    return true;
  }

  /** Nobody is damaged. */
  get isWhole(): boolean {
    return [...this.#damaged].every((member) => this.#targets.isSound(member));
  }

  isDamaged(member: SimulatedHost): boolean {
    return this.#damaged.has(member) && !this.#targets.isSound(member);
  }

  /** Its peers expel it, as far as this can tell. */
  #mayGo(member: SimulatedHost): boolean {
    if ((this.#goesUntilUs.get(member) ?? 0) > this.#world.nowUs) return true;
    if (member.process === null || member.process.isPaused) return true;
    const { network } = this.#world;
    return this.#targets.voters.some(
      (other) => other !== member && (network.isBlocked(member, other) || network.isBlocked(other, member)),
    );
  }
}
