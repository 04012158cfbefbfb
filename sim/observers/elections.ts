/**
 * What members promise to each other: terms never go back, nobody votes for two in one term, and nobody but one leads in
 * it; restarts included. Nobody stands whom no other would vote for (R5). What a member thinks before it is durable promises nothing.
 */
import { ByteReader, type Term } from '../../gcs/base/index.ts';
import { decodePeerMessage, encodePeerMessage } from '../../gcs/core/consensus/peer-message.ts';
import { decodeFrame, encodeFrame } from '../../gcs/core/group/handshake.ts';
import type { SimulatedHost } from '../world/index.ts';
import type { Judge } from './judge.ts';

export class Elections {
  /** Called when a member has promised its vote to another, or asks for votes itself. */
  voted: (voter: SimulatedHost) => void = () => {};
  /** Called when a member stands because the leader asked it to. */
  takenOver: () => void = () => {};
  /** Called when a term has its leader. */
  began: (term: Term) => void = () => {};
  readonly #judge: Judge;
  readonly #leaders = new Map<Term, string>();
  #newestTerm: Term = 0;
  readonly #terms = new Map<string, Term>();
  /** By voter and term: whom it voted for. */
  readonly #votes = new Map<string, string>();
  /** By candidate and term: somebody else would vote for it. */
  readonly #preVotes = new Set<string>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  get leadersSeen(): number {
    return this.#leaders.size;
  }

  /** The newest in which anybody led; 0: none. */
  get newestTerm(): Term {
    return this.#newestTerm;
  }

  /** `run`: incarnation of the member. */
  leads(member: SimulatedHost, run: number, term: Term): void {
    const leader = `${member.name} in run ${run}`;
    this.#newestTerm = Math.max(this.#newestTerm, term);
    const known = this.#leaders.get(term);
    if (known === undefined) {
      this.#leaders.set(term, leader);
      this.began(term);
    } else this.#judge.check(known === leader, () => `${leader} leads in term ${term}, in which ${known} has led`);
  }

  /** A frame from one member to another, as it is sent. */
  frameSent(voter: SimulatedHost, candidate: SimulatedHost, bytes: Uint8Array): void {
    if (!isPeerMessage(bytes)) return;
    if (isAppendOrAnswer(bytes)) return this.#spokeIn(voter, termOf(bytes));
    const frame = decodeFrame(bytes);
    if (frame.kind !== 'peer') return;
    const message = decodePeerMessage(frame.bytes);
    if (message.kind === 'vote-answer' && message.granted && message.preVote) {
      this.#preVotes.add(`${candidate.name} in term ${message.term}`);
    }
    if (message.kind === 'vote-answer' && message.granted && !message.preVote) {
      this.#spokeIn(voter, message.term);
      this.#voted(voter, message.term, candidate);
    }
    // Who asks has voted for itself.
    if (message.kind === 'vote-request' && !message.preVote) {
      if (message.isTransfer) this.takenOver();
      else {
        const bid = `${voter.name} in term ${message.term}`;
        this.#judge.check(this.#preVotes.has(bid), () => `${bid} stands, and nobody was for it`);
      }
      this.#spokeIn(voter, message.term);
      this.#voted(voter, message.term, voter);
    }
  }

  /** Its disk is lost: whoever comes in its place has promised nothing. */
  forget(member: SimulatedHost): void {
    this.#terms.delete(member.name);
    for (const vote of this.#votes.keys()) if (vote.startsWith(`${member.name} in `)) this.#votes.delete(vote);
  }

  #spokeIn(member: SimulatedHost, term: Term): void {
    const before = this.#terms.get(member.name) ?? 0;
    this.#judge.check(term >= before, () => `${member.name} goes back from term ${before} to ${term}`);
    this.#terms.set(member.name, term);
  }

  #voted(voter: SimulatedHost, term: Term, candidate: SimulatedHost): void {
    const vote = `${voter.name} in term ${term}`;
    const known = this.#votes.get(vote);
    if (known === undefined) {
      this.#votes.set(vote, candidate.name);
      this.voted(voter);
    } else this.#judge.check(known === candidate.name, () => `${vote} votes for ${candidate.name} after ${known}`);
  }
}

// Most frames are appends and their answers: of them the term is all that matters here, and it comes first.

const PEER_FRAME = encodeFrame({ kind: 'peer', bytes: new Uint8Array(0) })[0];
const SAMPLE = {
  chosenUpTo: 0,
  established: false,
  matchedUpTo: 0,
  previousIndex: 0,
  previousTerm: 0,
  receivedByAll: 0,
};
const APPEND = encodePeerMessage({ ...SAMPLE, kind: 'append', term: 1, round: 0, entries: [] })[0];
const APPEND_ANSWER = encodePeerMessage({
  ...SAMPLE,
  kind: 'append-answer',
  term: 1,
  round: 0,
  ready: false,
  rejected: null,
  wallMs: 0,
})[0];

function isPeerMessage(frame: Uint8Array): boolean {
  return frame[0] === PEER_FRAME;
}

function isAppendOrAnswer(frame: Uint8Array): boolean {
  return frame[1] === APPEND || frame[1] === APPEND_ANSWER;
}

function termOf(frame: Uint8Array): Term {
  const reader = new ByteReader(frame);
  reader.u8();
  reader.u8();
  return reader.varint();
}
