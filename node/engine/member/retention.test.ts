import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MEMBER_DEFAULTS } from './options.ts';
import { RETENTION_DEFAULT, withRetention } from './retention.ts';

test('where nothing is asked for, a member holds what it holds for streams', () => {
  assert.deepEqual(withRetention(MEMBER_DEFAULTS, RETENTION_DEFAULT), MEMBER_DEFAULTS);
});

test('what is asked for is held whether anybody follows or not, within its bytes, and is no sign that the lanes are behind', () => {
  const bytes = 1e9;
  const { history, historyUnfollowed, versions } = withRetention(MEMBER_DEFAULTS, {
    ms: 9000,
    transactions: 10_000,
    bytes,
  });
  const rowsMax = Number.MAX_SAFE_INTEGER;
  assert.deepEqual(historyUnfollowed, { transactionsMax: 10_000, rowsMax, bytesMax: bytes, youngerThanMs: 9000 });
  // Followers get what they got, at least.
  const { transactionsMax, rowsMax: rowsOfFollowed } = MEMBER_DEFAULTS.history;
  assert.deepEqual(history, { transactionsMax, rowsMax: rowsOfFollowed, bytesMax: bytes, youngerThanMs: 9000 });
  assert.equal(versions.overlayBytesMax, MEMBER_DEFAULTS.versions.overlayBytesMax + bytes);
  const small = withRetention(MEMBER_DEFAULTS, { ms: 1, transactions: 0, bytes: 1 });
  assert.equal(small.history.bytesMax, MEMBER_DEFAULTS.history.bytesMax);
});
