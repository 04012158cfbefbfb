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
  #furthest: Position;
  #next = 0;
  /** Done, behind one that is not. */
  readonly #ahead = new Map<number, DoneBatch>();

  constructor(from: Progress) {
    this.#progress = from;
    this.#furthest = from.position;
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** The end of the last batch, in the order of the input, that is done: for displays. */
  get furthest(): Position {
    return this.#furthest;
  }

  /** Batches that are done behind one that is not: whoever sends more bounds them. */
  get batchesAhead(): number {
    return this.#ahead.size;
  }

  done(number: number, batch: DoneBatch): void {
    this.#ahead.set(number, batch);
    if (batch.end.bytes > this.#furthest.bytes) this.#furthest = batch.end;
    for (;;) {
      const next = this.#ahead.get(this.#next);
      if (next === undefined) return;
      this.#ahead.delete(this.#next++);
      const { rows, badRows } = this.#progress;
      this.#progress = { position: next.end, rows: rows + next.rows, badRows: badRows + next.badRows };
    }
  }
}
