/** What members tell each other a few times a second, outside of the total order: best effort, for display and the digest watch. */
import {
  type MemberId,
  type MemberOrdinal,
  type SequenceNumber,
  utf8Decode,
  utf8Encode,
} from '../../../gcs/base/index.ts';
import type { BuildState } from '../builds/builder.ts';
import { ISOLATION_LEVELS, type Isolation } from '../isolation.ts';
import type {
  CommitLatency,
  CommitLayers,
  HeldPast,
  MemberState,
  MemberStatsRow,
  SessionTransaction,
} from '../replica.ts';
import type { DigestPoint } from './digest-watch.ts';

export interface StatusNotice {
  readonly state: MemberState;
  readonly version: string;
  readonly stats: Omit<MemberStatsRow, 'memberId' | 'viewId' | 'transactionsCommittedAllMembers' | 'digestEqualUpTo'>;
  readonly digests: readonly DigestPoint[];
  /** Whose state it received, as long as it is no witness of its own (DigestWatch). */
  readonly stateFrom: MemberId | null;
  /** Clients of it follow the changes. */
  readonly followsChanges: boolean;
  /** Lowest snapshot that a transaction of it may still have: the purge floor must not rise above it. */
  readonly oldestNeeded: SequenceNumber;
  /** Whom it hears, itself included: its row of the matrix. */
  readonly reaches: readonly MemberOrdinal[];
  /** Its disk takes more. */
  readonly hasRoom: boolean;
  /** Its log lost what it had promised to keep: it does not stand. */
  readonly claims: boolean;
  /** The oldest that clients have open there. */
  readonly transactions: readonly SessionTransaction[];
  /** What it builds. */
  readonly builds: BuildState | null;
}

export function encodeStatusNotice(notice: StatusNotice): Uint8Array {
  return utf8Encode(JSON.stringify(notice));
}

const STATES: readonly unknown[] = ['OFFLINE', 'RECOVERING', 'ONLINE', 'ERROR'] satisfies MemberState[];
const DIGESTS_MAX = 100;
const MEMBERS_MAX = 1000;
const TRANSACTIONS_MAX = 100;

const COUNTS = [
  'countTransactionsInQueue',
  'countTransactionsChecked',
  'countConflictsDetected',
  'countTransactionsRowsValidating',
  'countTransactionsRemoteInApplierQueue',
  'countTransactionsRemoteApplied',
  'countTransactionsLocalProposed',
  'countTransactionsLocalRollback',
  'countConflictsLocal',
  'appliedUpTo',
  'purgeFloor',
] as const;

/** Null if a peer sent something else. */
export function decodeStatusNotice(bytes: Uint8Array): StatusNotice | null {
  let value: unknown;
  try {
    value = JSON.parse(utf8Decode(bytes) ?? '');
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { state, version, stats, digests, followsChanges, oldestNeeded, reaches, hasRoom, claims, stateFrom } =
    value as Record<string, unknown>;
  // A member of an earlier version tells none.
  const { transactions = [], builds = null } = value as Record<string, unknown>;
  if (!STATES.includes(state) || typeof version !== 'string' || !isStats(stats) || !Array.isArray(digests)) return null;
  if (
    typeof followsChanges !== 'boolean' ||
    typeof hasRoom !== 'boolean' ||
    typeof claims !== 'boolean' ||
    !isCount(oldestNeeded)
  )
    return null;
  if (stateFrom !== null && typeof stateFrom !== 'string') return null;
  if (!Array.isArray(reaches) || reaches.length > MEMBERS_MAX || !reaches.every(isCount)) return null;
  if (digests.length > DIGESTS_MAX || !digests.every(isDigestPoint)) return null;
  if (!Array.isArray(transactions) || transactions.length > TRANSACTIONS_MAX || !transactions.every(isTransaction)) {
    return null;
  }
  if (builds !== null && !isBuildState(builds)) return null;
  return {
    state: state as MemberState,
    version,
    stats,
    digests,
    stateFrom,
    followsChanges,
    oldestNeeded,
    reaches,
    hasRoom,
    claims,
    transactions,
    builds,
  };
}

function isBuildState(value: unknown): value is BuildState {
  if (typeof value !== 'object' || value === null) return false;
  const { tableId, since, rows } = value as Record<string, unknown>;
  return [tableId, since, rows].every(isCount);
}

const SESSION_STATES: readonly unknown[] = [
  'open',
  'waiting',
  'committing',
  'cursor',
] satisfies SessionTransaction['state'][];

function isTransaction(value: unknown): value is SessionTransaction {
  if (typeof value !== 'object' || value === null) return false;
  const row = value as Record<string, unknown>;
  return (
    typeof row.transactionId === 'string' &&
    typeof row.tx === 'string' &&
    SESSION_STATES.includes(row.state) &&
    ISOLATION_LEVELS.includes(row.isolation as Isolation) &&
    typeof row.isReadOnly === 'boolean' &&
    (row.snapshotVersion === null || isCount(row.snapshotVersion)) &&
    (row.floorHeld === null || isCount(row.floorHeld)) &&
    [row.ageMs, row.rowsWritten, row.bytes, row.locks].every(isCount) &&
    (row.waitsFor === null || isAwaited(row.waitsFor))
  );
}

function isAwaited(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { table, key, heldBy } = value as Record<string, unknown>;
  return typeof table === 'string' && typeof key === 'string' && (heldBy === null || typeof heldBy === 'string');
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isStats(value: unknown): value is StatusNotice['stats'] {
  if (typeof value !== 'object' || value === null) return false;
  const stats = value as Record<string, unknown>;
  const last = stats.lastConflictFreeTransaction;
  return (
    COUNTS.every((name) => Number.isSafeInteger(stats[name])) &&
    typeof stats.digest === 'string' &&
    isLatency(stats.commitLatencyMs) &&
    isPast(stats.past) &&
    (last === null || typeof last === 'string')
  );
}

function isLatency(value: unknown): value is CommitLatency {
  if (typeof value !== 'object' || value === null) return false;
  const latency = value as Record<string, unknown>;
  return (
    ['count', 'p50', 'p95', 'p99', 'max'].every((name) => Number.isFinite(latency[name])) && isLayers(latency.layers)
  );
}

function isPast(value: unknown): value is HeldPast {
  if (typeof value !== 'object' || value === null) return false;
  const past = value as Record<string, unknown>;
  const isTime = past.fromTime === null || typeof past.fromTime === 'string';
  return isTime && ['from', 'transactions', 'versions', 'bytes'].every((name) => isCount(past[name]));
}

function isLayers(value: unknown): value is CommitLayers {
  if (typeof value !== 'object' || value === null) return false;
  const layers = value as Record<string, unknown>;
  return ['l2Ms', 'l1Ms', 'l0Ms'].every((name) => Number.isFinite(layers[name]));
}

function isDigestPoint(value: unknown): value is DigestPoint {
  if (typeof value !== 'object' || value === null) return false;
  const { logIndex, digest } = value as Record<string, unknown>;
  return Number.isSafeInteger(logIndex) && typeof digest === 'string';
}
