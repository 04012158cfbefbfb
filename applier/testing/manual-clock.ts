import type { Clock, ScheduledCall } from '../../gcs/base/index.ts';

/** Time that passes only when the test says so. Calls that are due at one time run in the order of their scheduling. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #calls: { readonly atMs: number; readonly callback: () => void }[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): ScheduledCall {
    const call = { atMs: this.#nowMs + delayMs, callback };
    this.#calls.push(call);
    return { cancel: () => this.#remove(call) };
  }

  get isIdle(): boolean {
    return this.#calls.length === 0;
  }

  /** Runs what falls due within `ms`, time moving along. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      let next = this.#calls[0];
      for (const call of this.#calls) if (call.atMs < next!.atMs) next = call;
      if (next === undefined || next.atMs > untilMs) break;
      this.#remove(next);
      this.#nowMs = next.atMs;
      next.callback();
    }
    this.#nowMs = untilMs;
  }

  /** The process dies: nothing that was scheduled happens. */
  drop(): void {
    this.#calls = [];
  }

  #remove(call: object): void {
    this.#calls = this.#calls.filter((other) => other !== call);
  }
}
