/** The frames on a transfer connection, behind hello and answer: one request at a time, and what answers it. */
import { ByteReader, ByteWriter, crc32c, type LogIndex } from '../../base/index.ts';

/**
 * `busy`: it serves others. `not-kept`: it takes part in the order, and the entries were truncated there. `not-ready`: it
 * has no state, or not these entries yet. `failed`: it cannot read them. `lacking`: it lost them, too, or its log begins
 * behind them, but its directory is not whole itself; what the group keeps it cannot tell.
 */
export type Unavailable = 'busy' | 'not-kept' | 'not-ready' | 'failed' | 'lacking';

export type TransferFrame =
  | { readonly kind: 'ask-state'; readonly request: number; readonly atLeast: LogIndex }
  | { readonly kind: 'ask-entries'; readonly request: number; readonly from: LogIndex; readonly upTo: LogIndex }
  /** Chunk `number` and all before it are taken: there is room for as many more. */
  | { readonly kind: 'acknowledge'; readonly request: number; readonly number: number }
  /** The receiver wants no more of this request. */
  | { readonly kind: 'cancel'; readonly request: number }
  /** `number`: dense from 1. */
  | { readonly kind: 'chunk'; readonly request: number; readonly number: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly request: number; readonly chunks: number }
  | { readonly kind: 'unavailable'; readonly request: number; readonly why: Unavailable };

const ASK_STATE = 64;
const ASK_ENTRIES = 65;
const ACKNOWLEDGE = 66;
const CANCEL = 67;
const CHUNK = 68;
const END = 69;
const UNAVAILABLE = 70;

const REASONS: readonly Unavailable[] = ['busy', 'not-kept', 'not-ready', 'failed', 'lacking'];

export function isTransferTag(tag: number): boolean {
  return tag >= ASK_STATE && tag <= UNAVAILABLE;
}

/** The bytes are the caller's. */
export function encodeTransferFrame(frame: TransferFrame): Uint8Array {
  const writer = new ByteWriter(frame.kind === 'chunk' ? frame.bytes.length + 32 : 32);
  switch (frame.kind) {
    case 'ask-state':
      writer.u8(ASK_STATE);
      writer.varint(frame.request);
      writer.varint(frame.atLeast);
      break;
    case 'ask-entries':
      writer.u8(ASK_ENTRIES);
      writer.varint(frame.request);
      writer.varint(frame.from);
      writer.varint(frame.upTo);
      break;
    case 'acknowledge':
      writer.u8(ACKNOWLEDGE);
      writer.varint(frame.request);
      writer.varint(frame.number);
      break;
    case 'cancel':
      writer.u8(CANCEL);
      writer.varint(frame.request);
      break;
    case 'chunk':
      writer.u8(CHUNK);
      writer.varint(frame.request);
      writer.varint(frame.number);
      writer.u32(crc32c(frame.bytes));
      writer.blob(frame.bytes);
      break;
    case 'end':
      writer.u8(END);
      writer.varint(frame.request);
      writer.varint(frame.chunks);
      break;
    case 'unavailable':
      writer.u8(UNAVAILABLE);
      writer.varint(frame.request);
      writer.u8(REASONS.indexOf(frame.why));
      break;
  }
  return writer.view();
}

/** A chunk's bytes are a view of `bytes`. */
export function decodeTransferFrame(
  bytes: Uint8Array,
): TransferFrame | { readonly kind: 'malformed'; readonly reason: string } {
  const reader = new ByteReader(bytes);
  const frame = decodeFields(reader);
  return frame !== null && reader.finished ? frame : { kind: 'malformed', reason: 'transfer frame' };
}

function decodeFields(reader: ByteReader): TransferFrame | null {
  const tag = reader.u8();
  const request = reader.varint();
  switch (tag) {
    case ASK_STATE:
      return { kind: 'ask-state', request, atLeast: reader.varint() };
    case ASK_ENTRIES: {
      const from = reader.varint();
      const upTo = reader.varint();
      return from >= 1 && from <= upTo ? { kind: 'ask-entries', request, from, upTo } : null;
    }
    case ACKNOWLEDGE:
      return { kind: 'acknowledge', request, number: reader.varint() };
    case CANCEL:
      return { kind: 'cancel', request };
    case CHUNK: {
      const number = reader.varint();
      const checksum = reader.u32();
      const chunk = reader.blob();
      return crc32c(chunk) === checksum ? { kind: 'chunk', request, number, bytes: chunk } : null;
    }
    case END:
      return { kind: 'end', request, chunks: reader.varint() };
    case UNAVAILABLE: {
      const why = REASONS[reader.u8()];
      return why === undefined ? null : { kind: 'unavailable', request, why };
    }
    default:
      return null;
  }
}
