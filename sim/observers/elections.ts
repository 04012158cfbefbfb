/**
 * What members promise to each other: terms never go back, nobody votes for two in one term, and nobody but one leads in
 * it; restarts included. What a member thinks before it is durable promises nothing.
 */
import type { Term } from '../../gcs/base/index.ts';
import { decodePeerMessage } from '../../gcs/core/consensus/peer-message.ts';
import { decodeFrame } from '../../gcs/core/group/handshake.ts';
import type { SimulatedHost } from '../world/index.ts';
import type { Judge } from './judge.ts';

export class Elections {
  /** Called when a member has promised its vote to another, or asks for votes itself. */
  voted: (voter: SimulatedHost) => void = () => {};
  readonly #judge: Judge;
  readonly #leaders = new Map<Term, string>();
  readonly #terms = new Map<string, Term>();
  /** By voter and term: whom it voted for. */
  readonly #votes = new Map<string, string>();

  constructor(judge: Judge) {
    this.#judge = judge;
  }

  get leadersSeen(): number {
    return this.#leaders.size;
  }

  /** `run`: of the member's process. */
  leads(member: SimulatedHost, run: number, term: Term): void {
    const leader = `${member.name} in run ${run}`;
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, leader);
    else this.#judge.check(known === leader, `${leader} leads in term ${term}, in which ${known} has led`);
  }

  /** A frame from one member to another, as it is sent. */
  frameSent(voter: SimulatedHost, candidate: SimulatedHost, bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame.kind !== 'peer') return;
    const message = decodePeerMessage(frame.bytes);
    const isPromise =
      message.kind === 'append' ||
      message.kind === 'append-answer' ||
      (message.kind === 'vote-request' && !message.preVote) ||
      (message.kind === 'vote-answer' && message.granted && !message.preVote);
    if (isPromise) this.#spokeIn(voter, message.term);
    if (message.kind === 'vote-answer' && message.granted && !message.preVote) {
      this.#voted(voter, message.term, candidate);
    }
    // Who asks has voted for itself.
    if (message.kind === 'vote-request' && !message.preVote) this.#voted(voter, message.term, voter);
  }

  #spokeIn(member: SimulatedHost, term: Term): void {
    const before = this.#terms.get(member.name) ?? 0;
    this.#judge.check(term >= before, `${member.name} goes back from term ${before} to ${term}`);
    this.#terms.set(member.name, term);
  }

  #voted(voter: SimulatedHost, term: Term, candidate: SimulatedHost): void {
    const vote = `${voter.name} in term ${term}`;
    const known = this.#votes.get(vote);
    if (known === undefined) {
      this.#votes.set(vote, candidate.name);
      this.voted(voter);
    } else this.#judge.check(known === candidate.name, `${vote} votes for ${candidate.name} after ${known}`);
  }
}
