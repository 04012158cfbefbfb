/** The options of `concert bench peers`. */
import { parseArgs } from 'node:util';
import { BenchError } from '../bench-error.ts';
import { environmentNameOf } from '../options.ts';
import { etcd } from './etcd.ts';
import { galera, galeraRelaxed } from './galera.ts';
import type { Peer, PeerPlan, PeerScenario } from './peer.ts';

export const peers: readonly Peer[] = [galera, galeraRelaxed, etcd];

export interface PeersOptions {
  readonly peers: readonly Peer[];
  readonly plan: PeerPlan;
  readonly rounds: number;
  readonly data: string | null;
  readonly json: string | null;
}

export type ParsedPeersOptions = { readonly kind: 'help' } | { readonly kind: 'run'; readonly options: PeersOptions };

const kinds = {
  peers: { type: 'string' },
  scenario: { type: 'string' },
  rounds: { type: 'string' },
  connections: { type: 'string' },
  seconds: { type: 'string' },
  warmup: { type: 'string' },
  rows: { type: 'string' },
  skew: { type: 'string' },
  data: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean' },
} as const;

export const peersOptionNames: readonly string[] = Object.keys(kinds);

export const peersHelp = `concert bench peers [options]: the same load on Concert and on other systems in turn, with ratios

Peers, started from Debian's packages, three servers each, on free ports of this machine
${peers.map(({ name, summary }) => `  ${name.padEnd(20)} ${summary}`).join('\n')}

Options
  --peers NAME,...     which ones (galera)
  --scenario NAME      micro or inventory; etcd knows only micro (micro)
  --rounds N           how often each is run, in turn: Concert, peer, Concert, peer (2)
  --connections N      transactions outstanding at once (64)
  --seconds S          how long is measured, whole seconds (20)
  --warmup S           load before it, not counted, whole seconds (4)
  --rows N             rows of the table; of inventory: products (100000; inventory: 1000)
  --skew S             inventory: exponent of the distribution of products, 0 for uniform (0.8)
  --data DIR           where the servers keep their data while they run (a temporary directory)
  --json FILE          write the result there as well
  --help               this text

Galera is loaded by sysbench, which costs it least. After each run all rows of all servers are compared and counted.
The exit code is 0 if all was verified, 1 if not or if it could not be made, 2 for a wrong option.`;

/** @throws BenchError that names the wrong option */
export function parsePeersOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): ParsedPeersOptions {
  const values = { ...parse(fromEnvironment(environment)), ...parse(args) };
  if (values.help === true) return { kind: 'help' };
  const scenario = scenarioOf(values.scenario);
  const chosen = (values.peers ?? 'galera').split(',').map(peerNamed);
  for (const [at, peer] of chosen.entries()) {
    if (chosen.indexOf(peer) !== at) throw wrong(`--peers: ${peer.name} is named twice`);
    if (!peer.scenarios.includes(scenario)) {
      throw wrong(`--scenario: ${peer.name} knows ${peer.scenarios.join(', ')}, not ${scenario}`);
    }
  }
  if (values.skew !== undefined && scenario !== 'inventory') throw wrong('--skew is for --scenario inventory');
  return {
    kind: 'run',
    options: {
      peers: chosen,
      rounds: number('rounds', values.rounds, 2, { min: 1, max: 100 }),
      plan: {
        scenario,
        rows: number('rows', values.rows, scenario === 'micro' ? 100_000 : 1_000, { min: 10, max: 10_000_000 }),
        skew: scenario === 'micro' ? 0 : number('skew', values.skew, 0.8, { min: 0, max: 2, isWhole: false }),
        connections: number('connections', values.connections, 64, { min: 1, max: 1_000 }),
        warmupSeconds: number('warmup', values.warmup, 4, { min: 0, max: 3_600 }),
        seconds: number('seconds', values.seconds, 20, { min: 1, max: 86_400 }),
      },
      data: values.data ?? null,
      json: values.json ?? null,
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: false, options: kinds }).values;
  } catch (error) {
    throw wrong((error as Error).message.split('. ', 1)[0]!);
  }
}

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): string[] {
  return peersOptionNames.flatMap((name) => {
    const text = environment[environmentNameOf(name)];
    return text === undefined || name === 'help' ? [] : [`--${name}=${text}`];
  });
}

function scenarioOf(text: string | undefined): PeerScenario {
  if (text === undefined || text === 'micro') return 'micro';
  if (text === 'inventory') return 'inventory';
  throw wrong(`--scenario: micro or inventory, not ${text}`);
}

function peerNamed(name: string): Peer {
  const peer = peers.find((one) => one.name === name.trim());
  if (peer !== undefined) return peer;
  throw wrong(`--peers: ${peers.map((one) => one.name).join(', ')}, not ${name || '(nothing)'}`);
}

function number(
  name: string,
  text: string | undefined,
  otherwise: number,
  bounds: { readonly min: number; readonly max: number; readonly isWhole?: boolean },
): number {
  if (text === undefined) return otherwise;
  const { min, max, isWhole = true } = bounds;
  const value = (isWhole ? /^\d+$/ : /^\d+(\.\d+)?$/).test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw wrong(`--${name}: a${isWhole ? ' whole' : ''} number from ${min} to ${max}, not ${text}`);
}

function wrong(message: string): BenchError {
  return new BenchError({ code: 'OPTION', message });
}
