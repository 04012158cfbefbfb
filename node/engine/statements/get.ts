import { booleanOf, columnsOf, rowKeyOf, tableOf, withColumns } from './arguments.ts';
import { lockForUpdate } from './for-update.ts';
import type { Statement } from './statement.ts';

export const get: Statement = {
  argumentNames: ['table', 'key', 'columns', 'forUpdate'],
  isWrite: false,
  run(transaction, message) {
    const table = tableOf(transaction, message);
    const columns = columnsOf(table, message);
    const key = rowKeyOf(transaction, table, message.key);
    if (booleanOf(message, 'forUpdate')) lockForUpdate(transaction, table, [key]);
    const image = transaction.get(key);
    return image === undefined ? null : withColumns(table.decode(image, transaction.imageCodec), columns);
  },
};
