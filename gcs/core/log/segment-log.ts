/**
 * The member's durable part of the group's log, and its promises in elections, in preallocated segment files.
 *
 * Group commit: one block, one write and one sync at a time; what is asked for meanwhile gathers into the next block.
 * Nothing is rewritten in place: an entry replaces all earlier records of its index and of the indexes behind it, a
 * hard state all earlier ones. Reading back and the rule of recovery: scan.ts. The bytes: format.ts.
 *
 * What was asked for is visible to readers at once; entries stay in memory until they are durable, and after that as
 * long as the cache has room for them. Older ones are read from disk.
 */

import type { Disk, DiskError, DiskFile, LogIndex, Term } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { HardState, LastMessages, LogEntry, LogReader, PersistRequest } from '../types.ts';
import type { EntryTable } from './entry-table.ts';
import {
  BlockEncoder,
  blockLength,
  decodeEntry,
  ENTRY_IDENTITY_BYTES,
  encodeSegmentHeader,
  recordsLength,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentSeed,
} from './format.ts';
import { scanLog } from './scan.ts';

export interface SegmentLogOptions {
  /** Size of a segment file, a multiple of 512. A block that is larger gets a segment of its own size. */
  readonly segmentBytes: number;
  /** Payload bytes of durable entries kept in memory for `entries`. */
  readonly cacheBytesMax: number;
  /** Bytes of requests that are gathered into one block; a larger request gets a block alone. */
  readonly blockBytesMax: number;
}

export const SEGMENT_LOG_DEFAULTS: SegmentLogOptions = {
  segmentBytes: 16 * 1024 * 1024,
  cacheBytesMax: 32 * 1024 * 1024,
  blockBytesMax: 4 * 1024 * 1024,
};

export type OpenedLog =
  | { readonly kind: 'opened'; readonly log: SegmentLog }
  /** Something that was durable cannot be read any more. `reason` is one line. */
  | { readonly kind: 'damaged'; readonly file: string; readonly offset: number; readonly reason: string };

/** Counters since the log was opened, but `segments` and `bytes`, which count what is on disk. */
export interface SegmentLogStatus {
  readonly segments: number;
  /** Bytes of the segments up to the end of the last block. */
  readonly bytes: number;
  /** Writes that were synced, which is blocks that are durable. */
  readonly syncs: number;
  readonly writtenBytes: number;
  readonly writtenEntries: number;
  readonly waitingRequests: number;
  readonly cachedBytes: number;
}

/** A durable record cannot be read back: the disk lost it, or the program wrote nonsense. The member must not go on. */
export class DamagedRecord extends Error {
  override readonly name = 'DamagedRecord';
  readonly code = 'DAMAGED_RECORD';
  readonly file: string;
  readonly offset: number;
  readonly index: LogIndex;

  constructor(facts: { file: string; offset: number; index: LogIndex; reason: string }) {
    super(`${facts.file} at ${facts.offset}, index ${facts.index}: ${facts.reason}`);
    this.file = facts.file;
    this.offset = facts.offset;
    this.index = facts.index;
  }
}

/** Bytes read from disk at once for `entries`, if one entry is not larger. */
const READ_BYTES_MAX = 1024 * 1024;
/** Open files kept for reading older segments. */
const READ_FILES_MAX = 8;

interface Segment {
  readonly number: number;
  readonly seed: number;
  readonly file: DiskFile;
  /** Where the next block goes; 0: not even the header is written. */
  offset: number;
  /** End of what a torn block left behind `offset`. */
  leftoversEnd: number;
}

export class SegmentLog implements LogReader {
  /** Called in a turn of its own when all requests up to `number` are durable. */
  onDurable: (number: number) => void = () => {};
  /** Called once; nothing is written after it. */
  onFailed: (error: DiskError) => void = () => {};

  readonly #disk: Disk;
  readonly #options: SegmentLogOptions;
  readonly #memberId: string;
  readonly #table: EntryTable;
  readonly #encoder = new BlockEncoder();
  readonly #readFiles = new Map<number, DiskFile>();

  #hardState: HardState;
  /** As of the last block handed to the disk. */
  #writtenHardState: HardState;
  /** Entries from `#cacheFrom` to the last index, those in `#cache` before `#cacheHead` being gone. */
  #cache: LogEntry[] = [];
  #cacheHead = 0;
  #cacheFrom: LogIndex;
  #cachedBytes = 0;
  /** Entries up to here are on disk in the version that the table has. */
  #settledUpTo: LogIndex;

