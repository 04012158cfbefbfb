/**
 * What may be lost at a time. An entry that was acknowledged keeps a good copy on some voter, and whoever could be
 * elected without it is known to be damaged: so at any time only a minority of the voters have damaged or lost disks,
 * each until it is sound again. The last block of a log, behind which nothing was written, is not damaged: nobody could
 * tell that from a torn write.
 *
 * Outside of the budget is a whole directory that goes back to an earlier state: it breaks promises that nothing on it
 * remembers.
 */
import type { SimulatedHost } from '../world/index.ts';
import type { FaultTargets } from './fault-targets.ts';

export class FaultBudget {
  readonly #targets: FaultTargets;
  readonly #damaged = new Set<SimulatedHost>();

  constructor(targets: FaultTargets) {
    this.#targets = targets;
  }

  /** Whether `member` may lose something now; if so, it counts as damaged until it is sound. */
  take(member: SimulatedHost): boolean {
    for (const each of this.#damaged) if (this.#targets.isSound(each)) this.#damaged.delete(each);
    const damagedMax = Math.floor((this.#targets.votersLeast - 1) / 2);
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
}
