/**
 * The verdicts of this member by log index, kept durably (H3), in preallocated chunk files. Their bytes:
 * verdict-format.ts. What is read back at a start, and when that is damage: verdict-scan.ts.
 *
 * A block is what one sync makes durable. The next block is written over a torn one, with zeros over whatever was left
 * behind it, in the same write.
 *
 * The file may begin behind a base: the state before its first record. Chunks that nobody needs any more are given up
 * whole: first a mark that says where the file begins now is durable, then they are removed.
 *
 * Where the disk has no room for a new chunk, what waits goes on waiting, in memory, until there is room (R16). Any
 * other error is final (R14).
 */
import {
  assert,
  ByteReader,
  ByteWriter,
  crc32c,
  type Disk,
  DiskError,
  type DiskFile,
  type LogIndex,
  type MemberId,
  type SequenceNumber,
} from '../gcs/base/index.ts';
import {
  BLOCK_HEADER_BYTES,
  chunkName,
  chunkNumbers,
  decodeMark,
  encodeBlock,
  encodeChunkHeader,
  encodeMark,
  MARK_NAME,
  SECTOR_BYTES,
  type VerdictMark,
} from './verdict-format.ts';
import {
  type KeptState,
  readRecord,
  readState,
  skimRecord,
  type VerdictRecord,
  writeRecord,
  writeState,
} from './verdict-record.ts';
import { type BlockPlace, type ScannedVerdicts, scanVerdicts, type UnreadableVerdicts } from './verdict-scan.ts';

export interface VerdictFileOptions {
  /** Size of a chunk file; a block that is larger gets a larger one. */
  readonly chunkBytes: number;
}

export interface VerdictFileIdentity {
  readonly memberId: MemberId;
}

export type OpenedVerdictFile = { readonly kind: 'opened'; readonly file: VerdictFile } | UnreadableVerdicts;

type Done = (error: Error | null) => void;

/** A record with the state behind it. */
interface RecordAndState {
  readonly record: VerdictRecord;
  readonly after: KeptState;
}

/** Records that are not durable yet. */
interface Undurable {
  readonly before: KeptState;
  readonly bytes: Uint8Array;
}

export class VerdictFile {
  /** Called when a chunk cannot be made for want of room, and when it is made after all. */
  onRoomChanged: (hasRoom: boolean) => void = () => {};
  readonly #disk: Disk;
  readonly #options: VerdictFileOptions;
  readonly #memberId: MemberId;
  #mark: VerdictMark;
  #blocks: BlockPlace[];
  /** Behind the last record appended. */
  #state: KeptState;
  /** Behind the last durable record. */
  #durableState: KeptState;
  #blockNumber: number;
  #chunk: { readonly number: number; readonly file: DiskFile; offset: number; leftoversEnd: number } | null;
  /** Of the next chunk. */
  #nextChunk: number;
  /** Records appended since the last block was begun. */
  readonly #pending = new ByteWriter(4096);
  #pendingBefore: KeptState;
  #waiting: Done[] = [];
  /** Records of the block that is being written. */
  #writing: Undurable | null = null;
  #hasRoom = true;
  /** Tries again to make the chunk that there was no room for, or gives it up with an error. */
  #tryAgain: Done | null = null;
  #isMarking = false;
  #failure: Error | null = null;
  #isClosing = false;
  #closed: (() => void)[] = [];

  /** Reads all chunks. @throws DiskError */
  static open(disk: Disk, identity: VerdictFileIdentity, options: VerdictFileOptions): OpenedVerdictFile {
    const scanned = scanVerdicts(disk, identity.memberId);
    if (scanned.kind !== 'scanned') return scanned;
    return { kind: 'opened', file: new VerdictFile({ disk, options, memberId: identity.memberId, scanned }) };
  }

