/**
 * Read indexes and minorities. An answer covers everything that anybody had delivered when it was asked for. Who is cut
 * off from all others all the time, and is not a group of its own, neither gets one nor has its broadcasts delivered.
 */
import type { LogIndex } from '../../gcs/base/index.ts';
import type { SimulatedHost, SimulatedWorld } from '../world/index.ts';
import type { Judge } from './judge.ts';
import type { TotalOrder } from './total-order.ts';

/** Asked for by a member: what it has to cover, and whether it can be answered at all. */
export interface PendingRead {
  readonly host: SimulatedHost;
  readonly notBelow: LogIndex;
  readonly since: Isolation;
}

/** Since when a member is cut off. Null: it is not. */
export type Isolation = { readonly blockings: number } | null;

export class Reads {
  readonly #world: SimulatedWorld;
  readonly #judge: Judge;
  readonly #order: TotalOrder;
  readonly #votersLeast: () => number;

  /** `votersLeast`: of the smallest view that any member goes by: one that it appended, and that nobody delivered yet, too. */
  constructor(setup: { world: SimulatedWorld; judge: Judge; order: TotalOrder; votersLeast: () => number }) {
    this.#world = setup.world;
    this.#judge = setup.judge;
    this.#order = setup.order;
    this.#votersLeast = setup.votersLeast;
  }

  asked(host: SimulatedHost): PendingRead {
    return { host, notBelow: this.#order.lastIndex, since: this.isolationOf(host) };
  }

  answered({ host, notBelow, since }: PendingRead, index: LogIndex | null): void {
    const { coverage } = this.#world;
    const isCutOff = this.wasCutOff(host, since);
    if (index === null) {
      if (isCutOff) coverage.add('a read index is not answered in a minority');
      return;
    }
    coverage.add('a read index is answered');
    this.#judge.check(
      index >= notBelow,
      () => `${host.name} gets the read index ${index}, and ${notBelow} was delivered before it asked`,
    );
    this.#judge.check(!isCutOff, () => `${host.name} gets the read index ${index}, and it is cut off`);
  }

  isolationOf(host: SimulatedHost): Isolation {
    const { network, hosts } = this.#world;
    if (this.#votersLeast() < 2) return null;
    const isCutOff = hosts.every(
      (each) => each === host || (network.isBlocked(host, each) && network.isBlocked(each, host)),
    );
    return isCutOff ? { blockings: network.blockings } : null;
  }

  /** All the time since then. */
  wasCutOff(host: SimulatedHost, since: Isolation): boolean {
    return since !== null && this.isolationOf(host)?.blockings === since.blockings;
  }
}
