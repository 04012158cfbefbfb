/** What a member says of the group: its own figures, and the others' as they last told them. */
import type { MemberId, MemberOrdinal } from '../../../gcs/base/index.ts';
import type { ConsensusStatus, GroupView } from '../../../gcs/core/index.ts';
import type { CommitLatency, MemberRow, MemberState, MemberStatsRow } from '../replica.ts';
import type { MemberCounters } from './contract.ts';
import type { ReplicatedState } from './replicated-state.ts';
import type { StatusNotice } from './status-notice.ts';

/** Weight in elections of a primary; all are alike while every member is one. */
const WEIGHT = 50;

export function memberRows(of: {
  readonly view: GroupView;
  readonly self: { readonly memberId: MemberId; readonly state: MemberState; readonly version: string };
  readonly notices: ReadonlyMap<MemberOrdinal, StatusNotice>;
  readonly isReachable: (ordinal: MemberOrdinal) => boolean;
  readonly leader: MemberOrdinal | null;
}): readonly MemberRow[] {
  const { view, self, notices } = of;
  return view.members.map(({ memberId, ordinal, host, port }) => {
    const isSelf = memberId === self.memberId;
    const reachable = isSelf || of.isReachable(ordinal);
    const notice = notices.get(ordinal);
    const state = isSelf ? self.state : reachable ? (notice?.state ?? 'OFFLINE') : 'UNREACHABLE';
    return {
      memberId,
      host,
      port,
      state,
      role: state === 'ONLINE' ? 'PRIMARY' : 'SECONDARY',
      version: isSelf ? self.version : (notice?.version ?? ''),
      viewId: view.viewId,
      weight: WEIGHT,
      reachable,
      leads: ordinal === of.leader,
    };
  });
}

export function ownStats(of: {
  readonly state: ReplicatedState;
  readonly counters: MemberCounters;
  readonly status: ConsensusStatus | null;
  readonly waitingCommits: number;
  readonly commitLatencyMs: CommitLatency;
}): StatusNotice['stats'] {
  const { state, counters, status } = of;
  const { certifier, store, definition } = state;
  const last = certifier.sequenceNumber;
  return {
    countTransactionsInQueue: of.waitingCommits,
    countTransactionsChecked: counters.transactionsCertified,
    countConflictsDetected: counters.conflictsDetected,
    countTransactionsRowsValidating: certifier.itemCount,
    lastConflictFreeTransaction: last === 0 ? null : `${definition.groupId}:${last}`,
    countTransactionsRemoteInApplierQueue: status === null ? 0 : status.chosenUpTo - status.deliveredUpTo,
    countTransactionsRemoteApplied: counters.remoteApplied,
    countTransactionsLocalProposed: counters.localProposed,
    countTransactionsLocalRollback: counters.localRolledBack,
    countConflictsLocal: counters.preCertificationConflicts,
    appliedUpTo: store.appliedUpTo,
    purgeFloor: certifier.purgeFloor,
    digest: certifier.digest,
    commitLatencyMs: of.commitLatencyMs,
  };
}

/** One row for each member that has told its figures. */
export function memberStatsRows(of: {
  readonly state: ReplicatedState;
  readonly own: StatusNotice['stats'];
  readonly notices: ReadonlyMap<MemberOrdinal, StatusNotice>;
}): readonly MemberStatsRow[] {
  const { definition, self, digests } = of.state;
  const { viewId, members } = definition.view;
  const statsOf = (ordinal: MemberOrdinal) => (ordinal === self.ordinal ? of.own : of.notices.get(ordinal)?.stats);
  const everywhere = Math.min(...members.map(({ ordinal }) => statsOf(ordinal)?.appliedUpTo ?? 0));
  const rows: MemberStatsRow[] = [];
  for (const { memberId, ordinal } of members) {
    const stats = statsOf(ordinal);
    if (stats === undefined) continue;
    const digestEqualUpTo = ordinal === self.ordinal ? stats.appliedUpTo : digests.equalUpTo(ordinal);
    rows.push({ memberId, viewId, ...stats, transactionsCommittedAllMembers: everywhere, digestEqualUpTo });
  }
  return rows;
}
