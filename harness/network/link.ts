/** A port at which one node reaches another, with the network's conditions in between. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Flow } from './flow.ts';
import { Pipe } from './pipe.ts';
import { resetSocket } from './reset-socket.ts';

export interface LinkTarget {
  readonly host: string;
  readonly port: number;
}

/** Beyond it they are refused: a test that leaks connections is not to take the machine down. */
const CONNECTIONS_MAX = 4096;

export class Link {
  readonly #target: LinkTarget;
  readonly #forth: Flow;
  readonly #back: Flow;
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();

  /** `forth`: from the one who dials to the target; `back`: the other way. */
  static async listen(target: LinkTarget, forth: Flow, back: Flow): Promise<Link> {
    const link = new Link(target, forth, back);
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  private constructor(target: LinkTarget, forth: Flow, back: Flow) {
    this.#target = target;
    this.#forth = forth;
    this.#back = back;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (near) => {
      const connection = new ProxiedConnection(near, this.#target, this.#forth, this.#back, () =>
        this.#connections.delete(connection),
      );
      this.#connections.add(connection);
      connection.conditionChanged();
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  conditionChanged(): void {
    for (const connection of [...this.#connections]) connection.conditionChanged();
  }

  /** @returns how many there were */
  resetConnections(): number {
    const connections = [...this.#connections];
    for (const connection of connections) connection.reset();
    return connections.length;
  }

  async close(): Promise<void> {
    this.resetConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

class ProxiedConnection {
  readonly #near: Socket;
  /** Null: not dialled, because the flows are cut. */
  #far: Socket | null = null;
  #pipes: readonly Pipe[] = [];
  readonly #target: LinkTarget;
  readonly #forth: Flow;
  readonly #back: Flow;
  readonly #over: () => void;

  constructor(near: Socket, target: LinkTarget, forth: Flow, back: Flow, over: () => void) {
    this.#near = near;
    this.#target = target;
    this.#forth = forth;
    this.#back = back;
    this.#over = over;
    this.#watch(near);
  }

  conditionChanged(): void {
    const cuts = [this.#forth.condition.cut, this.#back.condition.cut];
    if (cuts.includes('reset')) return this.reset();
    // Who dials needs both ways.
    if (this.#far === null && cuts.every((cut) => cut === 'no')) this.#dial();
    for (const pipe of this.#pipes) pipe.conditionChanged();
  }

  reset(): void {
    resetSocket(this.#near);
    if (this.#far !== null) resetSocket(this.#far);
  }

  #dial(): void {
    const far = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#far = far;
    this.#watch(far);
    this.#pipes = [new Pipe(this.#near, far, this.#forth), new Pipe(far, this.#near, this.#back)];
  }

  #watch(socket: Socket): void {
    // What went wrong shows in the close that follows.
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#near.closed && (this.#far === null || this.#far.closed)) this.#over();
    });
  }
}
