/**
 * What the leader makes of the membership: one change at a time, in this order of urgency: who asked to leave or is to
 * be removed, who is silent, which learner is ready to vote, who wants to join. It decides; the caller proposes.
 *
 * Nobody is removed or made a voter unless the voters that answer are a majority of what comes of it: else the change
 * could not be chosen, and with it nothing more. A leader does not remove itself, but lets another lead first.
 */
import type { LogIndex, MemberId, MemberOrdinal } from '../../base/index.ts';
import type { PeerStatus } from '../consensus/consensus.ts';
import type { GroupMember, GroupView } from '../types.ts';
import { memberNamed, memberOf, votersOf, withLearner, without, withVoter } from '../views.ts';
import type { Introduction } from './handshake.ts';

/** Somebody who wants to be let in. */
export interface Applicant {
  readonly introduction: Introduction;
  /** Tells it how the matter stands. */
  wait(leader: string | null): void;
  refuse(reason: string): void;
  /** It is in `view`, which is chosen. */
  admit(ordinal: MemberOrdinal, view: GroupView): void;
}

export interface MembershipOptions {
  readonly unreachableAfterMs: number;
  readonly memberExpelTimeoutMs: number;
  readonly promotionLagMax: number;
  readonly consensus: { readonly heartbeatMs: number };
}

/** What the leader knows at this moment. */
export interface LeaderView {
  readonly nowMs: number;
  readonly self: MemberOrdinal;
  /** The latest appended one. */
  readonly view: GroupView;
  /** Nobody without a vote is sent more. */
  readonly chosenUpTo: LogIndex;
  readonly peers: readonly PeerStatus[];
  /** When it was last heard, on whatever connection. Null: never. */
  heardMs(peer: MemberOrdinal): number | null;
  /** When it last said that it cannot answer for the log because it restores itself. */
  busyMs(peer: MemberOrdinal): number | null;
  /** It was seen as a member of the group, which is to say that its stay is on its disk. */
  hasBelonged(peer: MemberOrdinal): boolean;
}

export type Decision =
  | { readonly kind: 'change'; readonly view: GroupView; readonly why: string }
  | { readonly kind: 'transfer-leadership' }
  | null;

const APPLICANTS_MAX = 32;
/** Whoever is well has answered within so many heartbeats. */
const HEARTBEATS_FRESH = 3;
/** Who wants something says so again and again; who has not for so long does not want it any more. */
const WISH_MS = 3_000;

interface Application {
  readonly applicant: Applicant;
  readonly sinceMs: number;
  readonly repeatedMs: number;
}

interface Removal {
  untilMs: number;
  readonly problem: (problem: string) => void;
}

export class Membership {
  readonly #options: MembershipOptions;
  /** By member id, in the order in which they came. */
  readonly #applications = new Map<MemberId, Application>();
  readonly #removals = new Map<MemberOrdinal, Removal>();
  /** Silence counts from here on: this member began to lead, or stood still itself. */
  #countsFromMs = 0;
  /** When each stay of the latest view was first seen here: it cannot have been silent for longer. */
  #seenSinceMs: ReadonlyMap<MemberOrdinal, number> = new Map();

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  countFrom(nowMs: number): void {
    this.#countsFromMs = nowMs;
  }

