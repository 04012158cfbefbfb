import type { RowKey } from '../certifier/types.ts';
import { hash32 } from '../gcs/base/index.ts';

const LANE_SEED = 0x6c616e65;

/** The lane that a row lives in, 0 to `laneCount` - 1. Fixed for ever: a data directory depends on it. */
export function laneOf(key: RowKey, laneCount: number): number {
  return laneCount === 1 ? 0 : hash32(key, LANE_SEED) % laneCount;
}
