/** The isolation levels. Every one of them reads own writes, and loses to whoever wrote a row first. */
export type Isolation =
  /** Each statement reads a snapshot of its own (`statement-snapshots.ts`). */
  | 'READ COMMITTED'
  /** One snapshot; what is written was not written by anybody else since. */
  | 'REPEATABLE READ'
  /** The same; and nothing that was read was written since, if anything is written (`read-set.ts`). */
  | 'SERIALIZABLE';

export const ISOLATION_LEVELS: readonly Isolation[] = ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'];
export const DEFAULT_ISOLATION: Isolation = 'REPEATABLE READ';
