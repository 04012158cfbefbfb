/**
 * Writers by key in typed arrays alone: the records in a log in the order of writing, which is the order of eviction, and
 * a table of where each key's record lies. A key is found by its hash and compared in full (H12). Nothing is allocated
 * for a key beside its record, some 30 bytes, and its slot, 11 to 21 bytes; the collector of the runtime sees none of it.
 */
import { assert, type MemberOrdinal, type SequenceNumber } from '../../gcs/base/index.ts';
import { addWriter, type ItemKind, type KeyWriters, opponentIn, type WriteKind } from '../item-kinds.ts';
import type { RowKey, Writer } from '../types.ts';
import { KeyWords } from './key-words.ts';
import { KEY_LENGTH_MAX, type NewRecord, RecordLog } from './record-log.ts';
import { SlotTable } from './slot-table.ts';
import type { NewWriterTable, WriterTable, WriterTableSetup, WrittenItem } from './writer-table.ts';

/** By the number that stands for them in a record. */
const KINDS: readonly WriteKind[] = ['put', 'delete', 'delta', 'reference', 'mark'];
const PUT = KINDS.indexOf('put');

/** Makes a table that begins small and grows with what is in it. */
export function packedWriterTable(setup: WriterTableSetup): WriterTable {
  return new PackedWriterTable(setup);
}

/** The same with smaller blocks, so that little is as much as a lot. */
export function packedInSmallBlocks(blockBits: number): NewWriterTable {
  return (setup) => new PackedWriterTable(setup, blockBits);
}

class PackedWriterTable implements WriterTable {
  #capacity: number;
  readonly #evicted: WriterTableSetup['evicted'];
  readonly #slots: SlotTable;
  readonly #log: RecordLog;
  readonly #key: KeyWords;
  /** Of the packed key, as long as nothing changes; 0: there is none. */
  #found = 0;
  #isFoundValid = false;
  #size = 0;
  readonly #record: NewRecord;

  constructor({ capacity, fingerprint, evicted }: WriterTableSetup, blockBits?: number) {
    this.#capacity = capacity;
    this.#evicted = evicted;
    const slots = new SlotTable(capacity);
    this.#slots = slots;
    const moved = (hash: number, from: number, to: number) => slots.move(hash, from, to);
    this.#log = new RecordLog({ moved, ...(blockBits !== undefined && { blockBits }) });
    this.#key = new KeyWords(fingerprint ?? null);
    this.#record = {
      hash: 0,
      sequenceNumber: 0,
      origin: 0,
      kind: 0,
      exclusive: undefined,
      deleted: undefined,
      keyWords: this.#key.words,
      keyLength: 0,
    };
  }

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#slots.bytes + this.#log.bytes;
  }

  lastWritten(key: RowKey): SequenceNumber {
    const address = this.#find(key);
    return address === 0 ? 0 : this.#log.sequenceNumberOf(address);
  }

  lastOpponent(key: RowKey, kind: ItemKind): Writer | undefined {
    const address = this.#find(key);
    return address === 0 ? undefined : opponentIn(this.#writersAt(address), kind);
  }

  put(key: RowKey, kind: WriteKind, sequenceNumber: SequenceNumber, origin: MemberOrdinal): void {
    const known = this.#find(key);
    const log = this.#log;
    const { hash } = this.#key;
    const record = this.#record;
    record.hash = hash;
    record.sequenceNumber = sequenceNumber;
    record.origin = origin;
    record.kind = KINDS.indexOf(kind);
    record.keyWords = this.#key.words;
    record.keyLength = this.#key.length;
    assert(record.keyLength <= KEY_LENGTH_MAX, 'a key is not longer than a record can say');
    this.#isFoundValid = false;
    record.exclusive = undefined;
    record.deleted = undefined;
    if (known === 0) {
      if (this.#size >= this.#capacity) this.#evictOldest();
      this.#slots.add(hash, log.append(record));
      this.#size++;
    } else {
      assert(log.sequenceNumberOf(known) < sequenceNumber, 'a transaction writes a key once');
      if (record.kind !== PUT || !log.isPlain(known) || log.kindOf(known) !== PUT) {
        this.#rememberEarlier(known, { sequenceNumber, origin }, kind);
      }
      this.#slots.replace(log.append(record));
      log.kill(known);
    }
    log.tidy();
  }

  forget(upTo: SequenceNumber, keysMax: number): boolean {
    for (let i = 0; i < keysMax; i++) {
      const oldest = this.#log.oldest();
      if (oldest === 0 || this.#log.sequenceNumberOf(oldest) > upTo) return true;
      this.#drop(oldest);
    }
    return false;
  }

  resize(capacity: number): void {
    this.#capacity = capacity;
    this.#isFoundValid = false;
    while (this.#size > capacity) this.#evictOldest();
  }

  *newestFirst(): Generator<WrittenItem, void, void> {
    const log = this.#log;
    for (const address of log.newestFirst()) {
      yield {
        key: log.keyOf(address),
        sequenceNumber: log.sequenceNumberOf(address),
        origin: log.originOf(address),
      };
    }
  }

  /** The address of its record, or 0. Leaves its slot as the one that was found last. */
  #find(key: RowKey): number {
    const packed = this.#key;
    if (key === packed.key) {
      if (this.#isFoundValid) return this.#found;
    } else packed.pack(key);
    let address = this.#slots.seek(packed.hash);
    while (address !== 0 && !this.#log.hasKey(address, packed.words, packed.length)) address = this.#slots.seekOn();
    this.#found = address;
    this.#isFoundValid = true;
    return address;
  }

  /** What the new record has to know of the one there. */
  #rememberEarlier(known: number, writer: Writer, kind: WriteKind): void {
    const writers = this.#writersAt(known);
    addWriter(writers, writer, kind);
    this.#record.exclusive = writers.before?.exclusive;
    this.#record.deleted = writers.before?.deleted;
  }

  #writersAt(address: number): KeyWriters {
    const log = this.#log;
    const before = log.isPlain(address)
      ? null
      : { exclusive: log.exclusiveOf(address), deleted: log.deletedOf(address) };
    return {
      sequenceNumber: log.sequenceNumberOf(address),
      origin: log.originOf(address),
      kind: KINDS[log.kindOf(address)]!,
      before,
    };
  }

  #evictOldest(): void {
    const oldest = this.#log.oldest();
    const sequenceNumber = this.#log.sequenceNumberOf(oldest);
    this.#drop(oldest);
    this.#evicted(sequenceNumber);
  }

  #drop(address: number): void {
    this.#slots.remove(this.#log.hashOf(address), address);
    this.#log.kill(address);
    this.#size--;
    this.#isFoundValid = false;
  }
}
