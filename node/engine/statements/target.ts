/** What `update` and `delete` are about: one key (perhaps with `if`), or a range and `where`, or expressly all rows. */
import type { RowKey } from '../../../certifier/types.ts';
import { type RowWrite, writeConstrained } from '../constraints/statement-changes.ts';
import { invalidArgument } from '../errors.ts';
import type { Row } from '../image-codec.ts';
import type { Table } from '../table.ts';
import type { RowChange, Transaction } from '../transaction.ts';
import { booleanOf, rowKeyOf } from './arguments.ts';
import { equalitiesOf, matches } from './predicate.ts';
import { rowsFound, SELECTION_ARGUMENTS, selectionOf } from './selection.ts';
import type { Message } from './statement.ts';

export const TARGET_ARGUMENTS = ['table', 'key', 'if', 'all', ...SELECTION_ARGUMENTS] as const;

/** Changes each row that the target names: `imageAfter` makes it what it becomes and gives that, or null where it goes. */
export function changeTarget(
  transaction: Transaction,
  table: Table,
  message: Message,
  imageAfter: (row: Row) => Uint8Array | null,
): { matched: number } {
  const selects = SELECTION_ARGUMENTS.some((argument) => message[argument] !== undefined);
  const all = booleanOf(message, 'all');
  if (message.key !== undefined) {
    if (selects || all) throw invalidArgument('key', "not together with a range, 'where' or 'all'");
    return changeOne(transaction, table, message, imageAfter);
  }
  if (message.if !== undefined) throw invalidArgument('if', "only with 'key'; a range takes 'where'");
  if (!selects && !all) throw invalidArgument('key', "missing: give 'key', a range or 'where', or 'all': true");
  if (selects && all) throw invalidArgument('all', "not together with a range or 'where'");
  return changeSelected(transaction, table, message, imageAfter);
}

function changeOne(
  transaction: Transaction,
  table: Table,
  message: Message,
  imageAfter: (row: Row) => Uint8Array | null,
): { matched: number } {
  const key = rowKeyOf(transaction, table, message.key);
  const condition = equalitiesOf(table, 'if', message.if);
  const image = transaction.get(key);
  const row = image === undefined ? null : table.decode(image, transaction.imageCodec);
  if (row === null || !matches(row, condition)) {
    transaction.observe(key);
    return { matched: 0 };
  }
  if (table.isPlain) transaction.write([{ key, image: imageAfter(row) }]);
  else writeConstrained(transaction, table, [rowWriteOf(key, row, imageAfter)]);
  return { matched: 1 };
}

function changeSelected(
  transaction: Transaction,
  table: Table,
  message: Message,
  imageAfter: (row: Row) => Uint8Array | null,
): { matched: number } {
  const selection = selectionOf(transaction, table, message);
  const { range, predicate } = selection;
  transaction.observeRange(range.from, range.to);
  const changes: RowChange[] = [];
  const writes: RowWrite[] = [];
  for (const { key, image } of rowsFound(transaction, selection, false)) {
    const row = table.decode(image, transaction.imageCodec);
    if (!matches(row, predicate)) continue;
    if (table.isPlain) changes.push({ key, image: imageAfter(row) });
    else writes.push(rowWriteOf(key, row, imageAfter));
  }
  if (table.isPlain) transaction.write(changes);
  else writeConstrained(transaction, table, writes);
  return { matched: changes.length + writes.length };
}

function rowWriteOf(key: RowKey, row: Row, imageAfter: (row: Row) => Uint8Array | null): RowWrite {
  const before = { ...row };
  const image = imageAfter(row);
  return { key, before, after: image === null ? null : row, image };
}
