/** One item of a write set as bytes: see the head of `group-message.ts`. */
import { assert, type ByteReader, type ByteWriter } from '../gcs/base/index.ts';
import type { WriteSetItem } from './types.ts';

export const varintLengthMax = 8;
/** A key begins with the id of its table. */
const keyLengthMin = 4;
/** Kind, key length and key: how many items so many bytes can be, whatever is said of their number. */
export const itemLengthMin = 1 + 1 + keyLengthMin;
/** By the number that stands for them. */
const itemKinds: readonly (WriteSetItem['kind'] | null)[] = [null, 'put', 'delete', 'check'];

export function itemLengthMax({ key, image }: WriteSetItem): number {
  return 1 + 2 * varintLengthMax + key.length + (image === null ? 0 : image.length);
}

export function writeItem(writer: ByteWriter, { kind, key, image }: WriteSetItem): void {
  assert(key.length >= keyLengthMin, 'a key begins with the id of its table');
  assert((kind === 'put') === (image !== null), 'a put, and nothing else, has an image');
  writer.u8(itemKinds.indexOf(kind));
  writer.binaryString(key);
  if (image !== null) writer.blob(image);
}

/** The item, its image a view of what is read, or what is wrong with it. */
export function readItem(reader: ByteReader): WriteSetItem | string {
  const kind = itemKinds[reader.u8()] ?? null;
  if (kind === null) return 'unknown item kind';
  const key = reader.binaryString();
  const image = kind === 'put' ? reader.blob() : null;
  if (reader.malformed) return 'item ends early';
  return key.length < keyLengthMin ? 'a key without a table' : { key, kind, image };
}
