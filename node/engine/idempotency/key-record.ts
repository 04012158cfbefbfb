/**
 * What is kept of an idempotency key, as the row of a table of the system's own: rows have versions, lanes, recovery and
 * state transfer already.
 *
 *     committed  format u8 (1), state u8 (1), expires at u48 (ms), sequence number u48, commit time: physical u48, logical
 *                varint; snapshot version varint, fingerprint u32 u32, result kept u8, result
 *     fenced     format u8 (1), state u8 (2), expires at u48 (ms)
 */
import type { CommitTime } from '../../../certifier/types.ts';
import { assert, ByteReader, ByteWriter, type SequenceNumber } from '../../../gcs/base/index.ts';
import { readFingerprint, writeFingerprint } from './key-attribute.ts';

export type KeyRecord = FirstOutcome | { readonly kind: 'fenced'; readonly expiresAtMs: number };

/** What came of the transaction that committed with the key. */
export interface FirstOutcome {
  readonly kind: 'committed';
  /** From that commit time on nobody is told of it any more. */
  readonly expiresAtMs: number;
  readonly sequenceNumber: SequenceNumber;
  readonly commitTime: CommitTime;
  readonly snapshotVersion: SequenceNumber;
  readonly fingerprint: string;
  readonly result: Uint8Array | null;
}

const FORMAT = 1;
const COMMITTED = 1;
const FENCED = 2;

export function encodeKeyRecord(record: KeyRecord): Uint8Array {
  const writer = new ByteWriter();
  writer.u8(FORMAT);
  writer.u8(record.kind === 'committed' ? COMMITTED : FENCED);
  writer.u48(record.expiresAtMs);
  if (record.kind === 'fenced') return writer.finish();
  const { sequenceNumber, commitTime, snapshotVersion, fingerprint, result } = record;
  writer.u48(sequenceNumber);
  writer.u48(commitTime.physicalMs);
  writer.varint(commitTime.logical);
  writer.varint(snapshotVersion);
  writeFingerprint(writer, fingerprint);
  writer.u8(result === null ? 0 : 1);
  if (result !== null) writer.blob(result);
  return writer.finish();
}

export function decodeKeyRecord(image: Uint8Array): KeyRecord {
  const reader = new ByteReader(image);
  assert(reader.u8() === FORMAT, 'the record of a key is of a known format');
  const state = reader.u8();
  const expiresAtMs = reader.u48();
  if (state === FENCED) return { kind: 'fenced', expiresAtMs };
  const record: FirstOutcome = {
    kind: 'committed',
    expiresAtMs,
    sequenceNumber: reader.u48(),
    commitTime: { physicalMs: reader.u48(), logical: reader.varint() },
    snapshotVersion: reader.varint(),
    fingerprint: readFingerprint(reader),
    result: reader.u8() === 0 ? null : reader.blob(),
  };
  assert(state === COMMITTED && reader.finished, 'the record of a key is readable');
  return record;
}

/** When the record of a key was to be looked at alone: cheap. */
export function expiresAtMsOf(image: Uint8Array): number {
  const reader = new ByteReader(image);
  reader.skip(2);
  return reader.u48();
}
