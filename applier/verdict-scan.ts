/**
 * Reads a verdict file from its chunks.
 *
 * A block begins on a sector of its own and is written only after the block before it was synced. So an unreadable
 * block is a torn tail, and cut, only if nothing behind it names a block of a higher number: neither a block header nor
 * the header of a later chunk. Otherwise it was durable once, and the file is damaged.
 *
 * Chunks below the mark were given up: removed names may come back after a crash, and are removed again.
 */
import { ByteReader, type Disk, type MemberId } from '../gcs/base/index.ts';
import {
  BLOCK_HEADER_BYTES,
  chunkName,
  chunkNumbers,
  decodeBlock,
  decodeChunkHeader,
  decodeMark,
  endOfContent,
  highestBlockIn,
  MARK_NAME,
  SECTOR_BYTES,
  type VerdictMark,
} from './verdict-format.ts';
import { type KeptState, NOTHING_KEPT, readRecord, readState } from './verdict-record.ts';

/** Where a durable block is, and what was known before it. */
export interface BlockPlace {
  readonly chunk: number;
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
  readonly before: KeptState;
}

export interface ScannedVerdicts {
  readonly kind: 'scanned';
  readonly mark: VerdictMark;
  /** Ascending by log index. */
  readonly blocks: BlockPlace[];
  readonly state: KeptState;
  readonly lastBlock: number;
  /** Where the next block goes; null: into the first chunk. */
  readonly tail: { readonly chunk: number; readonly offset: number; readonly leftoversEnd: number } | null;
}

export type UnreadableVerdicts =
  /** Something that was durable cannot be read. */
  | { readonly kind: 'damaged'; readonly file: string; readonly offset: number; readonly reason: string }
  /** They are no verdicts of this member. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Where a file begins that has nothing in it. */
export function unmarked(memberId: MemberId): VerdictMark {
  return { memberId, firstChunk: 1, firstBlock: 1, base: NOTHING_KEPT };
}

/** @throws DiskError */
export function scanVerdicts(disk: Disk, memberId: MemberId): ScannedVerdicts | UnreadableVerdicts {
  const marked = disk.readWhole(MARK_NAME);
  const mark = marked === null ? unmarked(memberId) : decodeMark(marked);
  if (mark === null) return { kind: 'damaged', file: MARK_NAME, offset: 0, reason: 'it is unreadable' };
  if (mark.memberId !== memberId) return foreign(MARK_NAME, mark.memberId);

  const all = chunkNumbers(disk.list());
  const numbers = all.filter((number) => number >= mark.firstChunk);
  const blocks: BlockPlace[] = [];
  let state = mark.base;
  let lastBlock = mark.firstBlock - 1;
  let tail: ScannedVerdicts['tail'] = null;
  /** Where reading in order ended before the end of a chunk. */
  let gap: { readonly file: string; readonly offset: number } | null = null;

  for (const [place, number] of numbers.entries()) {
    const name = chunkName(number);
    const file = disk.open(name);
    const bytes = file.read(0, file.sizeBytes);
    file.close();
    const header = decodeChunkHeader(bytes);
    const isLast = place === numbers.length - 1;
    if (header === null) {
      // A chunk is begun only when its predecessor is full: without a header, it is the last and holds nothing.
      if (isLast && highestBlockIn(bytes, 0) === 0) break;
      return { kind: 'damaged', file: name, offset: 0, reason: 'its header is unreadable' };
    }
    if (header.memberId !== memberId) return foreign(name, header.memberId);
    if (header.number !== number || number !== mark.firstChunk + place || header.firstBlock !== lastBlock + 1) {
      const where = gap ?? { file: name, offset: 0 };
      return { kind: 'damaged', ...where, reason: `verdicts before block ${header.firstBlock} are missing` };
    }
    let offset = SECTOR_BYTES;
    for (;;) {
      const block = decodeBlock(bytes, offset);
      if (block === null || block.number !== lastBlock + 1) break;
      const after = endState(block.content, state);
      if (after === null) return { kind: 'damaged', file: name, offset, reason: `block ${block.number} is malformed` };
      const { content, crc } = block;
      blocks.push({ chunk: number, offset: offset + BLOCK_HEADER_BYTES, length: content.length, crc, before: state });
      state = after;
      lastBlock = block.number;
      offset = block.end;
    }
    if (highestBlockIn(bytes, offset) > lastBlock + 1) {
      const reason = `block ${lastBlock + 1} is unreadable, and it was durable`;
      return { kind: 'damaged', file: name, offset, reason };
    }
    gap = { file: name, offset };
    tail = { chunk: number, offset, leftoversEnd: endOfContent(bytes, offset) };
  }
  for (const number of all) if (number < mark.firstChunk) disk.remove(chunkName(number));
  return { kind: 'scanned', mark, blocks, state, lastBlock, tail };
}

function foreign(file: string, memberId: MemberId): UnreadableVerdicts {
  return { kind: 'refused', reason: `${file} belongs to member ${memberId}: start the member on its own directory` };
}

/** The state behind a block, or null if it does not follow `before` or is malformed. */
function endState(content: Uint8Array, before: KeptState): KeptState | null {
  const reader = new ByteReader(content);
  let state = readState(reader);
  if (state.logIndex !== before.logIndex || state.digest !== before.digest) return null;
  while (reader.left > 0) {
    const next = readRecord(reader, state);
    if (next === null) return null;
    state = next.after;
  }
  return reader.malformed ? null : state;
}
