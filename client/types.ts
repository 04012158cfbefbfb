/** Everything that a program sees of the client. `connect` stands in `node.ts` and `browser.ts`; both give a `Client`. */
import type { ConcertError } from './concert-error.ts';

/** The primary key: a scalar if it has one column, else its columns in key order. */
export type Key = KeyPart | readonly KeyPart[];
export type KeyPart = string | number | bigint | boolean | Uint8Array | null;

/** What a column may hold. An integer beyond 2^53 is a bigint (over JSON it arrives as a string); bytes are a Uint8Array. */
export type Row = Readonly<Record<string, unknown>>;

export type Isolation = 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';
export type Consistency = 'EVENTUAL' | 'BEFORE_ON_PRIMARY_FAILOVER' | 'BEFORE' | 'AFTER' | 'BEFORE_AND_AFTER';

/** What a commit answers. Nothing written: all null but the snapshot, which is null where no statement fixed one. */
export interface Commit {
  readonly gtid: string | null;
  readonly sequenceNumber: number | null;
  /** ISO time and logical count, `2026-11-20T09:00:00.000Z.3`; ordered as the sequence numbers are. */
  readonly commitTime: string | null;
  readonly snapshotVersion: number | null;
  /** Each column that was incremented, and what it has now. Absent: none. */
  readonly increments?: readonly { table: string; key: Key; column: string; value: unknown }[];
  /** With `profile`: where the time went. */
  readonly layers?: CommitLayers;
  /** The idempotency key had committed before: this is that outcome. */
  readonly replayed?: boolean;
  /** Of such a one: what its statements gave was too large to be kept, and is not answered again. */
  readonly resultOmitted?: boolean;
  /** How often the member executed it, where that was more than once. */
  readonly attempts?: number;
}

/**
 * Where a transaction's time at its member went, in milliseconds: together all of it, from taking up its requests to their
 * answers. The network between client and member, and the client's own time, are not in it.
 */
export interface CommitLayers {
  /** The order: from the hand-over to the group until the member knew that it was chosen. Network and disks of a majority. */
  readonly l2Ms: number;
  /** Execution and queues: statements, locks, attempts that failed, the way to the group, certification. */
  readonly l1Ms: number;
  /** Versions and disk: until the member's own log had it durably, and its publication. */
  readonly l0Ms: number;
}

/** `unknown`: nothing has committed with the key so far; it may be on its way. */
export type Outcome = (Commit & { readonly replayed: true }) | { readonly state: 'unknown' | 'fenced' };

/** What one request, or a whole transaction, is run under. */
export interface RunOptions {
  /** Runs at most, this client's re-runs included; 1: an error is given at once. Default: the client's `attempts`. */
  readonly attempts?: number;
  /** For everything together, waiting and re-runs included. Default: the client's `timeoutMs`. */
  readonly timeoutMs?: number;
  /** Gives up: CANCELLED, or UNKNOWN_OUTCOME where it may be committed already. */
  readonly signal?: AbortSignalLike;
  readonly isolation?: Isolation;
  readonly consistency?: Consistency;
  readonly readOnly?: boolean;
  /** Wait until this GTID or sequence number is visible at the member that is asked. */
  readonly atLeast?: string | number;
  /** For `atLeast`, a time in `asOf`, and consistency BEFORE. */
  readonly waitTimeoutMs?: number;
  /** How long a statement with `forUpdate` waits for a locked row: LOCK_TIMEOUT. Default: the member's (10,000); 0: not at all. */
  readonly lockTimeoutMs?: number;
  /**
   * Reads as of this sequence number, or what was committed at this time or before: ISO in UTC, or a commit time. The member
   * waits for it; SNAPSHOT_TOO_OLD with `oldest` and `oldestTime` where it is held no more.
   */
  readonly asOf?: number | string;
  /** With a key, an unknown outcome is asked about again with the same key instead of being given as an error. */
  readonly idempotencyKey?: string;
  /**
   * Called before each re-run, with what it is for and the number of the run that failed, from 1. What it throws is given
   * instead of a re-run; as the cause of UNKNOWN_OUTCOME where a run may have been committed.
   */
  readonly onRetry?: (error: ConcertError, attempt: number) => void;
}

