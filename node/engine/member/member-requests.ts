/**
 * What members ask of each other outside of the total order, and answer: to end a transaction that is open there. It travels
 * as a notice to all that are reached, best effort, and only the one that is meant takes it up. What is not answered in time
 * is unknown: it may have been done.
 */
import { type Clock, type MemberId, type ScheduledCall, utf8Decode, utf8Encode } from '../../../gcs/base/index.ts';
import type { AbortOutcome } from '../replica.ts';

const ANSWER_MS_MAX = 5000;
/** More are refused as not reached: somebody asks in a loop. */
const WAITING_MAX = 1000;
const CHARACTERS_MAX = 1000;

type AnsweredOutcome = Extract<AbortOutcome, 'ended' | 'not-open' | 'committing'>;
const ANSWERED: readonly unknown[] = ['ended', 'not-open', 'committing'] satisfies AnsweredOutcome[];

/** `asker`: a run of a member, and which of its requests. */
type Notice =
  | { readonly kind: 'abort'; readonly of: MemberId; readonly transactionId: string; readonly asker: string }
  | { readonly kind: 'aborted'; readonly asker: string; readonly outcome: AnsweredOutcome };

export interface MemberRequestsSetup {
  readonly memberId: MemberId;
  readonly incarnation: number;
  readonly clock: Clock;
  readonly notify: (bytes: Uint8Array) => void;
  readonly isReached: (memberId: MemberId) => boolean;
  readonly abort: (transactionId: string) => AnsweredOutcome;
}

interface Waiting {
  readonly timer: ScheduledCall;
  readonly done: (outcome: AbortOutcome) => void;
}

export class MemberRequests {
  readonly #setup: MemberRequestsSetup;
  /** By asker. */
  readonly #waiting = new Map<string, Waiting>();
  #last = 0;

  constructor(setup: MemberRequestsSetup) {
    this.#setup = setup;
  }

  /** `done`: once, in a later turn. */
  abort(memberId: MemberId, transactionId: string, done: (outcome: AbortOutcome) => void): void {
    const { clock, notify, isReached } = this.#setup;
    if (!isReached(memberId) || this.#waiting.size >= WAITING_MAX || transactionId.length > CHARACTERS_MAX) {
      clock.schedule(0, () => done('not-reached'));
      return;
    }
    const asker = `${this.#setup.memberId}:${this.#setup.incarnation}:${++this.#last}`;
    const timer = clock.schedule(ANSWER_MS_MAX, () => this.#answered(asker, 'unknown'));
    this.#waiting.set(asker, { timer, done });
    notify(encode({ kind: 'abort', of: memberId, transactionId, asker }));
  }

  /** Whether what a peer sent was a request or an answer, for whomever it is. */
  noticed(bytes: Uint8Array): boolean {
    const notice = decode(bytes);
    if (notice === null) return false;
    if (notice.kind === 'aborted') this.#answered(notice.asker, notice.outcome);
    else if (notice.of === this.#setup.memberId) {
      const outcome = this.#setup.abort(notice.transactionId);
      this.#setup.notify(encode({ kind: 'aborted', asker: notice.asker, outcome }));
    }
    return true;
  }

  /** Nobody answers any more. */
  abandon(): void {
    for (const asker of [...this.#waiting.keys()]) this.#answered(asker, 'unknown');
  }

  #answered(asker: string, outcome: AbortOutcome): void {
    const waiting = this.#waiting.get(asker);
    if (waiting === undefined) return;
    this.#waiting.delete(asker);
    waiting.timer.cancel();
    waiting.done(outcome);
  }
}

function encode(notice: Notice): Uint8Array {
  return utf8Encode(JSON.stringify(notice));
}

/** Null: it is something else. */
function decode(bytes: Uint8Array): Notice | null {
  // A status is longer, and comes often: it is not read twice.
  if (bytes.length > 4 * CHARACTERS_MAX) return null;
  let value: unknown;
  try {
    value = JSON.parse(utf8Decode(bytes) ?? '');
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { kind, of, transactionId, asker, outcome } = value as Record<string, unknown>;
  if (typeof asker !== 'string') return null;
  if (kind === 'aborted' && ANSWERED.includes(outcome)) return { kind, asker, outcome: outcome as AnsweredOutcome };
  if (kind !== 'abort' || typeof of !== 'string' || typeof transactionId !== 'string') return null;
  return { kind, of, transactionId, asker };
}
