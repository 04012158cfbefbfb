import type { Clock, ScheduledCall } from '../base/index.ts';

/** The largest delay that the runtime's timers take. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class SystemClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  schedule(delayMs: number, callback: () => void): ScheduledCall {
    if (delayMs <= 0) {
      // Behind everything that this turn of the event loop has already received, before it asks for more.
      const immediate = setImmediate(callback);
      return { cancel: () => clearImmediate(immediate) };
    }
    const due = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      // A timer counts from the beginning of its turn, in whole milliseconds, and can be early by that much.
      const leftMs = due - performance.now();
      if (leftMs <= 0) callback();
      else timer = setTimeout(wait, Math.min(TIMER_MS_MAX, Math.ceil(leftMs)));
    };
    timer = setTimeout(wait, Math.min(TIMER_MS_MAX, Math.ceil(delayMs)));
    return { cancel: () => clearTimeout(timer) };
  }
}
