/** This member's broadcasts on their way to whoever leads: sent at once, and again as long as the log does not show them. */
import type { Incarnation, MemberOrdinal } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import type { Context } from './context.ts';
import type { Leadership } from './leadership.ts';
import { OwnProposals, type Proposal } from './proposals.ts';

/** Who leads now, as this member sees it: itself, another, nobody. */
export interface Reign {
  leader(): MemberOrdinal | null;
  leadership(): Leadership | null;
}

export class OwnBroadcasts {
  readonly #context: Context;
  readonly #reign: Reign;
  readonly #proposals = new OwnProposals();
  /** When the log last took one, or all were sent. */
  #progressMs = Number.NEGATIVE_INFINITY;

  constructor(context: Context, reign: Reign) {
    this.#context = context;
    this.#reign = reign;
  }

  /** Not yet delivered. */
  get size(): number {
    return this.#proposals.size;
  }

  get hasRoom(): boolean {
    return this.#proposals.size < this.#context.options.pendingMessagesMax;
  }

  add(incarnation: Incarnation, proposal: Proposal): void {
    assert(this.hasRoom, 'pending broadcasts are bounded');
    if (!this.#proposals.someOutsideLog) this.#progressMs = this.#context.now.monotonicMs;
    this.#proposals.add(incarnation, proposal);
    const leader = this.#reign.leader();
    const leadership = this.#reign.leadership();
    if (leadership !== null) this.#accept(leadership, proposal);
    else if (this.#isReachable(leader)) {
      const firstNumber = proposal.messageNumber;
      this.#context.send(leader, { kind: 'propose', incarnation, firstNumber, payloads: [proposal] });
    }
  }

  tick(): void {
    const { now, options } = this.#context;
    const waitedMs = now.monotonicMs - this.#progressMs;
    if (this.#proposals.someOutsideLog && waitedMs >= options.resendMs) this.sendAll();
  }

  /** Again, all that are not delivered, in order: the leader takes those that it has not. */
  sendAll(): void {
    this.#progressMs = this.#context.now.monotonicMs;
    const leader = this.#reign.leader();
    const leadership = this.#reign.leadership();
    if (leadership !== null) {
      for (const proposal of this.#proposals.pending()) this.#accept(leadership, proposal);
    } else if (this.#isReachable(leader)) {
      const messages = this.#proposals.messages(this.#context.options.appendBytesMax);
      for (const message of messages) this.#context.send(leader, message);
    }
  }

  appended(entry: LogEntry): void {
    this.#proposals.appended(entry);
    this.#progressMs = this.#context.now.monotonicMs;
  }

  logCut(): void {
    this.#proposals.logCut();
  }

  delivered(entry: LogEntry): void {
    this.#proposals.delivered(entry);
    this.#progressMs = this.#context.now.monotonicMs;
  }

  #accept(leadership: Leadership, { messageNumber, kind, isCompressed, payload }: Proposal): void {
    const { incarnation } = this.#proposals;
    leadership.accept({ origin: this.#context.self, incarnation, messageNumber, kind, isCompressed, payload });
  }

  #isReachable(leader: MemberOrdinal | null): leader is MemberOrdinal {
    return leader !== null && this.#context.peers.of(leader).connected;
  }
}
