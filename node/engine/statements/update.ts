import { tableOf } from './arguments.ts';
import { changedImage, columnChangesOf } from './row-arguments.ts';
import type { Statement } from './statement.ts';
import { changeTarget, TARGET_ARGUMENTS } from './target.ts';

export const update: Statement = {
  argumentNames: [...TARGET_ARGUMENTS, 'set'],
  isWrite: true,
  run(transaction, message) {
    const table = tableOf(transaction, message);
    const changes = columnChangesOf(table, message);
    return changeTarget(transaction, table, message, (row) => changedImage(transaction, table, row, changes));
  },
};
