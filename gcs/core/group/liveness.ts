/** When each peer was last heard, and which of them can be reached. */
import type { MemberOrdinal } from '../../base/index.ts';

export class Liveness {
  readonly #unreachableAfterMs: number;
  readonly #changed: (peer: MemberOrdinal, isReachable: boolean) => void;
  readonly #heardMs = new Map<MemberOrdinal, number>();
  readonly #busyMs = new Map<MemberOrdinal, number>();
  readonly #isBusy = new Map<MemberOrdinal, boolean>();
  readonly #reachable = new Map<MemberOrdinal, boolean>();

  constructor(unreachableAfterMs: number, changed: (peer: MemberOrdinal, isReachable: boolean) => void) {
    this.#unreachableAfterMs = unreachableAfterMs;
    this.#changed = changed;
  }

  heard(peer: MemberOrdinal, nowMs: number): void {
    this.#heardMs.set(peer, nowMs);
    if (this.#reachable.get(peer) !== true) this.#set(peer, true);
  }

  /** Whether it restores itself or receives its state. */
  heardBusy(peer: MemberOrdinal, isBusy: boolean, nowMs: number): void {
    this.#isBusy.set(peer, isBusy);
    if (isBusy) this.#busyMs.set(peer, nowMs);
  }

  /** As it said last. */
  isBusy(peer: MemberOrdinal): boolean {
    return this.#isBusy.get(peer) ?? false;
  }

  /** Null: never. Monotonic. */
  heardMs(peer: MemberOrdinal): number | null {
    return this.#heardMs.get(peer) ?? null;
  }

  /** When it last said so. Null: never. Monotonic. */
  busyMs(peer: MemberOrdinal): number | null {
    return this.#busyMs.get(peer) ?? null;
  }

  isReachable(peer: MemberOrdinal): boolean {
    return this.#reachable.get(peer) ?? false;
  }

  judge(nowMs: number): void {
    for (const [peer, heardMs] of this.#heardMs) {
      if (heardMs < nowMs - this.#unreachableAfterMs && this.isReachable(peer)) this.#set(peer, false);
    }
  }

  forget(peer: MemberOrdinal): void {
    this.#heardMs.delete(peer);
    this.#busyMs.delete(peer);
    this.#isBusy.delete(peer);
    this.#reachable.delete(peer);
  }

  get known(): readonly MemberOrdinal[] {
    return [...this.#heardMs.keys()];
  }

  #set(peer: MemberOrdinal, isReachable: boolean): void {
    this.#reachable.set(peer, isReachable);
    this.#changed(peer, isReachable);
  }
}
