import { tableOf } from './arguments.ts';
import type { Statement } from './statement.ts';
import { changeTarget, TARGET_ARGUMENTS } from './target.ts';

export const deleteRows: Statement = {
  argumentNames: TARGET_ARGUMENTS,
  isWrite: true,
  run(transaction, message) {
    return changeTarget(transaction, tableOf(transaction, message), message, () => null);
  },
};
