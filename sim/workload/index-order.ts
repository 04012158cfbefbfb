/**
 * What a scan by an index looks through, told by the rows alone, and not by the entries that a member keeps: the rows that
 * are, or were, within the bounds of the first column of the index, in its order, as far as the limit let it go.
 */
import type { RowKey } from '../../certifier/index.ts';
import { compareValues } from '../../node/engine/index.ts';
import type { Row, ScannedPart } from './history.ts';

export interface KeyedRow {
  readonly key: RowKey;
  readonly row: Row;
}

export class IndexOrder {
  readonly #part: ScannedPart;
  readonly #columns: readonly string[];

  /** `columns`: of the index. */
  constructor(part: ScannedPart, columns: readonly string[]) {
    this.#part = part;
    this.#columns = columns;
  }

  /** What the scan finds among the rows of the table. */
  found(rows: readonly KeyedRow[]): readonly KeyedRow[] {
    const { limit, reverse = false } = this.#part;
    const within = rows.filter(({ row }) => this.#isWithin(row)).sort((one, other) => this.#compare(one, other));
    if (reverse) within.reverse();
    return within.slice(0, limit);
  }

  /**
   * Whether a row like that is one that the scan would come to which found these. Behind the last that the limit allowed it looks
   * at nothing.
   */
  comesTo(each: KeyedRow, found: readonly KeyedRow[]): boolean {
    const { limit, reverse = false } = this.#part;
    if (!this.#isWithin(each.row)) return false;
    if (found.length !== limit) return true;
    const behind = this.#compare(each, found.at(-1)!);
    return reverse ? behind >= 0 : behind <= 0;
  }

  /** Nulls come first. */
  #isWithin(row: Row): boolean {
    const { gte, lt } = this.#part;
    const first = row[this.#columns[0]!] as number | null;
    return (
      (gte === undefined || (first !== null && first >= gte)) && (lt === undefined || first === null || first < lt)
    );
  }

  #compare(one: KeyedRow, other: KeyedRow): number {
    for (const column of this.#columns) {
      const difference = compareValues(one.row[column], other.row[column], 'integer');
      if (difference !== 0) return difference;
    }
    return one.key === other.key ? 0 : one.key < other.key ? -1 : 1;
  }
}
