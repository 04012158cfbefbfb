/**
 * The bytes of a segment file, format version 2. Little-endian; everything starts on a sector of 512 bytes, so that
 * writing a block never touches a sector of an earlier one.
 *
 *   segment  = header (one sector), block*, anything that is no block
 *   header   = magic u32, version u8, number u48, first block number u48, member id (u8 length, ASCII), zeros, context
 *              (at 400), CRC u32 (last)
 *   block    = magic u32, offset u32, number u48, attempt u32, length u32, record count u32, records CRC u32, flags u8
 *              (1: repairs, 2: a seal), span, context, CRC u32; record*; zeros
 *   span     = first index u48, last index u48, last term u48
 *   context  = span of the block before, its CRC u32, last cutting block u48, first segment u48, base index u48, hard
 *              state (term u48, voted for + 1 u32, claimed term u48, claimed index u48 (0: no claim))
 *   record   = kind u8 (1 noop, 2 message, 3 view, 4 fragment, 8 checkpoint; + 128: compressed), index u48, term u48,
 *              origin u32, incarnation u48, message number u48, stamp f64, payload length u32, payload CRC u32, tag u32,
 *              CRC u32; payload
 *
 * What a block does to the log is its span: the log is cut before the first index, and what the block holds is appended,
 * up to the last one. A block of repairs cuts nothing; each of its entries replaces the one of its index. The context is
 * told again by every block, so that a lost one is made up for by any later one: what the block before did, the hard
 * state as of this block, where the log begins.
 *
 * A block header's CRC is seeded with the member's id and the segment's number and covers the block's own offset: the
 * copy of a block in a payload, or in a file from elsewhere, is no block. The records CRC runs over all records without
 * their payloads, which their payload CRCs stand for: sectors of two attempts to write one block never make a third.
 * It leaves out the records' own CRCs: a CRC over data and its CRC is the same for all data. The tag of a record says
 * which attempt at which block it belongs to, so that what is left of a damaged block can be told from anything else.
 */
import { assert, binaryStringOf, crc32c, crc32cOf, utf8Encode } from '../../base/index.ts';
import type { EntryId, EntryKind, HardState, LogEntry } from '../types.ts';

export const SECTOR_BYTES = 512;
export const SEGMENT_HEADER_BYTES = SECTOR_BYTES;
export const RECORD_HEAD_BYTES = 53;
export const BLOCK_HEADER_BYTES = 115;

const FORMAT_VERSION = 2;
const SEGMENT_MAGIC = 0x53_6e_6f_43; // "ConS"
const BLOCK_MAGIC = 0x42_6e_6f_43; // "ConB"
const SEGMENT_CONTEXT_AT = 400;
const TAGGED_BYTES = 18;
const SPAN_AT = 31;
const CONTEXT_AT = 49;
const FLAG_REPAIR = 1;
const FLAG_SEAL = 2;
const KIND_CHECKPOINT = 8;
const COMPRESSED = 0x80;
const KINDS: readonly (EntryKind | null)[] = [null, 'noop', 'message', 'view', 'fragment'];
const TWO_TO_32 = 0x1_0000_0000;
const SEGMENT_NAME = /^log-(\d{16})\.segment$/;

export function segmentName(number: number): string {
  return `log-${String(number).padStart(16, '0')}.segment`;
}

/** Null: no segment file's name. */
export function segmentNumberOf(name: string): number | null {
  const match = SEGMENT_NAME.exec(name);
  return match === null ? null : Number(match[1]);
}

/** What a block does to the log. */
export interface BlockSpan {
  /** The log is cut before it; the index behind the log if nothing is cut. */
  readonly first: number;
  /** The log's last index afterwards, and the term there. */
  readonly last: number;
  readonly lastTerm: number;
}

/** What a block says of the log beside what it holds. */
export interface BlockContext {
  readonly before: BlockSpan;
  /** CRC of the header of the block before; 0 if there is none. */
  readonly beforeCrc: number;
  /** Number of the last block before this one that cut entries; 0 if none did. */
  readonly lastCut: number;
  /** Segments below are no part of the log any more. */
  readonly firstSegment: number;
  readonly baseIndex: number;
  /** As of the end of the block (in a segment's header: of the block before). */
  readonly hardState: HardState;
}

