/**
 * The bytes of a segment file. Little-endian; everything starts on a sector of 512 bytes, so that writing a block never
 * touches a sector of an earlier one.
 *
 *   segment  = header (one sector), block*, anything that is no block
 *   header   = magic u32, version u8, number u48, first block number u48, member id (u8 length, ASCII), zeros, CRC u32 (last)
 *   block    = magic u32, offset u32, number u48, length u32, record count u32, records CRC u32, CRC u32; record*; zeros
 *   record   = hard state: kind 1, term u48, voted for + 1 u32, CRC u32
 *            | entry: kind 2 (noop) or 3 (message), index u48, term u48, origin u32, incarnation u48, message number u48,
 *              stamp f64, payload length u32, payload CRC u32, CRC u32; payload
 *
 * A block header's CRC is seeded with the member's id and the segment's number and covers the block's own offset: the
 * copy of a block in a payload, or in a file from elsewhere, is no block. The records CRC runs over all records without
 * their payloads, which their payload CRCs stand for: sectors of two attempts to write one block never make a third.
 * It leaves out the records' own CRCs: a CRC over data and its CRC is the same for all data.
 */
import { crc32c } from '../../base/index.ts';
import type { HardState, LogEntry, PersistRequest } from '../types.ts';

export const SECTOR_BYTES = 512;
export const SEGMENT_HEADER_BYTES = SECTOR_BYTES;
export const ENTRY_IDENTITY_BYTES = 49;

const FORMAT_VERSION = 1;
const SEGMENT_MAGIC = 0x53_6e_6f_43; // "ConS"
const BLOCK_MAGIC = 0x42_6e_6f_43; // "ConB"
const BLOCK_HEADER_BYTES = 30;
const HARD_STATE_BYTES = 15;
const KIND_HARD_STATE = 1;
const KIND_NOOP = 2;
const KIND_MESSAGE = 3;
const TWO_TO_32 = 0x1_0000_0000;
/** Smaller payloads are copied into the block's buffer, larger ones are handed to the disk as they are. */
const COPIED_PAYLOAD_BYTES_MAX = 4096;
const SEGMENT_NAME = /^log-(\d{16})\.segment$/;

export function segmentName(number: number): string {
  return `log-${String(number).padStart(16, '0')}.segment`;
}

/** Null: no segment file's name. */
export function segmentNumberOf(name: string): number | null {
  const match = SEGMENT_NAME.exec(name);
  return match === null ? null : Number(match[1]);
}

export interface SegmentHeader {
  readonly memberId: string;
  readonly number: number;
  readonly firstBlock: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, SEGMENT_MAGIC, true);
  view.setUint8(4, FORMAT_VERSION);
  setU48(view, 5, header.number);
  setU48(view, 11, header.firstBlock);
  view.setUint8(17, header.memberId.length);
  for (let i = 0; i < header.memberId.length; i++) view.setUint8(18 + i, header.memberId.charCodeAt(i));
  view.setUint32(SECTOR_BYTES - 4, crc32c(bytes.subarray(0, SECTOR_BYTES - 4)), true);
  return bytes;
}

export type DecodedSegmentHeader =
  | ({ readonly kind: 'header' } & SegmentHeader)
  /** Whole, and of a format that this program does not know. */
  | { readonly kind: 'unknown-version'; readonly version: number }
  | { readonly kind: 'none' };

export function decodeSegmentHeader(segment: Uint8Array): DecodedSegmentHeader {
  if (segment.length < SECTOR_BYTES) return { kind: 'none' };
  const view = viewOf(segment);
  if (view.getUint32(0, true) !== SEGMENT_MAGIC) return { kind: 'none' };
  if (view.getUint32(SECTOR_BYTES - 4, true) !== crc32c(segment.subarray(0, SECTOR_BYTES - 4))) return { kind: 'none' };
  const version = view.getUint8(4);
  if (version !== FORMAT_VERSION) return { kind: 'unknown-version', version };
  const memberId = String.fromCharCode(...segment.subarray(18, 18 + view.getUint8(17)));
  return { kind: 'header', memberId, number: getU48(view, 5), firstBlock: getU48(view, 11) };
}

