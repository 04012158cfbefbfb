/** One item of a write set, the ranges that were read and the attributes, as bytes: see the head of `group-message.ts`. */
import { assert, ByteReader, ByteWriter, type SequenceNumber } from '../gcs/base/index.ts';
import type { ItemKind } from './item-kinds.ts';
import { areInOrder } from './read-ranges.ts';
import {
  attributesMax,
  type ReadRange,
  readRangesMax,
  type Transaction,
  type TransactionAttribute,
  type WriteSetItem,
} from './types.ts';

export const varintLengthMax = 8;
/** A key begins with the id of its table. */
const keyLengthMin = 4;
/** Kind, key length and key: how many items so many bytes can be, whatever is said of their number. */
export const itemLengthMin = 1 + 1 + keyLengthMin;
/** By the number that stands for them. */
const itemKinds: readonly (ItemKind | null)[] = [
  ...[null, 'put', 'delete', 'check'],
  ...[null, null, null, null],
  ...['delta', 'reference', 'mark'],
] as const;
const CHECK = itemKinds.indexOf('check');
/** The bit that is set, where the item has a snapshot of its own. */
const OWN_SNAPSHOT = 4;
/** The attribute that says how many of the last items were read. */
const readsTag = 2;
const NO_RANGES: readonly ReadRange[] = [];
const NO_ATTRIBUTES: readonly TransactionAttribute[] = [];

export function itemLengthMax({ key, image }: WriteSetItem): number {
  return 1 + 3 * varintLengthMax + key.length + (image === null ? 0 : image.length);
}

export function writeItem(writer: ByteWriter, item: WriteSetItem, snapshotVersion: SequenceNumber): void {
  const { kind, key, image } = item;
  assert(key.length >= keyLengthMin, 'a key begins with the id of its table');
  assert(hasImage(kind) === (image !== null), 'a put or a delta, and nothing else, has an image');
  const own = item.snapshotVersion;
  const number = itemKinds.indexOf(kind);
  writer.u8(own === undefined ? number : number | OWN_SNAPSHOT);
  writer.binaryString(key);
  if (own !== undefined) {
    assert(own > snapshotVersion, "an item's own snapshot is above the transaction's");
    writer.varint(own - snapshotVersion);
  }
  if (image !== null) writer.blob(image);
}

/**
 * The item, its image a view of what is read, or what is wrong with it.
 *
 * @param checkBefore A check without a snapshot of its own; if the item is the same, it is that.
 */
export function readItem(
  reader: ByteReader,
  snapshotVersion: SequenceNumber,
  checkBefore: WriteSetItem | null = null,
): WriteSetItem | string {
  const number = reader.u8();
  if (checkBefore !== null && number === CHECK && reader.isBinaryString(checkBefore.key)) return checkBefore;
  const isOwn = (number & OWN_SNAPSHOT) !== 0;
  const kind = itemKinds[number & ~OWN_SNAPSHOT] ?? null;
  if (kind === null) return 'unknown item kind';
  const key = reader.binaryString();
  const offset = isOwn ? reader.varint() : 0;
  const image = hasImage(kind) ? reader.blob() : null;
  if (reader.malformed) return 'item ends early';
  if (key.length < keyLengthMin) return 'a key without a table';
  if (!isOwn) return { key, kind, image };
  const own = snapshotVersion + offset;
  if (offset === 0 || !Number.isSafeInteger(own)) return "an item's own snapshot";
  return { key, kind, image, snapshotVersion: own };
}

function hasImage(kind: ItemKind): boolean {
  return kind === 'put' || kind === 'delta';
}

export function rangesLengthMax({ ranges = NO_RANGES }: Transaction): number {
  let length = varintLengthMax;
  for (const { from, to } of ranges) length += 2 * varintLengthMax + from.length + to.length;
  return length;
}

export function writeRanges(writer: ByteWriter, { ranges = NO_RANGES }: Transaction): void {
  assert(ranges.length <= readRangesMax && areInOrder(ranges), 'the ranges that were read are few and in order');
  writer.varint(ranges.length);
  for (const { from, to } of ranges) {
    writer.binaryString(from);
    writer.binaryString(to);
  }
}

/** The ranges, or what is wrong with them. */
export function readRanges(reader: ByteReader): readonly ReadRange[] | string {
  const count = reader.varint();
  if (reader.malformed || count > readRangesMax) return 'range count';
  if (count === 0) return NO_RANGES;
  const ranges: ReadRange[] = [];
  for (let i = 0; i < count; i++) ranges.push({ from: reader.binaryString(), to: reader.binaryString() });
  if (reader.malformed) return 'range ends early';
  return areInOrder(ranges) ? ranges : 'ranges out of order';
}

export function attributesLengthMax({ attributes = NO_ATTRIBUTES, reads }: Transaction): number {
  let length = varintLengthMax + (reads === undefined ? 0 : 1 + 2 * varintLengthMax);
  for (const { content } of attributes) length += 1 + varintLengthMax + content.length;
  return length;
}

export function writeAttributes(writer: ByteWriter, { attributes = NO_ATTRIBUTES, reads }: Transaction): void {
  const all = reads === undefined ? attributes : withReads(attributes, reads);
  assert(all.length <= attributesMax && areAscending(all), 'attributes are few and in order');
  writer.varint(all.length);
  for (const { tag, content } of all) {
    writer.u8(tag);
    writer.blob(content);
  }
}

/** The attributes, their contents views of what is read, or what is wrong with them. */
export function readAttributes(reader: ByteReader): readonly TransactionAttribute[] | string {
  const count = reader.varint();
  if (reader.malformed || count > attributesMax) return 'attribute count';
  if (count === 0) return NO_ATTRIBUTES;
  const attributes: TransactionAttribute[] = [];
  for (let i = 0; i < count; i++) attributes.push({ tag: reader.u8(), content: reader.blob() });
  if (reader.malformed) return 'attribute ends early';
  return areAscending(attributes) ? attributes : 'attributes out of order';
}

/** How many of the last items were read, as the attribute says it, 0 without it; or what is wrong with that. */
export function readsOf(
  attributes: readonly TransactionAttribute[],
  writeSet: readonly WriteSetItem[],
): number | string {
  const attribute = attributes.find(({ tag }) => tag === readsTag);
  if (attribute === undefined) return 0;
  const reader = new ByteReader(attribute.content);
  const reads = reader.varint();
  if (!reader.finished || reads === 0 || reads > writeSet.length) return 'reads';
  for (let at = writeSet.length - reads; at < writeSet.length; at++) {
    if (writeSet[at]!.kind !== 'check') return 'a read that writes';
  }
  return reads;
}

export function isOther({ tag }: TransactionAttribute): boolean {
  return tag !== readsTag;
}

function withReads(attributes: readonly TransactionAttribute[], reads: number): readonly TransactionAttribute[] {
  assert(reads > 0 && attributes.every(isOther), 'reads are said once, and not that there are none');
  const writer = new ByteWriter(varintLengthMax);
  writer.varint(reads);
  return [...attributes, { tag: readsTag, content: writer.view() }].sort((one, other) => one.tag - other.tag);
}

function areAscending(attributes: readonly TransactionAttribute[]): boolean {
  return attributes.every(({ tag }, at) => tag > (at === 0 ? 0 : attributes[at - 1]!.tag));
}
