/**
 * One reign: what only a leader knows. How far each peer's log goes, which broadcast of each member is next, and what
 * each peer is sent.
 *
 * An entry is chosen when it is durable on a majority and of this reign's term; those before it are chosen with it. An
 * older entry is never chosen by counting alone (R2): the noop that begins the reign does it.
 *
 * At most one append for each peer and step: it carries entries if there are any and the window has room, else news of
 * what is chosen, else it is a heartbeat. An append in `replicate` always names the place behind what was sent before,
 * so a lost one shows up at the next and sends the peer back to `probe`; no timer is needed for that.
 */
import type { LogIndex, MemberOrdinal, Term } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import { agreementAt } from './agreement.ts';
import type { ConsensusOptions, Now, Send } from './contract.ts';
import { quorumOf } from './election.ts';
import type { Peer } from './peer.ts';
import type { Append, AppendAnswer } from './peer-message.ts';
import { Progress } from './progress.ts';
import type { MessageLedger } from './proposals.ts';
import { bytesOf, type ReplicatedLog } from './replicated-log.ts';
import { stampAt } from './stamp.ts';

const NO_ENTRIES: readonly LogEntry[] = [];

export interface LeadershipSetup {
  readonly term: Term;
  readonly self: MemberOrdinal;
  /** Sorted. */
  readonly peers: readonly Peer[];
  readonly options: ConsensusOptions;
  readonly log: ReplicatedLog;
  /** As of the end of the log; changed here from now on. */
  readonly ledger: MessageLedger;
  readonly votedForUs: (peer: MemberOrdinal) => boolean;
  readonly now: Now;
}

