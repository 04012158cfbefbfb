/** Logs over disks in memory, and what they are compared with. */
import assert from 'node:assert/strict';
import type { HardState, LogEntry, PersistRequest } from '../../types.ts';
import type { LogDamage, SegmentLogOptions } from '../segment-log.ts';
import { SegmentLog } from '../segment-log.ts';
import { MemoryDisk } from './memory-disk.ts';

export const MEMBER = { memberId: '0b0e7a3c-9a0e-4b52-8a52-5f3f6c1d2e3f' };
export const TINY: SegmentLogOptions = { segmentBytes: 4096, cacheBytesMax: 1500, blockBytesMax: 2048 };
export const NO_CLAIM: HardState = { term: 0, votedFor: null, claim: null };

export interface Model {
  readonly entries: readonly LogEntry[];
  readonly hardState: HardState;
}

export const firstSegment = 'log-0000000000000001.segment';

export function opened(disk: MemoryDisk, options: SegmentLogOptions = TINY): SegmentLog {
  const result = SegmentLog.open(disk, options, MEMBER);
  if (result.kind === 'refused') assert.fail(result.reason);
  if (result.damage !== null) assert.fail(JSON.stringify(result.damage));
  return result.log;
}

export function openedDamaged(
  disk: MemoryDisk,
  options: SegmentLogOptions = TINY,
): { readonly log: SegmentLog; readonly damage: LogDamage } {
  const result = SegmentLog.open(disk, options, MEMBER);
  if (result.kind === 'refused') assert.fail(result.reason);
  assert.ok(result.damage !== null, 'the log is damaged');
  return { log: result.log, damage: result.damage };
}

/** Deterministic content, different for each index, term and size. */
export function entryOf(index: number, term: number, size: number): LogEntry {
  const payload = new Uint8Array(size).map((_, i) => ((index * 31 + term * 7 + i * 13) % 251) + 1);
  return {
    index,
    term,
    kind: 'message',
    origin: index % 3,
    incarnation: 1,
    messageNumber: index,
    stampMs: index,
    isCompressed: false,
    payload,
  };
}

export function durableNumbers(log: SegmentLog): number[] {
  const numbers: number[] = [];
  log.onDurable = (number) => numbers.push(number);
  return numbers;
}

export function assertHolds(log: SegmentLog, expected: readonly LogEntry[], hardState: HardState): void {
  assert.equal(log.lastIndex, expected.length);
  assert.deepEqual(log.hardState, hardState);
  if (expected.length > 0) assert.ok(isSame(log, { entries: expected, hardState }));
  for (const { index, term } of expected) assert.equal(log.termAt(index), term);
}

/** `expected`: all that is behind the base. */
export function assertHoldsFrom(log: SegmentLog, expected: readonly LogEntry[], hardState: HardState): void {
  assert.equal(log.lastIndex - log.base.index, expected.length);
  assert.deepEqual(log.hardState, hardState);
  const entries = expected.length === 0 ? [] : log.entries(log.firstIndex, log.lastIndex, Infinity);
  assert.deepEqual(entries, expected);
}

export function isSame(log: SegmentLog, state: Model): boolean {
  if (log.lastIndex !== state.entries.length) return false;
  if (JSON.stringify(log.hardState) !== JSON.stringify(state.hardState)) return false;
  if (log.lastIndex === 0) return true;
  return log.entries(1, log.lastIndex, Infinity).every((entry, i) => isSameEntry(entry, state.entries[i]!));
}

export function isSameEntry(left: LogEntry, right: LogEntry): boolean {
  return (
    left.index === right.index &&
    left.term === right.term &&
    left.kind === right.kind &&
    left.origin === right.origin &&
    left.incarnation === right.incarnation &&
    left.messageNumber === right.messageNumber &&
    left.stampMs === right.stampMs &&
    left.isCompressed === right.isCompressed &&
    Buffer.compare(left.payload, right.payload) === 0
  );
}

/** `count` durable blocks of one entry each, of so many bytes. */
export function written(count: number, size: number, options: SegmentLogOptions = TINY): MemoryDisk {
  const disk = new MemoryDisk();
  const log = opened(disk, options);
  for (let i = 1; i <= count; i++) {
    log.persist({ number: i, hardState: null, entries: [entryOf(i, 1, size)] });
    disk.finishAll();
  }
  return new MemoryDisk(disk.durable);
}

/** Three durable blocks in one segment, one entry each. */
export function threeBlocks(): MemoryDisk {
  const disk = new MemoryDisk();
  const log = opened(disk);
  const sizes = [40, 700, 100];
  sizes.forEach((size, i) => {
    const request: PersistRequest = { number: i + 1, hardState: null, entries: [entryOf(i + 1, 1, size)] };
    log.persist(request);
    disk.finishAll();
  });
  return new MemoryDisk(new Map([[firstSegment, disk.durable.get(firstSegment)!]]));
}

/** Twelve blocks in several segments. */
export function manySegments(): MemoryDisk {
  const disk = new MemoryDisk();
  const log = opened(disk);
  for (let i = 1; i <= 12; i++) {
    log.persist({ number: i, hardState: null, entries: [entryOf(i, 1, 800)] });
    disk.finishAll();
  }
  return new MemoryDisk(disk.durable);
}

export function withoutSegment(disk: MemoryDisk, number: number): MemoryDisk {
  const files = new Map(disk.durable);
  files.delete(`log-${String(number).padStart(16, '0')}.segment`);
  return new MemoryDisk(files);
}

/** Where blocks begin and end, found by their magic. */
export function startsOfBlocks(disk: MemoryDisk): { name: string; offset: number; end: number }[] {
  const starts: { name: string; offset: number; end: number }[] = [];
  for (const [name, bytes] of [...disk.durable].sort()) {
    const view = new DataView(bytes.buffer);
    for (let offset = 512; offset < bytes.length; offset += 512) {
      if (view.getUint32(offset, true) !== 0x42_6e_6f_43) continue;
      starts.push({ name, offset, end: offset + view.getUint32(offset + 18, true) });
    }
  }
  return starts;
}

export function finishCreates(disk: MemoryDisk): void {
  while (!disk.isIdle && disk.pendingWrites.length === 0) disk.finishOne();
}

export function indexOfBytes(bytes: Uint8Array, part: Uint8Array): number {
  const at = Buffer.from(bytes).indexOf(part);
  assert.ok(at >= 0);
  return at;
}