/** What makes block headers of one segment of one member valid there and nowhere else. */
export function segmentSeed(memberId: string, segmentNumber: number): number {
  return crc32c(encodeSegmentHeader({ memberId, number: segmentNumber, firstBlock: 0 }));
}

/** Bytes of a block whose records have so many bytes: whole sectors, with room for a copy of the hard state. */
export function blockLength(recordsBytes: number): number {
  return wholeSectors(BLOCK_HEADER_BYTES + HARD_STATE_BYTES + recordsBytes);
}

/** Bytes of the records of a request, payloads included. */
export function recordsLength(request: PersistRequest): number {
  let length = request.hardState === null ? 0 : HARD_STATE_BYTES;
  for (const entry of request.entries) length += ENTRY_IDENTITY_BYTES + entry.payload.length;
  return length;
}

export interface BlockPlan {
  readonly seed: number;
  readonly offset: number;
  readonly number: number;
  /** Written first, before the requests. */
  readonly hardState: HardState | null;
  readonly requests: readonly PersistRequest[];
  /** Told of each entry in order, with the offset of its record in the segment. */
  readonly placed: (entry: LogEntry, offset: number) => void;
}

export interface EncodedBlock {
  readonly chunks: readonly Uint8Array[];
  readonly length: number;
}

/** Encodes blocks, one at a time: the chunks of one are valid until the next. */
export class BlockEncoder {
  #buffer = new Uint8Array(0);
  #view = viewOf(this.#buffer);
  #at = 0;
  #recordsCrc = 0;

