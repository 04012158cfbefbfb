/** Faults that wait for something to happen. */
import type { Occasion } from './faults.ts';
import type { SimulatedHost } from './world/index.ts';

export class Occasions {
  readonly #awaited = new Map<string, () => void>();

  onNext(member: SimulatedHost, occasion: Occasion, happened: () => void): void {
    this.#awaited.set(`${member.name} ${occasion}`, happened);
  }

  happened(member: SimulatedHost, occasion: Occasion): void {
    if (this.#awaited.size === 0) return;
    const name = `${member.name} ${occasion}`;
    const callback = this.#awaited.get(name);
    if (callback === undefined) return;
    this.#awaited.delete(name);
    callback();
  }
}
