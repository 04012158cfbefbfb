/** What a member is made of, and what it tells its process. */
import type { LaneStore, VerdictFileOptions, VersionStoreOptions } from '../../../applier/index.ts';
import type { NewWriterTable } from '../../../certifier/index.ts';
import type { Environment, Incarnation, LogIndex, MemberId, SequenceNumber } from '../../../gcs/base/index.ts';
import type { Compression, Formation, GroupMember, GroupOptions, GroupView } from '../../../gcs/core/index.ts';
import type { BuildCounters, BuilderOptions, BuildProgress } from '../builds/builder.ts';
import type { ImageCodec } from '../image-codec.ts';
import type { ConflictRecord, MemberState } from '../replica.ts';
import type { ChangeHistoryOptions } from './change-history.ts';
import type { SamplingOptions } from './conflict-sampling.ts';
import type { OutboxOptions } from './outbox.ts';
import type { CapacityTunerOptions } from './tuning/capacity-tuner.ts';

export interface MemberOptions {
  readonly group: GroupOptions;
  readonly outbox: OutboxOptions;
  readonly slices: SliceOptions;
  readonly versions: VersionStoreOptions;
  readonly verdicts: VerdictFileOptions;
  /** The recent past, while anybody in the group follows the changes, and for `followedForMs` after that. */
  readonly history: ChangeHistoryOptions;
  /** What is held of it else. */
  readonly historyUnfollowed: ChangeHistoryOptions;
  readonly followedForMs: number;
  /** How often the members tell each other how they are. */
  readonly noticeEveryMs: number;
  /** How often waiting commits are looked at. */
  readonly sweepEveryMs: number;
  readonly conflictsKeptMax: number;
  readonly conflictSampling: SamplingOptions;
  /** Conflicts that its clients lose, told to its process. */
  readonly conflictLinesPerSecondMax: number;
  /** A clean stop waits so long for what is committing. */
  readonly stopWaitMs: number;
  /** The purge floor is raised when it would rise by so many sequence numbers. */
  readonly purgeStep: number;
  readonly capacityTuning: CapacityTunerOptions;
  /** How often the log and the verdict file give up what nobody needs any more. */
  readonly truncateEveryMs: number;
  readonly builds: BuilderOptions;
  /** A transfer that failed is begun anew, with another peer, after so long. */
  readonly transferRetryMs: number;
}

/** How work that takes long is cut, a turn of the event loop each. */
export interface SliceOptions {
  /** A message of more is large: it travels alone, and is made and taken through in slices. */
  readonly largeBytes: number;
  /** Rows of one slice. */
  readonly items: number;
  /** Bytes of one slice where they are copied. */
  readonly bytes: number;
}

/**
 * Why a run of a member ends although its process goes on: the next run begins on the same directory, in the next
 * incarnation.
 *
 * `state-received`: what another member sent, or the repair, is in the directory. `behind`: the group keeps no more
 * what this member needs next; the next run receives the state. `damaged`: the directory does not fit together; the
 * same. `expelled`, `join`: the next run asks to be let in again (formation `rejoin`), of itself or because it was told.
 */
export type RestartReason = 'state-received' | 'behind' | 'damaged' | 'expelled' | 'join';

/** What changed in the group, at its place in the order. */
export interface ViewChange {
  readonly view: GroupView;
  /** Log index of its entry; 0: of the founding view. */
  readonly index: LogIndex;
  /** Against the view before, which this run knew; all are new in the first of a run. */
  readonly joined: readonly MemberId[];
  readonly left: readonly MemberId[];
}

/** Receiving state from another member, or repairing the log from it. */
export interface TransferProgress {
  readonly kind: 'state' | 'repair';
  /** Who sends; null: nobody yet. */
  readonly donor: MemberId | null;
  readonly bytes: number;
  readonly rows: number;
  /** Entries of the log. */
  readonly entries: number;
  readonly sinceMs: number;
}

export interface MemberEvents {
  stateChanged(state: MemberState, why: string): void;
  leaderChanged(leader: MemberId | null, term: number): void;
  quorumChanged(hasQuorum: boolean): void;
  reachabilityChanged(peer: MemberId, reachable: boolean): void;
  /** This member knows its group, now or from an earlier run. */
  formed(groupName: string, groupId: string, members: readonly GroupMember[]): void;
  /** In the order of views; also once at the start with the one in force. */
  viewChanged(change: ViewChange): void;
  /** Its disk is full, or has room again. */
  roomChanged(hasRoom: boolean): void;
  /** A client of this member lost one; of many a second only some are told. `leftOut`: those before it that were not. */
  conflictLost?(conflict: ConflictRecord, leftOut: number): void;
  /** Something of the directory cannot be read. It is repaired or received from another member. */
  damageFound(facts: { readonly file: string; readonly offset: number; readonly reason: string }): void;
  /** A transfer begins with a donor, is through, or failed and will be tried again. */
  transferChanged(phase: 'began' | 'done' | 'failed', progress: TransferProgress, why: string): void;
  /** What an alteration added is being built here. */
  buildProgressed(progress: BuildProgress): void;
  /** Nobody can lead the group, whatever it waits for: `why`, and what an operator can do. */
  stuck(why: string): void;
  /** A peer or stranger was turned away, or turned us away. */
  refusedPeer(address: string, reason: string): void;
  recovered(facts: { readonly entries: number; readonly upTo: SequenceNumber; readonly ms: number }): void;
  /** Final for this run: its owner stops it and begins the next one. */
  restart(why: RestartReason, detail: string): void;
  /** Final: the process ends with this line. */
  refused(reason: string): void;
  /** Final: the disk failed, or a rule of the program is broken. */
  failed(error: Error): void;
}

