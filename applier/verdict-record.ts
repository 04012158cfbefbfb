/** What is kept of the verdicts about one entry of the group's log, and its bytes in the verdict file. */
import type { CommitTime } from '../certifier/types.ts';
import {
  assert,
  type ByteReader,
  type ByteWriter,
  hex32,
  type LogIndex,
  type SequenceNumber,
} from '../gcs/base/index.ts';

export interface VerdictRecord {
  readonly logIndex: LogIndex;
  /** One for each message of the entry, in its order. */
  readonly verdicts: readonly KeptVerdict[];
  /** After the entry. */
  readonly purgeFloor: SequenceNumber;
  /** After the entry; 16 hexadecimal digits. */
  readonly digest: string;
}

export type KeptVerdict =
  | {
      readonly kind: 'positive';
      readonly sequenceNumber: SequenceNumber;
      readonly commitTime: CommitTime;
      /** What was resolved at its place in the order and cannot be had from the message alone; opaque here. */
      readonly resolved: Uint8Array | null;
      /** In the serial order it comes right before that one, which is earlier. Absent: at its own number. */
      readonly serialPlace?: SequenceNumber;
    }
  /** `reason`: a code of the caller's, 1 to 126. */
  | { readonly kind: 'negative'; readonly reason: number }
  /** A message that is not judged. */
  | { readonly kind: 'none' }
  /** One that says when it was ordered: whatever commits behind it has a later commit time. */
  | { readonly kind: 'time'; readonly commitTime: CommitTime };

/** What is known behind a record. */
export interface KeptState {
  readonly logIndex: LogIndex;
  readonly sequenceNumber: SequenceNumber;
  readonly purgeFloor: SequenceNumber;
  /** How far time has come: every later commit has a later one. */
  readonly commitTime: CommitTime;
  readonly digest: string;
}

export const NOTHING_KEPT: KeptState = {
  logIndex: 0,
  sequenceNumber: 0,
  purgeFloor: 0,
  commitTime: { physicalMs: 0, logical: 0 },
  digest: '0000000000000000',
};

const POSITIVE = 0;
const NONE = 127;
const POSITIVE_RESOLVED = 128;
const TIME = 129;
/** Positive, with serial places. */
const POSITIVE_PLACED = 130;
const POSITIVE_RESOLVED_PLACED = 131;
const DIGEST_BYTES = 8;

function isPositive(code: number): boolean {
  return code === POSITIVE || isResolved(code) || isPlaced(code);
}

function isResolved(code: number): boolean {
  return code === POSITIVE_RESOLVED || code === POSITIVE_RESOLVED_PLACED;
}

function isPlaced(code: number): boolean {
  return code === POSITIVE_PLACED || code === POSITIVE_RESOLVED_PLACED;
}

/** `before`: the state behind the record before this one; sequence numbers follow from it. */
export function writeRecord(writer: ByteWriter, record: VerdictRecord, before: KeptState): KeptState {
  assert(record.logIndex > before.logIndex, 'records come in the order of the log');
  assert(record.purgeFloor >= before.purgeFloor, 'the purge floor never falls');
  writer.varint(record.logIndex - before.logIndex);
  writer.varint(record.verdicts.length);
  let { sequenceNumber, commitTime } = before;
  for (const verdict of record.verdicts) {
    if (verdict.kind === 'none') {
      writer.u8(NONE);
      continue;
    }
    if (verdict.kind === 'time') {
      writer.u8(TIME);
      writeTime(writer, verdict.commitTime, commitTime);
      commitTime = verdict.commitTime;
      continue;
    }
    if (verdict.kind === 'negative') {
      assert(verdict.reason >= 1 && verdict.reason < NONE, 'a reason is a small code');
      writer.u8(verdict.reason);
      continue;
    }
    assert(verdict.sequenceNumber === sequenceNumber + 1, 'sequence numbers are dense');
    const { resolved, serialPlace } = verdict;
    if (serialPlace === undefined) writer.u8(resolved === null ? POSITIVE : POSITIVE_RESOLVED);
    else writer.u8(resolved === null ? POSITIVE_PLACED : POSITIVE_RESOLVED_PLACED);
    writeTime(writer, verdict.commitTime, commitTime);
    if (resolved !== null) writer.blob(resolved);
    if (serialPlace !== undefined) {
      assert(serialPlace < verdict.sequenceNumber, 'a serial place that is kept is not the number itself');
      writer.varint(verdict.sequenceNumber - serialPlace);
    }
    sequenceNumber = verdict.sequenceNumber;
    commitTime = verdict.commitTime;
  }
  writer.varint(record.purgeFloor - before.purgeFloor);
  writer.u32(Number.parseInt(record.digest.slice(0, 8), 16));
  writer.u32(Number.parseInt(record.digest.slice(8), 16));
  return {
    logIndex: record.logIndex,
    sequenceNumber,
    purgeFloor: record.purgeFloor,
    commitTime,
    digest: record.digest,
  };
}

