/**
 * The idempotency keys of the group as this member has them (H16): replicated state, kept as rows. A transaction is looked
 * up as of the place before its own, within a batch what comes before it included; if it commits, its key is bound by it.
 * So nothing but a positive outcome binds one, and a fence.
 */
import type { Write } from '../../../applier/index.ts';
import type { CommitTime, RowKey } from '../../../certifier/types.ts';
import type { SequenceNumber } from '../../../gcs/base/index.ts';
import { idempotencyKeyRow, keyExpiryOf, keyExpiryRow } from '../key-codec.ts';
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
    const writes = rowsOf(key, record);
    const add = (row: RowKey): void => {
      if (!writes.some((write) => write.key === row)) writes.push({ key: row, image: null });
    };
    for (const row of expired) {
      const { keyRow, expiresAtMs: atMs } = keyExpiryOf(row);
      if (atMs > commit.commitTime.physicalMs) continue;
      // Each row as it is alone: at a rebuild, one of them may be of a later time than the other (H3).
      if (this.#image(row, underWay) != null) add(row);
      const image = this.#image(keyRow, underWay);
      // Somebody may have taken it again.
      if (image != null && expiresAtMsOf(image) <= commit.commitTime.physicalMs) add(keyRow);
    }
    return noted(writes, underWay);
  }

  /** The rows that a fence writes. */
  fence(key: string, { commitTime }: Commit, underWay: KeysUnderWay | null = null): readonly Write[] {
    const expiresAtMs = expiryOf(key, commitTime.physicalMs, this.#horizonMs);
    return noted(rowsOf(key, { kind: 'fenced', expiresAtMs }), underWay);
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

/** What is kept of a key, and when it expires. */
function rowsOf(key: string, record: KeyRecord): Write[] {
  const row = idempotencyKeyRow(key);
  return [
    { key: row, image: encodeKeyRecord(record) },
    { key: keyExpiryRow(row, record.expiresAtMs), image: EMPTY },
  ];
}

function noted(writes: readonly Write[], underWay: KeysUnderWay | null): readonly Write[] {
  if (underWay !== null) for (const { key, image } of writes) underWay.set(key, image);
  return writes;
}

const EMPTY = new Uint8Array();
