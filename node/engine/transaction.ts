/**
 * One transaction as it executes: what it reads, and what it wrote and observed, buffered. What of that is certified,
 * `write-set.ts` says; how the levels differ, `read-set.ts` and `statement-snapshots.ts`.
 */
import type { Transaction as CertifiedTransaction, RowKey, WriteSetItem } from '../../certifier/types.ts';
import { assert, binaryStringOf, type SequenceNumber } from '../../gcs/base/index.ts';
import { conflictError } from './conflict-error.ts';
import { type ExistenceChange, type ExistenceItem, ExistenceItems } from './constraints/existence-items.ts';
import { TableConstraints } from './constraints/table-constraints.ts';
import {
  invalidArgument,
  noSuchTable,
  notOnline,
  overloaded,
  type RequestError,
  readOnlyTransaction,
  snapshotTooOld,
  tooLarge,
  tooManyRows,
} from './errors.ts';
import type { ImageCodec } from './image-codec.ts';
import { type ColumnIncrement, withIncrement } from './increments.ts';
import type { Isolation } from './isolation.ts';
import { isBesideRows, tableIdOf } from './key-codec.ts';
import type { Limits } from './limits.ts';
import type { LockEvents, LockOwner, RowLocks } from './locks/row-locks.ts';
import { checkBounds, refusedAt, withIncrements } from './own-increments.ts';
import { OwnWrites } from './own-writes.ts';
import { isTime, type PastPlace, shownNamed, shownTime } from './past-place.ts';
import { ReadSet } from './read-set.ts';
import type { Replica, SnapshotHandle } from './replica.ts';
import { Savepoints } from './savepoints.ts';
import { StatementSnapshots } from './statement-snapshots.ts';
import type { Table, TableCache } from './table.ts';
import type { TableDefinition } from './table-definition.ts';
import {
  type Buffered,
  type BufferedRow,
  isDelta,
  transactionAt,
  transactionOfStatements,
  transactionWithReads,
} from './write-set.ts';

/** What a buffered row takes besides key and image; more than it takes beside them in the message to the group. */
export const ROW_OVERHEAD_BYTES = 64;
/** What an increment takes at most, but for a decimal of many digits. */
const INCREMENT_BYTES_MAX = 160;
const OVERLOADED_RETRY_MS = 100;

/** What transactions have in common. */
export interface TransactionSetup {
  readonly replica: Replica;
  readonly limits: Limits;
  readonly imageCodec: ImageCodec;
  readonly tables: TableCache;
  readonly memory: TransactionMemory;
  readonly locks: RowLocks;
  readonly counters: ConstraintCounters;
}

/** Since the start. */
export interface ConstraintCounters {
  /** Statements refused. */
  duplicateKeys: number;
  foreignKeyViolations: number;
  /** Rows that were deleted, or lost their reference, with the row that they refer to. */
  rowsCascaded: number;
  /** Entries that statements have written or removed; more than is certified, where a transaction goes back on it. */
  indexEntriesWritten: number;
  /** Statements that looked for rows in an index. */
  indexScans: number;
}

/** What all open transactions of a member hold together. */
export class TransactionMemory {
  bytes = 0;
}

/** How one is begun. */
export interface TransactionStart {
  readonly isolation: Isolation;
  readonly isReadOnly: boolean;
  /** The past that it reads, which is visible here, or a time that is reached; null: the present, as of its first statement. */
  readonly asOf: PastPlace | null;
}

/** A row to be written by one statement. */
export interface RowChange {
  readonly key: RowKey;
  /** Null: the row is deleted. */
  readonly image: Uint8Array | null;
}

/** What the rows that one statement writes mean to foreign keys. */
export interface ExistenceChanges {
  readonly existence: readonly ExistenceChange[];
  /** Keys of existence items of what these rows refer to: it is there. */
  readonly existing: Iterable<RowKey>;
}

const NO_ITEMS: readonly ExistenceItem[] = [];

