/** Bounds of what one client may ask for. Each is an option of the member; the simulator draws them tiny. */
export interface Limits {
  /** An encoded primary key: keys live in memory on every member, and the store bounds them too. */
  readonly keyBytesMax: number;
  /** One encoded row; with its envelope it has to fit a frame. */
  readonly rowBytesMax: number;
  /**
   * Keys and rows that one transaction writes, and a little for each row. It is one message of the group, so that this
   * is below the group's `messageBytesMax` by at least what the message adds (a check of each table).
   */
  readonly transactionBytesMax: number;
  /** Rows that one transaction writes. */
  readonly transactionRowsMax: number;
  /** What all open transactions of the member have written so far, counted alike; more is refused as OVERLOADED. */
  readonly transactionsBytesMax: number;
  /** Rows that a SERIALIZABLE transaction has read, certified one by one; more become ranges. */
  readonly readKeysMax: number;
  /** Ranges that it has read, certified one by one, more become wider ones; never more than the certifier's `readRangesMax`. */
  readonly readRangesMax: number;
  /** Encoded rows of one answer. */
  readonly resultBytesMax: number;
  /** A connection's open transactions: each may hold a snapshot. */
  readonly openTransactionsMax: number;
  /** A connection's requests without an answer; more are refused as OVERLOADED. */
  readonly pendingRequestsMax: number;
  /** A connection's open cursors: the one unused longest gives way to a new one. */
  readonly openCursorsMax: number;
  /** A connection's subscriptions. */
  readonly subscriptionsMax: number;
  /** A stream of changes that were not asked for tells so often how far it is. */
  readonly progressMs: number;
  /** Steps of one `transact`. */
  readonly stepsMax: number;
  /** What a client may ask for as `attempts`. */
  readonly attemptsMax: number;
  /** Age at which an open transaction or an unused cursor is ended: its snapshot holds versions back. */
  readonly transactionMsMax: number;
  /** How long a named transaction is kept whose client asks for nothing; 0: as long as `transactionMsMax` lets it. */
  readonly transactionIdleMsMax: number;
  /** How long a commit waits for the group where the client set no deadline. */
  readonly commitWaitMsMax: number;
  /** Of what a request with an idempotency key is answered, in bytes: more is not kept for those who repeat it. */
  readonly keptResultBytesMax: number;
  /** Savepoints of one transaction: each keeps the rows written behind it as they were. */
  readonly savepointsMax: number;
  /** Rows that one transaction locks. */
  readonly locksMax: number;
  /** Rows that all transactions of the member lock; more is refused as OVERLOADED. */
  readonly locksInAllMax: number;
  /** Transactions of the member that wait for a locked row; more are refused as OVERLOADED. */
  readonly lockWaitersInAllMax: number;
  /** How long a transaction waits for a locked row where the client did not say. */
  readonly lockTimeoutMsDefault: number;
  /** So long writers of this member hold back from rows that one of another member has lost; 0: not at all. */
  readonly yieldMs: number;
  /** Writers hold back from rows that a member has lost so often in a row, and was not able to write in between. */
  readonly helpedAfterLosses: number;
  /** For a transaction that writes more rows nobody holds back. */
  readonly yieldKeysMax: number;
  /** Rows that are kept free so at a time. */
  readonly yieldingMax: number;
  /** How long `atLeast`, or a time, waits where the client did not say. */
  readonly waitMsDefault: number;
  /** A time that is further ahead of this member's clock is refused: clocks differ by less. */
  readonly timeAheadMsMax: number;
}

export const DEFAULT_LIMITS: Limits = {
  keyBytesMax: 1024,
  rowBytesMax: 512 * 1024,
  // As `group_replication_transaction_size_limit` has it.
  transactionBytesMax: 150_000_000,
  transactionRowsMax: 1_000_000,
  transactionsBytesMax: 1024 * 1024 * 1024,
  readKeysMax: 10_000,
  readRangesMax: 256,
  resultBytesMax: 16 * 1024 * 1024,
  openTransactionsMax: 256,
  pendingRequestsMax: 65_536,
  openCursorsMax: 64,
  subscriptionsMax: 64,
  progressMs: 1000,
  stepsMax: 10_000,
  attemptsMax: 1000,
  transactionMsMax: 300_000,
  // Time to think at a terminal, and not to forget it there.
  transactionIdleMsMax: 120_000,
  commitWaitMsMax: 30_000,
  keptResultBytesMax: 16 * 1024,
  savepointsMax: 64,
  locksMax: 100_000,
  locksInAllMax: 1_000_000,
  lockWaitersInAllMax: 10_000,
  lockTimeoutMsDefault: 10_000,
  yieldMs: 20,
  helpedAfterLosses: 2,
  yieldKeysMax: 64,
  yieldingMax: 10_000,
  waitMsDefault: 10_000,
  timeAheadMsMax: 60_000,
};
