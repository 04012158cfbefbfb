/** Takes down what the observers find wrong. The first finding decides; the world stops on it. */
import type { SimulatedWorld } from '../world/index.ts';

export class Judge {
  readonly #world: SimulatedWorld;
  #violation: string | null = null;

  constructor(world: SimulatedWorld) {
    this.#world = world;
  }

  /** Null as long as nothing was wrong. */
  get violation(): string | null {
    return this.#violation;
  }

  fail(violation: string): void {
    if (this.#violation !== null) return;
    this.#violation = violation;
    this.#world.tell(`VIOLATION: ${violation}`);
  }

  /** `rule` says what was found; it is asked only if `holds` is false. */
  check(holds: boolean, rule: () => string): void {
    if (!holds) this.fail(rule());
  }
}
