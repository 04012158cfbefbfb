/** Transactions that a program names itself, by `request('begin', {tx})` and on. Nothing of them is ever repeated. */
import type { Message } from './check-message.ts';
import type { Context } from './context.ts';
import { closed, invalidArgument, noSuchTransaction } from './own-errors.ts';
import { PinnedTransaction } from './pinned-transaction.ts';

export class NamedTransactions {
  readonly #context: Context;
  readonly #open = new Map<string, PinnedTransaction>();

  constructor(context: Context) {
    this.#context = context;
  }

  ask(message: Message): Promise<unknown> {
    const { op, tx } = message;
    if (typeof tx !== 'string' || tx.startsWith('#')) {
      const problem = "expected the name of a transaction, which does not begin with '#'";
      return Promise.reject(invalidArgument('tx', problem));
    }
    if (op === 'begin') return this.#begin(tx, message);
    const transaction = this.#open.get(tx);
    if (transaction === undefined) return Promise.reject(noSuchTransaction(tx));
    if (op !== 'commit' && op !== 'rollback') return transaction.ask(message);
    this.#open.delete(tx);
    if (op === 'commit') return transaction.commit(true, message.profile);
    transaction.rollback();
    return Promise.resolve({});
  }

  async #begin(name: string, { id: _id, op: _op, tx: _tx, ...args }: Message): Promise<unknown> {
    if (this.#context.isClosing) throw closed();
    for (const [other, transaction] of this.#open) if (transaction.hasGivenUp) this.#open.delete(other);
    if (this.#open.has(name)) throw invalidArgument('tx', `transaction ${JSON.stringify(name)} is open`);
    const { settings, acknowledged } = this.#context;
    const transaction = new PinnedTransaction({
      context: this.#context,
      name,
      avoided: null,
      beginArguments: args,
      remainingMs: () => null,
      floor: settings.readYourWrites ? acknowledged.upTo : 0,
      idempotencyKey: typeof args.idempotencyKey === 'string' ? args.idempotencyKey : null,
    });
    this.#open.set(name, transaction);
    const begun = transaction.begin();
    begun.catch(() => this.#open.delete(name));
    return begun;
  }
}
