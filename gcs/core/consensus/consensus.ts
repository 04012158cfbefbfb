/**
 * The group's replicated log: one member of it, as a pure state machine. Raft (Ongaro 2014) with pre-vote, check-quorum,
 * asynchronous log writes, changes of membership by one voter, leadership transfer and read index; the shape is that of
 * etcd raft.
 *
 * The contract of order, which is what makes it right:
 *
 *  1. The driver does what an Effects says (persist, send, deliver) before the next step. Persist only hands over; the
 *     disk answers by a `durable` input, in the order of the numbers.
 *  2. Nothing that carries a term leaves before that term and the vote in it are durable (R1; outbox.ts). Proposals and
 *     questions for reads carry none and leave at once.
 *  3. A follower answers for what is durable and equals the log of the leader of the answer's term, nothing else. What
 *     it matched in one term says nothing in the next, and a cut takes back what the disk has yet to confirm (R10).
 *  4. A leader sends entries before they are on its own disk, but counts itself only afterwards.
 *  5. Only entries of the leader's own term are chosen by counting (R2; leadership.ts), by the voters of the latest view
 *     in its log (R4; membership.ts).
 *  6. A log is cut only where an entry of another term stands, never because an append is short, and never at or below
 *     what is chosen (R11).
 *  7. Delivered is what is chosen and durable here, in order, each once (H15; delivery.ts).
 *  8. What is not kept any more (the log's base) was chosen, so it is in every later leader's log and never asked about.
 *
 * A member that hears its leader neither votes nor grants pre-votes, and a leader that hears no majority steps down: one
 * without the other livelocks (R5). Pauses of this process are excused once, since answers may wait unread; safety does
 * not rest on any clock (R20).
 *
 * The parts: elections.ts stands and votes, following.ts copies a leader's log, leadership.ts is a reign. This file holds
 * them together: whose turn it is, and what follows from a step. Not here: state transfer and repair, which happen before
 * a member takes part; only their traces (`LogReader.base`, `HardState.claim`) are.
 */
import type { LogIndex, MemberOrdinal, Term } from '../../base/index.ts';
import { assert, unreachable } from '../../base/index.ts';
import type { EntryId, GroupView, LogEntry, PersistRequest } from '../types.ts';
import { ChosenTimes } from './chosen-times.ts';
import { Context } from './context.ts';
import type {
  ConsensusInput,
  ConsensusSetup,
  ConsensusStatus,
  Effects,
  Now,
  PeerStatus,
  ReadIndexAnswer,
  Role,
} from './contract.ts';
import { Delivery } from './delivery.ts';
import type { Ballot } from './election.ts';
import { type ElectionHost, Elections } from './elections.ts';
import { Following } from './following.ts';
import { Leadership } from './leadership.ts';
import { Membership } from './membership.ts';
import { Outbox } from './outbox.ts';
import { OwnBroadcasts } from './own-broadcasts.ts';
import type { Append, AppendAnswer, PeerMessage, Propose } from './peer-message.ts';
import { type Peer, Peers } from './peers.ts';
import { PendingReads } from './pending-reads.ts';
import { Promises } from './promises.ts';
import { isBroadcast } from './proposals.ts';
import { isFurther, ReplicatedLog } from './replicated-log.ts';

export type * from './contract.ts';
export { CONSENSUS_DEFAULTS } from './contract.ts';

/** Whether an input may share its effects with others of its kind: those that a busy leader gets by the dozen. */
export function isMergeable(input: ConsensusInput): boolean {
  if (input.kind === 'received') {
    const { kind } = input.message;
    return kind === 'propose' || kind === 'append-answer' || kind === 'read-request';
  }
  return input.kind === 'propose' || input.kind === 'durable' || input.kind === 'read-index';
}

/** A leader whose disk is full or hangs tries to hand over again after this many times `electionTimeoutMs`. */
const GIVE_AWAY_RETRY = 2;
/**
 * A leader's disk hangs when this many times `windowBytesMax` wait for it. The others go on without it: what waits would
 * have no other bound (R22). As a follower it is sent one window.
 */
