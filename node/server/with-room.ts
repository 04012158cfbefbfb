/** Work on a disk that may be full: what there is no room for is tried again until there is (R16). */
import { setTimeout as delay } from 'node:timers/promises';

export interface WithoutRoom {
  readonly retryMs: number;
  /** Nobody waits any more. */
  readonly signal: AbortSignal;
  /** There was no room; told once. */
  readonly noticed: () => void;
}

/** What `work` returns; null: `signal` came first. Rejects with any other error of `work`. */
export async function withRoom<T>(work: () => T, { retryMs, signal, noticed }: WithoutRoom): Promise<T | null> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return work();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    }
    if (attempt === 0) noticed();
    await delay(retryMs, undefined, { signal }).catch(() => {});
  }
  return null;
}
