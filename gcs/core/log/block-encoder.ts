/** Makes the bytes of blocks, one at a time. */
import { crc32c } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import {
  BLOCK_HEADER_BYTES,
  type BlockHeaderPlan,
  beginBlockHeader,
  type CheckpointRecord,
  encodeRecordHead,
  finishBlockHeader,
  type LogRecord,
  RECORD_HEAD_BYTES,
  SECTOR_BYTES,
  wholeSectors,
} from './format.ts';

/** Smaller payloads are copied into the block's buffer, larger ones are handed to the disk as they are. */
const COPIED_PAYLOAD_BYTES_MAX = 4096;

export interface BlockPlan extends BlockHeaderPlan {
  /** Written first. */
  readonly checkpoint: CheckpointRecord | null;
  /** One list behind another. */
  readonly entries: readonly (readonly LogEntry[])[];
  /** Told of each entry in order, with the offset of its record in the segment. */
  readonly placed: (entry: LogEntry, offset: number) => void;
}

export interface EncodedBlock {
  readonly chunks: readonly Uint8Array[];
  readonly length: number;
  /** Of the header. */
  readonly crc: number;
}

/** Bytes of a block whose records have so many bytes: whole sectors. */
export function blockLength(recordsBytes: number): number {
  return wholeSectors(BLOCK_HEADER_BYTES + recordsBytes);
}

/** Bytes of the records of some entries, payloads included. */
export function recordsLength(entries: readonly LogEntry[]): number {
  let length = 0;
  for (const entry of entries) length += RECORD_HEAD_BYTES + entry.payload.length;
  return length;
}

/** The chunks of one block are valid until the next. */
export class BlockEncoder {
  #buffer = new Uint8Array(0);
  #view = new DataView(this.#buffer.buffer);
  #at = 0;
  #recordsCrc = 0;
  #records = 0;
  #chunks: Uint8Array[] = [];
  #chunkFrom = 0;
  /** Bytes of the block outside the buffer, so far. */
  #outside = 0;

  encode(plan: BlockPlan): EncodedBlock {
    this.#reserve(plan);
    this.#at = BLOCK_HEADER_BYTES;
    this.#recordsCrc = 0;
    this.#records = 0;
    this.#chunks = [];
    this.#chunkFrom = 0;
    this.#outside = 0;
    const tag = beginBlockHeader(this.#buffer, this.#view, plan);
    if (plan.checkpoint !== null) this.#record(plan.checkpoint, tag);
    for (const list of plan.entries) {
      for (const entry of list) {
        plan.placed(entry, plan.offset + this.#at + this.#outside);
        this.#record(entry, tag);
      }
    }
    const length = wholeSectors(this.#at + this.#outside);
    const padded = length - this.#outside;
    this.#buffer.fill(0, this.#at, padded);
    const chunks = this.#chunks;
    if (padded > this.#chunkFrom) chunks.push(this.#buffer.subarray(this.#chunkFrom, padded));
    const crc = finishBlockHeader(this.#buffer, this.#view, {
      seed: plan.seed,
      length,
      recordCount: this.#records,
      recordsCrc: this.#recordsCrc,
    });
    return { chunks, length, crc };
  }

  #record(record: LogRecord, tag: number): void {
    const { payload } = record;
    encodeRecordHead(this.#buffer, this.#view, this.#at, record, tag);
    const end = this.#at + RECORD_HEAD_BYTES;
    this.#recordsCrc = crc32c(this.#buffer.subarray(this.#at, end - 4), this.#recordsCrc);
    this.#records++;
    this.#at = end;
    if (payload.length <= COPIED_PAYLOAD_BYTES_MAX) {
      this.#buffer.set(payload, end);
      this.#at += payload.length;
    } else {
      this.#chunks.push(this.#buffer.subarray(this.#chunkFrom, end), payload);
      this.#chunkFrom = end;
      this.#outside += payload.length;
    }
  }

  #reserve({ checkpoint, entries }: BlockPlan): void {
    let bytes = BLOCK_HEADER_BYTES + SECTOR_BYTES;
    if (checkpoint !== null) bytes += RECORD_HEAD_BYTES + copiedBytes(checkpoint.payload);
    for (const list of entries) {
      for (const { payload } of list) bytes += RECORD_HEAD_BYTES + copiedBytes(payload);
    }
    if (bytes <= this.#buffer.length) return;
    this.#buffer = new Uint8Array(Math.max(bytes, Math.min(this.#buffer.length * 2, 1 << 20)));
    this.#view = new DataView(this.#buffer.buffer);
  }
}

function copiedBytes(payload: Uint8Array): number {
  return payload.length <= COPIED_PAYLOAD_BYTES_MAX ? payload.length : 0;
}
