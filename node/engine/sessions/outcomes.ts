/** What the group said of a commit or a schema change, as clients are answered. */
import { formatCommitTime } from '../../../certifier/index.ts';
import { type SequenceNumber, unreachable } from '../../../gcs/base/index.ts';
import {
  certificationConflict,
  diskFull,
  noQuorum,
  notOnline,
  overloaded,
  type RequestError,
  schemaChanged,
  shuttingDown,
  snapshotTooOld,
  unknownOutcome,
} from '../errors.ts';
import { decodeKey, shownKey } from '../key-codec.ts';
import type { CommitOutcome, Refusal, Replica } from '../replica.ts';
import type { Transaction } from '../transaction.ts';

/** What `commit` answers, and every write that is a transaction of its own. All null but the snapshot where nothing was written. */
export interface CommitAnswer {
  readonly gtid: string | null;
  readonly sequenceNumber: SequenceNumber | null;
  readonly commitTime: string | null;
  /** Null where no statement fixed one. */
  readonly snapshotVersion: SequenceNumber | null;
}

export function nothingWritten(transaction: Transaction): CommitAnswer {
  return { gtid: null, sequenceNumber: null, commitTime: null, snapshotVersion: transaction.snapshotVersion };
}

export function committed(
  outcome: Extract<CommitOutcome, { kind: 'committed' }>,
  transaction: Transaction,
  replica: Replica,
): CommitAnswer {
  const { sequenceNumber, commitTime } = outcome;
  return {
    gtid: gtidOf(replica, sequenceNumber),
    sequenceNumber,
    commitTime: formatCommitTime(commitTime),
    snapshotVersion: transaction.snapshotVersion,
  };
}

export function commitError(
  outcome: Exclude<CommitOutcome, { kind: 'committed' }>,
  transaction: Transaction,
  replica: Replica,
): RequestError {
  const snapshotVersion = transaction.snapshotVersion ?? 0;
  switch (outcome.kind) {
    case 'snapshot-too-old':
      return snapshotTooOld({ snapshotVersion, purgeFloor: outcome.purgeFloor });
    case 'conflict': {
      const winner = {
        gtid: gtidOf(replica, outcome.winner.sequenceNumber),
        member: replica.memberIdOf(outcome.winner.origin),
      };
      const decoded = decodeKey(outcome.key, null);
      if (decoded.kind === 'row') {
        const table = transaction.touchedTable(decoded.tableId);
        const typed = decodeKey(outcome.key, table?.keyTypes ?? null);
        return certificationConflict({
          table: table?.name ?? `(table id ${decoded.tableId})`,
          item: 'row',
          key: shownKey(typed.kind === 'row' ? typed.values : decoded.values),
          snapshotVersion,
          winner,
          phase: outcome.phase,
        });
      }
      const tableId = decoded.kind === 'catalog-item' ? decoded.tableId : -1;
      return schemaChanged({ table: transaction.touchedTable(tableId)?.name ?? '', snapshotVersion, winner });
    }
    default:
      return refusalError(outcome, replica);
  }
}

export function refusalError(outcome: Refusal | { readonly kind: 'unknown' }, replica: Replica): RequestError {
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
      return unknownOutcome();
    default:
      return unreachable(outcome);
  }
}

function gtidOf(replica: Replica, sequenceNumber: SequenceNumber): string {
  return `${replica.groupId}:${sequenceNumber}`;
}
