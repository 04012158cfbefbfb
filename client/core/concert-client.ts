/** The client that a program holds: each method builds a message and asks it by the rules of its kind. */
import type {
  Alteration,
  Changed,
  ChangesArguments,
  Client,
  Commit,
  ConflictArguments,
  ConflictRow,
  ConflictSummary,
  CountArguments,
  GetArguments,
  Increment,
  Key,
  MemberRow,
  MemberStats,
  MemberStatus,
  Outcome,
  Row,
  RowsArguments,
  RunOptions,
  ScanArguments,
  ScanResult,
  SchemaChanged,
  StatementOptions,
  Step,
  Subscription,
  TableDefinition,
  TableDescription,
  Target,
  Transacted,
  Transaction,
  TransactionOptions,
  TransactionRow,
  VariableRow,
  VariableSet,
  Written,
} from '../types.ts';
import { Call } from './call.ts';
import type { Message } from './check-message.ts';
import type { Connection } from './connection.ts';
import { Context } from './context.ts';
import type { Environment } from './environment.ts';
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
  transactMessage,
  updateMessage,
} from './messages.ts';
import { NamedTransactions } from './named-transactions.ts';
import { closed, cursorLost, invalidArgument } from './own-errors.ts';
import { pagesOfRows } from './pages-of-rows.ts';
import { runTransaction, type Work } from './run-transaction.ts';
import { addressesOf, type Settings } from './settings.ts';
import { ResumingSubscription } from './subscription.ts';

const CLOSE_MS = 5_000;

/** Operations that belong to a connection, which this client deals with by itself. */
const NOT_ASKED: Readonly<Record<string, string>> = {
  subscribe: 'use subscribe()',
  unsubscribe: 'use close() of the subscription',
  cancel: 'use a signal',
};

export class ConcertClient implements Client {
  readonly urls: readonly string[];
  readonly #context: Context;
  readonly #named: NamedTransactions;
  readonly #bound = new Map<string, ConcertClient>();
  #lastName = 0;

  constructor(setup: {
    urls: readonly string[];
    environment: Environment;
    settings: Settings;
    isBound: boolean;
    acknowledged: { upTo: number };
  }) {
    this.urls = setup.urls;
    this.#context = new Context(setup);
    this.#named = new NamedTransactions(this.#context);
  }

  /** Resolves when a first member has answered. @throws ConcertError CONNECTION_FAILED */
  ready(): Promise<void> {
    return this.#context.pool.ready();
  }

  get<R extends object = Row>(table: string, key: Key, options?: GetArguments & StatementOptions): Promise<R | null> {
    return this.#ask(getMessage(table, key, options), options);
  }

  getMany<R extends object = Row>(
    table: string,
    keys: readonly Key[],
    options?: Pick<GetArguments, 'columns'> & StatementOptions,
  ): Promise<(R | null)[]> {
    return this.#ask(getManyMessage(table, keys, options), options);
  }

  scan<R extends object = Row>(
    table: string,
    selection?: ScanArguments,
    options?: StatementOptions,
  ): Promise<ScanResult<R>> {
    return this.#scan(scanMessage(table, selection), options);
  }

  rows<R extends object = Row>(table: string, selection?: RowsArguments, options?: StatementOptions): AsyncIterable<R> {
    return pagesOfRows((cursor) =>
      this.#scan<R>(pageMessage(table, selection, cursor), cursor === null ? options : {}),
    );
  }

