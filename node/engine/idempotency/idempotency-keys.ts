/**
 * The idempotency keys of the group as this member has them (H16): replicated state, kept as rows. A transaction is looked
 * up as of the place before its own, within a batch what comes before it included; if it commits, its key is bound by it.
 * So nothing but a positive outcome binds one, and a fence.
 */
import type { Write } from '../../../applier/index.ts';
import type { CommitTime, RowKey } from '../../../certifier/types.ts';
import type { SequenceNumber } from '../../../gcs/base/index.ts';
import { idempotencyKeyRow } from '../key-codec.ts';
import { expiryOf, judgeKey, type KeyQuestion, type KeyRefusal, type OrderedTime } from './judge-key.ts';
import type { KeyAttribute } from './key-attribute.ts';
import { decodeKeyRecord, encodeKeyRecord, expiresAtMsOf, type KeyRecord } from './key-record.ts';

export interface KeyStore {
  get(key: RowKey, snapshot: SequenceNumber): Uint8Array | undefined;
  readonly appliedUpTo: SequenceNumber;
}

/** What was written to rows of keys, and is not published yet; null: the row goes. */
export type KeysUnderWay = Map<RowKey, Uint8Array | null>;

export interface Commit {
  readonly sequenceNumber: SequenceNumber;
  readonly commitTime: CommitTime;
}

export class IdempotencyKeys {
  readonly #store: KeyStore;
  readonly #horizonMs: number;

  constructor(store: KeyStore, horizonMs: number) {
    this.#store = store;
    this.#horizonMs = horizonMs;
  }

  /** Null: it may commit. */
  judge(question: KeyQuestion, time: OrderedTime, underWay: KeysUnderWay | null = null): KeyRefusal | null {
    return judgeKey(question, this.#find(question.key, underWay), time, this.#horizonMs);
  }

  /** The rows that a transaction which commits writes for its key beside its own. */
  bind(
    attribute: KeyAttribute,
    commit: Commit & { readonly snapshotVersion: SequenceNumber },
    underWay: KeysUnderWay | null = null,
  ): readonly Write[] {
    const { key, fingerprint, result, expired } = attribute;
    const expiresAtMs = expiryOf(key, commit.commitTime.physicalMs, this.#horizonMs);
    const record: KeyRecord = { kind: 'committed', expiresAtMs, ...commit, fingerprint, result };
    const own = { key: idempotencyKeyRow(key), image: encodeKeyRecord(record) };
    const writes: Write[] = [own];
    for (const row of expired) {
      if (writes.some((write) => write.key === row)) continue;
      const image = this.#image(row, underWay);
      // Another one may have given it up, and somebody have taken it again.
      if (image != null && expiresAtMsOf(image) <= commit.commitTime.physicalMs) writes.push({ key: row, image: null });
    }
    if (underWay !== null) for (const { key: row, image } of writes) underWay.set(row, image);
    return writes;
  }

  /** The row that a fence writes. */
  fence(key: string, { commitTime }: Commit, underWay: KeysUnderWay | null = null): Write {
    const expiresAtMs = expiryOf(key, commitTime.physicalMs, this.#horizonMs);
    const write = { key: idempotencyKeyRow(key), image: encodeKeyRecord({ kind: 'fenced', expiresAtMs }) };
    underWay?.set(write.key, write.image);
    return write;
  }

  #find(key: string, underWay: KeysUnderWay | null): KeyRecord | null {
    const image = this.#image(idempotencyKeyRow(key), underWay);
    return image == null ? null : decodeKeyRecord(image);
  }

  #image(row: RowKey, underWay: KeysUnderWay | null): Uint8Array | null | undefined {
    const written = underWay?.get(row);
    return written === undefined ? this.#store.get(row, this.#store.appliedUpTo) : written;
  }
}
