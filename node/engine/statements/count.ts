/** `count`. With `limit` it counts no further, for those who only want to know whether there are so many. */
import { limitOf, tableOf } from './arguments.ts';
import { matches } from './predicate.ts';
import { rowsFound, SELECTION_ARGUMENTS, selectionOf } from './selection.ts';
import type { Statement } from './statement.ts';

export const count: Statement = {
  argumentNames: ['table', ...SELECTION_ARGUMENTS, 'limit'],
  isWrite: false,
  run(transaction, message) {
    const table = tableOf(transaction, message);
    const selection = selectionOf(transaction, table, message);
    const { range, predicate } = selection;
    const limit = limitOf(message);
    let found = 0;
    let { to } = range;
    for (const { image, foundAt } of rowsFound(transaction, selection, false)) {
      if (predicate !== null && !matches(table.decode(image, transaction.imageCodec), predicate)) continue;
      found++;
      if (found !== limit) continue;
      to = `${foundAt}\0`;
      break;
    }
    transaction.observeRange(range.from, to);
    return { count: found };
  },
};
