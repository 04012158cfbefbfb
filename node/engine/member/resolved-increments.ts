/**
 * What the deltas of a transaction come to at its place in the order: each row as it is then (H9). It is worked out once,
 * over the rows as of the sequence number before, and from then on nobody adds anything: what is published, kept with the
 * verdict and repeated from there is the whole row. Kept as bytes: a count, and an image for each delta in the order of the
 * write set.
 */
import type { Write } from '../../../applier/index.ts';
import { isOfRow } from '../../../certifier/index.ts';
import type { OutOfBounds, Resolution, RowKey, Transaction, WriteSetItem } from '../../../certifier/types.ts';
import { assert, ByteReader, ByteWriter, hash32 } from '../../../gcs/base/index.ts';
import type { ImageCodec } from '../image-codec.ts';
import { decodeIncrements, type RefusedIncrement } from '../increments.ts';
import { tableIdOf } from '../key-codec.ts';
import { TableCache } from '../table.ts';
import type { TableDefinition } from '../table-definition.ts';

/** Rows and tables as of the sequence number before. */
export interface RowsBefore {
  imageOf(key: RowKey): Uint8Array | undefined;
  tableById(tableId: number): TableDefinition | undefined;
}

export interface ResolvedIncrements extends Resolution {
  /** As they are kept. */
  readonly bytes: Uint8Array;
}

/** Why one cannot be. */
export interface LostIncrement extends OutOfBounds {
  readonly facts: RefusedIncrement;
}

export class IncrementResolver {
  readonly #codec: ImageCodec;
  readonly #before: RowsBefore;
  readonly #tables = new TableCache();

  constructor(codec: ImageCodec, before: RowsBefore) {
    this.#codec = codec;
    this.#before = before;
  }

  resolve(transaction: Transaction): ResolvedIncrements | LostIncrement {
    const slices = this.inSlices(transaction, Number.POSITIVE_INFINITY);
    for (;;) {
      const step = slices.next();
      if (step.done) return step.value;
    }
  }

  /** The rows stay what they are until it is done. */
  *inSlices(
    { writeSet }: Transaction,
    itemsPerSlice: number,
  ): Generator<void, ResolvedIncrements | LostIncrement, void> {
    const images: Uint8Array[] = [];
    const digestWords: number[] = [];
    let left = itemsPerSlice;
    for (const item of writeSet) {
      if (item.kind !== 'delta') continue;
      if (left-- === 0) {
        left = itemsPerSlice;
        yield;
      }
      const added = this.#added(item);
      if ('problem' in added) return { kind: 'out-of-bounds', item, facts: added };
      images.push(added.image);
      for (const value of added.values) digestWords.push(hash32(String(value)));
    }
    return { kind: 'resolved', digestWords, bytes: encodeImages(images) };
  }

  #added({ key, image }: WriteSetItem) {
    const definition = this.#before.tableById(tableIdOf(key));
    const before = this.#before.imageOf(key);
    // Else the check of its table, or its delete, would have refused the transaction.
    assert(definition !== undefined && before !== undefined, 'a certified delta is for a row that there is');
    const codec = this.#codec;
    const increments = decodeIncrements(image!, codec);
    return this.#tables.of(definition).incremented(before, increments, { codec, isBounded: true });
  }
}

/** The rows that a transaction writes. `resolved`: as it is kept with its verdict; null where it has no deltas. */
export function writesOf(transaction: Transaction, resolved: Uint8Array | null): readonly Write[] {
  const { writeSet } = transaction;
  if (resolved !== null) return resolvedItems(writeSet, resolved).filter(({ kind }) => isOfRow(kind));
  // As a rule all are, and an item of a row is a write: a large write set is not copied.
  return writeSet.every(({ kind }) => isOfRow(kind)) ? writeSet : writeSet.filter(({ kind }) => isOfRow(kind));
}

/** The rows that its deltas were for. */
export function resolvedRows({ writeSet }: Transaction, resolved: Uint8Array): readonly Write[] {
  const images = decodeImages(resolved);
  return writeSet.filter(({ kind }) => kind === 'delta').map(({ key }, at) => ({ key, image: images[at]! }));
}

/** How many these are. Reads no image: others than the origin need no more of them. Cost: O(1). */
export function resolvedCount(resolved: Uint8Array): number {
  return new ByteReader(resolved).varint();
}

/** The items at their places, puts instead of deltas. Images are views of `resolved`. */
export function resolvedItems(writeSet: readonly WriteSetItem[], resolved: Uint8Array): readonly WriteSetItem[] {
  const images = decodeImages(resolved);
  let next = 0;
  const items = writeSet.map((item) => {
    return item.kind === 'delta' ? { key: item.key, kind: 'put' as const, image: images[next++]! } : item;
  });
  assert(next === images.length, 'every delta is kept with what it came to');
  return items;
}

function encodeImages(images: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(images.length);
  for (const image of images) writer.blob(image);
  return writer.finish();
}

/** @throws InvariantViolation: the bytes are this member's own and were checksummed. */
function decodeImages(bytes: Uint8Array): readonly Uint8Array[] {
  const reader = new ByteReader(bytes);
  const images = Array.from({ length: reader.varint() }, () => reader.blob());
  assert(reader.finished, 'kept increments are readable');
  return images;
}