  /**
   * Begins anew behind `base`, whatever there is, readable or not: before `done` all of that is there, afterwards none.
   * No file over this disk is open meanwhile.
   */
  static reset(
    setup: { disk: Disk; options: VerdictFileOptions; memberId: MemberId; base: KeptState },
    done: (error: DiskError | null, file: VerdictFile | null) => void,
  ): void {
    const { disk, memberId, base } = setup;
    const old = chunkNumbers(disk.list());
    const before = disk.readWhole(MARK_NAME);
    const marked = before === null ? 1 : (decodeMark(before)?.firstChunk ?? 1);
    const firstChunk = Math.max(marked, (old.at(-1) ?? 0) + 1);
    const mark: VerdictMark = { memberId, firstChunk, firstBlock: 1, base };
    disk.replace(MARK_NAME, encodeMark(mark), (error) => {
      if (error !== null) return done(error, null);
      removeChunks(disk, old[0] ?? firstChunk, firstChunk);
      const scanned: ScannedVerdicts = { kind: 'scanned', mark, blocks: [], state: base, lastBlock: 0, tail: null };
      done(null, new VerdictFile({ ...setup, scanned }));
    });
  }

  private constructor(setup: {
    disk: Disk;
    options: VerdictFileOptions;
    memberId: MemberId;
    scanned: ScannedVerdicts;
  }) {
    const { disk, scanned } = setup;
    const { tail } = scanned;
    this.#disk = disk;
    this.#options = setup.options;
    this.#memberId = setup.memberId;
    this.#mark = scanned.mark;
    this.#blocks = scanned.blocks;
    this.#state = scanned.state;
    this.#durableState = scanned.state;
    this.#pendingBefore = scanned.state;
    this.#blockNumber = scanned.lastBlock;
    this.#nextChunk = tail === null ? scanned.mark.firstChunk : tail.chunk + 1;
    this.#chunk =
      tail === null
        ? null
        : {
            number: tail.chunk,
            file: disk.open(chunkName(tail.chunk)),
            offset: tail.offset,
            leftoversEnd: tail.leftoversEnd,
          };
  }

  /** What was known before the first record that is kept. */
  get base(): KeptState {
    return this.#mark.base;
  }

  /** As of the last record that is durable; at the start, of V. */
  get stateAtEnd(): KeptState {
    return this.#durableState;
  }

