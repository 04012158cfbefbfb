/**
 * The group's replicated log: one member of it, as a pure state machine. Raft (Ongaro 2014) with pre-vote, check-quorum
 * and asynchronous log writes, over a fixed list of members; the shape is that of etcd raft.
 *
 * The contract of order, which is what makes it right:
 *
 *  1. The driver does what an Effects says (persist, send, deliver) before the next step. Persist only hands over; the
 *     disk answers by a `durable` input, in the order of the numbers.
 *  2. Nothing that carries a term leaves before that term and the vote in it are durable (R1; outbox.ts). Proposals
 *     carry none and leave at once.
 *  3. A follower answers for what is durable and equals the log of the leader of the answer's term, nothing else. What
 *     it matched in one term says nothing in the next, and a cut takes back what the disk has yet to confirm (R10).
 *  4. A leader sends entries before they are on its own disk, but counts itself only afterwards.
 *  5. Only entries of the leader's own term are chosen by counting (R2; leadership.ts).
 *  6. A log is cut only where an entry of another term stands, never because an append is short, and never at or below
 *     what is chosen (R11).
 *  7. Delivered is what is chosen and durable here, in order, each once (H15; proposals.ts).
 *
 * A member that hears its leader neither votes nor grants pre-votes, and a leader that hears no majority steps down: one
 * without the other livelocks (R5). Pauses of this process are excused once, since answers may wait unread; safety does
 * not rest on any clock (R20).
 *
 * Not here: changes of membership, state transfer, leader transfer, read index.
 */
import type { LogIndex, MemberOrdinal, Term } from '../../base/index.ts';
import { assert, unreachable } from '../../base/index.ts';
import type { HardState, LogEntry, PersistRequest } from '../types.ts';
import { agreementAt } from './agreement.ts';
import type {
  ConsensusInput,
  ConsensusOptions,
  ConsensusSetup,
  ConsensusStatus,
  Effects,
  Now,
  PeerStatus,
  Role,
} from './contract.ts';
import { Ballot, ElectionTimer, quorumOf } from './election.ts';
import { Leadership } from './leadership.ts';
import { Outbox } from './outbox.ts';
import type { Peer } from './peer.ts';
import type { Append, AppendAnswer, PeerMessage, Propose, VoteAnswer, VoteRequest } from './peer-message.ts';
import { DeliveryCheck, type MessageLedger, OwnProposals } from './proposals.ts';
import { ReplicatedLog } from './replicated-log.ts';

export type * from './contract.ts';
export { CONSENSUS_DEFAULTS } from './contract.ts';

/** Whether an input may share its effects with others of its kind: those that a busy leader gets by the dozen. */
export function isMergeable(input: ConsensusInput): boolean {
  if (input.kind === 'received') return input.message.kind === 'propose' || input.message.kind === 'append-answer';
  return input.kind === 'propose' || input.kind === 'durable';
}

const NO_ENTRIES: readonly LogEntry[] = [];
const NO_REQUESTS: readonly PersistRequest[] = [];

export class Consensus {
  readonly #self: MemberOrdinal;
  readonly #peers: readonly Peer[];
  readonly #quorum: number;
  readonly #options: ConsensusOptions;
  readonly #log: ReplicatedLog;
  readonly #timer: ElectionTimer;
  readonly #outbox = new Outbox();
  readonly #proposals = new OwnProposals();
  readonly #check: DeliveryCheck;
  readonly #ledgerFrom: LogIndex;
  #now: Now;

  #role: Role = 'follower';
  #term: Term;
  #votedFor: MemberOrdinal | null;
  #hardStateChanged = false;
  #leader: MemberOrdinal | null = null;
  /** While this member stands for leader. */
  #ballot: Ballot | null = null;
  #ballotStartedMs = Number.NEGATIVE_INFINITY;
  /** While this member leads. */
  #leadership: Leadership | null = null;

  #chosenUpTo: LogIndex;
  #deliveredUpTo: LogIndex;
  #deliveryPaused = false;
  #receivedByAll: LogIndex = 0;
  /** Where this member has caught up; null until a leader says. */
  #caughtUpAt: LogIndex | null = null;

