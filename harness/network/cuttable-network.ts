/**
 * The network between the members of a group, with a test in every link: `cut` lets nothing through and closes nothing,
 * as a network does that loses packets; `heal` lets through again what was held back.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';

const redirection = path.join(import.meta.dirname, 'redirect-connections.ts');

/** Connections that one member dials to another. */
class Link {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(port: number): Promise<Link> {
    const server = createServer({ allowHalfOpen: true });
    const link = new Link(server);
    server.on('connection', (near) => link.#join(near, connect({ port, host: '127.0.0.1', allowHalfOpen: true })));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  set isCut(isCut: boolean) {
    this.#isCut = isCut;
    for (const socket of this.#sockets) this.#flow(socket);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (data) => {
        if (!to.write(data)) from.pause();
      });
      to.on('drain', () => this.#flow(from));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        if (!this.#isCut) to.destroy();
      });
      this.#flow(from);
    }
  }

  #flow(socket: Socket): void {
    if (this.#isCut) socket.pause();
    else socket.resume();
  }
}

export class CuttableNetwork {
  /** By `from>to`, places of members. */
  readonly #links = new Map<string, Link>();
  readonly #groupPorts: readonly number[];

  /** `groupPorts`: of the members, in order. */
  static async between(groupPorts: readonly number[]): Promise<CuttableNetwork> {
    const network = new CuttableNetwork(groupPorts);
    for (const [from] of groupPorts.entries()) {
      for (const [to, port] of groupPorts.entries()) {
        if (from !== to) network.#links.set(`${from}>${to}`, await Link.to(port));
      }
    }
    return network;
  }

  private constructor(groupPorts: readonly number[]) {
    this.#groupPorts = groupPorts;
  }

  /** What the processes of the member at `place` need in their environment to dial through this network. */
  environmentOf(place: number): Readonly<Record<string, string>> {
    const redirected = [...this.#groupPorts.entries()]
      .filter(([to]) => to !== place)
      .map(([to, port]) => `${port}:${this.#links.get(`${place}>${to}`)!.port}`);
    return { NODE_OPTIONS: `--import ${redirection}`, REDIRECT_CONNECTIONS: redirected.join(',') };
  }

  /** Nothing passes between the members of `places` and the others any more. */
  cut(places: readonly number[]): void {
    this.#forEachBetween(places, (link) => {
      link.isCut = true;
    });
  }

  /** Nothing passes on what the member `from` dialled to `to`. */
  cutOneWay(from: number, to: number): void {
    this.#links.get(`${from}>${to}`)!.isCut = true;
  }

  heal(): void {
    for (const link of this.#links.values()) link.isCut = false;
  }

  async close(): Promise<void> {
    for (const link of this.#links.values()) await link.close();
  }

  #forEachBetween(places: readonly number[], act: (link: Link) => void): void {
    for (const [name, link] of this.#links) {
      const [from, to] = name.split('>').map(Number) as [number, number];
      if (places.includes(from) !== places.includes(to)) act(link);
    }
  }
}
