/** Commit times as text, and their order. Years from days: H. Hinnant, "chrono-compatible low-level date algorithms". */
import { assert } from '../gcs/base/index.ts';
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
  const days = Math.floor(physicalMs / dayMs);
  const ms = physicalMs - days * dayMs;
  const { year, month, day } = civilFromDays(days);
  const date = `${year > 9999 ? `+${digits(year, 6)}` : digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
  const hours = digits(Math.floor(ms / 3_600_000), 2);
  const minutes = digits(Math.floor(ms / 60_000) % 60, 2);
  const seconds = digits(Math.floor(ms / 1000) % 60, 2);
  return `${date}T${hours}:${minutes}:${seconds}.${digits(ms % 1000, 3)}Z.${logical}`;
}

const dayMs = 86_400_000;

/** The Gregorian date of a day counted from 1970-01-01. A year begins in March here, so that a leap day ends it. */
function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
