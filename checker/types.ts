/** What the checker is given, a history, and what it finds in it. */

/** Values are equal if they are identical; each append or write to a key has a value of its own. */
export type Value = string | number;
export type Key = string | number;

export type Operation =
  /** Added to the list at `key`. */
  | { readonly op: 'append'; readonly key: Key; readonly value: Value }
  /** The list at `key`; null: what was read is not known. A row that is not there is an empty list. */
  | { readonly op: 'read-list'; readonly key: Key; readonly values: readonly Value[] | null }
  /** null: the row was deleted. */
  | { readonly op: 'write'; readonly key: Key; readonly value: Value | null }
  /** The value at `key`; null: no row; undefined: what was read is not known. */
  | { readonly op: 'read'; readonly key: Key; readonly value: Value | null | undefined }
  /** What all rows that `key` stands for came to, read at once. Nothing that is written changes it. */
  | { readonly op: 'read-total'; readonly key: Key; readonly total: number };

/** `ok`: acknowledged. `fail`: certainly nothing of it happened. `info`: all of it or nothing, nobody knows. */
export type Outcome = 'ok' | 'fail' | 'info';

/** What a transaction asks for. Their names at members: READ COMMITTED, REPEATABLE READ, SERIALIZABLE. */
export type Isolation = 'read committed' | 'snapshot isolation' | 'serializable';

export interface HistoryTransaction {
  /** One client's session. */
  readonly process: number;
  /** Places in the one order in which invocations and completions were seen; a completion that never came is Infinity. */
  readonly invokedAt: number;
  readonly completedAt: number;
  readonly outcome: Outcome;
  /** Its place in the group's order, where the answer said it; null if it is not known or nothing was written. */
  readonly sequenceNumber: number | null;
  /** In the order executed. */
  readonly operations: readonly Operation[];
  /** Absent: snapshot isolation. Only the level `as asked` looks at it. */
  readonly isolation?: Isolation;
}

export type Dependency = 'ww' | 'wr' | 'rw' | 'process' | 'realtime';

/** Adya's names, and Elle's. */
export type CycleKind = 'G0' | 'G1c' | 'G-single' | 'G-nonadjacent' | 'G2-item';

export interface CycleAnomaly {
  readonly kind: CycleKind;
  /** What the cycle needs beside reads and writes: the order within a process, or that of real time. */
  readonly needs: 'nothing' | 'process' | 'realtime';
  /** Step i leads from its transaction to that of step i + 1, the last to the first. No transaction is in it twice. */
  readonly cycle: readonly CycleStep[];
}

export interface CycleStep {
  /** Place in the history. */
  readonly transaction: number;
  readonly dependency: Dependency;
  /** Of the row that makes the dependency; null for an order in time. */
  readonly key: Key | null;
}

export interface LocalAnomaly {
  readonly kind: /** A transaction contradicts its own earlier reads or writes, or reads what it writes only later. */
    | 'internal'
    /** A committed transaction read what a failed one wrote. */
    | 'G1a'
    /** A transaction read what another one wrote over before its end. */
    | 'G1b'
    /** A value is in a list twice, or was written twice; or two transactions have one sequence number. */
    | 'duplicate'
    /** Two reads of one list, neither of them the beginning of the other; or a list not in the order of the commits. */
    | 'incompatible-order'
    /** What a failed transaction wrote was built upon. */
    | 'dirty-update'
    /** Two transactions read one version of a row and both wrote the row. */
    | 'lost-update'
    /** A value that nobody wrote. */
    | 'unknown-value'
    /** The versions of a row, as transactions that read and wrote it tell them, form a circle. */
    | 'cyclic-versions'
    /** What all rows came to at one moment is not what they come to. */
    | 'wrong-total';
  /** Null: it is about no row. */
  readonly key: Key | null;
  /** Places in the history of those concerned. */
  readonly transactions: readonly number[];
  readonly detail: string;
}

export type Anomaly = CycleAnomaly | LocalAnomaly;

/** Takes note of what is wrong with one row. */
export type Say = (kind: LocalAnomaly['kind'], transactions: readonly number[], detail: string) => void;
