/**
 * The member's durable part of the group's log, and its promises in elections, in preallocated segment files.
 *
 * Group commit: one block, one write and one sync at a time; what is asked for meanwhile gathers into the next block.
 * Nothing is rewritten in place: an entry replaces all earlier records of its index and of the indexes behind it, a
 * hard state all earlier ones. Reading back, the rule of recovery and what damage is: scan.ts. The bytes: format.ts.
 *
 * What was asked for is visible to readers at once; entries stay in memory until they are durable, and after that as
 * long as the cache has room for them. Older ones are read from disk.
 *
 * The log begins behind a base: what is below was let go of (`truncate`), whole segments at a time, or never was here
 * (`reset`). Both are told by a block first; files go when another block repeats it.
 */

import type { Disk, DiskError, LogIndex, Term } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type {
  EntryId,
  EntryKind,
  GroupView,
  HardState,
  LastMessages,
  LogBase,
  LogEntry,
  LogReader,
  PersistRequest,
} from '../types.ts';
import { blockLength, recordsLength } from './block-encoder.ts';
import { type Block, BlockWriter } from './block-writer.ts';
import { encodeCheckpoint } from './checkpoint.ts';
import { hardStateBehind, withClaim } from './claims.ts';
import { DamagedRecord, type OpenedLog, type SegmentLogOptions, type SegmentLogStatus } from './contract.ts';
import { EntryCache } from './entry-cache.ts';
import { EntryTable } from './entry-table.ts';
import {
  type BlockSpan,
  type CheckpointRecord,
  RECORD_HEAD_BYTES,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentSeed,
} from './format.ts';
import { LogParts } from './log-parts.ts';
import type { LogSummary } from './log-summary.ts';
import { type RunRange, readRun } from './read-run.ts';
import { type ScannedLog, scanLog } from './scan.ts';
import { type Segment, SegmentFiles } from './segment-files.ts';
import { WaitingRequests } from './waiting-requests.ts';

export * from './contract.ts';

/** Asked for while nothing is waiting to be persisted. */
type Order =
  | { readonly kind: 'repair'; readonly entry: LogEntry; readonly done: () => void }
  | { readonly kind: 'discard'; readonly done: () => void }
  | { readonly kind: 'reset'; readonly base: LogBase; readonly done: () => void };

const NO_ENTRIES: readonly (readonly LogEntry[])[] = [];

/** What the next block is to do, beside what every block does. */
interface Plan {
  readonly entries: readonly (readonly LogEntry[])[];
  readonly span: BlockSpan;
  readonly hardState: HardState;
  readonly isRepair: boolean;
  readonly isSeal: boolean;
  /** Begins a log that has this base. */
  readonly resetTo: LogBase | null;
  readonly durable: () => void;
}

export class SegmentLog implements LogReader {
  /** Called in a turn of its own when all requests up to `number` are durable. */
  onDurable: (number: number) => void = () => {};
  /**
   * As `onDurable`, of the hard states of all requests up to `number` only: while there is no room for entries they
   * overtake them. Not called when `onDurable` says more.
   */
  onHardStateDurable: (number: number) => void = () => {};
  /** Called once; nothing is written after it. */
  onFailed: (error: DiskError) => void = () => {};
  /** In a turn of its own: there is no space for the next segment, or there is again. */
  onRoomChanged: (hasRoom: boolean) => void = () => {};
  /** Called before `entries` throws it. */
  onDamaged: (record: DamagedRecord) => void = () => {};

  readonly #options: SegmentLogOptions;
  readonly #writer: BlockWriter;
  readonly #parts: LogParts;
  readonly #waiting = new WaitingRequests();
  readonly #files: SegmentFiles;
  #base: LogBase;
  #table: EntryTable;
  #cache: EntryCache;
  #hardState: HardState;
  #firstSegment: number;
  /** Entries up to here are on disk in the version that the table has. */
  #onDiskUpTo: LogIndex;

  #orders: Order[] = [];
  /** An empty block is wanted, even if there is nothing to write. */
  #wants: 'nothing' | 'mark' | 'seal' = 'nothing';
  #lastNumber = 0;
  #hasFailed = false;
  #closing: (() => void) | null = null;
  #isClosed = false;

