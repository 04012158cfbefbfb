/** How far the input is done without a gap, while batches are done in any order: where an import may go on later. */
import type { Position } from './source-row.ts';

export interface Progress {
  readonly position: Position;
  /** Written, of those before `position`. */
  readonly rows: number;
  /** Passed by, of those before `position`. */
  readonly badRows: number;
}

export interface DoneBatch {
  readonly end: Position;
  readonly rows: number;
  readonly badRows: number;
}

export class DonePrefix {
  #progress: Progress;
  #next = 0;
  /** Done, behind one that is not. Bounded by the batches that may be under way. */
  readonly #ahead = new Map<number, DoneBatch>();

  constructor(from: Progress) {
    this.#progress = from;
  }

  get progress(): Progress {
    return this.#progress;
  }

  done(number: number, batch: DoneBatch): void {
    this.#ahead.set(number, batch);
    for (;;) {
      const next = this.#ahead.get(this.#next);
      if (next === undefined) return;
      this.#ahead.delete(this.#next++);
      const { rows, badRows } = this.#progress;
      this.#progress = { position: next.end, rows: rows + next.rows, badRows: badRows + next.badRows };
    }
  }
}
