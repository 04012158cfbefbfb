/**
 * Counts latencies in buckets of growing width, in the manner of HDR histograms: exact microseconds up to 256, above
 * it 128 buckets for each power of two, so that a bucket is less than 1 % wide. Recording is a few integer operations
 * and allocates nothing.
 */

const exactMax = 256;
const bucketsPerDoubling = 128;
const microsecondsMax = 2 ** 31 - 1;
const bucketCount = exactMax + (31 - 8) * bucketsPerDoubling;

/** A histogram as it travels between processes. */
export interface RecordedLatencies {
  readonly counts: Float64Array;
  readonly maxMs: number;
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketCount);
  #count = 0;
  #maxMs = 0;

  static of({ counts, maxMs }: RecordedLatencies): LatencyHistogram {
    const histogram = new LatencyHistogram();
    histogram.#counts.set(counts);
    histogram.#count = counts.reduce((sum, count) => sum + count, 0);
    histogram.#maxMs = maxMs;
    return histogram;
  }

  get count(): number {
    return this.#count;
  }

  /** The longest, exactly; 0 if there is none. */
  get maxMs(): number {
    return this.#maxMs;
  }

  record(ms: number): void {
    const microseconds = Math.min(ms * 1000, microsecondsMax) | 0;
    this.#counts[bucketOf(microseconds)]!++;
    this.#count++;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /** The latency that a share `quantile` (0 to 1) does not exceed, to 1 %; 0 if nothing was recorded. */
  quantileMs(quantile: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(quantile * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= rank) return Math.min(this.#maxMs, upperMicroseconds(bucket) / 1000);
    }
    return this.#maxMs;
  }

  recorded(): RecordedLatencies {
    return { counts: this.#counts, maxMs: this.#maxMs };
  }

  add(other: LatencyHistogram): void {
    for (let bucket = 0; bucket < bucketCount; bucket++) this.#counts[bucket]! += other.#counts[bucket]!;
    this.#count += other.#count;
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs);
  }
}

function bucketOf(microseconds: number): number {
  if (microseconds < exactMax) return microseconds;
  const shift = 24 - Math.clz32(microseconds);
  return exactMax + (shift - 1) * bucketsPerDoubling + (microseconds >>> shift) - bucketsPerDoubling;
}

/** Where the bucket ends. */
function upperMicroseconds(bucket: number): number {
  if (bucket < exactMax) return bucket + 1;
  const shift = Math.floor((bucket - exactMax) / bucketsPerDoubling) + 1;
  const mantissa = ((bucket - exactMax) % bucketsPerDoubling) + bucketsPerDoubling;
  return (mantissa + 1) * 2 ** shift;
}
