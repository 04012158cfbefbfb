/**
 * How far one peer's copy of the log is known to go, as its leader sees it. Source: etcd raft, `tracker/progress.go`.
 *
 * What matched once matches as long as the leader leads, unless the peer's disk lost it (then the peer says so in its
 * votes, too: `HardState.claim`). A refusal of what matched is therefore either old or news of such a loss. The rounds
 * tell them apart: an append of a round that was begun after the refusal is answered anew, and only that answer counts.
 */
import type { LogIndex } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { ConsensusOptions } from './contract.ts';

interface InFlight {
  readonly upTo: LogIndex;
  readonly bytes: number;
}

export class Progress {
  /**
   * `probe`: where the logs meet is being found out, one append at a time. `replicate`: appends follow one another
   * without waiting, within the window.
   */
  #mode: 'probe' | 'replicate' = 'probe';
  /** Durable at the peer and equal to ours. Invariant: 0 <= matchedUpTo < nextIndex. */
  #matchedUpTo: LogIndex = 0;
  #nextIndex: LogIndex;
  /** The append that is out, while probing. */
  #probe: InFlight | null = null;
  readonly #inFlight: InFlight[] = [];
  #inFlightBytes = 0;
  /** The peer knows that this much is chosen, if what was sent arrives. */
  sentChosenUpTo: LogIndex = 0;
  lastSentMs = Number.NEGATIVE_INFINITY;
  /** When the peer last answered in this term. */
  answeredMs = Number.NEGATIVE_INFINITY;
  /** As its owner said. */
  ready = false;
  /** The peer is to be sent an append of this round or a later one, whether there is news or not. */
  wantedRound = 0;
  sentRound = 0;
  /** Of the answers. */
  answeredRound = 0;
  /** A refusal of this round or a later one says that the peer lost what matched. Null: nothing gave reason to doubt. */
  #doubtRound: number | null = null;

  constructor(nextIndex: LogIndex) {
    this.#nextIndex = nextIndex;
    this.#check();
  }

  get mode(): 'probe' | 'replicate' {
    return this.#mode;
  }

  get matchedUpTo(): LogIndex {
    return this.#matchedUpTo;
  }

  get nextIndex(): LogIndex {
    return this.#nextIndex;
  }

  get inFlightMessages(): number {
    return this.#inFlight.length;
  }

  hasRoom(options: ConsensusOptions): boolean {
    if (this.#mode === 'probe') return this.#probe === null;
    return this.#inFlight.length < options.windowMessagesMax && this.#inFlightBytes < options.windowBytesMax;
  }

  sentEntries(sent: { readonly count: number; readonly bytes: number }): void {
    const append = { upTo: this.#nextIndex - 1 + sent.count, bytes: sent.bytes };
    if (this.#mode === 'probe') this.#probe = append;
    else this.#takeForReceived(append);
    this.#check();
  }

  /** The peer accepted an append, and is durable up to `upTo`. */
  matched(upTo: LogIndex): void {
    this.#matchedUpTo = Math.max(this.#matchedUpTo, upTo);
    if (this.#mode === 'probe' && this.#matchedUpTo >= this.#nextIndex - 1) {
      // The probe most likely arrived and is on its way to the peer's disk. If not, the next append is refused.
      this.#mode = 'replicate';
      if (this.#probe !== null) this.#takeForReceived(this.#probe);
    }
    this.#probe = null;
    let freed = 0;
    while (freed < this.#inFlight.length && this.#inFlight[freed]!.upTo <= this.#matchedUpTo) {
      this.#inFlightBytes -= this.#inFlight[freed]!.bytes;
      freed += 1;
    }
    if (freed > 0) this.#inFlight.splice(0, freed);
    this.#nextIndex = Math.max(this.#nextIndex, this.#matchedUpTo + 1);
    this.#check();
  }

  /**
   * Asked about an append of `round` that was refused behind `previousIndex`. @returns whether the peer lost what had
   * matched. If it may have, `nextRound` says which round's answer will tell.
   */
  hasLost(refusal: { readonly previousIndex: LogIndex; readonly round: number }, nextRound: () => number): boolean {
    if (refusal.previousIndex > this.#matchedUpTo) return false;
    if (this.#doubtRound !== null && refusal.round >= this.#doubtRound) return true;
    if (this.#doubtRound === null) {
      this.#doubtRound = nextRound();
      this.wantedRound = this.#doubtRound;
      this.backToProbe();
    }
    return false;
  }

  /** The peer's log lost its end: it agrees at `agreeAt` at the highest. */
  lost(agreeAt: LogIndex): void {
    this.#doubtRound = null;
    this.#matchedUpTo = Math.max(0, Math.min(this.#matchedUpTo, agreeAt));
    this.startOver(this.#matchedUpTo + 1);
  }

  /** Where the logs meet is to be found out again, from `nextIndex` on. */
  startOver(nextIndex: LogIndex): void {
    this.backToProbe();
    this.#nextIndex = Math.max(nextIndex, this.#matchedUpTo + 1);
    this.#check();
  }

  /** An answer of `round` accepted an append. */
  accepted(upTo: LogIndex, round: number): void {
    if (this.#doubtRound !== null && round >= this.#doubtRound && upTo >= this.#matchedUpTo) this.#doubtRound = null;
    this.matched(upTo);
  }

  /** The append behind `previousIndex` did not fit; the logs agree at `agreeAt` at the highest. An old refusal changes nothing. */
  rejected(refusal: { readonly previousIndex: LogIndex; readonly agreeAt: LogIndex }): void {
    if (refusal.previousIndex <= this.#matchedUpTo) return;
    if (this.#mode === 'replicate') {
      this.backToProbe();
      return;
    }
    if (refusal.previousIndex !== this.#nextIndex - 1) return;
    this.#nextIndex = Math.max(this.#matchedUpTo + 1, Math.min(refusal.previousIndex, refusal.agreeAt + 1));
    this.sentChosenUpTo = Math.min(this.sentChosenUpTo, this.#matchedUpTo);
    this.#probe = null;
    this.#check();
  }

  /** What is under way may be lost. */
  backToProbe(): void {
    if (this.#mode === 'replicate') this.#nextIndex = this.#matchedUpTo + 1;
    this.#mode = 'probe';
    this.sentChosenUpTo = Math.min(this.sentChosenUpTo, this.#matchedUpTo);
    this.#probe = null;
    this.#inFlight.length = 0;
    this.#inFlightBytes = 0;
    this.#check();
  }

  #takeForReceived(append: InFlight): void {
    this.#nextIndex = append.upTo + 1;
    this.#inFlight.push(append);
    this.#inFlightBytes += append.bytes;
  }

  #check(): void {
    assert(0 <= this.#matchedUpTo && this.#matchedUpTo < this.#nextIndex, '0 <= matchedUpTo < nextIndex');
    assert(this.#inFlightBytes >= 0, 'bytes in flight are not negative');
  }
}