  /** Equal to the log of this term's leader, durable or not. */
  #matchedUpTo: LogIndex = 0;
  /** Said in the last answer to this term's leader. */
  #answeredUpTo: LogIndex = 0;
  #answerDue = false;
  #answeredMs = Number.NEGATIVE_INFINITY;
  #leaderHeardMs = Number.NEGATIVE_INFINITY;
  #proposalProgressMs = Number.NEGATIVE_INFINITY;
  #lastTickMs: number;
  #pauseExcused = false;

  constructor(setup: ConsensusSetup) {
    const { self, members, options, restored, reader, random, now } = setup;
    assert(members.includes(self) && new Set(members).size === members.length, 'members are distinct, self among them');
    assert(options.electionTimeoutMs >= 4 * options.heartbeatMs, 'electionTimeoutMs is at least 4 heartbeatMs');
    assert(restored.deliveredUpTo <= restored.chosenUpTo, 'only what is chosen was delivered');
    assert(restored.chosenUpTo <= reader.lastIndex, 'what is known to be chosen is on disk');
    this.#self = self;
    this.#peers = members
      .filter((ordinal) => ordinal !== self)
      .sort((a, b) => a - b)
      .map((ordinal) => ({ ordinal, connected: false, lastHeardMs: null, clock: null }));
    this.#quorum = quorumOf(members.length);
    this.#options = options;
    this.#log = new ReplicatedLog(reader, options);
    this.#timer = new ElectionTimer({ options, random, nowMs: now.monotonicMs });
    if (this.#peers.length === 0) this.#timer.expire(now.monotonicMs);
    this.#check = new DeliveryCheck(restored);
    this.#ledgerFrom = restored.chosenUpTo;
    this.#now = now;
    this.#lastTickMs = now.monotonicMs;
    this.#term = restored.hardState.term;
    this.#votedFor = restored.hardState.votedFor;
    assert(
      Number.isSafeInteger(this.#term) && this.#term >= this.#log.lastTerm,
      'the term is that of the log or later',
    );
    this.#chosenUpTo = restored.chosenUpTo;
    this.#deliveredUpTo = restored.deliveredUpTo;
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
    assert(now.monotonicMs >= this.#now.monotonicMs, 'monotonic time never goes back');
    this.#now = now;
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
      case 'propose':
        assert(this.canPropose(), 'pending broadcasts are bounded');
        if (!this.#proposals.someOutsideLog) this.#proposalProgressMs = this.#now.monotonicMs;
        this.#proposals.add(input);
        this.#propose(input);
        break;
      case 'link-changed':
        this.#linkChanged(this.#peer(input.peer), input.connected);
        break;
      case 'delivery-paused':
        this.#deliveryPaused = input.paused;
        break;
      case 'continue':
        break;
      default:
        unreachable(input);
    }
  }

  canPropose(): boolean {
    return this.#proposals.size < this.#options.pendingMessagesMax;
  }

  get role(): Role {
    return this.#role;
  }

  get term(): Term {
    return this.#term;
  }

  get leader(): MemberOrdinal | null {
    return this.#leader;
  }

  /** See `ConsensusStatus`. */
  get caughtUp(): boolean {
    return this.#caughtUpAt !== null && this.#deliveredUpTo >= this.#caughtUpAt;
  }

  /** As of the last step; see `ConsensusStatus`. */
  get hasQuorum(): boolean {
    return this.#hasQuorum();
  }

  /** Everything at once. Allocates: for people and metrics, not for every step. */
  status(): ConsensusStatus {
    return {
      role: this.#role,
      term: this.#term,
      leader: this.#leader,
      chosenUpTo: this.#chosenUpTo,
      deliveredUpTo: this.#deliveredUpTo,
      durableUpTo: this.#log.durableUpTo,
      lastIndex: this.#log.lastIndex,
      receivedByAll: this.#receivedByAll,
      pendingMessages: this.#proposals.size,
      caughtUp: this.caughtUp,
      hasQuorum: this.#hasQuorum(),
      peers: this.#peers.map(
        ({ ordinal, connected, lastHeardMs }): PeerStatus => ({
          peer: ordinal,
          connected,
          lastHeardMs,
          matchedUpTo: this.#leadership?.matchedUpTo(ordinal) ?? null,
        }),
      ),
    };
  }

  // Time

  #tick(): void {
    const nowMs = this.#now.monotonicMs;
    this.#excusePause(nowMs);
    if (this.#leadership !== null) {
      if (this.#leadership.mustStepDown(nowMs)) {
        this.#becomeFollower(this.#term, null);
        this.#timer.restart(nowMs);
      }
    } else if (this.#timer.isDue(nowMs)) {
      this.#askForPreVotes();
    }
    const waitedMs = nowMs - this.#proposalProgressMs;
    if (this.#proposals.someOutsideLog && waitedMs >= this.#options.resendMs) this.#proposeAll();
  }

  /** Once in a row: a member that is always late must still be able to act. */
  #excusePause(nowMs: number): void {
    const paused = nowMs - this.#lastTickMs > this.#options.electionTimeoutMs / 2;
    this.#lastTickMs = nowMs;
    if (paused && !this.#pauseExcused) {
      if (this.#leadership !== null) this.#leadership.stoodStill(nowMs);
      else if (this.#peers.length > 0) this.#timer.hold(nowMs);
    }
    this.#pauseExcused = paused;
  }

  #linkChanged(peer: Peer, connected: boolean): void {
    peer.connected = connected;
    this.#leadership?.linkChanged(peer.ordinal);
    if (!connected) {
      if (this.#leader === peer.ordinal) this.#timer.hurry(this.#now.monotonicMs);
      return;
    }
    if (this.#leader === peer.ordinal) this.#proposeAll();
    if (this.#ballot !== null && !this.#ballot.has(peer.ordinal)) this.#askForVote(peer);
  }

  // Elections

  /** A leader is known and was heard within the election timeout; of a leader: it hears a majority. */
  #hasQuorum(): boolean {
    if (this.#leadership !== null) return this.#leadership.hasQuorum(this.#now.monotonicMs);
    return this.#leader !== null && this.#now.monotonicMs - this.#leaderHeardMs < this.#options.electionTimeoutMs;
  }

  /** Nobody else is to be elected for the sake of this member. */
  #isContent(): boolean {
    if (!this.#hasQuorum()) return false;
    return this.#leadership !== null || (this.#leader !== null && this.#peer(this.#leader).connected);
  }

  #askForPreVotes(): void {
    this.#role = 'pre-candidate';
    this.#leader = null;
    this.#startBallot();
    this.#ballot!.grant(this.#self);
    if (this.#ballot!.isWon) this.#standForLeader();
    else this.#askForVotes();
  }

  #standForLeader(): void {
    this.#setTerm(this.#term + 1, this.#self);
    this.#role = 'candidate';
    this.#startBallot();
    this.#askForVotes();
  }

  #startBallot(): void {
    this.#ballot = new Ballot(this.#quorum);
    this.#ballotStartedMs = this.#now.monotonicMs;
    this.#timer.retry(this.#now.monotonicMs);
  }

  #askForVotes(): void {
    for (const peer of this.#peers) if (peer.connected) this.#askForVote(peer);
  }

  #askForVote(peer: Peer): void {
    const preVote = this.#role === 'pre-candidate';
    this.#send(peer.ordinal, {
      kind: 'vote-request',
      term: preVote ? this.#term + 1 : this.#term,
      preVote,
      lastIndex: this.#log.lastIndex,
      lastTerm: this.#log.lastTerm,
    });
  }