  apply(applicant: Applicant, nowMs: number): void {
    const { memberId } = applicant.introduction;
    const earlier = this.#applications.get(memberId);
    if (earlier === undefined && this.#applications.size >= APPLICANTS_MAX) return applicant.wait(null);
    this.#applications.set(memberId, { applicant, sinceMs: earlier?.sinceMs ?? nowMs, repeatedMs: nowMs });
  }

  remove(ordinal: MemberOrdinal, nowMs: number, problem: (problem: string) => void): void {
    this.#removals.set(ordinal, { untilMs: nowMs + WISH_MS, problem });
  }

  /** This member does not lead, or not any more. `leader`: the group address of who does. */
  sendAway(leader: string | null): void {
    for (const { applicant } of this.#applications.values()) applicant.wait(leader);
    this.#applications.clear();
    this.#removals.clear();
  }

  /** This view is chosen: applicants that are in it are told. `hasBelonged` as in `LeaderView`. */
  chosen(view: GroupView, hasBelonged: (ordinal: MemberOrdinal) => boolean): void {
    for (const [memberId, { applicant }] of [...this.#applications]) {
      const member = memberNamed(view, memberId);
      if (member === undefined || !isStayFor(member, applicant.introduction, hasBelonged)) continue;
      this.#applications.delete(memberId);
      applicant.admit(member.ordinal, view);
    }
    for (const ordinal of [...this.#removals.keys()]) {
      if (memberOf(view, ordinal) === undefined) this.#removals.delete(ordinal);
    }
  }

  /** The next change, now that one can be made. */
  decide(now: LeaderView): Decision {
    // Of those that were there before this member first led, silence counts from then on.
    const sinceMs = this.#seenSinceMs.size === 0 ? 0 : now.nowMs;
    this.#seenSinceMs = new Map(
      now.view.members.map(({ ordinal }) => [ordinal, this.#seenSinceMs.get(ordinal) ?? sinceMs]),
    );
    return this.#removal(now) ?? this.#expulsion(now) ?? this.#promotion(now) ?? this.#admission(now);
  }

  #removal(now: LeaderView): Decision {
    for (const [ordinal, { untilMs }] of [...this.#removals]) {
      if (untilMs < now.nowMs || memberOf(now.view, ordinal) === undefined) this.#removals.delete(ordinal);
    }
    // The leader last: else two that lead in turn would send each other into the lead, for ever.
    const ordinals = [...this.#removals.keys()].sort((a, b) => Number(a === now.self) - Number(b === now.self));
    for (const ordinal of ordinals) {
      const view = without(now.view, ordinal);
      if (this.#canBeChosen(now, view)) {
        return ordinal === now.self ? { kind: 'transfer-leadership' } : { kind: 'change', view, why: 'asked for' };
      }
      const { problem } = this.#removals.get(ordinal)!;
      this.#removals.delete(ordinal);
      problem(
        votersOf(view).length === 0
          ? 'it is the only member that votes'
          : 'the members that answer would be no majority of those that remain',
      );
    }
    return null;
  }

  #expulsion(now: LeaderView): Decision {
    const limitMs = now.nowMs - this.#options.unreachableAfterMs - this.#options.memberExpelTimeoutMs;
    if (this.#countsFromMs > limitMs) return null;
    const silent = now.view.members.filter(
      ({ ordinal }) => ordinal !== now.self && this.#lastSignMs(now, ordinal) < limitMs,
    );
    // Learners first: they cost nobody a vote.
    for (const { ordinal } of silent.sort((a, b) => Number(a.isVoter) - Number(b.isVoter) || a.ordinal - b.ordinal)) {
      const view = without(now.view, ordinal);
      if (this.#canBeChosenNow(now, view)) return { kind: 'change', view, why: 'silent' };
    }
    return null;
  }

  #promotion(now: LeaderView): Decision {
    for (const { ordinal, isVoter } of now.view.members) {
      const peer = now.peers.find((each) => each.peer === ordinal);
      if (isVoter || peer === undefined || !peer.ready || peer.matchedUpTo === null) continue;
      if (now.chosenUpTo - peer.matchedUpTo > this.#options.promotionLagMax) continue;
      const view = withVoter(now.view, ordinal);
      if (this.#canBeChosenNow(now, view)) return { kind: 'change', view, why: 'ready' };
    }
    return null;
  }

  #admission(now: LeaderView): Decision {
    for (const [memberId, application] of [...this.#applications]) {
      if (application.repeatedMs < now.nowMs - WISH_MS) {
        this.#applications.delete(memberId);
        continue;
      }
      const decision = this.#admissionOf(application, now);
      if (decision !== null) return decision;
    }
    return null;
  }

  #admissionOf({ applicant, sinceMs }: Application, now: LeaderView): Decision {
    const { introduction } = applicant;
    const { memberId, groupAddress, host, port } = introduction;
    const earlier = memberNamed(now.view, memberId);
    // It is let in already, and hears of it when that is chosen.
    if (earlier !== undefined && isStayFor(earlier, introduction, now.hasBelonged)) return null;
    const inTheWay = earlier ?? now.view.members.find((member) => member.groupAddress === groupAddress);
    if (inTheWay === undefined) {
      return { kind: 'change', view: withLearner(now.view, { memberId, groupAddress, host, port }), why: 'joins' };
    }
    const { unreachableAfterMs } = this.#options;
    const heardMs = now.heardMs(inTheWay.ordinal) ?? 0;
    // Heard well after the applicant came: somebody else is there, not the same one before its restart.
    if (inTheWay.ordinal === now.self || heardMs > sinceMs + unreachableAfterMs / 2) {
      this.#applications.delete(memberId);
      applicant.refuse(
        earlier === undefined
          ? `the group address ${groupAddress} is that of member ${inTheWay.memberId}, which can be reached`
          : `the member id ${memberId} is that of a member at ${inTheWay.groupAddress}, which can be reached: a data directory was copied`,
      );
      return null;
    }
    if (heardMs >= now.nowMs - unreachableAfterMs) return null;
    // R17: who lost its disk may have voted. It comes back as somebody else, and who it was goes first.
    const view = without(now.view, inTheWay.ordinal);
    return this.#canBeChosenNow(now, view) ? { kind: 'change', view, why: `replaced by ${memberId}` } : null;
  }

  #lastSignMs(now: LeaderView, ordinal: MemberOrdinal): number {
    const peer = now.peers.find((each) => each.peer === ordinal);
    const seenSinceMs = this.#seenSinceMs.get(ordinal) ?? 0;
    return Math.max(peer?.answeredMs ?? 0, now.busyMs(ordinal) ?? 0, seenSinceMs, this.#countsFromMs);
  }

  /**
   * By answers of this very moment: a change that is appended and not chosen, because somebody died a second before,
   * holds the group up until that one is back, whoever comes back otherwise. What nobody waits for waits itself.
   */
  #canBeChosenNow(now: LeaderView, view: GroupView): boolean {
    return this.#canBeChosen(now, view, HEARTBEATS_FRESH * this.#options.consensus.heartbeatMs);
  }

  #canBeChosen(now: LeaderView, view: GroupView, withinMs = this.#options.unreachableAfterMs): boolean {
    const voters = votersOf(view);
    const limitMs = now.nowMs - withinMs;
    const answering = voters.filter((ordinal) => {
      if (ordinal === now.self) return true;
      const peer = now.peers.find((each) => each.peer === ordinal);
      return peer !== undefined && peer.answeredMs !== null && peer.answeredMs >= limitMs;
    });
    return answering.length * 2 > voters.length;
  }
}

/**
 * Whether `member` is the stay that this applicant was given: it asks again. It is not if the applicant had an earlier
 * stay of that member and comes back from that, or if that stay was on a disk and this one comes without it.
 */
export function isStayFor(
  member: GroupMember,
  applicant: Pick<Introduction, 'memberId' | 'groupAddress' | 'ordinal'>,
  hasBelonged: (ordinal: MemberOrdinal) => boolean,
): boolean {
  if (member.memberId !== applicant.memberId || member.groupAddress !== applicant.groupAddress) return false;
  return applicant.ordinal === member.ordinal || !hasBelonged(member.ordinal);
}
