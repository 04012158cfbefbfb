/**
 * Since when this member knows entries to be chosen that it has not delivered yet: because its own disk does not have them,
 * or its owner takes nothing. Entries that are delivered in the step in which that is learnt leave nothing here.
 */
import type { LogIndex } from '../../base/index.ts';

/** Steps that are told apart; what is learnt when there are more counts as learnt with the one before. */
const MARKS_MAX = 1024;

export class ChosenTimes {
  /** Ascending; at the same places when each was learnt. */
  readonly #upTo: LogIndex[] = [];
  readonly #ms: number[] = [];
  /** Those before are of delivered entries. */
  #first = 0;

  /** All up to `upTo` is known to be chosen now, at `nowMs`, and not all of it is delivered. */
  learnt(upTo: LogIndex, nowMs: number): void {
    const last = this.#upTo.length - 1;
    if (last >= this.#first && upTo <= this.#upTo[last]!) return;
    if (this.#upTo.length - this.#first >= MARKS_MAX) this.#upTo[last] = upTo;
    else {
      this.#upTo.push(upTo);
      this.#ms.push(nowMs);
    }
  }

  /** Nobody asks for entries up to `upTo` any more. */
  delivered(upTo: LogIndex): void {
    while (this.#first < this.#upTo.length && this.#upTo[this.#first]! <= upTo) this.#first++;
    if (this.#first < this.#upTo.length && this.#first < MARKS_MAX) return;
    this.#upTo.splice(0, this.#first);
    this.#ms.splice(0, this.#first);
    this.#first = 0;
  }

  /** When that entry was known to be chosen; null: not before the step that delivers it. Cost: O(steps before it). */
  of(index: LogIndex): number | null {
    for (let at = this.#first; at < this.#upTo.length; at++) if (this.#upTo[at]! >= index) return this.#ms[at]!;
    return null;
  }
}
