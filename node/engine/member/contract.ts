/** What a member is made of, and what it tells its process. */
import type { LaneStore, VerdictFileOptions, VersionStoreOptions } from '../../../applier/index.ts';
import type { NewRecencyCache } from '../../../certifier/index.ts';
import type { Environment, Incarnation, MemberId, SequenceNumber } from '../../../gcs/base/index.ts';
import type { Formation, GroupMember, GroupOptions } from '../../../gcs/core/index.ts';
import type { ImageCodec } from '../image-codec.ts';
import type { MemberState } from '../replica.ts';
import type { ChangeHistoryOptions } from './change-history.ts';
import type { OutboxOptions } from './outbox.ts';

export interface MemberOptions {
  readonly group: GroupOptions;
  readonly outbox: OutboxOptions;
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
  /** A clean stop waits so long for what is committing. */
  readonly stopWaitMs: number;
}

export interface MemberEvents {
  stateChanged(state: MemberState, why: string): void;
  leaderChanged(leader: MemberId | null, term: number): void;
  quorumChanged(hasQuorum: boolean): void;
  reachabilityChanged(peer: MemberId, reachable: boolean): void;
  /** This member knows its group, now or from an earlier run. */
  formed(groupName: string, groupId: string, members: readonly GroupMember[]): void;
  /** A peer or stranger was turned away, or turned us away. */
  refusedPeer(address: string, reason: string): void;
  recovered(facts: { readonly entries: number; readonly upTo: SequenceNumber; readonly ms: number }): void;
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
  /** Open, with their number fixed by the data directory. */
  readonly lanes: readonly LaneStore[];
  readonly newCache: NewRecencyCache;
  readonly imageCodec: ImageCodec;
  readonly version: string;
  readonly options: MemberOptions;
  readonly events: MemberEvents;
}

/** Plain counters since the start; metrics read them at scrape. */
export interface MemberCounters {
  transactionsCertified: number;
  transactionsCommitted: number;
  conflictsDetected: number;
  snapshotsTooOld: number;
  preCertificationConflicts: number;
  localProposed: number;
  localRolledBack: number;
  remoteApplied: number;
  schemaChanges: number;
  batchesDelivered: number;
  bytesDelivered: number;
}

export function zeroCounters(): MemberCounters {
  return {
    transactionsCertified: 0,
    transactionsCommitted: 0,
    conflictsDetected: 0,
    snapshotsTooOld: 0,
    preCertificationConflicts: 0,
    localProposed: 0,
    localRolledBack: 0,
    remoteApplied: 0,
    schemaChanges: 0,
    batchesDelivered: 0,
    bytesDelivered: 0,
  };
}
