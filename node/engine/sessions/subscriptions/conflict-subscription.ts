/** The stream `conflicts`: each one as this member sees it, from now on; with `table` those that concern it. */
import type { SequenceNumber } from '../../../../gcs/base/index.ts';
import type { Replica } from '../../replica.ts';
import type { Advance, Outlet, Subscription } from './subscription.ts';

/** Sent in one turn. */
const CONFLICTS_AT_ONCE = 256;

export class ConflictSubscription implements Subscription {
  readonly name: string;
  readonly stream = 'conflicts';
  readonly #replica: Replica;
  readonly #outlet: Outlet;
  readonly #table: string | null;
  /** Conflicts seen by the member before the next one to be sent. */
  #seen: number;

  constructor(setup: { name: string; replica: Replica; outlet: Outlet; table: string | null }) {
    this.name = setup.name;
    this.#replica = setup.replica;
    this.#outlet = setup.outlet;
    this.#table = setup.table;
    this.#seen = setup.replica.conflictsSeen;
  }

  get position(): SequenceNumber {
    return this.#replica.appliedUpTo;
  }

  advance(): Advance {
    if (this.#seen === this.#replica.conflictsSeen) return 'up-to-date';
    if (!this.#outlet.hasRoom()) return 'no-room';
    const conflicts = this.#replica.conflictsAfter(this.#seen, CONFLICTS_AT_ONCE);
    if (conflicts === null) return { mustEnd: 'tooSlow' };
    this.#seen += conflicts.length;
    for (const conflict of conflicts) {
      if (this.#table !== null && conflict.table !== this.#table) continue;
      this.#outlet.send({
        event: 'conflict',
        subscription: this.name,
        sequenceNumber: this.position,
        conflict,
      });
    }
    return this.#seen === this.#replica.conflictsSeen ? 'up-to-date' : 'more';
  }
}
