/**
 * What sessions see of their member: snapshots, rows, the catalog, and the way to commit. `Member` implements it; the
 * statement layer above knows nothing of the group. Callbacks come in a later turn, exactly once.
 */

import type { Write } from '../../applier/index.ts';
import type { KeyRange } from '../../applier/types.ts';
import type {
  CommitTime,
  DangerousStructure,
  RowKey,
  Transaction,
  Writer,
  WriteSetItem,
} from '../../certifier/types.ts';
import type { Incarnation, LogIndex, MemberId, MemberOrdinal, SequenceNumber } from '../../gcs/base/index.ts';
import type { BuildOutcome } from './builds/build-watch.ts';
import type { RequestError } from './errors.ts';
import type { KeyQuestion, KeyRefusal } from './idempotency/judge-key.ts';
import type { RefusedIncrement } from './increments.ts';
import type { Isolation } from './isolation.ts';
import type { SchemaEffect } from './member/schema-effect.ts';
import type { Alteration, Build, BuildFailure, NewTable, TableDefinition } from './table-definition.ts';
import type { VariableRow } from './variables.ts';

export type MemberState = 'OFFLINE' | 'RECOVERING' | 'ONLINE' | 'ERROR';

export interface Replica {
  readonly groupName: string;
  readonly groupId: string;
  readonly memberId: MemberId;
  /** Of its stay in the group. */
  readonly ordinal: MemberOrdinal;
  /** Of this run. */
  readonly incarnation: Incarnation;
  readonly state: MemberState;
  readonly appliedUpTo: SequenceNumber;
  memberIdOf(ordinal: MemberOrdinal): MemberId;

  /** Pins `appliedUpTo` as a snapshot, to be read. `ended` is called (once) if the member has to end the snapshot early (H21). */
  acquireSnapshot(ended: () => void): SnapshotHandle;
  /** The same for one who may write: the purge floor does not rise above it until the handle is released (H5). */
  acquireSnapshotToWrite(ended: () => void): SnapshotHandle;
  /** As `acquireSnapshot`, at an earlier sequence number, from `heldFrom` on. */
  acquireSnapshotAt(sequenceNumber: SequenceNumber, ended: () => void): SnapshotHandle;
  /** The row's image at `snapshot`, or undefined. `snapshot` is held. */
  get(key: RowKey, snapshot: SequenceNumber): Uint8Array | undefined;
  /** Rows at `snapshot`, in key order or backwards. To be used up in the turn in which it was made. */
  scan(range: KeyRange, snapshot: SequenceNumber, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]>;
  /** The table of that name as of `snapshot`, or undefined. */
  table(name: string, snapshot: SequenceNumber): TableDefinition | undefined;
  /** All tables as of `snapshot`, by name. */
  tables(snapshot: SequenceNumber): readonly TableDefinition[];

  /** What is known already to be lost, or null. */
  preCertify(transaction: Transaction): LostConflict | LostSnapshot | null;
  /** These are the sessions on this member, from now on. */
  attach(sessions: AttachedSessions): void;
  /** Open on the other members that are reached: the oldest of each, as it told last. */
  transactionsElsewhere(): readonly Omit<TransactionRow, 'holdsFloor'>[];
  /** Asks the member that has it to end a transaction. `done`: once, in a later turn. */
  abortElsewhere(memberId: MemberId, transactionId: string, done: (outcome: AbortOutcome) => void): void;
  /** Where the time went of the commit whose `done` is called now, as far as it was not here; zeros where it did not leave. */
  readonly orderedTimes: OrderedTimes;
  /** Pre-certifies, broadcasts, and reports the fate. `deadlineMs` (monotonic): when to give up waiting. */
  commit(transaction: Transaction, deadlineMs: number, done: (outcome: CommitOutcome) => void): void;
  /** What is known here already to be decided by its idempotency key (H16), or null. */
  keyRefusal(question: KeyQuestion): KeyRefusal | null;
  /** Rows of expiries of keys that are forgotten, for a transaction with a key to take along. */
  expiredKeys(): readonly RowKey[];
  /** No transaction with that idempotency key commits any more, if none has. */
  fenceKey(key: string, deadlineMs: number, done: (outcome: FenceOutcome) => void): void;
  changeSchema(change: OrderedChange, deadlineMs: number, done: (outcome: SchemaOutcome) => void): void;
  /** Calls `done` once, when the build is over, whoever carries it out. Returns how to give up waiting. */
  whenBuilt(build: Build, done: (outcome: BuildOutcome) => void): { cancel(): void };
  /** How many rows are looked through for it, as far as this member was told; null: it was told nothing. */
  buildRows(build: Build): number | null;
  /** Options of the whole group, as they are where this member is. */
  variables(): readonly VariableRow[];
  /** Whether a SERIALIZABLE transaction of that snapshot has to be ordered though it has only read (`variables.ts`). */
  ordersReads(snapshot: SequenceNumber): boolean;
  /** Calls `done` once `sequenceNumber` is visible here (maybe in this turn). Returns how to give up. */
  whenApplied(sequenceNumber: SequenceNumber, done: () => void): { cancel(): void };

