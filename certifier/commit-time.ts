/** Commit times as text, and their order. */
import { assert, formatIsoTime } from '../gcs/base/index.ts';
import type { CommitTime } from './types.ts';

/** The commit time before the first. */
export const beforeAllCommitTimes: CommitTime = { physicalMs: 0, logical: 0 };

/** The earliest time at or after `stampMs` that is later than `previous`. */
export function nextCommitTime(previous: CommitTime, stampMs: number): CommitTime {
  assert(Number.isSafeInteger(stampMs) && stampMs >= 0, 'a stamp is a whole number of milliseconds since 1970');
  if (stampMs > previous.physicalMs) return { physicalMs: stampMs, logical: 0 };
  return { physicalMs: previous.physicalMs, logical: previous.logical + 1 };
}

/** Below 0: `a` is earlier. 0: the same. */
export function compareCommitTimes(a: CommitTime, b: CommitTime): number {
  return a.physicalMs - b.physicalMs || a.logical - b.logical;
}

/** ISO time in UTC with the logical count appended: `2026-11-20T09:00:00.000Z.3`. Years above 9999: `+012345-…`. */
export function formatCommitTime({ physicalMs, logical }: CommitTime): string {
  return `${formatIsoTime(physicalMs)}.${logical}`;
}
