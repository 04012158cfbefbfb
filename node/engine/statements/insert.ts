import { writeConstrained } from '../constraints/statement-changes.ts';
import { duplicateKey } from '../errors.ts';
import { tableOf } from './arguments.ts';
import { newRowOf } from './row-arguments.ts';
import type { Statement } from './statement.ts';

export const insert: Statement = {
  argumentNames: ['table', 'row'],
  isWrite: true,
  run(transaction, message, context) {
    const table = tableOf(transaction, message);
    const { key, keyValues, row, image, generated } = newRowOf(transaction, table, message, context);
    const isThere = transaction.get(key) !== undefined;
    transaction.observe(key);
    if (isThere) {
      transaction.counters.duplicateKeys++;
      throw duplicateKey({ table: table.name, index: 'primary', values: keyValues });
    }
    if (table.isPlain) transaction.write([{ key, image }]);
    else writeConstrained(transaction, table, [{ key, before: null, after: row, image }]);
    return generated === null ? {} : { generated };
  },
};
