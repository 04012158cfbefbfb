/** The network of a group of processes: between its members, and between clients and each of them. */
import path from 'node:path';
import type { FlowName } from './flow.ts';
import { type Lift, Network } from './network.ts';
import { CLIENTS, lostFlows, type Shape } from './shapes.ts';

const redirection = path.join(import.meta.dirname, `redirect-connections${path.extname(import.meta.filename)}`);
const host = '127.0.0.1';

export interface MemberPorts {
  readonly port: number;
  readonly groupPort: number;
}

export class GroupNetwork {
  readonly network: Network;
  readonly #members: readonly MemberPorts[];
  /** The port that the first dials for the second, by flow. */
  readonly #dialled: ReadonlyMap<FlowName, number>;

  /** `forClients`: also between clients and members. */
  static async between(members: readonly MemberPorts[], { seed = 1, forClients = true } = {}): Promise<GroupNetwork> {
    const network = new Network({ seed });
    const plans = members.flatMap(({ port, groupPort }, to) => [
      ...(forClients ? [{ from: CLIENTS, to: String(to), host, port }] : []),
      ...members.flatMap((_, from) => (from === to ? [] : [{ from: `${from}`, to: `${to}`, host, port: groupPort }])),
    ]);
    const ports = await network.open(plans);
    const dialled = new Map(plans.map(({ from, to }, i) => [`${from}>${to}` as FlowName, ports[i]!]));
    return new GroupNetwork(network, members, dialled);
  }

  private constructor(network: Network, members: readonly MemberPorts[], dialled: ReadonlyMap<FlowName, number>) {
    this.network = network;
    this.#members = members;
    this.#dialled = dialled;
  }

  /** Where clients reach the member at `place`; undefined: at its own port. */
  clientPort(place: number): number | undefined {
    return this.#dialled.get(`${CLIENTS}>${place}`);
  }

  /** What the processes of the member at `place` need in their environment to dial through this network. */
  environmentOf(place: number): Readonly<Record<string, string>> {
    const redirected = this.#members.flatMap(({ groupPort }, to) =>
      to === place ? [] : [`${groupPort}:${this.#dialled.get(`${place}>${to}`)}`],
    );
    return { NODE_OPTIONS: `--import ${redirection}`, REDIRECT_CONNECTIONS: redirected.join(',') };
  }

  /** Every flow between members, or between clients and members. */
  flows(between: 'members' | 'clients' | 'all'): FlowName[] {
    const all = [...this.#dialled.keys()].flatMap((flow): FlowName[] => {
      const [from, to] = flow.split('>') as [string, string];
      return from === CLIENTS ? [flow, `${to}>${from}`] : [flow];
    });
    if (between === 'all') return all;
    const found = all.filter((flow) => flow.includes(CLIENTS) === (between === 'clients'));
    if (found.length === 0) throw new RangeError(`this network has no links of ${between}`);
    return found;
  }

  /** Nothing passes on the flows of `shape` until it is lifted. */
  cut(shape: Shape, how: 'silent' | 'reset' = 'silent'): Promise<Lift> {
    return this.network.impose(lostFlows(shape, this.#members.length), { cut: how });
  }

  heal(): Promise<void> {
    return this.network.heal();
  }

  close(): Promise<void> {
    return this.network.close();
  }
}
