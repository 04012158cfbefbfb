/**
 * Compares the members' running digests at equal log indexes (H22). A member whose digest differs from that of a
 * majority of the voters has gone astray and must stop; where no majority agrees, nobody knows who is right, and all stop.
 *
 * A digest goes on from the one before. So a member that received its state agrees with its donor, whether that had gone
 * astray or not, and the two of them are one witness, until as many others as make a majority agree with it, or all
 * voters do: where nobody differs the past is everybody's, whoever it came from, and who goes astray behind it does so
 * alone. Only points that a member came to by itself count for that, and so lie behind the state that it received.
 */
import type { LogIndex, MemberId, MemberOrdinal, SequenceNumber } from '../../../gcs/base/index.ts';
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
  #names: ReadonlyMap<MemberOrdinal, MemberId> = new Map();
  /** Whose state a member has that is no witness of its own. */
  readonly #donors = new Map<MemberId, MemberId>();
  #stateFrom: MemberId | null;

  /** `stateFrom`: who sent the state that this run began with; null: nobody. */
  constructor(stateFrom: MemberId | null = null) {
    this.#stateFrom = stateFrom;
  }

  /** To be told to the peers, and kept for the next run. Null: this member is a witness of its own. */
  get stateFrom(): MemberId | null {
    return this.#stateFrom;
  }

  /** Who is judged, and by whom, from now on. Until it is called first nothing is judged. */
  viewChanged(self: MemberOrdinal, view: GroupView): void {
    this.#self = self;
    this.#voters = new Set(votersOf(view));
    this.#names = new Map(view.members.map(({ ordinal, memberId }) => [ordinal, memberId]));
    const members = new Set(this.#names.keys());
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
  told(from: MemberOrdinal, points: readonly DigestPoint[], stateFrom: MemberId | null = null): Judgement {
    const name = this.#names.get(from);
    if (name !== undefined) this.#learnDonor(name, stateFrom);
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

  #learnDonor(member: MemberId, donor: MemberId | null): void {
    if (donor === null) this.#donors.delete(member);
    else this.#donors.set(member, donor);
    const names = new Set(this.#names.values());
    for (const each of this.#donors.keys()) if (!names.has(each)) this.#donors.delete(each);
  }

  #judge(own: string, told: ReadonlyMap<MemberOrdinal, string>): Judgement {
    // A learner is judged, and does not judge.
    const witnesses = new Map<string, Set<MemberId>>();
    let known = 0;
    let ownCount = 0;
    const vote = (ordinal: MemberOrdinal, digest: string): void => {
      if (!this.#voters.has(ordinal)) return;
      known++;
      if (digest === own) ownCount++;
      const of = witnesses.get(digest) ?? new Set();
      witnesses.set(digest, of.add(this.#witnessOf(ordinal)));
    };
    vote(this.#self, own);
    for (const [ordinal, digest] of told) vote(ordinal, digest);
    const quorum = Math.floor(this.#voters.size / 2) + 1;
    const doDiffer = witnesses.size > 1 || (witnesses.size === 1 && !witnesses.has(own));
    const areAllEqual = ownCount >= quorum && ownCount === this.#voters.size;
    if ((witnesses.get(own)?.size ?? 0) >= quorum || areAllEqual) {
      this.#isConfirmed = true;
      this.#stateFrom = null;
      return 'equal';
    }
    if (ownCount >= quorum && !doDiffer) this.#isConfirmed = true;
    for (const [digest, { size }] of witnesses) if (digest !== own && size >= quorum) return 'minority';
    // While somebody has not told yet, a majority may still show.
    return doDiffer && known === this.#voters.size ? 'no-majority' : 'equal';
  }

  /** Where its state comes from in the end. */
  #witnessOf(ordinal: MemberOrdinal): MemberId {
    const donorOf = (name: MemberId): MemberId | null =>
      name === this.#names.get(this.#self) ? this.#stateFrom : (this.#donors.get(name) ?? null);
    const path = [this.#names.get(ordinal)!];
    for (;;) {
      const donor = donorOf(path.at(-1)!);
      if (donor === null) return path.at(-1)!;
      const at = path.indexOf(donor);
      // They sent it to each other in turn.
      if (at >= 0) return path.slice(at).sort()[0]!;
      path.push(donor);
    }
  }
}

function trim(points: Map<LogIndex, unknown>): void {
  for (const logIndex of points.keys()) {
    if (points.size <= CHECKPOINTS_MAX) return;
    points.delete(logIndex);
  }
}
