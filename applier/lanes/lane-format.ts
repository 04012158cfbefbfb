/** What a lane's environment holds beside the rows, and how a batch travels to the lane's worker. */
import type { RowKey } from '../../certifier/types.ts';
import { ByteReader, ByteWriter, binaryStringOf, type SequenceNumber } from '../../gcs/base/index.ts';
import type { FlushBatch, KeyRange } from '../types.ts';

/** Longest key that the store takes, in bytes. */
export const KEY_BYTES_MAX = 1978;

/** Sorts before every row key: those begin with the four bytes of a table id. */
export const IDENTITY_KEY = '\0';
export const FIRST_ROW_KEY = '\0\0';

/** Where a range of row keys that begins at `from` begins in the store. */
export function firstRowKeyFrom(from: RowKey): RowKey {
  if (from >= FIRST_ROW_KEY) return from;
  return FIRST_ROW_KEY;
}

const FORMAT_VERSION = 1;
const MAGIC = 0x656e_616c;

/** Written when the lane is made, and with the new flush point in the transaction of every flush. */
export interface LaneIdentity {
  readonly memberId: string;
  readonly lane: number;
  readonly laneCount: number;
  readonly flushedUpTo: SequenceNumber;
}

export function encodeIdentity(identity: LaneIdentity): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u32(MAGIC);
  writer.u8(FORMAT_VERSION);
  writer.varint(identity.lane);
  writer.varint(identity.laneCount);
  writer.binaryString(identity.memberId);
  writer.u48(identity.flushedUpTo);
  return writer.finish();
}

export function decodeIdentity(
  bytes: Uint8Array,
): ({ readonly kind: 'identity' } & LaneIdentity) | { readonly kind: 'malformed'; readonly reason: string } {
  const reader = new ByteReader(bytes);
  if (reader.u32() !== MAGIC) return { kind: 'malformed', reason: 'not written by this program' };
  const version = reader.u8();
  if (version !== FORMAT_VERSION) {
    return { kind: 'malformed', reason: `of format version ${version}, this program knows ${FORMAT_VERSION}` };
  }
  const lane = reader.varint();
  const laneCount = reader.varint();
  const memberId = reader.binaryString();
  const flushedUpTo = reader.u48();
  if (!reader.finished) return { kind: 'malformed', reason: 'damaged' };
  return { kind: 'identity', memberId, lane, laneCount, flushedUpTo };
}

/** A row as the store has it: 6 bytes of sequence number, then the image. */
export const VALUE_HEADER_BYTES = 6;

/** Encodes a batch a part at a time, since the rows of a second are too many for one turn. */
export class BatchEncoder {
  readonly #rows: FlushBatch['rows'];
  readonly #writer: ByteWriter;
  #next = 0;

  constructor(batch: FlushBatch) {
    let capacity = 64;
    for (const { from, to } of batch.clear) capacity += from.length + to.length + 16;
    for (const { key, image } of batch.rows) capacity += key.length + 24 + (image?.length ?? 0);
    this.#rows = batch.rows;
    this.#writer = new ByteWriter(capacity);
    this.#writer.u48(batch.upTo);
    this.#writer.varint(batch.clear.length);
    for (const { from, to } of batch.clear) {
      this.#writer.binaryString(from);
      this.#writer.binaryString(to);
    }
    this.#writer.varint(batch.rows.length);
  }

  /** Encodes the next `rowCount` rows, fewer if they come to `byteCount`, at least one. False: that was all. */
  encode(rowCount: number, byteCount: number): boolean {
    const writer = this.#writer;
    const bytesEnd = writer.length + byteCount;
    const end = Math.min(this.#rows.length, this.#next + rowCount);
    for (; this.#next < end && writer.length < bytesEnd; this.#next++) {
      const { key, sequenceNumber, image } = this.#rows[this.#next]!;
      writer.binaryString(key);
      writer.varint(image === null ? 0 : VALUE_HEADER_BYTES + image.length);
      if (image === null) continue;
      writer.u48(sequenceNumber);
      writer.raw(image);
    }
    return this.#next < this.#rows.length;
  }

  /** One buffer, to be handed over without a copy; `length` of its bytes are in use. */
  finish(): { readonly buffer: ArrayBuffer; readonly length: number } {
    const view = this.#writer.view();
    return { buffer: view.buffer as ArrayBuffer, length: view.length };
  }
}

export interface DecodedBatch {
  readonly upTo: SequenceNumber;
  readonly clear: readonly KeyRange[];
  /** `value: null`: the row goes. Values are views of what was decoded. */
  readonly rows: { readonly key: RowKey; readonly value: Uint8Array | null }[];
}

/** Null if the bytes are no batch. */
export function decodeBatch(bytes: Uint8Array): DecodedBatch | null {
  const reader = new ByteReader(bytes);
  const upTo = reader.u48();
  const clear: KeyRange[] = [];
  for (let left = reader.varint(); left > 0 && !reader.malformed; left--) {
    clear.push({ from: reader.binaryString(), to: reader.binaryString() });
  }
  const rows: { key: RowKey; value: Uint8Array | null }[] = [];
  for (let left = reader.varint(); left > 0 && !reader.malformed; left--) {
    const key = binaryStringOf(reader.blob());
    const value = reader.blob();
    rows.push({ key, value: value.length === 0 ? null : value });
  }
  return reader.finished ? { upTo, clear, rows } : null;
}
