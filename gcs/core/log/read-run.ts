/** Reads entries of the log back from its segments. */
import type { DiskFile, LogIndex } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import type { EntryTable } from './entry-table.ts';
import { decodeRecord, RECORD_HEAD_BYTES } from './format.ts';
import { isReadError } from './segment-reader.ts';

/** Bytes read at once, if one entry is not larger. */
const READ_BYTES_MAX = 1024 * 1024;

export interface RunSetup {
  /** Says where the entries are, and what they are to be. */
  readonly table: EntryTable;
  readonly fileOf: (segment: number) => DiskFile;
  /** The entry at `index`, which was durable, cannot be read. Throws. */
  readonly damaged: (index: LogIndex, reason: string, cause?: unknown) => never;
}

export interface RunRange {
  readonly from: LogIndex;
  readonly upTo: LogIndex;
  /** Of payloads. */
  readonly bytesMax: number;
  readonly atLeastOne: boolean;
}

/**
 * Entries from `from` on that lie behind one another in one segment; none if the first is too large and not `atLeastOne`.
 *
 * @throws DiskError, and what `damaged` throws
 */
export function readRun(setup: RunSetup, { from, upTo, bytesMax, atLeastOne }: RunRange): readonly LogEntry[] {
  const { table, damaged } = setup;
  if (table.kindAt(from) === null) damaged(from, 'it could not be read at the start');
  const first = table.placeOf(from);
  if (!atLeastOne && first.payloadLength > bytesMax) return [];
  let end = first.offset + RECORD_HEAD_BYTES + first.payloadLength;
  let payloadBytes = first.payloadLength;
  let last = from;
  while (last < upTo && table.kindAt(last + 1) !== null) {
    const next = table.placeOf(last + 1);
    const nextEnd = next.offset + RECORD_HEAD_BYTES + next.payloadLength;
    payloadBytes += next.payloadLength;
    if (next.segment !== first.segment || next.offset < end) break;
    if (payloadBytes > bytesMax || nextEnd - first.offset > READ_BYTES_MAX) break;
    end = nextEnd;
    last++;
  }
  const bytes = readBytes(setup, from, { segment: first.segment, offset: first.offset, length: end - first.offset });
  const entries: LogEntry[] = [];
  for (let index = from; index <= last; index++) {
    const { offset } = table.placeOf(index);
    const decoded = decodeRecord(bytes, offset - first.offset, bytes.length);
    if (decoded.kind === 'unreadable') return damaged(index, decoded.reason);
    const { record } = decoded;
    if (record.kind === 'checkpoint' || record.index !== index || record.term !== table.termAt(index)) {
      return damaged(index, `it holds a ${record.kind} of index ${record.index}, term ${record.term}`);
    }
    entries.push(record);
  }
  return entries;
}

function readBytes(
  { fileOf, damaged }: RunSetup,
  index: LogIndex,
  at: { readonly segment: number; readonly offset: number; readonly length: number },
): Uint8Array {
  try {
    return fileOf(at.segment).read(at.offset, at.length);
  } catch (error) {
    if (isReadError(error)) damaged(index, error.message, error);
    throw error;
  }
}