function writeTime(writer: ByteWriter, time: CommitTime, before: CommitTime): void {
  writer.varint(time.physicalMs - before.physicalMs);
  writer.varint(time.logical);
}

/** Null: the bytes are no record. */
export function readRecord(reader: ByteReader, before: KeptState): { record: VerdictRecord; after: KeptState } | null {
  const logIndex = before.logIndex + reader.varint();
  const count = reader.varint();
  if (count > reader.left) return null;
  const verdicts: KeptVerdict[] = [];
  let { sequenceNumber, commitTime } = before;
  for (let i = 0; i < count; i++) {
    const code = reader.u8();
    if (code > POSITIVE_RESOLVED_PLACED) return null;
    if (code !== TIME && !isPositive(code)) {
      verdicts.push(code === NONE ? { kind: 'none' } : { kind: 'negative', reason: code });
      continue;
    }
    commitTime = { physicalMs: commitTime.physicalMs + reader.varint(), logical: reader.varint() };
    if (code === TIME) {
      verdicts.push({ kind: 'time', commitTime });
      continue;
    }
    sequenceNumber++;
    const resolved = isResolved(code) ? reader.blob() : null;
    if (isPlaced(code)) {
      const serialPlace = sequenceNumber - reader.varint();
      verdicts.push({ kind: 'positive', sequenceNumber, commitTime, resolved, serialPlace });
    } else verdicts.push({ kind: 'positive', sequenceNumber, commitTime, resolved });
  }
  const purgeFloor = before.purgeFloor + reader.varint();
  const digest = hex32(reader.u32()) + hex32(reader.u32());
  if (reader.malformed || logIndex <= before.logIndex) return null;
  return {
    record: { logIndex, verdicts, purgeFloor, digest },
    after: { logIndex, sequenceNumber, purgeFloor, commitTime, digest },
  };
}

/**
 * Goes past a record that was checked to be one, and takes `at` along: a fraction of what it costs to read it. Ends where
 * `readRecord` does, whatever that takes for a record (`verdict-record.test.ts`).
 */
export function skimRecord(reader: ByteReader, at: { logIndex: LogIndex; sequenceNumber: SequenceNumber }): void {
  at.logIndex += reader.varint();
  const count = reader.varint();
  for (let i = 0; i < count; i++) {
    const code = reader.u8();
    if (code !== TIME && !isPositive(code)) continue;
    if (code !== TIME) at.sequenceNumber++;
    reader.varint();
    reader.varint();
    if (isResolved(code)) reader.skip(reader.varint());
    if (isPlaced(code)) reader.varint();
  }
  reader.varint();
  reader.skip(DIGEST_BYTES);
  assert(!reader.malformed, 'a record is readable');
}

/** The state as bytes: it begins every block, so that a block can be read without those before it. */
export function writeState(writer: ByteWriter, state: KeptState): void {
  writer.u48(state.logIndex);
  writer.u48(state.sequenceNumber);
  writer.u48(state.purgeFloor);
  writer.u48(state.commitTime.physicalMs);
  writer.u32(state.commitTime.logical);
  writer.u32(Number.parseInt(state.digest.slice(0, 8), 16));
  writer.u32(Number.parseInt(state.digest.slice(8), 16));
}

export function readState(reader: ByteReader): KeptState {
  return {
    logIndex: reader.u48(),
    sequenceNumber: reader.u48(),
    purgeFloor: reader.u48(),
    commitTime: { physicalMs: reader.u48(), logical: reader.u32() },
    digest: hex32(reader.u32()) + hex32(reader.u32()),
  };
}