/** As far as an AbortSignal is needed. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface StatementOptions extends RunOptions {
  /** Executions in one run at the member, on conflict. Default: the member's own (3), but 1 where `attempts` is 1. */
  readonly memberAttempts?: number;
  /** The answer of what commits says in `layers` where its time went. Of writes only. */
  readonly profile?: boolean;
}

export interface TransactionOptions extends RunOptions {
  /** `continue`: a statement that fails does not doom the transaction. Default `abort`. */
  readonly onError?: 'abort' | 'continue';
  /** `onCommit` is told in `layers` where the time went. */
  readonly profile?: boolean;
  /** Called once, before the promise is fulfilled; not where no statement was sent. What it throws is uncaught, and rejects nothing: the transaction is committed. */
  readonly onCommit?: (commit: Commit) => void;
}

/** Bounds are the columns of the primary key, or of `index`, or a prefix of them; null is below everything. */
export interface Selection {
  /** An index or unique key, in whose order rows come. Default `primary`. */
  readonly index?: string;
  readonly gte?: Key;
  readonly gt?: Key;
  readonly lte?: Key;
  readonly lt?: Key;
  /** `{column: value}` or `{column: {op: value}}`, op one of eq ne lt lte gt gte in. */
  readonly where?: Readonly<Record<string, unknown>>;
}

export interface ScanArguments extends Selection {
  readonly columns?: readonly string[];
  readonly limit?: number;
  readonly reverse?: boolean;
  /** Locks the rows that are answered, as in `GetArguments`. In a transaction only. */
  readonly forUpdate?: boolean;
  /** From an earlier answer; then nothing but `limit` may stand beside it. */
  readonly cursor?: string;
}

export interface RowsArguments extends Omit<ScanArguments, 'limit' | 'cursor'> {
  /** Rows asked for at a time. Default 500. */
  readonly pageSize?: number;
}

export interface CountArguments extends Selection {
  /** Counts no further. */
  readonly limit?: number;
}

export interface ScanResult<R> {
  readonly rows: R[];
  /** There are more rows. Good on the connection that gave it only, which this client sees to. */
  readonly cursor?: string;
}

export interface GetArguments {
  readonly columns?: readonly string[];
  /**
   * In a transaction only: waits until no other transaction of this member holds the row, and holds it until the end. What is
   * read has to be unchanged at the commit. Writes of others without `forUpdate` do not wait, and win.
   */
  readonly forUpdate?: boolean;
}

/** One row by its key, or all that are selected. `all: true` where every row is meant. */
export type Target = Key | (Selection & { readonly all?: true });

export interface Changed {
  readonly matched: number;
}

/** Values of defaults that the member made up. */
export interface Written {
  readonly generated?: Row;
}

/**
 * One open transaction, on one connection. Requests are executed in the order in which they are made; none has to be
 * awaited before the next. A statement that fails dooms the transaction: all that follows, the commit too, fails.
 */
export interface Transaction {
  get<R extends object = Row>(table: string, key: Key, options?: GetArguments): Promise<R | null>;
  getMany<R extends object = Row>(table: string, keys: readonly Key[], options?: GetArguments): Promise<(R | null)[]>;
  scan<R extends object = Row>(table: string, selection?: ScanArguments): Promise<ScanResult<R>>;
  /** All rows selected, read page by page on the transaction's snapshot. */
  rows<R extends object = Row>(table: string, selection?: RowsArguments): AsyncIterable<R>;
  count(table: string, selection?: CountArguments): Promise<number>;
  insert(table: string, row: object): Promise<Written>;
  put(table: string, row: object): Promise<Written>;
  /** `options.if`: columns and the values that they must have, else `matched` is 0. */
  update(table: string, target: Target, set: object, options?: { readonly if?: object }): Promise<Changed>;
  delete(table: string, target: Target, options?: { readonly if?: object }): Promise<Changed>;
  /** The value is known when the commit answers: `onCommit` is given it in `increments`. */
  increment(table: string, key: Key, change: Increment): Promise<void>;
  /** Something to go back to; an earlier one of that name is forgotten. */
  savepoint(name: string): Promise<void>;
  /**
   * Undoes what was written since that savepoint, which stays; later ones are forgotten. What was observed still has to hold
   * at the commit, and locks stay. With `onError: 'continue'` also after a statement that failed.
   */
  rollbackTo(name: string): Promise<void>;
  /** Any statement, as the contract has it, without `tx`. */
  request<T = unknown>(op: string, args?: object): Promise<T>;
}

