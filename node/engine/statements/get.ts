import { columnsOf, rowKeyOf, tableOf, withColumns } from './arguments.ts';
import type { Statement } from './statement.ts';

export const get: Statement = {
  argumentNames: ['table', 'key', 'columns'],
  unsupported: { forUpdate: 'row locks' },
  isWrite: false,
  run(transaction, message) {
    const table = tableOf(transaction, message);
    const columns = columnsOf(table, message);
    const image = transaction.get(rowKeyOf(transaction, table, message.key));
    return image === undefined ? null : withColumns(table.decode(image, transaction.imageCodec), columns);
  },
};
