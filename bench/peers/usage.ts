/** What servers used between two moments. */
import { cpuSecondsOf, rssMiBOf } from '../process-usage.ts';

export interface ServerUsage {
  readonly cpuSeconds: number | null;
  readonly rssMiB: readonly number[] | null;
}

/** Begins to count; the function that it returns ends it. */
export function watchUsage(pids: readonly number[]): () => ServerUsage {
  const before = pids.map(cpuSecondsOf);
  return () => {
    const used = pids.map((pid, at) => {
      const now = cpuSecondsOf(pid);
      const then = before[at];
      return now === null || then == null ? null : now - then;
    });
    const rss = pids.map(rssMiBOf);
    return {
      cpuSeconds: used.every((one) => one !== null) ? used.reduce((sum, one) => sum + one, 0) : null,
      rssMiB: rss.every((one) => one !== null) ? rss : null,
    };
  };
}