  #waiting: PersistRequest[] = [];
  #lastNumber = 0;
  #nextBlock: number;
  /** Null: nothing was ever written. */
  #current: Segment | null;
  #prepared: Segment | null = null;
  #isPreparing = false;
  #isWriting = false;
  #hasFailed = false;
  #closing: (() => void) | null = null;
  #isClosed = false;

  #fullSegmentsBytes: number;
  #syncs = 0;
  #writtenBytes = 0;
  #writtenEntries = 0;

  /**
   * Reads what is there; a directory without segments gives an empty log. A segment of another member is damage.
   *
   * @throws DiskError
   */
  static open(disk: Disk, options: SegmentLogOptions, identity: { readonly memberId: string }): OpenedLog {
    assert(options.segmentBytes % SECTOR_BYTES === 0 && options.segmentBytes > SEGMENT_HEADER_BYTES, 'whole sectors');
    const scanned = scanLog(disk, identity.memberId);
    if (scanned.kind === 'damaged') return scanned;
    const { tail } = scanned;
    let current: Segment | null = null;
    if (tail !== null) {
      const { segment: number, offset, leftoversEnd } = tail;
      const seed = segmentSeed(identity.memberId, number);
      current = { number, seed, file: disk.open(segmentName(number)), offset, leftoversEnd };
    }
    const log = new SegmentLog({ disk, options, memberId: identity.memberId, ...scanned, current });
    log.#prepareAhead();
    return { kind: 'opened', log };
  }

  private constructor(parts: {
    disk: Disk;
    options: SegmentLogOptions;
    memberId: string;
    table: EntryTable;
    hardState: HardState;
    lastBlock: number;
    fullSegmentsBytes: number;
    current: Segment | null;
  }) {
    this.#disk = parts.disk;
    this.#options = parts.options;
    this.#memberId = parts.memberId;
    this.#table = parts.table;
    this.#hardState = parts.hardState;
    this.#writtenHardState = parts.hardState;
    this.#nextBlock = parts.lastBlock + 1;
    this.#current = parts.current;
    this.#cacheFrom = parts.table.lastIndex + 1;
    this.#settledUpTo = parts.table.lastIndex;
    this.#fullSegmentsBytes = parts.fullSegmentsBytes;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get lastIndex(): LogIndex {
    return this.#table.lastIndex;
  }

  termAt(index: LogIndex): Term {
    return this.#table.termAt(index);
  }

  /** Cost: O(index). For the start of a member. */
  lastMessagesAt(index: LogIndex): LastMessages {
    return this.#table.lastMessagesAt(index);
  }

  get status(): SegmentLogStatus {
    return {
      segments: this.#current?.number ?? 0,
      bytes: this.#fullSegmentsBytes + (this.#current?.offset ?? 0),
      syncs: this.#syncs,
      writtenBytes: this.#writtenBytes,
      writtenEntries: this.#writtenEntries,
      waitingRequests: this.#waiting.length,
      cachedBytes: this.#cachedBytes,
    };
  }

  /** @throws DiskError, DamagedRecord if entries must be read from disk and cannot. */
  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly LogEntry[] {
    assert(from >= 1 && from <= upTo && upTo <= this.lastIndex, 'the entries are in the log');
    const found: LogEntry[] = [];
    let bytesLeft = bytesMax;
    let index = from;
    while (index <= upTo && index < this.#cacheFrom) {
      const read = this.#readRun(index, Math.min(upTo, this.#cacheFrom - 1), bytesLeft, found.length === 0);
      if (read.length === 0) return found;
      for (const entry of read) {
        found.push(entry);
        bytesLeft -= entry.payload.length;
      }
      index += read.length;
    }
    for (; index <= upTo; index++) {
      const entry = this.#cache[this.#cacheHead + index - this.#cacheFrom]!;
      if (found.length > 0 && entry.payload.length > bytesLeft) break;
      found.push(entry);
      bytesLeft -= entry.payload.length;
    }
    return found;
  }

