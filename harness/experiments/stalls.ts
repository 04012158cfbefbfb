/** How long commits stood still around a moment. Times are milliseconds, ascending where there are several. */

/** The longest time without one of `timesMs` between `fromMs` and `upToMs`. */
export function longestGap(timesMs: readonly number[], fromMs: number, upToMs: number): number {
  let last = fromMs;
  let longest = 0;
  for (const at of timesMs) {
    if (at < fromMs) continue;
    if (at > upToMs) break;
    longest = Math.max(longest, at - last);
    last = at;
  }
  return Math.max(longest, upToMs - last);
}

/** How many lie in each span of `everyMs` from `fromMs` on. */
export function countsAround(
  timesMs: readonly number[],
  { fromMs, upToMs, everyMs }: { readonly fromMs: number; readonly upToMs: number; readonly everyMs: number },
): number[] {
  const counts = new Array<number>(Math.round((upToMs - fromMs) / everyMs)).fill(0);
  for (const at of timesMs) {
    const span = Math.floor((at - fromMs) / everyMs);
    if (span >= 0 && span < counts.length) counts[span]!++;
  }
  return counts;
}

/** Of an even number, the lower of the two in the middle. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
}
