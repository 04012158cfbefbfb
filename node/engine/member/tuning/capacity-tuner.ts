/**
 * How many rows the certification database is to remember, by the member that leads: it changes that in the group's order.
 *
 * What nobody needs any more is forgotten anyway. So the database fills only while an old transaction holds the purge floor,
 * and when it is full that transaction, and all of its age, are refused as too old. Hence the capacity is doubled before
 * that, within a bound of memory, and halved again, down to what the option says, when there is no use for it; and it is
 * lowered, even below the option, where keys are so long that what it holds takes more memory than the bound.
 */
import { certificationItemsMax } from '../../../../certifier/index.ts';

export interface CapacityTunerOptions {
  /** Bytes that the database may take; 0: the capacity stays as it was set. */
  readonly memoryBytesMax: number;
}

export interface CapacityState {
  /** What the option says. */
  readonly base: number;
  /** At present. */
  readonly capacity: number;
  /** Items. */
  readonly size: number;
  /** Of them all. */
  readonly bytes: number;
}

/** A rise of less is not worth a place in the order. */
const RISE_MIN = 1.05;
/** From this part of the capacity on it is raised. */
const CROWDED_FROM = 0.75;
/** Up to this part of it it is lowered. */
const SPARSE_UP_TO = 0.2;
/** What is sparse has to stay so for so long. */
const SPARSE_FOR_MS = 2000;
const STEP = 2;
/** Where there are fewer items than this, their mean says little. */
const TELLING_ITEMS = 1000;
const ITEM_BYTES_ASSUMED = 100;
/** A bound of memory that is passed by less than this is kept. */
const TOLERANCE = 1.05;

export class CapacityTuner {
  readonly #options: CapacityTunerOptions;
  #sparseSinceMs: number | null = null;

  constructor(options: CapacityTunerOptions) {
    this.#options = options;
  }

  /** What the capacity should be, or null: what it is. Called some times a second, and not while a change is on its way. */
  look(nowMs: number, { base, capacity, size, bytes }: CapacityState): number | null {
    const { memoryBytesMax } = this.#options;
    if (memoryBytesMax === 0) return null;
    const itemBytes = size < TELLING_ITEMS ? ITEM_BYTES_ASSUMED : bytes / size;
    const most = Math.min(certificationItemsMax, Math.max(1, Math.floor(memoryBytesMax / itemBytes)));
    const isSparse = size <= SPARSE_UP_TO * capacity && capacity > base;
    if (!isSparse) this.#sparseSinceMs = null;
    else this.#sparseSinceMs ??= nowMs;
    if (bytes > TOLERANCE * memoryBytesMax && capacity > most) return most;
    if (size >= CROWDED_FROM * capacity) {
      const raised = Math.min(most, STEP * capacity);
      return raised >= RISE_MIN * capacity ? raised : null;
    }
    if (this.#sparseSinceMs !== null && nowMs - this.#sparseSinceMs >= SPARSE_FOR_MS) {
      this.#sparseSinceMs = nowMs;
      return Math.max(base, Math.floor(capacity / STEP));
    }
    return null;
  }
}
