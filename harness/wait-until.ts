import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/** Waits until `look` finds something: not undefined, null or false. Fails, naming `what`, after `limitMs`. */
export async function waitUntil<T>(
  what: string,
  limitMs: number,
  look: () => T | Promise<T>,
): Promise<NonNullable<Exclude<T, false>>> {
  const givesUpAt = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found as NonNullable<Exclude<T, false>>;
    if (performance.now() > givesUpAt) assert.fail(`not within ${limitMs} ms: ${what}`);
    await delay(POLL_MS);
  }
}

/** `promise`, unless it takes longer than `limitMs`. */
export async function within<T>(what: string, limitMs: number, promise: Promise<T>): Promise<T> {
  const patience = new AbortController();
  const tooLate = delay(limitMs, undefined, { signal: patience.signal }).then(
    () => assert.fail(`not within ${limitMs} ms: ${what}`),
    () => new Promise<never>(() => {}),
  );
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    patience.abort();
  }
}
