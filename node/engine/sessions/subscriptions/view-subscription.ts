/** The stream `views`: the members as this one sees them, at the start and whenever that has changed. */
import type { SequenceNumber } from '../../../../gcs/base/index.ts';
import type { Replica } from '../../replica.ts';
import type { Advance, Outlet, Subscription } from './subscription.ts';

export class ViewSubscription implements Subscription {
  readonly name: string;
  readonly stream = 'views';
  readonly #replica: Replica;
  readonly #outlet: Outlet;
  #revision = -1;
  /** The members told last, as text. */
  #told = '';

  constructor(setup: { name: string; replica: Replica; outlet: Outlet }) {
    this.name = setup.name;
    this.#replica = setup.replica;
    this.#outlet = setup.outlet;
  }

  get position(): SequenceNumber {
    return this.#replica.appliedUpTo;
  }

  advance(): Advance {
    const { viewRevision } = this.#replica;
    if (viewRevision === this.#revision) return 'up-to-date';
    if (!this.#outlet.hasRoom()) return 'no-room';
    this.#revision = viewRevision;
    const members = this.#replica.members();
    const text = JSON.stringify(members);
    if (text === this.#told) return 'up-to-date';
    this.#told = text;
    const viewId = members[0]?.viewId ?? null;
    this.#outlet.send({
      event: 'view',
      subscription: this.name,
      sequenceNumber: this.position,
      viewId,
      members,
    });
    return 'up-to-date';
  }
}
