/** What a member must not forget of elections: promised to others only once it is durable (R1). */
import type { MemberOrdinal, Term } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { EntryId, HardState } from '../types.ts';

export class Promises {
  #term: Term;
  #votedFor: MemberOrdinal | null;
  #claim: EntryId | null;
  #changed = false;

  constructor(restored: HardState) {
    this.#term = restored.term;
    this.#votedFor = restored.votedFor;
    this.#claim = restored.claim;
  }

  get term(): Term {
    return this.#term;
  }

  get votedFor(): MemberOrdinal | null {
    return this.#votedFor;
  }

  get claim(): EntryId | null {
    return this.#claim;
  }

  raiseTerm(term: Term, votedFor: MemberOrdinal | null): void {
    assert(term > this.#term && Number.isSafeInteger(term), 'terms go up and are safe numbers');
    this.#term = term;
    this.#votedFor = votedFor;
    this.#changed = true;
  }

  vote(candidate: MemberOrdinal): void {
    assert(this.#votedFor === null, 'one vote a term');
    this.#votedFor = candidate;
    this.#changed = true;
  }

  dropClaim(): void {
    this.#claim = null;
    this.#changed = true;
  }

  /** What is to be persisted; null if nothing changed since it was last taken. */
  take(): HardState | null {
    if (!this.#changed) return null;
    this.#changed = false;
    return { term: this.#term, votedFor: this.#votedFor, claim: this.#claim };
  }
}
