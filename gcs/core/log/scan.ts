/**
 * Reading the segments at start, and telling a torn tail from damage (R13; Protocol-Aware Recovery, FAST'18).
 *
 * Blocks are numbered densely over the whole log, and a block is written only after the one before it was synced.
 * So whatever names a block of a higher number (a block header, or a segment header with its first block) proves that
 * the lower ones were durable. After the last block that can be read in order, number n, there can be
 *  - nothing that names a block above n + 1: what is there is at most a torn attempt to write n + 1, which nobody was
 *    told is durable. The log ends with n, and the next block is n + 1 again.
 *  - something that does: n + 1 was durable and is lost. What it did to the log is told by its own header, if that is
 *    whole and the one that its successor followed, or by its successor, which repeats it; of several blocks in a row
 *    without headers, what they appended is known if none of them cut the log. The entries that cannot be read become
 *    holes, to be filled from a peer. Nothing behind them is lost.
 * The last block of all cannot be told apart: rot in it looks as if it was torn. So an idle log is sealed: by an empty
 * block, before which all is proven.
 *
 * A segment ends with bytes that are no block, when the next block did not fit, or when a torn attempt was left there
 * and its successor went to the next segment. The next segment's header says with which block it goes on.
 *
 * A torn attempt cannot come back as a valid block: the next one is written over it and zeros the sectors that it does
 * not cover, in the same write; until that is synced, a mixture of both fails the checksum over the block's records.
 *
 * Where the log begins is what the last whole block says (`firstSegment`): names below that came back after a crash.
 */
import type { Disk, DiskError } from '../../base/index.ts';
import { crc32c } from '../../base/index.ts';
import type { EntryId, LogBase } from '../types.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import type { LogDamage } from './contract.ts';
import { EntryTable } from './entry-table.ts';
import {
  type BlockContext,
  type BlockHeader,
  type BlockSpan,
  type DecodedSegmentHeader,
  decodeBlock,
  decodeSegmentHeader,
  EMPTY_CONTEXT,
  endOfContent,
  type PlacedRecord,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  salvageRecords,
  segmentName,
  segmentNumberOf,
  segmentSeed,
} from './format.ts';
import { LogSummary } from './log-summary.ts';
import { type ReadSegment, readFirstSector, readSegment } from './segment-reader.ts';

export interface ScannedLog {
  readonly kind: 'scanned';
  readonly table: EntryTable;
  readonly base: LogBase;
  /** Number of the last block that counts, whether it can be read or not; 0 for an empty log. */
  readonly lastBlock: number;
  /** The last block is a seal. */
  readonly isSealed: boolean;
  /** For the next block. */
  readonly context: BlockContext;
  /** For the next blocks: differs from those of any torn attempt in their place. */
  readonly attempt: number;
  /** Where the next block goes. Null: into a new segment. */
  readonly tail: LogTail | null;
  /** Ascending. */
  readonly segments: readonly SegmentStart[];
  /** Number for the next one; a file of that name holds nothing that counts. */
  readonly nextSegment: number;
  /** Files that are no part of the log any more. */
  readonly stale: readonly number[];
  readonly damage: LogDamage | null;
}

export interface SegmentStart {
  readonly number: number;
  readonly bytes: number;
  /** The log can begin behind this index, with this segment. Null: it cannot. */
  readonly checkpointAt: number | null;
}

export interface LogTail {
  readonly segment: number;
  readonly offset: number;
  /** End of what is not zero behind `offset`; `offset` if all is. */
  readonly leftoversEnd: number;
}

/** @throws DiskError */
export function scanLog(
  disk: Disk,
  memberId: string,
): ScannedLog | { readonly kind: 'refused'; readonly reason: string } {
  const numbers = disk
    .list()
    .flatMap((name) => segmentNumberOf(name) ?? [])
    .sort((left, right) => left - right);
  const headers = new Map<number, DecodedSegmentHeader>();
  for (const number of numbers) {
    const header = decodeSegmentHeader(readFirstSector(disk, segmentName(number)));
    const reason = whyNotOurs(header, number, memberId);
    if (reason !== null) return { kind: 'refused', reason: `${segmentName(number)}: ${reason}` };
    headers.set(number, header);
  }
  const scan = new Scan(disk, memberId, numbers, headers);
  return scan.run();
}

