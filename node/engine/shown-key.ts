/** Keys as clients are told of them, in conflicts. */
import type { RowKey } from '../../certifier/types.ts';
import { decodeKey, shownKey } from './key-codec.ts';
import type { Table } from './table.ts';

/** What of a table a key is about. */
export interface ShownKey {
  /** `unique`: values in a unique index; `reference`: that a row has a key, to which others refer. */
  readonly item: 'row' | 'unique' | 'reference';
  /** The name of the index, where it is an entry; of what is referred to, perhaps `primary`. */
  readonly index?: string;
  /** The columns of the row's primary key; of `unique` and `reference` those of the index. A scalar if there is one. */
  readonly key: unknown;
}

/** `table`: that of the key, if it is known. Null: the key is of no table. */
export function showKey(key: RowKey, table: Table | undefined): ShownKey | null {
  const decoded = decodeKey(key, table?.keyTypes ?? null);
  if (decoded.kind === 'row') return { item: 'row', key: shownKey(decoded.values) };
  if (decoded.kind !== 'entry' && decoded.kind !== 'existence') return null;
  const { indexId } = decoded;
  const ofIndex = table?.indexById(indexId);
  const columns = indexId === 0 ? table?.primaryKey : ofIndex?.columns;
  const index = indexId === 0 ? 'primary' : (ofIndex?.name ?? `(dropped index ${indexId})`);
  const types = indexId === 0 ? table?.keyTypes : ofIndex && [...ofIndex.types, ...table!.keyTypes];
  const typed = decodeKey(key, types ?? null);
  const values = 'values' in typed ? typed.values : decoded.values;
  if (decoded.kind === 'existence') return { item: 'reference', index, key: shownKey(values) };
  const ofRow = values.slice(columns?.length ?? values.length);
  if (ofRow.length > 0) return { item: 'row', index, key: shownKey(ofRow) };
  return { item: 'unique', index, key: shownKey(values) };
}
