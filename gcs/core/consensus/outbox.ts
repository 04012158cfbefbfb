/**
 * Messages that carry a term leave only when that term and the vote in it are durable (R1). Of each kind the newest for
 * a peer is kept: a later answer says all that an earlier one said, and the disk may take long.
 */
import type { Send } from './contract.ts';
import type { PeerMessage } from './peer-message.ts';

function carriesTerm(message: PeerMessage): boolean {
  return 'term' in message;
}

export class Outbox {
  #queued: Send[] = [];
  readonly #held = new Map<string, Send>();

  push(send: Send): void {
    this.#queued.push(send);
  }

  /** The term is over, and with it what was to be said in it. */
  termChanged(): void {
    this.#held.clear();
    this.#queued = this.#queued.filter(({ message }) => !carriesTerm(message));
  }

  /** What may leave now. */
  take(hardStateDurable: boolean): readonly Send[] {
    if (this.#queued.length === 0 && (this.#held.size === 0 || !hardStateDurable)) return [];
    const queued = this.#queued;
    this.#queued = [];
    if (hardStateDurable) {
      if (this.#held.size === 0) return queued;
      const released = [...this.#held.values(), ...queued];
      this.#held.clear();
      return released;
    }
    const free: Send[] = [];
    for (const send of queued) {
      if (!carriesTerm(send.message)) free.push(send);
      else this.#held.set(`${send.to} ${send.message.kind}`, send);
    }
    return free;
  }
}
