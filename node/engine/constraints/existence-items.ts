/**
 * What a transaction does to the existence of keys that foreign keys refer to, as items to be certified (H10). Told at the
 * end, from what each row was before the transaction and what it is then: a key that some row has afterwards, as some row
 * had it before, goes on to exist, and nothing is said of it; who referred to it before goes on to refer to it, unless by a
 * foreign key that is being built (`TableConstraints.existenceKeysBefore`).
 */
import type { RowKey, WriteSetItem } from '../../../certifier/types.ts';
import type { SequenceNumber } from '../../../gcs/base/index.ts';
import type { Row } from '../image-codec.ts';
import { tableIdOf } from '../key-codec.ts';
import type { ExistenceKeys, TableConstraints } from './table-constraints.ts';

export type ExistenceItem = WriteSetItem & { readonly kind: 'reference' | 'mark' };

/** A row that is written, with what it means to foreign keys before that and afterwards. */
export interface ExistenceChange {
  readonly key: RowKey;
  readonly constraints: TableConstraints;
  readonly before: ExistenceKeys;
  readonly after: ExistenceKeys;
}

/** A row that the transaction has written, as it was before that and as it is then; null: there is none. */
export interface WrittenRow {
  readonly before: Row | null;
  readonly after: Row | null;
  /** The snapshot of the first statement that touched it. */
  readonly since: SequenceNumber;
}

export class ExistenceItems {
  /** `before`: the transaction. */
  readonly #rows = new Map<RowKey, Pick<ExistenceChange, 'constraints' | 'before'>>();
  /**
   * READ COMMITTED: of each key the snapshot at which a statement last saw that what it does there is allowed. The last:
   * whether a key exists is what has to be so at the end, whatever it was in between.
   */
  readonly #seenAt = new Map<RowKey, SequenceNumber>();
  /** Of each key the first of these. */
  readonly #firstSeenAt = new Map<RowKey, SequenceNumber>();

  /** `isFirst`: it was not written before by the transaction, or that was undone. */
  rowWritten({ key, constraints, before, after }: ExistenceChange, on: { isFirst: boolean; at: SequenceNumber }): void {
    if (on.isFirst) this.#rows.set(key, { constraints, before });
    for (const existence of begunOrEnded(before, after)) this.seen(existence, on.at);
  }

  /**
   * READ COMMITTED: a statement finds a table with other foreign keys than an earlier one did. What its rows did to keys is
   * what they do by these: of a foreign key that is gone nobody has seen anything lately. `rowAt`: undefined: it is not
   * written, or that was undone.
   */
  tableChanged(constraints: TableConstraints, rowAt: (key: RowKey) => WrittenRow | undefined): void {
    for (const key of this.#rows.keys()) {
      if (tableIdOf(key) !== constraints.table.definition.tableId) continue;
      const row = rowAt(key);
      if (row === undefined) {
        this.#rows.delete(key);
        continue;
      }
      const [before, after] = [constraints.existenceKeysOf(row.before), constraints.existenceKeysOf(row.after)];
      this.#rows.set(key, { constraints, before });
      const changed = [...begunOrEnded(before, after), ...begun(before.refersTo, after.refersTo)];
      for (const existence of changed) if (!this.#seenAt.has(existence)) this.seen(existence, row.since);
    }
  }

  seen(key: RowKey, snapshotVersion: SequenceNumber): void {
    this.#seenAt.set(key, snapshotVersion);
    if (!this.#firstSeenAt.has(key)) this.#firstSeenAt.set(key, snapshotVersion);
  }

  /**
   * Statements were undone, perhaps the last that saw a key: what is left of the transaction was allowed at an older snapshot,
   * and the first is that or one before it. A statement that sees the key again sees all that is left.
   */
  rolledBack(): void {
    for (const [key, first] of this.#firstSeenAt) this.#seenAt.set(key, first);
  }

  /** Undefined: nobody asked. */
  seenAt(key: RowKey): SequenceNumber | undefined {
    return this.#seenAt.get(key);
  }

  /** The oldest snapshot that an item of the table is certified at; infinite: none is. */
  oldestSeen(tableId: number): SequenceNumber {
    let oldest = Number.POSITIVE_INFINITY;
    for (const [key, at] of this.#seenAt) if (at < oldest && tableIdOf(key) === tableId) oldest = at;
    return oldest;
  }

  /** `rowAfter`: of a row that the transaction has written; null: it is gone; undefined: it is not written, or that was undone. */
  items(rowAfter: (key: RowKey, constraints: TableConstraints) => Row | null | undefined): readonly ExistenceItem[] {
    /** Of each key how many rows more have it than before. */
    const rowsMore = new Map<RowKey, number>();
    const count = (keys: readonly RowKey[], by: number): void => {
      for (const key of keys) rowsMore.set(key, (rowsMore.get(key) ?? 0) + by);
    };
    const refersTo = new Set<RowKey>();
    for (const [key, { constraints, before }] of this.#rows) {
      const row = rowAfter(key, constraints);
      if (row === undefined) continue;
      const after = constraints.existenceKeysOf(row);
      count(before.existsAs, -1);
      count(after.existsAs, 1);
      for (const reference of begun(before.refersTo, after.refersTo)) refersTo.add(reference);
    }
    const items: ExistenceItem[] = [];
    for (const [key, more] of rowsMore) if (more !== 0) items.push({ key, kind: 'mark', image: null });
    for (const { key } of items) refersTo.delete(key);
    for (const key of refersTo) items.push({ key, kind: 'reference', image: null });
    return items;
  }

  clear(): void {
    this.#rows.clear();
    this.#seenAt.clear();
    this.#firstSeenAt.clear();
  }
}

function begunOrEnded({ existsAs: before }: ExistenceKeys, { existsAs: after }: ExistenceKeys): readonly RowKey[] {
  return [...begun(after, before), ...begun(before, after)];
}

function begun(before: readonly RowKey[], after: readonly RowKey[]): readonly RowKey[] {
  return after.filter((key) => !before.includes(key));
}
