import { CONSENSUS_DEFAULTS } from '../consensus/consensus.ts';
import { SEGMENT_LOG_DEFAULTS } from '../log/segment-log.ts';
import { TRANSFER_DEFAULTS } from '../transfer/contract.ts';
import type { GroupOptions } from './contract.ts';

export const GROUP_DEFAULTS: GroupOptions = {
  tickMs: 25,
  unreachableAfterMs: 2000,
  memberExpelTimeoutMs: 5000,
  promotionLagMax: 1000,
  redialMinMs: 50,
  redialMaxMs: 1000,
  peerBufferBytesMax: 64 * 1024 * 1024,
  fragmentBytesMax: 256 * 1024,
  // What a small message may find before it, and enough to keep a disk busy.
  fragmentsInFlight: 2,
  // A quarter of the time is its own: the rest is the neighbours'.
  fragmentRest: 3,
  compressionThresholdBytes: 16 * 1024,
  messageBytesMax: 150 * 1024 * 1024,
  logKeepBytes: 1024 * 1024 * 1024,
  logBytesMax: 4 * 1024 * 1024 * 1024,
  sealAfterMs: 1000,
  consensus: CONSENSUS_DEFAULTS,
  log: SEGMENT_LOG_DEFAULTS,
  transfer: TRANSFER_DEFAULTS,
};
