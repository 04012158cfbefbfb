/**
 * What a member knows of the leader of the current term, and its copy of that leader's log: what is taken over, what
 * is refused, what is answered. All of it is forgotten when the term ends (R10), but that the leader was heard.
 */
import type { LogIndex, MemberOrdinal } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import { agreementAt } from './agreement.ts';
import type { Context } from './context.ts';
import type { Append, Behind, Rejection } from './peer-message.ts';

export class Following {
  /** The leader does not keep any more what this member needs next. */
  isBehind = false;
  /** Of the log of the leader that said so last. */
  leadersFirstIndex: LogIndex = 1;
  /** This member's owner could be a full member; told to the leader. */
  ready = false;
  heardMs = Number.NEGATIVE_INFINITY;
  /** Where this member has caught up; null until a leader says. */
  caughtUpAt: LogIndex | null = null;
  readonly #context: Context;
  /** Equal to the log of this term's leader, durable or not. */
  #matchedUpTo: LogIndex = 0;
  /** Said in the last answer to this term's leader. */
  #answeredUpTo: LogIndex = 0;
  #answerDue = false;
  #answeredMs = Number.NEGATIVE_INFINITY;
  /** Highest met in this term. */
  #round = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  termEnded(): void {
    this.#matchedUpTo = 0;
    this.#answeredUpTo = 0;
    this.#answerDue = false;
    this.#round = 0;
    this.isBehind = false;
  }

  /** From the leader of this term. */
  append(from: MemberOrdinal, append: Append): void {
    const { log, now, options } = this.#context;
    const { previousIndex, entries } = append;
    this.heardMs = now.monotonicMs;
    const isAsked = append.round > this.#round;
    this.#round = Math.max(this.#round, append.round);
    if (!this.#fits(append)) {
      assert(previousIndex > log.chosenUpTo, 'chosen entries are in the log of every later leader');
      this.refuse(from, append);
      return;
    }
    this.isBehind = false;
    const appended = this.#takeOver(entries);
    this.#matchedUpTo = Math.max(this.#matchedUpTo, previousIndex + entries.length, log.firstIndex - 1);
    const chosenBefore = log.chosenUpTo;
    log.choose(Math.min(append.chosenUpTo, this.#matchedUpTo));
    if (append.established && this.caughtUpAt === null) this.caughtUpAt = append.chosenUpTo;
    // What was appended is answered when it is durable, and mere news of what is chosen not at all; but a leader hears
    // from this member at least once a heartbeat, however slow its disk, and at once when it asks by a new round.
    const isSilent = now.monotonicMs - this.#answeredMs >= options.heartbeatMs;
    const isNews = entries.length === 0 && log.chosenUpTo > chosenBefore;
    if (isSilent || isAsked || !(appended || isNews)) this.#answerDue = true;
  }

  refuse(to: MemberOrdinal, append: Append): void {
    const { log } = this.#context;
    const hintIndex = agreementAt(log, {
      index: Math.max(log.chosenUpTo, Math.min(append.previousIndex, log.lastIndex)),
      term: append.previousTerm,
      notBelow: log.chosenUpTo,
    });
    const rejected = { previousIndex: append.previousIndex, hintIndex, hintTerm: log.termAt(hintIndex) };
    this.#send(to, { matchedUpTo: 0, rejected, round: append.round });
  }

  /**
   * The leader of this term does not keep what it believes that this member needs. What is chosen here, or was taken
   * over from it, is in its log all the same, and it hears so: if that is far enough, it goes on from there.
   */
  behind(from: MemberOrdinal, { firstIndex }: Behind): void {
    const { log, now } = this.#context;
    this.heardMs = now.monotonicMs;
    const equalUpTo = Math.max(log.chosenUpTo, this.#matchedUpTo);
    this.isBehind = equalUpTo < firstIndex - 1;
    this.leadersFirstIndex = firstIndex;
    this.#answeredMs = now.monotonicMs;
    this.#send(from, { matchedUpTo: Math.min(equalUpTo, log.durableUpTo), rejected: null, round: this.#round });
  }

  /** The disk has more than before. */
  madeDurable(): void {
    if (this.#durablyMatchedUpTo() > this.#answeredUpTo) this.#answerDue = true;
  }

  /** What is to be said to the leader at the end of a step, if anything. */
  answer(leader: MemberOrdinal): void {
    if (!this.#answerDue) return;
    this.#answerDue = false;
    this.#answeredUpTo = this.#durablyMatchedUpTo();
    this.#answeredMs = this.#context.now.monotonicMs;
    this.#send(leader, { matchedUpTo: this.#answeredUpTo, rejected: null, round: this.#round });
  }

  /** What is not kept any more was chosen: it is in the log of every later leader. */
  #fits({ previousIndex, previousTerm }: Append): boolean {
    const { log } = this.#context;
    if (previousIndex < log.firstIndex - 1) return true;
    return previousIndex <= log.lastIndex && log.termAt(previousIndex) === previousTerm;
  }

  /** Adds what of `entries` is missing; what is there stays, and so does what is behind it (R11). */
  #takeOver(entries: readonly LogEntry[]): boolean {
    const { log } = this.#context;
    const baseIndex = log.firstIndex - 1;
    let appended = false;
    for (const entry of entries) {
      if (entry.index <= baseIndex) continue;
      if (entry.index <= log.lastIndex) {
        if (log.termAt(entry.index) === entry.term) continue;
        assert(entry.index > this.#matchedUpTo, 'a leader never changes its own log');
        log.cut(entry.index);
      }
      log.append(entry);
      appended = true;
    }
    return appended;
  }

  #durablyMatchedUpTo(): LogIndex {
    return Math.min(this.#matchedUpTo, this.#context.log.durableUpTo);
  }

  #send(
    to: MemberOrdinal,
    {
      matchedUpTo,
      rejected,
      round,
    }: { readonly matchedUpTo: LogIndex; readonly rejected: Rejection | null; readonly round: number },
  ): void {
    const { promises, now } = this.#context;
    this.#context.send(to, {
      kind: 'append-answer',
      term: promises.term,
      matchedUpTo,
      rejected,
      round,
      ready: this.ready,
      wallMs: now.wallMs,
    });
  }
}
