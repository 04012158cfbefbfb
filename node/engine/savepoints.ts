/**
 * The savepoints of one transaction, as a log of what its buffered rows were before: each savepoint keeps, for the rows
 * written since, what they were at that time, and nothing of the others. So setting one costs nothing, going back costs
 * the rows that were written since, and a row is kept once for each savepoint at most.
 *
 * It knows rows as values of `Row`; whoever holds the buffer copies them and puts them back.
 */
import type { RowKey } from '../../certifier/types.ts';

interface Savepoint<Row> {
  readonly name: string;
  /** Of rows written behind this savepoint and before the next, as they were at this one. Null: not in the buffer. */
  readonly before: Map<RowKey, Row | null>;
}

export class Savepoints<Row> {
  /** In the order in which they were set. */
  readonly #points: Savepoint<Row>[] = [];
  readonly #sizeOf: (before: Row | null) => number;
  #bytes = 0;

  /** `sizeOf`: of a row that is kept, in bytes. */
  constructor(sizeOf: (before: Row | null) => number) {
    this.#sizeOf = sizeOf;
  }

  get count(): number {
    return this.#points.length;
  }

  /** Of all rows kept. */
  get bytes(): number {
    return this.#bytes;
  }

  has(name: string): boolean {
    return this.#points.some((point) => point.name === name);
  }

  /** Sets one here. An earlier one of that name is forgotten. Cost: rows written between that and the next. */
  set(name: string): void {
    this.#forget(name);
    this.#points.push({ name, before: new Map() });
  }

  /** What it takes to keep `before`, which the row at `key` is, if that is written now: 0 where it is kept already. */
  sizeToKeep(key: RowKey, before: Row | null): number {
    return this.#keeps(key) ? 0 : this.#sizeOf(before);
  }

  /** The row is about to be written, and is `before`: null: not in the buffer. A copy, which stays as it is. */
  keep(key: RowKey, before: Row | null): void {
    if (this.#keeps(key)) return;
    this.#points.at(-1)!.before.set(key, before);
    this.#bytes += this.#sizeOf(before);
  }

  /**
   * Goes back to the savepoint of that name, which stays; later ones are forgotten. `restore` is given each row written
   * since and each of its kept states, the oldest last.
   */
  rollBackTo(name: string, restore: (key: RowKey, before: Row | null) => void): void {
    for (;;) {
      const point = this.#points.at(-1)!;
      for (const [key, row] of point.before) {
        this.#bytes -= this.#sizeOf(row);
        restore(key, row);
      }
      point.before.clear();
      if (point.name === name) return;
      this.#points.pop();
    }
  }

  /** The row's kept states are the same by another name. Cost: savepoints. */
  amend(key: RowKey, amended: (before: Row) => Row): void {
    for (const { before } of this.#points) {
      const row = before.get(key);
      if (row === undefined || row === null) continue;
      const same = amended(row);
      before.set(key, same);
      this.#bytes += this.#sizeOf(same) - this.#sizeOf(row);
    }
  }

  /** True also where no savepoint was set: there is nothing to go back to. */
  #keeps(key: RowKey): boolean {
    return this.#points.at(-1)?.before.has(key) ?? true;
  }

  /** What it keeps is kept for the savepoint before it, where that does not keep what is older. */
  #forget(name: string): void {
    const at = this.#points.findIndex((point) => point.name === name);
    if (at < 0) return;
    const [forgotten] = this.#points.splice(at, 1);
    const earlier = this.#points[at - 1]?.before;
    for (const [key, row] of forgotten!.before) {
      if (earlier === undefined || earlier.has(key)) this.#bytes -= this.#sizeOf(row);
      else earlier.set(key, row);
    }
  }
}
