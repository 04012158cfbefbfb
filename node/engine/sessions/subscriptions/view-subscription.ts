/**
 * The stream `views`: the members as this one sees them, at the start and whenever that has changed. Each change of the
 * membership is an event of its own, in the order of the views, and says who joined and who left.
 */
import type { MemberId, SequenceNumber } from '../../../../gcs/base/index.ts';
import type { MemberRow, Replica } from '../../replica.ts';
import type { Advance, Outlet, Subscription } from './subscription.ts';

export class ViewSubscription implements Subscription {
  readonly name: string;
  readonly stream = 'views';
  readonly #replica: Replica;
  readonly #outlet: Outlet;
  #revision = -1;
  /** Number of the view told last. */
  #toldView: number;
  /** The members told last, as text. */
  #told = '';

  constructor(setup: { name: string; replica: Replica; outlet: Outlet }) {
    this.name = setup.name;
    this.#replica = setup.replica;
    this.#outlet = setup.outlet;
    this.#toldView = setup.replica.viewNumber;
  }

  get position(): SequenceNumber {
    return this.#replica.appliedUpTo;
  }

  advance(): Advance {
    const { viewRevision } = this.#replica;
    if (viewRevision === this.#revision) return 'up-to-date';
    for (const view of this.#replica.viewsAfter(this.#toldView)) {
      if (!this.#outlet.hasRoom()) return 'no-room';
      this.#toldView = view.number;
      this.#tell(view.members, view);
    }
    if (!this.#outlet.hasRoom()) return 'no-room';
    this.#revision = viewRevision;
    const members = this.#replica.members();
    if (JSON.stringify(members) !== this.#told) this.#tell(members, { joined: [], left: [] });
    return 'up-to-date';
  }

  #tell(
    members: readonly MemberRow[],
    { joined, left }: { readonly joined: readonly MemberId[]; readonly left: readonly MemberId[] },
  ): void {
    this.#told = JSON.stringify(members);
    const viewId = members[0]?.viewId ?? null;
    const sequenceNumber = this.position;
    this.#outlet.send({ event: 'view', subscription: this.name, sequenceNumber, viewId, joined, left, members });
  }
}