  #receivedVoteRequest(from: MemberOrdinal, request: VoteRequest): void {
    const { term, preVote } = request;
    const isFurther =
      request.lastTerm > this.#log.lastTerm ||
      (request.lastTerm === this.#log.lastTerm && request.lastIndex > this.#log.lastIndex);
    const isEqual = request.lastTerm === this.#log.lastTerm && request.lastIndex === this.#log.lastIndex;
    const isUpToDate = isFurther || isEqual;
    if (preVote) {
      const isRival = isEqual && this.#self < from && this.#askedJustNow();
      this.#answerVote(from, request, term > this.#term && isUpToDate && !isRival && !this.#isContent());
      return;
    }
    if (term > this.#term) {
      // Silence: an answer would carry a term that deposes no one, and the candidate hears of the leader from the leader.
      if (this.#isContent()) return;
      this.#becomeFollower(term, null);
    }
    const isFree = this.#votedFor === null || this.#votedFor === from;
    const granted = term === this.#term && isUpToDate && isFree && this.#leader === null;
    if (granted && this.#votedFor === null) {
      this.#votedFor = from;
      this.#hardStateChanged = true;
      this.#timer.restart(this.#now.monotonicMs);
    }
    this.#answerVote(from, request, granted);
  }

  /** Of two members that ask at the same moment the lower goes on, else both would stand and split the votes. */
  #askedJustNow(): boolean {
    return this.#role === 'pre-candidate' && this.#now.monotonicMs - this.#ballotStartedMs < this.#options.heartbeatMs;
  }

