/** The leader's time of day, kept near what most members believe (H13). */

/**
 * What a member's clock said, and when that was learnt, by the reader's monotonic clock: its own wall clock may jump in
 * between.
 */
export interface ClockReading {
  readonly wallMs: number;
  readonly readMs: number;
}

/** How far that clock is ahead of the reader's, which says `wallMs` at `monotonicMs`. */
export function aheadBy(reading: ClockReading, now: { readonly wallMs: number; readonly monotonicMs: number }): number {
  return reading.wallMs + (now.monotonicMs - reading.readMs) - now.wallMs;
}

/** `aheadMs`: of the members heard lately, the leader's own 0 included. A whole number, not negative. */
export function stampAt(
  wallMs: number,
  clocks: { readonly aheadMs: readonly number[]; readonly boundMs: number },
): number {
  const sorted = [...clocks.aheadMs].sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)]!;
  const ownError = Math.max(median - clocks.boundMs, Math.min(median + clocks.boundMs, 0));
  return Math.max(0, Math.floor(wallMs + ownError));
}
