/** What a change of one row does to the entries of its table's indexes. */
import type { RowKey } from '../../../certifier/types.ts';
import type { Row } from '../image-codec.ts';
import type { Entry, TableIndex } from './table-index.ts';

export interface EntryChange {
  readonly index: TableIndex;
  /** What is there no more; null: nothing, or what `after` writes over. */
  readonly removed: Entry | null;
  /** What is there afterwards; null: nothing, or what was there before. */
  readonly added: Entry | null;
}

/**
 * Null for `before` or `after`: there is no row. In the order of `indexes`; one whose entry stays as it is is left out.
 *
 * @throws RequestError TYPE_MISMATCH: a column of a free-form row holds what cannot be indexed
 */
export function entryChangesOf(
  indexes: readonly TableIndex[],
  { key, before, after }: { readonly key: RowKey; readonly before: Row | null; readonly after: Row | null },
): readonly EntryChange[] {
  const changes: EntryChange[] = [];
  for (const index of indexes) {
    const old = before === null ? null : index.entryOf(before, key);
    const now = after === null ? null : index.requiredEntryOf(after, key);
    const isSame = old !== null && old.key === now?.key;
    // Whether a row that was there before has its entry already is not known while the index is being built.
    if (isSame && index.isValid) continue;
    const removed = isSame ? null : old;
    if (removed !== null || now !== null) changes.push({ index, removed, added: now });
  }
  return changes;
}
