/**
 * The bytes of the verdict file.
 *
 *   mark   = magic u32, version u8, first chunk u48, first block u48, the state before it, member id, CRC
 *   chunk  = header (one sector): magic u32, version u8, chunk number u48, first block number u48, member id, zeros, CRC
 *   block  = magic u32, number u48, length u32, CRC of the content u32, CRC u32; content; zeros up to the next sector
 *   content = the state before it, then records
 */
import { ByteReader, ByteWriter, crc32c } from '../gcs/base/index.ts';
import { type KeptState, readState, writeState } from './verdict-record.ts';

export const SECTOR_BYTES = 512;
export const BLOCK_HEADER_BYTES = 22;
export const MARK_NAME = 'verdicts.mark';

const CHUNK_MAGIC = 0x43_56_6e_6f; // "onVC"
const BLOCK_MAGIC = 0x42_56_6e_6f; // "onVB"
const MARK_MAGIC = 0x4d_56_6e_6f; // "onVM"
const FORMAT_VERSION = 1;
const CHUNK_NAME = /^verdicts-(\d{12})\.chunk$/;

export function chunkName(number: number): string {
  return `verdicts-${String(number).padStart(12, '0')}.chunk`;
}

/** Numbers of the chunks among these files, ascending. */
export function chunkNumbers(names: readonly string[]): number[] {
  return names
    .map((name) => CHUNK_NAME.exec(name))
    .filter((match) => match !== null)
    .map((match) => Number(match[1]))
    .sort((a, b) => a - b);
}

/** Where the file begins: chunks of lower numbers do not belong to it any more. */
export interface VerdictMark {
  readonly memberId: string;
  readonly firstChunk: number;
  readonly firstBlock: number;
  /** Before the first block. */
  readonly base: KeptState;
}

export function encodeMark(mark: VerdictMark): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(MARK_MAGIC);
  writer.u8(FORMAT_VERSION);
  writer.u48(mark.firstChunk);
  writer.u48(mark.firstBlock);
  writeState(writer, mark.base);
  writer.binaryString(mark.memberId);
  writer.u32(crc32c(writer.view()));
  return writer.finish();
}

export function decodeMark(bytes: Uint8Array): VerdictMark | null {
  const reader = new ByteReader(bytes);
  if (reader.u32() !== MARK_MAGIC || reader.u8() !== FORMAT_VERSION) return null;
  const firstChunk = reader.u48();
  const firstBlock = reader.u48();
  const base = readState(reader);
  const memberId = reader.binaryString();
  const checked = reader.offset;
  const isWhole = reader.u32() === crc32c(bytes.subarray(0, checked)) && reader.finished;
  return isWhole ? { memberId, firstChunk, firstBlock, base } : null;
}

export interface ChunkHeader {
  readonly memberId: string;
  readonly number: number;
  readonly firstBlock: number;
}

export function encodeChunkHeader(header: ChunkHeader): Uint8Array {
  const writer = new ByteWriter(SECTOR_BYTES);
  writer.u32(CHUNK_MAGIC);
  writer.u8(FORMAT_VERSION);
  writer.u48(header.number);
  writer.u48(header.firstBlock);
  writer.binaryString(header.memberId);
  writer.raw(new Uint8Array(SECTOR_BYTES - 4 - writer.length));
  writer.u32(crc32c(writer.view()));
  return writer.finish();
}

export function decodeChunkHeader(bytes: Uint8Array): ChunkHeader | null {
  if (bytes.length < SECTOR_BYTES) return null;
  const reader = new ByteReader(bytes.subarray(0, SECTOR_BYTES));
  if (reader.u32() !== CHUNK_MAGIC || reader.u8() !== FORMAT_VERSION) return null;
  const number = reader.u48();
  const firstBlock = reader.u48();
  const memberId = reader.binaryString();
  reader.raw(SECTOR_BYTES - 4 - reader.offset);
  return reader.u32() === crc32c(bytes.subarray(0, SECTOR_BYTES - 4)) ? { memberId, number, firstBlock } : null;
}

export function encodeBlock(number: number, content: Uint8Array): Uint8Array {
  const size = Math.ceil((BLOCK_HEADER_BYTES + content.length) / SECTOR_BYTES) * SECTOR_BYTES;
  const writer = new ByteWriter(size);
  writer.u32(BLOCK_MAGIC);
  writer.u48(number);
  writer.u32(content.length);
  writer.u32(crc32c(content));
  writer.u32(crc32c(writer.view()));
  writer.raw(content);
  writer.raw(new Uint8Array(size - writer.length));
  return writer.finish();
}

export interface DecodedBlock {
  readonly number: number;
  readonly content: Uint8Array;
  /** Of the content. */
  readonly crc: number;
  /** Offset of the sector behind it. */
  readonly end: number;
}

export function decodeBlock(bytes: Uint8Array, offset: number): DecodedBlock | null {
  const header = decodeBlockHeader(bytes, offset);
  if (header === null) return null;
  const from = offset + BLOCK_HEADER_BYTES;
  if (from + header.length > bytes.length) return null;
  const content = bytes.subarray(from, from + header.length);
  if (crc32c(content) !== header.crc) return null;
  const { number, crc } = header;
  return { number, content, crc, end: Math.ceil((from + header.length) / SECTOR_BYTES) * SECTOR_BYTES };
}

/** The highest number that a block header from `offset` on names; 0 if there is none. */
export function highestBlockIn(bytes: Uint8Array, offset: number): number {
  let highest = 0;
  for (let at = offset; at < bytes.length; at += SECTOR_BYTES) {
    const header = decodeBlockHeader(bytes, at);
    if (header !== null && header.number > highest) highest = header.number;
  }
  return highest;
}

/** The end of the last sector from `from` on that holds something. */
export function endOfContent(bytes: Uint8Array, from: number): number {
  let end = bytes.length;
  while (end > from && bytes[end - 1] === 0) end--;
  return Math.max(from, Math.ceil(end / SECTOR_BYTES) * SECTOR_BYTES);
}

function decodeBlockHeader(bytes: Uint8Array, offset: number): { number: number; length: number; crc: number } | null {
  if (offset + BLOCK_HEADER_BYTES > bytes.length) return null;
  const reader = new ByteReader(bytes.subarray(offset, offset + BLOCK_HEADER_BYTES));
  if (reader.u32() !== BLOCK_MAGIC) return null;
  const number = reader.u48();
  const length = reader.u32();
  const crc = reader.u32();
  if (reader.u32() !== crc32c(bytes.subarray(offset, offset + BLOCK_HEADER_BYTES - 4))) return null;
  return { number, length, crc };
}
