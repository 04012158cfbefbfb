/**
 * Compares the members' running digests at equal log indexes (H22). A member whose digest differs from that of a
 * majority of the voters has gone astray and must stop; where no majority agrees, nobody knows who is right, and all stop.
 */
import type { LogIndex, MemberOrdinal, SequenceNumber } from '../../../gcs/base/index.ts';
import { type GroupView, votersOf } from '../../../gcs/core/index.ts';

export interface DigestPoint {
  readonly logIndex: LogIndex;
  readonly digest: string;
}

/** What was decided up to there, by sequence number. */
export interface OwnPoint extends DigestPoint {
  readonly sequenceNumber: SequenceNumber;
}

/** One digest is kept for each so many log indexes, beside the newest. */
const CHECKPOINT_EVERY = 256;
/** Checkpoints kept, of this member and of each peer. */
const CHECKPOINTS_MAX = 64;
/** Checkpoints told to the peers at a time, beside the newest. */
const TOLD_MAX = 8;

export type Judgement = 'equal' | 'minority' | 'no-majority';

export class DigestWatch {
  #self: MemberOrdinal = -1;
  #voters: ReadonlySet<MemberOrdinal> = new Set();
  readonly #own = new Map<LogIndex, OwnPoint>();
  readonly #peers = new Map<LogIndex, Map<MemberOrdinal, string>>();
  readonly #equalUpTo = new Map<MemberOrdinal, SequenceNumber>();
  #newest: OwnPoint | null = null;
  #isConfirmed = false;

  /** Who is judged, and by whom, from now on. Until it is called first nothing is judged. */
  viewChanged(self: MemberOrdinal, view: GroupView): void {
    this.#self = self;
    this.#voters = new Set(votersOf(view));
    const members = new Set(view.members.map(({ ordinal }) => ordinal));
    for (const told of this.#peers.values()) {
      for (const ordinal of told.keys()) if (!members.has(ordinal)) told.delete(ordinal);
    }
    for (const ordinal of this.#equalUpTo.keys()) if (!members.has(ordinal)) this.#equalUpTo.delete(ordinal);
  }

  /** Where this member stands behind a delivery. */
  delivered(point: OwnPoint): void {
    if (point.logIndex % CHECKPOINT_EVERY !== 0) return;
    this.#own.set(point.logIndex, point);
    trim(this.#own);
  }

  /** A majority of the voters once told a digest that this member had, too: it did not begin with data gone astray. */
  get isConfirmed(): boolean {
    return this.#isConfirmed;
  }

  /** Highest sequence number at which the peer's digest was seen to be this member's; 0: none yet. */
  equalUpTo(peer: MemberOrdinal): SequenceNumber {
    return this.#equalUpTo.get(peer) ?? 0;
  }

  /** What to tell the peers. `newest`: where this member stands now. */
  toTell(newest: OwnPoint): readonly DigestPoint[] {
    this.#newest = newest;
    return [...[...this.#own.values()].slice(-TOLD_MAX), newest].map(({ logIndex, digest }) => ({ logIndex, digest }));
  }

  /** What a peer told. Judged only at points that this member has, too. */
  told(from: MemberOrdinal, points: readonly DigestPoint[]): Judgement {
    let judgement: Judgement = 'equal';
    for (const { logIndex, digest } of points) {
      const told = this.#peers.get(logIndex) ?? new Map<MemberOrdinal, string>();
      told.set(from, digest);
      this.#peers.set(logIndex, told);
      const own = this.#own.get(logIndex) ?? (this.#newest?.logIndex === logIndex ? this.#newest : null);
      if (own === null) continue;
      if (own.digest === digest) this.#equalUpTo.set(from, Math.max(this.equalUpTo(from), own.sequenceNumber));
      if (judgement === 'equal') judgement = this.#judge(own.digest, told);
    }
    trim(this.#peers);
    return judgement;
  }

  #judge(own: string, told: ReadonlyMap<MemberOrdinal, string>): Judgement {
    // A learner is judged, and does not judge.
    const votes = new Map<string, number>();
    let known = 0;
    const vote = (ordinal: MemberOrdinal, digest: string): void => {
      if (!this.#voters.has(ordinal)) return;
      known++;
      votes.set(digest, (votes.get(digest) ?? 0) + 1);
    };
    vote(this.#self, own);
    for (const [ordinal, digest] of told) vote(ordinal, digest);
    const quorum = Math.floor(this.#voters.size / 2) + 1;
    if ((votes.get(own) ?? 0) >= quorum) {
      this.#isConfirmed = true;
      return 'equal';
    }
    for (const [digest, count] of votes) if (digest !== own && count >= quorum) return 'minority';
    // While somebody has not told yet, a majority may still show.
    const doDiffer = votes.size > 1 || (votes.size === 1 && !votes.has(own));
    return doDiffer && known === this.#voters.size ? 'no-majority' : 'equal';
  }
}

function trim(points: Map<LogIndex, unknown>): void {
  for (const logIndex of points.keys()) {
    if (points.size <= CHECKPOINTS_MAX) return;
    points.delete(logIndex);
  }
}