/**
 * Commutes with other increments, at any member. The commit answers the value, or OUT_OF_BOUNDS where that would be beyond
 * `min` or `max`, which are included. Decimals are text.
 */
export interface Increment {
  readonly column: string;
  readonly by: number | bigint | string;
  readonly min?: number | bigint | string;
  readonly max?: number | bigint | string;
}

/** A statement of `transact`: `op`, its arguments, and perhaps what it is expected to give. */
export interface Step {
  readonly op: string;
  readonly expect?: { readonly matched: number } | { readonly found: boolean };
  readonly [argument: string]: unknown;
}

export interface Transacted extends Commit {
  readonly results: readonly unknown[];
  readonly attempts: number;
}

export interface TableDefinition {
  readonly table: string;
  readonly primaryKey: readonly string[];
  readonly columns?: Readonly<Record<string, ColumnDefinition>> | null;
  /** Columns by name: no two rows have the same values there, but where one is null. */
  readonly unique?: Readonly<Record<string, readonly string[]>>;
  readonly indexes?: Readonly<Record<string, readonly string[]>>;
  readonly foreignKeys?: Readonly<Record<string, ForeignKey>>;
  readonly ifNotExists?: boolean;
}

export interface ForeignKey {
  readonly columns: readonly string[];
  /** All columns of the primary key there, or of a unique index. */
  readonly references: { readonly table: string; readonly columns: readonly string[] };
  /** `restrict`, where it is absent. */
  readonly onDelete?: 'restrict' | 'cascade' | 'setNull';
}

/** At least one of these. In this order: what is dropped makes room. */
export interface Alteration {
  /** Names of indexes, unique indexes and foreign keys. */
  readonly drop?: readonly string[];
  readonly dropColumns?: readonly string[];
  /** Nullable, or with a default, which rows have that are there already; what is generated they do not have. */
  readonly addColumns?: Readonly<Record<string, ColumnDefinition>>;
  readonly addIndexes?: Readonly<Record<string, readonly string[]>>;
  readonly addUnique?: Readonly<Record<string, readonly string[]>>;
  readonly addForeignKeys?: Readonly<Record<string, ForeignKey>>;
  /** The new name. */
  readonly rename?: string;
}

export interface ColumnDefinition {
  readonly type: 'integer' | 'double' | 'decimal' | 'text' | 'boolean' | 'bytes' | 'timestamp' | 'json';
  readonly nullable?: boolean;
  readonly default?: unknown;
}

export interface TableDescription {
  readonly table: string;
  readonly tableId: number;
  readonly primaryKey: readonly string[];
  readonly columns: Readonly<Record<string, ColumnDefinition>> | null;
  /** From 1; grows with each alteration. */
  readonly schemaVersion?: number;
  readonly indexes?: readonly IndexDescription[];
  readonly foreignKeys?: readonly ForeignKeyDescription[];
  /** Foreign keys of other tables, or of this one, that refer to it. */
  readonly referencedBy?: readonly { readonly table: string; readonly foreignKey: string }[];
  readonly [fact: string]: unknown;
}

/** `building`: it is maintained, and nothing is read by it; how many rows are looked through, where the member knows. */
interface Built {
  readonly name: string;
  readonly columns: readonly string[];
  readonly state: 'building' | 'valid';
  readonly building?: { readonly rows: number };
}

export interface IndexDescription extends Built {
  readonly unique: boolean;
}

export type ForeignKeyDescription = Built & Required<ForeignKey>;

