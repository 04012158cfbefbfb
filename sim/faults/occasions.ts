/** Faults that wait for something to happen at a member. */
import type { SimulatedHost } from '../world/index.ts';

/** What members do that faults wait for; failpoints have names of their own. */
export type Occasion = 'vote' | 'lane flush' | 'frame' | Failpoint;

/** A place in the program, named by the call to its environment just before or after it. */
export type Failpoint = `${'before' | 'after'} ${string}`;

export class Occasions {
  readonly #awaited = new Map<SimulatedHost, Map<Occasion, () => void>>();

  /** Calls back once, when the member next does so. */
  onNext(member: SimulatedHost, occasion: Occasion, happened: () => void): void {
    let awaited = this.#awaited.get(member);
    if (awaited === undefined) {
      awaited = new Map();
      this.#awaited.set(member, awaited);
    }
    awaited.set(occasion, happened);
  }

  /** Whether anything is awaited of this member. */
  isWatched(member: SimulatedHost): boolean {
    return (this.#awaited.get(member)?.size ?? 0) > 0;
  }

  /** Whether anything is awaited of this member whose name begins so. */
  isWatchedFor(member: SimulatedHost, beginning: string): boolean {
    for (const occasion of this.#awaited.get(member)?.keys() ?? []) if (occasion.startsWith(beginning)) return true;
    return false;
  }

  happened(member: SimulatedHost, occasion: Occasion): void {
    const awaited = this.#awaited.get(member);
    const callback = awaited?.get(occasion);
    if (callback === undefined) return;
    awaited!.delete(occasion);
    callback();
  }
}
