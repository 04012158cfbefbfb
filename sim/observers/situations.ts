/** Counts the situations that are hard to get right, so that a batch of seeds can be asked whether it met them. */
import type { LogIndex } from '../../gcs/base/index.ts';
import { type ConsensusStatus, type GroupView, memberOf } from '../../gcs/core/index.ts';
import type { Machine, Roster } from '../roster.ts';
import type { SimulatedWorld } from '../world/index.ts';
import type { TotalOrder } from './total-order.ts';

interface Seen {
  readonly incarnation: number;
  readonly firstIndex: LogIndex;
  readonly viewNumber: number;
  readonly term: number;
  readonly isClaiming: boolean;
}

export class Situations {
  readonly #world: SimulatedWorld;
  readonly #order: TotalOrder;
  readonly #roster: Roster<Machine>;
  readonly #seen = new Map<string, Seen>();
  #leader: { readonly memberId: string | null; readonly term: number } = { memberId: null, term: 0 };
  /** Who led before the newest leader, until it leads again. */
  #deposed: string | null = null;

  constructor(setup: { world: SimulatedWorld; order: TotalOrder; roster: Roster<Machine> }) {
    this.#world = setup.world;
    this.#order = setup.order;
    this.#roster = setup.roster;
    setup.order.viewOrdered = (view, before) => this.#viewOrdered(view, before);
  }

  /** After a turn of a member that takes part. */
  statusSeen({ memberId, incarnation }: Machine, status: ConsensusStatus): void {
    if (status.role === 'leader' && status.term > this.#leader.term) {
      this.#deposed = this.#leader.memberId;
      this.#leader = { memberId, term: status.term };
    }
    const before = this.#seen.get(memberId);
    const isClaiming = status.claim !== null;
    const { firstIndex, viewNumber, term } = status;
    if (
      before?.incarnation === incarnation &&
      before.firstIndex === firstIndex &&
      before.viewNumber === viewNumber &&
      before.term === term &&
      before.isClaiming === isClaiming
    ) {
      return;
    }
    const { coverage } = this.#world;
    this.#seen.set(memberId, { incarnation, firstIndex, viewNumber, term, isClaiming });
    if (isClaiming && before?.isClaiming !== true) coverage.add('a claim is held');
    if (!isClaiming && before?.isClaiming === true) coverage.add('a claim is released');
    if (before === undefined || before.incarnation !== incarnation) return;
    if (firstIndex > before.firstIndex) coverage.add('the log is truncated');
    if (viewNumber < before.viewNumber) coverage.add('a view entry is cut off again');
    if (term > before.term && viewNumber > (this.#order.view?.number ?? 0)) {
      coverage.add('an election during a change of view');
    }
  }

  #viewOrdered(view: GroupView, before: GroupView): void {
    const { coverage, network } = this.#world;
    this.#world.tell(`view ${view.number}: ${described(view)}`);
    for (const { ordinal, isVoter } of view.members) {
      const earlier = memberOf(before, ordinal);
      if (!isVoter || earlier?.isVoter === true) continue;
      coverage.add('a learner becomes a voter');
      if (network.isDivided) coverage.add('a learner becomes a voter during a partition');
    }
    for (const { ordinal, memberId } of before.members) {
      if (memberOf(view, ordinal) !== undefined) continue;
      const machine = this.#roster.named(memberId);
      const isLeaving = machine?.isLeaving === true;
      coverage.add(isLeaving ? 'a member leaves' : 'a member is expelled');
      if (machine === undefined) coverage.add('a member without a disk comes back as a new one');
      // No leader removes itself: another one does, who led next.
      if (memberId === this.#deposed && !isLeaving) coverage.add('the leader is expelled');
    }
  }
}

function described(view: GroupView): string {
  return view.members
    .map(({ ordinal, host, isVoter }) => `${host} as ${ordinal}${isVoter ? '' : ' (learner)'}`)
    .join(', ');
}
