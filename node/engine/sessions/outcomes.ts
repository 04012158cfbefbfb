/** What the group said of a commit or a schema change, as clients are answered. */
import { formatCommitTime } from '../../../certifier/index.ts';
import { type SequenceNumber, unreachable } from '../../../gcs/base/index.ts';
import { conflictError } from '../conflict-error.ts';
import {
  diskFull,
  noQuorum,
  notOnline,
  overloaded,
  type RequestError,
  shuttingDown,
  snapshotTooOld,
  unknownOutcome,
} from '../errors.ts';
import type { KeyRefusal } from '../idempotency/judge-key.ts';
import { type IncrementedColumn, incrementedColumns, refusedAt } from '../own-increments.ts';
import type { CommitLayers, CommitOutcome, Refusal, Replica } from '../replica.ts';
import type { Transaction } from '../transaction.ts';

/** What `commit` answers, and every write that is a transaction of its own. All null but the snapshot where nothing was written. */
export interface CommitAnswer {
  readonly gtid: string | null;
  readonly sequenceNumber: SequenceNumber | null;
  readonly commitTime: string | null;
  /** Null where no statement fixed one. */
  readonly snapshotVersion: SequenceNumber | null;
  /** With `profile`. */
  readonly layers?: CommitLayers;
  /** Each column that was incremented, and its value now. Absent: none was. */
  readonly increments?: readonly IncrementedColumn[];
}

export function nothingWritten(transaction: Transaction): CommitAnswer {
  return { gtid: null, sequenceNumber: null, commitTime: null, snapshotVersion: transaction.snapshotVersion };
}

export function committed(
  outcome: Extract<CommitOutcome, { kind: 'committed' }>,
  transaction: Transaction,
  replica: Replica,
): CommitAnswer {
  // It was ordered for what it read.
  if (transaction.writtenRows === 0) return nothingWritten(transaction);
  const { sequenceNumber, commitTime } = outcome;
  const answer = {
    gtid: gtidOf(replica, sequenceNumber),
    sequenceNumber,
    commitTime: formatCommitTime(commitTime),
    snapshotVersion: transaction.snapshotVersion,
  };
  if (!transaction.hasIncrements) return answer;
  const increments = incrementedColumns(transaction, outcome.resolved ?? []);
  return increments.length === 0 ? answer : { ...answer, increments };
}

export function commitError(
  outcome: Exclude<CommitOutcome, { kind: 'committed' } | KeyRefusal>,
  transaction: Transaction,
  replica: Replica,
  key: string | null = null,
): RequestError {
  switch (outcome.kind) {
    case 'snapshot-too-old':
      return snapshotTooOld({ snapshotVersion: transaction.certifiedAgainst(null), purgeFloor: outcome.purgeFloor });
    case 'conflict':
      return conflictError(outcome, { transaction, replica });
    case 'out-of-bounds':
      return refusedAt(transaction, outcome.key, outcome.refused);
    default:
      return refusalError(outcome, replica, key);
  }
}

/** `key`: the request's idempotency key. */
export function refusalError(
  outcome: Refusal | { readonly kind: 'unknown' },
  replica: Replica,
  key: string | null = null,
): RequestError {
  switch (outcome.kind) {
    case 'no-quorum':
      return noQuorum(replica.state);
    case 'not-online':
      return notOnline(outcome.state);
    case 'shutting-down':
      return shuttingDown(replica.state);
    case 'disk-full':
      return diskFull(replica.state);
    case 'overloaded':
      return overloaded(outcome.retryAfterMs, 'This member has more to commit than it can take');
    case 'unknown':
      return unknownOutcome(key);
    default:
      return unreachable(outcome);
  }
}

export function gtidOf(replica: Replica, sequenceNumber: SequenceNumber): string {
  return `${replica.groupId}:${sequenceNumber}`;
}
