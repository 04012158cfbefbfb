/**
 * How long this member's clients waited for what committed, and in which layer: of the last ten seconds as quantiles and
 * averages, and since the start as the counts of Prometheus histograms. Recording is a few additions and allocates nothing.
 *
 * Each second has a histogram of its own, which the one ten seconds later takes over: exact microseconds up to 64, above
 * that 32 buckets for each power of two, so that a quantile is told to 3 % (from above).
 */
import { layersOf } from '../commit-layers.ts';
import type { CommitLatency, OrderedTimes } from '../replica.ts';

const SECONDS = 10;
const EXACT_MAX = 64;
const BUCKETS_PER_DOUBLING = 32;
const MICROSECONDS_MAX = 2 ** 31 - 1;
const BUCKET_COUNT = EXACT_MAX + (31 - 6) * BUCKETS_PER_DOUBLING;

/** Upper bounds of the cumulative histograms, in milliseconds: a commit takes a sync of the disk, and at most 30 s. */
const BOUNDS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 25, 50, 100, 250, 500, 1000, 2500, 10_000,
];

/** Since the start. */
export interface CommitDurations {
  readonly count: number;
  readonly sumMs: number;
  /** Ascending; `count`: those that took at most `upToMs`. */
  readonly buckets: readonly { readonly upToMs: number; readonly count: number }[];
}

const NO_TIME = { l2Ms: 0, l1Ms: 0, l0Ms: 0 };
const NOTHING: CommitLatency = { count: 0, p50: 0, p95: 0, p99: 0, max: 0, layers: NO_TIME };

interface OneSecond {
  /** Which one, of the monotonic clock; -1: none yet. */
  second: number;
  /** Null: nothing was ever recorded here. */
  counts: Uint32Array | null;
  count: number;
  maxMs: number;
  sumMs: number;
  l2Ms: number;
  l0Ms: number;
}

/** Counts of durations since the start. */
class Histogram {
  readonly #withinBound = new Float64Array(BOUNDS_MS.length + 1);
  #count = 0;
  #sumMs = 0;

  record(ms: number): void {
    let bound = 0;
    while (bound < BOUNDS_MS.length && ms > BOUNDS_MS[bound]!) bound++;
    this.#withinBound[bound]!++;
    this.#count++;
    this.#sumMs += ms;
  }

  read(): CommitDurations {
    let count = 0;
    const buckets = BOUNDS_MS.map((upToMs, bound) => {
      count += this.#withinBound[bound]!;
      return { upToMs, count };
    });
    return { count: this.#count, sumMs: this.#sumMs, buckets };
  }
}

export class CommitLatencies {
  readonly #seconds: readonly OneSecond[] = Array.from({ length: SECONDS }, () => ({
    second: -1,
    counts: null,
    count: 0,
    maxMs: 0,
    sumMs: 0,
    l2Ms: 0,
    l0Ms: 0,
  }));
  readonly #all = new Histogram();
  readonly #l2 = new Histogram();
  readonly #l1 = new Histogram();
  readonly #l0 = new Histogram();

  /** A commit was answered at `nowMs` (monotonic), `ms` after it had been asked for. */
  record(ms: number, { l2Ms, l0Ms }: OrderedTimes, nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const slot = this.#seconds[second % SECONDS]!;
    if (slot.second !== second) {
      slot.second = second;
      slot.counts?.fill(0);
      slot.count = 0;
      slot.maxMs = 0;
      slot.sumMs = 0;
      slot.l2Ms = 0;
      slot.l0Ms = 0;
    }
    slot.counts ??= new Uint32Array(BUCKET_COUNT);
    slot.counts[bucketOf(Math.min(ms * 1000, MICROSECONDS_MAX) | 0)]!++;
    slot.count++;
    if (ms > slot.maxMs) slot.maxMs = ms;
    slot.sumMs += ms;
    slot.l2Ms += l2Ms;
    slot.l0Ms += l0Ms;
    this.#all.record(ms);
    this.#l2.record(l2Ms);
    this.#l1.record(Math.max(0, ms - l2Ms - l0Ms));
    this.#l0.record(l0Ms);
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
    let sumMs = 0;
    let l2Ms = 0;
    let l0Ms = 0;
    for (const slot of recent) {
      for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) counts[bucket]! += slot.counts![bucket]!;
      count += slot.count;
      max = Math.max(max, slot.maxMs);
      sumMs += slot.sumMs;
      l2Ms += slot.l2Ms;
      l0Ms += slot.l0Ms;
    }
    const quantile = (share: number) => Math.min(max, quantileMs(counts, Math.ceil(share * count)));
    return {
      count,
      p50: toMicroseconds(quantile(0.5)),
      p95: toMicroseconds(quantile(0.95)),
      p99: toMicroseconds(quantile(0.99)),
      max: toMicroseconds(max),
      layers: layersOf(sumMs / count, { l2Ms: l2Ms / count, l0Ms: l0Ms / count }),
    };
  }

  sinceStart(): CommitDurations {
    return this.#all.read();
  }

  /** Of one layer. What they count is the same, and their sums are that of `sinceStart`. */
  layerSinceStart(layer: 'l2' | 'l1' | 'l0'): CommitDurations {
    return { l2: this.#l2, l1: this.#l1, l0: this.#l0 }[layer].read();
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
