/** Conflicts that this member's clients lost, for the log: one line each, at most so many a second. */
import type { Clock } from '../../../gcs/base/index.ts';
import { LineRate } from '../line-rate.ts';
import type { ConflictRecord } from '../replica.ts';
import type { SeenConflict } from './conflict-log.ts';

export interface ConflictLinesSetup {
  readonly clock: Clock;
  readonly perSecondMax: number;
  readonly describe: (seen: SeenConflict) => ConflictRecord;
  /** `leftOut`: how many before it were not told, since there were too many. */
  readonly told: (conflict: ConflictRecord, leftOut: number) => void;
}

export class ConflictLines {
  readonly #setup: ConflictLinesSetup;
  readonly #rate: LineRate;

  constructor(setup: ConflictLinesSetup) {
    this.#setup = setup;
    this.#rate = new LineRate(setup.perSecondMax);
  }

  /** `seen`: makes it, where it is told. */
  lost(seen: () => SeenConflict): void {
    const { clock, describe, told } = this.#setup;
    const leftOut = this.#rate.take(clock.monotonicMs());
    if (leftOut !== null) told(describe(seen()), leftOut);
  }
}
