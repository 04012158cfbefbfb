/**
 * A client of the client library that leaves in a history what it asks and is told. A transaction that is run again is
 * recorded run by run, each with a `tx` of its own. What `rows` and `subscribe` read is not recorded.
 */
import { type Client, ConcertError, type Transaction } from '../../client/index.ts';
import type { HistoryError } from './history.ts';
import type { HistoryWriter, OpenInvocation } from './history-writer.ts';

type Arguments = Readonly<Record<string, unknown>>;
type Method = (...args: unknown[]) => unknown;

/** The arguments of a method, as the WebSocket API has them; options on how to run it are left out. */
const statements: Readonly<Record<string, (...args: never[]) => object>> = {
  get: (table: string, key: unknown, { columns, forUpdate }: Arguments = {}) => ({ table, key, columns, forUpdate }),
  getMany: (table: string, keys: unknown, { columns, forUpdate }: Arguments = {}) => ({
    table,
    keys,
    columns,
    forUpdate,
  }),
  scan: (table: string, selection: object = {}) => ({ table, ...selection }),
  count: (table: string, selection: object = {}) => ({ table, ...selection }),
  insert: (table: string, row: object) => ({ table, row }),
  put: (table: string, row: object) => ({ table, row }),
  update: (table: string, target: unknown, set: object, { if: only }: Arguments = {}) => {
    return { table, ...targetOf(target), set, if: only };
  },
  delete: (table: string, target: unknown, { if: only }: Arguments = {}) => ({ table, ...targetOf(target), if: only }),
  increment: (table: string, key: unknown, change: object) => ({ table, key, ...change }),
  transact: (steps: unknown) => ({ steps }),
  createTable: (definition: object) => ({ ...definition }),
  dropTable: (table: string) => ({ table }),
  truncateTable: (table: string) => ({ table }),
};

/** What the API answers, where the client gives less. */
const resultOf = (op: string, value: unknown): unknown => (op === 'count' ? { count: value } : value);

export function recordedClient(client: Client, history: HistoryWriter, member: string | null = null): Client {
  const process = history.newProcess();
  const invoke = (op: string, args: object) => history.invoke({ process, member, op, arguments: args });
  let transactions = 0;
  const replaced: Readonly<Record<string, Method>> = {
    ...recordedStatements(client, invoke, null),
    at: (url) => recordedClient(client.at(url as string), history, url as string),
    transaction: async (work, options = {}) => {
      const name = `transaction-${++transactions}`;
      return recordedTransaction(client, invoke, name, work as Work, options as TransactionOptions);
    },
  };
  return new Proxy(client, { get: (target, name) => replacedOr(replaced, target, name) });
}

type Invoke = (op: string, args: object) => OpenInvocation;
type Work = (tx: Transaction) => unknown;
type TransactionOptions = NonNullable<Parameters<Client['transaction']>[1]>;

async function recordedTransaction(
  client: Client,
  invoke: Invoke,
  name: string,
  work: Work,
  options: TransactionOptions,
): Promise<unknown> {
  const { onCommit, onRetry, attempts: _a, timeoutMs: _t, signal: _s, ...begin } = options;
  let runs = 0;
  /** Of the newest run, once its work is done. */
  let commit: OpenInvocation | null = null;
  const ended = (error: unknown): void => {
    commit?.answered(errorOf(error));
    commit = null;
  };
  const run = async (transaction: Transaction): Promise<unknown> => {
    const tx = `${name}, run ${++runs}`;
    invoke('begin', { tx, ...begin }).ok({ tx });
    const replaced = recordedStatements(transaction, invoke, tx);
    const value = await work(new Proxy(transaction, { get: (target, key) => replacedOr(replaced, target, key) }));
    commit = invoke('commit', { tx });
    return value;
  };
  try {
    return await client.transaction(run, {
      ...options,
      onCommit: (done) => {
        commit?.ok(done);
        commit = null;
        onCommit?.(done);
      },
      onRetry: (error, attempt) => {
        ended(error);
        onRetry?.(error, attempt);
      },
    });
  } catch (error) {
    ended(error);
    throw error;
  }
}

/** Methods of `target` that send one request; `tx`: within that transaction. */
function recordedStatements(target: object, invoke: Invoke, tx: string | null): Record<string, Method> {
  const within = tx === null ? {} : { tx };
  const methods = target as Record<string, Method>;
  const recorded = async (op: string, args: object, ask: () => unknown): Promise<unknown> => {
    const invocation = invoke(op, { ...within, ...args });
    try {
      const value = await ask();
      invocation.ok(resultOf(op, value));
      return value;
    } catch (error) {
      invocation.answered(errorOf(error));
      throw error;
    }
  };
  const made: Record<string, Method> = {
    request: (op, args = {}, ...more) =>
      recorded(op as string, args as object, () => methods.request!.call(target, op, args, ...more)),
  };
  for (const [op, argumentsOf] of Object.entries(statements)) {
    if (typeof methods[op] !== 'function') continue;
    made[op] = (...args) =>
      recorded(op, (argumentsOf as Method)(...args) as object, () => methods[op]!.apply(target, args));
  }
  return made;
}

function replacedOr(replaced: Readonly<Record<string, Method>>, target: object, name: string | symbol): unknown {
  if (typeof name === 'string' && Object.hasOwn(replaced, name)) return replaced[name];
  const value = Reflect.get(target, name);
  // Methods with private fields want their own object.
  return typeof value === 'function' ? value.bind(target) : value;
}

function targetOf(target: unknown): object {
  const isSelection = typeof target === 'object' && target !== null && !Array.isArray(target);
  return isSelection && !(target instanceof Uint8Array) ? target : { key: target };
}

function errorOf(error: unknown): HistoryError {
  if (!(error instanceof ConcertError)) return { code: 'THROWN', message: String(error) };
  const { code, sqlState, retry, message, facts } = error;
  return { code, sqlState, retry, message, ...facts };
}
