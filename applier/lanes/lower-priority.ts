/** Puts the calling thread behind others that want the processor. On Linux only: elsewhere it would be the whole process. */
import { getPriority, setPriority } from 'node:os';

/** Of a thread, as the system counts: 0 is what others have, 19 the least. */
const NICE = 10;

/** One that is behind already stays where it is, and where the system refuses (it may be told to) nothing happens. */
export function lowerPriority(): void {
  if (process.platform !== 'linux') return;
  try {
    if (getPriority(0) < NICE) setPriority(0, NICE);
  } catch {
    // It is a courtesy: the work is the same without it.
  }
}
