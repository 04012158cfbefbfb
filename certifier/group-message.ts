/**
 * What members broadcast, as bytes. A broadcast is a batch of messages of one origin, in their order:
 *
 *     batch          version u8 (3), message count varint, messages
 *     transaction    kind u8 (1), snapshot version varint, item count varint, items, range count varint, ranges,
 *                    attribute count varint, attributes
 *     item           kind u8 (1 put, 2 delete, 3 check, 8 delta, 9 reference, 10 mark; 4 more: with a snapshot of its own),
 *                    key (length varint, bytes), own snapshot: what it is above the transaction's, varint,
 *                    put and delta: image (length varint, bytes)
 *     range          from, to (length varint, bytes)
 *     attribute      tag u8, ascending, content (length varint, bytes)
 *     schema change  kind u8 (2), change (length varint, bytes)
 *     purge floor    kind u8 (3), sequence number varint
 *     time mark      kind u8 (4)
 *     key fence      kind u8 (5), idempotency key as UTF-8 (length varint, bytes)
 *
 * Attributes by their tags: 1 idempotency (`node/engine/idempotency/key-attribute.ts`); 2 how many of the last items, all of
 * them checks, a SERIALIZABLE transaction read (varint).
 *
 * Each message is encoded once, when it is ready; batches are joined from encoded messages. Versions 1 and 2, which a log
 * may still have, are the same without attributes, and 1 without ranges, too.
 */
import { assert, ByteReader, ByteWriter, type SequenceNumber, utf8Decode, utf8Encode } from '../gcs/base/index.ts';
import {
  attributesLengthMax,
  isOther,
  itemLengthMax,
  itemLengthMin,
  rangesLengthMax,
  readAttributes,
  readItem,
  readRanges,
  readsOf,
  varintLengthMax,
  writeAttributes,
  writeItem,
  writeRanges,
} from './item-codec.ts';
import { ItemPlaces } from './item-places.ts';
import type { LargeTransaction, ReadRange, Transaction, TransactionAttribute, WriteSetItem } from './types.ts';

export type GroupMessage =
  | TransactionMessage
  | SchemaChangeMessage
  | PurgeFloorMessage
  | TimeMarkMessage
  | KeyFenceMessage;

export interface TransactionMessage {
  readonly kind: 'transaction';
  readonly transaction: Transaction;
}

export interface SchemaChangeMessage {
  readonly kind: 'schema-change';
  /** Opaque here. */
  readonly change: Uint8Array;
}

/** No transaction of a snapshot below it is on its way any more, as far as its sender knows (H4, H5). */
export interface PurgeFloorMessage {
  readonly kind: 'purge-floor';
  readonly sequenceNumber: SequenceNumber;
}

/** Says nothing but when it was ordered: the stamp of its record. No commit behind it is earlier (H13). */
export interface TimeMarkMessage {
  readonly kind: 'time-mark';
}

/** No transaction with that idempotency key commits any more, if none has (H16). */
export interface KeyFenceMessage {
  readonly kind: 'key-fence';
  readonly key: string;
}

export type DecodedBatch =
  | { readonly kind: 'batch'; readonly messages: readonly GroupMessage[] }
  /** `offset`: where the part begins that is wrong. */
  | { readonly kind: 'malformed'; readonly reason: string; readonly offset: number };

/** One message of a batch. */
export function encodeGroupMessage(message: GroupMessage): Uint8Array {
  const writer = new ByteWriter(encodedLengthMax(message));
  if (message.kind === 'schema-change') {
    writer.u8(schemaChangeKind);
    writer.blob(message.change);
    return writer.view();
  }
  if (message.kind === 'purge-floor') {
    writer.u8(purgeFloorKind);
    writer.varint(message.sequenceNumber);
    return writer.view();
  }
  if (message.kind === 'time-mark') {
    writer.u8(timeMarkKind);
    return writer.view();
  }
  if (message.kind === 'key-fence') {
    writer.u8(keyFenceKind);
    writer.blob(utf8Encode(message.key));
    return writer.view();
  }
  const { snapshotVersion, writeSet } = message.transaction;
  writer.u8(transactionKind);
  writer.varint(snapshotVersion);
  writer.varint(writeSet.length);
  for (const item of writeSet) writeItem(writer, item, snapshotVersion);
  writeRanges(writer, message.transaction);
  writeAttributes(writer, message.transaction);
  return writer.view();
}

