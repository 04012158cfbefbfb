/** The keys that were recorded last, a bounded number of them: who judged a key some time ago learns of later writers. */
import type { RowKey } from './types.ts';

/** A power of two. */
const KEPT = 4096;

export class RecentKeys {
  readonly #keys: RowKey[] = [];
  #count = 0;

  /** How many there were so far; those before are older. */
  get count(): number {
    return this.#count;
  }

  add(key: RowKey): void {
    this.#keys[this.#count++ & (KEPT - 1)] = key;
  }

  /** There were more than are worth being told one by one: of whatever begins before them not all is known. */
  skip(): void {
    this.#count += KEPT + 1;
  }

  /** Whether `isMeant` says so of one of those behind the first `from`. Null: they are not all known any more. */
  some(from: number, isMeant: (key: RowKey) => boolean): boolean | null {
    if (this.#count - from > KEPT) return null;
    for (let at = from; at < this.#count; at++) if (isMeant(this.#keys[at & (KEPT - 1)]!)) return true;
    return false;
  }
}
