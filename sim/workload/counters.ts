/**
 * Hot counters that many increment, and some put, delete and make anew. Their rows carry no tags: what a committed
 * transaction asked for is compared with the counters right before and right behind its place in the order.
 *
 * - What it added is added there, once, and nothing else is changed; its answer says what that came to; bounds hold.
 * - What it read of a counter, and what it put in place of that, was the last before its place: nobody's increment is lost.
 * - What it saw of a counter that it had incremented was its snapshot's with its own increments; of one that it locked it is so
 *   right before its place, too.
 */
import type { SequenceNumber } from '../../gcs/base/index.ts';
import {
  decodeRow,
  encodeKey,
  type ImageCodec,
  RowLayout,
  type TableDefinition,
  tablePrefix,
} from '../../node/engine/index.ts';
import type { Judge } from '../observers/judge.ts';
import type { ShadowDatabase } from '../observers/shadow-database.ts';
import { incrementedColumns, type ShadowIncrement } from '../observers/shadow-increments.ts';
import type { Row } from './history.ts';

export const COUNTER_TABLE = 'app.counter';
export const COUNTERS = 3;

/** What an attempt has to do with counters. */
export class CounterWork {
  /** By counter, in their order. None of one that it also writes otherwise. */
  readonly increments = new Map<number, ShadowIncrement[]>();
  /** Put, or deleted (null), having been read as `found`, which a statement of READ COMMITTED said again. */
  readonly replaced: { readonly id: number; readonly found: Row | null; readonly by: Row | null }[] = [];
  /** Read, and what it had added by then. */
  readonly seen: SeenCounter[] = [];

  get isEmpty(): boolean {
    return this.increments.size === 0 && this.replaced.length === 0 && this.seen.length === 0;
  }

  add(id: number, increment: ShadowIncrement): void {
    const all = this.increments.get(id) ?? [];
    this.increments.set(id, [...all, increment]);
  }

  /** `isLocked`: read `forUpdate`. */
  see(id: number, row: Row | null, isLocked = false): void {
    this.seen.push({ id, row, added: this.increments.get(id) ?? [], isLocked });
  }
}

interface SeenCounter {
  readonly id: number;
  readonly row: Row | null;
  readonly added: readonly ShadowIncrement[];
  readonly isLocked: boolean;
}

/** What a commit answers of increments. */
export interface AnsweredIncrement {
  readonly key: unknown;
  readonly column: string;
  readonly value: unknown;
}

export class Counters {
  readonly #judge: Judge;
  readonly #shadow: ShadowDatabase;
  readonly #codec: ImageCodec;

  constructor(setup: { judge: Judge; shadow: ShadowDatabase; codec: ImageCodec }) {
    this.#judge = setup.judge;
    this.#shadow = setup.shadow;
    this.#codec = setup.codec;
  }

  /** An attempt with that work is in the order. `answered`: null where nobody was answered. */
  check(
    who: string,
    work: CounterWork,
    at: { readonly sequenceNumber: SequenceNumber; readonly answered: readonly AnsweredIncrement[] | null },
  ): void {
    const { sequenceNumber, answered } = at;
    for (const [id, all] of work.increments) {
      const before = this.#rowAt(id, sequenceNumber - 1);
      const after = this.#rowAt(id, sequenceNumber);
      const expected = before && this.#withIncrements(before, all);
      this.#judge.check(
        expected !== null && areSame(expected, after),
        () => `${who} at ${sequenceNumber} makes ${shown(after)} of ${shown(before)} by ${shown(all)}`,
      );
      for (const { column, min, max } of all) {
        const value = after![column as string];
        const isWithin =
          (min === null || Number(value) >= Number(min)) && (max === null || Number(value) <= Number(max));
        this.#judge.check(isWithin, () => `${who} at ${sequenceNumber} leaves ${String(value)}, out of its bounds`);
        if (answered === null) continue;
        const told = answered.filter((each) => each.key === id && each.column === column);
        this.#judge.check(
          told.length === 1 && told[0]!.value === value,
          () => `${who} at ${sequenceNumber} is told ${shown(told)} of ${String(column)}, which is ${String(value)}`,
        );
      }
    }
    this.#checkSeen(
      who,
      work.seen.filter(({ isLocked }) => isLocked),
      sequenceNumber - 1,
    );
    for (const { id, found, by } of work.replaced) {
      const before = this.#rowAt(id, sequenceNumber - 1);
      const after = this.#rowAt(id, sequenceNumber);
      this.#judge.check(
        areSame(before, found) && areSame(after, by),
        () =>
          `${who} at ${sequenceNumber} found ${shown(found)} and made ${shown(by)}; it makes ${shown(after)} of ${shown(before)}`,
      );
    }
  }

  /** What it saw is as of `snapshot`. */
  checkSeen(who: string, work: CounterWork, snapshot: SequenceNumber): void {
    this.#checkSeen(who, work.seen, snapshot);
  }

  #checkSeen(who: string, seen: readonly SeenCounter[], snapshot: SequenceNumber): void {
    for (const { id, row, added } of seen) {
      const below = this.#rowAt(id, snapshot);
      const expected = below === null || added.length === 0 ? below : this.#withIncrements(below, added);
      this.#judge.check(
        areSame(row, expected),
        () =>
          `${who} sees ${shown(row)}, and at ${snapshot} there is ${shown(below)}, to which it adds ${shown(added)}`,
      );
    }
  }

  #withIncrements(row: Row, all: readonly ShadowIncrement[]): Row | null {
    let sum: Row | null = row;
    for (const increment of all) {
      // Bounds are of what they all come to.
      const columns: Row | null =
        sum && incrementedColumns(sum, [{ ...increment, min: null, max: null }], this.#table!.columns);
      sum = columns && { ...sum, ...columns };
    }
    return sum;
  }

  #rowAt(id: number, snapshot: SequenceNumber): Row | null {
    const table = this.#table;
    if (table === null) return null;
    const image = this.#shadow.imageAt(encodeKey(tablePrefix(table.tableId), [id], ['integer']), snapshot);
    return image === null ? null : decodeRow(image, new RowLayout(table), this.#codec);
  }

  get #table(): TableDefinition | null {
    return this.#shadow.tableAt(COUNTER_TABLE, this.#shadow.sequenceNumber);
  }
}

function areSame(one: Row | null, other: Row | null): boolean {
  return shown(one) === shown(other);
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part));
}