/** Joins messages, at least one, made by `encodeGroupMessage`. Copies them. */
export function encodeBatch(messages: readonly Uint8Array[]): Uint8Array {
  assert(messages.length > 0, 'a batch is not empty');
  let length = 1 + varintLengthMax;
  for (const message of messages) length += message.length;
  const writer = new ByteWriter(length);
  writer.u8(formatVersion);
  writer.varint(messages.length);
  for (const message of messages) writer.raw(message);
  return writer.view();
}

/** The messages of a batch. Images and changes are views of `bytes`, if these are not few; keys are copies. */
export function decodeBatch(bytes: Uint8Array): DecodedBatch {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (!isKnown(version)) return malformed('unknown format version', 0);
  const count = reader.varint();
  if (count === 0 || count > reader.left) return malformed('message count', 1);
  const messages: GroupMessage[] = [];
  let checkBefore: WriteSetItem | null = null;
  for (let i = 0; i < count; i++) {
    const offset = reader.offset;
    const message = decodeMessage(reader, version, checkBefore);
    if (typeof message === 'string') return malformed(message, offset);
    messages.push(message);
    checkBefore = firstCheckOf(message);
  }
  if (!reader.finished) return malformed('bytes behind the last message', reader.offset);
  return { kind: 'batch', messages };
}

/**
 * A batch of one transaction, in slices of about so many bytes: what `encodeGroupMessage` and `encodeBatch` make, but
 * copied once.
 */
export function* encodeTransactionInSlices(
  transaction: Transaction,
  bytesPerSlice: number,
): Generator<void, Uint8Array, void> {
  const { snapshotVersion, writeSet } = transaction;
  let length = 2 + 1 + 2 * varintLengthMax + rangesLengthMax(transaction) + attributesLengthMax(transaction);
  for (const item of writeSet) length += itemLengthMax(item);
  const writer = new ByteWriter(length);
  writer.u8(formatVersion);
  writer.varint(1);
  writer.u8(transactionKind);
  writer.varint(snapshotVersion);
  writer.varint(writeSet.length);
  let cost = 0;
  for (const item of writeSet) {
    if (cost >= bytesPerSlice) {
      cost = 0;
      yield;
    }
    const before = writer.length;
    writeItem(writer, item, snapshotVersion);
    cost += ITEM_COST_BYTES + writer.length - before;
  }
  writeRanges(writer, transaction);
  writeAttributes(writer, transaction);
  return writer.view();
}

/**
 * Decodes a batch of one transaction while its bytes come in. Of any other batch it waits for the whole.
 *
 * An item is read only if all of it is there: one that reaches beyond is read again when there is more.
 */
