/**
 * What to do about a failure: the rules by which requests and transactions are run again.
 *
 *   `retry` of the error                     | what may have been committed | then
 *   "no"                                     | nothing                      | fails
 *   "transaction"                            | nothing                      | again, after `retryAfterMs` and a jittered wait
 *   "elsewhere", also CONNECTION_LOST        | nothing                      | again at another member
 *   "withKey": UNKNOWN_OUTCOME, also where a | anything                     | again with its key; without one it fails
 *     write or commit was sent and lost      |                              |
 *   TIMEOUT                                  | nothing                      | fails, but for `atLeast`, which another may have
 */
import type { ConcertError, ErrorAnswer } from '../concert-error.ts';
import { closed, connectionLost, unknownOutcome } from './own-errors.ts';
import type { Loss } from './request.ts';

export interface Standing {
  readonly hasKey: boolean;
  /** To one member. */
  readonly isBound: boolean;
  /** This run's number, from 1. */
  readonly attempt: number;
  readonly attemptsMax: number;
}

export type Decision = 'fail' | 'again' | 'elsewhere';

export function decide(error: ConcertError, standing: Standing): Decision {
  if (standing.attempt >= standing.attemptsMax) return 'fail';
  const { hasKey, isBound } = standing;
  // It has been waited for long enough.
  if (error.code === 'CONNECTION_FAILED') return 'fail';
  switch (error.retry) {
    case 'withKey':
      return hasKey ? 'elsewhere' : 'fail';
    case 'elsewhere':
      return isBound && error.code !== 'CONNECTION_LOST' ? 'fail' : 'elsewhere';
    case 'transaction':
      if (error.code !== 'TIMEOUT') return 'again';
      // Another member may be further.
      return (error.facts.waitedFor === 'atLeast' || error.facts.waitedFor === 'asOf') && !isBound
        ? 'elsewhere'
        : 'fail';
    default:
      return 'fail';
  }
}

/** The error of a request whose connection ended. `commits`: if it was executed, something may have been committed. */
export function lossError(
  loss: Loss,
  request: {
    readonly url: string;
    readonly commits: boolean;
    readonly isClosing: boolean;
    readonly key: string | null;
  },
): ConcertError {
  const { url, commits, isClosing, key } = request;
  const cause = isClosing ? closed() : connectionLost(url, loss.problem, loss.isOurFault ? 'no' : 'elsewhere');
  return loss.wasSent && commits ? unknownOutcome(cause, key) : cause;
}

/** At least so long is to be waited before the next run. */
export function retryAfterMs(error: ConcertError): number {
  const { retryAfterMs } = rootOf(error);
  return typeof retryAfterMs === 'number' ? retryAfterMs : 0;
}

/** The sequence number of who won, which the next run has to see so as not to lose to it again; 0 where nobody did. */
export function winnerOf(error: ConcertError): number {
  const { winner } = rootOf(error);
  const { gtid } = (winner ?? {}) as { gtid?: unknown };
  return typeof gtid === 'string' ? sequenceNumberOf(gtid) : 0;
}

/** Of a GTID or a sequence number; 0 where it is neither. */
export function sequenceNumberOf(position: string | number): number {
  const number = typeof position === 'number' ? position : Number(position.slice(position.lastIndexOf(':') + 1));
  return Number.isSafeInteger(number) ? number : 0;
}

/** The facts of what went wrong first, where a transaction was aborted by it. */
function rootOf({ code, facts }: ConcertError): Partial<ErrorAnswer> {
  return code === 'TRANSACTION_ABORTED' ? ((facts.cause ?? {}) as Partial<ErrorAnswer>) : facts;
}