  #writtenEntries = 0;
  #faultyFound = 0;
  #faultyRepaired = 0;

  /**
   * Reads what is there; a directory without segments gives an empty log. What is damaged is reported, never cut away.
   *
   * @throws DiskError
   */
  static open(disk: Disk, options: SegmentLogOptions, identity: { readonly memberId: string }): OpenedLog {
    assert(options.segmentBytes % SECTOR_BYTES === 0 && options.segmentBytes > SEGMENT_HEADER_BYTES, 'whole sectors');
    const scanned = scanLog(disk, identity.memberId);
    if (scanned.kind === 'refused') return scanned;
    const { tail } = scanned;
    let current: Segment | null = null;
    if (tail !== null) {
      const { segment: number, offset, leftoversEnd } = tail;
      const seed = segmentSeed(identity.memberId, number);
      current = { number, seed, file: disk.open(segmentName(number)), offset, leftoversEnd };
    }
    const { segmentBytes } = options;
    const { memberId } = identity;
    const files = new SegmentFiles({ disk, memberId, segmentBytes, current, nextNumber: scanned.nextSegment });
    const log = new SegmentLog(scanned, files, options, memberId);
    files.prepareAhead();
    return { kind: 'opened', log, damage: scanned.damage };
  }

  private constructor(scanned: ScannedLog, files: SegmentFiles, options: SegmentLogOptions, memberId: string) {
    this.#options = options;
    this.#files = files;
    this.#writer = new BlockWriter(memberId, scanned);
    this.#parts = new LogParts(scanned);
    this.#base = scanned.base;
    this.#table = scanned.table;
    this.#hardState = scanned.context.hardState;
    this.#firstSegment = scanned.context.firstSegment;
    this.#onDiskUpTo = this.#table.lastIndex;
    this.#cache = new EntryCache(options.cacheBytesMax, this.#table.lastIndex + 1);
    this.#faultyFound = this.#table.holeCount;
    files.onPrepared = () => {
      this.#writeNext();
      this.#finishClosing();
    };
    files.onNotPrepared = () => this.#finishClosing();
    files.onFailed = (error) => this.#fail(error);
    files.onRoomChanged = (hasRoom) => {
      this.#writeNext();
      this.onRoomChanged(hasRoom);
    };
  }

  /** Number of the last request; the next one's is one higher. */
  get lastRequest(): number {
    return this.#lastNumber;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  get base(): LogBase {
    return this.#base;
  }

  get firstIndex(): LogIndex {
    return this.#base.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.#table.lastIndex;
  }

  /** There is space for the next segment, as far as is known. If not, what fits into the current one is still written. */
  get hasRoom(): boolean {
    return this.#files.hasRoom;
  }

  /** All that was ever written is proven to be durable. */
  get isSealed(): boolean {
    return this.#writer.isSealed;
  }

  get status(): SegmentLogStatus {
    return {
      segments: this.#parts.count,
      bytes: this.#parts.bytes,
      firstIndex: this.firstIndex,
      syncs: this.#writer.syncs,
      writtenBytes: this.#writer.bytes,
      writtenEntries: this.#writtenEntries,
      waitingRequests: this.#waiting.count,
      cachedBytes: this.#cache.bytes,
      faultyFound: this.#faultyFound,
      faultyRepaired: this.#faultyRepaired,
      hasRoom: this.hasRoom,
    };
  }

  termAt(index: LogIndex): Term {
    return this.#table.termAt(index);
  }

  kindAt(index: LogIndex): EntryKind {
    const kind = this.#table.kindAt(index);
    assert(kind !== null, 'the entry can be read');
    return kind;
  }

  viewIndexes(): readonly LogIndex[] {
    return this.#table.views.map((each) => each.index);
  }

