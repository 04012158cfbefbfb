/** The errors that the client raises itself. `concert-error.ts` lists what each code means. */
import { ConcertError, type ErrorAnswer } from '../concert-error.ts';
import type { Commit } from '../types.ts';

export function invalidArgument(argument: string, problem: string): ConcertError {
  return own('INVALID_ARGUMENT', '22023', 'no', `Argument ${JSON.stringify(argument)}: ${problem}.`, {
    argument,
    problem,
  });
}

/** `problems`: of each member, by its URL. */
export function connectionFailed(waitedMs: number, problems: Readonly<Record<string, string>>): ConcertError {
  const what = Object.entries(problems).map(([url, problem]) => `${url}: ${problem}`);
  const message = `No member could be reached in ${waitedMs} ms. ${what.join('; ')}`;
  return own('CONNECTION_FAILED', '08001', 'elsewhere', message, { ms: waitedMs, problems });
}

export function connectionLost(url: string, problem: string, retry: 'elsewhere' | 'no'): ConcertError {
  const message = `The connection to ${url} ended before the answer: ${problem}.`;
  return own('CONNECTION_LOST', '08006', retry, message, { url, problem });
}

/** Of what was sent: it may have been committed. */
export function unknownOutcome(cause: unknown, idempotencyKey: string | null): ConcertError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `Nobody can say what became of it, and it may be committed, now or later: ${why}`;
  return own('UNKNOWN_OUTCOME', '08007', 'withKey', message, idempotencyKey === null ? {} : { idempotencyKey }, cause);
}

/** Of one of several runs of a function, which gave different values. */
export function valueUnknown({ gtid, sequenceNumber }: Commit, idempotencyKey: string | null): ConcertError {
  const message = `It is committed as ${gtid}, but nobody can say by which run of the function, and the runs gave different values.`;
  const facts = { gtid, sequenceNumber, ...(idempotencyKey !== null && { idempotencyKey }) };
  return own('UNKNOWN_OUTCOME', '08007', 'withKey', message, facts);
}

export function closed(): ConcertError {
  return own('CLOSED', '08003', 'no', 'This client is closed.', {});
}

export function cancelled(reason: unknown): ConcertError {
  return own('CANCELLED', '57014', 'no', 'Given up by its signal.', {}, reason);
}

export function timedOut(ms: number): ConcertError {
  const message = `Not done after ${ms} ms.`;
  return own('TIMEOUT', 'HY000', 'transaction', message, { waitedFor: 'client', ms });
}

export function queueFull(queuedMax: number): ConcertError {
  const message = `${queuedMax} requests wait already: this client asks faster than it is answered. Await some answers before asking more.`;
  return own('OVERLOADED', '53000', 'no', message, { queuedMax });
}

export function requestTooLarge(op: string, bytes: number, bytesMax: number): ConcertError {
  const message = `This ${op} has ${bytes} bytes; the member takes at most ${bytesMax} in a frame. Nothing was sent.`;
  return own('REQUEST_TOO_LARGE', '54000', 'no', message, { op, bytes, bytesMax });
}

export function noSuchTransaction(tx: string): ConcertError {
  return own('NO_SUCH_TRANSACTION', '25000', 'no', `No transaction ${JSON.stringify(tx)} was begun by this client.`, {
    tx,
  });
}

export function transactionEnded(op: string): ConcertError {
  const message = `${op}: this transaction has ended; its requests belong inside the function that was given to transaction().`;
  return own('NO_SUCH_TRANSACTION', '25000', 'no', message, { op });
}

/** Of a statement behind the one that failed. */
export function aborted(cause: ConcertError): ConcertError {
  const message = `The transaction is aborted (${cause.code}: ${cause.message})`;
  const { code, sqlState, retry, facts } = cause;
  const answer = { ...facts, code, sqlState, message: cause.message, retry };
  return own('TRANSACTION_ABORTED', '40000', cause.retry, message, { cause: answer }, cause);
}

export function cursorLost(): ConcertError {
  const message = 'The connection that this cursor was opened on has ended; scan again.';
  return own('SNAPSHOT_TOO_OLD', '40001', 'transaction', message, {});
}

function own(
  code: string,
  sqlState: string,
  retry: ErrorAnswer['retry'],
  message: string,
  facts: Readonly<Record<string, unknown>>,
  cause?: unknown,
): ConcertError {
  return new ConcertError({ ...facts, code, sqlState, retry, message }, { cause });
}
