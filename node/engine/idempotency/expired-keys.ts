/**
 * Finds keys that are forgotten already, for transactions with keys of their own to take along: so what is kept of keys
 * stays bounded by how many are used within the horizon, and a group that uses none does nothing. Beside each key is a row
 * that is ordered by when it expires; hence what has expired is found without a look at anything else. Members look at
 * different places of it: what several take along at once goes only once.
 */
import type { KeyRange } from '../../../applier/index.ts';
import type { RowKey } from '../../../certifier/types.ts';
import type { MemberOrdinal, SequenceNumber } from '../../../gcs/base/index.ts';
import { keyExpiries, keyExpiryOf } from '../key-codec.ts';
import { EXPIRED_MAX } from './key-attribute.ts';

/** Rows that are taken at a time: for a few transactions, since others may take the same. */
const TAKEN = 4 * EXPIRED_MAX;
/** Where none had expired, so many transactions go without looking. */
const RESTS = 64;
/** Where a member looks, as a part of all that has expired: evenly spread over its looks, and over members. */
const STEP_OF_LOOK = 0.618_033_988_749_894_9;
const STEP_OF_MEMBER = 0.754_877_666_246_692_8;
/** Where there is nothing behind that place, it looks again so much nearer to the front. */
const NEARER = 16;

export interface ScannedKeys {
  readonly appliedUpTo: SequenceNumber;
  get(key: RowKey, snapshot: SequenceNumber): Uint8Array | undefined;
  scan(range: KeyRange, snapshot: SequenceNumber, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]>;
}

export class ExpiredKeys {
  #found: RowKey[] = [];
  #looks = 0;
  #rests = 0;
  /** Nothing expires earlier: what went there is not scanned again. */
  #frontMs = 0;

  /** Rows of expiries, at most `EXPIRED_MAX`. `committedMs`: commit time of what committed last. */
  take(store: ScannedKeys, committedMs: number, member: MemberOrdinal): readonly RowKey[] {
    if (this.#found.length === 0) this.#look(store, committedMs, member);
    const taken: RowKey[] = [];
    while (taken.length < EXPIRED_MAX && this.#found.length > 0) {
      const row = this.#found.shift()!;
      // Another one may have taken it along.
      if (store.get(row, store.appliedUpTo) !== undefined) taken.push(row);
    }
    return taken;
  }

  #look(store: ScannedKeys, committedMs: number, member: MemberOrdinal): void {
    if (this.#rests > 0) {
      this.#rests--;
      return;
    }
    // Taken along by all, so that the front moves, and what has expired lies close together.
    const front = expired(store, this.#frontMs, committedMs, EXPIRED_MAX);
    if (front.length === 0) {
      this.#frontMs = 0;
      this.#rests = RESTS;
      return;
    }
    this.#frontMs = keyExpiryOf(front[0]!).expiresAtMs;
    const part = (++this.#looks * STEP_OF_LOOK + member * STEP_OF_MEMBER) % 1;
    let span = committedMs - this.#frontMs;
    let behind: readonly RowKey[];
    do {
      behind = expired(store, this.#frontMs + Math.floor(part * span), committedMs, TAKEN);
      span = Math.floor(span / NEARER);
    } while (behind.length === 0);
    this.#found = [...new Set([...front, ...behind])];
  }
}

/** The first `count` at most that expire from `sinceMs` on and have expired at `committedMs`. */
function expired(store: ScannedKeys, sinceMs: number, committedMs: number, count: number): RowKey[] {
  const rows: RowKey[] = [];
  if (sinceMs > committedMs) return rows;
  for (const [row] of store.scan(keyExpiries(sinceMs, committedMs), store.appliedUpTo, false)) {
    rows.push(row);
    if (rows.length === count) break;
  }
  return rows;
}
