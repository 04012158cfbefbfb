/**
 * How long the next batch waits for company, by what this member has been committing lately.
 *
 * Waiting costs each message of the batch up to the delay, and spares every member the handling of a batch. So it is worth
 * it only where several commits are under way anyway, where more of them are to be expected within the delay, and where the
 * delay is a small part of what they wait in any case. A batch that has as many messages as were to be expected goes at once.
 *
 * Rates are smoothed over about a second, what ends the waiting lies well below what begins it, and a change has to be wanted
 * for a while: a step of the load moves the delay within some two seconds, and a load at the edge does not move it back and forth.
 */
export interface BatchTunerOptions {
  /** Whole milliseconds; 0: batches never wait. */
  readonly delayMsMax: number;
  /** Commits of this member under way, on average, from which on its batches wait. */
  readonly waitingMin: number;
  /** Messages that have to be expected within the delay. */
  readonly expectedMin: number;
}

/** Its decisions are counted there. */
export interface BatchTunerCounters {
  batchDelayRaised: number;
  batchDelayLowered: number;
}

/** How fast what was is forgotten. */
const SMOOTHED_OVER_MS = 700;
/** A change has to be wanted for so long. */
const WANTED_FOR_MS = 400;
/** What is waited for may become less by so much before the waiting ends. */
const KEPT_FROM = 0.6;
/** Times as many as are expected within the delay: what comes in a rush need not wait for the rest of it. */
const COMPANY = 4;
/** The delay is at most this part of what a commit takes. */
const PART_OF_LATENCY = 1 / 4;

export class BatchTuner {
  readonly #options: BatchTunerOptions;
  #delayMs = 0;
  #ratePerMs = 0;
  #waiting = 0;
  #lookedMs: number | null = null;
  /** Since when another delay is wanted; null: the present one is. */
  #unhappySinceMs: number | null = null;
  #added = 0;
  readonly #counters: BatchTunerCounters;

  constructor(options: BatchTunerOptions, counters: BatchTunerCounters) {
    this.#options = options;
    this.#counters = counters;
  }

  /** For the next batch, from its first message on. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** A batch of so many messages does not wait. */
  get companyMax(): number {
    return Math.max(2, Math.round(COMPANY * this.#ratePerMs * this.#delayMs));
  }

  /** A message has come. */
  added(): void {
    this.#added++;
  }

  /** `waiting`: commits under way. Called every now and then, some ten milliseconds to some seconds after the last time. */
  look(nowMs: number, waiting: number): void {
    const last = this.#lookedMs;
    this.#lookedMs = nowMs;
    if (last === null || nowMs <= last) {
      this.#added = 0;
      return;
    }
    const newPart = 1 - Math.exp((last - nowMs) / SMOOTHED_OVER_MS);
    this.#ratePerMs += newPart * (this.#added / (nowMs - last) - this.#ratePerMs);
    this.#waiting += newPart * (waiting - this.#waiting);
    this.#added = 0;
    this.#decide(nowMs);
  }

  #decide(nowMs: number): void {
    const wanted = this.#wanted();
    if (wanted === this.#delayMs) {
      this.#unhappySinceMs = null;
      return;
    }
    this.#unhappySinceMs ??= nowMs;
    if (nowMs - this.#unhappySinceMs < WANTED_FOR_MS) return;
    this.#unhappySinceMs = null;
    if (wanted > this.#delayMs) this.#counters.batchDelayRaised++;
    else this.#counters.batchDelayLowered++;
    this.#delayMs = wanted;
  }

  #wanted(): number {
    const { delayMsMax, waitingMin, expectedMin } = this.#options;
    const current = this.#delayMs;
    const isKept = current > 0 ? KEPT_FROM : 1;
    if (this.#ratePerMs === 0 || this.#waiting < isKept * waitingMin) return 0;
    // Without the delay itself, which would speak for itself.
    const latencyMs = Math.max(0, this.#waiting / this.#ratePerMs - current);
    const inProportion = Math.floor(latencyMs * PART_OF_LATENCY);
    // It is kept while the latency is about right for it.
    const isAboutRight = current * KEPT_FROM <= latencyMs * PART_OF_LATENCY && inProportion <= current / KEPT_FROM;
    const delayMs = Math.min(delayMsMax, current > 0 && isAboutRight ? current : inProportion);
    return this.#ratePerMs * delayMs < isKept * expectedMin ? 0 : delayMs;
  }
}
