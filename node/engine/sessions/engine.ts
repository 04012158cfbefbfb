/** What a member serves its clients with: one for all connections. */
import { TableCache } from '../transaction.ts';
import { Connection } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import type { EngineContext, EngineSetup } from './session.ts';

export class Engine {
  readonly #context: EngineContext;
  readonly #connections = new Set<Connection>();

  constructor(setup: EngineSetup) {
    const { replica, clock, limits, imageCodec } = setup;
    this.#context = {
      ...setup,
      deadlines: new Deadlines(clock),
      transactions: { replica, limits, imageCodec, tables: new TableCache() },
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

  /** Opens a client's connection. `send` is given each answer, perhaps within `receive`; it must not throw. */
  openConnection(send: (answer: object) => void): Connection {
    const connection = new Connection(this.#context, send, (ended) => this.#connections.delete(ended));
    this.#connections.add(connection);
    return connection;
  }

  /** Closes what is left of connections and lets go of the timer. */
  stop(): void {
    for (const connection of [...this.#connections]) connection.close();
    this.#context.deadlines.stop();
  }
}
