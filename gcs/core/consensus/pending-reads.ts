/**
 * The read indexes that this member's owner waits for (R7). They are asked for together: while one question is out,
 * those that come are kept for the next, so a leader has one question of each member at most. A later question's answer
 * serves all before it.
 */
import type { LogIndex, MemberOrdinal, Random } from '../../base/index.ts';
import type { ConsensusOptions, ReadIndexAnswer } from './contract.ts';

interface WaitingRead {
  readonly ticket: number;
  readonly sinceMs: number;
  /** The first question that was asked after it came; null: none was. */
  question: number | null;
}

/** Each run draws where its numbers begin: answers to an earlier one may still be under way, and do not fit. */
const QUESTIONS_OF_A_RUN = 2 ** 20;

export class PendingReads {
  readonly #options: ConsensusOptions;
  readonly #random: Random;
  /** By arrival. */
  #waiting: WaitingRead[] = [];
  #answers: ReadIndexAnswer[] = [];
  /** Null: none was asked yet. */
  #firstQuestion: number | null = null;
  #lastQuestion = 0;
  /** Who was asked last and did not answer, or not yet, and when it may be asked again. */
  #asked: { readonly leader: MemberOrdinal; readonly againMs: number } | null = null;

  constructor(options: ConsensusOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  add(ticket: number, nowMs: number): void {
    if (this.#waiting.length >= this.#options.pendingReadsMax) this.#answers.push({ ticket, index: null });
    else this.#waiting.push({ ticket, sinceMs: nowMs, question: null });
  }

  tick(nowMs: number): void {
    const { electionTimeoutMs } = this.#options;
    let late = 0;
    while (late < this.#waiting.length && nowMs - this.#waiting[late]!.sinceMs >= electionTimeoutMs) {
      this.#answers.push({ ticket: this.#waiting[late]!.ticket, index: null });
      late += 1;
    }
    if (late > 0) this.#waiting.splice(0, late);
  }

  /** What was asked may be lost, or somebody else leads. */
  linkChanged(): void {
    this.#asked = null;
  }

  /** The ticket of the question to ask `leader` now; null: none. */
  question(leader: MemberOrdinal, nowMs: number): number | null {
    if (this.#waiting.length === 0) return null;
    if (this.#asked !== null && this.#asked.leader === leader && nowMs < this.#asked.againMs) return null;
    if (this.#firstQuestion === null) {
      this.#firstQuestion = this.#random.below(2 ** 32) * QUESTIONS_OF_A_RUN;
      this.#lastQuestion = this.#firstQuestion - 1;
    }
    this.#lastQuestion += 1;
    this.#asked = { leader, againMs: nowMs + this.#options.resendMs };
    for (let at = this.#waiting.length - 1; at >= 0 && this.#waiting[at]!.question === null; at--) {
      this.#waiting[at]!.question = this.#lastQuestion;
    }
    return this.#lastQuestion;
  }

  answered(question: number, index: LogIndex | null, nowMs: number): void {
    // An answer to a question of an earlier run says nothing of what was chosen since.
    if (this.#firstQuestion === null || question < this.#firstQuestion || question > this.#lastQuestion) return;
    if (index === null) {
      if (question !== this.#lastQuestion || this.#asked === null) return;
      this.#asked = { leader: this.#asked.leader, againMs: nowMs + this.#options.heartbeatMs };
      return;
    }
    if (question === this.#lastQuestion) this.#asked = null;
    let served = 0;
    while (served < this.#waiting.length) {
      const read = this.#waiting[served]!;
      if (read.question === null || read.question > question) break;
      this.#answers.push({ ticket: read.ticket, index });
      served += 1;
    }
    if (served > 0) this.#waiting.splice(0, served);
  }

  get hasAnswers(): boolean {
    return this.#answers.length > 0;
  }

  takeAnswers(): readonly ReadIndexAnswer[] {
    const answers = this.#answers;
    this.#answers = [];
    return answers;
  }
}