function whyNotOurs(header: DecodedSegmentHeader, number: number, memberId: string): string | null {
  if (header.kind === 'none') return null;
  if (header.kind === 'unknown-version') {
    return `the log is of format version ${header.version}, this program reads version 2: start it with the program that wrote it, or join the group with an empty directory`;
  }
  if (header.memberId !== memberId) return `the segment belongs to member ${header.memberId}, not to ${memberId}`;
  return header.number === number ? null : `the file holds segment ${header.number}: it was renamed`;
}

/** Of segments, in bytes. */
const SIGHTINGS_KEPT_BYTES_MAX = 1024 * 1024;

/** Something that names a block. */
interface Sighting {
  readonly segment: number;
  readonly file: string;
  /** Of what is wrong with it, if anything is. */
  readonly offset: number;
  /** Of the block. */
  readonly at: number;
  readonly header: BlockHeader;
  /** Null: the block is not whole. */
  readonly records: readonly PlacedRecord[] | null;
  readonly reason: string;
  readonly salvage: () => readonly PlacedRecord[];
}

class Scan {
  readonly #disk: Disk;
  readonly #memberId: string;
  /** Ascending. */
  readonly #numbers: readonly number[];
  readonly #headers: ReadonlyMap<number, DecodedSegmentHeader>;
  #table = new EntryTable({ index: 0, term: 0 });
  #physicalBase: LogBase = { index: 0, term: 0, view: null, lastMessages: new Map() };
  #lastBlock = 0;
  #isSealed = false;
  #context: BlockContext = EMPTY_CONTEXT;
  /** Whether `#context.beforeCrc` is that of the block that was read. */
  #isChained = false;
  /** Not whole, and the next in order: torn, unless something later proves that it was durable. */
  #suspect: Sighting | null = null;
  #tail: LogTail | null = null;
  #segments: SegmentStart[] = [];
  #firstFault: { readonly file: string; readonly offset: number; readonly reason: string } | null = null;
  /** The segment that proved the last fault. */
  #faultBefore = 0;
  #reading = 0;
  #whyBeyondRepair: string | null = null;
  /** A sector that could not be read, behind everything that could. */
  #unreadableTail: DiskError | null = null;
  #attempt = 0;
  /** The segment that was read last: the newest is looked at twice, and is mostly the only one. */
  #lastRead: { readonly number: number; readonly segment: ReadSegment; sightings: readonly Sighting[] | null } | null =
    null;

  constructor(
    disk: Disk,
    memberId: string,
    numbers: readonly number[],
    headers: ReadonlyMap<number, DecodedSegmentHeader>,
  ) {
    this.#disk = disk;
    this.#memberId = memberId;
    this.#numbers = numbers;
    this.#headers = headers;
  }

