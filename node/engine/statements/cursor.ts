/** Where a scan that was cut by its `limit` goes on. */
import type { KeyRange } from '../../../applier/types.ts';
import type { TableIndex } from '../constraints/table-index.ts';
import type { Table } from '../table.ts';
import type { Transaction } from '../transaction.ts';
import type { Predicate } from './predicate.ts';

/** A scan and what is left of it. */
export interface ScanState {
  readonly table: Table;
  /** Null: in the order of the primary key. */
  readonly index: TableIndex | null;
  /** What is not scanned yet, of rows or of entries of the index. */
  readonly range: KeyRange;
  readonly predicate: Predicate | null;
  readonly columns: readonly string[] | null;
  readonly reverse: boolean;
  /** Rows of one answer; null: all. */
  readonly limit: number | null;
  readonly forUpdate: boolean;
}

export interface OpenCursor {
  readonly transaction: Transaction;
  /** Opened by a scan without `tx`: the transaction is the cursor's own. */
  readonly isAlone: boolean;
  readonly scan: ScanState;
}

/** A connection's open cursors. One of an autocommit scan keeps its transaction, and so its snapshot, until it is dropped. */
export interface CursorStore {
  /** Keeps a new cursor and returns its name. */
  open(cursor: OpenCursor): string;
  /** @throws RequestError SNAPSHOT_TOO_OLD, INVALID_ARGUMENT */
  find(name: string): OpenCursor;
  advance(name: string, scan: ScanState): void;
  drop(name: string): void;
}
