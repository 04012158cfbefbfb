import { readOnlyTransaction } from '../errors.ts';
import type { Message, Statement, StatementContext } from '../statements/statement.ts';
import type { Transaction } from '../transaction.ts';

/** @throws RequestError */
export function runStatement(
  { op, statement, message }: { readonly op: string; readonly statement: Statement; readonly message: Message },
  transaction: Transaction,
  context: StatementContext,
): unknown {
  if (statement.isWrite && transaction.isReadOnly) throw readOnlyTransaction(op);
  try {
    return statement.run(transaction, message, context);
  } finally {
    transaction.endStatement();
  }
}
