/** Views and notices for tests: members are called `m0`, `m1`, … by their ordinals. */
import type { GroupView } from '../../../gcs/core/index.ts';
import type { StatusNotice } from '../member/status-notice.ts';

/** `learners`: which of `ordinals` do not vote. */
export function viewOf(number: number, ordinals: readonly number[], learners: readonly number[] = []): GroupView {
  return {
    viewId: `1:${number}`,
    number,
    members: ordinals.map((ordinal) => ({
      ordinal,
      memberId: `m${ordinal}`,
      groupAddress: `m${ordinal}:71`,
      host: `m${ordinal}`,
      port: 70,
      isVoter: !learners.includes(ordinal),
    })),
    nextOrdinal: Math.max(...ordinals) + 1,
    former: [],
  };
}

export function noticeOf(changes: Partial<StatusNotice> = {}): StatusNotice {
  return {
    state: 'ONLINE',
    version: '1',
    stats: {
      countTransactionsInQueue: 0,
      countTransactionsChecked: 0,
      countConflictsDetected: 0,
      countTransactionsRowsValidating: 0,
      lastConflictFreeTransaction: null,
      countTransactionsRemoteInApplierQueue: 0,
      countTransactionsRemoteApplied: 0,
      countTransactionsLocalProposed: 0,
      countTransactionsLocalRollback: 0,
      countConflictsLocal: 0,
      appliedUpTo: 0,
      purgeFloor: 0,
      digest: '',
      past: { from: 0, fromTime: null, transactions: 0, versions: 0, bytes: 0 },
      commitLatencyMs: { count: 0, p50: 0, p95: 0, p99: 0, max: 0, layers: { l2Ms: 0, l1Ms: 0, l0Ms: 0 } },
    },
    digests: [],
    stateFrom: null,
    followsChanges: false,
    oldestNeeded: 0,
    reaches: [],
    hasRoom: true,
    claims: false,
    transactions: [],
    builds: null,
    ...changes,
  };
}
