/**
 * `scan`. With `limit`, an answer that leaves rows out carries a cursor; `scan` with that cursor gives the next ones, at
 * the same snapshot (at READ COMMITTED each page has its own, as every statement), with the same conditions. A cursor of a transaction lives no longer than the transaction.
 * `forUpdate` locks the rows that are returned, page by page; rows that come to match later are not kept from coming.
 */
import type { KeyRange } from '../../../applier/types.ts';
import type { RowKey } from '../../../certifier/types.ts';
import { invalidArgument, noSuchIndex, schemaChanged, tooLarge } from '../errors.ts';
import type { Row } from '../image-codec.ts';
import type { Transaction } from '../transaction.ts';
import { booleanOf, columnsOf, limitOf, tableNameOf, tableOf, withColumns } from './arguments.ts';
import type { ScanState } from './cursor.ts';
import { lockForUpdate } from './for-update.ts';
import { matches } from './predicate.ts';
import { rowsFound, SELECTION_ARGUMENTS, selectionOf } from './selection.ts';
import type { Message, Statement, StatementContext } from './statement.ts';

const FIXED_BY_CURSOR = [...SELECTION_ARGUMENTS, 'columns', 'reverse', 'forUpdate'];

export const scan: Statement = {
  argumentNames: ['table', ...SELECTION_ARGUMENTS, 'columns', 'limit', 'reverse', 'cursor', 'forUpdate'],
  isWrite: false,
  run(transaction, message, context) {
    if (message.cursor !== undefined) return continueScan(transaction, message, context);
    const table = tableOf(transaction, message);
    const columns = columnsOf(table, message);
    const selection = selectionOf(transaction, table, message);
    const reverse = booleanOf(message, 'reverse');
    const forUpdate = booleanOf(message, 'forUpdate');
    const state: ScanState = { table, ...selection, columns, reverse, limit: limitOf(message), forUpdate };
    const { rows, lastKey } = rowsOf(transaction, state, context.cursors !== null);
    if (lastKey === null || context.cursors === null) return { rows };
    const { isAlone } = context;
    return { rows, cursor: context.cursors.open({ transaction, isAlone, scan: behind(state, lastKey) }) };
  },
};

function continueScan(transaction: Transaction, message: Message, context: StatementContext): object {
  const name = message.cursor;
  if (typeof name !== 'string') throw invalidArgument('cursor', 'expected what an earlier scan answered');
  if (context.cursors === null) throw invalidArgument('cursor', 'not in a step: it does not outlive its transaction');
  for (const argument of FIXED_BY_CURSOR) {
    if (message[argument] !== undefined) throw invalidArgument(argument, 'fixed by the scan that opened the cursor');
  }
  const cursor = context.cursors.find(name);
  const table = tableNameOf(message);
  if (cursor.scan.table.name !== table) throw invalidArgument('cursor', `opened for ${cursor.scan.table.name}`);
  if (cursor.transaction !== transaction && !(cursor.isAlone && context.isAlone)) {
    throw invalidArgument('cursor', 'opened in another transaction');
  }
  const limit = limitOf(message);
  const left = asNow(cursor.transaction, cursor.scan);
  const state = limit === null ? left : { ...left, limit };
  const { rows, lastKey } = rowsOf(cursor.transaction, state, true);
  if (lastKey === null) {
    context.cursors.drop(name);
    return { rows };
  }
  context.cursors.advance(name, behind(state, lastKey));
  return { rows, cursor: name };
}

/**
 * The scan at the snapshot of this page, which at READ COMMITTED is another one: the table may have been altered since.
 *
 * @throws RequestError NO_SUCH_TABLE, NO_SUCH_INDEX, NO_SUCH_COLUMN, SCHEMA_CHANGED: what it goes by is there no more
 */
function asNow(transaction: Transaction, state: ScanState): ScanState {
  const { table: before, predicate, columns } = state;
  const table = transaction.table(before.name);
  if (table === before) return state;
  const snapshotVersion = transaction.fixSnapshot();
  if (table.definition.tableId !== before.definition.tableId) {
    throw schemaChanged({ table: before.name, snapshotVersion });
  }
  const index = state.index === null ? null : (table.indexById(state.index.definition.indexId) ?? null);
  if (state.index !== null && !index?.isValid) throw noSuchIndex(before.name, state.index.name);
  for (const column of columns ?? []) table.column(column);
  for (const { column, type } of predicate ?? []) {
    if ((table.column(column)?.type ?? null) !== type) throw schemaChanged({ table: before.name, snapshotVersion });
  }
  return { ...state, table, index };
}

/**
 * `lastKey`: where the last row returned was found, where more rows may follow; else null. `tellsMore`: a cursor tells the client so. Where
 * what is read is certified, a full page has a cursor whatever follows: that there is a row behind it, which nobody reads,
 * is nothing that a client may go by.
 */
function rowsOf(
  transaction: Transaction,
  state: ScanState,
  tellsMore: boolean,
): { rows: Row[]; lastKey: RowKey | null } {
  const { table, range, predicate, columns, reverse, limit, forUpdate } = state;
  const { imageCodec, limits } = transaction;
  const bytesMax = limits.resultBytesMax;
  const mayNotLookFurther = tellsMore && transaction.certifiesReads;
  const rows: Row[] = [];
  let bytes = 0;
  let lastKey: RowKey | null = null;
  /** Those to be locked. */
  const keys: RowKey[] = [];
  /** Where `limit` cut it. */
  let left: KeyRange | null = null;
  for (const { key, image, foundAt } of rowsFound(transaction, state, reverse)) {
    const row = table.decode(image, imageCodec);
    if (!matches(row, predicate)) continue;
    if (rows.length === limit) {
      left = behind(state, lastKey!).range;
      break;
    }
    bytes += image.length;
    if (bytes > bytesMax) {
      transaction.observeRange(range.from, range.to);
      throw tooLarge('RESULT_TOO_LARGE', { bytes, bytesMax, table: table.name });
    }
    rows.push(withColumns(row, columns));
    if (forUpdate) keys.push(key);
    lastKey = foundAt;
    if (mayNotLookFurther && rows.length === limit) {
      left = behind(state, foundAt).range;
      break;
    }
  }
  if (left === null) transaction.observeRange(range.from, range.to);
  else if (reverse) transaction.observeRange(left.to, range.to);
  else transaction.observeRange(range.from, left.from);
  if (forUpdate) lockForUpdate(transaction, table, keys);
  return { rows, lastKey: left === null ? null : lastKey };
}

/** What is left behind `lastKey`. No key begins with another one: a key and one more byte lies between it and the next. */
function behind(state: ScanState, lastKey: RowKey): ScanState {
  const { from, to } = state.range;
  return { ...state, range: state.reverse ? { from, to: lastKey } : { from: `${lastKey}\x00`, to } };
}
