import { CONSENSUS_DEFAULTS } from '../consensus/consensus.ts';
import { SEGMENT_LOG_DEFAULTS } from '../log/segment-log.ts';
import type { GroupOptions } from './group.ts';

export const GROUP_DEFAULTS: GroupOptions = {
  tickMs: 25,
  unreachableAfterMs: 2000,
  redialMinMs: 50,
  redialMaxMs: 1000,
  peerBufferBytesMax: 64 * 1024 * 1024,
  consensus: CONSENSUS_DEFAULTS,
  log: SEGMENT_LOG_DEFAULTS,
};
