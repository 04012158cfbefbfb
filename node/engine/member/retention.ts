/**
 * How much of the past a member holds for those who read it: `asOf` and streams of changes. Old versions live in memory, in
 * the overlay of the version store, with the entries of the log that brought them; the lanes have one version of a row, of
 * where the past begins. So the price is memory, and a log and a restart that reach back as far.
 */
import type { ChangeHistoryOptions } from './change-history.ts';
import type { MemberOptions } from './contract.ts';

export interface Retention {
  /** What was committed less than so long before the newest. */
  readonly ms: number;
  /** The last so many. */
  readonly transactions: number;
  /** Of memory, roughly: it wins over the other two (H21). */
  readonly bytes: number;
}

/** Nothing more than what streams are given anyway. */
export const RETENTION_DEFAULT: Retention = { ms: 0, transactions: 0, bytes: 64 * 1024 * 1024 };

export function withRetention(options: MemberOptions, retention: Retention): MemberOptions {
  const { ms, transactions, bytes } = retention;
  if (ms === 0 && transactions === 0) return options;
  const atLeast = (bounds: ChangeHistoryOptions): ChangeHistoryOptions => ({
    transactionsMax: Math.max(bounds.transactionsMax, transactions),
    // Who says how many transactions means them whatever they write.
    rowsMax: transactions > bounds.transactionsMax ? Number.MAX_SAFE_INTEGER : bounds.rowsMax,
    bytesMax: Math.max(bounds.bytesMax, bytes),
    youngerThanMs: ms,
  });
  return {
    ...options,
    history: atLeast(options.history),
    historyUnfollowed: atLeast(options.historyUnfollowed),
    // The past is no sign that the lanes are behind.
    versions: { ...options.versions, overlayBytesMax: options.versions.overlayBytesMax + bytes },
  };
}