export const EMPTY_HARD_STATE: HardState = { term: 0, votedFor: null, claim: null };

export const EMPTY_CONTEXT: BlockContext = {
  before: { first: 1, last: 0, lastTerm: 0 },
  beforeCrc: 0,
  lastCut: 0,
  firstSegment: 1,
  baseIndex: 0,
  hardState: EMPTY_HARD_STATE,
};

export interface SegmentHeader {
  readonly memberId: string;
  readonly number: number;
  readonly firstBlock: number;
  readonly context: BlockContext;
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
  writeContext(view, SEGMENT_CONTEXT_AT, header.context);
  view.setUint32(SECTOR_BYTES - 4, crc32cOf(bytes, 0, SECTOR_BYTES - 4), true);
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
  if (view.getUint32(SECTOR_BYTES - 4, true) !== crc32cOf(segment, 0, SECTOR_BYTES - 4)) return { kind: 'none' };
  const version = view.getUint8(4);
  if (version !== FORMAT_VERSION) return { kind: 'unknown-version', version };
  const memberId = binaryStringOf(segment.subarray(18, 18 + view.getUint8(17)));
  const context = readContext(view, SEGMENT_CONTEXT_AT);
  return { kind: 'header', memberId, number: getU48(view, 5), firstBlock: getU48(view, 11), context };
}

/** What makes block headers of one segment of one member valid there and nowhere else. */
export function segmentSeed(memberId: string, segmentNumber: number): number {
  return crc32c(utf8Encode(`${FORMAT_VERSION} ${memberId} ${segmentNumber}`));
}

export interface BlockHeader extends BlockContext {
  readonly number: number;
  readonly length: number;
  readonly recordCount: number;
  readonly recordsCrc: number;
  readonly isRepair: boolean;
  /** It says nothing but that all before it is durable. */
  readonly isSeal: boolean;
  readonly span: BlockSpan;
  /** What the tags of its records are. */
  readonly tag: number;
  readonly crc: number;
}

/** The header but its CRCs and lengths, which are known last. */
export interface BlockHeaderPlan {
  readonly seed: number;
  readonly offset: number;
  readonly number: number;
  /** Differs from that of what a torn attempt left in the block's place. */
  readonly attempt: number;
  readonly isRepair: boolean;
  readonly isSeal: boolean;
  readonly span: BlockSpan;
  readonly context: BlockContext;
}

/** Writes the beginning of a block, which `finishBlockHeader` completes. Returns the tag for its records. */
export function beginBlockHeader(bytes: Uint8Array, view: DataView, plan: BlockHeaderPlan): number {
  view.setUint32(0, BLOCK_MAGIC, true);
  view.setUint32(4, plan.offset, true);
  setU48(view, 8, plan.number);
  view.setUint32(14, plan.attempt, true);
  view.setUint8(30, (plan.isRepair ? FLAG_REPAIR : 0) | (plan.isSeal ? FLAG_SEAL : 0));
  writeSpan(view, SPAN_AT, plan.span);
  writeContext(view, CONTEXT_AT, plan.context);
  return crc32cOf(bytes, 0, TAGGED_BYTES, plan.seed);
}

/** Returns the header's CRC. */
export function finishBlockHeader(
  bytes: Uint8Array,
  view: DataView,
  rest: { readonly seed: number; readonly length: number; readonly recordCount: number; readonly recordsCrc: number },
): number {
  view.setUint32(18, rest.length, true);
  view.setUint32(22, rest.recordCount, true);
  view.setUint32(26, rest.recordsCrc, true);
  const crc = crc32cOf(bytes, 0, BLOCK_HEADER_BYTES - 4, rest.seed);
  view.setUint32(BLOCK_HEADER_BYTES - 4, crc, true);
  return crc;
}

