/** Which rows a statement is about where it names no key: the range and `where` of `scan`. */
import type { KeyRange } from '../../../applier/types.ts';
import { invalidArgument, noSuchIndex } from '../errors.ts';
import { type KeyBounds, rangeOf } from '../key-codec.ts';
import type { Table } from '../table.ts';
import type { Transaction } from '../transaction.ts';
import { boundedKey } from './arguments.ts';
import { type Predicate, predicateOf } from './predicate.ts';
import type { Message } from './statement.ts';

export const RANGE_ARGUMENTS = ['gte', 'gt', 'lte', 'lt'] as const;
export const SELECTION_ARGUMENTS = ['index', ...RANGE_ARGUMENTS, 'where'] as const;

export interface Selection {
  readonly range: KeyRange;
  readonly predicate: Predicate | null;
}

export function selectionOf(transaction: Transaction, table: Table, message: Message): Selection {
  const { index } = message;
  if (index !== undefined && index !== 'primary') {
    if (typeof index !== 'string') throw invalidArgument('index', 'expected a name');
    throw noSuchIndex(table.name, index);
  }
  return { range: keyRangeOf(transaction, table, message), predicate: predicateOf(table, message.where) };
}

function keyRangeOf(transaction: Transaction, table: Table, message: Message): KeyRange {
  const bounds: Record<string, readonly unknown[]> = {};
  let bounded = false;
  for (const argument of RANGE_ARGUMENTS) {
    const bound = message[argument];
    if (bound === undefined) continue;
    bounds[argument] = boundOf(table, bound, argument);
    bounded = true;
  }
  if (!bounded) return table.range;
  if ('gte' in bounds && 'gt' in bounds) throw invalidArgument('gt', "not together with 'gte'");
  if ('lte' in bounds && 'lt' in bounds) throw invalidArgument('lt', "not together with 'lte'");
  const range = rangeOf(table.prefix, bounds as KeyBounds, table.keyTypes);
  boundedKey(transaction, range.from, 'gte' in bounds ? 'gte' : 'gt');
  boundedKey(transaction, range.to, 'lte' in bounds ? 'lte' : 'lt');
  return range;
}

/** The key's columns or the first of them; a scalar is the first. Null is below all. */
function boundOf(table: Table, bound: unknown, argument: string): readonly unknown[] {
  const values: readonly unknown[] = Array.isArray(bound) ? bound : [bound];
  const { primaryKey } = table;
  if (values.length === 0 || values.length > primaryKey.length) {
    throw invalidArgument(argument, `expected the first of the primary key's columns (${primaryKey.join(', ')})`);
  }
  return values.map((value, position) => (value === null ? null : table.canonicalKeyValue(position, value)));
}
