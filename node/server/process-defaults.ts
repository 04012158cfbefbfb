/** What `concert start` takes where nothing is said. Loads nothing of storage or engine. */
import { GROUP_DEFAULTS } from '../../gcs/core/index.ts';
import { DEFAULT_LIMITS } from '../engine/limits.ts';
import { RETENTION_DEFAULT } from '../engine/member/retention.ts';

export const PROCESS_DEFAULTS = {
  memberExpelTimeoutMs: GROUP_DEFAULTS.memberExpelTimeoutMs,
  autorejoinTries: 3,
  logKeepBytes: GROUP_DEFAULTS.logKeepBytes,
  logBytesMax: GROUP_DEFAULTS.logBytesMax,
  logSegmentBytes: GROUP_DEFAULTS.log.segmentBytes,
  batchDelayMsMax: 1,
  certificationMemoryBytesMax: 256 * 1024 * 1024,
  compressionThresholdBytes: GROUP_DEFAULTS.compressionThresholdBytes,
  helpedAfterLosses: DEFAULT_LIMITS.helpedAfterLosses,
  yieldMs: DEFAULT_LIMITS.yieldMs,
  slowTransactionMs: 1000,
  conflictLogPerSecond: 10,
  transactionIdleMsMax: DEFAULT_LIMITS.transactionIdleMsMax,
  transactionMsMax: DEFAULT_LIMITS.transactionMsMax,
  transactionRowsMax: DEFAULT_LIMITS.transactionRowsMax,
  transactionBytesMax: DEFAULT_LIMITS.transactionBytesMax,
  retention: RETENTION_DEFAULT,
} as const;