export interface SchemaChanged {
  readonly sequenceNumber: number | null;
}

export interface MemberRow {
  readonly memberId: string;
  readonly host: string;
  readonly port: number;
  readonly state: 'OFFLINE' | 'RECOVERING' | 'ONLINE' | 'ERROR' | 'UNREACHABLE';
  readonly role: 'PRIMARY' | 'SECONDARY';
  readonly version: string;
  readonly viewId: string;
  readonly weight: number;
  readonly reachable: boolean;
  /** Leads the group's log, as far as the member that answered knows. */
  readonly leads?: boolean;
  /** Not yet a voter: it is catching up. */
  readonly learner?: boolean;
  /** Its disk takes more. */
  readonly hasRoom?: boolean;
  /** Its log lost entries that it had promised to keep: it does not stand for leader until they are back. */
  readonly claims?: boolean;
  /** Whom it hears, itself included; empty: it has not told. */
  readonly reaches?: readonly string[];
  readonly [fact: string]: unknown;
}

export interface MemberStats {
  readonly memberId: string;
  readonly countTransactionsInQueue: number;
  readonly countTransactionsChecked: number;
  readonly countConflictsDetected: number;
  readonly countTransactionsRowsValidating: number;
  readonly transactionsCommittedAllMembers: string;
  readonly lastConflictFreeTransaction: string;
  readonly countTransactionsRemoteInApplierQueue: number;
  readonly countTransactionsRemoteApplied: number;
  readonly countTransactionsLocalProposed: number;
  readonly countTransactionsLocalRollback: number;
  readonly appliedUpTo: number;
  readonly purgeFloor: number;
  readonly digest: string;
  /** Of the last ten seconds. `layers`: averages, which together are the average latency. */
  readonly commitLatencyMs?: {
    count: number;
    p50: number;
    p95: number;
    p99: number;
    max: number;
    layers?: CommitLayers;
  };
  /** What can be read as of, and told as changes: from this sequence number on. `bytes`: in memory, roughly. */
  readonly past?: { from: number; fromTime: string | null; transactions: number; versions: number; bytes: number };
  readonly [fact: string]: unknown;
}

/** Something that a client has open on a member. */
export interface TransactionRow {
  readonly transactionId: string;
  readonly member: string;
  /** What its client calls it. */
  readonly tx: string;
  /** `waiting`: for a locked row, or for `atLeast`. `committing`: the group decides. `cursor`: a scan that was cut by its limit. */
  readonly state: 'open' | 'waiting' | 'committing' | 'cursor';
  readonly ageMs: number;
  readonly isolation: Isolation;
  readonly isReadOnly: boolean;
  /** Of its last statement; null: none yet. */
  readonly snapshotVersion: number | null;
  /** The purge floor rises no higher while it is open; null: it holds nothing back, as what only reads never does. */
  readonly floorHeld: number | null;
  /** Of all that are open, none holds back more. */
  readonly holdsFloor: boolean;
  readonly rowsWritten: number;
  readonly bytes: number;
  /** Rows that it has locked. */
  readonly locks: number;
  /** The locked row that it waits for, and the transaction that holds it. */
  readonly waitsFor: { readonly table: string; readonly key: string; readonly heldBy: string | null } | null;
  readonly [fact: string]: unknown;
}

export interface VariableRow {
  readonly name: string;
  readonly value: string;
  readonly default: string;
  readonly allowed: readonly string[];
  readonly scope: string;
  /** Sequence number of the change that it comes from; 0: none that the member knows. */
  readonly since: number;
  readonly description: string;
}

export interface VariableSet {
  readonly sequenceNumber: number;
  /** False: it was so already. */
  readonly changed: boolean;
}

