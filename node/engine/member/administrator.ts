/**
 * Requests for changes of the membership: handed to the group, and answered when the change is seen here, in a later turn,
 * each exactly once.
 */
import type { Clock, MemberId } from '../../../gcs/base/index.ts';
import { type ConsensusStatus, type Group, type GroupView, memberNamed } from '../../../gcs/core/index.ts';
import type { Administration, AdministrationOutcome } from '../replica.ts';
import type { Membership } from './membership.ts';

/** The group has so long for a change; then its fate is unknown, and the group layer asks for it no more since a while. */
const WAIT_MS = 15_000;

type Answer = (outcome: AdministrationOutcome) => void;

interface Pending {
  readonly deadlineMs: number;
  /** Null: not yet. */
  readonly seen: () => AdministrationOutcome | null;
  readonly answer: Answer;
}

export interface AdministratorSetup {
  readonly memberId: MemberId;
  readonly group: Pick<Group, 'leave' | 'expel' | 'transferLeadership'> & {
    readonly status: Pick<ConsensusStatus, 'role'> | null;
    readonly view: Pick<GroupView, 'viewId'> | null;
  };
  readonly membership: Membership;
  readonly clock: Clock;
  /** Whether this member is out of the group by its own will, or was expelled and has given up. */
  readonly isOutside: () => boolean;
  readonly hasQuorum: () => boolean;
  /** Begins the run that joins again. */
  readonly rejoin: () => void;
}

export class Administrator {
  readonly #setup: AdministratorSetup;
  #pending: Pending[] = [];

  constructor(setup: AdministratorSetup) {
    this.#setup = setup;
  }

  ask(request: Administration, answer: Answer): void {
    const { clock } = this.#setup;
    const later: Answer = (outcome) => clock.schedule(0, () => answer(outcome));
    if (request.kind === 'join') return this.#join(later);
    if (this.#setup.isOutside())
      return later(refused('this member does not belong to the group now; let it join first'));
    if (this.#setup.group.status === null) return later({ kind: 'not-online', state: 'RECOVERING' });
    if (!this.#setup.hasQuorum()) return later({ kind: 'no-quorum' });
    if (request.kind === 'leave') this.#leave(later);
    else if (request.kind === 'expel') this.#expel(request.memberId, later);
    else this.#transfer(request.memberId, later);
  }

  /** Something changed that somebody may wait for; also called now and then. */
  look(): void {
    if (this.#pending.length === 0) return;
    const nowMs = this.#setup.clock.monotonicMs();
    const waiting: Pending[] = [];
    for (const pending of this.#pending) {
      const outcome = pending.seen() ?? (nowMs >= pending.deadlineMs ? ({ kind: 'unknown' } as const) : null);
      if (outcome === null) waiting.push(pending);
      else pending.answer(outcome);
    }
    this.#pending = waiting;
  }

  /** The run ends. */
  abandon(): void {
    for (const { answer, seen } of this.#pending.splice(0)) answer(seen() ?? { kind: 'unknown' });
  }

  #join(answer: Answer): void {
    const { isOutside, rejoin, clock } = this.#setup;
    if (!isOutside()) return answer(refused('this member belongs to the group already, or is on its way into it'));
    answer(this.#done());
    // The answer leaves first: the next run closes the connections.
    clock.schedule(1, rejoin);
  }

  #leave(answer: Answer): void {
    const { group, membership, isOutside } = this.#setup;
    const voters = membership.view?.members.filter(({ isVoter }) => isVoter).length ?? 0;
    if (voters <= 1 && membership.isVoter)
      return answer(refused('this member is the only one that votes; nobody would be left'));
    let problem: string | null = null;
    group.leave((outcome) => {
      if (outcome.kind === 'refused') problem = outcome.problem;
      this.look();
    });
    this.#wait(() => {
      if (isOutside()) return this.#done();
      return problem === null ? null : refused(problem);
    }, answer);
  }

  #expel(memberId: MemberId, answer: Answer): void {
    const { group, membership } = this.#setup;
    if (memberId === this.#setup.memberId)
      return answer(refused('this is the member that was asked; let it leave instead'));
    const stay = membership.view === null ? undefined : memberNamed(membership.view, memberId);
    if (stay === undefined) return answer(refused('no member of the group is called so'));
    let problem: string | null = null;
    group.expel(stay.ordinal, (outcome) => {
      if (outcome.kind === 'refused') problem = outcome.problem;
      this.look();
    });
    this.#wait(() => {
      if (problem !== null) return refused(problem);
      return membership.view!.members.some(({ ordinal }) => ordinal === stay.ordinal) ? null : this.#done();
    }, answer);
  }

  #transfer(memberId: MemberId | null, answer: Answer): void {
    const { group, membership } = this.#setup;
    if (group.status?.role !== 'leader')
      return answer(refused('this member does not lead the log; ask the one that does'));
    const to = memberId === null ? null : membership.view && memberNamed(membership.view, memberId);
    if (to === undefined) return answer(refused('no member of the group is called so'));
    if (to !== null && !to.isVoter) return answer(refused('this member does not vote yet; it is catching up'));
    if (to?.memberId === this.#setup.memberId) return answer(refused('this member leads already'));
    if (to === null && (membership.view?.members.filter(({ isVoter }) => isVoter).length ?? 0) < 2) {
      return answer(refused('no other member votes'));
    }
    group.transferLeadership(to?.ordinal ?? null);
    this.#wait(() => (group.status?.role === 'leader' ? null : this.#done()), answer);
  }

  #done(): AdministrationOutcome {
    return { kind: 'done', viewId: this.#setup.group.view?.viewId ?? null };
  }

  #wait(seen: Pending['seen'], answer: Answer): void {
    this.#pending.push({ deadlineMs: this.#setup.clock.monotonicMs() + WAIT_MS, seen, answer });
    this.look();
  }
}

function refused(problem: string): AdministrationOutcome {
  return { kind: 'refused', problem };
}
