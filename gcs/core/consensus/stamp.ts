/** The leader's time of day, kept near what most members believe (H13). */

/** How far a member's clock is ahead of the leader's, and when that was learnt. */
export interface ClockReading {
  readonly aheadMs: number;
  readonly readMs: number;
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