  /** What was published behind it is held, and every sequence number from it on is readable. */
  readonly heldFrom: SequenceNumber;
  /** When it was committed, or later, but before the next. Null: it is not known. */
  readonly heldFromTime: CommitTime | null;
  /** How far time has come at `appliedUpTo`: every later commit is later. Null: nothing is served yet. */
  readonly timeReached: CommitTime | null;
  /** Calls `done` once `timeReached` is `time` or later (maybe in this turn), for which it sees to it that something is ordered. Returns how to give up. */
  whenTimeReached(time: CommitTime, done: () => void): { cancel(): void };
  /** The last that was committed at `time` or before; `time` is reached. Null: it is below `heldFrom`, as far as is known. */
  sequenceNumberAt(time: CommitTime): SequenceNumber | null;
  /** What was published behind `after`, in order, at most `countMax`. `after`: from `heldFrom` on. */
  publications(after: SequenceNumber, countMax: number): readonly Publication[];
  /** The table of that id, as of `snapshot`: one that exists, or that a publication which is held is about. */
  tableById(tableId: number, snapshot?: SequenceNumber): TableDefinition | undefined;
  /** Calls `changed`, in the midst of what is done, whenever there may be more publications or conflicts or other members. */
  watch(changed: () => void): { stop(): void };
  /** A client follows the changes until `stop`: here and at the other members more of the past is held meanwhile. */
  followChanges(): { stop(): void };

  /** The log index up to which a read has to have applied to see all that was committed anywhere before; null: no leader answered. */
  readIndex(done: (index: LogIndex | null) => void): void;
  /** Changes of the membership that somebody asks for. `done`: exactly once, in a later turn. */
  administer(request: Administration, done: (outcome: AdministrationOutcome) => void): void;

  members(): readonly MemberRow[];
  /** Of the view in force, from 1; 0: this member knows none yet. */
  readonly viewNumber: number;
  /** The views behind number `after`, oldest first, as far as they are remembered. */
  viewsAfter(after: number): readonly ViewRow[];
  /** Another number when `members` may have changed. */
  readonly viewRevision: number;
  memberStats(): readonly MemberStatsRow[];
  /** The last conflicts seen by the group, newest first. */
  conflicts(limit: number, table: string | null): readonly ConflictRecord[];
  /** How many there were. */
  readonly conflictsSeen: number;
  /** Those behind the first `after`, oldest first, at most `countMax`; null if not all of them are kept. */
  conflictsAfter(after: number, countMax: number): readonly ConflictRecord[] | null;
  /** All conflicts that are kept, counted; at most `limit` hot rows. */
  conflictSummary(limit: number, table: string | null): ConflictSummary;
  /**
   * A client was answered that its transaction is committed, `ms` after its request was taken up; `ordered`: what of that its
   * commits took outside of its session, all attempts together. Keeps nothing of `ordered`.
   */
  commitAnswered(ms: number, ordered: OrderedTimes): void;
}

/**
 * Layers L2 and L0 of the time of a commit. What is left of it is L1: execution, locks, queues, certification.
 */
export interface OrderedTimes {
  /**
   * L2, the order: from the hand-over to the group until this member knew that the message was chosen. The network and the
   * disks of a majority are in it.
   */
  readonly l2Ms: number;
  /** L0, versions and disk: from then on until this member's own log had it durably, and its publication in the version store. */
  readonly l0Ms: number;
}

export function zeroTimes(): { -readonly [Layer in keyof OrderedTimes]: OrderedTimes[Layer] } {
  return { l2Ms: 0, l0Ms: 0 };
}

/** What a member wants of its sessions. */
export interface AttachedSessions {
  readonly watchedRows: WatchedRows;
  /** Open transactions, oldest first. */
  oldestTransactions(limit: number): readonly SessionTransaction[];
  /** Ends one of them, for another member's client. */
  abort(transactionId: string): Extract<AbortOutcome, 'ended' | 'not-open' | 'committing'>;
}