  run(): ScannedLog {
    const newest = this.#newestWholeBlock();
    const firstSegment = newest?.firstSegment ?? 1;
    const live = this.#numbers.filter((number) => number >= firstSegment);
    for (const [i, number] of live.entries()) {
      const segment = this.#read(number);
      this.#reading = number;
      if (i === 0) this.#begin(number, segment, newest);
      this.#readSegment(number, segment);
    }
    // A write that the power cut short leaves sectors that can be read: nothing says that this is only a torn end.
    if (this.#unreadableTail !== null) throw this.#unreadableTail;
    // Nothing is written where something was lost: what is there may be of use.
    const tail = this.#faultBefore < (this.#tail?.segment ?? 0) ? this.#tail : null;
    if (tail !== null) this.#segments = this.#segments.filter((segment) => segment.number <= tail.segment);
    const isEmpty = this.#lastBlock === 0 && this.#firstFault === null;
    const damage = this.#damage();
    if (damage?.isBeyondRepair) {
      this.#physicalBase = { ...damage.claim, view: null, lastMessages: new Map() };
      this.#table = new EntryTable(damage.claim);
      this.#segments = this.#segments.map((segment) => ({ ...segment, checkpointAt: null }));
    }
    return {
      kind: 'scanned',
      table: this.#table,
      base: this.#raisedBase(),
      lastBlock: this.#lastBlock,
      isSealed: this.#isSealed,
      context: this.#context,
      attempt: this.#attempt,
      tail,
      segments: isEmpty ? [] : this.#segments,
      nextSegment: isEmpty ? 1 : (tail?.segment ?? this.#numbers.at(-1)!) + 1,
      stale: this.#numbers.filter((number) => number < firstSegment),
      damage,
    };
  }

  /** Of what is whole: its numbers rise with the segments'. */
  #newestWholeBlock(): BlockHeader | null {
    for (const number of [...this.#numbers].reverse()) {
      let newest: BlockHeader | null = null;
      for (const sighting of this.#sightings(number, this.#read(number))) {
        if (sighting.records !== null && sighting.header.number > (newest?.number ?? 0)) newest = sighting.header;
      }
      if (newest !== null) return newest;
    }
    return null;
  }

  /** The log begins with this segment. */
  #begin(number: number, segment: ReadSegment, newest: BlockHeader | null): void {
    if (newest === null || (newest.firstSegment === 1 && newest.baseIndex === 0)) return;
    const header = this.#headers.get(number)!;
    const [first] = this.#sightings(number, segment);
    const isFirst = number === newest.firstSegment && first?.at === SEGMENT_HEADER_BYTES;
    const records = isFirst ? (first.records ?? first.salvage()) : [];
    const record = records[0]?.record;
    const base = record?.kind === 'checkpoint' ? decodeCheckpoint(record) : null;
    if (base === null) {
      this.#whyBeyondRepair = 'what stands for the beginning of the log is lost';
      this.#fault(segment.name, SEGMENT_HEADER_BYTES, this.#whyBeyondRepair);
      return;
    }
    this.#physicalBase = base;
    this.#table = new EntryTable(base);
    this.#lastBlock = first!.header.number - 1;
    this.#context = header.kind === 'header' ? header.context : first!.header;
  }

  #readSegment(number: number, segment: ReadSegment): void {
    const { name, bytes, lastUnreadable } = segment;
    const header = this.#headers.get(number)!;
    const segmentsBefore = this.#segments.length;
    if (header.kind === 'header') this.#provenUpTo(header.firstBlock - 1, header.context, { file: name, offset: 0 });
    for (const sighting of this.#sightings(number, segment)) this.#see(sighting);
    const isPart = this.#segments.length > segmentsBefore;
    if (!isPart && header.kind === 'header') {
      this.#segments.push({ number, bytes: bytes.length, checkpointAt: null });
    }
    const last = this.#segments.at(-1);
    if (last?.number === number) this.#segments[this.#segments.length - 1] = { ...last, bytes: bytes.length };
    if (this.#tail?.segment === number) {
      const { offset } = this.#tail;
      const leftoversEnd = endOfContent(bytes, offset, bytes.length);
      this.#tail = { segment: number, offset, leftoversEnd };
      this.#attempt = leftoversEnd === offset ? 0 : crc32c(bytes.subarray(offset, leftoversEnd));
      this.#unreadableTail = null;
    }
    const readUpTo = this.#tail?.segment === number ? this.#tail.offset : 0;
    if (lastUnreadable !== null && lastUnreadable.offset >= readUpTo) this.#unreadableTail = lastUnreadable.error;
  }

  #read(number: number): ReadSegment {
    if (this.#lastRead?.number !== number) {
      this.#lastRead = null;
      this.#lastRead = { number, segment: readSegment(this.#disk, segmentName(number)), sightings: null };
    }
    return this.#lastRead.segment;
  }

  /** Of the segment that was read last. */
  #sightings(number: number, segment: ReadSegment): Iterable<Sighting> {
    // Decoded they take several times the bytes: of a large segment they are not kept.
    if (segment.bytes.length > SIGHTINGS_KEPT_BYTES_MAX) return this.#lookThrough(number, segment);
    const read = this.#lastRead!;
    read.sightings ??= [...this.#lookThrough(number, segment)];
    return read.sightings;
  }

