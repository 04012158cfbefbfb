/**
 * One transaction as it executes: a snapshot, and what it wrote and observed, buffered. Per row it becomes one item of
 * the write set, by whether the row existed at the snapshot and how it ends (H20):
 *
 *   existed  ends     item
 *   no       none     none; a check where its absence was observed
 *   no       present  put
 *   yes      none     delete
 *   yes      present  put
 *   (not written, but observed: a duplicate, an absence, a failed `if`)   check
 *
 * Each table touched adds a check of its catalog item (H17), first, so that a dropped table is told before its rows.
 */
import type { RowKey, WriteSetItem } from '../../certifier/types.ts';
import { assert, type SequenceNumber } from '../../gcs/base/index.ts';
import { noSuchTable, notOnline, overloaded, snapshotTooOld, tooLarge } from './errors.ts';
import type { ImageCodec } from './image-codec.ts';
import type { Limits } from './limits.ts';
import type { Replica, SnapshotHandle } from './replica.ts';
import { Table } from './table.ts';
import type { TableDefinition } from './table-definition.ts';

/** What a buffered row takes besides key and image; more than it takes beside them in the message to the group. */
const ROW_OVERHEAD_BYTES = 64;
const OVERLOADED_RETRY_MS = 100;

/** What transactions have in common. */
export interface TransactionSetup {
  readonly replica: Replica;
  readonly limits: Limits;
  readonly imageCodec: ImageCodec;
  readonly tables: TableCache;
  readonly memory: TransactionMemory;
}

/** What all open transactions of a member hold together. */
export class TransactionMemory {
  bytes = 0;
}

/** How one is begun. */
export interface TransactionStart {
  readonly isReadOnly: boolean;
  /** The past that it reads, which is visible here; null: the present, as of its first statement. */
  readonly asOf: SequenceNumber | null;
}

/** Tables made ready, by definition; a definition never changes. */
export class TableCache {
  readonly #tables = new WeakMap<TableDefinition, Table>();

  of(definition: TableDefinition): Table {
    let table = this.#tables.get(definition);
    if (table === undefined) {
      table = new Table(definition);
      this.#tables.set(definition, table);
    }
    return table;
  }
}

interface BufferedRow {
  /** Null: written never, or deleted. */
  image: Uint8Array | null;
  isWritten: boolean;
  /** What a statement saw here decided its answer: it must still hold at the commit. */
  isObserved: boolean;
}

/** A row to be written by one statement. */
export interface RowChange {
  readonly key: RowKey;
  /** Null: the row is deleted. */
  readonly image: Uint8Array | null;
}

export class Transaction {
  readonly isReadOnly: boolean;
  /** A cursor goes on with it: whoever ran the statement does not release it. */
  isKept = false;
  /** Called when the member had to end the snapshot: nothing can be read any more. */
  snapshotEnded: (() => void) | null = null;
  readonly #setup: TransactionSetup;
  readonly #asOf: SequenceNumber | null;
  #isSnapshotEnded = false;
  #snapshot: SnapshotHandle | null = null;
  #isReleased = false;
  readonly #rows = new Map<RowKey, BufferedRow>();
  readonly #tables: Table[] = [];
  #bytes = 0;
  #writtenRows = 0;

  constructor(setup: TransactionSetup, { isReadOnly, asOf }: TransactionStart) {
    this.#setup = setup;
    this.#asOf = asOf;
    this.isReadOnly = isReadOnly;
  }

  /** Null before the first statement. */
  get snapshotVersion(): SequenceNumber | null {
    return this.#snapshot?.sequenceNumber ?? null;
  }

  get limits(): Limits {
    return this.#setup.limits;
  }

  get imageCodec(): ImageCodec {
    return this.#setup.imageCodec;
  }

  /** Keys of the rows written or observed, in the order in which that first happened. */
  get rowKeys(): IterableIterator<RowKey> {
    return this.#rows.keys();
  }

  /** Its snapshot is gone, by `release` or because the member ended it. */
  get isOver(): boolean {
    return this.#isReleased || this.#isSnapshotEnded;
  }