/**
 * What became of the wish to end a transaction. `committing`: it was handed to the group, which decides. `unknown`: its member
 * was asked and did not answer in time.
 */
export type AbortOutcome = 'ended' | 'not-open' | 'committing' | 'not-reached' | 'unknown';

/** Something that a client has open on a member. */
export interface SessionTransaction {
  /** `memberId:incarnation:number`. */
  readonly transactionId: string;
  /** What its client calls it, cut and made visible; of a cursor its name. */
  readonly tx: string;
  /**
   * `waiting`: for a locked row, or for what `atLeast` names. `committing`: the group decides. `cursor`: a scan without `tx`
   * that was cut by its limit.
   */
  readonly state: 'open' | 'waiting' | 'committing' | 'cursor';
  readonly ageMs: number;
  readonly isolation: Isolation;
  readonly isReadOnly: boolean;
  /** Of its last statement. Null: none yet. */
  readonly snapshotVersion: SequenceNumber | null;
  /** What it holds back: no purge floor rises above it. Null: nothing; what only reads never does (H5). */
  readonly floorHeld: SequenceNumber | null;
  readonly rowsWritten: number;
  readonly bytes: number;
  readonly locks: number;
  /** The locked row that it waits for. `key`: as text. `heldBy`: null where that is no named transaction. */
  readonly waitsFor: { readonly table: string; readonly key: string; readonly heldBy: string | null } | null;
}

export interface TransactionRow extends SessionTransaction {
  readonly member: MemberId;
  /** Of all that are open, none holds back more. */
  readonly holdsFloor: boolean;
}

/** Rows of which somebody wants to know when they are written. */
export interface WatchedRows {
  /** How many. While there are none, nothing that was written is told. */
  readonly size: number;
  /** A transaction of that member has written these; it is visible here. Nothing of the member's is asked within but reads and commits. */
  written(rows: readonly { readonly key: RowKey }[], origin: MemberOrdinal): void;
  /** A transaction of another member was refused for a conflict: it may come again. */
  lost(items: readonly WriteSetItem[], origin: MemberOrdinal): void;
  /** A schema change that concerns who has used these tables (H17), by id. As for `written`. */
  tablesChanged(tableIds: readonly number[]): void;
}

export type Administration =
  | { readonly kind: 'leave' }
  | { readonly kind: 'join' }
  | { readonly kind: 'expel'; readonly memberId: MemberId }
  /** Null: to whoever is fittest. */
  | { readonly kind: 'transfer-leadership'; readonly memberId: MemberId | null };

export type AdministrationOutcome =
  /** `viewId`: of the newest view that is known here. */
  | { readonly kind: 'done'; readonly viewId: string | null }
  /** It makes no sense now, or names nobody. `problem`: a clause that says why. */
  | { readonly kind: 'refused'; readonly problem: string }
  | Refusal
  /** The group was asked, and it did not come about in time: it may yet. */
  | { readonly kind: 'unknown' };

/** What took one sequence number. */
export interface Publication {
  readonly sequenceNumber: SequenceNumber;
  readonly commitTime: CommitTime;
  readonly origin: MemberOrdinal;
  /** None where it is a schema change. */
  readonly writes: readonly Write[];
  readonly schema: SchemaEffect | null;
}

export interface SnapshotHandle {
  readonly sequenceNumber: SequenceNumber;
  /** Nothing is read at it any more; what is certified against it is kept until `release` (H5). */
  stopReading(): void;
  release(): void;
}

export type CommitOutcome =
  | {
      readonly kind: 'committed';
      readonly sequenceNumber: SequenceNumber;
      readonly commitTime: CommitTime;
      /** The rows that its deltas were for, as they are now. Absent: it had none. */
      readonly resolved?: readonly Write[];
    }
  | LostConflict
  | LostBounds
  | LostSnapshot
  | KeyRefusal
  | Refusal
  /** Handed to the group, and the deadline passed: it may commit, have committed, or never. */
  | { readonly kind: 'unknown' };

export type FenceOutcome = { readonly kind: 'fenced' } | KeyRefusal | Refusal | { readonly kind: 'unknown' };

export interface LostConflict {
  readonly kind: 'conflict';
  readonly key: RowKey;
  /** An item with that key conflicts, or a range that was read and has it. */
  readonly found: 'item' | 'range';
  readonly winner: Writer;
  readonly phase: 'local' | 'group';
  /** Under the rule `serial-safety-net`, where that the winner wrote what was read is not all. */
  readonly structure?: DangerousStructure;
}

