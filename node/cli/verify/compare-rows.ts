/** Merges the sorted rows of several members, and tells where they are not the same. Holds a page of each at a time. */
import { isDeepStrictEqual } from 'node:util';
import type { Row } from '../../../client/index.ts';
import type { KeyedRow } from './table-rows.ts';

export interface RowDifference {
  readonly key: unknown;
  /** By member, in their order; null: there is no such row. */
  readonly rows: readonly (Row | null)[];
}

export interface Comparison {
  /** Keys that were compared. */
  rows: number;
  /** The last of them; undefined: none was. */
  lastKey: unknown;
}

type Pages = AsyncIterator<readonly KeyedRow[]>;

/** Adds to `comparison` as it goes, so that what was compared is known when a member fails. */
export async function compareRows(
  streams: readonly Pages[],
  comparison: Comparison,
  different: (difference: RowDifference) => void,
): Promise<void> {
  const heads = streams.map((pages) => new Head(pages));
  for (;;) {
    const empty = heads.filter((head) => head.isUsedUp);
    if (empty.length > 0) await Promise.all(empty.map((head) => head.turn()));
    let order: string | null = null;
    for (const { current } of heads) {
      if (current !== null && (order === null || current.order < order)) order = current.order;
    }
    if (order === null) return;
    const found = heads.map(({ current }) => (current?.order === order ? current : null));
    const { key, row } = found.find((one) => one !== null)!;
    if (!found.every((one) => one !== null && isSame(one.row, row))) {
      different({ key, rows: found.map((one) => one?.row ?? null) });
    }
    comparison.rows++;
    comparison.lastKey = key;
    for (const [place, head] of heads.entries()) if (found[place] !== null) head.advance();
  }
}

class Head {
  readonly #pages: Pages;
  #page: readonly KeyedRow[] = [];
  #at = 0;
  #isOver = false;

  constructor(pages: Pages) {
    this.#pages = pages;
  }

  /** Null at the end; not to be asked for while used up. */
  get current(): KeyedRow | null {
    return this.#page[this.#at] ?? null;
  }

  get isUsedUp(): boolean {
    return !this.#isOver && this.#at >= this.#page.length;
  }

  advance(): void {
    this.#at++;
  }

  async turn(): Promise<void> {
    const next = await this.#pages.next();
    this.#isOver = next.done === true;
    this.#page = next.done ? [] : next.value;
    this.#at = 0;
  }
}

function isSame(left: Row, right: Row): boolean {
  if (left === right) return true;
  const columns = Object.keys(left);
  if (columns.length !== Object.keys(right).length) return false;
  for (const column of columns) {
    const a = left[column];
    const b = right[column];
    if (a === b) continue;
    if (!Object.hasOwn(right, column) || !isDeepStrictEqual(a, b)) return false;
  }
  return true;
}
