import type { SeededRandom } from '../../gcs/base/index.ts';
import { DEFAULT_LIMITS, type MemberOptions } from '../../node/engine/index.ts';
import { drawGroupOptions, LONG_ELECTION_TIMEOUTS_MS } from '../draw-options.ts';
import type { Profile } from '../seed-result.ts';

/** As many are tiny as are those of production. */
export function drawMemberOptions(random: SeededRandom, profile: Profile): MemberOptions {
  const isLong = profile === 'long';
  return {
    group: drawGroupOptions(random, profile, isLong ? LONG_ELECTION_TIMEOUTS_MS : [200, 600, 1000, 3000]),
    outbox: {
      inFlightMax: random.pick([1, 2, 8]),
      batchBytesMax: random.pick([1, 1000, 1024 * 1024]),
      queuedBytesMax: random.pick([5000, 1024 * 1024]),
      noQuorumWaitMs: random.pick([200, 3000]),
      tuning: {
        delayMsMax: random.pick([0, 1, 50]),
        waitingMin: random.pick([0, 1, 8]),
        expectedMin: random.pick([0, 0.01, 2]),
      },
    },
    slices: {
      largeBytes: random.pick([1, 60, 200, 256 * 1024]),
      items: random.pick([1, 2, 4000]),
      bytes: random.pick([1, 600, 4 * 1024 * 1024]),
    },
    versions: {
      flushIntervalMs: random.pick(isLong ? [2000, 10_000] : [50, 200, 1000, 2000]),
      flushBytes: random.pick([100, 10_000, 1024 * 1024]),
      overlayBytesMax: random.pick([20_000, 1024 * 1024]),
    },
    history: {
      transactionsMax: random.pick([1, 20, 200, 10_000]),
      rowsMax: random.pick([10, 10_000, 10_000]),
      bytesMax: random.pick([10_000, 100_000, 1024 * 1024]),
      youngerThanMs: random.pick([0, 0, 500, 5000]),
    },
    historyUnfollowed: {
      transactionsMax: random.pick([1, 20, 200]),
      rowsMax: random.pick([10, 10_000]),
      bytesMax: random.pick([10_000, 100_000]),
      youngerThanMs: random.pick([0, 500, 5000]),
    },
    followedForMs: random.pick([0, 1000, 60_000]),
    verdicts: { chunkBytes: random.pick([512, 4096, 16_384]) },
    noticeEveryMs: random.pick(isLong ? [2000, 5000] : [200, 500, 1000]),
    sweepEveryMs: random.pick(isLong ? [1000, 2000] : [50, 500, 500, 500]),
    conflictsKeptMax: random.pick([1, 100]),
    conflictSampling: { exactPerSecondMax: 5, oneOf: 3 },
    conflictLinesPerSecondMax: 10,
    stopWaitMs: 1000,
    purgeStep: random.pick([1, 10, 1000]),
    capacityTuning: { memoryBytesMax: random.pick([0, 200, 1000, 10_000]) },
    truncateEveryMs: random.pick(isLong ? [5000, 20_000] : [200, 1000]),
    transferRetryMs: random.pick([50, 500]),
    builds: {
      rowsAtOnce: random.pick([1, 2, 5, 500]),
      restMs: random.pick([1, 20, 200]),
      retryMs: random.pick([5, 50]),
      keyBytesMax: DEFAULT_LIMITS.keyBytesMax,
    },
  };
}

/** Items of the certification database. */
export function drawCapacity(random: SeededRandom): number {
  return random.pick([1, 2, 5, 20, 100, 1000, 1000]);
}

export function drawLaneCount(random: SeededRandom): number {
  return random.pick([1, 2, 4]);
}