/** An increment cannot be, as the group has ordered it (H9). */
export interface LostBounds {
  readonly kind: 'out-of-bounds';
  readonly key: RowKey;
  readonly refused: RefusedIncrement;
}

export interface LostSnapshot {
  readonly kind: 'snapshot-too-old';
  readonly purgeFloor: SequenceNumber;
}

/** Not handed to the group: certainly not committed. */
export type Refusal =
  | { readonly kind: 'no-quorum' }
  | { readonly kind: 'not-online'; readonly state: MemberState }
  | { readonly kind: 'shutting-down' }
  | { readonly kind: 'disk-full' }
  | { readonly kind: 'overloaded'; readonly retryAfterMs: number };

/** Judged at its place in the order (H17). */
export type SchemaChange =
  | { readonly kind: 'create-table'; readonly table: NewTable; readonly ifNotExists: boolean }
  | { readonly kind: 'drop-table'; readonly name: string; readonly ifExists: boolean }
  | { readonly kind: 'truncate-table'; readonly name: string; readonly ifExists: boolean }
  | { readonly kind: 'alter-table'; readonly name: string; readonly alteration: Alteration }
  /** Of the member that built it; `failure` null: it is valid from now on. */
  | { readonly kind: 'end-build'; readonly build: Build; readonly failure: BuildFailure | null };

/** What takes a number of its own. */
export type OrderedChange = SchemaChange | VariableChange;

/** No change of the schema, but ordered, kept and repeated like one: an option of the whole group (`variables.ts`). */
export interface VariableChange {
  readonly kind: 'set-variable';
  readonly name: string;
  readonly value: string;
}

export type SchemaOutcome =
  /** `changed: false`: nothing was to be done (`ifNotExists`, `ifExists`); `sequenceNumber` is then the one before. */
  | {
      readonly kind: 'done';
      readonly sequenceNumber: SequenceNumber;
      readonly changed: boolean;
      /** What it leaves to be built; null: nothing. */
      readonly build: Build | null;
    }
  | { readonly kind: 'table-exists' }
  | { readonly kind: 'no-such-table' }
  /** What the definitions at its place do not allow. */
  | { readonly kind: 'refused'; readonly error: RequestError }
  | Refusal
  | { readonly kind: 'unknown' };

export interface MemberRow {
  readonly memberId: MemberId;
  readonly host: string;
  readonly port: number;
  readonly state: MemberState | 'UNREACHABLE';
  readonly role: 'PRIMARY' | 'SECONDARY';
  readonly version: string;
  readonly viewId: string;
  readonly weight: number;
  readonly reachable: boolean;
  /** Leads the group's log, as far as the member that answers knows. */
  readonly leads: boolean;
  /** Not yet a voter: it is catching up. */
  readonly learner: boolean;
  /** Its disk takes more. */
  readonly hasRoom: boolean;
  /** Its log lost entries that it had promised to keep: it does not stand for leader until they are back. As it told last. */
  readonly claims: boolean;
  /** Whom it hears, itself included, as it told last: a row of the matrix. Empty: it has told nothing. */
  readonly reaches: readonly MemberId[];
  /** While it receives its state or repairs its log; only of the member that answers. */
  readonly transfer: TransferRow | null;
}

/** A view, and what it changed. */
export interface ViewRow {
  readonly number: number;
  readonly viewId: string;
  readonly joined: readonly MemberId[];
  readonly left: readonly MemberId[];
  readonly members: readonly MemberRow[];
}

export interface TransferRow {
  readonly kind: 'state' | 'repair';
  /** Null: no donor yet. */
  readonly donor: MemberId | null;
  readonly bytes: number;
  readonly rows: number;
}

/** Group Replication's columns, in camelCase. */
export interface MemberStatsRow {
  readonly memberId: MemberId;
  readonly viewId: string;
  readonly countTransactionsInQueue: number;
  readonly countTransactionsChecked: number;
  readonly countConflictsDetected: number;
  readonly countTransactionsRowsValidating: number;
  readonly transactionsCommittedAllMembers: SequenceNumber;
  /** GTID or null. */
  readonly lastConflictFreeTransaction: string | null;
  readonly countTransactionsRemoteInApplierQueue: number;
  readonly countTransactionsRemoteApplied: number;
  readonly countTransactionsLocalProposed: number;
  readonly countTransactionsLocalRollback: number;
  /** Local transactions refused by pre-certification, which the group never saw. */
  readonly countConflictsLocal: number;
  readonly appliedUpTo: SequenceNumber;
  readonly purgeFloor: SequenceNumber;
  readonly digest: string;
  /** Highest sequence number at which its digest was seen to be that of the member that answers. */
  readonly digestEqualUpTo: SequenceNumber;
  readonly past: HeldPast;
  readonly commitLatencyMs: CommitLatency;
}

