/**
 * How long to wait before the next of several attempts: full jitter, a random share of a bound that doubles. Those who
 * failed together do not come back together. Source: Brooker, "Exponential Backoff and Jitter".
 */
export interface Backoff {
  readonly firstMs: number;
  readonly msMax: number;
}

/** `failures`: how many attempts have failed, from 1. `random`: from 0 to less than 1. */
export function backoffMs({ firstMs, msMax }: Backoff, failures: number, random: number): number {
  return random * Math.min(msMax, firstMs * 2 ** (failures - 1));
}
