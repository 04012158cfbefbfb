/** `savepoint` and `rollbackTo`. */
import { invalidArgument } from '../errors.ts';
import type { Message } from '../statements/statement.ts';
import type { Transaction } from '../transaction.ts';

const NAME_CHARACTERS_MAX = 256;

/** @throws RequestError INVALID_ARGUMENT */
export function moveSavepoint(op: 'savepoint' | 'rollbackTo', transaction: Transaction, { name }: Message): void {
  if (typeof name !== 'string' || name.length === 0 || name.length > NAME_CHARACTERS_MAX) {
    throw invalidArgument('name', `expected a name of 1 to ${NAME_CHARACTERS_MAX} characters`);
  }
  const isKnown = transaction.hasSavepoint(name);
  if (op === 'rollbackTo') {
    if (!isKnown) throw invalidArgument('name', `the transaction has no savepoint ${JSON.stringify(name)}`);
    transaction.rollBackTo(name);
    return;
  }
  const { savepointsMax } = transaction.limits;
  if (!isKnown && transaction.savepoints >= savepointsMax) {
    throw invalidArgument('name', `the transaction has ${savepointsMax} savepoints, and may have no more`);
  }
  transaction.setSavepoint(name);
}