  /** False: what waits to be durable waits for room on the disk. */
  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  /** Durable blocks and their chunks, and bytes of records that are not durable. */
  get status(): { readonly blocks: number; readonly chunks: number; readonly pendingBytes: number } {
    const chunks = this.#nextChunk - this.#mark.firstChunk;
    return { blocks: this.#blocks.length, chunks, pendingBytes: this.#pending.length };
  }

  /** Takes the next record; in memory until `makeDurable`. */
  append(record: VerdictRecord): void {
    this.#state = writeRecord(this.#pending, record, this.#state);
  }

  /** Calls `done` once everything appended so far is durable. Calls that come meanwhile share the next sync. */
  makeDurable(done: Done): void {
    this.#waiting.push(done);
    this.#writeNext();
  }

  /** Tries again what there was no room for. */
  retryRoom(): void {
    this.#giveTry(null);
  }

  /** Log index of the entry whose verdicts include that sequence number: one that is durable, behind the base. */
  logIndexOf(sequenceNumber: SequenceNumber): LogIndex {
    assert(
      sequenceNumber > this.base.sequenceNumber && sequenceNumber <= this.#durableState.sequenceNumber,
      'the sequence number has a kept verdict',
    );
    const place = this.#blocks.findLast((block) => block.before.sequenceNumber < sequenceNumber)!;
    const reader = this.#contentOf(place);
    const at = { ...readState(reader) };
    while (reader.left > 0) {
      skimRecord(reader, at);
      if (at.sequenceNumber >= sequenceNumber) return at.logIndex;
    }
    assert(false, 'a block holds the records that the next one follows');
  }

  /** Durable records from the one of `from` on, or of the next index that has one. */
  *records(from: LogIndex): Generator<VerdictRecord> {
    for (const { record } of this.#durable(from)) if (record.logIndex >= from) yield record;
  }

  /**
   * All records of this moment from `from` on, those that are not durable included, and the state before the first.
   * To be used up before they are truncated. `from`: behind the base.
   */
  appended(from: LogIndex): { readonly before: KeptState; readonly records: Iterable<VerdictRecord> } {
    assert(from > this.base.logIndex, 'the records are kept');
    const undurable = this.#writing === null ? [] : [this.#writing];
    if (this.#pending.length > 0) undurable.push({ before: this.#pendingBefore, bytes: this.#pending.finish() });
    let before = this.base;
    const durableUpTo = this.#durableState.logIndex;
    const all = function* (this: VerdictFile): Generator<RecordAndState> {
      // A block that becomes durable meanwhile is among the others already.
      for (const each of this.#durable(from)) {
        if (each.record.logIndex > durableUpTo) break;
        yield each;
      }
      for (const { before: first, bytes } of undurable) yield* recordsIn(bytes, first);
    };
    const first = this.#blocks.findLast((block) => block.before.logIndex < from);
    if (first !== undefined) before = first.before;
    for (const { record, after } of all.call(this)) {
      if (record.logIndex >= from) break;
      before = after;
    }
    const records = function* (this: VerdictFile): Generator<VerdictRecord> {
      for (const { record } of all.call(this)) if (record.logIndex >= from) yield record;
    };
    return { before, records: records.call(this) };
  }

  /** Nobody needs records below `neededFrom` any more: gives up the chunks that hold only such. */
  truncate(neededFrom: LogIndex): void {
    if (this.#isMarking || this.#isClosing || this.#failure !== null) return;
    const at = this.#firstBlockToKeep(neededFrom);
    if (at === 0) return;
    const { chunk, before } = this.#blocks[at]!;
    const mark: VerdictMark = {
      ...this.#mark,
      firstChunk: chunk,
      firstBlock: this.#mark.firstBlock + at,
      base: before,
    };
    this.#isMarking = true;
    this.#disk.replace(MARK_NAME, encodeMark(mark), (error) => {
      this.#isMarking = false;
      if (error === null) {
        const old = this.#mark.firstChunk;
        this.#mark = mark;
        this.#blocks = this.#blocks.slice(at);
        removeChunks(this.#disk, old, chunk);
      } else if (error.code !== 'NO_SPACE') this.#failure ??= error;
      this.#closeIfIdle();
    });
  }

  /** Waits for a running write, but not for room. */
  close(done: () => void): void {
    this.#isClosing = true;
    this.#closed.push(done);
    this.#giveTry(new Error('the verdict file is closed'));
    this.#closeIfIdle();
  }

  #closeIfIdle(): void {
    if (!this.#isClosing || this.#writing !== null || this.#isMarking) return;
    this.#chunk?.file.close();
    this.#chunk = null;
    const closed = this.#closed;
    this.#closed = [];
    for (const done of closed) done();
  }

  /** The first of the last chunk before which there are only records below `neededFrom`. */
  #firstBlockToKeep(neededFrom: LogIndex): number {
    for (let at = this.#blocks.length - 1; at > 0; at--) {
      const block = this.#blocks[at]!;
      if (block.before.logIndex < neededFrom && block.chunk !== this.#blocks[at - 1]!.chunk) return at;
    }
    return 0;
  }

  /** From the block on that has the record of `from`. */
  *#durable(from: LogIndex): Generator<RecordAndState> {
    const blocks = this.#blocks;
    const first = Math.max(
      0,
      blocks.findLastIndex((block) => block.before.logIndex < from),
    );
    for (let i = first; i < blocks.length; i++) yield* this.#recordsOf(blocks[i]!);
  }

  *#recordsOf(place: BlockPlace): Generator<RecordAndState> {
    const reader = this.#contentOf(place);
    const before = readState(reader);
    yield* recordsIn(reader.raw(reader.left), before);
  }

  /** @throws DiskError also where the block is not what was written: a restart finds that, and asks for a state. */
  #contentOf(place: BlockPlace): ByteReader {
    const file = this.#disk.open(chunkName(place.chunk));
    const content = file.read(place.offset, place.length);
    file.close();
    if (crc32c(content) !== place.crc) {
      const message = `${file.name} at ${place.offset}: verdicts that were durable cannot be read`;
      throw new DiskError({ code: 'IO', file: file.name, message });
    }
    return new ByteReader(content);
  }

