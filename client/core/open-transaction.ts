/** What `work` gets in hand: a transaction's statements. */
import type {
  Changed,
  CountArguments,
  GetArguments,
  Increment,
  Key,
  Row,
  RowsArguments,
  ScanArguments,
  ScanResult,
  Target,
  Transaction,
  Written,
} from '../types.ts';
import type { Message } from './check-message.ts';
import {
  countMessage,
  deleteMessage,
  getManyMessage,
  getMessage,
  incrementMessage,
  pageMessage,
  rawMessage,
  rowMessage,
  scanMessage,
  updateMessage,
} from './messages.ts';
import { isRead, isSavepoint, isStatement } from './operations.ts';
import { invalidArgument } from './own-errors.ts';
import { pagesOfRows } from './pages-of-rows.ts';
import type { PinnedTransaction } from './pinned-transaction.ts';

export class OpenTransaction implements Transaction {
  readonly #transaction: PinnedTransaction;
  #hasWritten = false;

  constructor(transaction: PinnedTransaction) {
    this.#transaction = transaction;
  }

  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  get<R extends object = Row>(table: string, key: Key, options?: GetArguments): Promise<R | null> {
    return this.#ask(getMessage(table, key, options));
  }

  getMany<R extends object = Row>(table: string, keys: readonly Key[], options?: GetArguments): Promise<(R | null)[]> {
    return this.#ask(getManyMessage(table, keys, options));
  }

  scan<R extends object = Row>(table: string, selection?: ScanArguments): Promise<ScanResult<R>> {
    return this.#ask(scanMessage(table, selection));
  }

  rows<R extends object = Row>(table: string, selection?: RowsArguments): AsyncIterable<R> {
    return pagesOfRows((cursor) => this.#ask<ScanResult<R>>(pageMessage(table, selection, cursor)));
  }

  async count(table: string, selection?: CountArguments): Promise<number> {
    return (await this.#ask<{ count: number }>(countMessage(table, selection))).count;
  }

  insert(table: string, row: object): Promise<Written> {
    return this.#ask(rowMessage('insert', table, row));
  }

  put(table: string, row: object): Promise<Written> {
    return this.#ask(rowMessage('put', table, row));
  }

  update(table: string, target: Target, set: object, options?: { readonly if?: object }): Promise<Changed> {
    return this.#ask(updateMessage(table, target, set, options));
  }

  delete(table: string, target: Target, options?: { readonly if?: object }): Promise<Changed> {
    return this.#ask(deleteMessage(table, target, options));
  }

  async increment(table: string, key: Key, change: Increment): Promise<void> {
    await this.#ask(incrementMessage(table, key, change));
  }

  async savepoint(name: string): Promise<void> {
    await this.#ask(rawMessage('savepoint', { name }));
  }

  async rollbackTo(name: string): Promise<void> {
    await this.#ask(rawMessage('rollbackTo', { name }));
  }

  request<T = unknown>(op: string, args?: object): Promise<T> {
    if (isStatement(op) || isSavepoint(op)) return this.#ask(rawMessage(op, args));
    return Promise.reject(invalidArgument('op', `${JSON.stringify(op)} is no statement of a transaction`));
  }

  #ask<T>(message: Message): Promise<T> {
    if (!isRead(message.op) && !isSavepoint(message.op)) this.#hasWritten = true;
    return this.#transaction.ask(message) as Promise<T>;
  }
}
