/**
 * One member's part in elections: when it stands, whom it votes for.
 *
 * Who stands: a voter of the latest view in its log, which has lost nothing of that log (`claim`) and can write to it.
 * It asks first whether it would be elected (pre-vote), so that one who cannot win raises no term (R5); one whom the
 * leader itself told to take over does not (R6).
 *
 * Who is voted for: whoever has a log at least as far, whatever view this member believes in. A voter may have been
 * promoted by an entry that has yet to arrive here, and so may this member itself (R21): only the log decides. The
 * exception are those whom the latest chosen view left behind. Their ordinal never counts again, so nothing is lost, and
 * whatever term they have reached deposes nobody (R5). A member whose log lost its end to damage votes as if it still had it.
 */
import type { MemberOrdinal, Random, Term } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { EntryId } from '../types.ts';
import type { Context } from './context.ts';
import { Ballot, ElectionTimer } from './election.ts';
import type { VoteAnswer, VoteRequest } from './peer-message.ts';
import type { Peer } from './peers.ts';
import { isFurther } from './replicated-log.ts';

/** What elections need of the member whose they are, and change in it. */
export interface ElectionHost {
  leader(): MemberOrdinal | null;
  /** It hears its leader, or leads and is heard: nobody else is to be elected for its sake. */
  isContent(): boolean;
  /** Whoever led is not heard any more. */
  leaderLost(): void;
  /** Follows, in `term` or the current one, nobody yet. */
  follow(term: Term): void;
  raiseTerm(term: Term, votedFor: MemberOrdinal | null): void;
  /** Its ballot is won: it leads. */
  won(ballot: Ballot): void;
}

export class Elections {
  /** No entry can be written here for the time being (R16). */
  isDiskFull = false;
  readonly #context: Context;
  readonly #host: ElectionHost;
  readonly #timer: ElectionTimer;
  #stage: 'none' | 'pre-candidate' | 'candidate' = 'none';
  #ballot: Ballot | null = null;
  #startedMs = Number.NEGATIVE_INFINITY;
  #isTransfer = false;