  /** In force at `index`, which is `base.index` or later. Null: the one that the group was founded with. */
  viewAt(index: LogIndex): GroupView | null {
    assert(index >= this.#base.index && index <= this.lastIndex, 'the index is in the log');
    return this.#table.views.findLast((each) => each.index <= index)?.view ?? this.#base.view;
  }

  /** `index`: `base.index` or later. Cost: O(entries of a segment). */
  lastMessagesAt(index: LogIndex): LastMessages {
    return this.#summaryAt(index).lastMessages;
  }

  /** The lowest index of a fragment whose message is not complete at `index`; `index` + 1 if there is none. Cost: O(entries of a segment). */
  partialFrom(index: LogIndex): LogIndex {
    return this.#summaryAt(index).partialFrom;
  }

  /** The lowest index from which on there are about `bytes` on disk, in steps of segments; `firstIndex` if there are no more in all. */
  indexWithin(bytes: number): LogIndex {
    const { firstIndex, lastIndex } = this;
    return this.#parts.indexWithin(bytes, { firstIndex, lastIndex });
  }

  /** The end of what can be read from `from` on without a hole, at most `upTo`; `from` - 1: not even that one. */
  readableUpTo(from: LogIndex, upTo: LogIndex): LogIndex {
    assert(from > this.#base.index && upTo <= this.lastIndex, 'the entries are in the log');
    if (this.#table.holeCount === 0) return Math.max(upTo, from - 1);
    let end = from - 1;
    while (end < upTo && this.#table.kindAt(end + 1) !== null) end++;
    return end;
  }

  /** @throws DiskError, DamagedRecord if entries must be read from disk and cannot. */
  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly LogEntry[] {
    assert(from > this.#base.index && from <= upTo && upTo <= this.lastIndex, 'the entries are in the log');
    const found: LogEntry[] = [];
    let bytesLeft = bytesMax;
    let index = from;
    const cachedFrom = this.#cache.from;
    while (index <= upTo && index < cachedFrom) {
      const end = Math.min(upTo, cachedFrom - 1);
      const read = this.#readRun({ from: index, upTo: end, bytesMax: bytesLeft, atLeastOne: found.length === 0 });
      if (read.length === 0) return found;
      for (const entry of read) {
        found.push(entry);
        bytesLeft -= entry.payload.length;
      }
      index += read.length;
    }
    for (; index <= upTo; index++) {
      const entry = this.#cache.at(index);
      if (found.length > 0 && entry.payload.length > bytesLeft) break;
      found.push(entry);
      bytesLeft -= entry.payload.length;
    }
    return found;
  }

  /** Visible to readers at once; `onDurable` tells when it is durable. Not written after a failure or behind `close`. */
  persist(request: PersistRequest): void {
    assert(request.number === this.#lastNumber + 1, 'requests have consecutive numbers');
    assert(this.#orders.length === 0, 'a log is repaired before it is used');
    this.#lastNumber = request.number;
    if (request.hardState !== null) this.#hardState = request.hardState;
    const first = request.entries[0];
    if (first !== undefined) this.#append(first.index, request.entries);
    if (this.#hasFailed || this.#closing !== null) return;
    this.#waiting.add(request);
    this.#writeNext();
  }

  /**
   * Lets go of entries up to `upTo`, if whole segments can go with them; all of them are chosen, and no message has
   * fragments on both sides. Readers see the new base at once.
   */
  truncate(upTo: LogIndex): void {
    if (this.#isStopped || this.#orders.length > 0 || this.#table.holeCount > 0) return;
    const index = Math.min(upTo, this.#onDiskUpTo);
    const first = this.#parts.firstBehind(index);
    if (first === undefined || first <= this.#firstSegment || index <= this.#base.index) return;
    this.#base = this.#baseAt(this.#summaryAt(index));
    this.#table.letGo(index);
    this.#cache.dropBelow(index + 1);
    this.#firstSegment = first;
    this.#parts.truncate(this.#base, { first, toldBy: this.#writer.lastBlock + 1 });
    if (this.#wants === 'nothing') this.#wants = 'mark';
    this.#writeNext();
  }

  /** Proves that all is durable, so that damage to the last block is not taken for a torn end. For an idle log. */
  seal(): void {
    if (this.isSealed || this.#writer.lastBlock === 0 || this.#isStopped) return;
    if (this.#writer.isWriting || this.#waiting.count > 0 || this.#orders.length > 0 || !this.hasRoom) return;
    if (this.#wants === 'nothing') this.#wants = 'seal';
    this.#writeNext();
  }

  /** To be called now and then while there is no room. */
  retryRoom(): void {
    if (!this.#isStopped) this.#files.retryRoom();
  }

  /** Writes an entry that could not be read anew; any other of its index is chosen nowhere. `done` is not called after a failure. */
  repair(entry: LogEntry, done: () => void): void {
    assert(entry.index > this.#base.index && entry.index <= this.lastIndex, 'what is repaired is in the log');
    this.#order({ kind: 'repair', entry, done });
  }

  /**
   * Cuts the log before `index`, remembering that it was durable up to `claim`. Nothing before `index` is damaged any
   * more. Visible at once. `done` is not called after a failure.
   */
  discardFrom(index: LogIndex, claim: EntryId, done: () => void): void {
    assert(index > this.#base.index && index <= this.lastIndex + 1, 'what is discarded is in the log');
    assert(index - 1 === this.#base.index || this.#table.kindAt(index - 1) !== null, 'what comes before is repaired');
    this.#hardState = withClaim(this.#hardState, claim);
    this.#cut(index);
    this.#order({ kind: 'discard', done });
  }

  /**
   * Begins anew behind `base`: the old log is there until it is durable, the new, empty one from then on. What the old
   * one durably had beyond the base is claimed. `done` is not called after a failure.
   */
  reset(base: LogBase, hardState: HardState, done: () => void): void {
    const { claim } = this.#hardState;
    const { last, lastTerm } = this.#writer.context.before;
    const ends = [
      { index: last, term: lastTerm },
      { index: this.lastIndex, term: this.termAt(this.lastIndex) },
    ];
    this.#hardState = hardStateBehind(base, hardState, claim === null ? ends : [claim, ...ends]);
    this.#order({ kind: 'reset', base, done });
  }

  /** Writes what was asked for and seals it, then closes the files. `done` may be called within the call. */
  close(done: () => void): void {
    assert(this.#closing === null, 'a log is closed once');
    this.#closing = done;
    this.#finishClosing();
  }

  get #isStopped(): boolean {
    return this.#hasFailed || this.#closing !== null;
  }

  #order(order: Order): void {
    assert(this.#waiting.count === 0, 'a log is repaired before it is used');
    if (this.#isStopped) return;
    this.#orders.push(order);
    this.#writeNext();
  }

  // The entries

  #append(firstIndex: LogIndex, entries: readonly LogEntry[]): void {
    this.#cut(firstIndex);
    let index = firstIndex;
    for (const entry of entries) {
      assert(entry.index === index++, 'entries of a request have consecutive indexes');
      this.#table.put(entry);
      this.#cache.push(entry);
    }
  }

  #cut(index: LogIndex): void {
    this.#onDiskUpTo = Math.min(this.#onDiskUpTo, index - 1);
    if (index > this.lastIndex) return;
    this.#cache.dropFrom(index);
    this.#table.cut(index);
    this.#parts.cut(index);
  }

  #summaryAt(index: LogIndex): LogSummary {
    assert(index >= this.#base.index && index <= this.lastIndex, 'the index is in the log');
    return this.#parts.summaryAt(index, this.#table);
  }

  // Writing

  #writeNext(): void {
    if (this.#writer.isWriting || this.#hasFailed) return;
    if (this.#orders.length > 0) this.#writeOrder();
    else if (this.#waiting.count > 0) this.#writeRequests();
    else if (this.#wants !== 'nothing') this.#writeEmpty(this.#wants === 'seal');
  }

  #writeRequests(): void {
    const { count, recordsBytes } = this.#waiting.next(this.#options.blockBytesMax);
    const isSmall = recordsBytes === 0;
    const segment = this.#segmentFor(recordsBytes, { isSmall, firstIndex: this.#waiting.firstIndex });
    if (segment === null) {
      this.#writeHardStateAhead();
      return;
    }
    const { entries, hardState, upTo } = this.#waiting.take(count);
    const span = this.#writer.spanOf(entries);
    this.#write(
      segment,
      this.#planOf(hardState === null ? { entries, span } : { entries, span, hardState }, () => {
        for (const list of entries) this.#writtenEntries += list.length;
        this.onDurable(upTo);
      }),
    );
  }

  /** There is no room for the entries before it: what was promised in elections does not wait for them. */
  #writeHardStateAhead(): void {
    if (this.hasRoom) return;
    const ahead = this.#waiting.hardStateAhead;
    if (ahead === null) return;
    const segment = this.#files.currentFor(blockLength(0), { isSmall: true });
    if (segment === null) return;
    const { number, hardState } = ahead;
    this.#waiting.hardStateTaken(number);
    this.#write(
      segment,
      this.#planOf({ hardState }, () => this.onHardStateDurable(number)),
    );
  }

  #writeEmpty(isSeal: boolean): void {
    const segment = this.#segmentFor(0, { isSmall: false, firstIndex: undefined });
    if (segment === null) return;
    this.#write(
      segment,
      this.#planOf({ isSeal }, () => {}),
    );
  }

  #writeOrder(): void {
    const order = this.#orders[0]!;
    const records = order.kind === 'repair' ? this.#gatherRepairs() : [];
    const entries = records.map((record) => record.entry);
    const resetTo = order.kind === 'reset' ? order.base : null;
    const segment =
      resetTo === null
        ? this.#segmentFor(recordsLength(entries), { isSmall: false, firstIndex: undefined })
        : this.#files.nextFor(blockLength(RECORD_HEAD_BYTES + encodeCheckpoint(resetTo).payload.length));
    if (segment === null) return;
    this.#orders.splice(0, Math.max(1, records.length));
    const { hardState } = this;
    if (order.kind === 'repair') {
      this.#write(
        segment,
        this.#planOf({ entries: [entries], isRepair: true }, () => {
          this.#writtenEntries += entries.length;
          this.#faultyRepaired += entries.length;
          for (const { done } of records) done();
        }),
      );
      return;
    }
    const { index: last, term: lastTerm } = resetTo ?? { index: this.lastIndex, term: this.termAt(this.lastIndex) };
    const span = { first: last + 1, last, lastTerm };
    this.#write(
      segment,
      this.#planOf({ span, hardState, resetTo }, () => order.done()),
    );
  }

  #gatherRepairs(): { readonly entry: LogEntry; readonly done: () => void }[] {
    const repairs: { readonly entry: LogEntry; readonly done: () => void }[] = [];
    let bytes = 0;
    for (const order of this.#orders) {
      if (order.kind !== 'repair') break;
      bytes += recordsLength([order.entry]);
      if (repairs.length > 0 && bytes > this.#options.blockBytesMax) break;
      repairs.push(order);
    }
    return repairs;
  }

  #planOf(parts: Partial<Plan>, durable: () => void): Plan {
    return {
      entries: parts.entries ?? NO_ENTRIES,
      span: parts.span ?? this.#writer.spanOf(NO_ENTRIES),
      hardState: parts.hardState ?? this.#writer.context.hardState,
      isRepair: parts.isRepair ?? false,
      isSeal: parts.isSeal ?? false,
      resetTo: parts.resetTo ?? null,
      durable,
    };
  }

  #write(segment: Segment, plan: Plan): void {
    const { entries, span, hardState, isRepair, isSeal, resetTo } = plan;
    const checkpoint = segment.offset === 0 ? this.#beginPart(segment, span, resetTo) : null;
    if (resetTo !== null) this.#firstSegment = segment.number;
    const firstSegment = this.#firstSegment;
    const baseIndex = resetTo?.index ?? this.#base.index;
    const repairedAt: number[] = [];
    const placed = isRepair
      ? (_: LogEntry, at: number) => repairedAt.push(at)
      : (entry: LogEntry, at: number) => this.#table.place(entry.index, segment.number, at);
    this.#wants = 'nothing';
    const block: Block = { entries, span, hardState, isRepair, isSeal, firstSegment, baseIndex, checkpoint, placed };
    this.#writer.write(segment, block, (error) => {
      if (error !== null) {
        this.#fail(error);
        return;
      }
      this.#parts.writtenUpTo(segment.offset);
      if (isRepair) this.#fill(entries[0]!, segment.number, repairedAt);
      if (resetTo !== null) this.#beginAnew(resetTo, segment.number);
      this.#blockWritten(plan.durable);
    });
  }

  /** The record that stands for all before a segment's first block, whose span is given; null if that cannot be told. */
  #beginPart({ number }: Segment, span: BlockSpan, resetTo: LogBase | null): CheckpointRecord | null {
    const index = span.first - 1;
    const summary = resetTo === null && this.#isKnownUpTo(index) ? this.#summaryAt(index) : null;
    this.#parts.begin(number, summary);
    const base = resetTo ?? (summary === null ? null : this.#baseAt(summary));
    return base === null ? null : encodeCheckpoint(base);
  }

  /** What the table has up to `index` is what is on disk: nothing that waits cuts it, and all can be read. */
  #isKnownUpTo(index: LogIndex): boolean {
    if (this.#table.holeCount > 0 || index > this.lastIndex || index < this.#base.index) return false;
    return this.#waiting.entriesFrom > index;
  }

  #baseAt(summary: LogSummary): LogBase {
    const { index, lastMessages } = summary;
    return { index, term: this.termAt(index), view: this.viewAt(index), lastMessages };
  }

  #fill(entries: readonly LogEntry[], segment: number, offsets: readonly number[]): void {
    entries.forEach((entry, i) => {
      this.#table.fill(entry);
      this.#table.place(entry.index, segment, offsets[i]!);
    });
  }

  #beginAnew(base: LogBase, segment: number): void {
    this.#base = base;
    this.#table = new EntryTable(base);
    this.#cache = new EntryCache(this.#options.cacheBytesMax, base.index + 1);
    this.#onDiskUpTo = base.index;
    this.#parts.beginAnew(base, { first: segment, toldBy: this.#writer.lastBlock });
    this.#wants = 'seal';
  }

  #blockWritten(durable: () => void): void {
    if (this.#orders.length === 0) this.#onDiskUpTo = Math.min(this.lastIndex, this.#waiting.entriesFrom - 1);
    this.#cache.trim(this.#onDiskUpTo);
    for (const number of this.#parts.takeRemovable(this.#writer.lastBlock)) this.#files.remove(number);
    if (this.#closing === null) this.#files.prepareAhead();
    // The disk goes on before the owner is told: what it asks for in answer is for the block after.
    this.#writeNext();
    durable();
    this.#finishClosing();
  }

  /** Where a block with so many bytes of records goes. Null: once the next segment is prepared. */
  #segmentFor(
    recordsBytes: number,
    { isSmall, firstIndex }: { readonly isSmall: boolean; readonly firstIndex: LogIndex | undefined },
  ): Segment | null {
    const current = this.#files.currentFor(blockLength(recordsBytes), { isSmall });
    if (current !== null) return current;
    const index = (firstIndex ?? this.#writer.context.before.last + 1) - 1;
    const checkpointBytes =
      this.#files.isPrepared && this.#isKnownUpTo(index)
        ? RECORD_HEAD_BYTES + encodeCheckpoint(this.#baseAt(this.#summaryAt(index))).payload.length
        : 0;
    return this.#files.nextFor(blockLength(recordsBytes + checkpointBytes));
  }

  #fail(error: DiskError): void {
    if (!this.#hasFailed) {
      this.#hasFailed = true;
      this.#waiting.clear();
      this.#orders = [];
      this.onFailed(error);
    }
    this.#finishClosing();
  }

  #finishClosing(): void {
    if (this.#closing === null || this.#isClosed) return;
    if (this.#writer.isWriting || this.#files.isPreparing) return;
    if (!this.#hasFailed && this.hasRoom && (this.#waiting.count > 0 || this.#orders.length > 0)) return;
    if (!this.#hasFailed && this.hasRoom && !this.isSealed && this.#writer.lastBlock > 0) {
      this.#wants = 'seal';
      this.#writeNext();
      return;
    }
    this.#isClosed = true;
    this.#files.close();
    this.#closing();
  }

  // Reading

  #readRun(range: RunRange): readonly LogEntry[] {
    const damaged = (index: LogIndex, reason: string, cause?: unknown): never => this.#damaged(index, reason, cause);
    return readRun({ table: this.#table, fileOf: (segment) => this.#files.fileOf(segment), damaged }, range);
  }

  /** Sealed at once: if it is in the last block, the next start must not take it for a torn one. @throws DamagedRecord */
  #damaged(index: LogIndex, reason: string, cause?: unknown): never {
    const { segment, offset } = this.#table.placeOf(index);
    const record = new DamagedRecord({ file: segmentName(segment), offset, index, reason, cause });
    this.#faultyFound++;
    this.seal();
    this.onDamaged(record);
    throw record;
  }
}
