import assert from 'node:assert/strict';

/**
 * Whether a test can be done here: `reason`, if there is one, says why not. Then it is skipped, but not in CI, where
 * everything has to be there.
 */
export function isPossible(t: { skip(reason: string): void }, reason: string | null): boolean {
  if (reason === null) return true;
  assert(process.env.CI === undefined, `in CI everything is tested, but: ${reason}`);
  t.skip(reason);
  return false;
}
