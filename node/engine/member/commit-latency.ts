/**
 * How long this member's clients waited for what committed: of the last ten seconds as quantiles, and since the start as
 * the counts of a Prometheus histogram. Recording is a few additions and allocates nothing.
 *
 * Each second has a histogram of its own, which the one ten seconds later takes over: exact microseconds up to 64, above
 * that 32 buckets for each power of two, so that a quantile is told to 3 % (from above).
 */
import type { CommitLatency } from '../replica.ts';

const SECONDS = 10;
const EXACT_MAX = 64;
const BUCKETS_PER_DOUBLING = 32;
const MICROSECONDS_MAX = 2 ** 31 - 1;
const BUCKET_COUNT = EXACT_MAX + (31 - 6) * BUCKETS_PER_DOUBLING;

/** Upper bounds of the cumulative histogram, in milliseconds: a commit takes a sync of the disk, and at most 30 s. */
const BOUNDS_MS: readonly number[] = [0.5, 1, 2, 3, 5, 7.5, 10, 15, 25, 50, 100, 250, 500, 1000, 2500, 10_000];

/** Since the start. */
export interface CommitDurations {
  readonly count: number;
  readonly sumMs: number;
  /** Ascending; `count`: those that took at most `upToMs`. */
  readonly buckets: readonly { readonly upToMs: number; readonly count: number }[];
}

const NOTHING: CommitLatency = { count: 0, p50: 0, p95: 0, p99: 0, max: 0 };

interface OneSecond {
  /** Which one, of the monotonic clock; -1: none yet. */
  second: number;
  /** Null: nothing was ever recorded here. */
  counts: Uint32Array | null;
  count: number;
  maxMs: number;
}

export class CommitLatencies {
  readonly #seconds: readonly OneSecond[] = Array.from({ length: SECONDS }, () => ({
    second: -1,
    counts: null,
    count: 0,
    maxMs: 0,
  }));
  readonly #withinBound = new Float64Array(BOUNDS_MS.length + 1);
  #count = 0;
  #sumMs = 0;

  /** A commit was answered at `nowMs` (monotonic), `ms` after it had been asked for. */
  record(ms: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const slot = this.#seconds[second % SECONDS]!;
    if (slot.second !== second) {
      slot.second = second;
      slot.counts?.fill(0);
      slot.count = 0;
      slot.maxMs = 0;
    }
    slot.counts ??= new Uint32Array(BUCKET_COUNT);
    slot.counts[bucketOf(Math.min(ms * 1000, MICROSECONDS_MAX) | 0)]!++;
    slot.count++;
    if (ms > slot.maxMs) slot.maxMs = ms;
    let bound = 0;
    while (bound < BOUNDS_MS.length && ms > BOUNDS_MS[bound]!) bound++;
    this.#withinBound[bound]!++;
    this.#count++;
    this.#sumMs += ms;
  }

  /** The second that has begun, and the nine before it. */
  lately(nowMs: number): CommitLatency {
    const second = Math.floor(nowMs / 1000);
    const recent = this.#seconds.filter(
      (slot) => slot.second > second - SECONDS && slot.second <= second && slot.count > 0,
    );
    if (recent.length === 0) return NOTHING;
    const counts = new Float64Array(BUCKET_COUNT);
    let count = 0;
    let max = 0;
    for (const slot of recent) {
      for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) counts[bucket]! += slot.counts![bucket]!;
      count += slot.count;
      max = Math.max(max, slot.maxMs);
    }
    const quantile = (share: number) => Math.min(max, quantileMs(counts, Math.ceil(share * count)));
    return {
      count,
      p50: toMicroseconds(quantile(0.5)),
      p95: toMicroseconds(quantile(0.95)),
      p99: toMicroseconds(quantile(0.99)),
      max: toMicroseconds(max),
    };
  }

  sinceStart(): CommitDurations {
    let count = 0;
    const buckets = BOUNDS_MS.map((upToMs, bound) => {
      count += this.#withinBound[bound]!;
      return { upToMs, count };
    });
    return { count: this.#count, sumMs: this.#sumMs, buckets };
  }
}

function bucketOf(microseconds: number): number {
  if (microseconds < EXACT_MAX) return microseconds;
  const doubling = 31 - Math.clz32(microseconds) - 6;
  return EXACT_MAX + doubling * BUCKETS_PER_DOUBLING + (microseconds >>> (doubling + 1)) - BUCKETS_PER_DOUBLING;
}

/** Upper end of the bucket of the value with that rank, from 1; 0 for rank 0. */
function quantileMs(counts: Float64Array, rank: number): number {
  if (rank === 0) return 0;
  let seen = 0;
  let bucket = -1;
  while (seen < rank) seen += counts[++bucket]!;
  if (bucket < EXACT_MAX) return (bucket + 1) / 1000;
  const doubling = Math.floor((bucket - EXACT_MAX) / BUCKETS_PER_DOUBLING);
  const within = (bucket - EXACT_MAX) % BUCKETS_PER_DOUBLING;
  return ((within + 1 + BUCKETS_PER_DOUBLING) * 2 ** (doubling + 1)) / 1000;
}

function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
