/** `count`. With `limit` it counts no further, for those who only want to know whether there are so many. */
import { limitOf, tableOf } from './arguments.ts';
import { matches } from './predicate.ts';
import { SELECTION_ARGUMENTS, selectionOf } from './selection.ts';
import type { Statement } from './statement.ts';

export const count: Statement = {
  argumentNames: ['table', ...SELECTION_ARGUMENTS, 'limit'],
  isWrite: false,
  run(transaction, message) {
    const table = tableOf(transaction, message);
    const { range, predicate } = selectionOf(transaction, table, message);
    const limit = limitOf(message);
    let found = 0;
    for (const [, image] of transaction.scan(range.from, range.to, false)) {
      if (found === limit) break;
      if (predicate === null || matches(table.decode(image, transaction.imageCodec), predicate)) found++;
    }
    return { count: found };
  },
};
