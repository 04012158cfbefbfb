/**
 * Finds keys that are forgotten already, for transactions with keys of their own to take along: so what is kept of keys
 * stays bounded by how many are used within the horizon, and a group that uses none does nothing. Looks through some of them
 * when it has none left, from where it was; each member begins somewhere else.
 */
import type { KeyRange } from '../../../applier/index.ts';
import type { RowKey } from '../../../certifier/types.ts';
import type { SequenceNumber } from '../../../gcs/base/index.ts';
import { IDEMPOTENCY_KEYS } from '../key-codec.ts';
import { EXPIRED_MAX } from './key-attribute.ts';
import { expiresAtMsOf } from './key-record.ts';

/** Rows that are looked through at a time: some tens of microseconds. */
const LOOKED_AT = 64;
/** Where all of them were in use, so many transactions go without looking. */
const RESTS = 64;

export interface ScannedKeys {
  readonly appliedUpTo: SequenceNumber;
  scan(range: KeyRange, snapshot: SequenceNumber, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]>;
}

export class ExpiredKeys {
  #from: RowKey = IDEMPOTENCY_KEYS.from;
  #found: RowKey[] = [];
  #rests = 0;

  /** At most `EXPIRED_MAX`. `committedMs`: commit time of what committed last. */
  take(store: ScannedKeys, committedMs: number): readonly RowKey[] {
    if (this.#found.length === 0) this.#look(store, committedMs);
    return this.#found.splice(0, EXPIRED_MAX);
  }

  #look(store: ScannedKeys, committedMs: number): void {
    if (this.#rests > 0) {
      this.#rests--;
      return;
    }
    let looked = 0;
    for (const [key, image] of store.scan({ ...IDEMPOTENCY_KEYS, from: this.#from }, store.appliedUpTo, false)) {
      if (looked++ === LOOKED_AT) {
        this.#from = key;
        break;
      }
      if (expiresAtMsOf(image) <= committedMs) this.#found.push(key);
    }
    if (looked <= LOOKED_AT) this.#from = IDEMPOTENCY_KEYS.from;
    if (this.#found.length === 0) this.#rests = RESTS;
  }
}
