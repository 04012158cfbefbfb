/** Commit times as text, and their order. */
import { assert, formatIsoTime, parseIsoTime } from '../gcs/base/index.ts';
import type { CommitTime } from './types.ts';

/** The commit time before the first. */
export const beforeAllCommitTimes: CommitTime = { physicalMs: 0, logical: 0 };

/** The earliest time at or after `stampMs` that is later than `previous`. */
export function nextCommitTime(previous: CommitTime, stampMs: number): CommitTime {
  assert(Number.isSafeInteger(stampMs) && stampMs >= 0, 'a stamp is a whole number of milliseconds since 1970');
  if (stampMs > previous.physicalMs) return { physicalMs: stampMs, logical: 0 };
  return { physicalMs: previous.physicalMs, logical: previous.logical + 1 };
}

/** How far time has come where it had come to `time` and a record is stamped `stampMs`: no commit behind it is that early. */
export function markedTime(time: CommitTime, stampMs: number): CommitTime {
  assert(Number.isSafeInteger(stampMs) && stampMs >= 0, 'a stamp is a whole number of milliseconds since 1970');
  return stampMs > time.physicalMs ? { physicalMs: stampMs, logical: 0 } : time;
}

/** Below 0: `a` is earlier. 0: the same. */
export function compareCommitTimes(a: CommitTime, b: CommitTime): number {
  return a.physicalMs - b.physicalMs || a.logical - b.logical;
}

/** The last that any commit of that millisecond could have. */
export const logicalMax = Number.MAX_SAFE_INTEGER;

/**
 * A time that somebody names: a commit time as `formatCommitTime` writes it; or an ISO time in UTC, which is the end of that
 * millisecond, so that every commit of it is not later. Null: neither, or before 1970.
 */
export function parseCommitTime(text: string): CommitTime | null {
  const counted = /^(.*Z)\.(\d{1,15})$/.exec(text);
  const physicalMs = parseIsoTime(counted === null ? text : counted[1]!);
  if (physicalMs === null || physicalMs < 0) return null;
  return { physicalMs, logical: counted === null ? logicalMax : Number(counted[2]) };
}

/** ISO time in UTC with the logical count appended: `2026-11-20T09:00:00.000Z.3`. Years above 9999: `+012345-…`. */
export function formatCommitTime({ physicalMs, logical }: CommitTime): string {
  return `${formatIsoTime(physicalMs)}.${logical}`;
}