  *#lookThrough(number: number, { name, bytes }: ReadSegment): Generator<Sighting> {
    const seed = segmentSeed(this.#memberId, number);
    let offset = SEGMENT_HEADER_BYTES;
    while (offset < bytes.length) {
      const block = decodeBlock(bytes, offset, seed);
      const { header } = block;
      if (header !== null) {
        const at = offset;
        const isWhole = block.kind === 'block';
        yield {
          segment: number,
          file: name,
          offset: isWhole ? offset : block.offset,
          at,
          header,
          records: isWhole ? block.records : null,
          reason: isWhole ? '' : block.reason,
          salvage: () => salvageRecords(bytes, at, header),
        };
      }
      offset += header === null ? SECTOR_BYTES : Math.max(SECTOR_BYTES, header.length);
    }
  }

  #see(sighting: Sighting): void {
    const { header } = sighting;
    if (header.number <= this.#lastBlock) return;
    this.#provenUpTo(header.number - 1, header, sighting);
    if (sighting.records === null) {
      this.#suspect = sighting;
      return;
    }
    this.#suspect = null;
    this.#apply(sighting, sighting.records, header.isSeal);
    this.#tail = { segment: sighting.segment, offset: sighting.at + header.length, leftoversEnd: 0 };
  }

  /** Block `number` was durable, and `context` was written right behind it. */
  #provenUpTo(number: number, context: BlockContext, proof: { readonly file: string; readonly offset: number }): void {
    if (number <= this.#lastBlock) {
      if (number === this.#lastBlock && this.#isChained && context.beforeCrc !== this.#context.beforeCrc) {
        this.#beyondRepair(proof, `block ${number} is not the one that was written before what follows`);
      }
      return;
    }
    const suspect = this.#suspect;
    this.#suspect = null;
    let lost = this.#lastBlock + 1;
    // It is the one that was durable if its successor says so. What follows in its segment was written behind it, too.
    const isKnown = number === lost ? suspect?.header.crc === context.beforeCrc : suspect?.file === proof.file;
    if (suspect !== null && isKnown) {
      this.#fault(suspect.file, suspect.offset, `${suspect.reason}: block ${lost} was durable and cannot be read`);
      this.#applyRest(suspect);
      lost++;
    }
    if (lost <= number) {
      const where = suspect ?? this.#placeOfNext();
      const known = `block ${lost} (behind index ${this.#table.lastIndex}) was durable and cannot be read`;
      const reason = `${suspect?.reason ?? 'no block header'}: ${known}, since ${proof.file} names block ${number + 1}`;
      this.#fault(where.file, where.offset, reason);
      this.#lose(lost, number, context);
    }
    this.#lastBlock = number;
    this.#context = context;
    this.#isChained = true;
    this.#isSealed = false;
  }

  /** Blocks `from` to `upTo` are lost, headers and all. */
  #lose(from: number, upTo: number, { before, lastCut }: BlockContext): void {
    if (this.#whyBeyondRepair !== null) return;
    const { lastIndex } = this.#table;
    if (from === upTo) this.#leaveHoles(before);
    else if (lastCut < from && before.last >= lastIndex) this.#leaveHoles({ ...before, first: lastIndex + 1 });
    else this.#whyBeyondRepair = `blocks ${from} to ${upTo} are lost, and one of them cut entries`;
  }

  #leaveHoles(span: BlockSpan): void {
    if (!this.#isFitting(span)) {
      this.#whyBeyondRepair = `index ${span.first} follows index ${this.#table.lastIndex}`;
      return;
    }
    this.#cut(span.first);
    for (let index = span.first; index <= span.last; index++) {
      this.#table.putHole(index, index === span.last ? span.lastTerm : 0);
    }
  }

  /** A durable block that is not whole: what can be read of it counts, the rest is holes. */
  #applyRest(suspect: Sighting): void {
    const records = suspect.salvage();
    if (this.#whyBeyondRepair !== null) return;
    if (suspect.header.isRepair) {
      this.#apply(suspect, records, false);
      return;
    }
    this.#leaveHoles(suspect.header.span);
    if (this.#whyBeyondRepair !== null) return;
    this.#enter(suspect, records);
    for (const { record, offset } of records) {
      if (record.kind === 'checkpoint') continue;
      this.#table.fill(record);
      this.#table.place(record.index, suspect.segment, offset);
    }
  }

  #apply(sighting: Sighting, records: readonly PlacedRecord[], isSealed: boolean): void {
    const { header, segment } = sighting;
    if (this.#whyBeyondRepair === null) {
      if (!this.#isFitting(header.span)) {
        this.#beyondRepair(sighting, `index ${header.span.first} follows index ${this.#table.lastIndex}`);
      } else {
        if (!header.isRepair) this.#cut(header.span.first);
        this.#enter(sighting, records);
        for (const { record, offset } of records) {
          if (record.kind === 'checkpoint') continue;
          if (!header.isRepair) this.#table.put(record);
          else if (record.index > this.#table.base.index && record.index <= this.#table.lastIndex)
            this.#table.fill(record);
          this.#table.place(record.index, segment, offset);
        }
      }
    }
    const isCut = header.span.first <= header.before.last;
    this.#lastBlock = header.number;
    this.#isSealed = isSealed;
    this.#isChained = true;
    this.#context = {
      before: header.span,
      beforeCrc: header.crc,
      lastCut: isCut ? header.number : header.lastCut,
      firstSegment: header.firstSegment,
      baseIndex: header.baseIndex,
      hardState: header.hardState,
    };
  }

  /** Notes the segment that a block is in, and whether the log could begin there. */
  #enter({ segment }: Sighting, records: readonly PlacedRecord[]): void {
    if (this.#segments.at(-1)?.number === segment) return;
    const record = records[0]?.record;
    const checkpointAt = record?.kind === 'checkpoint' ? record.index : null;
    this.#segments.push({ number: segment, bytes: 0, checkpointAt });
  }

  #cut(index: number): void {
    if (index > this.#table.lastIndex) return;
    this.#table.cut(index);
    this.#segments = this.#segments.map((segment) =>
      segment.checkpointAt !== null && segment.checkpointAt >= index ? { ...segment, checkpointAt: null } : segment,
    );
  }

  #isFitting(span: BlockSpan): boolean {
    return span.first > this.#table.base.index && span.first <= this.#table.lastIndex + 1;
  }

  #damage(): LogDamage | null {
    if (this.#firstFault === null) return null;
    const { before, baseIndex } = this.#context;
    if (this.#whyBeyondRepair === null && (this.#table.holes()[0]?.from ?? Infinity) <= baseIndex) {
      this.#whyBeyondRepair = 'entries below the beginning of the log are lost';
    }
    const isBeyondRepair = this.#whyBeyondRepair !== null;
    const holes = isBeyondRepair ? [] : this.#table.holes();
    if (holes.length === 0 && !isBeyondRepair) return null;
    const claim: EntryId = { term: before.lastTerm, index: before.last };
    const { file, offset, reason } = this.#firstFault;
    const detail = isBeyondRepair && this.#whyBeyondRepair !== reason ? `${reason}; ${this.#whyBeyondRepair}` : reason;
    return { file, offset, reason: detail, holes, claim, isBeyondRepair };
  }

  /** The log begins where its owner said, which may be within the first segment. */
  #raisedBase(): LogBase {
    const index = Math.max(this.#context.baseIndex, this.#physicalBase.index);
    if (index === this.#physicalBase.index || index > this.#table.lastIndex) return this.#physicalBase;
    const { lastMessages } = new LogSummary(this.#physicalBase.index, this.#physicalBase.lastMessages).advance(
      this.#table,
      index,
    );
    const view = this.#table.views.findLast((each) => each.index <= index)?.view ?? this.#physicalBase.view;
    this.#table.letGo(index);
    return { index, term: this.#table.base.term, view, lastMessages };
  }

  #beyondRepair(where: { readonly file: string; readonly offset: number }, reason: string): void {
    this.#whyBeyondRepair ??= reason;
    this.#fault(where.file, where.offset, reason);
  }

  #fault(file: string, offset: number, reason: string): void {
    this.#firstFault ??= { file, offset, reason };
    this.#faultBefore = this.#reading;
  }

  #placeOfNext(): { readonly file: string; readonly offset: number } {
    const tail = this.#tail;
    return tail === null
      ? { file: segmentName(1), offset: 0 }
      : { file: segmentName(tail.segment), offset: tail.offset };
  }
}
