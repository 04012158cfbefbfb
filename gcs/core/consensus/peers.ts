/** The other members as this one has met them: those of the latest view, and who else has a connection. */
import type { MemberOrdinal } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { Membership } from './membership.ts';
import type { ClockReading } from './stamp.ts';

export interface Peer {
  readonly ordinal: MemberOrdinal;
  connected: boolean;
  /** Monotonic time; null: never. */
  lastHeardMs: number | null;
  clock: ClockReading | null;
}

export class Peers {
  readonly #self: MemberOrdinal;
  readonly #membership: Membership;
  readonly #peers = new Map<MemberOrdinal, Peer>();
  #sorted: readonly Peer[] = [];

  constructor(self: MemberOrdinal, membership: Membership) {
    this.#self = self;
    this.#membership = membership;
    this.viewChanged();
  }

  /** By ordinal. */
  get all(): readonly Peer[] {
    return this.#sorted;
  }

  /** Whoever it is: one may be met before the view that admits it. */
  of(ordinal: MemberOrdinal): Peer {
    return this.#peers.get(ordinal) ?? this.#add(ordinal);
  }

  viewChanged(): void {
    const { members } = this.#membership;
    for (const ordinal of members.keys()) if (ordinal !== this.#self) this.of(ordinal);
    for (const peer of this.#peers.values()) {
      if (!members.has(peer.ordinal) && !peer.connected) this.#peers.delete(peer.ordinal);
    }
    this.#sort();
  }

  #add(ordinal: MemberOrdinal): Peer {
    assert(ordinal !== this.#self, 'a peer is another member');
    const peer: Peer = { ordinal, connected: false, lastHeardMs: null, clock: null };
    this.#peers.set(ordinal, peer);
    this.#sort();
    return peer;
  }

  #sort(): void {
    this.#sorted = [...this.#peers.values()].sort((a, b) => a.ordinal - b.ordinal);
  }
}
