/** Follows what one run of a member delivers, by its log, and gives it to the total order. */
import type { LogIndex } from '../../gcs/base/index.ts';
import type { Group } from '../../gcs/core/index.ts';
import type { SimulatedDisk } from '../world/index.ts';
import type { Judge } from './judge.ts';
import type { TotalOrder } from './total-order.ts';

const READ_BYTES = 1024 * 1024;

export class LogFollower {
  readonly #name: string;
  readonly #group: Group;
  readonly #order: TotalOrder;
  readonly #judge: Judge;
  readonly #disk: SimulatedDisk;
  #deliveredUpTo: LogIndex;

  /** Deliveries go on behind `deliveredUpTo`. */
  constructor(setup: {
    name: string;
    group: Group;
    order: TotalOrder;
    judge: Judge;
    disk: SimulatedDisk;
    deliveredUpTo: LogIndex;
  }) {
    this.#name = setup.name;
    this.#group = setup.group;
    this.#order = setup.order;
    this.#judge = setup.judge;
    this.#disk = setup.disk;
    this.#deliveredUpTo = setup.deliveredUpTo;
  }

  get deliveredUpTo(): LogIndex {
    return this.#deliveredUpTo;
  }

  /** Up to `index` everything was delivered. */
  follow(index: LogIndex): void {
    this.#judge.check(index >= this.#deliveredUpTo, () => `${this.#name} delivers backwards`);
    const { log } = this.#group;
    this.#judge.check(
      log.firstIndex <= this.#deliveredUpTo + 1,
      () => `${this.#name} has given up index ${this.#deliveredUpTo + 1} before it delivered it`,
    );
    while (this.#deliveredUpTo < index) {
      const entries = this.#disk.observe(() => log.entries(this.#deliveredUpTo + 1, index, READ_BYTES));
      for (const entry of entries) {
        this.#order.take(this.#name, entry);
        this.#deliveredUpTo = entry.index;
      }
    }
  }
}
