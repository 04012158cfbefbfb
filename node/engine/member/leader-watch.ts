/**
 * Whether nobody can lead because of what logs have lost. A member whose log lost entries that it had promised to keep does
 * not stand until they are back, and they come back from whoever leads. If that is so of too many, the group waits for
 * ever, and only an operator can help; so that it is said.
 */
import type { EntryId } from '../../../gcs/core/index.ts';

/** An election, also one that is repeated, is through by then. */
const LEADERLESS_MS = 5_000;

export interface LeaderFacts {
  readonly nowMs: number;
  readonly hasLeader: boolean;
  /** Of this member: the end that its log had. */
  readonly claim: EntryId | null;
  /** Members of the view; those that are heard, this one included; of these, those that claim. */
  readonly members: number;
  readonly heard: number;
  readonly claiming: number;
}

export class LeaderWatch {
  #leaderlessSinceMs: number | null = null;
  #wasTold = false;

  /** What to tell the operator, once each time that it comes to that; else null. */
  look(facts: LeaderFacts): string | null {
    const { nowMs, hasLeader, claim } = facts;
    if (hasLeader || claim === null) {
      this.#leaderlessSinceMs = null;
      this.#wasTold = false;
      return null;
    }
    this.#leaderlessSinceMs ??= nowMs;
    if (this.#wasTold || nowMs - this.#leaderlessSinceMs < LEADERLESS_MS) return null;
    this.#wasTold = true;
    return explanation(claim, facts);
  }
}

function explanation(claim: EntryId, { members, heard, claiming }: LeaderFacts): string {
  const lost = `nobody leads, and this member does not stand: its log lost entries that it had promised to keep, up to index ${claim.index} of term ${claim.term}; so it is with ${claiming} of the ${heard} members heard, of ${members}`;
  const cure =
    heard < members
      ? 'start the members that are down: one that has these entries will lead'
      : 'one of the members has to have these entries: stop it and restore its data directory from a copy that was taken after they were written; if there is none, restore copies at a majority of the members, which loses what was committed after they were taken';
  return `${lost}; ${cure}`;
}