  constructor(context: Context, host: ElectionHost, random: Random) {
    this.#context = context;
    this.#host = host;
    const nowMs = context.now.monotonicMs;
    this.#timer = new ElectionTimer({ options: context.options, random, nowMs });
    if (!this.#hasOtherVoters) this.#timer.expire(nowMs);
  }

  get stage(): 'none' | 'pre-candidate' | 'candidate' {
    return this.#stage;
  }

  tick(): void {
    const nowMs = this.#context.now.monotonicMs;
    if (!this.#timer.isDue(nowMs)) return;
    if (this.#mayStand) this.#askForPreVotes();
    else {
      this.#timer.restart(nowMs);
      this.#host.leaderLost();
    }
  }

  /** There is a leader, or a candidate worth waiting for. */
  wait(): void {
    this.#timer.restart(this.#context.now.monotonicMs);
  }

  /** The connection to the leader was closed. */
  hurry(): void {
    this.#timer.hurry(this.#context.now.monotonicMs);
  }

  /** This member itself stood still. */
  stoodStill(): void {
    if (this.#hasOtherVoters) this.#timer.hold(this.#context.now.monotonicMs);
  }

  /** It does not stand any more, or was elected. */
  end(): void {
    this.#stage = 'none';
    this.#ballot = null;
  }

  linkOpened(peer: Peer): void {
    if (this.#ballot !== null && !this.#ballot.has(peer.ordinal) && this.#context.membership.isVoter(peer.ordinal)) {
      this.#askForVote(peer);
    }
  }

  /** The leader says so (R6). */
  takeOver(): void {
    if (this.#stage === 'none' && this.#mayStand) this.#standForLeader(true);
  }

  /** Its own vote counts now. */
  hardStateDurable(): void {
    if (this.#stage !== 'candidate') return;
    this.#ballot!.grant(this.#context.self);
    this.#winIfElected();
  }

  receivedRequest(from: MemberOrdinal, request: VoteRequest): void {
    const { term, preVote } = request;
    const { membership, promises } = this.#context;
    if (membership.isFormer(from)) return;
    const theirs: EntryId = { term: request.lastTerm, index: request.lastIndex };
    const ours = this.#logEnd;
    const isUpToDate = !isFurther(ours, theirs);
    if (preVote) {
      const isEqual = isUpToDate && !isFurther(theirs, ours);
      const isRival = isEqual && this.#context.self < from && this.#askedJustNow();
      this.#answer(from, request, term > promises.term && isUpToDate && !isRival && !this.#host.isContent());
      return;
    }
    if (term > promises.term) {
      // Silence: an answer would carry a term that deposes no one, and the candidate hears of the leader from the leader.
      if (!request.isTransfer && this.#host.isContent()) return;
      this.#host.follow(term);
    }
    const isFree = promises.votedFor === null || promises.votedFor === from;
    const granted = term === promises.term && isUpToDate && isFree && this.#host.leader() === null;
    if (granted && promises.votedFor === null) {
      promises.vote(from);
      this.wait();
    }
    this.#answer(from, request, granted);
  }

  receivedAnswer(from: MemberOrdinal, answer: VoteAnswer): void {
    const { promises } = this.#context;
    if (!answer.granted) {
      if (answer.term > promises.term) this.#host.follow(answer.term);
      return;
    }
    const isAwaited = answer.preVote
      ? this.#stage === 'pre-candidate' && answer.term === promises.term + 1
      : this.#stage === 'candidate' && answer.term === promises.term;
    if (!isAwaited) return;
    this.#ballot!.grant(from);
    if (answer.preVote && this.#ballot!.isWon) this.#standForLeader(false);
    else this.#winIfElected();
  }

  get #hasOtherVoters(): boolean {
    const { voters } = this.#context.membership;
    return voters.length !== 1 || voters[0] !== this.#context.self;
  }

  get #mayStand(): boolean {
    const { membership, promises, self } = this.#context;
    return membership.mayLead(self) && promises.claim === null && !this.isDiskFull;
  }

  /** As others are to see it. */
  get #logEnd(): EntryId {
    return this.#context.promises.claim ?? this.#context.log.end;
  }

  #askForPreVotes(): void {
    const { promises, self } = this.#context;
    assert(Number.isSafeInteger(promises.term + 1), 'the next term is a safe number');
    this.#host.leaderLost();
    this.#startBallot('pre-candidate', false);
    this.#ballot!.grant(self);
    if (this.#ballot!.isWon) this.#standForLeader(false);
    else this.#askForVotes();
  }

  #standForLeader(isTransfer: boolean): void {
    this.#host.raiseTerm(this.#context.promises.term + 1, this.#context.self);
    this.#startBallot('candidate', isTransfer);
    this.#askForVotes();
  }

  #startBallot(stage: 'pre-candidate' | 'candidate', isTransfer: boolean): void {
    const nowMs = this.#context.now.monotonicMs;
    this.#stage = stage;
    this.#isTransfer = isTransfer;
    this.#ballot = new Ballot(this.#context.membership.voters);
    this.#startedMs = nowMs;
    this.#timer.retry(nowMs);
  }

  #askForVotes(): void {
    const { peers, membership } = this.#context;
    for (const peer of peers.all) if (peer.connected && membership.isVoter(peer.ordinal)) this.#askForVote(peer);
  }

  #askForVote(peer: Peer): void {
    const { log, promises } = this.#context;
    const preVote = this.#stage === 'pre-candidate';
    this.#context.send(peer.ordinal, {
      kind: 'vote-request',
      term: preVote ? promises.term + 1 : promises.term,
      preVote,
      isTransfer: this.#isTransfer,
      lastIndex: log.lastIndex,
      lastTerm: log.lastTerm,
    });
  }

  /** Of two members that ask at the same moment the lower goes on, else both would stand and split the votes. */
  #askedJustNow(): boolean {
    const { now, options } = this.#context;
    return this.#stage === 'pre-candidate' && now.monotonicMs - this.#startedMs < options.heartbeatMs;
  }

  #answer(to: MemberOrdinal, request: VoteRequest, granted: boolean): void {
    this.#context.send(to, {
      kind: 'vote-answer',
      term: granted ? request.term : this.#context.promises.term,
      preVote: request.preVote,
      granted,
      wallMs: this.#context.now.wallMs,
    });
  }

  #winIfElected(): void {
    if (this.#stage !== 'candidate' || !this.#ballot!.isWon) return;
    const ballot = this.#ballot!;
    this.end();
    this.#host.won(ballot);
  }
}