export class BatchDecoder {
  readonly #bytes: Uint8Array;
  #reader: ByteReader;
  /** Of the first byte that `#reader` reads. */
  #readerFrom = 0;
  #head: {
    readonly version: number;
    readonly isAlone: boolean;
    readonly snapshotVersion: SequenceNumber;
    readonly count: number;
  } | null = null;
  readonly #writeSet: WriteSetItem[] = [];
  #places: ItemPlaces | null = null;
  #isKeyTwice = false;
  #transaction: (LargeTransaction & BehindItems) | null = null;
  #writes = false;
  #problem: DecodedBatch | null = null;

  /** `bytes`: the whole batch, filled from the beginning. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#reader = new ByteReader(bytes);
  }

  /** Reads what is there of the items, `itemsMax` at most: the first `available` bytes have come. */
  read(available: number, itemsMax: number): void {
    if (this.#head === null) {
      if (available < Math.min(BATCH_HEAD_BYTES_MAX, this.#bytes.length)) return;
      this.#readHead();
    }
    const { isAlone, count, snapshotVersion } = this.#head!;
    if (!isAlone) return;
    for (let i = 0; i < itemsMax && this.#writeSet.length < count && this.#problem === null; i++) {
      const offset = this.#offset;
      if (offset >= available) return;
      const item = readItem(this.#reader, snapshotVersion);
      if (this.#offset > available || (this.#reader.malformed && available < this.#bytes.length)) {
        this.#reader = new ByteReader(this.#bytes.subarray(offset));
        this.#readerFrom = offset;
        return;
      }
      if (typeof item === 'string') {
        this.#problem = malformed(item, MESSAGE_OFFSET);
        return;
      }
      if (item.kind !== 'check') this.#writes = true;
      this.#writeSet.push(item);
      if (!this.#places!.add(this.#writeSet.length - 1)) this.#isKeyTwice = true;
    }
  }

  /**
   * The transaction as far as it is read, well-formed or not: the same object grows, ranges and attributes come at the
   * end of `inSlices`. Null: there is none, or not yet.
   */
  get transaction(): LargeTransaction | null {
    return this.#transaction;
  }

  /** As `decodeBatch`, all of whose bytes have come, in slices of so many items where it is one transaction. */
  *inSlices(itemsPerSlice: number): Generator<void, DecodedBatch, void> {
    const { length } = this.#bytes;
    this.read(length, itemsPerSlice);
    const { version, isAlone, count } = this.#head!;
    if (!isAlone) return decodeBatch(this.#bytes);
    while (this.#problem === null && this.#writeSet.length < count) {
      if (this.#offset >= length) return malformed('unknown item kind', MESSAGE_OFFSET);
      yield;
      this.read(length, itemsPerSlice);
    }
    if (this.#problem !== null) return this.#problem;
    if (this.#isKeyTwice) return malformed('a key twice in a write set', MESSAGE_OFFSET);
    const problem = readBehindItems(this.#reader, version, this.#transaction!);
    if (problem !== null) return malformed(problem, MESSAGE_OFFSET);
    if (!this.#writes && !reads(this.#transaction!)) return malformed(writesNothing, MESSAGE_OFFSET);
    if (!this.#reader.finished) return malformed('bytes behind the last message', this.#offset);
    const { places: _, ...transaction } = this.#transaction!;
    return { kind: 'batch', messages: [{ kind: 'transaction', transaction }] };
  }

  get #offset(): number {
    return this.#readerFrom + this.#reader.offset;
  }

  #readHead(): void {
    const reader = this.#reader;
    const version = reader.u8();
    const isAlone = isKnown(version) && reader.varint() === 1 && reader.u8() === transactionKind;
    const snapshotVersion = reader.varint();
    const count = reader.varint();
    if (reader.malformed || count > reader.left / itemLengthMin) {
      this.#problem = malformed('item count', MESSAGE_OFFSET);
    }
    this.#head = { version, isAlone, snapshotVersion, count };
    if (!isAlone || this.#problem !== null) return;
    this.#places = new ItemPlaces(this.#writeSet, count);
    this.#transaction = { snapshotVersion, writeSet: this.#writeSet, places: this.#places };
  }
}

const formatVersion = 3;
const firstVersionWithRanges = 2;
const firstVersionWithAttributes = 3;
/** An item takes as long as so many bytes. */
const ITEM_COST_BYTES = 500;
/** In a batch of one: behind the version and the count. */
const MESSAGE_OFFSET = 2;
const BATCH_HEAD_BYTES_MAX = MESSAGE_OFFSET + 1 + 2 * varintLengthMax;
const transactionKind = 1;
const schemaChangeKind = 2;
const purgeFloorKind = 3;
const timeMarkKind = 4;
const keyFenceKind = 5;
/** Of one UTF-16 unit. */
const utf8LengthMax = 3;

function encodedLengthMax(message: GroupMessage): number {
  if (message.kind === 'schema-change') return 1 + varintLengthMax + message.change.length;
  if (message.kind === 'purge-floor' || message.kind === 'time-mark') return 1 + varintLengthMax;
  if (message.kind === 'key-fence') return 1 + varintLengthMax + utf8LengthMax * message.key.length;
  const { transaction } = message;
  let length = 1 + 2 * varintLengthMax + rangesLengthMax(transaction) + attributesLengthMax(transaction);
  for (const item of transaction.writeSet) length += itemLengthMax(item);
  return length;
}

/** The message, or what is wrong with it. */
/** One transaction after the other checks the definition of one table, as its first item. */
function firstCheckOf(message: GroupMessage): WriteSetItem | null {
  if (message.kind !== 'transaction') return null;
  const [first] = message.transaction.writeSet;
  return first?.kind === 'check' && first.snapshotVersion === undefined ? first : null;
}

/** `checkBefore`: of the message before; whose first item is the same one shares it. */
function decodeMessage(reader: ByteReader, version: number, checkBefore: WriteSetItem | null): GroupMessage | string {
  const kind = reader.u8();
  if (kind === transactionKind) return decodeTransaction(reader, version, checkBefore);
  if (kind === purgeFloorKind) {
    const sequenceNumber = reader.varint();
    return reader.malformed ? 'purge floor' : { kind: 'purge-floor', sequenceNumber };
  }
  if (kind === timeMarkKind) return { kind: 'time-mark' };
  if (kind === keyFenceKind && version >= firstVersionWithAttributes) {
    const key = utf8Decode(reader.blob());
    return reader.malformed || key === null ? 'key fence' : { kind: 'key-fence', key };
  }
  if (kind !== schemaChangeKind) return 'unknown message kind';
  const change = reader.blob();
  return reader.malformed ? 'schema change ends early' : { kind: 'schema-change', change };
}

function decodeTransaction(
  reader: ByteReader,
  version: number,
  checkBefore: WriteSetItem | null,
): TransactionMessage | string {
  const snapshotVersion = reader.varint();
  const count = reader.varint();
  if (reader.malformed || count > reader.left / itemLengthMin) return 'item count';
  const writeSet: WriteSetItem[] = [];
  let writes = false;
  for (let i = 0; i < count; i++) {
    const item = readItem(reader, snapshotVersion, i === 0 ? checkBefore : null);
    if (typeof item === 'string') return item;
    if (item.kind !== 'check') writes = true;
    writeSet.push(item);
  }
  if (!hasDistinctKeys(writeSet)) return 'a key twice in a write set';
  const transaction: Transaction & BehindItems = { snapshotVersion, writeSet };
  const problem = readBehindItems(reader, version, transaction);
  if (problem !== null) return problem;
  return writes || reads(transaction) ? { kind: 'transaction', transaction } : writesNothing;
}

const writesNothing = 'a write set that writes nothing';

/** It is ordered for what it read. */
function reads(transaction: Transaction): boolean {
  return transaction.reads !== undefined || transaction.ranges !== undefined;
}

interface BehindItems {
  reads?: number;
  ranges?: readonly ReadRange[];
  attributes?: readonly TransactionAttribute[];
}

/** Reads what lies behind the items into `target`. Null, or what is wrong with it. */
function readBehindItems(
  reader: ByteReader,
  version: number,
  target: BehindItems & Pick<Transaction, 'writeSet'>,
): string | null {
  if (version >= firstVersionWithRanges) {
    const ranges = readRanges(reader);
    if (typeof ranges === 'string') return ranges;
    if (ranges.length > 0) target.ranges = ranges;
  }
  if (version >= firstVersionWithAttributes) {
    const attributes = readAttributes(reader);
    if (typeof attributes === 'string') return attributes;
    if (attributes.length === 0) return null;
    const reads = readsOf(attributes, target.writeSet);
    if (typeof reads === 'string') return reads;
    if (reads > 0) target.reads = reads;
    const others = reads > 0 ? attributes.filter(isOther) : attributes;
    if (others.length > 0) target.attributes = others;
  }
  return null;
}

function isKnown(version: number): boolean {
  return version >= 1 && version <= formatVersion;
}

/** Small write sets are the rule; comparing each with each is quickest for them. */
function hasDistinctKeys(writeSet: readonly WriteSetItem[]): boolean {
  if (writeSet.length > 8) return new Set(writeSet.map((item) => item.key)).size === writeSet.length;
  for (let i = 1; i < writeSet.length; i++) {
    for (let j = 0; j < i; j++) if (writeSet[i]!.key === writeSet[j]!.key) return false;
  }
  return true;
}

function malformed(reason: string, offset: number): DecodedBatch {
  return { kind: 'malformed', reason, offset };
}
