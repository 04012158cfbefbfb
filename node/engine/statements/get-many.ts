import { invalidArgument, tooLarge } from '../errors.ts';
import { columnsOf, rowKeyOf, tableOf, withColumns } from './arguments.ts';
import type { Statement } from './statement.ts';

export const getMany: Statement = {
  argumentNames: ['table', 'keys', 'columns'],
  unsupported: { forUpdate: 'row locks' },
  isWrite: false,
  run(transaction, message) {
    const table = tableOf(transaction, message);
    const columns = columnsOf(table, message);
    const { keys } = message;
    if (!Array.isArray(keys)) throw invalidArgument('keys', 'expected an array of keys');
    const bytesMax = transaction.limits.resultBytesMax;
    let bytes = 0;
    return keys.map((key, position) => {
      const image = transaction.get(rowKeyOf(transaction, table, key, `keys[${position}]`));
      if (image === undefined) return null;
      bytes += image.length;
      if (bytes > bytesMax) throw tooLarge('RESULT_TOO_LARGE', { bytes, bytesMax, table: table.name });
      return withColumns(table.decode(image, transaction.imageCodec), columns);
    });
  },
};