  #writeNext(): void {
    if (this.#writing !== null || this.#waiting.length === 0) return;
    if (this.#isClosing && this.#failure === null) this.#failure = new Error('the verdict file is closed');
    if (this.#failure !== null || this.#pending.length === 0) return this.#answer(this.#failure);
    const waiting = this.#waiting;
    this.#waiting = [];
    const before = this.#pendingBefore;
    const writing: Undurable = { before, bytes: this.#pending.finish() };
    this.#writing = writing;
    const state = this.#state;
    this.#pending.reset();
    this.#pendingBefore = state;
    const content = new ByteWriter(writing.bytes.length + 64);
    writeState(content, before);
    content.raw(writing.bytes);
    const done = (error: Error | null): void => {
      this.#writing = null;
      if (error !== null) this.#failure = error;
      else this.#durableState = state;
      for (const each of waiting) each(error);
      this.#writeNext();
      this.#closeIfIdle();
    };
    const bytes = encodeBlock(this.#blockNumber + 1, content.view());
    this.#withRoom(bytes.length, (error) => {
      if (error !== null) return done(error);
      this.#writeBlock(bytes, { before, length: content.length, crc: crc32c(content.view()) }, done);
    });
  }

  #answer(error: Error | null): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) each(error);
  }

  #withRoom(bytes: number, ready: Done): void {
    const current = this.#chunk;
    if (current !== null && current.offset + bytes <= current.file.sizeBytes) return ready(null);
    current?.file.close();
    this.#chunk = null;
    this.#createChunk(Math.max(this.#options.chunkBytes, SECTOR_BYTES + bytes), ready);
  }

  #createChunk(sizeBytes: number, ready: Done): void {
    const number = this.#nextChunk;
    this.#disk.create(chunkName(number), sizeBytes, (error, file) => {
      if (error !== null) return this.#notCreated(error, sizeBytes, ready);
      const header = encodeChunkHeader({ memberId: this.#memberId, number, firstBlock: this.#blockNumber + 1 });
      file!.write(0, [header], (failed) => {
        if (failed !== null) return ready(failed);
        this.#chunk = { number, file: file!, offset: SECTOR_BYTES, leftoversEnd: SECTOR_BYTES };
        this.#nextChunk = number + 1;
        ready(null);
        this.#setRoom(true);
      });
    });
  }

  #notCreated(error: DiskError, sizeBytes: number, ready: Done): void {
    // What there is of it takes room, too, also that of the member's smallest files.
    if (error.code === 'NO_SPACE') removeChunks(this.#disk, this.#nextChunk, this.#nextChunk + 1);
    if (error.code !== 'NO_SPACE' || this.#isClosing) return ready(error);
    this.#tryAgain = (closed) => (closed === null ? this.#createChunk(sizeBytes, ready) : ready(closed));
    this.#setRoom(false);
  }

  #giveTry(error: Error | null): void {
    const tryAgain = this.#tryAgain;
    this.#tryAgain = null;
    tryAgain?.(error);
  }

  #setRoom(hasRoom: boolean): void {
    if (hasRoom === this.#hasRoom) return;
    this.#hasRoom = hasRoom;
    this.onRoomChanged(hasRoom);
  }

  #writeBlock(bytes: Uint8Array, place: Pick<BlockPlace, 'before' | 'length' | 'crc'>, done: Done): void {
    const chunk = this.#chunk!;
    const { offset } = chunk;
    const end = offset + bytes.length;
    const chunks = chunk.leftoversEnd > end ? [bytes, new Uint8Array(chunk.leftoversEnd - end)] : [bytes];
    chunk.file.write(offset, chunks, (error) => {
      if (error === null) {
        this.#blockNumber++;
        chunk.offset = end;
        chunk.leftoversEnd = end;
        this.#blocks.push({ chunk: chunk.number, offset: offset + BLOCK_HEADER_BYTES, ...place });
      }
      done(error);
    });
  }
}

/** Those from `from` to `to` (exclusive), which do not belong to the file any more: what stays is removed at the next start. */
function removeChunks(disk: Disk, from: number, to: number): void {
  try {
    for (let number = from; number < to; number++) disk.remove(chunkName(number));
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

function* recordsIn(bytes: Uint8Array, before: KeptState): Generator<RecordAndState> {
  const reader = new ByteReader(bytes);
  let state = before;
  while (reader.left > 0) {
    const next = readRecord(reader, state);
    assert(next !== null, 'a block of verdicts is readable');
    state = next.after;
    yield next;
  }
}
