/** Options of the group layer, drawn: often the defaults of production, often tiny, so that every bound is met. */
import type { SeededRandom } from '../gcs/base/index.ts';
import type { GroupOptions } from '../gcs/core/index.ts';

export function drawGroupOptions(random: SeededRandom, electionTimeoutsMs: readonly number[]): GroupOptions {
  const electionTimeoutMs = random.pick(electionTimeoutsMs);
  const heartbeatMs = random.pick([electionTimeoutMs / 4, electionTimeoutMs / 8]);
  return {
    tickMs: Math.floor(heartbeatMs / 3),
    unreachableAfterMs: electionTimeoutMs * 2,
    redialMinMs: random.pick([2, 20]),
    redialMaxMs: random.pick([100, 500]),
    peerBufferBytesMax: random.pick([1_000_000, 64 * 1024 * 1024]),
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
      stampBoundMs: 500,
      resendMs: random.pick([100, 500]),
    },
    log: {
      segmentBytes: random.pick([1024, 4096, 65_536]),
      cacheBytesMax: random.pick([1, 1000, 1024 * 1024]),
      blockBytesMax: random.pick([2000, 65_536, 1024 * 1024]),
    },
  };
}

/** Five members now and then, and one alone. */
export function drawMemberCount(random: SeededRandom): number {
  return random.pick([3, 3, 3, 3, 3, 3, 3, 5, 5, 1]);
}
