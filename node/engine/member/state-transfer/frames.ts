/**
 * The bytes of a state on its way: frames one behind another, cut into chunks without regard to them.
 *
 *     frame   kind u8, length u32, content
 *     meta    JSON; first
 *     entry   of the log: index u48, term u48, kind u8, flags u8 (1 compressed), origin varint, incarnation varint,
 *             message number varint, stamp f64, payload
 *     records of the verdict file, as there: each says how it differs from the one before
 *     rows    each: key (length varint, bytes), sequence number varint, image (length varint, bytes)
 *     end     counts of entries, records and rows varint, digest over all frames before it (two u32)
 *     broken  why the donor cannot go on; text; last
 *
 * They come in this order of kinds.
 */
import type { BaseRow, KeptState } from '../../../../applier/index.ts';
import type { RowKey } from '../../../../certifier/types.ts';
import {
  ByteReader,
  ByteWriter,
  crc32c,
  RunningDigest,
  type SequenceNumber,
  type Term,
  utf8Decode,
  utf8Encode,
} from '../../../../gcs/base/index.ts';
import { type EntryKind, isView, type LogBase, type LogEntry } from '../../../../gcs/core/index.ts';

export const FRAME_HEADER_BYTES = 5;
/** A row or an entry is far shorter. */
export const FRAME_BYTES_MAX = 1024 * 1024 * 1024;
const FORMAT_VERSION = 2;

export type FrameKind = 'meta' | 'entry' | 'records' | 'rows' | 'end' | 'broken';

const KINDS: readonly FrameKind[] = ['meta', 'entry', 'records', 'rows', 'end', 'broken'];
const ENTRY_KINDS: readonly EntryKind[] = ['noop', 'message', 'fragment', 'view'];

export function writeFrame(writer: ByteWriter, kind: FrameKind, content: Uint8Array): void {
  writer.u8(KINDS.indexOf(kind));
  writer.u32(content.length);
  writer.raw(content);
}

/** Null: these bytes are no frame header. */
export function readFrameHeader(bytes: Uint8Array): { readonly kind: FrameKind; readonly length: number } | null {
  const reader = new ByteReader(bytes);
  const kind = KINDS[reader.u8()];
  const length = reader.u32();
  return kind === undefined || reader.malformed || length > FRAME_BYTES_MAX ? null : { kind, length };
}

/** Over the frames of a state. */
export class StateDigest {
  readonly #digest = new RunningDigest();

  add(kind: FrameKind, content: Uint8Array): void {
    this.#digest.add(KINDS.indexOf(kind));
    this.#digest.add(content.length);
    this.#digest.add(crc32c(content));
  }

  toString(): string {
    return this.#digest.toString();
  }
}

/** What a state is of. */
export interface StateMeta {
  readonly groupId: string;
  /** All of the group's order up to there is in it. */
  readonly upToIndex: number;
  /** The donor's: all of that is in the log of every leader of this term or a later one, and perhaps in no earlier one's. */
  readonly term: Term;
  /** At `upToIndex`. */
  readonly sequenceNumber: SequenceNumber;
  /** Of the rows. What was published behind it is repeated from the log. */
  readonly rowsAt: SequenceNumber;
  /** Behind it its part of the log begins. */
  readonly base: LogBase;
  /** Before the first of its verdict records. */
  readonly kept: KeptState;
}

export function encodeMeta({ base, ...meta }: StateMeta): Uint8Array {
  const lastMessages = [...base.lastMessages].sort(([a], [b]) => a - b);
  const value = { format: FORMAT_VERSION, ...meta, base: { ...base, lastMessages } };
  return utf8Encode(JSON.stringify(value).toWellFormed());
}

