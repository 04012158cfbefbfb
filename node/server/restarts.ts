/**
 * How often a member may begin anew within its process. Runs follow each other at once as long as they come ONLINE in
 * between; else with a wait that doubles, and not for ever: what does not come up after so many is for a person to see.
 * What ends in an expulsion was up, and has a limit of its own.
 */
const RUNS_MAX = 30;
/** A state transfer takes two of them, and is no failure. */
const AT_ONCE = 3;
const WAIT_MS = 100;
const WAIT_MS_MAX = 10_000;

export class Restarts {
  readonly #autorejoinTries: number;
  #sinceOnline = 0;
  #sinceExpelled = 0;
  #expulsions = 0;

  constructor(autorejoinTries: number) {
    this.#autorejoinTries = autorejoinTries;
  }

  /** Whether a run that is expelled now is followed by one that asks to be let in again by itself. */
  get rejoins(): boolean {
    return this.#expulsions < this.#autorejoinTries;
  }

  cameOnline(): void {
    this.#sinceOnline = 0;
    this.#sinceExpelled = 0;
    this.#expulsions = 0;
  }

  /** Somebody told it to join: what was before does not count. */
  wasTold(): void {
    this.cameOnline();
  }

  /** How long the next run waits, or null: that was the last. */
  next(isExpelled: boolean): number | null {
    if (isExpelled) this.#expulsions++;
    this.#sinceExpelled = isExpelled ? 0 : this.#sinceExpelled + 1;
    this.#sinceOnline++;
    if (this.#sinceExpelled > RUNS_MAX) return null;
    const over = this.#sinceOnline - AT_ONCE;
    return over <= 0 ? 0 : Math.min(WAIT_MS * 2 ** (over - 1), WAIT_MS_MAX);
  }

  get count(): number {
    return this.#sinceOnline;
  }
}