/** Null: there is no whole header of a block of this segment at this offset. */
export function decodeBlockHeader(segment: Uint8Array, offset: number, seed: number): BlockHeader | null {
  if (offset + BLOCK_HEADER_BYTES > segment.length || segment[offset] !== (BLOCK_MAGIC & 0xff)) return null;
  const view = new DataView(segment.buffer, segment.byteOffset + offset, BLOCK_HEADER_BYTES);
  if (view.getUint32(0, true) !== BLOCK_MAGIC || view.getUint32(4, true) !== offset) return null;
  const crc = view.getUint32(BLOCK_HEADER_BYTES - 4, true);
  if (crc !== crc32cOf(segment, offset, offset + BLOCK_HEADER_BYTES - 4, seed)) return null;
  return {
    number: getU48(view, 8),
    length: view.getUint32(18, true),
    recordCount: view.getUint32(22, true),
    recordsCrc: view.getUint32(26, true),
    isRepair: (view.getUint8(30) & FLAG_REPAIR) !== 0,
    isSeal: (view.getUint8(30) & FLAG_SEAL) !== 0,
    span: readSpan(view, SPAN_AT),
    ...readContext(view, CONTEXT_AT),
    tag: crc32cOf(segment, offset, offset + TAGGED_BYTES, seed),
    crc,
  };
}

/** Stands for the log up to `index`, so that a log can begin there. The payload: checkpoint.ts. */
export interface CheckpointRecord {
  readonly kind: 'checkpoint';
  readonly index: number;
  readonly term: number;
  readonly payload: Uint8Array;
}

export type LogRecord = LogEntry | CheckpointRecord;

/** Writes all of a record but its payload. */
export function encodeRecordHead(bytes: Uint8Array, view: DataView, at: number, record: LogRecord, tag: number): void {
  const { payload } = record;
  if (record.kind === 'checkpoint') {
    bytes.fill(0, at, at + RECORD_HEAD_BYTES);
    view.setUint8(at, KIND_CHECKPOINT);
  } else {
    view.setUint8(at, KINDS.indexOf(record.kind) | (record.isCompressed ? COMPRESSED : 0));
    view.setUint32(at + 13, record.origin, true);
    setU48(view, at + 17, record.incarnation);
    setU48(view, at + 23, record.messageNumber);
    view.setFloat64(at + 29, record.stampMs, true);
  }
  setU48(view, at + 1, record.index);
  setU48(view, at + 7, record.term);
  view.setUint32(at + 37, payload.length, true);
  view.setUint32(at + 41, crc32c(payload), true);
  view.setUint32(at + 45, tag, true);
  view.setUint32(at + 49, crc32cOf(bytes, at, at + RECORD_HEAD_BYTES - 4), true);
}

export type DecodedRecord =
  | { readonly kind: 'record'; readonly record: LogRecord; readonly tag: number; readonly end: number }
  /** `end`: of the record, if its head is whole; else null. */
  | { readonly kind: 'unreadable'; readonly reason: string; readonly tag: number; readonly end: number | null };

/** The record at `at`, which does not reach behind `end`; its payload is a view of `bytes`. */
export function decodeRecord(bytes: Uint8Array, at: number, end: number): DecodedRecord {
  const headEnd = at + RECORD_HEAD_BYTES;
  if (headEnd > end) return unreadableRecord('a record is cut off');
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_HEAD_BYTES);
  const code = view.getUint8(0) & ~COMPRESSED;
  const isCheckpoint = code === KIND_CHECKPOINT;
  const kind = KINDS[code];
  const isKnown = isCheckpoint || (kind !== undefined && kind !== null);
  if (!isKnown || view.getUint32(49, true) !== crc32cOf(bytes, at, headEnd - 4)) {
    return unreadableRecord('the checksum of a record is wrong');
  }
  const index = getU48(view, 1);
  const tag = view.getUint32(45, true);
  const payloadEnd = headEnd + view.getUint32(37, true);
  if (payloadEnd > end) return unreadableRecord(`the payload of index ${index} is cut off`, tag);
  const payload = bytes.subarray(headEnd, payloadEnd);
  if (crc32c(payload) !== view.getUint32(41, true)) {
    return unreadableRecord(`the checksum of the payload of index ${index} is wrong`, tag, payloadEnd);
  }
  const term = getU48(view, 7);
  if (isCheckpoint) {
    return { kind: 'record', record: { kind: 'checkpoint', index, term, payload }, tag, end: payloadEnd };
  }
  const record: LogEntry = {
    index,
    term,
    kind: kind!,
    origin: view.getUint32(13, true),
    incarnation: getU48(view, 17),
    messageNumber: getU48(view, 23),
    stampMs: view.getFloat64(29, true),
    isCompressed: (view.getUint8(0) & COMPRESSED) !== 0,
    payload,
  };
  return { kind: 'record', record, tag, end: payloadEnd };
}

