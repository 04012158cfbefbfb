/**
 * The verdicts of this member by log index, kept durably (H3), in preallocated chunk files.
 *
 *   chunk  = header (one sector): magic u32, version u8, chunk number u48, first block number u48, member id, zeros, CRC
 *   block  = magic u32, number u48, length u32, CRC of the content u32, CRC u32; content; zeros up to the next sector
 *   content = the state before it, then records
 *
 * A block is what one sync makes durable. It begins on a sector of its own and is written only after the block before
 * it was synced. So an unreadable block is a torn tail, and cut, only if nothing behind it names a block of a higher
 * number: neither a block header nor the header of a later chunk. Otherwise it was durable once, and the file is
 * damaged. The next block is written over a torn one, with zeros over whatever was left behind it, in the same write.
 *
 * Nothing is removed yet: the file grows with the log.
 */
import {
  assert,
  ByteReader,
  ByteWriter,
  crc32c,
  type Disk,
  type DiskError,
  type DiskFile,
  type LogIndex,
  type SequenceNumber,
} from '../gcs/base/index.ts';
import {
  type KeptState,
  NOTHING_KEPT,
  readRecord,
  readState,
  type VerdictRecord,
  writeRecord,
  writeState,
} from './verdict-record.ts';

export interface VerdictFileOptions {
  /** Size of a chunk file; a block that is larger gets a larger one. */
  readonly chunkBytes: number;
}

export type OpenedVerdictFile =
  | { readonly kind: 'opened'; readonly file: VerdictFile }
  | { readonly kind: 'damaged'; readonly file: string; readonly offset: number; readonly reason: string };

const SECTOR = 512;
const CHUNK_MAGIC = 0x43_56_6e_6f; // "onVC"
const BLOCK_MAGIC = 0x42_56_6e_6f; // "onVB"
const FORMAT_VERSION = 1;
const BLOCK_HEADER_BYTES = 22;
const CHUNK_NAME = /^verdicts-(\d{12})\.chunk$/;

/** Where a durable block is, and what was known before it. */
interface BlockPlace {
  readonly chunk: number;
  readonly offset: number;
  readonly length: number;
  readonly before: KeptState;
}

export class VerdictFile {
  readonly #disk: Disk;
  readonly #options: VerdictFileOptions;
  readonly #memberId: string;
  /** Ascending by log index. */
  readonly #blocks: BlockPlace[];
  /** Behind the last record appended. */
  #state: KeptState;
  /** Behind the last durable record. */
  #durableState: KeptState;
  #blockNumber: number;
  #chunk: { readonly number: number; readonly file: DiskFile; offset: number; leftoversEnd: number } | null;
  /** Records appended since the last block was begun. */
  readonly #pending = new ByteWriter(4096);
  #pendingBefore: KeptState;
  #waiting: ((error: Error | null) => void)[] = [];
  #isWriting = false;
  #failure: Error | null = null;
  #isClosing = false;
  #closed: (() => void)[] = [];

  /** Reads all chunks. @throws DiskError */
  static open(disk: Disk, identity: { readonly memberId: string }, options: VerdictFileOptions): OpenedVerdictFile {
    const scanned = scan(disk, identity.memberId);
    if (scanned.kind === 'damaged') return scanned;
    return { kind: 'opened', file: new VerdictFile({ disk, options, memberId: identity.memberId, scanned }) };
  }

  private constructor(setup: { disk: Disk; options: VerdictFileOptions; memberId: string; scanned: Scanned }) {
    const { disk, scanned } = setup;
    this.#disk = disk;
    this.#options = setup.options;
    this.#memberId = setup.memberId;
    this.#blocks = scanned.blocks;
    this.#state = scanned.state;
    this.#durableState = scanned.state;
    this.#pendingBefore = scanned.state;
    this.#blockNumber = scanned.lastBlock;
    this.#chunk =
      scanned.tail === null
        ? null
        : {
            number: scanned.tail.chunk,
            file: disk.open(chunkName(scanned.tail.chunk)),
            offset: scanned.tail.offset,
            leftoversEnd: scanned.tail.leftoversEnd,
          };
  }

  /** As of the last record that is durable; at the start, of V. */
  get stateAtEnd(): KeptState {
    return this.#durableState;
  }