/** A text: what is wrong. */
export function decodeMeta(bytes: Uint8Array): StateMeta | string {
  const value = parse(bytes);
  if (!isRecord(value)) return 'no description of a state';
  const { format, groupId, upToIndex, term: donorTerm, sequenceNumber, rowsAt, base, kept } = value;
  if (format !== FORMAT_VERSION) return `a state of format ${String(format)}, this program knows ${FORMAT_VERSION}`;
  if (typeof groupId !== 'string' || !isCount(upToIndex) || !isCount(sequenceNumber) || !isCount(rowsAt))
    return 'a malformed description';
  if (!isCount(donorTerm) || !isRecord(base) || !isKeptState(kept)) return 'a malformed description';
  const { index, term, view, lastMessages } = base;
  if (!isCount(index) || !isCount(term) || !(view === null || isView(view))) return 'a malformed base of the log';
  if (!Array.isArray(lastMessages) || !lastMessages.every(isLastMessage)) return 'a malformed base of the log';
  if (index > upToIndex || kept.logIndex > upToIndex || kept.sequenceNumber > rowsAt || rowsAt > sequenceNumber) {
    return 'a description that contradicts itself';
  }
  return {
    groupId,
    upToIndex,
    term: donorTerm,
    sequenceNumber,
    rowsAt,
    base: { index, term, view, lastMessages: new Map(lastMessages) },
    kept,
  };
}

export function encodeEntry(entry: LogEntry): Uint8Array {
  const writer = new ByteWriter(64 + entry.payload.length);
  writer.u48(entry.index);
  writer.u48(entry.term);
  writer.u8(ENTRY_KINDS.indexOf(entry.kind));
  writer.u8(entry.isCompressed ? 1 : 0);
  writer.varint(entry.origin);
  writer.varint(entry.incarnation);
  writer.varint(entry.messageNumber);
  writer.f64(entry.stampMs);
  writer.raw(entry.payload);
  return writer.view();
}

export function decodeEntry(bytes: Uint8Array): LogEntry | null {
  const reader = new ByteReader(bytes);
  const index = reader.u48();
  const term = reader.u48();
  const kind = ENTRY_KINDS[reader.u8()];
  const flags = reader.u8();
  const origin = reader.varint();
  const incarnation = reader.varint();
  const messageNumber = reader.varint();
  const stampMs = reader.f64();
  const payload = reader.raw(reader.left);
  if (kind === undefined || flags > 1 || reader.malformed) return null;
  return { index, term, kind, origin, incarnation, messageNumber, stampMs, isCompressed: flags === 1, payload };
}

export function writeRow(writer: ByteWriter, key: RowKey, { sequenceNumber, image }: BaseRow): void {
  writer.binaryString(key);
  writer.varint(sequenceNumber);
  writer.blob(image);
}

export type TransferredRow = { readonly key: RowKey } & BaseRow;

export function decodeRows(bytes: Uint8Array): readonly TransferredRow[] | null {
  const reader = new ByteReader(bytes);
  const rows: TransferredRow[] = [];
  while (reader.left > 0) {
    const key = reader.binaryString();
    const sequenceNumber = reader.varint();
    const image = reader.blob();
    rows.push({ key, sequenceNumber, image });
  }
  return reader.malformed ? null : rows;
}

export interface StateEnd {
  readonly entries: number;
  readonly records: number;
  readonly rows: number;
  readonly digest: string;
}

export function encodeEnd({ entries, records, rows, digest }: StateEnd): Uint8Array {
  const writer = new ByteWriter(40);
  writer.varint(entries);
  writer.varint(records);
  writer.varint(rows);
  writer.binaryString(digest);
  return writer.view();
}

export function decodeEnd(bytes: Uint8Array): StateEnd | null {
  const reader = new ByteReader(bytes);
  const entries = reader.varint();
  const records = reader.varint();
  const rows = reader.varint();
  const digest = reader.binaryString();
  return reader.finished ? { entries, records, rows, digest } : null;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Decode(bytes) ?? '');
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isKeptState(value: unknown): value is KeptState {
  if (!isRecord(value) || !isRecord(value.commitTime)) return false;
  const { logIndex, sequenceNumber, purgeFloor, commitTime, digest } = value;
  if (![logIndex, sequenceNumber, purgeFloor, commitTime.physicalMs, commitTime.logical].every(isCount)) return false;
  return typeof digest === 'string' && /^[0-9a-f]{16}$/.test(digest);
}

function isLastMessage(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 2 || !isCount(value[0]) || !isRecord(value[1])) return false;
  return isCount(value[1].incarnation) && isCount(value[1].messageNumber);
}