export class Transaction implements Buffered, LockOwner {
  readonly isReadOnly: boolean;
  /** A cursor goes on with it: whoever ran the statement does not release it. */
  isKept = false;
  /** Called when the member had to end the snapshot: nothing can be read any more. */
  snapshotEnded: (() => void) | null = null;
  /** Who runs it, where it may lock rows; else null. */
  lockEvents: LockEvents | null = null;
  #hasLocks = false;
  #hasIncrements = false;
  readonly #setup: TransactionSetup;
  readonly #asOf: PastPlace | null;
  #isSnapshotEnded = false;
  #snapshot: SnapshotHandle | null = null;
  #isReleased = false;
  readonly #rows = new Map<RowKey, BufferedRow>();
  /** Null: nobody has asked since something was written. */
  #ownWrites: OwnWrites | null = null;
  readonly #tables: Table[] = [];
  /** Of the buffered rows, and of what savepoints keep of them. */
  #bytes = 0;
  /** And index entries. */
  #writtenRows = 0;
  #writtenEntries = 0;
  /** At SERIALIZABLE, where something may be written. */
  #reads: ReadSet | null;
  readonly #isolation: Isolation;
  /** At READ COMMITTED. */
  readonly #statements: StatementSnapshots | null;
  /** Null: none was ever set. */
  #savepoints: Savepoints<BufferedRow> | null = null;
  /** Null: nothing was written that foreign keys are concerned with. */
  #existence: ExistenceItems | null = null;

  constructor(setup: TransactionSetup, { isolation, isReadOnly, asOf }: TransactionStart) {
    this.#setup = setup;
    this.#asOf = asOf;
    this.isReadOnly = isReadOnly;
    this.#isolation = isolation;
    this.#reads = isolation === 'SERIALIZABLE' && !isReadOnly ? new ReadSet() : null;
    this.#statements = isolation === 'READ COMMITTED' && asOf === null ? new StatementSnapshots() : null;
  }

  /** Of the last statement. Null before the first. */
  get snapshotVersion(): SequenceNumber | null {
    return this.#snapshot?.sequenceNumber ?? this.#statements?.last ?? null;
  }

