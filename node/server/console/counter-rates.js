/**
 * How fast a member's counters grow. The figures of other members are as those last told them, twice a second, so the
 * growth is taken over some seconds rather than from one look to the next.
 */

/** @typedef {Readonly<Record<string, number>>} Counters */

const WINDOW_MS = 3_000;
/** After a longer silence there is no telling what happened when. */
const SILENCE_MS_MAX = 30_000;

export class CounterRates {
  /** @type {{ readonly atMs: number, readonly counters: Counters }[]} */
  #looks = [];

  /**
   * @param {Counters} counters
   * @param {number} atMs
   */
  take(counters, atMs) {
    const last = this.#looks.at(-1);
    if (last !== undefined) {
      // A counter that went back is that of a process that started anew.
      const hasRestarted = Object.keys(counters).some((name) => (counters[name] ?? 0) < (last.counters[name] ?? 0));
      if (hasRestarted || atMs - last.atMs > SILENCE_MS_MAX) this.#looks = [];
      else if (atMs <= last.atMs) return;
    }
    this.#looks.push({ atMs, counters });
    // The newest look that is a whole window old stays, as the beginning.
    while (this.#looks.length > 2 && atMs - /** @type {{ atMs: number }} */ (this.#looks[1]).atMs >= WINDOW_MS) {
      this.#looks.shift();
    }
  }

  forget() {
    this.#looks = [];
  }

  /** Per second; null before there are two looks. @param {string} name */
  perSecond(name) {
    const first = this.#looks[0];
    const last = this.#looks.at(-1);
    if (first === undefined || last === undefined || first === last) return null;
    const grown = (last.counters[name] ?? 0) - (first.counters[name] ?? 0);
    return (grown * 1000) / (last.atMs - first.atMs);
  }
}