  #answerVote(to: MemberOrdinal, request: VoteRequest, granted: boolean): void {
    this.#send(to, {
      kind: 'vote-answer',
      term: granted ? request.term : this.#term,
      preVote: request.preVote,
      granted,
      wallMs: this.#now.wallMs,
    });
  }

  #receivedVoteAnswer(from: MemberOrdinal, answer: VoteAnswer): void {
    this.#readClock(from, answer.wallMs);
    if (!answer.granted) {
      if (answer.term > this.#term) this.#becomeFollower(answer.term, null);
      return;
    }
    if (answer.preVote) {
      if (this.#role !== 'pre-candidate' || answer.term !== this.#term + 1) return;
      this.#ballot!.grant(from);
      if (this.#ballot!.isWon) this.#standForLeader();
      return;
    }
    if (this.#role !== 'candidate' || answer.term !== this.#term) return;
    this.#ballot!.grant(from);
    if (this.#ballot!.isWon) this.#becomeLeader();
  }

  #becomeLeader(): void {
    assert(this.#role === 'candidate' && this.#votedFor === this.#self, 'a leader was a candidate');
    const ballot = this.#ballot!;
    this.#role = 'leader';
    this.#leader = this.#self;
    this.#ballot = null;
    this.#leadership = new Leadership({
      term: this.#term,
      self: this.#self,
      peers: this.#peers,
      options: this.#options,
      log: this.#log,
      ledger: this.#ledgerAtLogEnd(),
      votedForUs: (peer) => ballot.has(peer),
      now: this.#now,
    });
    this.#proposeAll();
  }

  /** Cost: O(entries not yet delivered). */
  #ledgerAtLogEnd(): MessageLedger {
    const ledger = this.#check.ledger.copy();
    let from = Math.max(this.#deliveredUpTo, this.#ledgerFrom) + 1;
    while (from <= this.#log.lastIndex) {
      const entries = this.#log.entries(from, this.#log.lastIndex, this.#options.appendBytesMax);
      for (const entry of entries) {
        if (entry.kind === 'noop') continue;
        assert(ledger.isNext(entry), 'the log holds a broadcast once and in the order of its origin');
        ledger.record(entry);
      }
      from += entries.length;
    }
    return ledger;
  }

  #becomeFollower(term: Term, leader: MemberOrdinal | null): void {
    if (term > this.#term) this.#setTerm(term, null);
    assert(leader === null || this.#leader === null || this.#leader === leader, 'a term has one leader');
    const isNews = leader !== null && this.#leader === null;
    this.#role = 'follower';
    this.#ballot = null;
    this.#leadership = null;
    this.#leader = leader;
    if (isNews) this.#proposeAll();
  }

  #setTerm(term: Term, votedFor: MemberOrdinal | null): void {
    assert(term > this.#term && Number.isSafeInteger(term), 'terms go up and are safe numbers');
    this.#term = term;
    this.#votedFor = votedFor;
    this.#hardStateChanged = true;
    this.#leader = null;
    this.#matchedUpTo = 0;
    this.#answeredUpTo = 0;
    this.#answerDue = false;
    this.#outbox.termChanged();
  }

  // Messages

  #received(from: MemberOrdinal, message: PeerMessage): void {
    this.#peer(from).lastHeardMs = this.#now.monotonicMs;
    switch (message.kind) {
      case 'vote-request':
        this.#receivedVoteRequest(from, message);
        break;
      case 'vote-answer':
        this.#receivedVoteAnswer(from, message);
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
      default:
        unreachable(message);
    }
  }

  #receivedAppend(from: MemberOrdinal, append: Append): void {
    if (append.term < this.#term) {
      // The term of the answer deposes the sender (R20).
      this.#reject(from, append);
      return;
    }
    assert(append.term > this.#term || this.#role !== 'leader', 'a term has one leader');
    this.#becomeFollower(append.term, from);
    this.#leaderHeardMs = this.#now.monotonicMs;
    this.#timer.restart(this.#now.monotonicMs);
    const { previousIndex, entries } = append;
    if (previousIndex > this.#log.lastIndex || this.#log.termAt(previousIndex) !== append.previousTerm) {
      assert(previousIndex > this.#chosenUpTo, 'chosen entries are in the log of every later leader');
      this.#reject(from, append);
      return;
    }
    const appended = this.#takeOver(entries);
    const upTo = previousIndex + entries.length;
    this.#matchedUpTo = Math.max(this.#matchedUpTo, upTo);
    const chosenBefore = this.#chosenUpTo;
    this.#choose(Math.min(append.chosenUpTo, this.#matchedUpTo));
    this.#receivedByAll = Math.max(this.#receivedByAll, Math.min(append.receivedByAll, this.#chosenUpTo));
    if (append.established && this.#caughtUpAt === null) this.#caughtUpAt = append.chosenUpTo;
    // What was appended is answered when it is durable, and mere news of what is chosen not at all; but a leader hears
    // from this member at least once a heartbeat, however slow its disk.
    const isSilent = this.#now.monotonicMs - this.#answeredMs >= this.#options.heartbeatMs;
    const isNews = entries.length === 0 && this.#chosenUpTo > chosenBefore;
    if (isSilent || !(appended || isNews)) this.#answerDue = true;
  }

  /** Adds what of `entries` is missing; what is there stays, and so does what is behind it (R11). */
  #takeOver(entries: readonly LogEntry[]): boolean {
    let appended = false;
    for (const entry of entries) {
      if (entry.index <= this.#log.lastIndex) {
        if (this.#log.termAt(entry.index) === entry.term) continue;
        assert(entry.index > this.#chosenUpTo, 'chosen entries are never cut');
        assert(entry.index > this.#matchedUpTo, 'a leader never changes its own log');
        this.#log.cut(entry.index);
        this.#proposals.logCut();
      }
      this.#log.append(entry);
      if (entry.origin === this.#self) this.#ownAppended(entry);
      appended = true;
    }
    return appended;
  }

  #reject(to: MemberOrdinal, append: Append): void {
    const hintIndex = agreementAt(this.#log, {
      index: Math.min(append.previousIndex, this.#log.lastIndex),
      term: append.previousTerm,
      notBelow: this.#chosenUpTo,
    });
    this.#send(to, {
      kind: 'append-answer',
      term: this.#term,
      matchedUpTo: 0,
      rejected: { previousIndex: append.previousIndex, hintIndex, hintTerm: this.#log.termAt(hintIndex) },
      wallMs: this.#now.wallMs,
    });
  }

  #receivedAppendAnswer(from: MemberOrdinal, answer: AppendAnswer): void {
    this.#readClock(from, answer.wallMs);
    if (answer.term > this.#term) {
      this.#becomeFollower(answer.term, null);
      return;
    }
    if (answer.term === this.#term) this.#leadership?.answered(from, answer, this.#now);
  }

  #receivedProposals(from: MemberOrdinal, { incarnation, firstNumber, payloads }: Propose): void {
    if (this.#leadership === null) return;
    for (let i = 0; i < payloads.length; i++) {
      const message = { origin: from, incarnation, messageNumber: firstNumber + i, payload: payloads[i]! };
      this.#leadership.accept(message, this.#now);
    }
  }

  #readClock(from: MemberOrdinal, wallMs: number): void {
    this.#peer(from).clock = { aheadMs: wallMs - this.#now.wallMs, readMs: this.#now.monotonicMs };
  }

  // Own broadcasts

  #propose(message: {
    readonly incarnation: number;
    readonly messageNumber: number;
    readonly payload: Uint8Array;
  }): void {
    if (this.#leadership !== null) {
      const entry = this.#leadership.accept({ origin: this.#self, ...message }, this.#now);
      if (entry !== null) this.#ownAppended(entry);
    } else if (this.#leader !== null && this.#peer(this.#leader).connected) {
      this.#send(this.#leader, {
        kind: 'propose',
        incarnation: message.incarnation,
        firstNumber: message.messageNumber,
        payloads: [message.payload],
      });
    }
  }

  /** Again, all that are not delivered, in order: the leader takes those that it has not. */
  #proposeAll(): void {
    this.#proposalProgressMs = this.#now.monotonicMs;
    const { incarnation } = this.#proposals;
    if (this.#leadership !== null) {
      for (const { messageNumber, payload } of this.#proposals.pending()) {
        this.#propose({ incarnation, messageNumber, payload });
      }
    } else if (this.#leader !== null && this.#peer(this.#leader).connected) {
      for (const message of this.#proposals.messages(this.#options.appendBytesMax)) this.#send(this.#leader, message);
    }
  }

  #ownAppended(entry: LogEntry): void {
    this.#proposals.appended(entry);
    this.#proposalProgressMs = this.#now.monotonicMs;
  }

  // What follows from a step

  #madeDurable(number: number): void {
    this.#log.madeDurable(number);
    if (this.#role === 'candidate' && this.#log.hardStateDurable) {
      this.#ballot!.grant(this.#self);
      if (this.#ballot!.isWon) this.#becomeLeader();
    }
    if (this.#role === 'follower' && this.#leader !== null && this.#durablyMatchedUpTo() > this.#answeredUpTo) {
      this.#answerDue = true;
    }
  }

  #durablyMatchedUpTo(): LogIndex {
    return Math.min(this.#matchedUpTo, this.#log.durableUpTo);
  }

  #choose(upTo: LogIndex): void {
    if (upTo <= this.#chosenUpTo) return;
    assert(upTo <= this.#log.lastIndex, 'what is chosen is in the log');
    this.#chosenUpTo = upTo;
  }

  #effects(): Effects {
    if (this.#leadership !== null) this.#lead(this.#leadership);
    else if (this.#answerDue) this.#answerLeader();
    const hardState: HardState | null = this.#hardStateChanged ? { term: this.#term, votedFor: this.#votedFor } : null;
    this.#hardStateChanged = false;
    const request = this.#log.takeRequest(hardState);
    const hardStateDurable = this.#log.hardStateDurable;
    assert(hardStateDurable || this.#leadership === null, "a leader's term is durable");
    const send = this.#outbox.take(hardStateDurable);
    const deliver = this.#deliver();
    return {
      persist: request === null ? NO_REQUESTS : [request],
      send,
      deliver,
      moreToDeliver: !this.#deliveryPaused && this.#deliveredUpTo < this.#deliverableUpTo(),
    };
  }

  #lead(leadership: Leadership): void {
    this.#choose(leadership.chosenByMajority());
    this.#receivedByAll = Math.max(this.#receivedByAll, Math.min(leadership.durableEverywhere(), this.#chosenUpTo));
    if (this.#caughtUpAt === null && this.#chosenUpTo >= leadership.noopIndex) this.#caughtUpAt = leadership.noopIndex;
    const chosen = { chosenUpTo: this.#chosenUpTo, receivedByAll: this.#receivedByAll };
    for (const { to, message } of leadership.appends(chosen, this.#now)) this.#send(to, message);
  }

  #answerLeader(): void {
    this.#answerDue = false;
    assert(this.#leader !== null, 'there is a leader to answer');
    this.#answeredUpTo = this.#durablyMatchedUpTo();
    this.#answeredMs = this.#now.monotonicMs;
    this.#send(this.#leader, {
      kind: 'append-answer',
      term: this.#term,
      matchedUpTo: this.#answeredUpTo,
      rejected: null,
      wallMs: this.#now.wallMs,
    });
  }

  #deliverableUpTo(): LogIndex {
    return Math.min(this.#chosenUpTo, this.#log.durableUpTo);
  }

  /** One slice. */
  #deliver(): readonly LogEntry[] {
    const from = this.#deliveredUpTo + 1;
    const upTo = Math.min(this.#deliverableUpTo(), this.#deliveredUpTo + this.#options.appendEntriesMax);
    if (this.#deliveryPaused || from > upTo) return NO_ENTRIES;
    const messages: LogEntry[] = [];
    for (const entry of this.#log.entries(from, upTo, this.#options.deliverBytesMax)) {
      assert(entry.index === this.#deliveredUpTo + 1, 'delivery has no gaps');
      this.#deliveredUpTo = entry.index;
      if (entry.kind === 'noop') continue;
      this.#check.delivering(entry);
      if (entry.origin === this.#self) {
        this.#proposals.delivered(entry);
        this.#proposalProgressMs = this.#now.monotonicMs;
      }
      messages.push(entry);
    }
    return messages;
  }

  #send(to: MemberOrdinal, message: PeerMessage): void {
    this.#outbox.push({ to, message });
  }

  #peer(ordinal: MemberOrdinal): Peer {
    const peer = this.#peers.find((candidate) => candidate.ordinal === ordinal);
    assert(peer !== undefined, 'a peer is another member');
    return peer;
  }
}
