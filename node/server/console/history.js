/** The last five minutes, for the plots. */

/**
 * @typedef {object} Sample
 * @property {number} atMs
 * @property {ReadonlyMap<string, number | null>} commits per second, by member id; null: not known
 * @property {ReadonlyMap<string, number | null>} conflicts per second, by the member id of the loser
 * @property {{ readonly p50: number, readonly p95: number, readonly p99: number } | null} latencyMs of the slowest member
 * @property {number} appliedUpTo of the most advanced member
 */

export const HISTORY_MS = 5 * 60_000;
/** Samples come once a second; this holds, too, should they come faster. */
const SAMPLES_MAX = 600;
/** Between two samples that are further apart, the lines are broken. A hidden page takes one in ten seconds. */
const GAP_MS = 15_000;

export class History {
  /** Oldest first. @type {Sample[]} */
  #samples = [];

  /** @param {Sample} sample */
  add(sample) {
    // A clock that was set back would draw a line backwards.
    if (sample.atMs <= (this.#samples.at(-1)?.atMs ?? 0)) this.#samples = [];
    this.#samples.push(sample);
    const oldestMs = sample.atMs - HISTORY_MS;
    const surplus = this.#samples.findIndex(({ atMs }) => atMs >= oldestMs);
    this.#samples.splice(0, Math.max(surplus, this.#samples.length - SAMPLES_MAX));
  }

  /** Nobody answers any more: the lines end here. @param {number} atMs */
  interrupt(atMs) {
    const last = this.#samples.at(-1);
    if (last === undefined || last.commits.size === 0 || atMs <= last.atMs) return;
    this.add({ atMs, commits: new Map(), conflicts: new Map(), latencyMs: null, appliedUpTo: last.appliedUpTo });
  }

  /**
   * Times in seconds, and a column for each of `values`; a row of nulls where nobody looked.
   *
   * @param {readonly ((sample: Sample) => number | null)[]} values
   * @returns {{ times: number[], columns: (number | null)[][] }}
   */
  columns(values) {
    /** @type {number[]} */
    const times = [];
    /** @type {(number | null)[][]} */
    const columns = values.map(() => []);
    let beforeMs = Number.POSITIVE_INFINITY;
    for (const sample of this.#samples) {
      if (sample.atMs - beforeMs > GAP_MS) {
        times.push((beforeMs + 1) / 1000);
        for (const column of columns) column.push(null);
      }
      times.push(sample.atMs / 1000);
      for (const [i, value] of values.entries()) columns[i]?.push(value(sample));
      beforeMs = sample.atMs;
    }
    return { times, columns };
  }

  /**
   * For how long, in milliseconds, the group has been ahead of `appliedUpTo`; null if it was ahead in the oldest
   * sample already, or if there is none.
   *
   * @param {number} appliedUpTo
   * @param {number} nowMs
   */
  aheadForMs(appliedUpTo, nowMs) {
    const first = this.#samples.findIndex((sample) => sample.appliedUpTo > appliedUpTo);
    if (first === -1) return 0;
    return first === 0 ? null : nowMs - /** @type {Sample} */ (this.#samples[first]).atMs;
  }
}
