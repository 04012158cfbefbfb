/**
 * The questions for a read index that a leader has to answer (R7): with what was chosen when the question came, once a
 * majority has answered a round of appends that began after it, so that no later leader had chosen anything by then.
 * What an earlier leader had chosen is known only when an entry of this reign is chosen.
 *
 * One round serves all that wait when it begins. The questions are bounded by the members: a later one of the same
 * member takes the place of its earlier one.
 */
import type { LogIndex, MemberOrdinal } from '../../base/index.ts';

interface Question {
  readonly ticket: number;
  /** Null: what was chosen before this reign was not known yet. */
  readonly index: LogIndex | null;
  /** Answered by a majority in this round or a later one. */
  readonly round: number;
}

export interface AnsweredQuestion {
  readonly from: MemberOrdinal;
  readonly ticket: number;
  readonly index: LogIndex;
}

const NONE: readonly AnsweredQuestion[] = [];

export class ReadRounds {
  readonly #questions = new Map<MemberOrdinal, Question>();

  ask(from: MemberOrdinal, question: Question): void {
    this.#questions.set(from, question);
  }

  get someWait(): boolean {
    return this.#questions.size > 0;
  }

  /** The latest round that some question waits for; 0 if there is none. */
  get wantedRound(): number {
    let wanted = 0;
    for (const { round } of this.#questions.values()) wanted = Math.max(wanted, round);
    return wanted;
  }

  /** Questions that are answered now. `chosenUpTo`: of a leader that knows what was chosen before its reign. */
  take(answered: { readonly round: number; readonly chosenUpTo: LogIndex }): readonly AnsweredQuestion[] {
    if (this.#questions.size === 0) return NONE;
    const taken: AnsweredQuestion[] = [];
    for (const [from, { ticket, index, round }] of this.#questions) {
      if (round > answered.round) continue;
      taken.push({ from, ticket, index: index ?? answered.chosenUpTo });
      this.#questions.delete(from);
    }
    return taken;
  }

  /** The reign is over: who still waits. */
  unanswered(): { readonly from: MemberOrdinal; readonly ticket: number }[] {
    return [...this.#questions].map(([from, { ticket }]) => ({ from, ticket }));
  }
}
