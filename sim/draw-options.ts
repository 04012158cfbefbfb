/** Options of the group layer, drawn: often the defaults of production, often tiny, so that every bound is met. */
import type { SeededRandom } from '../gcs/base/index.ts';
import type { GroupOptions } from '../gcs/core/index.ts';
import type { Profile } from './seed-result.ts';

/** Of production: 8 and 3. */
const HEARTBEATS_PER_TIMEOUT: Readonly<Record<Profile, readonly number[]>> = { usual: [4, 8], long: [8] };
const TICKS_PER_HEARTBEAT: Readonly<Record<Profile, readonly number[]>> = { usual: [1, 1, 1, 1, 1, 3], long: [1] };

/** From production's on; mostly ones that let time pass quickly. */
export const LONG_ELECTION_TIMEOUTS_MS = [600, 2000, 5000, 5000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000];

export function drawGroupOptions(
  random: SeededRandom,
  profile: Profile,
  electionTimeoutsMs: readonly number[],
): GroupOptions {
  const electionTimeoutMs = random.pick(electionTimeoutsMs);
  const heartbeatMs = electionTimeoutMs / random.pick(HEARTBEATS_PER_TIMEOUT[profile]);
  const fragmentBytesMax = random.pick([100, 1000, 256 * 1024]);
  const logKeepBytes = random.pick([0, 5000, 50_000, 1024 * 1024 * 1024]);
  return {
    tickMs: Math.floor(heartbeatMs / random.pick(TICKS_PER_HEARTBEAT[profile])),
    unreachableAfterMs: electionTimeoutMs * 2,
    memberExpelTimeoutMs: random.pick(profile === 'long' ? [5000, 30_000] : [300, 1000, 5000]),
    promotionLagMax: random.pick([1, 10, 1000]),
    redialMinMs: random.pick([2, 20]),
    redialMaxMs: random.pick(profile === 'long' ? [1000, 5000] : [100, 500]),
    peerBufferBytesMax: random.pick([1_000_000, 64 * 1024 * 1024]),
    fragmentBytesMax,
    fragmentsInFlight: random.pick([1, 2, 4]),
    fragmentRest: random.pick([0, 2]),
    compressionThresholdBytes: random.pick([0, 200, 16 * 1024]),
    messageBytesMax: 150 * 1024 * 1024,
    logKeepBytes,
    logBytesMax: logKeepBytes + random.pick([5000, 100_000, 1024 * 1024 * 1024]),
    sealAfterMs: random.pick([50, 1000]),
    consensus: {
      electionTimeoutMs,
      heartbeatMs,
      appendBytesMax: random.pick([1, 200, 4096, 1024 * 1024]),
      appendEntriesMax: random.pick([1, 1, 3, 1024]),
      windowBytesMax: random.pick([1, 1000, 8 * 1024 * 1024]),
      windowMessagesMax: random.pick([1, 1, 2, 256]),
      tailBytesMax: random.pick([1, 1000, 1024 * 1024]),
      deliverBytesMax: random.pick([1, 1000, 1024 * 1024]),
      pendingMessagesMax: random.pick([1, 4, 64, 512]),
      pendingReadsMax: random.pick([1, 8, 1024]),
      stampBoundMs: 500,
      resendMs: random.pick([100, 500]),
    },
    log: {
      segmentBytes: random.pick([1024, 4096, 16_384]),
      cacheBytesMax: random.pick([1, 4000, 1024 * 1024]),
      blockBytesMax: random.pick([2000, 65_536, 1024 * 1024]),
    },
    transfer: {
      chunkBytes: random.pick([200, 4096, 256 * 1024]),
      windowChunks: random.pick([1, 4]),
      silenceMs: random.pick([1000, 3000]),
      retryMs: random.pick([50, 500]),
      servedMax: random.pick([1, 2]),
    },
  };
}

/**
 * Bounds for what has to become whole hold where elections take a second at most; they grow with the election timeout.
 * Returns how many times longer they are.
 */
export function patienceFor({ consensus }: GroupOptions): number {
  return Math.max(1, consensus.electionTimeoutMs / 1000);
}

/** Founding members: five now and then, and one alone. */
export function drawMemberCount(random: SeededRandom): number {
  return random.pick([3, 3, 3, 3, 3, 3, 3, 5, 5, 1]);
}
