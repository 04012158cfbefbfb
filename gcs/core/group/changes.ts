/**
 * How the membership is changed, from both ends: what this member wants of it is told to the leader; while this member
 * leads, it hears what the others want, decides (membership.ts) and proposes.
 */
import type { MemberOrdinal } from '../../base/index.ts';
import type { Consensus, ConsensusInput } from '../consensus/consensus.ts';
import type { GroupView } from '../types.ts';
import { memberOf } from '../views.ts';
import type { Connections } from './connections.ts';
import type { Liveness } from './liveness.ts';
import { type Applicant, Membership, type MembershipOptions } from './membership.ts';
import { type RemovalOutcome, Removals } from './removals.ts';
import type { Roster } from './roster.ts';

export interface ChangesSetup {
  readonly options: MembershipOptions;
  readonly liveness: Liveness;
  /** Null while this member has no group. */
  readonly roster: () => Roster | null;
  /** Null before it takes part in the order. */
  readonly consensus: () => Consensus | null;
  readonly connections: () => Connections;
  readonly nowMs: () => number;
  step(input: ConsensusInput): void;
}

export class Changes {
  readonly #setup: ChangesSetup;
  readonly #membership: Membership;
  readonly #removals = new Removals();
  #leadsInTerm: number | null = null;
  #isEnding = false;

  constructor(setup: ChangesSetup) {
    const { options } = setup;
    this.#setup = setup;
    this.#membership = new Membership(options);
  }

  // What this member wants

  get isLeaving(): boolean {
    return this.#removals.isLeaving(this.#setup.nowMs());
  }

  /** `done`: perhaps within the call. */
  leave(self: MemberOrdinal, done: (outcome: RemovalOutcome) => void): void {
    this.#removals.leave(self, this.#setup.nowMs(), done);
    this.askAgain();
  }

  /** `done`: perhaps within the call. */
  expel(ordinal: MemberOrdinal, done: (outcome: RemovalOutcome) => void): void {
    this.#removals.expel(ordinal, this.#setup.nowMs(), done);
    this.askAgain();
  }

  couldNotRemove(ordinal: MemberOrdinal, problem: string): void {
    this.#removals.refused(ordinal, problem);
  }

  /** Now and then. */
  askAgain(): void {
    const consensus = this.#setup.consensus();
    const self = this.#setup.roster()?.ordinal;
    const wanted = this.#removals.wanted(this.#setup.nowMs());
    if (consensus === null || self === undefined) return;
    for (const ordinal of wanted) {
      if (consensus.role === 'leader') this.askedToRemove(ordinal, self);
      else if (consensus.leader !== null)
        this.#setup.connections().sendTo(consensus.leader, { kind: 'remove', ordinal });
    }
  }

  // What the others want of this member, in case that it leads

  applied(applicant: Applicant): void {
    const consensus = this.#setup.consensus();
    if (consensus?.role !== 'leader' || this.#isEnding) return applicant.wait(this.#leaderAddress());
    this.#membership.apply(applicant, this.#setup.nowMs());
    this.#admit(consensus.chosenView);
    this.decide();
  }

  askedToRemove(ordinal: MemberOrdinal, by: MemberOrdinal): void {
    if (this.#setup.consensus()?.role !== 'leader') return;
    this.#membership.remove(ordinal, this.#setup.nowMs(), (problem) => {
      if (by === this.#setup.roster()!.ordinal) this.#removals.refused(ordinal, problem);
      else this.#setup.connections().sendTo(by, { kind: 'remove-problem', ordinal, problem });
    });
    this.decide();
  }

  // What comes of it

  /** This view is chosen. */
  chosen(view: GroupView): void {
    this.#removals.chosen(view);
    this.#admit(view);
  }

  /** This member stood still itself: the silence of the others counts from now on. */
  stoodStill(): void {
    this.#membership.countFrom(this.#setup.nowMs());
  }

  /** As the leader, the next change, if one can be made now. */
  decide(): void {
    const consensus = this.#setup.consensus();
    const roster = this.#setup.roster();
    if (consensus === null || roster === null || this.#isEnding) return;
    if (consensus.role !== 'leader') {
      if (this.#leadsInTerm !== null) this.#membership.sendAway(this.#leaderAddress());
      this.#leadsInTerm = null;
      return;
    }
    const nowMs = this.#setup.nowMs();
    if (this.#leadsInTerm !== consensus.term) {
      this.#leadsInTerm = consensus.term;
      this.#membership.countFrom(nowMs);
    }
    if (!consensus.canChangeView || !consensus.hasQuorum) return;
    const { liveness, connections, step } = this.#setup;
    const { peers, chosenUpTo } = consensus.status();
    const decision = this.#membership.decide({
      nowMs,
      self: roster.ordinal,
      view: consensus.view,
      chosenUpTo,
      peers,
      heardMs: (peer) => liveness.heardMs(peer),
      busyMs: (peer) => liveness.busyMs(peer),
      hasBelonged: (peer) => connections().hasBelonged(peer),
    });
    if (decision === null) return;
    if (decision.kind === 'change') step({ kind: 'change-view', view: decision.view });
    else step({ kind: 'transfer-leadership', to: null });
  }

  /** This member stops: others are to lead. */
  end(): void {
    this.#isEnding = true;
    this.#membership.sendAway(this.#leaderAddress());
  }

  #admit(view: GroupView): void {
    this.#membership.chosen(view, (ordinal) => this.#setup.connections().hasBelonged(ordinal));
  }

  #leaderAddress(): string | null {
    const leader = this.#setup.consensus()?.leader ?? null;
    const roster = this.#setup.roster();
    if (leader === null || roster === null || leader === roster.ordinal) return null;
    return (roster.memberOf(leader) ?? memberOf(roster.chosen, leader))?.groupAddress ?? null;
  }
}