  /** Visible to readers at once; `onDurable` tells when it is durable. Not written after a failure or behind `close`. */
  persist(request: PersistRequest): void {
    assert(request.number === this.#lastNumber + 1, 'requests have consecutive numbers');
    this.#lastNumber = request.number;
    if (request.hardState !== null) this.#hardState = request.hardState;
    const first = request.entries[0];
    if (first !== undefined) this.#append(first.index, request.entries);
    if (this.#hasFailed || this.#closing !== null) return;
    this.#waiting.push(request);
    this.#writeNext();
  }

  /** Writes what was asked for, then closes the files. `done` may be called within the call. */
  close(done: () => void): void {
    assert(this.#closing === null, 'a log is closed once');
    this.#closing = done;
    this.#finishClosing();
  }

  #append(firstIndex: LogIndex, entries: readonly LogEntry[]): void {
    this.#dropCachedFrom(firstIndex);
    this.#settledUpTo = Math.min(this.#settledUpTo, firstIndex - 1);
    let index = firstIndex;
    for (const entry of entries) {
      assert(entry.index === index++, 'entries of a request have consecutive indexes');
      this.#table.put(entry);
      this.#cache.push(entry);
      this.#cachedBytes += entry.payload.length;
    }
  }

  #dropCachedFrom(index: LogIndex): void {
    const keep = Math.max(0, index - this.#cacheFrom);
    while (this.#cache.length - this.#cacheHead > keep) this.#cachedBytes -= this.#cache.pop()!.payload.length;
    if (index < this.#cacheFrom) this.#cacheFrom = index;
  }

  /** Gives up what is on disk, oldest first, down to the bound. */
  #trimCache(): void {
    while (this.#cachedBytes > this.#options.cacheBytesMax && this.#cacheFrom <= this.#settledUpTo) {
      this.#cachedBytes -= this.#cache[this.#cacheHead]!.payload.length;
      this.#cacheHead++;
      this.#cacheFrom++;
    }
    // Half of the array is gone: moving the rest costs as much as was given up.
    if (this.#cacheHead > 1024 && this.#cacheHead * 2 > this.#cache.length) {
      this.#cache = this.#cache.slice(this.#cacheHead);
      this.#cacheHead = 0;
    }
  }

  #writeNext(): void {
    if (this.#isWriting || this.#hasFailed || this.#waiting.length === 0) return;
    const gathered = this.#gather();
    const segment = this.#segmentFor(blockLength(gathered.recordsBytes));
    if (segment === null) return;
    const requests = this.#waiting.splice(0, gathered.count);
    const isFirst = segment.offset === 0;
    const offset = isFirst ? SEGMENT_HEADER_BYTES : segment.offset;
    const block = this.#encoder.encode({
      seed: segment.seed,
      offset,
      number: this.#nextBlock,
      hardState: isFirst ? this.#writtenHardState : null,
      requests,
      placed: (entry, at) => this.#table.place(entry.index, segment.number, at),
    });
    const end = offset + block.length;
    assert(end < 0x1_0000_0000, 'a segment is smaller than 4 GiB');
    const chunks = [...block.chunks];
    if (isFirst) {
      const { number } = segment;
      chunks.unshift(encodeSegmentHeader({ memberId: this.#memberId, number, firstBlock: this.#nextBlock }));
    }
    if (segment.leftoversEnd > end) chunks.push(new Uint8Array(segment.leftoversEnd - end));
    for (const { hardState } of requests) if (hardState !== null) this.#writtenHardState = hardState;
    this.#isWriting = true;
    segment.file.write(segment.offset, chunks, (error) => {
      this.#isWriting = false;
      if (error !== null) {
        this.#fail(error);
        return;
      }
      segment.offset = end;
      segment.leftoversEnd = 0;
      this.#written(requests, block.length);
    });
  }

  #written(requests: readonly PersistRequest[], bytes: number): void {
    this.#nextBlock++;
    this.#syncs++;
    this.#writtenBytes += bytes;
    for (const { entries } of requests) this.#writtenEntries += entries.length;
    this.#settledUpTo = this.lastIndex;
    for (const { entries } of this.#waiting) {
      if (entries.length > 0) this.#settledUpTo = Math.min(this.#settledUpTo, entries[0]!.index - 1);
    }
    this.#trimCache();
    this.#prepareAhead();
    // The disk goes on before the owner is told: what it asks for in answer is for the block after.
    this.#writeNext();
    this.onDurable(requests.at(-1)!.number);
    this.#finishClosing();
  }

  /** How many of the waiting requests the next block takes, and the length of their records. */
  #gather(): { readonly count: number; readonly recordsBytes: number } {
    let recordsBytes = 0;
    let count = 0;
    for (const request of this.#waiting) {
      const more = recordsLength(request);
      if (count > 0 && recordsBytes + more > this.#options.blockBytesMax) break;
      recordsBytes += more;
      count++;
    }
    return { count, recordsBytes };
  }

  /** Where a block of `length` bytes goes. Null: once the next segment is prepared. */
  #segmentFor(length: number): Segment | null {
    const current = this.#current;
    if (current !== null && current.offset + length <= current.file.sizeBytes) return current;
    const next = this.#prepared;
    if (next === null) {
      this.#prepare();
      return null;
    }
    this.#prepared = null;
    this.#current = next;
    if (current !== null) {
      this.#fullSegmentsBytes += current.file.sizeBytes;
      current.file.close();
    }
    return next;
  }

  /** From the middle of a segment on, the next one is made ready. */
  #prepareAhead(): void {
    const current = this.#current;
    if (this.#closing !== null) return;
    if (current === null || current.offset * 2 > current.file.sizeBytes) this.#prepare();
  }

  #prepare(): void {
    if (this.#prepared !== null || this.#isPreparing || this.#hasFailed) return;
    const number = (this.#current?.number ?? 0) + 1;
    this.#isPreparing = true;
    this.#disk.create(segmentName(number), this.#options.segmentBytes, (error, file) => {
      this.#isPreparing = false;
      if (error !== null) {
        this.#fail(error);
        return;
      }
      const seed = segmentSeed(this.#memberId, number);
      this.#prepared = { number, seed, file: file!, offset: 0, leftoversEnd: 0 };
      this.#writeNext();
      this.#finishClosing();
    });
  }

  #fail(error: DiskError): void {
    if (!this.#hasFailed) {
      this.#hasFailed = true;
      this.#waiting = [];
      this.onFailed(error);
    }
    this.#finishClosing();
  }

  #finishClosing(): void {
    if (this.#closing === null || this.#isClosed) return;
    if (this.#isWriting || this.#isPreparing || this.#waiting.length > 0) return;
    this.#isClosed = true;
    this.#current?.file.close();
    this.#prepared?.file.close();
    for (const file of this.#readFiles.values()) file.close();
    this.#readFiles.clear();
    this.#closing();
  }

  /** Entries from `from` on that lie behind one another in one segment; none if the first is too large and not `atLeastOne`. */
  #readRun(from: LogIndex, upTo: LogIndex, bytesMax: number, atLeastOne: boolean): readonly LogEntry[] {
    const first = this.#table.placeOf(from);
    if (!atLeastOne && first.payloadLength > bytesMax) return [];
    let end = first.offset + ENTRY_IDENTITY_BYTES + first.payloadLength;
    let payloadBytes = first.payloadLength;
    let last = from;
    while (last < upTo) {
      const next = this.#table.placeOf(last + 1);
      const nextEnd = next.offset + ENTRY_IDENTITY_BYTES + next.payloadLength;
      payloadBytes += next.payloadLength;
      if (next.segment !== first.segment || next.offset < end) break;
      if (payloadBytes > bytesMax || nextEnd - first.offset > READ_BYTES_MAX) break;
      end = nextEnd;
      last++;
    }
    const file = this.#fileOf(first.segment);
    const bytes = file.read(first.offset, end - first.offset);
    const entries: LogEntry[] = [];
    for (let index = from; index <= last; index++) {
      const { offset } = this.#table.placeOf(index);
      const decoded = decodeEntry(bytes, offset - first.offset, bytes.length);
      const damaged = (reason: string): DamagedRecord => new DamagedRecord({ file: file.name, offset, index, reason });
      if (decoded.kind === 'unreadable') throw damaged(decoded.reason);
      if (decoded.entry.index !== index || decoded.entry.term !== this.termAt(index)) {
        throw damaged(`it holds index ${decoded.entry.index} of term ${decoded.entry.term}`);
      }
      entries.push(decoded.entry);
    }
    return entries;
  }

  #fileOf(segment: number): DiskFile {
    if (segment === this.#current?.number) return this.#current.file;
    let file = this.#readFiles.get(segment);
    if (file === undefined) {
      if (this.#readFiles.size >= READ_FILES_MAX) {
        const [oldest, oldestFile] = this.#readFiles.entries().next().value!;
        this.#readFiles.delete(oldest);
        oldestFile.close();
      }
      file = this.#disk.open(segmentName(segment));
      this.#readFiles.set(segment, file);
    }
    return file;
  }
}
