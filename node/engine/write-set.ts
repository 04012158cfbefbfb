/**
 * What of a transaction is to be certified. Per row it becomes one item, by whether the row existed at the snapshot and
 * how it ends (H20):
 *
 *   existed  ends     item
 *   no       none     none; a check where its absence was observed, and at SERIALIZABLE: whoever puts the row meanwhile comes
 *                     before this transaction, which then would have deleted it
 *   no       present  put
 *   yes      none     delete
 *   yes      present  put
 *   yes      incremented, and neither written nor observed otherwise   delta
 *   (not written, but observed: a duplicate, an absence, a failed `if`; at SERIALIZABLE whatever was read)   check
 *
 * Index entries are items as rows are, behind the rows that they came with; one that ends as it was before is none. Behind
 * them comes what happened to the existence of keys that foreign keys refer to.
 *
 * Each table touched adds a check of its catalog item (H17), first, so that a dropped table is told before its rows.
 */
import type { RowKey, Transaction, WriteSetItem } from '../../certifier/types.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';
import type { ExistenceItem } from './constraints/existence-items.ts';
import type { ImageCodec } from './image-codec.ts';
import { type ColumnIncrement, encodeIncrements } from './increments.ts';
import { isBesideRows, tableIdOf } from './key-codec.ts';
import type { ReadBounds, ReadSet } from './read-set.ts';
import type { Table } from './table.ts';

export interface BufferedRow {
  /** Null: written never, or incremented only, or deleted. */
  image: Uint8Array | null;
  isWritten: boolean;
  /** What a statement saw here decided its answer: it must still hold at the commit. */
  isObserved: boolean;
  /** It was read `forUpdate`: it must be as it was, whatever the rule for what was read (H7). */
  isLocked: boolean;
  /**
   * Null: none, or the row is deleted. Beside an image, which has them already, they are kept for the bounds of what the
   * row ends with. Never changed in place: savepoints share it.
   */
  increments: readonly ColumnIncrement[] | null;
}

/** The row is not written but for its increments, and not observed: they are certified as what commutes (H8). */
export function isDelta({ image, increments }: BufferedRow): boolean {
  return image === null && increments !== null;
}

export interface Buffered {
  readonly imageCodec: ImageCodec;
  /** And index entries. */
  readonly rows: ReadonlyMap<RowKey, BufferedRow>;
  readonly tables: readonly Table[];
  /** There was a row before the transaction. */
  existed(key: RowKey): boolean;
  /** There was an index entry before the transaction, with that image. */
  isAsBefore(key: RowKey, image: Uint8Array): boolean;
  existenceItems(): readonly ExistenceItem[];
}

/** At one snapshot. Null: nothing is written. */
export function transactionAt(snapshotVersion: SequenceNumber, buffered: Buffered): Transaction | null {
  const writeSet: WriteSetItem[] = [];
  for (const table of buffered.tables) writeSet.push(table.catalogItem);
  const writes = addItems(writeSet, buffered, null);
  return writes === 0 ? null : { snapshotVersion, writeSet };
}

/** With all that was read, at SERIALIZABLE. `isOrdered`: although nothing is written; only if more than one thing was read. */
export function transactionWithReads(
  snapshotVersion: SequenceNumber,
  buffered: Buffered,
  { reads, bounds, isOrdered }: { readonly reads: ReadSet; readonly bounds: ReadBounds; readonly isOrdered: boolean },
): Transaction | null {
  const writeSet: WriteSetItem[] = [];
  for (const table of buffered.tables) writeSet.push(table.catalogItem);
  let observed: RowKey[] = [];
  if (addItems(writeSet, buffered, observed) === 0) {
    if (!isOrdered) return null;
    // All of it is what it read, locked or not: an item that has to hold would go with nothing.
    writeSet.length = buffered.tables.length;
    observed = [...buffered.rows.keys()];
  }
  const { keys, ranges } = reads.bounded(observed, bounds);
  for (const key of keys) writeSet.push({ key, kind: 'check', image: null });
  return {
    snapshotVersion,
    writeSet,
    ...(ranges.length > 0 && { ranges }),
    ...(keys.length > 0 && { reads: keys.length }),
  };
}

/**
 * At READ COMMITTED: each item at the snapshot of the first statement that touched its row, each table at that of the
 * first of its rows. Of a table that was only read nothing is certified.
 */
export function transactionOfStatements(
  buffered: Buffered & { snapshotOf(key: RowKey): SequenceNumber },
): Transaction | null {
  const items: WriteSetItem[] = [];
  if (addItems(items, buffered, null) === 0) return null;
  const firstOfTable = new Map<number, SequenceNumber>();
  let lowest = Number.POSITIVE_INFINITY;
  for (const { key } of items) {
    const snapshotVersion = buffered.snapshotOf(key);
    const tableId = tableIdOf(key);
    firstOfTable.set(tableId, Math.min(firstOfTable.get(tableId) ?? snapshotVersion, snapshotVersion));
    lowest = Math.min(lowest, snapshotVersion);
  }
  const writeSet: WriteSetItem[] = [];
  const add = (item: WriteSetItem, snapshotVersion: SequenceNumber): void => {
    writeSet.push(snapshotVersion === lowest ? item : { ...item, snapshotVersion });
  };
  for (const { definition, catalogItem } of buffered.tables) {
    const first = firstOfTable.get(definition.tableId);
    if (first !== undefined) add(catalogItem, first);
  }
  for (const item of items) add(item, buffered.snapshotOf(item.key));
  return { snapshotVersion: lowest, writeSet };
}

/** `observed`: takes the keys that were observed and not locked, instead of checks. Returns how many items write. */
function addItems(items: WriteSetItem[], buffered: Buffered, observed: RowKey[] | null): number {
  let writes = 0;
  for (const [key, row] of buffered.rows) {
    if (isDelta(row)) {
      items.push({ key, kind: 'delta', image: encodeIncrements(row.increments!, buffered.imageCodec) });
      writes++;
    } else if (row.isWritten && row.image !== null) {
      if (isBesideRows(key) && buffered.isAsBefore(key, row.image)) continue;
      items.push({ key, kind: 'put', image: row.image });
      writes++;
    } else if (row.isWritten && buffered.existed(key)) {
      items.push({ key, kind: 'delete', image: null });
      writes++;
    } else if (observed !== null && !row.isLocked) observed.push(key);
    else if (row.isObserved) items.push({ key, kind: 'check', image: null });
  }
  items.push(...buffered.existenceItems());
  return writes;
}