function unreadableRecord(reason: string, tag = 0, end: number | null = null): DecodedRecord {
  return { kind: 'unreadable', reason, tag, end };
}

export interface PlacedRecord {
  readonly record: LogRecord;
  readonly offset: number;
}

export type DecodedBlock =
  | { readonly kind: 'block'; readonly header: BlockHeader; readonly records: readonly PlacedRecord[] }
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
  const records: PlacedRecord[] = [];
  let at = offset + BLOCK_HEADER_BYTES;
  let recordsCrc = 0;
  for (let i = 0; i < header.recordCount; i++) {
    const decoded = decodeRecord(segment, at, end);
    if (decoded.kind === 'unreadable') return unreadable(at, decoded.reason);
    recordsCrc = crc32cOf(segment, at, at + RECORD_HEAD_BYTES - 4, recordsCrc);
    records.push({ record: decoded.record, offset: at });
    at = decoded.end;
  }
  if (recordsCrc !== header.recordsCrc) return unreadable(offset, 'the records are not those of the block header');
  if (wholeSectors(at - offset) !== header.length) return unreadable(at, 'the records do not fill the block');
  const rest = endOfContent(segment, at, end);
  if (rest > at) return unreadable(rest - 1, 'the padding is not zero');
  return { kind: 'block', header, records };
}

/**
 * The records of the damaged block at `offset` that can be read. Each says by its tag that it belongs there, so they are
 * found behind an unreadable one, too.
 */
export function salvageRecords(segment: Uint8Array, offset: number, header: BlockHeader): readonly PlacedRecord[] {
  const records: PlacedRecord[] = [];
  const end = Math.min(offset + header.length, segment.length);
  let at = offset + BLOCK_HEADER_BYTES;
  while (at < end) {
    const decoded = decodeRecord(segment, at, end);
    const isOurs = decoded.tag === header.tag;
    if (isOurs && decoded.kind === 'record') records.push({ record: decoded.record, offset: at });
    at = isOurs && decoded.end !== null ? decoded.end : at + 1;
  }
  return records;
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

/** Whether `one` is a further end of a log than `other`. */
export function isFurther(one: EntryId, other: EntryId): boolean {
  return one.term > other.term || (one.term === other.term && one.index > other.index);
}

function writeContext(view: DataView, at: number, context: BlockContext): void {
  writeSpan(view, at, context.before);
  view.setUint32(at + 18, context.beforeCrc, true);
  setU48(view, at + 22, context.lastCut);
  setU48(view, at + 28, context.firstSegment);
  setU48(view, at + 34, context.baseIndex);
  const { term, votedFor, claim } = context.hardState;
  setU48(view, at + 40, term);
  view.setUint32(at + 46, votedFor === null ? 0 : votedFor + 1, true);
  setU48(view, at + 50, claim === null ? 0 : claim.term);
  setU48(view, at + 56, claim === null ? 0 : claim.index);
}

function readContext(view: DataView, at: number): BlockContext {
  const voted = view.getUint32(at + 46, true);
  const claimed = { term: getU48(view, at + 50), index: getU48(view, at + 56) };
  return {
    before: readSpan(view, at),
    beforeCrc: view.getUint32(at + 18, true),
    lastCut: getU48(view, at + 22),
    firstSegment: getU48(view, at + 28),
    baseIndex: getU48(view, at + 34),
    hardState: {
      term: getU48(view, at + 40),
      votedFor: voted === 0 ? null : voted - 1,
      claim: claimed.index === 0 ? null : claimed,
    },
  };
}

function writeSpan(view: DataView, at: number, span: BlockSpan): void {
  setU48(view, at, span.first);
  setU48(view, at + 6, span.last);
  setU48(view, at + 12, span.lastTerm);
}

function readSpan(view: DataView, at: number): BlockSpan {
  return { first: getU48(view, at), last: getU48(view, at + 6), lastTerm: getU48(view, at + 12) };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function setU48(view: DataView, at: number, value: number): void {
  assert(value >= 0 && value < 0x1_0000_0000_0000, 'a number of the log has 48 bits');
  view.setUint32(at, value >>> 0, true);
  view.setUint16(at + 4, Math.floor(value / TWO_TO_32), true);
}

function getU48(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint16(at + 4, true) * TWO_TO_32;
}
