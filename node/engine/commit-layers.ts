/**
 * Where the time of a commit went, in three layers that together are the whole of it: L2 the order, L1 execution and
 * queues, L0 versions and disk. L2 and L0 are measured; L1 is what is left, so that nothing is ever missing.
 */
import type { CommitLayers, OrderedTimes } from './replica.ts';

/** `ms`: the whole. In whole microseconds, so that the sum is exact to the last digit that is shown. */
export function layersOf(ms: number, { l2Ms, l0Ms }: OrderedTimes): CommitLayers {
  const whole = microseconds(ms);
  const l2 = Math.min(microseconds(l2Ms), whole);
  const l0 = Math.min(microseconds(l0Ms), whole - l2);
  return { l2Ms: l2 / 1000, l1Ms: (whole - l2 - l0) / 1000, l0Ms: l0 / 1000 };
}

/** The one that took most; of equals the upper one. */
export function slowestLayer({ l2Ms, l1Ms, l0Ms }: CommitLayers): 'l2' | 'l1' | 'l0' {
  if (l2Ms >= l1Ms && l2Ms >= l0Ms) return 'l2';
  return l1Ms >= l0Ms ? 'l1' : 'l0';
}

function microseconds(ms: number): number {
  return Math.max(0, Math.round(ms * 1000));
}
