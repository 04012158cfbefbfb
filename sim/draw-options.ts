/** Options of the group layer, drawn: often the defaults of production, often tiny, so that every bound is met. */
import type { SeededRandom } from '../gcs/base/index.ts';
import type { GroupOptions } from '../gcs/core/index.ts';

export function drawGroupOptions(random: SeededRandom, electionTimeoutsMs: readonly number[]): GroupOptions {
  const electionTimeoutMs = random.pick(electionTimeoutsMs);
  const heartbeatMs = random.pick([electionTimeoutMs / 4, electionTimeoutMs / 8]);
  const fragmentBytesMax = random.pick([100, 1000, 256 * 1024]);
  const logKeepBytes = random.pick([0, 5000, 50_000, 1024 * 1024 * 1024]);
  return {
    tickMs: Math.floor(heartbeatMs / random.pick([1, 2, 3])),
    unreachableAfterMs: electionTimeoutMs * 2,
    memberExpelTimeoutMs: random.pick([300, 1000, 5000]),
    promotionLagMax: random.pick([1, 10, 1000]),
    redialMinMs: random.pick([2, 20]),
    redialMaxMs: random.pick([100, 500]),
    peerBufferBytesMax: random.pick([1_000_000, 64 * 1024 * 1024]),
    fragmentBytesMax,
    fragmentsInFlight: random.pick([1, 2, 4]),
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
      segmentBytes: random.pick([1024, 4096, 65_536]),
      cacheBytesMax: random.pick([1, 1000, 1024 * 1024]),
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

/** Founding members: five now and then, and one alone. */
export function drawMemberCount(random: SeededRandom): number {
  return random.pick([3, 3, 3, 3, 3, 3, 3, 5, 5, 1]);
}