export interface MemberSetup {
  readonly environment: Environment;
  readonly memberId: MemberId;
  readonly incarnation: Incarnation;
  readonly groupAddress: string;
  readonly host: string;
  readonly port: number;
  readonly formation: Formation;
  /** An expelled member asks to be let in again by itself; else it stays OFFLINE until it is told to join. */
  readonly rejoins: boolean;
  /** Of what is broadcast. Deterministic: every member of a group has the same. */
  readonly compression: Compression;
  /** Open, with their number fixed by the data directory. */
  readonly lanes: readonly LaneStore[];
  /** Of the certification database. No verdict depends on which it is. */
  readonly newWriterTable: NewWriterTable;
  readonly imageCodec: ImageCodec;
  readonly version: string;
  /** Counted on by each run of the process. */
  readonly counters: MemberCounters;
  readonly options: MemberOptions;
  readonly events: MemberEvents;
}

/** Plain counters since the start of the process; metrics read them at scrape. */
export interface MemberCounters extends BuildCounters {
  transactionsCertified: number;
  transactionsCommitted: number;
  conflictsDetected: number;
  /** Those of them where somebody wrote into a range that was read. */
  rangeConflicts: number;
  dangerousStructures: number;
  /** Accepted although something that they read had been written since. */
  placedEarlier: number;
  snapshotsTooOld: number;
  /** Rows that deltas were for, and transactions that were refused for what these would have come to. */
  rowsIncremented: number;
  incrementsOutOfBounds: number;
  preCertificationConflicts: number;
  localProposed: number;
  localRolledBack: number;
  /** Batches sent to the group, large messages among them. */
  batchesProposed: number;
  /** Decisions of the batch tuner. */
  batchDelayRaised: number;
  batchDelayLowered: number;
  /** Decisions of the capacity tuner, while this member led. */
  capacityRaised: number;
  capacityLowered: number;
  remoteApplied: number;
  schemaChanges: number;
  /** Of an idempotency key that had committed: answered with what came of it. */
  transactionsReplayed: number;
  /** For their idempotency key: of another request, fenced or too old. */
  keysRefused: number;
  keysFenced: number;
  batchesDelivered: number;
  bytesDelivered: number;
  viewsInstalled: number;
  /** Members that were expelled, of any kind; this one included. */
  expulsions: number;
  rejoins: number;
  statesSent: number;
  stateBytesSent: number;
  statesReceived: number;
  stateBytesReceived: number;
  truncations: number;
  /** Places of the directory that could not be read, and those that came back from another member. */
  faultyFound: number;
  faultyRepaired: number;
  diskFull: number;
  /** Parts that large messages of this member were sent in. */
  fragmentsSent: number;
  /** Bytes that were compressed for the log, and what came of them. */
  compressionBytesIn: number;
  compressionBytesOut: number;
}

export function zeroCounters(): MemberCounters {
  return {
    transactionsCertified: 0,
    transactionsCommitted: 0,
    conflictsDetected: 0,
    rangeConflicts: 0,
    dangerousStructures: 0,
    placedEarlier: 0,
    snapshotsTooOld: 0,
    rowsIncremented: 0,
    incrementsOutOfBounds: 0,
    preCertificationConflicts: 0,
    localProposed: 0,
    localRolledBack: 0,
    batchesProposed: 0,
    batchDelayRaised: 0,
    batchDelayLowered: 0,
    capacityRaised: 0,
    capacityLowered: 0,
    remoteApplied: 0,
    schemaChanges: 0,
    buildRows: 0,
    buildEntries: 0,
    buildConflicts: 0,
    buildsCompleted: 0,
    buildsFailed: 0,
    transactionsReplayed: 0,
    keysRefused: 0,
    keysFenced: 0,
    batchesDelivered: 0,
    bytesDelivered: 0,
    viewsInstalled: 0,
    expulsions: 0,
    rejoins: 0,
    statesSent: 0,
    stateBytesSent: 0,
    statesReceived: 0,
    stateBytesReceived: 0,
    truncations: 0,
    faultyFound: 0,
    faultyRepaired: 0,
    diskFull: 0,
    fragmentsSent: 0,
    compressionBytesIn: 0,
    compressionBytesOut: 0,
  };
}
