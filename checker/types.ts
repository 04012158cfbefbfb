/** What the checker is given, a history, and what it finds in it. */

/** Values are equal if they are identical; each append or write to a key has a value of its own. */
export type Value = string | number;
export type Key = string | number;

export type Operation =
  /** Added to the list at `key`. */
  | { readonly op: 'append'; readonly key: Key; readonly value: Value }
  /** The list at `key`; null: what was read is not known. A row that is not there is an empty list. */
  | { readonly op: 'read-list'; readonly key: Key; readonly values: readonly Value[] | null }
  | { readonly op: 'write'; readonly key: Key; readonly value: Value }
  /** The value at `key`; null: no row; undefined: what was read is not known. */
  | { readonly op: 'read'; readonly key: Key; readonly value: Value | null | undefined };

/** `ok`: acknowledged. `fail`: certainly nothing of it happened. `info`: all of it or nothing, nobody knows. */
export type Outcome = 'ok' | 'fail' | 'info';

export interface HistoryTransaction {
  /** One client, which has one transaction outstanding at most. */
  readonly process: number;
  /** Places in the one order in which invocations and completions were seen; a completion that never came is Infinity. */
  readonly invokedAt: number;
  readonly completedAt: number;
  readonly outcome: Outcome;
  /** Its place in the group's order, where the answer said it; null if it is not known or nothing was written. */
  readonly sequenceNumber: number | null;
  /** In the order executed. */
  readonly operations: readonly Operation[];
}

export type Dependency = 'ww' | 'wr' | 'rw' | 'process' | 'realtime';

/** Adya's names, and Elle's. */
export type CycleKind = 'G0' | 'G1c' | 'G-single' | 'G-nonadjacent' | 'G2-item';

export interface CycleAnomaly {
  readonly kind: CycleKind;
  /** What the cycle needs beside reads and writes: the order within a process, or that of real time. */
  readonly needs: 'nothing' | 'process' | 'realtime';
  /** Step i leads from its transaction to that of step i + 1, the last to the first. */
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
  readonly kind: /** A transaction contradicts its own earlier reads or writes. */
    | 'internal'
    /** A committed transaction read what a failed one wrote. */
    | 'G1a'
    /** A transaction read what another one wrote over before its end. */
    | 'G1b'
    /** A value is in a list twice, or was written twice. */
    | 'duplicate'
    /** Two reads of one list, neither of them the beginning of the other. */
    | 'incompatible-order'
    /** What a failed transaction wrote was built upon. */
    | 'dirty-update'
    /** Two transactions read one version of a row and both wrote the row. */
    | 'lost-update'
    /** A value that nobody wrote. */
    | 'unknown-value'
    /** The versions of a row, as transactions that read and wrote it tell them, form a circle. */
    | 'cyclic-versions';
  readonly key: Key;
  /** Places in the history of those concerned. */
  readonly transactions: readonly number[];
  readonly detail: string;
}

export type Anomaly = CycleAnomaly | LocalAnomaly;
