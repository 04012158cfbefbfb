/** What a lane's environment holds beside the rows, and how a batch travels to the lane's worker. */
import type { RowKey } from '../../certifier/types.ts';
import { ByteReader, ByteWriter, type SequenceNumber } from '../../gcs/base/index.ts';
import type { FlushBatch } from '../types.ts';

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
/** Two lengths, and the head of the value. */
const ROW_OVERHEAD_BYTES_MAX = 24;

/** Some of the rows of a batch, encoded: a buffer to be handed over without a copy; `length` of its bytes are in use. */
export interface EncodedRows {
  readonly buffer: ArrayBuffer;
  readonly length: number;
}

/** Encodes the rows of a batch a part at a time, since those of a second are too many for one turn. */
export class RowsEncoder {
  readonly parts: EncodedRows[] = [];
  readonly #rows: FlushBatch['rows'];
  #next = 0;

  constructor(rows: FlushBatch['rows']) {
    this.#rows = rows;
  }

  /** Makes the next part, of so many rows or bytes at most, but at least a row. False: that was all. */
  encode(rowsMax: number, bytesMax: number): boolean {
    const first = this.#next;
    let capacity = 0;
    while (this.#next < this.#rows.length && this.#next - first < rowsMax) {
      const { key, image } = this.#rows[this.#next]!;
      const bytes = key.length + ROW_OVERHEAD_BYTES_MAX + (image === null ? 0 : image.length);
      if (this.#next > first && capacity + bytes > bytesMax) break;
      capacity += bytes;
      this.#next++;
    }
    if (this.#next === first) return false;
    const writer = new ByteWriter(capacity);
    for (let at = first; at < this.#next; at++) {
      const { key, sequenceNumber, image } = this.#rows[at]!;
      writer.binaryString(key);
      writer.varint(image === null ? 0 : VALUE_HEADER_BYTES + image.length);
      if (image === null) continue;
      writer.u48(sequenceNumber);
      writer.raw(image);
    }
    const view = writer.view();
    this.parts.push({ buffer: view.buffer as ArrayBuffer, length: view.length });
    return this.#next < this.#rows.length;
  }
}

/** A row on its way to the store. `value: null`: the row goes. */
export interface DecodedRow {
  readonly key: RowKey;
  readonly value: Uint8Array | null;
}

/** Values are views of what is decoded. Null if the bytes are no rows. */
export function decodeRows(parts: readonly EncodedRows[]): DecodedRow[] | null {
  const rows: DecodedRow[] = [];
  for (const { buffer, length } of parts) {
    const reader = new ByteReader(new Uint8Array(buffer, 0, length));
    while (reader.left > 0) {
      const key = reader.binaryString();
      const value = reader.blob();
      rows.push({ key, value: value.length === 0 ? null : value });
    }
    if (reader.malformed) return null;
  }
  return rows;
}