const WAITING_WINDOWS_MAX = 4;

const NO_REQUESTS: readonly PersistRequest[] = [];
const NO_READS: readonly ReadIndexAnswer[] = [];

export class Consensus {
  readonly #context: Context;
  readonly #elections: Elections;
  readonly #following: Following;
  readonly #delivery: Delivery;
  readonly #chosenTimes = new ChosenTimes();
  readonly #broadcasts: OwnBroadcasts;
  readonly #reads: PendingReads;

  #leader: MemberOrdinal | null = null;
  /** While this member leads. */
  #leadership: Leadership | null = null;
  #receivedByAll: LogIndex = 0;
  #triedTransferMs = Number.NEGATIVE_INFINITY;
  /** As of the last step, if somebody has asked since. */
  #status: ConsensusStatus | null = null;
  #lastTickMs: number;
  #pauseExcused = false;

  constructor(setup: ConsensusSetup) {
    const { self, foundingView, options, restored, reader, random, now } = setup;
    assert(options.electionTimeoutMs >= 4 * options.heartbeatMs, 'electionTimeoutMs is at least 4 heartbeatMs');
    const membership = new Membership({ reader, foundingView, chosenUpTo: restored.chosenUpTo });
    const log = new ReplicatedLog({
      reader,
      tailBytesMax: options.tailBytesMax,
      chosenUpTo: restored.chosenUpTo,
      listener: {
        appended: (entry) => this.#appended(entry),
        cut: (from) => this.#logCut(from),
        chosen: (upTo) => membership.chosen(upTo),
      },
    });
    const promises = new Promises(restored.hardState);
    assert(
      Number.isSafeInteger(promises.term) && promises.term >= log.lastTerm,
      'the term is that of the log or later',
    );
    const peers = new Peers(self, membership);
    this.#context = new Context({ self, options, log, membership, peers, promises, outbox: new Outbox(), now });
    this.#delivery = new Delivery(this.#context, restored);
    this.#following = new Following(this.#context);
    this.#reads = new PendingReads(options, random);
    this.#lastTickMs = now.monotonicMs;
    this.#broadcasts = new OwnBroadcasts(this.#context, {
      leader: () => this.#leader,
      leadership: () => this.#leadership,
    });
    this.#elections = new Elections(this.#context, this.#electionHost(), random);
    this.#dropClaimIfRestored();
  }

  #electionHost(): ElectionHost {
    return {
      leader: () => this.#leader,
      isContent: () => this.#isContent(),
      leaderLost: () => {
        this.#leader = null;
      },
      follow: (term) => this.#becomeFollower(term, null),
      raiseTerm: (term, votedFor) => this.#raiseTerm(term, votedFor),
      won: (ballot) => this.#becomeLeader(ballot),
    };
  }

  step(input: ConsensusInput, now: Now): Effects {
    this.#setNow(now);
    this.#take(input);
    return this.#effects();
  }

  /** Takes inputs that arrived together, in their order, and answers them together: fewer and larger messages. All are `isMergeable`. */
  stepAll(inputs: readonly ConsensusInput[], now: Now): Effects {
    this.#setNow(now);
    for (const input of inputs) {
      assert(isMergeable(input), 'only what never cuts the log is taken together');
      this.#take(input);
    }
    return this.#effects();
  }

  #setNow(now: Now): void {
    assert(now.monotonicMs >= this.#context.now.monotonicMs, 'monotonic time never goes back');
    this.#context.now = now;
    this.#status = null;
  }

  #take(input: ConsensusInput): void {
    switch (input.kind) {
      case 'tick':
        this.#tick();
        break;
      case 'received':
        this.#received(input.from, input.message);
        break;
      case 'durable':
        this.#madeDurable(input.number);
        break;
      case 'hard-state-durable':
        this.#context.log.madeHardStateDurable(input.number);
        if (this.#context.log.hardStateDurable) this.#elections.hardStateDurable();
        break;
      case 'propose': {
        const { incarnation, messageNumber, entryKind, isCompressed, payload } = input;
        this.#broadcasts.add(incarnation, { messageNumber, kind: entryKind, isCompressed, payload });
        break;
      }
      case 'link-changed':
        this.#linkChanged(this.#context.peers.of(input.peer), input.connected);
        break;
      case 'delivery-paused':
        this.#delivery.isPaused = input.paused;
        break;
      case 'continue':
        break;
      case 'change-view':
        assert(this.#leadership !== null, 'a leader changes the view');
        this.#leadership.changeView(input.view);
        break;
      case 'transfer-leadership':
        this.#leadership?.startTransfer(input.to);
        break;
      case 'read-index':
        this.#reads.add(input.ticket, this.#context.now.monotonicMs);
        break;
      case 'ready':
        this.#following.ready = input.ready;
        break;
      case 'disk-full':
        this.#diskFull(input.full);
        break;
      default:
        unreachable(input);
    }
  }

  /** Own broadcasts are bounded, and a leader that hands over takes none. */
  canPropose(): boolean {
    return this.#broadcasts.hasRoom && !this.#leadership?.isTransferring;
  }

  get role(): Role {
    if (this.#leadership !== null) return 'leader';
    return this.#elections.stage === 'none' ? 'follower' : this.#elections.stage;
  }

  get term(): Term {
    return this.#context.promises.term;
  }

  get leader(): MemberOrdinal | null {
    return this.#leader;
  }

  /** The latest that the log holds: in force for whoever counts votes. */
  get view(): GroupView {
    return this.#context.membership.view;
  }

  /** The latest that is known to be chosen. */
  get chosenView(): GroupView {
    return this.#context.membership.chosenView;
  }

  /** See the input `change-view`. */
  get canChangeView(): boolean {
    return this.#leadership?.canChangeView ?? false;
  }

  /** See `ConsensusStatus`. */
  get isBehind(): boolean {
    return this.#following.isBehind;
  }

  /** While this member is behind: where the log of the leader begins. */
  get leadersFirstIndex(): LogIndex {
    return this.#following.leadersFirstIndex;
  }

  /** See `HardState`. */
  get claim(): EntryId | null {
    return this.#context.promises.claim;
  }

  /** See `ConsensusStatus`. */
  get caughtUp(): boolean {
    const { caughtUpAt } = this.#following;
    return caughtUpAt !== null && this.#delivery.upTo >= caughtUpAt;
  }

  /** As of the last step; see `ConsensusStatus`. */
  get hasQuorum(): boolean {
    return this.#hasQuorum();
  }

  /** Monotonic: since when an entry, which the last step delivers, is known here to be chosen. */
  chosenMs(index: LogIndex): number {
    return this.#chosenTimes.of(index) ?? this.#context.now.monotonicMs;
  }

  /** Everything at once, as of the last step. Allocates: for people and metrics, not for every step. */
  status(): ConsensusStatus {
    const { firstIndex } = this.#context.log;
    // The log is truncated between two steps.
    if (this.#status?.firstIndex !== firstIndex) this.#status = this.#statusNow();
    return this.#status;
  }

  #statusNow(): ConsensusStatus {
    const { log, membership, promises, peers } = this.#context;
    return {
      role: this.role,
      term: promises.term,
      leader: this.#leader,
      chosenUpTo: log.chosenUpTo,
      deliveredUpTo: this.#delivery.upTo,
      durableUpTo: log.durableUpTo,
      firstIndex: log.firstIndex,
      lastIndex: log.lastIndex,
      receivedByAll: this.#receivedByAll,
      viewNumber: membership.view.number,
      isBehind: this.isBehind,
      claim: promises.claim,
      pendingMessages: this.#broadcasts.size,
      caughtUp: this.caughtUp,
      hasQuorum: this.#hasQuorum(),
      peers: peers.all.map((peer) => this.#statusOf(peer)),
    };
  }

  #statusOf({ ordinal, connected, lastHeardMs }: Peer): PeerStatus {
    const progress = this.#leadership?.progressOf(ordinal) ?? null;
    const hasAnswered = progress !== null && progress.answeredMs > Number.NEGATIVE_INFINITY;
    return {
      peer: ordinal,
      connected,
      lastHeardMs,
      isVoter: this.#context.membership.isVoter(ordinal),
      matchedUpTo: progress?.matchedUpTo ?? null,
      answeredMs: hasAnswered ? progress.answeredMs : null,
      ready: progress?.ready ?? false,
    };
  }

  // Time

  #tick(): void {
    const nowMs = this.#context.now.monotonicMs;
    this.#excusePause(nowMs);
    if (this.#leadership !== null) this.#tickLeader(this.#leadership, nowMs);
    else this.#elections.tick();
    this.#reads.tick(nowMs);
    this.#broadcasts.tick();
  }

  #tickLeader(leadership: Leadership, nowMs: number): void {
    if (leadership.mustStepDown(nowMs)) {
      this.#stepDown();
      return;
    }
    if (leadership.endLateTransfer()) this.#broadcasts.sendAll();
    const { log, options } = this.#context;
    if (nowMs - this.#triedTransferMs < GIVE_AWAY_RETRY * options.electionTimeoutMs) return;
    const hangs = log.waitingBytes > WAITING_WINDOWS_MAX * options.windowBytesMax;
    if (this.#elections.isDiskFull || hangs) this.#giveAway(leadership);
  }

  /** Once in a row: a member that is always late must still be able to act. */
  #excusePause(nowMs: number): void {
    const paused = nowMs - this.#lastTickMs > this.#context.options.electionTimeoutMs / 2;
    this.#lastTickMs = nowMs;
    if (paused && !this.#pauseExcused) {
      if (this.#leadership !== null) this.#leadership.stoodStill(nowMs);
      else this.#elections.stoodStill();
    }
    this.#pauseExcused = paused;
  }

  #linkChanged(peer: Peer, connected: boolean): void {
    peer.connected = connected;
    this.#leadership?.linkChanged(peer);
    if (this.#leader === peer.ordinal) this.#reads.linkChanged();
    if (!connected) {
      if (this.#leader === peer.ordinal) this.#elections.hurry();
      return;
    }
    if (this.#leader === peer.ordinal) this.#broadcasts.sendAll();
    this.#elections.linkOpened(peer);
  }

  #diskFull(full: boolean): void {
    this.#elections.isDiskFull = full;
    if (!full) return;
    this.#elections.end();
    if (this.#leadership !== null) this.#giveAway(this.#leadership);
  }

  #giveAway(leadership: Leadership): void {
    this.#triedTransferMs = this.#context.now.monotonicMs;
    leadership.startTransfer(null);
  }

  // Whose turn it is

  /** A leader is known and was heard within the election timeout; of a leader: it hears a majority. */
  #hasQuorum(): boolean {
    const { now, options } = this.#context;
    if (this.#leadership !== null) return this.#leadership.hasQuorum(now.monotonicMs);
    return this.#leader !== null && now.monotonicMs - this.#following.heardMs < options.electionTimeoutMs;
  }

  /** Nobody else is to be elected for the sake of this member. */
  #isContent(): boolean {
    if (!this.#hasQuorum()) return false;
    return this.#leadership !== null || (this.#leader !== null && this.#context.peers.of(this.#leader).connected);
  }

  #becomeLeader(ballot: Ballot): void {
    const { promises, self } = this.#context;
    assert(promises.votedFor === self && promises.claim === null, 'a leader was a candidate, and has its whole log');
    this.#leader = self;
    this.#leadership = new Leadership({
      context: this.#context,
      ledger: this.#delivery.ledgerAtLogEnd(),
      votedForUs: (peer) => ballot.has(peer),
    });
    this.#broadcasts.sendAll();
  }

  #becomeFollower(term: Term, leader: MemberOrdinal | null): void {
    if (term > this.term) this.#raiseTerm(term, null);
    assert(leader === null || this.#leader === null || this.#leader === leader, 'a term has one leader');
    const isNews = leader !== null && this.#leader === null;
    this.#elections.end();
    this.#endLeadership();
    this.#leader = leader;
    if (isNews) this.#broadcasts.sendAll();
  }

  #stepDown(): void {
    this.#becomeFollower(this.term, null);
    this.#elections.wait();
  }

  #raiseTerm(term: Term, votedFor: MemberOrdinal | null): void {
    this.#context.promises.raiseTerm(term, votedFor);
    this.#leader = null;
    this.#following.termEnded();
    this.#context.outbox.termChanged();
  }

  /** Who waits for a read index is told to ask whoever leads next. */
  #endLeadership(): void {
    if (this.#leadership === null) return;
    const { reads } = this.#leadership;
    this.#leadership = null;
    for (const { from, ticket } of reads.unanswered()) this.#answerRead(from, ticket, null);
  }

  // Messages

  #received(from: MemberOrdinal, message: PeerMessage): void {
    const { peers, membership } = this.#context;
    peers.of(from).lastHeardMs = this.#context.now.monotonicMs;
    switch (message.kind) {
      case 'vote-request':
        this.#elections.receivedRequest(from, message);
        break;
      case 'vote-answer':
        if (membership.isFormer(from)) break;
        this.#readClock(from, message.wallMs);
        this.#elections.receivedAnswer(from, message);
        break;
      case 'append':
        this.#receivedAppend(from, message);
        break;
      case 'append-answer':
        this.#receivedAppendAnswer(from, message);
        break;
      case 'propose':
        this.#receivedProposals(from, message);
        break;
      case 'timeout-now':
        if (message.term === this.term && this.#leader === from) this.#elections.takeOver();
        break;
      case 'behind':
        if (!this.#heardLeader(from, message.term)) break;
        this.#following.behind(from, message);
        break;
      case 'read-request':
        if (this.#leadership === null) this.#answerRead(from, message.ticket, null);
        else if (membership.members.has(from)) this.#leadership.ask(from, message.ticket);
        break;
      case 'read-answer':
        this.#reads.answered(message.ticket, message.index, this.#context.now.monotonicMs);
        break;
      default:
        unreachable(message);
    }
  }

  /** @returns whether `from` leads in the term, which is the current one or later. */
  #heardLeader(from: MemberOrdinal, term: Term): boolean {
    if (term < this.term) return false;
    assert(term > this.term || this.#leadership === null, 'a term has one leader');
    this.#becomeFollower(term, from);
    this.#elections.wait();
    return true;
  }

  #receivedAppend(from: MemberOrdinal, append: Append): void {
    if (!this.#heardLeader(from, append.term)) {
      // The term of the answer deposes the sender (R20).
      this.#following.refuse(from, append);
      return;
    }
    this.#following.append(from, append);
    const { chosenUpTo } = this.#context.log;
    this.#receivedByAll = Math.max(this.#receivedByAll, Math.min(append.receivedByAll, chosenUpTo));
  }

  #receivedAppendAnswer(from: MemberOrdinal, answer: AppendAnswer): void {
    this.#readClock(from, answer.wallMs);
    if (answer.term > this.term) {
      if (!this.#context.membership.isFormer(from)) this.#becomeFollower(answer.term, null);
      return;
    }
    if (answer.term === this.term) this.#leadership?.answered(from, answer);
  }

  #receivedProposals(from: MemberOrdinal, { incarnation, firstNumber, payloads }: Propose): void {
    if (this.#leadership === null) return;
    for (let i = 0; i < payloads.length; i++) {
      const { kind, isCompressed, payload } = payloads[i]!;
      const messageNumber = firstNumber + i;
      this.#leadership.accept({ origin: from, incarnation, messageNumber, kind, isCompressed, payload });
    }
  }

  #readClock(from: MemberOrdinal, wallMs: number): void {
    const { peers, now } = this.#context;
    peers.of(from).clock = { wallMs, readMs: now.monotonicMs };
  }

  #answerRead(to: MemberOrdinal, ticket: number, index: LogIndex | null): void {
    const { self, now } = this.#context;
    if (to === self) this.#reads.answered(ticket, index, now.monotonicMs);
    else this.#context.send(to, { kind: 'read-answer', ticket, index });
  }

  // What follows from a change of the log

  #appended(entry: LogEntry): void {
    if (entry.kind === 'view') {
      this.#context.membership.appended(entry);
      this.#viewChanged();
    } else if (entry.origin === this.#context.self && isBroadcast(entry)) {
      this.#broadcasts.appended(entry);
    }
  }

  #logCut(from: LogIndex): void {
    this.#broadcasts.logCut();
    if (this.#context.membership.cut(from)) this.#viewChanged();
  }

  #viewChanged(): void {
    this.#context.peers.viewChanged();
    this.#leadership?.viewChanged();
  }

  #madeDurable(number: number): void {
    const { log } = this.#context;
    log.madeDurable(number);
    if (log.hardStateDurable) this.#elections.hardStateDurable();
    if (this.#leadership === null && this.#leader !== null) this.#following.madeDurable();
    this.#dropClaimIfRestored();
  }

  /** The log is again as far as it was before its end was lost, and on disk. */
  #dropClaimIfRestored(): void {
    const { promises, log } = this.#context;
    if (promises.claim === null) return;
    const durable = { term: log.termAt(log.durableUpTo), index: log.durableUpTo };
    if (!isFurther(promises.claim, durable)) promises.dropClaim();
  }

  // What follows from a step

  #effects(): Effects {
    this.#askForReads();
    if (this.#leadership !== null) this.#lead(this.#leadership);
    else if (this.#leader !== null) this.#following.answer(this.#leader);
    const { log, outbox, promises } = this.#context;
    const request = log.takeRequest(promises.take());
    const hardStateDurable = log.hardStateDurable;
    assert(hardStateDurable || this.#leadership === null, "a leader's term is durable");
    const send = outbox.take(hardStateDurable);
    // What was delivered before was handed up.
    this.#chosenTimes.delivered(this.#delivery.upTo);
    const deliver = this.#delivery.take((entry) => this.#delivered(entry));
    if (this.#delivery.upTo < log.chosenUpTo) {
      this.#chosenTimes.learnt(log.chosenUpTo, this.#context.now.monotonicMs);
    }
    return {
      persist: request === null ? NO_REQUESTS : [request],
      send,
      deliver,
      moreToDeliver: this.#delivery.hasMore,
      reads: this.#reads.hasAnswers ? this.#reads.takeAnswers() : NO_READS,
    };
  }

  #lead(leadership: Leadership): void {
    const { log } = this.#context;
    log.choose(leadership.chosenByMajority());
    this.#receivedByAll = Math.max(this.#receivedByAll, Math.min(leadership.durableEverywhere(), log.chosenUpTo));
    if (this.#following.caughtUpAt === null && leadership.isEstablished) {
      this.#following.caughtUpAt = leadership.noopIndex;
    }
    leadership.beginRound();
    leadership.sendAppends(this.#receivedByAll);
    for (const { from, ticket, index } of leadership.answeredReads()) this.#answerRead(from, ticket, index);
    if (leadership.isRemoved) this.#stepDown();
  }

  #askForReads(): void {
    if (this.#leader === null) return;
    const { self, peers, now } = this.#context;
    if (this.#leader !== self && !peers.of(this.#leader).connected) return;
    const ticket = this.#reads.question(this.#leader, now.monotonicMs);
    if (ticket === null) return;
    if (this.#leadership !== null) this.#leadership.ask(self, ticket);
    else this.#context.send(this.#leader, { kind: 'read-request', ticket });
  }

  #delivered(entry: LogEntry): void {
    if (entry.origin === this.#context.self) this.#broadcasts.delivered(entry);
  }
}