  /** What the purge floor must not rise above for its sake: what may be certified against (H5). Null: it holds nothing. */
  get floorHeld(): SequenceNumber | null {
    if (this.isReadOnly || this.#asOf !== null) return null;
    return this.#statements === null ? (this.#snapshot?.sequenceNumber ?? null) : this.#statements.oldest;
  }

  /** What it was certified against: as a whole (null), or where it conflicted. */
  certifiedAgainst(key: RowKey | null): SequenceNumber {
    const first = key === null ? undefined : this.#statements?.firstTouch(key);
    const seenAt = key === null || this.#statements === null ? undefined : this.#existence?.seenAt(key);
    return first?.snapshotVersion ?? seenAt ?? this.#statements?.oldest ?? this.snapshotVersion ?? 0;
  }

  get limits(): Limits {
    return this.#setup.limits;
  }

  get imageCodec(): ImageCodec {
    return this.#setup.imageCodec;
  }

  get counters(): ConstraintCounters {
    return this.#setup.counters;
  }

  /** Rows and index entries written or observed, in the order in which that first happened. */
  get rows(): ReadonlyMap<RowKey, BufferedRow> {
    return this.#rows;
  }

  /** Touched. */
  get tables(): readonly Table[] {
    return this.#tables;
  }

  get replica(): Replica {
    return this.#setup.replica;
  }

  get writtenRows(): number {
    return this.#writtenRows - this.#writtenEntries;
  }

  /** Buffered. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keys of the rows and index entries written or observed, in the order in which that first happened. */
  get rowKeys(): IterableIterator<RowKey> {
    return this.#rows.keys();
  }

  /** Its snapshot is gone, by `release` or because the member ended it. */
  get isOver(): boolean {
    return this.#isReleased || this.#isSnapshotEnded;
  }

  /** A statement ran, or failed: at READ COMMITTED the next one takes a snapshot of its own. */
  endStatement(): void {
    if (this.#statements === null || this.#snapshot === null || this.#isReleased) return;
    this.#statements.end(this.#snapshot);
    this.#snapshot = null;
  }

  /** Fixes the snapshot where that has not happened. @throws RequestError NOT_ONLINE, SNAPSHOT_TOO_OLD */
  fixSnapshot(): SequenceNumber {
    if (this.#snapshot === null) {
      assert(!this.#isReleased, 'a transaction that has ended reads nothing');
      const { replica } = this.#setup;
      if (replica.state !== 'ONLINE') throw notOnline(replica.state);
      this.#snapshot = this.#acquireSnapshot(replica);
      if (this.isReadOnly && this.#isolation === 'SERIALIZABLE' && replica.ordersReads(this.#snapshot.sequenceNumber)) {
        this.#reads = new ReadSet();
      }
    }
    if (this.#isSnapshotEnded) throw snapshotTooOld({ snapshotVersion: this.#snapshot.sequenceNumber });
    return this.#snapshot.sequenceNumber;
  }

  /** The table of that name at the snapshot. @throws RequestError NO_SUCH_TABLE, NOT_ONLINE, SCHEMA_CHANGED */
  table(name: string): Table {
    const table = this.lookUpTable(name);
    this.#touchTable(table);
    return table;
  }

  /** The same, which the transaction does not depend on yet. @throws RequestError NO_SUCH_TABLE, NOT_ONLINE */
  lookUpTable(name: string): Table {
    const definition = this.#setup.replica.table(name, this.fixSnapshot());
    if (definition === undefined) throw noSuchTable(name);
    return this.#setup.tables.of(definition);
  }

  /** All tables at the snapshot, by name. */
  allTables(): readonly TableDefinition[] {
    return this.#setup.replica.tables(this.fixSnapshot());
  }

  /** The row as this transaction sees it, its own writes included. */
  get(key: RowKey): Uint8Array | undefined {
    const own = this.#rows.get(key);
    if (own?.isWritten) {
      if (this.#reads !== null && isDelta(own)) this.observe(key);
      return this.#ownImage(key, own) ?? undefined;
    }
    if (this.#reads !== null) this.observe(key);
    return this.#setup.replica.get(key, this.fixSnapshot());
  }

  /** As `get`, for what is certified by other items than what is read. */
  peek(key: RowKey): Uint8Array | undefined {
    const own = this.#rows.get(key);
    if (own?.isWritten) return this.#ownImage(key, own) ?? undefined;
    return this.#setup.replica.get(key, this.fixSnapshot());
  }

  /**
   * As `get`, for who changes it by what commutes with the changes of others (H8): without what it has added itself so far,
   * and nothing is certified of what it is, but that it is.
   */
  getToIncrement(key: RowKey): Uint8Array | undefined {
    const own = this.#rows.get(key);
    if (own?.isWritten && !isDelta(own)) return this.#ownImage(key, own) ?? undefined;
    if (own?.isWritten) this.#meet(key, 'delta');
    return this.#setup.replica.get(key, this.fixSnapshot());
  }

  /**
   * Adds to a row that there is, of which `getToIncrement` gave `image`: as a delta, or as any write where the transaction has
   * written or observed the row.
   *
   * @throws RequestError INVALID_ARGUMENT, OUT_OF_BOUNDS, TRANSACTION_TOO_LARGE
   */
  increment(table: Table, key: RowKey, increment: ColumnIncrement, image: Uint8Array): void {
    const row = this.#rows.get(key);
    const type = table.numberTypeOf(increment.column);
    const increments = withIncrement(row?.increments ?? null, increment, type);
    if (increments === null) {
      throw invalidArgument('by', 'together with what the transaction adds already it is beyond what the column takes');
    }
    this.#hasIncrements = true;
    if (row === undefined || isDelta(row)) {
      return this.#buffer([{ key, image: null, increments }]);
    }
    const added = table.incremented(image, [increment], { codec: this.imageCodec, isBounded: false });
    if ('problem' in added) throw refusedAt(this, key, added);
    if (this.#statements !== null) this.#meet(key);
    this.#buffer([{ key, image: added.image, increments }]);
  }

  /** The row is incremented, and neither written nor observed otherwise. */
  isDelta(key: RowKey): boolean {
    const row = this.#rows.get(key);
    return row !== undefined && isDelta(row);
  }

  /** Something was incremented at some time. */
  get hasIncrements(): boolean {
    return this.#hasIncrements;
  }

  /** At SERIALIZABLE: what it reads is certified, too. */
  get certifiesReads(): boolean {
    return this.#reads !== null;
  }

  /** A statement looked through all that lies from `from` to before `to`, and answers what it found. @throws RequestError TRANSACTION_TOO_LARGE */
  observeRange(from: RowKey, to: RowKey): void {
    if (this.#reads === null || from >= to) return;
    this.#grow(this.#bytes + this.#reads.bytesOf(from, to));
    this.#reads.add(from, to);
  }

  /** Rows from `from` to before `to` as this transaction sees them, in key order or backwards. To be used up in this turn. */
  scan(from: RowKey, to: RowKey, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]> {
    const stored = this.#setup.replica.scan({ from, to }, this.fixSnapshot(), reverse);
    if (this.#writtenRows === 0) return stored;
    this.#ownWrites ??= new OwnWrites(this.#rows);
    const own = this.#ownWrites.between(from, to);
    if (own.length === 0) return stored;
    if (reverse) own.reverse();
    // One that nobody comes to, as behind a limit, is none of the statement's concern.
    return merged(stored, own, { reverse, imageOf: (key, row) => this.#ownImage(key, row) });
  }

  /**
   * Locks rows until the transaction ends. Whatever it throws, what it has got so far stays locked.
   *
   * @throws RowAwaited; RequestError DEADLOCK, INVALID_ARGUMENT, OVERLOADED
   */
  lock(table: Table, keys: readonly RowKey[]): void {
    if (this.lockEvents === null) {
      throw invalidArgument('forUpdate', 'only in a transaction: the lock would be gone with the answer');
    }
    if (this.isReadOnly) throw readOnlyTransaction('forUpdate');
    this.#hasLocks = true;
    this.#setup.locks.lock(this, table, keys);
  }

  /** What has been written at these keys since the snapshot, as it refuses this transaction, or null. */
  lostTo(keys: readonly RowKey[]): RequestError | null {
    return this.#lossAgainst(this.fixSnapshot(), keys);
  }

  overtaken(key: RowKey, by: RowKey): RequestError | null {
    if (this.isOver) return null;
    if (this.#rows.has(key)) return this.#lossAgainst(this.certifiedAgainst(key), [by]);
    // Locked and not read: it waits for another row, to read both afterwards. What is read then is as of the snapshot that it
    // has; where it has none yet, or takes one for each statement, the row is none of its concern.
    if (this.#snapshot === null || this.#setup.locks.blockerOf(this) === null) return null;
    return this.#lossAgainst(this.#snapshot.sequenceNumber, [by]);
  }

  /** Forgets all that was executed, which has to wait: it takes its snapshot when it runs again. Locks stay. */
  restart(): void {
    this.#snapshot?.release();
    this.#snapshot = null;
    this.#isSnapshotEnded = false;
    this.#statements?.release();
    this.#reads?.clear();
    this.#existence?.clear();
    this.#tables.length = 0;
    this.#rows.clear();
    this.#ownWrites = null;
    this.#writtenRows = 0;
    this.#writtenEntries = 0;
    this.#shrink(this.#bytes);
  }

  /**
   * What was seen at `key` decided a statement's answer. `isLocked`: it was read `forUpdate`, and so is to stay as it was below
   * the transaction's own writes, too (H7). @throws RequestError TRANSACTION_TOO_LARGE
   */
  observe(key: RowKey, isLocked = false): void {
    const row = this.#rows.get(key);
    if (row === undefined) {
      this.#grow(this.#bytes + sizeOf(key, NO_ROW));
      this.#rows.set(key, { image: null, isWritten: false, isObserved: true, isLocked, increments: null });
      this.#touch(key);
      return;
    }
    this.#meet(key);
    if (this.#hasIncrements) this.#makePlain(key, row);
    // What the transaction has written itself decided it, whatever is below; but that may yet be undone.
    if (isLocked || !row.isWritten || this.#savepoints !== null) row.isObserved = true;
    if (isLocked) row.isLocked = true;
  }

  /** Buffers one statement's changes, all of them or, when it throws, none. @throws RequestError TRANSACTION_TOO_LARGE */
  write(changes: readonly RowChange[]): void {
    if (this.#statements !== null) for (const { key } of changes) this.#meet(key);
    this.#buffer(changes);
  }

  /** `increments` absent: those that the row has stay, where it stays. */
  #buffer(changes: readonly (RowChange & { readonly increments?: BufferedRow['increments'] })[]): void {
    let bytes = this.#bytes;
    let rows = this.writtenRows;
    for (const change of changes) {
      bytes += this.#growthBy(change);
      if (!this.#rows.get(change.key)?.isWritten && !isBesideRows(change.key)) rows++;
    }
    const rowsMax = this.#setup.limits.transactionRowsMax;
    if (rows > rowsMax) throw tooManyRows({ rows, rowsMax });
    const savepoints = this.#savepoints;
    if (savepoints !== null) {
      for (const { key } of changes) bytes += savepoints.sizeToKeep(key, this.#rows.get(key) ?? null);
    }
    this.#grow(bytes);
    this.#ownWrites = null;
    for (const { key, image, increments } of changes) {
      const row = this.#rows.get(key);
      savepoints?.keep(key, row === undefined ? null : { ...row });
      if (row === undefined) {
        this.#rows.set(key, {
          image,
          isWritten: true,
          isObserved: false,
          isLocked: false,
          increments: increments ?? null,
        });
        this.#touch(key);
        this.#writtenRows++;
      } else {
        if (!row.isWritten) this.#writtenRows++;
        row.image = image;
        row.isWritten = true;
        if (increments !== undefined) row.increments = increments;
        else if (image === null) row.increments = null;
      }
    }
  }

  /** The same of rows with what belongs to them. @throws RequestError TRANSACTION_TOO_LARGE */
  writeConstrained(changes: readonly RowChange[], { existence, existing }: ExistenceChanges): void {
    const isNew = (key: RowKey): boolean => {
      const row = this.#rows.get(key);
      return row === undefined || isUnwritten(row);
    };
    const entries = changes.filter(({ key }) => isBesideRows(key) && isNew(key)).length;
    const isFirst = existence.map(({ key }) => isNew(key));
    const bytes = existence.reduce((sum, change, i) => (isFirst[i] ? sum + sizeOfExistence(change) : sum), 0);
    this.#grow(this.#bytes + bytes);
    try {
      this.write(changes);
    } catch (error) {
      this.#shrink(bytes);
      throw error;
    }
    this.#writtenEntries += entries;
    if (existence.length === 0) return;
    this.#existence ??= new ExistenceItems();
    const at = this.fixSnapshot();
    for (let i = 0; i < existence.length; i++) this.#existence.rowWritten(existence[i]!, { isFirst: isFirst[i]!, at });
    for (const key of existing) this.#existence.seen(key, at);
  }

  /** @throws RequestError TRANSACTION_TOO_LARGE if it is certain already that so many bytes are too many for one */
  requireRoom(bytes: number): void {
    const bytesMax = this.#setup.limits.transactionBytesMax;
    if (bytes > bytesMax) throw tooLarge('TRANSACTION_TOO_LARGE', { bytes, bytesMax });
  }

  existed(key: RowKey): boolean {
    if (this.#statements !== null) return this.#statements.firstTouch(key)!.existed;
    return this.#setup.replica.get(key, this.fixSnapshot()) !== undefined;
  }

  /** Those that can be gone back to. */
  get savepoints(): number {
    return this.#savepoints?.count ?? 0;
  }

  hasSavepoint(name: string): boolean {
    return this.#savepoints?.has(name) ?? false;
  }

  /** Sets a savepoint; an earlier one of that name is forgotten. */
  setSavepoint(name: string): void {
    this.#savepoints ??= new Savepoints(sizeOfKept);
    const kept = this.#savepoints.bytes;
    this.#savepoints.set(name);
    this.#shrink(kept - this.#savepoints.bytes);
  }

  /**
   * Writes are as they were at that savepoint. What was observed since stays so: it decided answers that were given.
   * Cost: rows written since.
   */
  rollBackTo(name: string): void {
    const savepoints = this.#savepoints!;
    this.#ownWrites = null;
    let shrunk = savepoints.bytes;
    savepoints.rollBackTo(name, (key, before) => {
      const row = this.#rows.get(key)!;
      if (row.isWritten && !before?.isWritten) {
        this.#writtenRows--;
        if (this.#writtenEntries > 0 && isBesideRows(key)) this.#writtenEntries--;
      }
      shrunk += sizeOf(key, row);
      if (before === null && !row.isObserved) {
        this.#rows.delete(key);
        this.#statements?.forget(key);
      } else {
        const { isObserved, isLocked } = row;
        Object.assign(row, before ?? { image: null, isWritten: false, increments: null }, { isObserved, isLocked });
        shrunk -= sizeOf(key, row);
      }
    });
    this.#shrink(shrunk - savepoints.bytes);
    this.#existence?.rolledBack();
  }

  /** What the transaction does to what foreign keys refer to, as it stands. */
  existenceItems(): readonly ExistenceItem[] {
    if (this.#existence === null) return NO_ITEMS;
    return this.#existence.items((key, { table }) => {
      const row = this.#rows.get(key);
      if (row === undefined || isUnwritten(row)) return undefined;
      return row.image === null ? null : table.decode(row.image, this.#setup.imageCodec);
    });
  }

  /** What is at the key of an index entry as before the transaction: writing it is writing nothing. */
  isAsBefore(key: RowKey, image: Uint8Array): boolean {
    if (this.#statements !== null) return false;
    const before = this.#setup.replica.get(key, this.fixSnapshot());
    return before !== undefined && binaryStringOf(before) === binaryStringOf(image);
  }

  /** At READ COMMITTED, of a key that is to be certified. */
  snapshotOf(key: RowKey): SequenceNumber {
    const snapshotVersion = this.#statements!.firstTouch(key)?.snapshotVersion ?? this.#existence?.seenAt(key);
    assert(snapshotVersion !== undefined, 'what is certified was seen by a statement');
    return snapshotVersion;
  }

  /**
   * What is to be certified, or null where nothing is to be written.
   *
   * @throws RequestError OUT_OF_BOUNDS: of deltas the group judges that, of rows that are written otherwise what they end with
   */
  toCertify(): CertifiedTransaction | null {
    const isOrdered = this.#areReadsOrdered;
    if (this.#writtenRows === 0 && !isOrdered) return null;
    if (this.#hasIncrements) checkBounds(this);
    if (this.#statements !== null) return transactionOfStatements(this);
    const snapshotVersion = this.fixSnapshot();
    if (this.#reads === null) return transactionAt(snapshotVersion, this);
    return transactionWithReads(snapshotVersion, this, { reads: this.#reads, bounds: this.#setup.limits, isOrdered });
  }

  /** It is ordered for what it has read. One row is what it is between its writer and the next, wherever that is. */
  get #areReadsOrdered(): boolean {
    if (this.#reads === null || this.#snapshot === null || (this.#reads.isEmpty && this.#rows.size < 2)) return false;
    return this.#setup.replica.ordersReads(this.#snapshot.sequenceNumber);
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
    this.#statements?.release();
    this.#shrink(this.#bytes);
    this.#rows.clear();
    this.#ownWrites = null;
    this.#writtenRows = 0;
    this.#writtenEntries = 0;
    this.#savepoints = null;
    this.#existence = null;
    if (this.#hasLocks) this.#setup.locks.release(this);
  }

  #acquireSnapshot(replica: Replica): SnapshotHandle {
    // At READ COMMITTED none outlives its statement, and what is certified needs none.
    const ended = () => {
      if (this.#statements === null) this.#endSnapshot();
    };
    const asOf = this.#asOf;
    if (asOf === null) {
      const isOrdered =
        !this.isReadOnly || (this.#isolation === 'SERIALIZABLE' && replica.ordersReads(replica.appliedUpTo));
      return isOrdered ? replica.acquireSnapshotToWrite(ended) : replica.acquireSnapshot(ended);
    }
    const sequenceNumber = isTime(asOf) ? replica.sequenceNumberAt(asOf) : asOf;
    if (sequenceNumber === null || sequenceNumber < replica.heldFrom) throw pastTooOld(asOf, replica);
    if (this.#isolation === 'SERIALIZABLE' && replica.ordersReads(sequenceNumber)) {
      throw invalidArgument(
        'asOf',
        'not at SERIALIZABLE under the rule serial-safety-net; read the past at REPEATABLE READ',
      );
    }
    return replica.acquireSnapshotAt(sequenceNumber, ended);
  }

  /** One of each table: at READ COMMITTED a later statement may find it altered. @throws RequestError SCHEMA_CHANGED */
  #touchTable(table: Table): void {
    const tables = this.#tables;
    for (let i = 0; i < tables.length; i++) {
      if (tables[i] === table) return;
      if (tables[i]!.definition.tableId !== table.definition.tableId) continue;
      this.#requireUnaltered(table);
      tables[i] = table;
      if (this.#existence !== null) this.#updateExistence(this.#existence, table);
      return;
    }
    tables.push(table);
  }

  /** What it does to the table's rows was made by the definition of that time. @throws RequestError SCHEMA_CHANGED */
  #requireUnaltered({ definition: { tableId }, catalogItem }: Table): void {
    if (this.#statements === null) return;
    let first = this.#existence?.oldestSeen(tableId) ?? Number.POSITIVE_INFINITY;
    for (const key of this.#rows.keys()) {
      if (tableIdOf(key) === tableId) first = Math.min(first, this.snapshotOf(key));
    }
    if (first >= this.fixSnapshot()) return;
    const lost = this.#lossAgainst(first, [catalogItem.key]);
    if (lost !== null) throw lost;
  }

  /** Another table may have ceased to refer to this one, which is no alteration of it. */
  #updateExistence(existence: ExistenceItems, table: Table): void {
    const decoded = (image: Uint8Array | null | undefined) =>
      image === null || image === undefined ? null : table.decode(image, this.imageCodec);
    existence.tableChanged(new TableConstraints(table, this), (key) => {
      const row = this.#rows.get(key);
      if (row === undefined || isUnwritten(row)) return undefined;
      // If it is not what it was before, the transaction has lost.
      const before = this.#setup.replica.get(key, this.fixSnapshot());
      return { before: decoded(before), after: decoded(row.image), since: this.snapshotOf(key) };
    });
  }

  /** The first time that something is to be certified of the row. */
  #touch(key: RowKey): void {
    if (this.#statements === null) return;
    const snapshotVersion = this.fixSnapshot();
    const existed = this.#setup.replica.get(key, snapshotVersion) !== undefined;
    this.#statements.touch(key, { snapshotVersion, existed });
  }

  /**
   * `kind`: of the item that it would be.
   *
   * @throws RequestError CERTIFICATION_CONFLICT if the row was written since an earlier statement touched it (H6)
   */
  #meet(key: RowKey, kind: 'check' | 'delta' = 'check'): void {
    const first = this.#statements?.firstTouch(key);
    if (first === undefined || first.snapshotVersion === this.fixSnapshot()) return;
    const lost = this.#lossAgainst(first.snapshotVersion, [key], kind);
    if (lost !== null) throw lost;
  }

  /** A row that it has written, as it sees it; null: deleted. */
  #ownImage(key: RowKey, row: BufferedRow): Uint8Array | null {
    if (!isDelta(row)) {
      this.#meet(key);
      return row.image;
    }
    this.#meet(key, 'delta');
    return this.#withIncrements(key, row);
  }

  #withIncrements(key: RowKey, { increments }: BufferedRow): Uint8Array {
    const below = this.#setup.replica.get(key, this.fixSnapshot());
    return withIncrements(this, key, { below, increments: increments! });
  }

  /** What is observed is written as any row, not as a delta: here, and where a savepoint keeps what it was. */
  #makePlain(key: RowKey, row: BufferedRow): void {
    const plain = (before: BufferedRow): BufferedRow =>
      isDelta(before) ? { ...before, image: this.#withIncrements(key, before) } : before;
    const { image } = plain(row);
    const savepoints = this.#savepoints;
    const kept = savepoints?.bytes ?? 0;
    savepoints?.amend(key, plain);
    this.#shrink(sizeOf(key, row) + kept);
    row.image = image;
    this.#shrink(-sizeOf(key, row) - (savepoints?.bytes ?? 0));
  }

  /** What is known to be written at these keys behind `snapshotVersion`, as an error; null: nothing. */
  #lossAgainst(
    snapshotVersion: SequenceNumber,
    keys: readonly RowKey[],
    kind: 'check' | 'delta' = 'check',
  ): RequestError | null {
    const { replica } = this.#setup;
    const writeSet = keys.map((key): WriteSetItem => ({ key, kind, image: null }));
    const lost = replica.preCertify({ snapshotVersion, writeSet });
    if (lost === null) return null;
    if (lost.kind === 'conflict') return conflictError(lost, { transaction: this, replica });
    return snapshotTooOld({ snapshotVersion, purgeFloor: lost.purgeFloor });
  }

  #growthBy({ key, image, increments }: RowChange & { readonly increments?: BufferedRow['increments'] }): number {
    const row = this.#rows.get(key);
    const kept = increments ?? (image === null ? null : (row?.increments ?? null));
    const size = sizeOf(key, { image, increments: kept });
    return row === undefined ? size : size - sizeOf(key, row);
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

  #shrink(bytes: number): void {
    this.#setup.memory.bytes -= bytes;
    this.#bytes -= bytes;
  }

  #endSnapshot(): void {
    this.#isSnapshotEnded = true;
    this.snapshotEnded?.();
  }
}

function pastTooOld(asOf: PastPlace, { heldFrom, heldFromTime }: Replica): RequestError {
  const which = isTime(asOf) ? { asOf: shownNamed(asOf) } : { snapshotVersion: asOf };
  return snapshotTooOld({ ...which, oldest: heldFrom, oldestTime: shownTime(heldFromTime) });
}

type Content = Pick<BufferedRow, 'image' | 'increments'>;

const NO_ROW: Content = { image: null, increments: null };

function sizeOf(key: RowKey, content: Content): number {
  return ROW_OVERHEAD_BYTES + key.length + contentBytes(content);
}

/** Nothing that it was is replaced. */
function isUnwritten(row: BufferedRow): boolean {
  return !row.isWritten || isDelta(row);
}

/** What a transaction remembers of a row, and what is certified of it, as far as foreign keys are concerned. */
function sizeOfExistence({ before, after }: ExistenceChange): number {
  let bytes = 0;
  for (const { refersTo, existsAs } of [before, after]) {
    for (const key of refersTo) bytes += ROW_OVERHEAD_BYTES + key.length;
    for (const key of existsAs) bytes += ROW_OVERHEAD_BYTES + key.length;
  }
  return bytes;
}

/** What a savepoint takes for a row; its key is that of the buffer. */
function sizeOfKept(before: BufferedRow | null): number {
  return ROW_OVERHEAD_BYTES + contentBytes(before ?? NO_ROW);
}

function contentBytes({ image, increments }: Content): number {
  const bytes = image === null ? 0 : image.length;
  return increments === null ? bytes : bytes + increments.length * INCREMENT_BYTES_MAX;
}

/** Own writes over stored rows, both in the order of the scan. `imageOf`: asked for each own one that is come to; it may throw. */
function* merged(
  stored: Iterable<readonly [RowKey, Uint8Array]>,
  own: readonly (readonly [RowKey, BufferedRow])[],
  {
    reverse,
    imageOf,
  }: { readonly reverse: boolean; readonly imageOf: (key: RowKey, row: BufferedRow) => Uint8Array | null },
): Generator<readonly [RowKey, Uint8Array]> {
  let next = 0;
  for (const row of stored) {
    while (next < own.length && (reverse ? own[next]![0] > row[0] : own[next]![0] < row[0])) {
      const [key, written] = own[next++]!;
      const image = imageOf(key, written);
      if (image !== null) yield [key, image];
    }
    if (next < own.length && own[next]![0] === row[0]) {
      const [key, written] = own[next++]!;
      const image = imageOf(key, written);
      if (image !== null) yield [key, image];
    } else yield row;
  }
  for (; next < own.length; next++) {
    const [key, written] = own[next]!;
    const image = imageOf(key, written);
    if (image !== null) yield [key, image];
  }
}
