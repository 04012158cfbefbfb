import { GROUP_DEFAULTS } from '../../../gcs/core/index.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import type { MemberOptions } from './contract.ts';

export { CERTIFICATION_CAPACITY } from '../variables.ts';

/** Enough for some minutes of writes at full speed; 50 to 70 MB a member when it is full, and nothing before. */
export const CERTIFICATION_CAPACITY_DEFAULT = 1_000_000;

/** Group-wide option: how long what became of an idempotency key is kept, in milliseconds of ordered time (H16). */
export const IDEMPOTENCY_HORIZON_MS = 'idempotency_horizon_ms';

/** Longer than anybody retries; some 200 bytes a key on disk. */
export const IDEMPOTENCY_HORIZON_MS_DEFAULT = 24 * 3600 * 1000;

export const MEMBER_DEFAULTS: MemberOptions = {
  group: GROUP_DEFAULTS,
  outbox: {
    inFlightMax: 2,
    // A batch is not to be fragmented: it would wait for a large message.
    batchBytesMax: GROUP_DEFAULTS.fragmentBytesMax - 1024,
    queuedBytesMax: 64 * 1024 * 1024,
    noQuorumWaitMs: 3000,
    // Where one commit comes after the other a wait is lost; where many come, small batches cost every member too much.
    tuning: { delayMsMax: 1, waitingMin: 8, expectedMin: 2 },
  },
  // A slice takes some milliseconds.
  slices: { largeBytes: GROUP_DEFAULTS.fragmentBytesMax - 1024, items: 4000, bytes: 1024 * 1024 },
  versions: { flushIntervalMs: 2000, flushBytes: 16 * 1024 * 1024, overlayBytesMax: 256 * 1024 * 1024 },
  // Some seconds at full speed, hours of a quiet group: long enough to go on at another member. Rows take several times
  // these bytes in memory, each round of the flush looks at all of them, and a start repeats them. That costs a busy
  // member a fifth of its processor time; so it is held only while somebody follows the changes, here or elsewhere.
  history: { transactionsMax: 50_000, rowsMax: 100_000, bytesMax: 32 * 1024 * 1024 },
  historyUnfollowed: { transactionsMax: 2_000, rowsMax: 4_000, bytesMax: 4 * 1024 * 1024 },
  followedForMs: 60_000,
  verdicts: { chunkBytes: 4 * 1024 * 1024 },
  noticeEveryMs: 500,
  sweepEveryMs: 50,
  // Some minutes of a contended load, so that hot rows stand out; about 3 MB.
  conflictsKeptMax: 10_000,
  // What is kept then lasts ten seconds at the rate up to which all are, and 160 at the next sixteen times it.
  conflictSampling: { exactPerSecondMax: 1000, oneOf: 16 },
  conflictLinesPerSecondMax: 10,
  stopWaitMs: 5000,
  // Each rise is a message of the order.
  purgeStep: 1000,
  // Three to four million rows with keys of usual length.
  capacityTuning: { memoryBytesMax: 256 * 1024 * 1024 },
  truncateEveryMs: 1000,
  // A run of rows takes a few milliseconds, and others are served in between.
  builds: { rowsAtOnce: 200, restMs: 1, retryMs: 20, keyBytesMax: DEFAULT_LIMITS.keyBytesMax },
  transferRetryMs: 1000,
};