export interface ConflictRow {
  readonly time: string;
  readonly table: string;
  readonly item: 'row' | 'unique' | 'reference' | 'range' | 'catalog';
  /** Of `unique` and `reference`, and of a range in an index. */
  readonly index?: string;
  /** The row's; of `unique` and `reference` the columns of `index`. */
  readonly key: unknown;
  readonly reason: string;
  /** `local`: refused by the loser's member before the group was asked, so only that member knows of it. */
  readonly phase: 'local' | 'group';
  readonly loser: { readonly member: string; readonly transactionId: string };
  readonly winner: { readonly member: string; readonly gtid: string } | null;
  /** Where `reason` is `dangerous-structure`: who has to come before the loser, for which row; null: forgotten. */
  readonly before?: {
    readonly table: string;
    readonly key: unknown;
    readonly member: string;
    readonly gtid: string;
  } | null;
  /** What the loser saw where it lost. */
  readonly snapshotVersion?: number;
  /** How many transactions it was late: the winner's sequence number less that. Null: it lost to nobody. */
  readonly late?: number | null;
  /** How many conflicts it stands for, itself included: above a rate a member keeps a sample. */
  readonly standsFor?: number;
  readonly [fact: string]: unknown;
}

export interface ConflictSummary {
  /** Time of the oldest conflict kept; null: none. */
  readonly since: string | null;
  readonly conflicts: number;
  /** By descending count. */
  readonly hotRows: readonly {
    readonly table: string;
    readonly item: string;
    readonly index?: string;
    readonly key: unknown;
    readonly conflicts: number;
    readonly lastTime: string;
  }[];
  /** Members, as member ids. */
  readonly pairs: readonly { readonly loser: string; readonly winner: string | null; readonly conflicts: number }[];
  /** `row`, `range` and so on, `snapshot-too-old`; by descending count. */
  readonly causes: readonly { readonly cause: string; readonly conflicts: number }[];
  /** How many transactions losers were late: at most `upTo`, more than the one before; null: more than all. */
  readonly distances: readonly { readonly upTo: number | null; readonly conflicts: number }[];
}

export interface ConflictArguments {
  readonly limit?: number;
  readonly table?: string;
}

/** All changes of one transaction. */
export interface ChangeEvent {
  readonly event: 'change';
  readonly sequenceNumber: number;
  readonly gtid: string;
  readonly commitTime: string;
  /** Its origin. */
  readonly member: string;
  /** `before`, `after`: null where there was, or is, no row. */
  readonly rows: readonly {
    readonly table: string;
    readonly key: Key;
    readonly before: Row | null;
    readonly after: Row | null;
  }[];
}

/** A table was created, altered, dropped or truncated, or what was added is built; its rows are not told one by one. */
export interface SchemaChangeEvent {
  readonly event: 'schemaChange';
  readonly sequenceNumber: number;
  readonly gtid: string;
  readonly commitTime: string;
  readonly member: string;
  readonly change: 'createTable' | 'dropTable' | 'truncateTable' | 'alterTable';
  /** Its name before. */
  readonly table: string;
  /** As `describe` gives it from then on; null: there is none. */
  readonly definition: TableDescription | null;
}

/** An option of the whole group was changed: told to who follows all tables. */
export interface VariableChangeEvent {
  readonly event: 'variableChange';
  readonly sequenceNumber: number;
  readonly gtid: string;
  readonly commitTime: string;
  readonly member: string;
  readonly name: string;
  readonly value: string;
}

/** Nothing of interest up to `upTo`. */
export interface ProgressEvent {
  readonly event: 'progress';
  readonly upTo: number;
}

/** The members as the one that is asked sees them: at the start, and at every change of state, role or reachability. */
export interface ViewEvent {
  readonly event: 'view';
  readonly sequenceNumber: number;
  /** Null before the member knows its group. */
  readonly viewId: string | null;
  readonly members: readonly MemberRow[];
}

export interface ConflictEvent {
  readonly event: 'conflict';
  readonly sequenceNumber: number;
  readonly conflict: ConflictRow;
}

/**
 * A stream of events for one reader: `for await (const event of subscription)`. It survives lost connections and members.
 * `changes` go on where they stopped, none twice and none missing; they end with HISTORY_PURGED where that is gone.
 * Conflicts of a moment without a connection are not told; a view is told again when it differs from the last one told.
 */
