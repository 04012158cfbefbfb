/**
 * What a transaction with an idempotency key says of it in its message to the group (attribute 1):
 *
 *     key, fingerprint u32 u32, result kept u8 (0, 1: result), result, expired count varint, keys of rows of expiries
 *
 * Texts and bytes with their lengths before them.
 */
import type { RowKey, Transaction, TransactionAttribute } from '../../../certifier/types.ts';
import { assert, ByteReader, ByteWriter, utf8Decode, utf8Encode } from '../../../gcs/base/index.ts';

export const IDEMPOTENCY_TAG = 1;
/** Keys that one transaction gives up: more than it adds, so that what expired does not pile up. */
export const EXPIRED_MAX = 4;

export interface KeyAttribute {
  readonly key: string;
  /** Of what was asked for: 16 hexadecimal digits. */
  readonly fingerprint: string;
  /** What the client is answered beside the facts of the commit, encoded; null: it was too large to be kept. */
  readonly result: Uint8Array | null;
  /** Rows of expiries (`keyExpiryRow`) that its origin found, `EXPIRED_MAX` at most: they and their keys go with it. */
  readonly expired: readonly RowKey[];
}

export function keyAttribute({ key, fingerprint, result, expired }: KeyAttribute): TransactionAttribute {
  const writer = new ByteWriter();
  writer.blob(utf8Encode(key));
  writeFingerprint(writer, fingerprint);
  writer.u8(result === null ? 0 : 1);
  if (result !== null) writer.blob(result);
  writer.varint(expired.length);
  for (const row of expired) writer.binaryString(row);
  return { tag: IDEMPOTENCY_TAG, content: writer.finish() };
}

/** Null: it has no key. */
export function keyAttributeOf({ attributes }: Transaction): KeyAttribute | null {
  const attribute = attributes?.find(({ tag }) => tag === IDEMPOTENCY_TAG);
  if (attribute === undefined) return null;
  const reader = new ByteReader(attribute.content);
  const key = utf8Decode(reader.blob());
  const fingerprint = readFingerprint(reader);
  const result = reader.u8() === 0 ? null : reader.blob();
  const count = reader.varint();
  assert(count <= EXPIRED_MAX, 'a transaction gives up few keys');
  const expired: RowKey[] = [];
  for (let i = 0; i < count; i++) expired.push(reader.binaryString());
  assert(key !== null && reader.finished, 'a chosen idempotency key is readable');
  return { key, fingerprint, result, expired };
}

export function writeFingerprint(writer: ByteWriter, fingerprint: string): void {
  writer.u32(Number.parseInt(fingerprint.slice(0, 8), 16));
  writer.u32(Number.parseInt(fingerprint.slice(8), 16));
}

export function readFingerprint(reader: ByteReader): string {
  return [reader.u32(), reader.u32()].map((half) => half.toString(16).padStart(8, '0')).join('');
}
