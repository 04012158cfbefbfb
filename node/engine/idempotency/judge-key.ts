/**
 * Whether a transaction with an idempotency key may commit (H16). A function of what is kept of the key, of the key itself
 * and of ordered time, so that all members judge alike at its place; asked before anything else, also ahead of it.
 *
 * A key that is a UUID of version 7 says when it was made. One that is older than the horizon is refused, since what is
 * kept of it may be gone. Of other keys nobody can tell: they are new again once they are forgotten.
 */
import type { FirstOutcome, KeyRecord } from './key-record.ts';

export type KeyRefusal =
  /** It has committed already, with the same request: this is the answer. */
  | { readonly kind: 'replayed'; readonly first: FirstOutcome }
  | { readonly kind: 'key-reused'; readonly first: FirstOutcome }
  | { readonly kind: 'key-fenced' }
  | { readonly kind: 'key-expired' };

export interface KeyQuestion {
  readonly key: string;
  /** Null: whatever was asked for. */
  readonly fingerprint: string | null;
}

export interface OrderedTime {
  /** Commit time of what committed last before. */
  readonly committedMs: number;
  /** Time of day, at least as late: a group that rests commits nothing. */
  readonly stampMs: number;
}

/** Null: nothing speaks against it. */
export function judgeKey(
  { key, fingerprint }: KeyQuestion,
  record: KeyRecord | null,
  { committedMs, stampMs }: OrderedTime,
  horizonMs: number,
): KeyRefusal | null {
  if (record !== null && record.expiresAtMs > committedMs) {
    if (record.kind === 'fenced') return { kind: 'key-fenced' };
    const isSame = fingerprint === null || fingerprint === record.fingerprint;
    return { kind: isSame ? 'replayed' : 'key-reused', first: record };
  }
  const madeMs = madeMsOf(key);
  if (madeMs === null) return null;
  // Far ahead, it would be kept for as long.
  const isOutside = madeMs + horizonMs <= committedMs || madeMs > Math.max(committedMs, stampMs) + horizonMs;
  return isOutside ? { kind: 'key-expired' } : null;
}

/** Until when what became of it at `committedMs` is kept. */
export function expiryOf(key: string, committedMs: number, horizonMs: number): number {
  return Math.max(committedMs, madeMsOf(key) ?? 0) + horizonMs;
}

const UUID_7 = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

function madeMsOf(key: string): number | null {
  const parts = UUID_7.exec(key);
  return parts === null ? null : Number.parseInt(parts[1]! + parts[2]!, 16);
}
