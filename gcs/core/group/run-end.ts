/** How a run of the group layer ends: as its owner asks, or by itself, and then with one final event. */
import type { Clock } from '../../base/index.ts';

export interface RunEndSetup {
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
  /** It leads, and somebody else could. */
  canHandOver(): boolean;
  handOver(): void;
  /** It is about to end: it asks nothing of anybody any more. */
  stopping(): void;
  /** Leaves the network; `closed` is called when nothing is being written any more. */
  letGo(closed: () => void): void;
}

export class RunEnd {
  readonly #setup: RunEndSetup;
  #isStopping = false;
  #isStopped = false;
  #isClosed = false;
  readonly #closing: (() => void)[] = [];

  constructor(setup: RunEndSetup) {
    this.#setup = setup;
  }

  /** Asked to stop; it may still lead. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** It promises and tells nothing more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** A leader lets another lead first, as long as an election would take. */
  stop(closed: () => void): void {
    if (this.#isClosed) return closed();
    this.#closing.push(closed);
    if (this.#isStopping || this.#isStopped) return;
    this.#isStopping = true;
    const { clock, electionTimeoutMs, canHandOver, handOver, stopping } = this.#setup;
    stopping();
    if (!canHandOver()) return this.close();
    handOver();
    clock.schedule(electionTimeoutMs, () => this.close());
  }

  close(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#setup.stopping();
    this.#setup.letGo(() => {
      this.#isClosed = true;
      for (const each of this.#closing) each();
    });
  }

  /** The run is over, once. */
  end(tell: () => void): void {
    if (this.#isStopped) return;
    this.#isStopping = true;
    this.close();
    tell();
  }
}
