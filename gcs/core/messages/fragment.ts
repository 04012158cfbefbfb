/**
 * The payload of an entry of kind `fragment`:
 *
 *     u8   flags: 1 = the message's last, 2 = its first
 *     u32  length of the whole message, bytes; in the first fragment only
 *     ...  its part of the message, at least one byte; compressed if the entry says so
 *
 * The head is never compressed: where a message begins and ends is seen without the means to decompress it. The first
 * fragment tells the length so that the message has its place before it comes, and nothing is copied twice.
 */
import { ByteReader } from '../../base/index.ts';

const IS_LAST = 1;
const IS_FIRST = 2;

/** Of the first fragment; that of the others is shorter. */
export const FRAGMENT_HEAD_BYTES_MAX = 5;

export interface Fragment {
  readonly isLast: boolean;
  /** Null but in the first fragment. */
  readonly messageBytes: number | null;
  /** As it is in the entry: perhaps compressed. */
  readonly part: Uint8Array;
}

export function encodeFragment({ isLast, messageBytes, part }: Fragment): Uint8Array {
  const isFirst = messageBytes !== null;
  const headBytes = isFirst ? FRAGMENT_HEAD_BYTES_MAX : 1;
  const payload = new Uint8Array(headBytes + part.length);
  payload[0] = (isLast ? IS_LAST : 0) | (isFirst ? IS_FIRST : 0);
  if (isFirst) new DataView(payload.buffer).setUint32(1, messageBytes, true);
  payload.set(part, headBytes);
  return payload;
}

/** Null: these bytes are no fragment. `part` is a view of them. */
export function decodeFragment(payload: Uint8Array): Fragment | null {
  const reader = new ByteReader(payload);
  const flags = reader.u8();
  const messageBytes = (flags & IS_FIRST) !== 0 ? reader.u32() : null;
  const part = reader.raw(reader.left);
  if (reader.malformed || part.length === 0 || (flags & ~(IS_LAST | IS_FIRST)) !== 0) return null;
  return { isLast: (flags & IS_LAST) !== 0, messageBytes, part };
}

/** Whether a message begins with the entry of kind `fragment` that has this payload. */
export function isFirstFragment(payload: Uint8Array): boolean {
  return (payload[0]! & IS_FIRST) !== 0;
}

/** Whether a message ends with the entry of kind `fragment` that has this payload. */
export function isLastFragment(payload: Uint8Array): boolean {
  return (payload[0]! & IS_LAST) !== 0;
}
