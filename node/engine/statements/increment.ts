/**
 * `increment`: adds to a column of one row without saying what it is, so that it conflicts with no other increment (H8).
 * The value, and whether it is within its bounds, are known when the group has ordered the transaction: the commit answers
 * them.
 */
import { invalidArgument, noSuchRow } from '../errors.ts';
import { type ColumnIncrement, isIncrementable, isNumber, type NumberType } from '../increments.ts';
import type { Table } from '../table.ts';
import { compareValues } from '../values.ts';
import { rowKeyOf, tableOf } from './arguments.ts';
import type { Message, Statement } from './statement.ts';

export const increment: Statement = {
  argumentNames: ['table', 'key', 'column', 'by', 'min', 'max'],
  isWrite: true,
  run(transaction, message) {
    const table = tableOf(transaction, message);
    const key = rowKeyOf(transaction, table, message.key);
    const added = incrementOf(table, message);
    const image = transaction.getToIncrement(key);
    if (image === undefined) {
      transaction.observe(key);
      throw noSuchRow({ table: table.name, key: message.key });
    }
    const { column } = added;
    const row = table.decode(image, transaction.imageCodec);
    const value = Object.hasOwn(row, column) ? row[column] : null;
    if (!isNumber(value, table.numberTypeOf(column))) throw table.mismatch(column, value);
    transaction.increment(table, key, added, image);
    return {};
  },
};

function incrementOf(table: Table, message: Message): ColumnIncrement {
  const { column } = message;
  if (typeof column !== 'string') throw invalidArgument('column', "expected a column's name");
  const type = table.column(column)?.type ?? null;
  if (table.isKeyColumn(column)) throw invalidArgument('column', `${JSON.stringify(column)} is of the primary key`);
  // What it comes to is known when it is ordered, and entries are made before that.
  const index = table.indexes.find(({ columns }) => columns.includes(column));
  if (index !== undefined) {
    throw invalidArgument('column', `${JSON.stringify(column)} is of index ${JSON.stringify(index.name)}`);
  }
  if (!isIncrementable(type))
    throw invalidArgument('column', `${JSON.stringify(column)} is of no numbers: it takes ${type}`);
  const by = numberOf(table, message, { argument: 'by', column, type });
  if (by === null) throw invalidArgument('by', 'missing');
  const min = numberOf(table, message, { argument: 'min', column, type });
  const max = numberOf(table, message, { argument: 'max', column, type });
  if (min !== null && max !== null && compareValues(min, max, type) > 0) {
    throw invalidArgument('min', 'above max: no value is within these bounds');
  }
  return { column, by, min, max };
}

/** A value of the column, canonical, or null where the argument is absent. */
function numberOf(
  table: Table,
  message: Message,
  { argument, column, type }: { argument: 'by' | 'min' | 'max'; column: string; type: NumberType },
): unknown {
  const given = message[argument];
  if (given === undefined || given === null) return null;
  const value = table.canonical(column, given);
  if (!isNumber(value, type)) throw table.mismatch(column, given);
  return value;
}