/** Where the time of commits went, in milliseconds; together the whole of it. See `OrderedTimes`. */
export interface CommitLayers {
  readonly l2Ms: number;
  /** L1, execution and queues: statements, locks, retries, the way to the group and certification. */
  readonly l1Ms: number;
  readonly l0Ms: number;
}

/** What a member holds of the past, in memory: what can be read as of, and told as changes. */
export interface HeldPast {
  /** The oldest place that can be read. */
  readonly from: SequenceNumber;
  /** When it was committed, as a commit time is shown. Null: it is not known, or nothing was before. */
  readonly fromTime: string | null;
  /** Behind it. */
  readonly transactions: number;
  /** Versions of rows that they wrote. */
  readonly versions: number;
  /** Of all that in memory, roughly. */
  readonly bytes: number;
}

/** Of the commits that a member answered in the last ten seconds, in milliseconds. All 0 if there was none. */
export interface CommitLatency {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** Averages: together the average latency. */
  readonly layers: CommitLayers;
}

/** `range`, `row` and so on: the `item` of a conflict. */
export type ConflictCause =
  | ConflictRecord['item']
  | 'unique'
  | 'reference'
  | 'bounds'
  | 'snapshot-too-old'
  | 'dangerous-structure';

export interface ConflictRecord {
  /** ISO time of the leader's stamp. */
  readonly time: string;
  readonly table: string;
  /**
   * `unique`: values of a unique index, which both wanted; `reference`: a key, to which one refers, and which the other one
   * made or took away; `range`: the row, or entry of an index, is in a range that the loser had read. `bounds`: what it would
   * have added to the row cannot be.
   */
  readonly item: 'row' | 'unique' | 'reference' | 'range' | 'bounds' | 'catalog';
  /** Where it is an entry of an index that conflicts, or a key that is referred to: the name of the index; `primary`. */
  readonly index?: string;
  /** The columns of the row's primary key; of `unique` and `reference` those of the index. A scalar if there is one. */
  readonly key: unknown;
  readonly reason: 'conflict' | 'dangerous-structure' | 'snapshot-too-old' | 'schema-changed' | 'out-of-bounds';
  /** Of a dangerous structure: who has to come before the loser, for which row; null: forgotten. */
  readonly before?: {
    readonly table: string;
    readonly key: unknown;
    readonly member: MemberId;
    readonly gtid: string;
  } | null;
  /** Refused in the total order, or by the loser's member before that; the latter only that member knows. */
  readonly phase: 'local' | 'group';
  readonly loser: { readonly member: MemberId; readonly transactionId: string };
  readonly winner: { readonly member: MemberId; readonly gtid: string } | null;
  /** What the loser saw where it lost. */
  readonly snapshotVersion: SequenceNumber;
  /** How many transactions the loser was late: so many sequence numbers the winner's is above that. Null: there is no winner. */
  readonly late: number | null;
  /** How many conflicts it stands for, itself included: above a rate not all are kept. */
  readonly standsFor: number;
}

export interface ConflictSummary {
  /** Time of the oldest conflict that is kept, of any table; null if none is. */
  readonly since: string | null;
  readonly conflicts: number;
  /** Those with most conflicts first. Snapshots that were too old, and increments out of bounds, count for none. */
  readonly hotRows: readonly (Pick<ConflictRecord, 'table' | 'item' | 'index' | 'key'> & {
    readonly conflicts: number;
    readonly lastTime: string;
  })[];
  /** Most conflicts first. No winner: the loser's snapshot was too old. */
  readonly pairs: readonly {
    readonly loser: MemberId;
    readonly winner: MemberId | null;
    readonly conflicts: number;
  }[];
  /** Most conflicts first. */
  readonly causes: readonly { readonly cause: ConflictCause; readonly conflicts: number }[];
  /** How late losers were, ascending: at most `upTo` transactions, more than the one before; null: more than all. Without those that lost to nobody. */
  readonly distances: readonly { readonly upTo: number | null; readonly conflicts: number }[];
}
