/** When a member stands for leader, and whether it won. */
import type { MemberOrdinal, Random } from '../../base/index.ts';
import type { ConsensusOptions } from './contract.ts';

/** A closed connection says more than silence: how soon a member asks for votes after its link to the leader went down. */
const HURRY_FROM_MS = 50;
const HURRY_SPREAD_MS = 250;

export class ElectionTimer {
  readonly #options: ConsensusOptions;
  readonly #random: Random;
  #deadlineMs: number;

  constructor(setup: { readonly options: ConsensusOptions; readonly random: Random; readonly nowMs: number }) {
    this.#options = setup.options;
    this.#random = setup.random;
    this.#deadlineMs = setup.nowMs;
    this.restart(setup.nowMs);
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#deadlineMs;
  }

  /** There is a leader, or a candidate worth waiting for. */
  restart(nowMs: number): void {
    const { electionTimeoutMs } = this.#options;
    this.#deadlineMs = nowMs + electionTimeoutMs + this.#random.below(electionTimeoutMs);
  }

  /** Votes are being asked for: nobody leads, so the next attempt comes sooner. */
  retry(nowMs: number): void {
    const { electionTimeoutMs } = this.#options;
    this.#deadlineMs = nowMs + electionTimeoutMs / 2 + this.#random.below(Math.ceil(electionTimeoutMs / 2));
  }

  hurry(nowMs: number): void {
    this.#deadlineMs = Math.min(this.#deadlineMs, nowMs + HURRY_FROM_MS + this.#random.below(HURRY_SPREAD_MS));
  }

  expire(nowMs: number): void {
    this.#deadlineMs = nowMs;
  }

  /** This member itself stood still: what the leader sent meanwhile has yet to be read. */
  hold(nowMs: number): void {
    const { heartbeatMs } = this.#options;
    this.#deadlineMs = Math.max(this.#deadlineMs, nowMs + 2 * heartbeatMs + this.#random.below(2 * heartbeatMs));
  }
}

/** More than half. */
export function quorumOf(members: number): number {
  return Math.floor(members / 2) + 1;
}

/** The votes of one attempt, of those who count when it begins: a log that asks for votes does not change meanwhile. */
export class Ballot {
  readonly #voters: readonly MemberOrdinal[];
  readonly #granted = new Set<MemberOrdinal>();

  constructor(voters: readonly MemberOrdinal[]) {
    this.#voters = voters;
  }

  grant(member: MemberOrdinal): void {
    if (this.#voters.includes(member)) this.#granted.add(member);
  }

  has(member: MemberOrdinal): boolean {
    return this.#granted.has(member);
  }

  get isWon(): boolean {
    return this.#granted.size >= quorumOf(this.#voters.length);
  }
}