  async count(table: string, selection?: CountArguments, options?: StatementOptions): Promise<number> {
    return (await this.#ask<{ count: number }>(countMessage(table, selection), options)).count;
  }

  insert(table: string, row: object, options?: StatementOptions): Promise<Commit & Written> {
    return this.#ask(rowMessage('insert', table, row), options);
  }

  put(table: string, row: object, options?: StatementOptions): Promise<Commit & Written> {
    return this.#ask(rowMessage('put', table, row), options);
  }

  update(
    table: string,
    target: Target,
    set: object,
    options?: StatementOptions & { readonly if?: object },
  ): Promise<Commit & Changed> {
    return this.#ask(updateMessage(table, target, set, options), options);
  }

  delete(
    table: string,
    target: Target,
    options?: StatementOptions & { readonly if?: object },
  ): Promise<Commit & Changed> {
    return this.#ask(deleteMessage(table, target, options), options);
  }

  increment(table: string, key: Key, change: Increment, options?: StatementOptions): Promise<Commit> {
    return this.#ask(incrementMessage(table, key, change), options);
  }

  transact(steps: readonly Step[], options?: StatementOptions): Promise<Transacted> {
    return this.#ask(transactMessage(steps), options);
  }

  transaction<T>(work: (tx: Transaction) => Promise<T> | T, options: TransactionOptions = {}): Promise<T> {
    return runTransaction(this.#context, work as Work<T>, options, () => `#${++this.#lastName}`);
  }

  createTable(definition: TableDefinition): Promise<SchemaChanged> {
    return this.#ask(rawMessage('createTable', definition));
  }

  alterTable(table: string, alteration: Alteration): Promise<SchemaChanged> {
    return this.#ask(rawMessage('alterTable', { ...alteration, table }));
  }

  dropTable(table: string, options?: { readonly ifExists?: boolean }): Promise<SchemaChanged> {
    return this.#ask(rawMessage('dropTable', { ...options, table }));
  }

  truncateTable(table: string, options?: { readonly ifExists?: boolean }): Promise<SchemaChanged> {
    return this.#ask(rawMessage('truncateTable', { ...options, table }));
  }

  tables(options?: StatementOptions): Promise<TableDescription[]> {
    return this.#ask(rawMessage('tables', {}), options);
  }

  describe(table: string, options?: StatementOptions): Promise<TableDescription> {
    return this.#ask(rawMessage('describe', { table }), options);
  }

  members(): Promise<MemberRow[]> {
    return this.#ask(rawMessage('members', {}));
  }

  memberStats(): Promise<MemberStats[]> {
    return this.#ask(rawMessage('memberStats', {}));
  }

  transactions(options?: { readonly limit?: number }): Promise<TransactionRow[]> {
    return this.#ask(rawMessage('transactions', options));
  }

  async abortTransaction(transactionId: string): Promise<void> {
    // Any member passes it on to the one that has it, with whose id it begins: that one is asked, where it is known.
    const has = this.status().find(({ memberId }) => memberId !== null && transactionId.startsWith(`${memberId}:`));
    const asked = has !== undefined && has.connections > 0 ? this.at(has.url) : this;
    await asked.request('abortTransaction', { transactionId }, { attempts: 1 });
  }

  variables(): Promise<VariableRow[]> {
    return this.#ask(rawMessage('variables', {}));
  }

  setVariable(name: string, value: string): Promise<VariableSet> {
    return this.#ask(rawMessage('setVariable', { name, value }));
  }

  outcome(idempotencyKey: string, { fence = false }: { readonly fence?: boolean } = {}): Promise<Outcome> {
    return this.#ask(rawMessage('outcome', { idempotencyKey, ...(fence && { fence }) }));
  }

  conflicts(options?: ConflictArguments): Promise<ConflictRow[]> {
    return this.#ask(rawMessage('conflicts', options));
  }

  conflictSummary(options?: ConflictArguments): Promise<ConflictSummary> {
    return this.#ask(rawMessage('conflictSummary', options));
  }

  request<T = unknown>(
    op: string,
    args?: object,
    options?: Pick<RunOptions, 'attempts' | 'timeoutMs' | 'signal'>,
  ): Promise<T> {
    const message = rawMessage(op, args);
    const hint = Object.hasOwn(NOT_ASKED, op) ? NOT_ASKED[op] : undefined;
    if (hint !== undefined)
      return Promise.reject(invalidArgument('op', `${op} is not asked for by request(): ${hint}`));
    if (message.tx !== undefined) return this.#named.ask(message) as Promise<T>;
    return (op === 'scan' ? this.#scan(message, options) : this.#ask(message, options)) as Promise<T>;
  }

  subscribe<E>(
    stream: 'changes' | 'views' | 'conflicts',
    args: ChangesArguments & { readonly progress?: boolean } = {},
  ): Subscription<E> {
    if (this.#context.isClosing) throw closed();
    const { table, from, progress = false } = args;
    return new ResumingSubscription<E>(this.#context, { stream, table, from, progress });
  }

  at(url: string): ConcertClient {
    const [address] = addressesOf([url]) as readonly [string];
    const known = this.#bound.get(address);
    if (known !== undefined) return known;
    if (this.#context.isClosing) throw closed();
    const { environment, settings, acknowledged } = this.#context;
    const bound = new ConcertClient({ urls: [address], environment, settings, isBound: true, acknowledged });
    this.#bound.set(address, bound);
    return bound;
  }

  status(): readonly MemberStatus[] {
    return this.#context.pool.members.map((member) => member.status);
  }

  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const timeoutMs = options.timeoutMs ?? CLOSE_MS;
    const bound = [...this.#bound.values()].map((client) => client.close(options));
    await Promise.all([this.#context.close(timeoutMs), ...bound]);
  }

  #ask<T>(message: Message, options?: StatementOptions): Promise<T> {
    return Call.ask(this.#context, message, options) as Promise<T>;
  }

  /** A cursor is good on its connection only: its name, as programs see it, begins with the connection's number. */
  #scan<R>(message: Message, options?: StatementOptions): Promise<ScanResult<R>> {
    const finish = (result: unknown, connection: Connection) => {
      const page = result as ScanResult<R>;
      return page.cursor === undefined ? page : { ...page, cursor: `${connection.id}.${page.cursor}` };
    };
    const { cursor } = message;
    if (cursor === undefined) return Call.ask(this.#context, message, options, { finish }) as Promise<ScanResult<R>>;
    const match = typeof cursor === 'string' ? /^(\d+)\.(.*)$/s.exec(cursor) : null;
    if (match === null) return Promise.reject(invalidArgument('cursor', 'expected what an earlier scan answered'));
    const pinnedTo = this.#context.pool.connection(Number(match[1]));
    if (pinnedTo === undefined) return Promise.reject(cursorLost());
    const named = { ...message, cursor: match[2]! };
    return Call.ask(this.#context, named, options, { finish, pinnedTo }) as Promise<ScanResult<R>>;
  }
}
