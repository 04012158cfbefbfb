/**
 * One reign: what only a leader knows. How far each peer's log goes, which broadcast of each member is next, and what
 * each peer is sent.
 *
 * An entry is chosen when it is durable on a majority and of this reign's term; those before it are chosen with it. An
 * older entry is never chosen by counting alone (R2): the noop that begins the reign does it. The majority is one of the
 * voters of the latest view in the log, of which the leader itself may be none (R4, R21).
 *
 * At most one append for each peer and step: it carries entries if there are any and the window has room, else news of
 * what is chosen, else it is a heartbeat. An append in `replicate` always names the place behind what was sent before,
 * so a lost one shows up at the next and sends the peer back to `probe`; no timer is needed for that. A peer whose next
 * entry is not kept any more is told so instead, at the pace of heartbeats.
 *
 * Who has no vote is sent only what is chosen (`#sendableTo`).
 *
 * A round is a question to all at one time: do you still follow? Appends carry the latest, and it is begun for reads
 * (R7; read-rounds.ts) and where a refusal may be old or tell of a loss (progress.ts).
 */
import type { LogIndex, MemberOrdinal, Term } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { GroupView, LogEntry } from '../types.ts';
import { encodeView, isView } from '../views.ts';
import { agreementAt } from './agreement.ts';
import type { Context } from './context.ts';
import { quorumOf } from './election.ts';
import { follows } from './membership.ts';
import type { Append, AppendAnswer, ProposedPayload } from './peer-message.ts';
import type { Peer } from './peers.ts';
import { Progress } from './progress.ts';
import type { MessageLedger } from './proposals.ts';
import { ReadRounds } from './read-rounds.ts';
import { bytesOf } from './replicated-log.ts';
import { aheadBy, stampAt } from './stamp.ts';
import { Transfer } from './transfer.ts';

const NO_ENTRIES: readonly LogEntry[] = [];
const NO_BYTES = new Uint8Array(0);

interface Replica {
  readonly peer: Peer;
  readonly progress: Progress;
}

/** One that was removed, and is told so if that is soon done. */
interface Farewell extends Replica {
  readonly viewIndex: LogIndex;
  /** Null: its removal is not chosen yet. */
  untilMs: number | null;
}

export interface LeadershipSetup {
  readonly context: Context;
  /** As of the end of the log; changed here from now on. */
  readonly ledger: MessageLedger;
  readonly votedForUs: (peer: MemberOrdinal) => boolean;
}

type Broadcast = Pick<LogEntry, 'origin' | 'incarnation' | 'messageNumber'> & ProposedPayload;

export class Leadership {
  readonly noopIndex: LogIndex;
  readonly reads = new ReadRounds();
  readonly #context: Context;
  readonly #term: Term;
  readonly #ledger: MessageLedger;
  /** The others of the latest view, by ordinal. */
  #replicas: readonly Replica[] = [];
  /** Those of them that count. */
  #voters: readonly Progress[] = [];
  #selfVotes = false;
  #farewells: Farewell[] = [];
  readonly #progress = new Map<MemberOrdinal, Progress>();
  #transfer: Transfer | null = null;
  #lastTransferTo: MemberOrdinal = -1;
  /** The last round begun, and the last that all voters are asked in. */
  #round = 0;
  #readRound = 0;
  /** Silence before this is our own. */
  #excusedUntilMs = Number.NEGATIVE_INFINITY;
  /** Reused by each count, so that none allocates. */
  readonly #counted: number[] = [];

  constructor({ context, ledger, votedForUs }: LeadershipSetup) {
    this.#context = context;
    this.#term = context.promises.term;
    this.#ledger = ledger;
    this.viewChanged();
    for (const { peer, progress } of this.#replicas) {
      if (votedForUs(peer.ordinal)) progress.answeredMs = context.now.monotonicMs;
    }
    this.noopIndex = context.log.lastIndex + 1;
    this.#append({ kind: 'noop', origin: context.self, incarnation: 0, messageNumber: 0 }, false, NO_BYTES);
  }

  progressOf(peer: MemberOrdinal): Progress | null {
    return this.#progress.get(peer) ?? null;
  }

  get isTransferring(): boolean {
    return this.#transfer !== null;
  }

  /** An entry of this reign is chosen, and with it whatever was chosen before. */
  get isEstablished(): boolean {
    return this.#context.log.chosenUpTo >= this.noopIndex;
  }

  /** R3: an entry of this reign was chosen, and so was the change before. */
  get canChangeView(): boolean {
    const { log, membership } = this.#context;
    return this.isEstablished && membership.viewIndex <= log.chosenUpTo && this.#transfer === null;
  }

