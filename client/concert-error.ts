/**
 * Every error of the client: those that a member answered, and the client's own.
 *
 * Its own codes: CONNECTION_FAILED (no member could be reached in time), CONNECTION_LOST (ended before the answer, and nothing
 * can have been committed), UNKNOWN_OUTCOME (it may have been), TIMEOUT (its time was over, and nothing was committed), CANCELLED
 * (the same by its signal), CLOSED (by `close`), OVERLOADED (the client's own queue is full), REQUEST_TOO_LARGE (for a frame),
 * INVALID_ARGUMENT; and as members say them TRANSACTION_ABORTED (with its `cause`), NO_SUCH_TRANSACTION (it has ended),
 * SNAPSHOT_TOO_OLD (of a cursor whose connection has ended).
 */

export type Retry = 'no' | 'transaction' | 'elsewhere' | 'withKey';

export interface ErrorAnswer {
  readonly code: string;
  readonly sqlState: string;
  readonly message: string;
  readonly retry: Retry;
  readonly [fact: string]: unknown;
}

export class ConcertError extends Error {
  override readonly name: string = 'ConcertError';
  readonly code: string;
  readonly sqlState: string;
  /** What may be done about it: nothing, the whole transaction again, the same at another member, the same with its idempotency key. */
  readonly retry: Retry;
  /** What the code says more, such as `table`, `key`, `winner`; for what a member answered, as the contract has it. */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(answer: ErrorAnswer, options?: { readonly cause?: unknown }) {
    const { code, sqlState, message, retry, ...facts } = answer;
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.sqlState = sqlState;
    this.retry = retry;
    this.facts = facts;
  }
}
