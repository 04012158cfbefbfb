/** A log entry within a message; its index follows from the place. */
import type { ByteReader, ByteWriter, LogIndex } from '../../base/index.ts';
import type { EntryKind, LogEntry } from '../types.ts';
import { decodeView } from '../views.ts';

/** Room for all that stands beside an entry's payload. */
export const ENTRY_HEADER_BYTES_MAX = 48;

const CODES: Readonly<Record<EntryKind, number>> = { noop: 0, message: 1, fragment: 2, view: 3 };
const KINDS: readonly EntryKind[] = ['noop', 'message', 'fragment', 'view'];
/** Beside the code of the kind. */
const COMPRESSED_FLAG = 4;

export function encodeEntry(writer: ByteWriter, entry: LogEntry): void {
  writer.u8(CODES[entry.kind] | (entry.isCompressed ? COMPRESSED_FLAG : 0));
  writer.varint(entry.term);
  writer.varint(entry.origin);
  writer.varint(entry.incarnation);
  writer.varint(entry.messageNumber);
  writer.varint(entry.stampMs);
  writer.blob(entry.payload);
}

/** A string says what is wrong. The payload is a view of the reader's bytes. */
export function decodeEntry(reader: ByteReader, index: LogIndex): LogEntry | string {
  const code = reader.u8();
  const term = reader.varint();
  const origin = reader.varint();
  const incarnation = reader.varint();
  const messageNumber = reader.varint();
  const stampMs = reader.varint();
  const payload = reader.blob();
  const isCompressed = (code & COMPRESSED_FLAG) !== 0;
  const kind = KINDS[code & ~COMPRESSED_FLAG];
  if (kind === undefined) return 'unknown kind of entry';
  if (kind === 'message' || kind === 'fragment') {
    if (messageNumber < 1 || incarnation < 1) return 'incarnations and message numbers count from 1';
  } else {
    if (messageNumber !== 0 || incarnation !== 0 || isCompressed) return 'a noop or a view is no broadcast';
    if (kind === 'noop' && payload.length > 0) return 'a noop carries something';
    if (kind === 'view' && !reader.malformed && decodeView(payload) === null) return 'a view that is none';
  }
  if (term < 1) return 'terms count from 1';
  return { index, term, kind, origin, incarnation, messageNumber, stampMs, isCompressed, payload };
}
