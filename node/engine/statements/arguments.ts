/** Reading of arguments. Everything here throws RequestError naming the argument at fault. */
import type { RowKey } from '../../../certifier/types.ts';
import { invalidArgument, nullViolation } from '../errors.ts';
import type { Row } from '../image-codec.ts';
import type { Table } from '../table.ts';
import type { Transaction } from '../transaction.ts';
import { setColumn } from '../values.ts';
import type { Message } from './statement.ts';

export function tableOf(transaction: Transaction, message: Message): Table {
  return transaction.table(tableNameOf(message));
}

export function tableNameOf(message: Message): string {
  const { table } = message;
  if (typeof table !== 'string') throw invalidArgument('table', 'expected the name of a table, "schema.table"');
  return table;
}

/** Null where the argument is absent. */
export function optionalTableNameOf(message: Message): string | null {
  return message.table === undefined || message.table === null ? null : tableNameOf(message);
}

/** The canonical values of a whole primary key: a scalar if it has one column, else an array. */
function keyValuesOf(table: Table, key: unknown, argument: string): readonly unknown[] {
  const { primaryKey } = table;
  if (key === undefined) throw invalidArgument(argument, `missing; the primary key is (${primaryKey.join(', ')})`);
  if (primaryKey.length === 1) {
    if (Array.isArray(key)) throw invalidArgument(argument, 'expected a scalar: the primary key has one column');
    if (key === null) throw nullViolation(table.name, primaryKey[0]!);
    return [table.canonicalKeyValue(0, key)];
  }
  if (!Array.isArray(key) || key.length !== primaryKey.length) {
    throw invalidArgument(argument, `expected an array of the primary key's columns (${primaryKey.join(', ')})`);
  }
  return key.map((value, position) => {
    if (value === null) throw nullViolation(table.name, primaryKey[position]!);
    return table.canonicalKeyValue(position, value);
  });
}

/** The row key that `key` names. */
export function rowKeyOf(transaction: Transaction, table: Table, key: unknown, argument = 'key'): RowKey {
  return boundedKey(transaction, table.rowKey(keyValuesOf(table, key, argument)), argument);
}

export function boundedKey(transaction: Transaction, key: RowKey, argument: string): RowKey {
  const { keyBytesMax } = transaction.limits;
  if (key.length <= keyBytesMax) return key;
  throw invalidArgument(argument, `the key has ${key.length} bytes; at most ${keyBytesMax} are allowed`);
}

/** The columns to be returned, or null: all. */
export function columnsOf(table: Table, message: Message): readonly string[] | null {
  const { columns } = message;
  if (columns === undefined || columns === null) return null;
  if (!Array.isArray(columns) || columns.length === 0) throw invalidArgument('columns', 'expected an array of names');
  for (const column of columns) {
    if (typeof column !== 'string') throw invalidArgument('columns', 'expected an array of names');
    table.column(column);
  }
  return columns;
}

/** `row` with the wanted columns only; one that a free-form row does not have is left out. */
export function withColumns(row: Row, columns: readonly string[] | null): Row {
  if (columns === null) return row;
  const result: Row = {};
  for (const column of columns) if (Object.hasOwn(row, column)) setColumn(result, column, row[column]);
  return result;
}

export function booleanOf(message: Message, argument: string): boolean {
  const value = message[argument];
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw invalidArgument(argument, 'expected true or false');
  return value;
}

/** A whole number within bounds, both included, or null where the argument is absent. */
export function wholeNumberOf(message: Message, argument: string, bounds: { min: number; max: number }): number | null {
  const value = message[argument];
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value >= bounds.min && value <= bounds.max) return value;
  throw invalidArgument(argument, `expected a whole number from ${bounds.min} to ${bounds.max}`);
}

/** Of rows; null: all. @throws RequestError INVALID_ARGUMENT */
export function limitOf(message: Message): number | null {
  return wholeNumberOf(message, 'limit', { min: 1, max: Number.MAX_SAFE_INTEGER });
}
