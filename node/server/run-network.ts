/** The group's port for one run of a member after the other: connections come to the run that listens now. */
import type { Connection, ConnectionHandler, Network } from '../../gcs/base/index.ts';

export class RunNetwork {
  readonly #network: Network;
  #accepted: ((connection: Connection) => ConnectionHandler) | null = null;

  constructor(network: Network) {
    this.#network = network;
    network.listen((connection) => {
      if (this.#accepted !== null) return this.#accepted(connection);
      connection.close('the member is not ready for connections');
      return IGNORED;
    });
  }

  /** For the next run. The one before takes no connections from now on. */
  next(): Network {
    this.#accepted = null;
    return {
      listen: (accepted) => {
        this.#accepted = accepted;
      },
      connect: (address, handler) => this.#network.connect(address, handler),
    };
  }
}

const IGNORED: ConnectionHandler = { opened: () => {}, received: () => {}, closed: () => {} };