  /** Fixes the snapshot where that has not happened. @throws RequestError NOT_ONLINE, SNAPSHOT_TOO_OLD */
  fixSnapshot(): SequenceNumber {
    if (this.#snapshot === null) {
      assert(!this.#isReleased, 'a transaction that has ended reads nothing');
      const { replica } = this.#setup;
      if (replica.state !== 'ONLINE') throw notOnline(replica.state);
      this.#snapshot = this.#acquireSnapshot(replica);
    }
    if (this.#isSnapshotEnded) throw snapshotTooOld({ snapshotVersion: this.#snapshot.sequenceNumber });
    return this.#snapshot.sequenceNumber;
  }

  /** The table of that name at the snapshot. @throws RequestError NO_SUCH_TABLE, NOT_ONLINE */
  table(name: string): Table {
    const definition = this.#setup.replica.table(name, this.fixSnapshot());
    if (definition === undefined) throw noSuchTable(name);
    const table = this.#setup.tables.of(definition);
    if (!this.#tables.includes(table)) this.#tables.push(table);
    return table;
  }

  /** All tables at the snapshot, by name. */
  allTables(): readonly TableDefinition[] {
    return this.#setup.replica.tables(this.fixSnapshot());
  }

  /** The row as this transaction sees it, its own writes included. */
  get(key: RowKey): Uint8Array | undefined {
    const own = this.#rows.get(key);
    if (own?.isWritten) return own.image ?? undefined;
    return this.#setup.replica.get(key, this.fixSnapshot());
  }

  /** Rows from `from` to before `to` as this transaction sees them, in key order or backwards. To be used up in this turn. */
  scan(from: RowKey, to: RowKey, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]> {
    const stored = this.#setup.replica.scan({ from, to }, this.fixSnapshot(), reverse);
    if (this.#writtenRows === 0) return stored;
    const own: [RowKey, Uint8Array | null][] = [];
    for (const [key, row] of this.#rows) if (row.isWritten && key >= from && key < to) own.push([key, row.image]);
    if (own.length === 0) return stored;
    own.sort(([left], [right]) => (left < right ? -1 : 1));
    if (reverse) own.reverse();
    return merged(stored, own, reverse);
  }

  /** What was seen at `key` decided a statement's answer. @throws RequestError TRANSACTION_TOO_LARGE */
  observe(key: RowKey): void {
    const row = this.#rows.get(key);
    if (row === undefined) {
      this.#grow(this.#bytes + sizeOf({ key, image: null }));
      this.#rows.set(key, { image: null, isWritten: false, isObserved: true });
    } else if (!row.isWritten) row.isObserved = true;
  }

  /** Buffers one statement's changes, all of them or, when it throws, none. @throws RequestError TRANSACTION_TOO_LARGE */
  write(changes: readonly RowChange[]): void {
    let bytes = this.#bytes;
    for (const change of changes) bytes += sizeOf(change) - this.#sizeAt(change.key);
    this.#grow(bytes);
    for (const { key, image } of changes) {
      const row = this.#rows.get(key);
      if (row === undefined) {
        this.#rows.set(key, { image, isWritten: true, isObserved: false });
        this.#writtenRows++;
      } else {
        if (!row.isWritten) this.#writtenRows++;
        row.image = image;
        row.isWritten = true;
      }
    }
  }

  /** What is to be certified, or null where nothing is to be written. */
  writeSet(): readonly WriteSetItem[] | null {
    if (this.#writtenRows === 0) return null;
    const items: WriteSetItem[] = [];
    for (const table of this.#tables) items.push(table.catalogItem);
    let writes = 0;
    for (const [key, row] of this.#rows) {
      if (row.isWritten && row.image !== null) {
        items.push({ key, kind: 'put', image: row.image });
        writes++;
      } else if (row.isWritten && this.#existedAtSnapshot(key)) {
        items.push({ key, kind: 'delete', image: null });
        writes++;
      } else if (row.isObserved) items.push({ key, kind: 'check', image: null });
    }
    return writes === 0 ? null : items;
  }

  /** The table, among those touched, that a key belongs to. */
  touchedTable(tableId: number): Table | undefined {
    return this.#tables.find((table) => table.definition.tableId === tableId);
  }

  /** Lets go of the snapshot and of what was buffered. Harmless the second time. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#snapshot?.release();
    this.#setup.memory.bytes -= this.#bytes;
    this.#bytes = 0;
    this.#rows.clear();
    this.#writtenRows = 0;
  }

  #acquireSnapshot(replica: Replica): SnapshotHandle {
    const ended = () => this.#endSnapshot();
    const asOf = this.#asOf;
    if (asOf === null) return replica.acquireSnapshot(ended);
    if (asOf < replica.heldFrom) throw snapshotTooOld({ snapshotVersion: asOf, oldest: replica.heldFrom });
    return replica.acquireSnapshotAt(asOf, ended);
  }

  #existedAtSnapshot(key: RowKey): boolean {
    return this.#setup.replica.get(key, this.fixSnapshot()) !== undefined;
  }

  #sizeAt(key: RowKey): number {
    const row = this.#rows.get(key);
    return row === undefined ? 0 : sizeOf({ key, image: row.image });
  }

  #grow(bytes: number): void {
    const { limits, memory } = this.#setup;
    const bytesMax = limits.transactionBytesMax;
    if (bytes > bytesMax) throw tooLarge('TRANSACTION_TOO_LARGE', { bytes, bytesMax });
    const inAll = memory.bytes + bytes - this.#bytes;
    if (bytes > this.#bytes && inAll > limits.transactionsBytesMax) {
      throw overloaded(OVERLOADED_RETRY_MS, 'The open transactions of this member hold as much as they may');
    }
    memory.bytes = inAll;
    this.#bytes = bytes;
  }

  #endSnapshot(): void {
    this.#isSnapshotEnded = true;
    this.snapshotEnded?.();
  }
}

function sizeOf({ key, image }: RowChange): number {
  return ROW_OVERHEAD_BYTES + key.length + (image === null ? 0 : image.length);
}

/** Own writes over stored rows, both in the order of the scan. */
function* merged(
  stored: Iterable<readonly [RowKey, Uint8Array]>,
  own: readonly (readonly [RowKey, Uint8Array | null])[],
  reverse: boolean,
): Generator<readonly [RowKey, Uint8Array]> {
  let next = 0;
  for (const row of stored) {
    while (next < own.length && (reverse ? own[next]![0] > row[0] : own[next]![0] < row[0])) {
      const [key, image] = own[next++]!;
      if (image !== null) yield [key, image];
    }
    if (next < own.length && own[next]![0] === row[0]) {
      const [key, image] = own[next++]!;
      if (image !== null) yield [key, image];
    } else yield row;
  }
  for (; next < own.length; next++) {
    const [key, image] = own[next]!;
    if (image !== null) yield [key, image];
  }
}
