/** How a figure differs between runs. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Of the median: max - min; 0 where the median is. */
  readonly relative: number;
}

/** `values`: at least one. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  const min = sorted[0]!;
  const max = sorted.at(-1)!;
  return { median, min, max, relative: median === 0 ? 0 : (max - min) / median };
}