export interface Subscription<E> extends AsyncIterable<E> {
  /** The reader has been given everything up to this sequence number: the `from` to go on with later. `changes` only, else 0. */
  readonly position: number;
  /** Ends the iteration, once it has given what is buffered already or is itself left. Called by `break`, too. */
  close(): void;
}

export interface ChangesArguments {
  readonly table?: string;
  /** The sequence number after which to start, or a time, as `asOf` has it: with what was committed later. Default: now. */
  readonly from?: number | string;
}

export interface Client {
  get<R extends object = Row>(table: string, key: Key, options?: GetArguments & StatementOptions): Promise<R | null>;
  getMany<R extends object = Row>(
    table: string,
    keys: readonly Key[],
    options?: Pick<GetArguments, 'columns'> & StatementOptions,
  ): Promise<(R | null)[]>;
  scan<R extends object = Row>(
    table: string,
    selection?: ScanArguments,
    options?: StatementOptions,
  ): Promise<ScanResult<R>>;
  /** All rows selected, page by page, at one snapshot. A page that cannot be had ends it with the error; restarts are the caller's. */
  rows<R extends object = Row>(table: string, selection?: RowsArguments, options?: StatementOptions): AsyncIterable<R>;
  count(table: string, selection?: CountArguments, options?: StatementOptions): Promise<number>;
  /** DUPLICATE_KEY where the row exists. */
  insert(table: string, row: object, options?: StatementOptions): Promise<Commit & Written>;
  /** Inserts or replaces. */
  put(table: string, row: object, options?: StatementOptions): Promise<Commit & Written>;
  update(
    table: string,
    target: Target,
    set: object,
    options?: StatementOptions & { readonly if?: object },
  ): Promise<Commit & Changed>;
  delete(
    table: string,
    target: Target,
    options?: StatementOptions & { readonly if?: object },
  ): Promise<Commit & Changed>;
  /** `increments` of its answer has the value. */
  increment(table: string, key: Key, change: Increment, options?: StatementOptions): Promise<Commit>;
  /** Several statements as one transaction in one request. */
  transact(steps: readonly Step[], options?: StatementOptions): Promise<Transacted>;

  /**
   * Runs `work` in a transaction, commits, and gives what `work` gave. Runs all of it again, on a new snapshot and perhaps at
   * another member, while it fails with `retry: "transaction"` or "elsewhere": so `work` should do nothing that cannot be
   * repeated. What `work` throws rolls back and is given on. An unknown outcome is never run again without an idempotency key.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T> | T, options?: TransactionOptions): Promise<T>;

  createTable(definition: TableDefinition): Promise<SchemaChanged>;
  /** Answered when all that it adds is built: where there are many rows, that takes long. */
  alterTable(table: string, alteration: Alteration): Promise<SchemaChanged>;
  dropTable(table: string, options?: { readonly ifExists?: boolean }): Promise<SchemaChanged>;
  truncateTable(table: string, options?: { readonly ifExists?: boolean }): Promise<SchemaChanged>;
  tables(options?: StatementOptions): Promise<TableDescription[]>;
  describe(table: string, options?: StatementOptions): Promise<TableDescription>;

  members(): Promise<MemberRow[]>;
  memberStats(): Promise<MemberStats[]>;
  /** What clients have open: all of the member that is asked, and the oldest 20 of each other one. The oldest first. */
  transactions(options?: { readonly limit?: number }): Promise<TransactionRow[]>;
  /** Ends one, at whichever member it is: its client is told TRANSACTION_ABORTED, with the cause CANCELLED. */
  abortTransaction(transactionId: string): Promise<void>;
  /** Options of the whole group, as the member that is asked has them. */
  variables(): Promise<VariableRow[]>;
  /** Changes one in the total order: effective from that sequence number on, at all members. */
  setVariable(name: string, value: string): Promise<VariableSet>;
  /**
   * What became of an idempotency key, as far as the member that is asked knows: the commit, with `replayed`, or why there is
   * none. With `fence` nothing commits with the key any more, unless it has: then the answer is that commit.
   */
  outcome(idempotencyKey: string, options?: { readonly fence?: boolean }): Promise<Outcome>;