  /**
   * Appends the broadcast if it is the next of its origin. One that the latest view does not have has none any more (H15).
   * @returns whether it was appended; not so a duplicate or a gap.
   */
  accept(message: Broadcast): boolean {
    if (this.#transfer !== null) return false;
    if (!this.#context.membership.members.has(message.origin)) return false;
    if (!this.#ledger.isNext(message)) return false;
    this.#ledger.record(message);
    this.#append(message, message.isCompressed, message.payload);
    return true;
  }

  changeView(view: GroupView): void {
    assert(this.canChangeView, 'one change of the view at a time, by a leader that knows what was chosen before it');
    assert(isView(view) && follows(this.#context.membership.view, view), 'a view changes one voter at most');
    const { self } = this.#context;
    this.#append({ kind: 'view', origin: self, incarnation: 0, messageNumber: 0 }, false, encodeView(view));
  }

  /** The log holds another view than before. */
  viewChanged(): void {
    const { membership, peers, log, self } = this.#context;
    for (const replica of this.#replicas) {
      if (membership.members.has(replica.peer.ordinal)) continue;
      this.#farewells.push({ ...replica, viewIndex: membership.viewIndex, untilMs: null });
    }
    const replicas: Replica[] = [];
    for (const ordinal of membership.members.keys()) {
      if (ordinal === self) continue;
      const progress = this.#progress.get(ordinal) ?? new Progress(log.lastIndex + 1);
      this.#progress.set(ordinal, progress);
      replicas.push({ peer: peers.of(ordinal), progress });
    }
    this.#replicas = replicas;
    this.#voters = membership.voters.filter((voter) => voter !== self).map((voter) => this.#progress.get(voter)!);
    this.#selfVotes = membership.isVoter(self);
  }

  answered(from: MemberOrdinal, answer: AppendAnswer): void {
    const { log, now } = this.#context;
    const progress = this.#progress.get(from);
    if (progress === undefined) return;
    progress.answeredMs = now.monotonicMs;
    progress.answeredRound = Math.max(progress.answeredRound, answer.round);
    progress.ready = answer.ready;
    if (answer.rejected === null) {
      assert(answer.matchedUpTo <= log.lastIndex, 'nobody matches more than the leader has');
      progress.accepted(answer.matchedUpTo, answer.round);
      return;
    }
    const { previousIndex, hintIndex, hintTerm } = answer.rejected;
    const hasLost = progress.hasLost({ previousIndex, round: answer.round }, () => this.#nextRound());
    const agreeAt = agreementAt(log, {
      index: Math.min(hintIndex, log.lastIndex),
      term: hintTerm,
      notBelow: hasLost ? 0 : progress.matchedUpTo,
    });
    if (hasLost) progress.lost(agreeAt);
    else progress.rejected({ previousIndex, agreeAt });
  }

  linkChanged(peer: Peer): void {
    const progress = this.#progress.get(peer.ordinal);
    if (progress === undefined) return;
    const { log } = this.#context;
    // Who was behind may come back with another log.
    if (peer.connected && progress.nextIndex < log.firstIndex) progress.startOver(log.lastIndex + 1);
    else progress.backToProbe();
  }

  /** The highest index that may be called chosen; 0 if nothing of this term is. */
  chosenByMajority(): LogIndex {
    const { log } = this.#context;
    const index = this.#reachedByMajority(log.durableUpTo, (progress) => progress.matchedUpTo);
    return index >= log.firstIndex && log.termAt(index) === this.#term ? index : 0;
  }

  /** On every member of the latest view, learners too. */
  durableEverywhere(): LogIndex {
    let least = this.#context.log.durableUpTo;
    for (const { progress } of this.#replicas) least = Math.min(least, progress.matchedUpTo);
    return least;
  }

  /** A majority, this member included, answered within the election timeout. */
  hasQuorum(nowMs: number): boolean {
    const { electionTimeoutMs } = this.#context.options;
    let heard = this.#selfVotes ? 1 : 0;
    for (const { answeredMs } of this.#voters) if (nowMs - answeredMs < electionTimeoutMs) heard += 1;
    return heard >= this.#quorum;
  }

  /** It hears no majority, or counts no more itself and that is chosen. */
  mustStepDown(nowMs: number): boolean {
    const { options } = this.#context;
    return !this.hasQuorum(nowMs) && nowMs - this.#excusedUntilMs >= options.electionTimeoutMs;
  }

  /** The latest view, which is chosen, does without this member's vote. */
  get isRemoved(): boolean {
    const { log, membership } = this.#context;
    return !this.#selfVotes && membership.viewIndex <= log.chosenUpTo;
  }

  /** This member itself stood still: answers may wait to be read. */
  stoodStill(nowMs: number): void {
    this.#excusedUntilMs = nowMs;
  }

  // Handing over

  /** Null: to the fittest. @returns whether somebody can take over. */
  startTransfer(to: MemberOrdinal | null): boolean {
    const { options, now } = this.#context;
    if (this.#transfer !== null) return false;
    const fit = this.#replicas.filter((replica) => this.#isFit(replica));
    const chosen = to === null ? this.#fittest(fit) : fit.find(({ peer }) => peer.ordinal === to);
    if (chosen === undefined) return false;
    this.#lastTransferTo = chosen.peer.ordinal;
    this.#transfer = new Transfer({ to: chosen.peer.ordinal, options, nowMs: now.monotonicMs });
    return true;
  }

  /** @returns whether a transfer came to nothing: what was refused meanwhile may be taken. */
  endLateTransfer(): boolean {
    if (this.#transfer === null || !this.#transfer.isOver(this.#context.now.monotonicMs)) return false;
    this.#transfer = null;
    return true;
  }

  #isFit({ peer, progress }: Replica): boolean {
    const { membership, options, now, log } = this.#context;
    return (
      membership.isVoter(peer.ordinal) &&
      peer.connected &&
      now.monotonicMs - progress.answeredMs < options.electionTimeoutMs &&
      progress.nextIndex >= log.firstIndex
    );
  }

  /** The furthest; of equals the next behind the one tried last, who may have had a reason not to take over. */
  #fittest(fit: readonly Replica[]): Replica | undefined {
    const afterLast = ({ peer }: Replica): number => (peer.ordinal > this.#lastTransferTo ? 0 : 1);
    return [...fit].sort((a, b) => b.progress.matchedUpTo - a.progress.matchedUpTo || afterLast(a) - afterLast(b))[0];
  }

  #sendTransfer(transfer: Transfer): void {
    const { log, now } = this.#context;
    if (this.#progress.get(transfer.to)!.matchedUpTo !== log.lastIndex || !transfer.tells(now.monotonicMs)) return;
    this.#context.send(transfer.to, { kind: 'timeout-now', term: this.#term });
  }

  // Reads

  ask(from: MemberOrdinal, ticket: number): void {
    const index = this.isEstablished ? this.#context.log.chosenUpTo : null;
    this.reads.ask(from, { ticket, index, round: this.#round + 1 });
  }

  /** Begins a round if somebody waits for it and none is out. */
  beginRound(): void {
    if (!this.reads.someWait || this.reads.wantedRound <= this.#readRound) return;
    if (this.#answeredRound() < this.#readRound) return;
    this.#readRound = this.#nextRound();
    for (const voter of this.#voters) voter.wantedRound = this.#readRound;
  }

  answeredReads(): ReturnType<ReadRounds['take']> {
    const isKnown = this.reads.someWait && this.isEstablished;
    return this.reads.take({ round: isKnown ? this.#answeredRound() : -1, chosenUpTo: this.#context.log.chosenUpTo });
  }

  #answeredRound(): number {
    return this.#reachedByMajority(this.#round, (progress) => progress.answeredRound);
  }

  #nextRound(): number {
    this.#round += 1;
    assert(Number.isSafeInteger(this.#round), 'rounds are safe numbers');
    return this.#round;
  }

  // What peers are sent

  sendAppends(receivedByAll: LogIndex): void {
    for (const { peer, progress } of this.#replicas) {
      if (peer.connected) this.#sendTo(peer.ordinal, progress, receivedByAll);
    }
    if (this.#farewells.length > 0) this.#sendFarewells(receivedByAll);
    if (this.#transfer !== null) this.#sendTransfer(this.#transfer);
  }

  #sendFarewells(receivedByAll: LogIndex): void {
    const { log, now, options } = this.#context;
    this.#farewells = this.#farewells.filter((farewell) => {
      const { peer, progress, viewIndex } = farewell;
      if (viewIndex <= log.chosenUpTo) farewell.untilMs ??= now.monotonicMs + options.electionTimeoutMs;
      const isOver = farewell.untilMs !== null && now.monotonicMs >= farewell.untilMs;
      if (!peer.connected || isOver || progress.nextIndex < log.firstIndex || progress.sentChosenUpTo >= viewIndex) {
        this.#progress.delete(peer.ordinal);
        return false;
      }
      this.#sendTo(peer.ordinal, progress, receivedByAll);
      return true;
    });
  }

  #sendTo(to: MemberOrdinal, progress: Progress, receivedByAll: LogIndex): void {
    if (progress.nextIndex < this.#context.log.firstIndex) this.#sendBehind(to, progress);
    else {
      const append = this.#appendFor(progress, receivedByAll, this.#sendableTo(to));
      if (append !== null) this.#context.send(to, append);
    }
  }

  /**
   * A voter of the latest view is sent the whole log, anybody else what is chosen. A learner may be a voter in a view that
   * an earlier leader appended and that is not chosen. Had it entries of this reign that no voter who is left has, it would
   * refuse that leader its vote and stand itself for nobody: a majority of either view could elect no one (R21).
   */
  #sendableTo(to: MemberOrdinal): LogIndex {
    const { log, membership } = this.#context;
    return membership.isVoter(to) ? log.lastIndex : log.chosenUpTo;
  }

  #sendBehind(to: MemberOrdinal, progress: Progress): void {
    const { log, now, options } = this.#context;
    if (progress.mode === 'replicate') progress.backToProbe();
    if (now.monotonicMs - progress.lastSentMs < options.heartbeatMs) return;
    progress.lastSentMs = now.monotonicMs;
    const { firstIndex, chosenUpTo } = log;
    this.#context.send(to, { kind: 'behind', term: this.#term, firstIndex, chosenUpTo });
  }

  /** `sendable`: no entry beyond it. */
  #appendFor(progress: Progress, receivedByAll: LogIndex, sendable: LogIndex): Append | null {
    const { log, options, now } = this.#context;
    const { chosenUpTo } = log;
    const previousIndex = progress.nextIndex - 1;
    let entries = NO_ENTRIES;
    if (previousIndex < sendable && progress.hasRoom(options)) {
      const upTo = Math.min(sendable, previousIndex + options.appendEntriesMax);
      entries = log.entries(previousIndex + 1, upTo, options.appendBytesMax);
      let bytes = 0;
      for (const entry of entries) bytes += bytesOf(entry);
      progress.sentEntries({ count: entries.length, bytes });
    } else {
      const isNews = progress.mode === 'replicate' && Math.min(chosenUpTo, previousIndex) > progress.sentChosenUpTo;
      const isWanted = isNews || progress.sentRound < progress.wantedRound;
      if (!isWanted && now.monotonicMs - progress.lastSentMs < options.heartbeatMs) return null;
    }
    progress.lastSentMs = now.monotonicMs;
    progress.sentRound = this.#round;
    progress.sentChosenUpTo = Math.min(chosenUpTo, previousIndex + entries.length);
    return {
      kind: 'append',
      term: this.#term,
      previousIndex,
      previousTerm: log.termAt(previousIndex),
      chosenUpTo,
      receivedByAll,
      established: this.isEstablished,
      round: this.#round,
      entries,
    };
  }

  get #quorum(): number {
    return quorumOf(this.#voters.length + (this.#selfVotes ? 1 : 0));
  }

  /** The highest number that a majority of the voters has reached. */
  #reachedByMajority(own: number, of: (progress: Progress) => number): number {
    const counted = this.#counted;
    counted.length = 0;
    if (this.#selfVotes) counted.push(own);
    for (const voter of this.#voters) counted.push(of(voter));
    sortDown(counted);
    return counted[this.#quorum - 1]!;
  }

  #append(
    about: Pick<LogEntry, 'kind' | 'origin' | 'incarnation' | 'messageNumber'>,
    isCompressed: boolean,
    payload: Uint8Array,
  ): void {
    const { log, now } = this.#context;
    log.append({
      index: log.lastIndex + 1,
      term: this.#term,
      kind: about.kind,
      origin: about.origin,
      incarnation: about.incarnation,
      messageNumber: about.messageNumber,
      stampMs: this.#stamp(now),
      isCompressed,
      payload,
    });
  }

  #stamp(now: { readonly wallMs: number; readonly monotonicMs: number }): number {
    const { electionTimeoutMs, stampBoundMs } = this.#context.options;
    const lately = this.#clocksReadSince(now, now.monotonicMs - electionTimeoutMs);
    // Who has not heard a majority lately goes by what it heard of all before that.
    const isEnough = lately.length >= this.#quorum;
    const aheadMs = isEnough ? lately : this.#clocksReadSince(now, Number.NEGATIVE_INFINITY);
    return stampAt(now.wallMs, { aheadMs, boundMs: stampBoundMs });
  }

  /** How far they are ahead; its own, too. */
  #clocksReadSince(now: { readonly wallMs: number; readonly monotonicMs: number }, sinceMs: number): readonly number[] {
    const aheadMs = [0];
    for (const { peer } of this.#replicas) {
      if (peer.clock !== null && peer.clock.readMs > sinceMs) aheadMs.push(aheadBy(peer.clock, now));
    }
    return aheadMs;
  }
}

/** A handful of numbers, in place: less than the call of a sort. */
function sortDown(numbers: number[]): void {
  for (let end = 1; end < numbers.length; end++) {
    const number = numbers[end]!;
    let at = end;
    for (; at > 0 && numbers[at - 1]! < number; at--) numbers[at] = numbers[at - 1]!;
    numbers[at] = number;
  }
}
