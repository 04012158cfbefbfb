/** Requests with an idempotency key (H16): what they hand to the group beside their writes, and how they are answered. */
import { formatCommitTime } from '../../../certifier/index.ts';
import type { Transaction } from '../../../certifier/types.ts';
import { unreachable } from '../../../gcs/base/index.ts';
import { invalidArgument, keyExpired, keyFenced, keyReused, notOnline, type RequestError } from '../errors.ts';
import type { KeyRefusal } from '../idempotency/judge-key.ts';
import { keyAttribute } from '../idempotency/key-attribute.ts';
import type { FirstOutcome } from '../idempotency/key-record.ts';
import type { FenceOutcome } from '../replica.ts';
import { booleanOf } from '../statements/arguments.ts';
import type { Message } from '../statements/statement.ts';
import { gtidOf, refusalError } from './outcomes.ts';
import type { EngineContext, RequestId, Session } from './session.ts';

const KEY_CHARACTERS_MAX = 256;

/** Null: none is given. @throws RequestError INVALID_ARGUMENT */
export function idempotencyKeyOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const isKey = typeof value === 'string' && value.length > 0 && value.length <= KEY_CHARACTERS_MAX;
  if (!isKey || !value.isWellFormed()) {
    throw invalidArgument('idempotencyKey', `expected a text of 1 to ${KEY_CHARACTERS_MAX} characters`);
  }
  return value;
}

/** It only read: it takes no key along, and the group does not judge it by one. */
export function bindsNothing({ writeSet }: Transaction): boolean {
  return writeSet.every(({ kind }) => kind === 'check');
}

/** `result`: what the client is answered beside the facts of the commit. */
export function withKey(
  transaction: Transaction,
  { key, fingerprint, result }: { readonly key: string; readonly fingerprint: string; readonly result: unknown },
  { replica, imageCodec, limits }: EngineContext,
): Transaction {
  const { writeSet } = transaction;
  if (bindsNothing(transaction)) return transaction;
  const encoded = imageCodec.encode(result);
  // What increments come to is known at their place in the order, and not here.
  const isWhole = encoded.length <= limits.keptResultBytesMax && writeSet.every(({ kind }) => kind !== 'delta');
  const kept = isWhole ? encoded : null;
  const attribute = keyAttribute({ key, fingerprint, result: kept, expired: replica.expiredKeys() });
  return { ...transaction, attributes: [attribute, ...(transaction.attributes ?? [])] };
}

export function isOfKey(outcome: { readonly kind: string }): outcome is KeyRefusal {
  return outcome.kind === 'replayed' || outcome.kind.startsWith('key-');
}

/** What the first request with the key was answered; `resultOmitted` where its result was too large to be kept, or has increments. */
export function firstAnswer(first: FirstOutcome, { replica, imageCodec }: EngineContext): object {
  const { sequenceNumber, commitTime, snapshotVersion, result } = first;
  return {
    gtid: gtidOf(replica, sequenceNumber),
    sequenceNumber,
    commitTime: formatCommitTime(commitTime),
    snapshotVersion,
    ...(result === null ? { resultOmitted: true } : (imageCodec.decode(result) as object)),
    replayed: true,
  };
}

export function keyError(
  refusal: Exclude<KeyRefusal, { kind: 'replayed' }>,
  key: string,
  { replica }: EngineContext,
): RequestError {
  switch (refusal.kind) {
    case 'key-reused':
      return keyReused(key, gtidOf(replica, refusal.first.sequenceNumber));
    case 'key-fenced':
      return keyFenced(key);
    case 'key-expired':
      return keyExpired(key);
    default:
      return unreachable(refusal);
  }
}

/** `outcome`: what became of a key; with `fence`, nothing becomes of it any more. @throws RequestError */
export function tellOutcome(session: Session, id: RequestId, message: Message): void {
  const { engine } = session;
  const { replica, clock, limits } = engine;
  const key = idempotencyKeyOf(message.idempotencyKey);
  if (key === null) throw invalidArgument('idempotencyKey', 'say which');
  const isFence = booleanOf(message, 'fence');
  if (replica.state !== 'ONLINE') throw notOnline(replica.state);
  const answer = (outcome: FenceOutcome): void => {
    if (outcome.kind === 'replayed') session.succeed(id, firstAnswer(outcome.first, engine));
    else if (outcome.kind === 'fenced' || outcome.kind === 'key-fenced') session.succeed(id, { state: 'fenced' });
    else if (isOfKey(outcome)) session.refuse(id, keyError(outcome, key, engine));
    else session.refuse(id, refusalError(outcome, replica, key));
  };
  if (isFence) return replica.fenceKey(key, clock.monotonicMs() + limits.commitWaitMsMax, answer);
  const known = replica.keyRefusal({ key, fingerprint: null });
  if (known === null) session.succeed(id, { state: 'unknown' });
  else answer(known);
}
