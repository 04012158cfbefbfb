import { tableOf } from './arguments.ts';
import { newRowOf } from './row-arguments.ts';
import type { Statement } from './statement.ts';

export const put: Statement = {
  argumentNames: ['table', 'row'],
  isWrite: true,
  run(transaction, message, context) {
    const table = tableOf(transaction, message);
    const { key, image, generated } = newRowOf(transaction, table, message, context);
    transaction.write([{ key, image }]);
    return generated === null ? {} : { generated };
  },
};
