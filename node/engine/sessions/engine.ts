/** What a member serves its clients with: one for all connections. */
import { RowLocks } from '../locks/row-locks.ts';
import { TableCache } from '../table.ts';
import { TransactionMemory } from '../transaction.ts';
import { Connection } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import { GeneratedNumbers } from './generated-numbers.ts';
import { OpenTransactions } from './open-transactions.ts';
import { RowsInFlight } from './rows-in-flight.ts';
import type { EngineContext, EngineCounters, EngineSetup } from './session.ts';
import { NOTHING_SLOW, SlowTransactions } from './slow-transactions.ts';
import { ChangeRows } from './subscriptions/change-rows.ts';
import { Feed } from './subscriptions/feed.ts';
import { Yielding } from './yielding.ts';

export class Engine {
  readonly #context: EngineContext;
  readonly #connections = new Set<Connection>();

  constructor(setup: EngineSetup) {
    const { replica, clock, limits, imageCodec } = setup;
    const tables = new TableCache();
    const counters: EngineCounters = {
      eventsSent: 0,
      slowSubscriptionsEnded: 0,
      slowTransactions: 0,
      idleTransactionsEnded: 0,
      lockWaits: 0,
      lockTimeouts: 0,
      deadlocks: 0,
      locksLost: 0,
      yields: 0,
      duplicateKeys: 0,
      foreignKeyViolations: 0,
      rowsCascaded: 0,
      indexEntriesWritten: 0,
      indexScans: 0,
    };
    const locks = new RowLocks({ clock, limits, counters });
    const openTransactions = new OpenTransactions({ replica, nowMs: () => clock.monotonicMs() });
    const deadlines = new Deadlines(clock);
    const rows = new RowsInFlight();
    replica.attach({
      watchedRows: new Yielding({ clock, limits, deadlines, rows, locks }, counters),
      oldestTransactions: (limit) => openTransactions.oldest(limit),
      abort: (transactionId) => openTransactions.abortHere(transactionId),
    });
    this.#context = {
      ...setup,
      deadlines,
      transactions: { replica, limits, imageCodec, tables, memory: new TransactionMemory(), locks, counters },
      feed: new Feed({ replica, clock }),
      changeRows: new ChangeRows({ replica, tables, imageCodec }),
      counters,
      openTransactions,
      numbers: new GeneratedNumbers(replica),
      rows,
      slowTransactions: new SlowTransactions(setup.slow ?? NOTHING_SLOW, counters),
    };
  }

  /** Connections not closed yet. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Transactions that clients have open, over all connections. */
  get openTransactions(): number {
    let open = 0;
    for (const connection of this.#connections) open += connection.openTransactions;
    return open;
  }

  /** Rows that transactions have locked. */
  get lockedRows(): number {
    return this.#context.transactions.locks.size;
  }

  /** Transactions that wait for a locked row. */
  get lockWaiters(): number {
    return this.#context.transactions.locks.waiting;
  }

  /** Requests that wait for an earlier write of this member to one of their rows, or for one of another member that lost. */
  get rowWaiters(): number {
    return this.#context.rows.waiting;
  }

  /** Streams that clients follow, over all connections. */
  get openSubscriptions(): number {
    return this.#context.feed.size;
  }

  get counters(): Readonly<EngineCounters> {
    return this.#context.counters;
  }

  /**
   * Opens a client's connection. `send` is given each answer, perhaps within `receive`, and each event; it must not
   * throw. `bytes`: of the rows in an event that may be large. `hasRoom`: whether the client takes events now; where it says no, `roomAgain` is called when it does.
   */
  openConnection(send: (message: object, bytes?: number) => void, hasRoom: () => boolean = () => true): Connection {
    const connection = new Connection(this.#context, { send, hasRoom }, (ended) => this.#connections.delete(ended));
    this.#connections.add(connection);
    return connection;
  }

  /** Closes what is left of connections and lets go of the timer. */
  stop(): void {
    for (const connection of [...this.#connections]) connection.close();
    this.#context.deadlines.stop();
  }
}
