/** Which rows a statement is about where it names no key: the range and `where` of `scan`. */
import type { KeyRange } from '../../../applier/types.ts';
import type { RowKey } from '../../../certifier/types.ts';
import { assert } from '../../../gcs/base/index.ts';
import type { TableIndex } from '../constraints/table-index.ts';
import { invalidArgument } from '../errors.ts';
import { type KeyBounds, rangeOf } from '../key-codec.ts';
import type { Table } from '../table.ts';
import type { Transaction } from '../transaction.ts';
import { boundedKey } from './arguments.ts';
import { type Predicate, predicateOf } from './predicate.ts';
import type { Message } from './statement.ts';

export const RANGE_ARGUMENTS = ['gte', 'gt', 'lte', 'lt'] as const;
export const SELECTION_ARGUMENTS = ['index', ...RANGE_ARGUMENTS, 'where'] as const;

export interface Selection {
  /** Null: the primary key. */
  readonly index: TableIndex | null;
  /** Of rows, or of entries of the index. */
  readonly range: KeyRange;
  readonly predicate: Predicate | null;
}

export function selectionOf(transaction: Transaction, table: Table, message: Message): Selection {
  const index = indexOf(table, message);
  if (index !== null) transaction.counters.indexScans++;
  return { index, range: rangeIn(transaction, table, index, message), predicate: predicateOf(table, message.where) };
}

/** A row that a statement finds. */
export interface FoundRow {
  readonly key: RowKey;
  readonly image: Uint8Array;
  /** Where it was found: its own key, or that of its entry. */
  readonly foundAt: RowKey;
}

/**
 * The rows of a selection, but for its predicate, as the transaction sees them; in the order of the index, or backwards.
 * Each row that is fetched by an index is read as if by its key (H11). To be used up in this turn, before anything is written.
 */
export function* rowsFound(
  transaction: Transaction,
  { index, range }: Pick<Selection, 'index' | 'range'>,
  reverse: boolean,
): Generator<FoundRow> {
  for (const [foundAt, found] of transaction.scan(range.from, range.to, reverse)) {
    if (index === null) {
      yield { key: foundAt, image: found, foundAt };
      continue;
    }
    const key = index.rowKeyOf(foundAt, found);
    const image = transaction.get(key);
    assert(image !== undefined, 'an entry of a valid index stands for a row');
    yield { key, image, foundAt };
  }
}

/** Null: the primary key. */
function indexOf(table: Table, { index: name }: Message): TableIndex | null {
  if (name === undefined || name === null || name === 'primary') return null;
  if (typeof name !== 'string') throw invalidArgument('index', 'expected a name');
  return table.validIndex(name);
}

function rangeIn(transaction: Transaction, table: Table, index: TableIndex | null, message: Message): KeyRange {
  const bounds: Record<string, readonly unknown[]> = {};
  let bounded = false;
  for (const argument of RANGE_ARGUMENTS) {
    const bound = message[argument];
    if (bound === undefined) continue;
    bounds[argument] = boundOf(table, index, bound, argument);
    bounded = true;
  }
  if ('gte' in bounds && 'gt' in bounds) throw invalidArgument('gt', "not together with 'gte'");
  if ('lte' in bounds && 'lt' in bounds) throw invalidArgument('lt', "not together with 'lte'");
  const { prefix, types } = index ?? { prefix: table.prefix, types: table.keyTypes };
  const range = rangeOf(prefix, bounds as KeyBounds, types);
  if (!bounded) return range;
  boundedKey(transaction, range.from, 'gte' in bounds ? 'gte' : 'gt');
  boundedKey(transaction, range.to, 'lte' in bounds ? 'lte' : 'lt');
  return range;
}

/** The columns of the key or index, or the first of them; a scalar is the first. Null is below all. */
function boundOf(table: Table, index: TableIndex | null, bound: unknown, argument: string): readonly unknown[] {
  const values: readonly unknown[] = Array.isArray(bound) ? bound : [bound];
  const { columns, name } = index ?? { columns: table.primaryKey, name: 'the primary key' };
  if (values.length === 0 || values.length > columns.length) {
    throw invalidArgument(argument, `expected the first of the columns of ${name} (${columns.join(', ')})`);
  }
  return values.map((value, position) => (value === null ? null : table.canonicalScalar(columns[position]!, value)));
}
