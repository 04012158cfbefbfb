/**
 * Places of the past that clients name: by sequence number, or by a time. A time means the last that was committed then or
 * before; which that is, is known once the group's order has come beyond it (H13), for which a request waits.
 */
import { formatCommitTime, logicalMax, parseCommitTime } from '../../certifier/index.ts';
import type { CommitTime } from '../../certifier/types.ts';
import { type Clock, formatIsoTime, type SequenceNumber } from '../../gcs/base/index.ts';
import { invalidArgument } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Replica } from './replica.ts';
import type { Message } from './statements/statement.ts';

export type PastPlace = SequenceNumber | CommitTime;

/** What a time is compared with, to tell which is of the far future. */
export interface Present {
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly replica: Pick<Replica, 'timeReached'>;
  readonly limits: Pick<Limits, 'timeAheadMsMax'>;
}

/** @throws RequestError INVALID_ARGUMENT */
export function pastPlaceOf(message: Message, argument: string, present: Present): PastPlace | null {
  const value = message[argument];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  const time = typeof value === 'string' ? parseCommitTime(value) : null;
  if (time === null) {
    const forms = '2026-11-20T09:00:00.000Z, or a commit time, 2026-11-20T09:00:00.000Z.3';
    throw invalidArgument(argument, `expected a sequence number, or a time in UTC from 1970 on: ${forms}`);
  }
  requireNotFarAhead(argument, time, present);
  return time;
}

export function isTime(place: PastPlace | null): place is CommitTime {
  return typeof place === 'object' && place !== null;
}

/** A time as it was named. */
export function shownNamed(time: CommitTime): string {
  return time.logical === logicalMax ? formatIsoTime(time.physicalMs) : formatCommitTime(time);
}

/** As `formatCommitTime`; null: it is not known. */
export function shownTime(time: CommitTime | null): string | null {
  return time === null ? null : formatCommitTime(time);
}

function requireNotFarAhead(argument: string, time: CommitTime, { clock, replica, limits }: Present): void {
  const nowMs = Math.max(clock.wallMs(), replica.timeReached?.physicalMs ?? 0);
  const aheadMs = time.physicalMs - nowMs;
  if (aheadMs <= limits.timeAheadMsMax) return;
  const problem = `that is ${aheadMs} ms ahead of this member's clock, and at most ${limits.timeAheadMsMax} ms are waited for`;
  throw invalidArgument(argument, problem);
}

/** What has to be here before a request begins. */
export interface Awaited {
  readonly atLeast: SequenceNumber | null;
  readonly asOf: PastPlace | null;
}

/** Which argument says that something is waited for; null: none. */
export function awaitedArgument({ atLeast, asOf }: Awaited): 'asOf' | 'atLeast' | null {
  if (isTime(asOf)) return 'asOf';
  return atLeast === null ? null : 'atLeast';
}

/** Calls `done` once all of that is here, maybe in this turn. Returns how to give up. */
export function whenHere(replica: Replica, { atLeast, asOf }: Awaited, done: () => void): { cancel(): void } {
  if (!isTime(asOf)) return replica.whenApplied(atLeast ?? 0, done);
  let waiter = { cancel: () => {} };
  const first = replica.whenApplied(atLeast ?? 0, () => {
    waiter = replica.whenTimeReached(asOf, done);
  });
  return {
    cancel: () => {
      first.cancel();
      waiter.cancel();
    },
  };
}
