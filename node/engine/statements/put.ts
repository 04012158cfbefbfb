import { writeConstrained } from '../constraints/statement-changes.ts';
import { tableOf } from './arguments.ts';
import { newRowOf } from './row-arguments.ts';
import type { Statement } from './statement.ts';

export const put: Statement = {
  argumentNames: ['table', 'row'],
  isWrite: true,
  run(transaction, message, context) {
    const table = tableOf(transaction, message);
    const { key, row, image, generated } = newRowOf(transaction, table, message, context);
    if (table.isPlain) transaction.write([{ key, image }]);
    else {
      const there = transaction.peek(key);
      const before = there === undefined ? null : table.decode(there, transaction.imageCodec);
      writeConstrained(transaction, table, [{ key, before, after: row, image }]);
    }
    return generated === null ? {} : { generated };
  },
};