  encode(plan: BlockPlan): EncodedBlock {
    const { requests, placed } = plan;
    this.#reserve(requests, plan.hardState !== null);
    this.#at = BLOCK_HEADER_BYTES;
    this.#recordsCrc = 0;
    const chunks: Uint8Array[] = [];
    let chunkFrom = 0;
    /** Bytes of the block outside the buffer, so far. */
    let outside = 0;
    let records = 0;
    const hardStateRecord = (hardState: HardState | null): void => {
      if (hardState === null) return;
      this.#hardState(hardState);
      records++;
    };
    hardStateRecord(plan.hardState);
    for (const request of requests) {
      hardStateRecord(request.hardState);
      for (const entry of request.entries) {
        placed(entry, plan.offset + this.#at + outside);
        this.#identity(entry);
        records++;
        const { payload } = entry;
        if (payload.length <= COPIED_PAYLOAD_BYTES_MAX) {
          this.#buffer.set(payload, this.#at);
          this.#at += payload.length;
        } else {
          chunks.push(this.#buffer.subarray(chunkFrom, this.#at), payload);
          chunkFrom = this.#at;
          outside += payload.length;
        }
      }
    }
    const length = wholeSectors(this.#at + outside);
    const padded = length - outside;
    this.#buffer.fill(0, this.#at, padded);
    if (padded > chunkFrom) chunks.push(this.#buffer.subarray(chunkFrom, padded));
    this.#header(plan, length, records);
    return { chunks, length };
  }

  #header(plan: BlockPlan, length: number, records: number): void {
    const view = this.#view;
    view.setUint32(0, BLOCK_MAGIC, true);
    view.setUint32(4, plan.offset, true);
    setU48(view, 8, plan.number);
    view.setUint32(14, length, true);
    view.setUint32(18, records, true);
    view.setUint32(22, this.#recordsCrc, true);
    view.setUint32(26, crc32c(this.#buffer.subarray(0, 26), plan.seed), true);
  }

  #hardState(hardState: HardState): void {
    const [view, at] = [this.#view, this.#at];
    view.setUint8(at, KIND_HARD_STATE);
    setU48(view, at + 1, hardState.term);
    view.setUint32(at + 7, hardState.votedFor === null ? 0 : hardState.votedFor + 1, true);
    this.#seal(HARD_STATE_BYTES);
  }

  #identity(entry: LogEntry): void {
    const [view, at] = [this.#view, this.#at];
    view.setUint8(at, entry.kind === 'noop' ? KIND_NOOP : KIND_MESSAGE);
    setU48(view, at + 1, entry.index);
    setU48(view, at + 7, entry.term);
    view.setUint32(at + 13, entry.origin, true);
    setU48(view, at + 17, entry.incarnation);
    setU48(view, at + 23, entry.messageNumber);
    view.setFloat64(at + 29, entry.stampMs, true);
    view.setUint32(at + 37, entry.payload.length, true);
    view.setUint32(at + 41, crc32c(entry.payload), true);
    this.#seal(ENTRY_IDENTITY_BYTES);
  }

  #seal(recordBytes: number): void {
    const end = this.#at + recordBytes;
    const record = this.#buffer.subarray(this.#at, end - 4);
    this.#view.setUint32(end - 4, crc32c(record), true);
    this.#recordsCrc = crc32c(record, this.#recordsCrc);
    this.#at = end;
  }

  #reserve(requests: readonly PersistRequest[], withHardState: boolean): void {
    let bytes = BLOCK_HEADER_BYTES + (withHardState ? HARD_STATE_BYTES : 0) + SECTOR_BYTES;
    for (const request of requests) {
      if (request.hardState !== null) bytes += HARD_STATE_BYTES;
      for (const { payload } of request.entries) {
        bytes += ENTRY_IDENTITY_BYTES + (payload.length <= COPIED_PAYLOAD_BYTES_MAX ? payload.length : 0);
      }
    }
    if (bytes <= this.#buffer.length) return;
    this.#buffer = new Uint8Array(Math.max(bytes, Math.min(this.#buffer.length * 2, 1 << 20)));
    this.#view = viewOf(this.#buffer);
  }
}

export type LogRecord =
  | { readonly kind: 'hard-state'; readonly hardState: HardState }
  | { readonly kind: 'entry'; readonly entry: LogEntry; readonly offset: number };

export interface BlockHeader {
  readonly number: number;
  readonly length: number;
  readonly recordCount: number;
  readonly recordsCrc: number;
}

export type DecodedBlock =
  | { readonly kind: 'block'; readonly number: number; readonly length: number; readonly records: readonly LogRecord[] }
  /** `header`: if that much is whole. `offset`: of the first byte that could not be understood, in the segment. */
  | {
      readonly kind: 'unreadable';
      readonly header: BlockHeader | null;
      readonly offset: number;
      readonly reason: string;
    };

/** The block at `offset`; its payloads are views of `segment`. */
export function decodeBlock(segment: Uint8Array, offset: number, seed: number): DecodedBlock {
  const header = decodeBlockHeader(segment, offset, seed);
  if (header === null) return { kind: 'unreadable', header, offset, reason: 'no block header' };
  const unreadable = (at: number, reason: string): DecodedBlock => ({ kind: 'unreadable', header, offset: at, reason });
  const end = offset + header.length;
  if (end > segment.length) return unreadable(offset, 'the file ends within the block');
  const records: LogRecord[] = [];
  const view = viewOf(segment);
  let at = offset + BLOCK_HEADER_BYTES;
  let recordsCrc = 0;
  for (let i = 0; i < header.recordCount; i++) {
    const size = segment[at] === KIND_HARD_STATE ? HARD_STATE_BYTES : ENTRY_IDENTITY_BYTES;
    if (at + size > end) return unreadable(at, 'a record reaches behind its block');
    recordsCrc = crc32c(segment.subarray(at, at + size - 4), recordsCrc);
    if (segment[at] === KIND_HARD_STATE) {
      const hardState = decodeHardState(segment, view, at);
      if (hardState === null) return unreadable(at, 'the checksum of a hard state record is wrong');
      records.push({ kind: 'hard-state', hardState });
      at += size;
    } else {
      const decoded = decodeEntry(segment, at, end);
      if (decoded.kind === 'unreadable') return unreadable(at, decoded.reason);
      records.push({ kind: 'entry', entry: decoded.entry, offset: at });
      at += size + decoded.entry.payload.length;
    }
  }
  if (recordsCrc !== header.recordsCrc) return unreadable(offset, 'the records are not those of the block header');
  if (wholeSectors(at - offset) !== header.length) return unreadable(at, 'the records do not fill the block');
  const rest = endOfContent(segment, at, end);
  if (rest > at) return unreadable(rest - 1, 'the padding is not zero');
  return { kind: 'block', number: header.number, length: header.length, records };
}

/** Null: there is no whole header of a block of this segment at this offset. */
export function decodeBlockHeader(segment: Uint8Array, offset: number, seed: number): BlockHeader | null {
  if (offset + BLOCK_HEADER_BYTES > segment.length) return null;
  const view = new DataView(segment.buffer, segment.byteOffset + offset, BLOCK_HEADER_BYTES);
  if (view.getUint32(0, true) !== BLOCK_MAGIC || view.getUint32(4, true) !== offset) return null;
  if (view.getUint32(26, true) !== crc32c(segment.subarray(offset, offset + 26), seed)) return null;
  return {
    number: getU48(view, 8),
    length: view.getUint32(14, true),
    recordCount: view.getUint32(18, true),
    recordsCrc: view.getUint32(22, true),
  };
}

export type DecodedEntry =
  | { readonly kind: 'entry'; readonly entry: LogEntry }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** The entry record at `at`, which does not reach behind `end`; its payload is a view of `bytes`. */
export function decodeEntry(bytes: Uint8Array, at: number, end: number): DecodedEntry {
  if (at + ENTRY_IDENTITY_BYTES > end) return { kind: 'unreadable', reason: 'an entry record is cut off' };
  const view = viewOf(bytes);
  const identityEnd = at + ENTRY_IDENTITY_BYTES;
  const kind = view.getUint8(at);
  const isWhole = view.getUint32(identityEnd - 4, true) === crc32c(bytes.subarray(at, identityEnd - 4));
  if (!isWhole || (kind !== KIND_NOOP && kind !== KIND_MESSAGE)) {
    return { kind: 'unreadable', reason: 'the checksum of an entry record is wrong' };
  }
  const index = getU48(view, at + 1);
  const payloadEnd = identityEnd + view.getUint32(at + 37, true);
  if (payloadEnd > end) return { kind: 'unreadable', reason: `the payload of index ${index} is cut off` };
  const payload = bytes.subarray(identityEnd, payloadEnd);
  if (crc32c(payload) !== view.getUint32(at + 41, true)) {
    return { kind: 'unreadable', reason: `the checksum of the payload of index ${index} is wrong` };
  }
  const entry: LogEntry = {
    index,
    term: getU48(view, at + 7),
    kind: kind === KIND_NOOP ? 'noop' : 'message',
    origin: view.getUint32(at + 13, true),
    incarnation: getU48(view, at + 17),
    messageNumber: getU48(view, at + 23),
    stampMs: view.getFloat64(at + 29, true),
    payload,
  };
  return { kind: 'entry', entry };
}

/** End of the last byte from `from` to `to` that is not zero; `from` if there is none. */
export function endOfContent(bytes: Uint8Array, from: number, to: number): number {
  let end = to;
  while (end > from && bytes[end - 1] === 0) end--;
  return end;
}

export function wholeSectors(length: number): number {
  return Math.ceil(length / SECTOR_BYTES) * SECTOR_BYTES;
}

function decodeHardState(bytes: Uint8Array, view: DataView, at: number): HardState | null {
  const end = at + HARD_STATE_BYTES;
  if (view.getUint32(end - 4, true) !== crc32c(bytes.subarray(at, end - 4))) return null;
  const voted = view.getUint32(at + 7, true);
  return { term: getU48(view, at + 1), votedFor: voted === 0 ? null : voted - 1 };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function setU48(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint16(at + 4, Math.floor(value / TWO_TO_32), true);
}

function getU48(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint16(at + 4, true) * TWO_TO_32;
}
