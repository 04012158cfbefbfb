/** What one statement is: names of its arguments, whether it writes, and how it runs in a transaction, within one turn. */
import type { Clock, Random } from '../../../gcs/base/index.ts';
import type { Transaction } from '../transaction.ts';
import type { CursorStore } from './cursor.ts';

/** A request as decoded from its frame: an object of unknown content. */
export type Message = Readonly<Record<string, unknown>>;

/** What statements take from outside of their transaction. */
export interface StatementContext {
  readonly clock: Clock;
  readonly random: Random;
  /** Whole numbers that nobody else is given. */
  readonly numbers: { next(): number | bigint };
  /** Null where no cursor can outlive the statement: in the steps of a `transact`. */
  readonly cursors: CursorStore | null;
  /** The statement is a transaction of its own. */
  readonly isAlone: boolean;
}

export interface Statement {
  readonly argumentNames: readonly string[];
  /** Arguments of the contract that this version refuses, and what they are about. */
  readonly unsupported?: Readonly<Record<string, string>>;
  readonly isWrite: boolean;
  /** @throws RequestError; the transaction's buffer is then as before, but for what was observed. */
  run(transaction: Transaction, message: Message, context: StatementContext): unknown;
}
