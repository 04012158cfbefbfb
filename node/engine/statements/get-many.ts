import { invalidArgument, tooLarge } from '../errors.ts';
import { booleanOf, columnsOf, rowKeyOf, tableOf, withColumns } from './arguments.ts';
import { lockForUpdate } from './for-update.ts';
import type { Statement } from './statement.ts';

export const getMany: Statement = {
  argumentNames: ['table', 'keys', 'columns', 'forUpdate'],
  isWrite: false,
  run(transaction, message) {
    const table = tableOf(transaction, message);
    const columns = columnsOf(table, message);
    const { keys } = message;
    if (!Array.isArray(keys)) throw invalidArgument('keys', 'expected an array of keys');
    const rowKeys = keys.map((key, position) => rowKeyOf(transaction, table, key, `keys[${position}]`));
    // In the order of the keys: two that want the same rows do not wait for each other.
    if (booleanOf(message, 'forUpdate')) lockForUpdate(transaction, table, [...new Set(rowKeys)].sort());
    const bytesMax = transaction.limits.resultBytesMax;
    let bytes = 0;
    return rowKeys.map((key) => {
      const image = transaction.get(key);
      if (image === undefined) return null;
      bytes += image.length;
      if (bytes > bytesMax) throw tooLarge('RESULT_TOO_LARGE', { bytes, bytesMax, table: table.name });
      return withColumns(table.decode(image, transaction.imageCodec), columns);
    });
  },
};
