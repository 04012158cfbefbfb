/** What a transaction has incremented, of the rows that it buffers: what they are with that, what the commit answers, and why it cannot be. */
import type { RowKey } from '../../certifier/types.ts';
import { assert } from '../../gcs/base/index.ts';
import { outOfBounds, type RequestError } from './errors.ts';
import type { ImageCodec } from './image-codec.ts';
import {
  boundsProblem,
  type ColumnIncrement,
  incrementFacts,
  isNumber,
  negated,
  type RefusedIncrement,
  sum,
} from './increments.ts';
import { decodeKey, shownKey, tableIdOf } from './key-codec.ts';
import type { Table } from './table.ts';
import type { BufferedRow } from './write-set.ts';

/** What a commit answers of an increment. */
export interface IncrementedColumn {
  readonly table: string;
  readonly key: unknown;
  readonly column: string;
  readonly value: unknown;
}

/** What a delta has come to. */
interface ResolvedRow {
  readonly key: RowKey;
  readonly image: Uint8Array | null;
}

export interface IncrementingTransaction {
  readonly rows: ReadonlyMap<RowKey, BufferedRow>;
  readonly imageCodec: ImageCodec;
  touchedTable(tableId: number): Table | undefined;
}

/** The row below, with increments. @throws RequestError OUT_OF_BOUNDS where there is no such value */
export function withIncrements(
  transaction: IncrementingTransaction,
  key: RowKey,
  { below, increments }: { readonly below: Uint8Array | undefined; readonly increments: readonly ColumnIncrement[] },
): Uint8Array {
  assert(below !== undefined, 'a row that is incremented is there');
  const table = tableOf(transaction, key);
  const added = table.incremented(below, increments, { codec: transaction.imageCodec, isBounded: false });
  if ('problem' in added) throw refusedAt(transaction, key, added);
  return added.image;
}

/**
 * Each column that it has incremented, and what it has now that the transaction is committed. `resolved`: what deltas have
 * come to, each key once. Cost: O(rows).
 */
export function incrementedColumns(
  transaction: IncrementingTransaction,
  resolved: readonly ResolvedRow[],
): readonly IncrementedColumn[] {
  const columns: IncrementedColumn[] = [];
  const imageOf = resolvedImages(resolved);
  for (const [key, { image, increments }] of transaction.rows) {
    if (increments === null) continue;
    const table = tableOf(transaction, key);
    const row = table.decode(image ?? imageOf(key), transaction.imageCodec);
    const about = { table: table.name, key: shownKeyOf(table, key) };
    for (const { column } of increments) columns.push({ ...about, column, value: row[column] });
  }
  return columns;
}

/** What the delta of a row has come to. As a rule there is one, for which nothing is built. */
function resolvedImages(resolved: readonly ResolvedRow[]): (key: RowKey) => Uint8Array {
  if (resolved.length <= 1) return () => resolved[0]!.image!;
  const images = new Map(resolved.map(({ key, image }) => [key, image!]));
  return (key) => images.get(key)!;
}

/** Of rows that are written as any: of deltas the group judges it. @throws RequestError OUT_OF_BOUNDS */
export function checkBounds(transaction: IncrementingTransaction): void {
  for (const [key, { image, increments }] of transaction.rows) {
    if (image === null || increments === null) continue;
    const table = tableOf(transaction, key);
    const row = table.decode(image, transaction.imageCodec);
    for (const increment of increments) {
      const { column, by } = increment;
      const type = table.numberTypeOf(column);
      const value = row[column];
      const problem = boundsProblem(value, increment, type);
      if (problem === null) continue;
      const before = isNumber(value, type) ? sum(value, negated(by, type), type) : value;
      throw refusedAt(transaction, key, { increment, problem, value: before });
    }
  }
}

export function refusedAt(transaction: IncrementingTransaction, key: RowKey, refused: RefusedIncrement): RequestError {
  const table = tableOf(transaction, key);
  return outOfBounds({ table: table.name, key: shownKeyOf(table, key), ...incrementFacts(refused) });
}

function tableOf(transaction: IncrementingTransaction, key: RowKey): Table {
  return transaction.touchedTable(tableIdOf(key))!;
}

function shownKeyOf(table: Table, key: RowKey): unknown {
  const decoded = decodeKey(key, table.keyTypes);
  return decoded.kind === 'row' ? shownKey(decoded.values) : null;
}