export class Leadership {
  readonly #setup: LeadershipSetup;
  readonly #progress = new Map<MemberOrdinal, Progress>();
  readonly #quorum: number;
  readonly noopIndex: LogIndex;
  /** Silence before this is our own. */
  #excusedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(setup: LeadershipSetup) {
    this.#setup = setup;
    this.#quorum = quorumOf(setup.peers.length + 1);
    const { log, peers, now } = setup;
    for (const { ordinal } of peers) {
      const progress = new Progress(log.lastIndex + 1);
      if (setup.votedForUs(ordinal)) progress.answeredMs = now.monotonicMs;
      this.#progress.set(ordinal, progress);
    }
    this.noopIndex = log.lastIndex + 1;
    log.append({
      index: this.noopIndex,
      term: setup.term,
      kind: 'noop',
      origin: setup.self,
      incarnation: 0,
      messageNumber: 0,
      stampMs: this.#stamp(now),
      payload: new Uint8Array(0),
    });
  }

  matchedUpTo(peer: MemberOrdinal): LogIndex {
    return this.#of(peer).matchedUpTo;
  }

  /** Appends the broadcast if it is the next of its origin. @returns the entry, or null: a duplicate or a gap. */
  accept(message: Pick<LogEntry, 'origin' | 'incarnation' | 'messageNumber' | 'payload'>, now: Now): LogEntry | null {
    const { ledger, log, term } = this.#setup;
    if (!ledger.isNext(message)) return null;
    ledger.record(message);
    const entry: LogEntry = {
      index: log.lastIndex + 1,
      term,
      kind: 'message',
      origin: message.origin,
      incarnation: message.incarnation,
      messageNumber: message.messageNumber,
      stampMs: this.#stamp(now),
      payload: message.payload,
    };
    log.append(entry);
    return entry;
  }

  answered(from: MemberOrdinal, answer: AppendAnswer, now: Now): void {
    const { log } = this.#setup;
    const progress = this.#of(from);
    progress.answeredMs = now.monotonicMs;
    if (answer.rejected === null) {
      assert(answer.matchedUpTo <= log.lastIndex, 'nobody matches more than the leader has');
      progress.matched(answer.matchedUpTo);
      return;
    }
    const { previousIndex, hintIndex, hintTerm } = answer.rejected;
    const agreeAt = agreementAt(log, {
      index: Math.min(hintIndex, log.lastIndex),
      term: hintTerm,
      notBelow: progress.matchedUpTo,
    });
    progress.rejected({ previousIndex, agreeAt });
  }

  linkChanged(peer: MemberOrdinal): void {
    this.#of(peer).backToProbe();
  }

  /** The highest index that may be called chosen; 0 if nothing of this term is. */
  chosenByMajority(): LogIndex {
    const { log, term } = this.#setup;
    const durable = [log.durableUpTo];
    for (const progress of this.#progress.values()) durable.push(progress.matchedUpTo);
    durable.sort((a, b) => b - a);
    const index = durable[this.#quorum - 1]!;
    return index > 0 && log.termAt(index) === term ? index : 0;
  }

  durableEverywhere(): LogIndex {
    let least = this.#setup.log.durableUpTo;
    for (const progress of this.#progress.values()) least = Math.min(least, progress.matchedUpTo);
    return least;
  }

  /** A majority, this member included, answered within the election timeout. */
  hasQuorum(nowMs: number): boolean {
    let heard = 1;
    for (const { answeredMs } of this.#progress.values()) {
      if (nowMs - answeredMs < this.#setup.options.electionTimeoutMs) heard += 1;
    }
    return heard >= this.#quorum;
  }

  mustStepDown(nowMs: number): boolean {
    return !this.hasQuorum(nowMs) && nowMs - this.#excusedUntilMs >= this.#setup.options.electionTimeoutMs;
  }

  /** This member itself stood still: answers may wait to be read. */
  stoodStill(nowMs: number): void {
    this.#excusedUntilMs = nowMs;
  }

  appends(chosen: Pick<Append, 'chosenUpTo' | 'receivedByAll'>, now: Now): Send[] {
    const sends: Send[] = [];
    for (const peer of this.#setup.peers) {
      if (!peer.connected) continue;
      const message = this.#appendFor(this.#of(peer.ordinal), chosen, now.monotonicMs);
      if (message !== null) sends.push({ to: peer.ordinal, message });
    }
    return sends;
  }

  #appendFor(progress: Progress, chosen: Pick<Append, 'chosenUpTo' | 'receivedByAll'>, nowMs: number): Append | null {
    const { log, options, term } = this.#setup;
    const previousIndex = progress.nextIndex - 1;
    let entries = NO_ENTRIES;
    if (previousIndex < log.lastIndex && progress.hasRoom(options)) {
      const upTo = Math.min(log.lastIndex, previousIndex + options.appendEntriesMax);
      entries = log.entries(previousIndex + 1, upTo, options.appendBytesMax);
      let bytes = 0;
      for (const entry of entries) bytes += bytesOf(entry);
      progress.sentEntries({ count: entries.length, bytes });
    } else {
      const news =
        progress.mode === 'replicate' && Math.min(chosen.chosenUpTo, previousIndex) > progress.sentChosenUpTo;
      if (!news && nowMs - progress.lastSentMs < options.heartbeatMs) return null;
    }
    progress.lastSentMs = nowMs;
    progress.sentChosenUpTo = Math.min(chosen.chosenUpTo, previousIndex + entries.length);
    return {
      kind: 'append',
      term,
      previousIndex,
      previousTerm: log.termAt(previousIndex),
      chosenUpTo: chosen.chosenUpTo,
      receivedByAll: chosen.receivedByAll,
      established: chosen.chosenUpTo >= this.noopIndex,
      entries,
    };
  }

  #stamp(now: Now): number {
    const { peers, options } = this.#setup;
    const aheadMs = [0];
    for (const { clock } of peers) {
      if (clock !== null && now.monotonicMs - clock.readMs < options.electionTimeoutMs) aheadMs.push(clock.aheadMs);
    }
    return stampAt(now.wallMs, { aheadMs, boundMs: options.stampBoundMs });
  }

  #of(peer: MemberOrdinal): Progress {
    const progress = this.#progress.get(peer);
    assert(progress !== undefined, 'a peer is a member');
    return progress;
  }
}