  /** Durable blocks and their bytes. */
  get status(): { readonly blocks: number; readonly pendingBytes: number } {
    return { blocks: this.#blocks.length, pendingBytes: this.#pending.length };
  }

  /** Takes the next record; in memory until `makeDurable`. */
  append(record: VerdictRecord): void {
    this.#state = writeRecord(this.#pending, record, this.#state);
  }

  /** Calls `done` once everything appended so far is durable. Calls that come meanwhile share the next sync. */
  makeDurable(done: (error: Error | null) => void): void {
    this.#waiting.push(done);
    this.#writeNext();
  }

  /** Log index of the entry whose verdicts include that sequence number: one that is durable here. */
  logIndexOf(sequenceNumber: SequenceNumber): LogIndex {
    assert(
      sequenceNumber >= 1 && sequenceNumber <= this.#durableState.sequenceNumber,
      'the sequence number has a kept verdict',
    );
    const place = this.#blocks.findLast((block) => block.before.sequenceNumber < sequenceNumber)!;
    for (const { record, after } of this.#recordsOf(place)) {
      if (after.sequenceNumber >= sequenceNumber) return record.logIndex;
    }
    assert(false, 'a block holds the records that the next one follows');
  }

  /** Durable records from the one of `from` on, or of the next index that has one. */
  *records(from: LogIndex): Generator<VerdictRecord> {
    let first = this.#blocks.findLastIndex((block) => block.before.logIndex < from);
    if (first < 0) first = 0;
    for (let i = first; i < this.#blocks.length; i++) {
      for (const { record } of this.#recordsOf(this.#blocks[i]!)) if (record.logIndex >= from) yield record;
    }
  }

  /** Waits for a running write. */
  close(done: () => void): void {
    this.#isClosing = true;
    this.#closed.push(done);
    this.#closeIfIdle();
  }

  #closeIfIdle(): void {
    if (!this.#isClosing || this.#isWriting) return;
    this.#chunk?.file.close();
    this.#chunk = null;
    const closed = this.#closed;
    this.#closed = [];
    for (const done of closed) done();
  }

  *#recordsOf(place: BlockPlace): Generator<{ record: VerdictRecord; after: KeptState }> {
    const file = this.#disk.open(chunkName(place.chunk));
    const content = file.read(place.offset, place.length);
    file.close();
    const reader = new ByteReader(content);
    let before = readState(reader);
    while (reader.left > 0) {
      const next = readRecord(reader, before);
      assert(next !== null, 'a durable block of verdicts is readable');
      before = next.after;
      yield next;
    }
  }

  #writeNext(): void {
    if (this.#isWriting || this.#waiting.length === 0) return;
    if (this.#isClosing && this.#failure === null) this.#failure = new Error('the verdict file is closed');
    if (this.#failure !== null || this.#pending.length === 0) return this.#answer(this.#failure);
    this.#isWriting = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    const content = new ByteWriter(this.#pending.length + 64);
    const before = this.#pendingBefore;
    const state = this.#state;
    writeState(content, before);
    content.raw(this.#pending.view());
    this.#pending.reset();
    this.#pendingBefore = state;
    const done = (error: DiskError | null): void => {
      this.#isWriting = false;
      if (error !== null) this.#failure = error;
      else this.#durableState = state;
      for (const each of waiting) each(error);
      this.#writeNext();
      this.#closeIfIdle();
    };
    const bytes = encodeBlock(this.#blockNumber + 1, content.view());
    this.#withRoom(bytes.length, (error) => {
      if (error !== null) return done(error);
      this.#writeBlock(bytes, { before, length: content.length }, done);
    });
  }

  /** Out of the call, as a disk would. */
  #answer(error: Error | null): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each(error);
  }

  #withRoom(bytes: number, ready: (error: DiskError | null) => void): void {
    const current = this.#chunk;
    if (current !== null && current.offset + bytes <= current.file.sizeBytes) return ready(null);
    const number = (current?.number ?? 0) + 1;
    current?.file.close();
    const size = Math.max(this.#options.chunkBytes, SECTOR + bytes);
    this.#disk.create(chunkName(number), size, (error, file) => {
      if (error !== null) return ready(error);
      const header = encodeChunkHeader({ memberId: this.#memberId, number, firstBlock: this.#blockNumber + 1 });
      file!.write(0, [header], (failed) => {
        if (failed !== null) return ready(failed);
        this.#chunk = { number, file: file!, offset: SECTOR, leftoversEnd: SECTOR };
        ready(null);
      });
    });
  }

  #writeBlock(
    bytes: Uint8Array,
    { before, length }: { before: KeptState; length: number },
    done: (error: DiskError | null) => void,
  ): void {
    const chunk = this.#chunk!;
    const { offset } = chunk;
    const end = offset + bytes.length;
    const chunks = chunk.leftoversEnd > end ? [bytes, new Uint8Array(chunk.leftoversEnd - end)] : [bytes];
    chunk.file.write(offset, chunks, (error) => {
      if (error === null) {
        this.#blockNumber++;
        chunk.offset = end;
        chunk.leftoversEnd = end;
        this.#blocks.push({ chunk: chunk.number, offset: offset + BLOCK_HEADER_BYTES, length, before });
      }
      done(error);
    });
  }
}

interface Scanned {
  readonly kind: 'scanned';
  readonly blocks: BlockPlace[];
  readonly state: KeptState;
  readonly lastBlock: number;
  readonly tail: { readonly chunk: number; readonly offset: number; readonly leftoversEnd: number } | null;
}

function scan(disk: Disk, memberId: string): Scanned | Extract<OpenedVerdictFile, { kind: 'damaged' }> {
  const numbers = disk
    .list()
    .map((name) => CHUNK_NAME.exec(name))
    .filter((match) => match !== null)
    .map((match) => Number(match[1]))
    .sort((a, b) => a - b);
  const blocks: BlockPlace[] = [];
  let state = NOTHING_KEPT;
  let lastBlock = 0;
  let tail: Scanned['tail'] = null;
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
    if (header.memberId !== memberId) {
      return { kind: 'damaged', file: name, offset: 0, reason: `it belongs to member ${header.memberId}` };
    }
    if (header.number !== number || number !== place + 1 || header.firstBlock !== lastBlock + 1) {
      const where = gap ?? { file: name, offset: 0 };
      return { kind: 'damaged', ...where, reason: `verdicts before block ${header.firstBlock} are missing` };
    }
    let offset = SECTOR;
    for (;;) {
      const block = decodeBlock(bytes, offset);
      if (block === null || block.number !== lastBlock + 1) break;
      const after = endState(block.content, state);
      if (after === null) return { kind: 'damaged', file: name, offset, reason: `block ${block.number} is malformed` };
      blocks.push({
        chunk: number,
        offset: offset + BLOCK_HEADER_BYTES,
        length: block.content.length,
        before: state,
      });
      state = after;
      lastBlock = block.number;
      offset = block.end;
    }
    if (highestBlockIn(bytes, offset) > lastBlock + 1) {
      return {
        kind: 'damaged',
        file: name,
        offset,
        reason: `block ${lastBlock + 1} is unreadable, and it was durable`,
      };
    }
    gap = { file: name, offset };
    tail = { chunk: number, offset, leftoversEnd: endOfContent(bytes, offset) };
  }
  return { kind: 'scanned', blocks, state, lastBlock, tail };
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

function chunkName(number: number): string {
  return `verdicts-${String(number).padStart(12, '0')}.chunk`;
}

function encodeChunkHeader(header: { memberId: string; number: number; firstBlock: number }): Uint8Array {
  const writer = new ByteWriter(SECTOR);
  writer.u32(CHUNK_MAGIC);
  writer.u8(FORMAT_VERSION);
  writer.u48(header.number);
  writer.u48(header.firstBlock);
  writer.binaryString(header.memberId);
  writer.raw(new Uint8Array(SECTOR - 4 - writer.length));
  writer.u32(crc32c(writer.view()));
  return writer.finish();
}

function decodeChunkHeader(bytes: Uint8Array): { memberId: string; number: number; firstBlock: number } | null {
  if (bytes.length < SECTOR) return null;
  const reader = new ByteReader(bytes.subarray(0, SECTOR));
  if (reader.u32() !== CHUNK_MAGIC || reader.u8() !== FORMAT_VERSION) return null;
  const number = reader.u48();
  const firstBlock = reader.u48();
  const memberId = reader.binaryString();
  reader.raw(SECTOR - 4 - reader.offset);
  return reader.u32() === crc32c(bytes.subarray(0, SECTOR - 4)) ? { memberId, number, firstBlock } : null;
}

function encodeBlock(number: number, content: Uint8Array): Uint8Array {
  const size = Math.ceil((BLOCK_HEADER_BYTES + content.length) / SECTOR) * SECTOR;
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

function decodeBlock(bytes: Uint8Array, offset: number): { number: number; content: Uint8Array; end: number } | null {
  const header = decodeBlockHeader(bytes, offset);
  if (header === null) return null;
  const from = offset + BLOCK_HEADER_BYTES;
  if (from + header.length > bytes.length) return null;
  const content = bytes.subarray(from, from + header.length);
  if (crc32c(content) !== header.crc) return null;
  return { number: header.number, content, end: Math.ceil((from + header.length) / SECTOR) * SECTOR };
}

/** The highest number that a block header from `offset` on names; 0 if there is none. */
function highestBlockIn(bytes: Uint8Array, offset: number): number {
  let highest = 0;
  for (let at = offset; at < bytes.length; at += SECTOR) {
    const header = decodeBlockHeader(bytes, at);
    if (header !== null && header.number > highest) highest = header.number;
  }
  return highest;
}

function endOfContent(bytes: Uint8Array, from: number): number {
  let end = bytes.length;
  while (end > from && bytes[end - 1] === 0) end--;
  return Math.max(from, Math.ceil(end / SECTOR) * SECTOR);
}
