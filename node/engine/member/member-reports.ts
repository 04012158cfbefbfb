/** What a member says of the group: its own figures, and the others' as they last told them. */
import type { MemberId, MemberOrdinal } from '../../../gcs/base/index.ts';
import { type ConsensusStatus, type GroupView, memberIdOf, memberNamed } from '../../../gcs/core/index.ts';
import { shownTime } from '../past-place.ts';
import type { CommitLatency, HeldPast, MemberRow, MemberState, MemberStatsRow, TransferRow } from '../replica.ts';
import type { ChangeHistory } from './change-history.ts';
import type { MemberCounters } from './contract.ts';
import type { DigestWatch } from './digest-watch.ts';
import type { ReplicatedState } from './replicated-state.ts';
import type { StatusNotice } from './status-notice.ts';

/** Weight in elections of a primary; all are alike while every member is one. */
const WEIGHT = 50;

/** What a member knows of itself without asking. */
export interface OwnFacts {
  readonly memberId: MemberId;
  readonly state: MemberState;
  readonly version: string;
  readonly hasRoom: boolean;
  readonly claims: boolean;
  /** Whom it hears, itself included. */
  readonly reaches: readonly MemberOrdinal[];
  readonly transfer: TransferRow | null;
}

/** One row for each member of `view`, by ordinal. */
export function memberRows(of: {
  readonly view: GroupView;
  readonly self: OwnFacts;
  readonly notices: ReadonlyMap<MemberOrdinal, StatusNotice>;
  readonly leader: MemberOrdinal | null;
}): readonly MemberRow[] {
  const { view, self, notices } = of;
  const named = (ordinals: readonly MemberOrdinal[]): readonly MemberId[] =>
    ordinals.map((ordinal) => memberIdOf(view, ordinal)).filter((memberId) => memberId !== '');
  return view.members.map(({ memberId, ordinal, host, port, isVoter }) => {
    const isSelf = memberId === self.memberId;
    const reachable = isSelf || self.reaches.includes(ordinal);
    const notice = notices.get(ordinal);
    const state = isSelf ? self.state : reachable ? (notice?.state ?? 'RECOVERING') : 'UNREACHABLE';
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
      learner: !isVoter,
      hasRoom: isSelf ? self.hasRoom : (notice?.hasRoom ?? true),
      claims: isSelf ? self.claims : (notice?.claims ?? false),
      reaches: named(isSelf ? self.reaches : (notice?.reaches ?? [])),
      transfer: isSelf ? self.transfer : null,
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
    past: heldPastOf(state.history),
    commitLatencyMs: of.commitLatencyMs,
  };
}

function heldPastOf({ heldFrom, heldFromTime, transactions, versions, bytes }: ChangeHistory): HeldPast {
  const fromTime = heldFrom === 0 ? null : shownTime(heldFromTime);
  return { from: heldFrom, fromTime, transactions, versions, bytes };
}

/** One row for each member that has told its figures. */
export function memberStatsRows(of: {
  readonly view: GroupView;
  readonly memberId: MemberId;
  readonly digests: DigestWatch;
  readonly own: StatusNotice['stats'];
  readonly notices: ReadonlyMap<MemberOrdinal, StatusNotice>;
}): readonly MemberStatsRow[] {
  const { viewId, members } = of.view;
  const self = memberNamed(of.view, of.memberId)?.ordinal ?? null;
  const statsOf = (ordinal: MemberOrdinal) => (ordinal === self ? of.own : of.notices.get(ordinal)?.stats);
  const everywhere = Math.min(...members.map(({ ordinal }) => statsOf(ordinal)?.appliedUpTo ?? 0));
  const rows: MemberStatsRow[] = [];
  for (const { memberId, ordinal } of members) {
    const stats = statsOf(ordinal);
    if (stats === undefined) continue;
    const digestEqualUpTo = ordinal === self ? stats.appliedUpTo : of.digests.equalUpTo(ordinal);
    rows.push({ memberId, viewId, ...stats, transactionsCommittedAllMembers: everywhere, digestEqualUpTo });
  }
  return rows;
}