  /** Newest first. */
  conflicts(options?: ConflictArguments): Promise<ConflictRow[]>;
  conflictSummary(options?: ConflictArguments): Promise<ConflictSummary>;

  /**
   * Any operation but `subscribe`, with its arguments as the contract has them. One that names a `tx` goes to the connection
   * that its `begin` went to, and is never repeated; others follow the rules of retrying.
   */
  request<T = unknown>(
    op: string,
    args?: object,
    options?: Pick<RunOptions, 'attempts' | 'timeoutMs' | 'signal'>,
  ): Promise<T>;

  subscribe(
    stream: 'changes',
    args?: ChangesArguments & { readonly progress?: false },
  ): Subscription<ChangeEvent | SchemaChangeEvent | VariableChangeEvent>;
  /** With `progress: true` the reader also learns how far it is where nothing concerns it. */
  subscribe(
    stream: 'changes',
    args: ChangesArguments & { readonly progress: true },
  ): Subscription<ChangeEvent | SchemaChangeEvent | VariableChangeEvent | ProgressEvent>;
  subscribe(stream: 'views'): Subscription<ViewEvent>;
  subscribe(stream: 'conflicts', args?: { readonly table?: string }): Subscription<ConflictEvent>;

  /** The same bound to one member: no failover, and "elsewhere" is given as an error at once. Ends with this client. */
  at(url: string): Client;
  readonly urls: readonly string[];
  /** What is known of each member's connections, without asking; for displays. */
  status(): readonly MemberStatus[];

  /**
   * Takes no more requests, and lets what is outstanding finish for up to `timeoutMs` (default 5,000; 0: not at all). What
   * is left is rejected with CLOSED, or UNKNOWN_OUTCOME where it may have been committed.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

export interface MemberStatus {
  readonly url: string;
  /** From its welcome; null before the first. */
  readonly memberId: string | null;
  /** As last heard; null before the first welcome. */
  readonly state: string | null;
  readonly connections: number;
  readonly outstanding: number;
  /** Why the last connection, or attempt at one, ended; null while connected. */
  readonly problem: string | null;
}

export interface ClientOptions {
  /** `spread` (default): each request to the member with the least outstanding; `first`: to the first in the list that serves. */
  readonly prefer?: 'spread' | 'first';
  /** Connections to each member at most; those after the first are opened when it is busy. Default 1. */
  readonly connectionsPerMember?: number;
  /** Until a first member answers `connect`, and how long a request may wait for a connection. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Runs of a request or transaction at most. Default 20. */
  readonly attempts?: number;
  /** For everything together, of each request or transaction. Default: none. */
  readonly timeoutMs?: number;
  /** The wait before the n-th re-run is random up to `retryMs * 2^(n-1)`, but no longer than `retryMsMax`. Defaults 5 and 1,000. */
  readonly retryMs?: number;
  readonly retryMsMax?: number;
  /** As above, between attempts to connect to one member. Defaults 50 and 5,000. */
  readonly reconnectMs?: number;
  readonly reconnectMsMax?: number;
  /** Unanswered requests of one connection at most. Default 1,024. */
  readonly outstandingMax?: number;
  /** Requests that wait for a connection, or for room on one; more are refused with OVERLOADED. Default 16,384. */
  readonly queuedMax?: number;
  /** Bytes that a connection has not taken yet, beyond which nothing more is handed to it. Default 1 MiB. */
  readonly bufferedBytesMax?: number;
  /** A connection that is waited for and says nothing for so long, a ping included, is given up. Default 10,000. */
  readonly silenceMsMax?: number;
  /** Events that a subscription holds for its reader; a slower reader makes it pause and resume. Default 1,024. */
  readonly eventsMax?: number;
  /** Every request sees what was acknowledged to this client before, at whichever member. Default true. */
  readonly readYourWrites?: boolean;
}

/** Of `connect` in Node. */
export interface NodeClientOptions extends ClientOptions {
  /** Default `msgpack`. */
  readonly format?: 'msgpack' | 'json';
}
