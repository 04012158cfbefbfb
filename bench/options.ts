/** The options of `concert bench`: those of every scenario, and those that the scenario brings along. */
import { parseArgs } from 'node:util';
import { BenchError } from './bench-error.ts';
import type { Spacing } from './load/arrivals.ts';
import {
  choice,
  decimalNumber,
  describeOptions,
  flag,
  type OptionKind,
  type Options,
  type OptionValues,
  option,
  text,
  wholeNumber,
} from './option-kinds.ts';
import type { Scenario } from './scenario.ts';
import { scenarioNamed, scenarios } from './scenarios/index.ts';
import type { Format } from './wire.ts';

export interface BenchOptions extends Omit<OptionValues<typeof options>, 'url' | 'help'> {
  readonly scenario: string;
  /** Of the scenario's own options. */
  readonly own: Readonly<Record<string, unknown>>;
  /** Of a group that runs already, and then `members` is their number; null: one is started. */
  readonly urls: readonly string[] | null;
}

export type ParsedOptions =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'run'; readonly options: BenchOptions };

const secondsMax = 86_400;
const slotsMax = 200_000;

const options = {
  members: option(wholeNumber(1, 99), 3, 'members of the group that is started'),
  connections: option(wholeNumber(1, 100_000), 64, 'connections of the load, spread evenly over the members'),
  pipeline: option(wholeNumber(1, 10_000), 1, 'transactions under way on each connection'),
  rate: option<number | null>(
    decimalNumber(0.01, 10_000_000, 'N', 'transactions per second'),
    null,
    'open loop: start so many transactions per second in all, whatever becomes of them (closed loop)',
  ),
  arrivals: option(choice<Spacing>('poisson', 'even'), 'poisson' as Spacing, 'how those are spread in time'),
  backlog: option(wholeNumber(0, 10_000_000), 10_000, 'of those, how many may wait for a free place; more are missed'),
  attempts: option(wholeNumber(1, 1000), 10, 'of one transaction at most, where it is refused and may be run again'),
  seconds: option(duration(0.1), 20, 'how long is measured'),
  warmup: option(duration(0), 3, 'load before it, not counted'),
  runs: option(wholeNumber(1, 1000), 1, 'measure so often; median and spread are printed'),
  seed: option(
    wholeNumber(0, 2 ** 32 - 1),
    1,
    'of data and load: what the transactions are about, and when they arrive',
  ),
  generators: option(wholeNumber(1, 64), 1, 'processes that make the load'),
  format: option(choice<Format>('msgpack', 'json'), 'msgpack' as Format, 'of the frames'),
  url: option<readonly string[] | null>(
    addresses(),
    null,
    'load a group that runs already, at its members; starts none',
  ),
  data: option<string | null>(text('DIR'), null, 'where the members keep their data (a temporary directory)'),
  keep: option(flag(), false, 'do not remove that data at the end'),
  profile: option<string | null>(text('DIR'), null, 'the started members leave CPU profiles there'),
  json: option<string | null>(text('FILE'), null, 'write the result there as well'),
  help: option(flag(), false, 'this text'),
} as const satisfies Options;

const ofOwnGroup: readonly string[] = ['members', 'data', 'keep', 'profile'];
const ofOpenLoop = ['arrivals', 'backlog'] as const;

/** Of all scenarios. */
export const optionNames: readonly string[] = [
  ...new Set([options, ...scenarios.map((scenario) => scenario.options)].flatMap((each) => Object.keys(each))),
];

/** `CONCERT_SECONDS` stands for `--seconds`. */
export function environmentNameOf(option: string): string {
  return `CONCERT_${option.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * `environment` counts for options that are not among `args`.
 *
 * @throws BenchError that names the wrong option.
 */
export function parseOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): ParsedOptions {
  const { flags, positionals } = readFlags(args);
  const [name, ...rest] = positionals;
  if (flags.has('help')) return { kind: 'help', text: helpOf(name === undefined ? undefined : scenarioOf(name)) };
  if (name === undefined) throw wrong(`name a scenario: ${namesOf(scenarios)}, peers or rules (see --help)`);
  const scenario = scenarioOf(name);
  if (rest.length > 0) throw wrong(`unexpected argument ${rest[0]}: one scenario is run at a time`);
  for (const flag of flags.keys()) requireKnown(flag, scenario);
  const said = (of: Options) => new Map([...readEnvironment(of, environment), ...flags]);
  const common = valuesOf(options, said(options));
  const { url, help: _, ...values } = common;
  checkTogether(common, flags);
  const members = url === null ? values.members : url.length;
  const own = valuesOf(scenario.options, said(scenario.options));
  return { kind: 'run', options: { scenario: scenario.name, ...values, members, urls: url, own } };
}

function checkTogether(values: OptionValues<typeof options>, flags: ReadonlyMap<string, Said>): void {
  const { url, rate, connections, pipeline, generators } = values;
  for (const name of ofOwnGroup) {
    if (url !== null && flags.has(name)) {
      throw wrong(`--${name} is for a group that is started; --url names one that runs`);
    }
  }
  for (const name of ofOpenLoop) {
    if (rate === null && flags.has(name)) throw wrong(`--${name} is for an open loop: say its --rate too`);
  }
  if (connections * pipeline > slotsMax) {
    throw wrong(`--connections x --pipeline: at most ${slotsMax}, not ${connections * pipeline}`);
  }
  if (generators > connections) {
    throw wrong(`--generators: at most one a connection, of which there are ${connections}, not ${generators}`);
  }
}

function helpOf(scenario: Scenario | undefined): string {
  const head =
    scenario === undefined
      ? `concert bench SCENARIO [options]: measures a group under load, and verifies that nothing was lost

Scenarios; concert bench SCENARIO --help shows the options of its own
${scenarios.map(({ name, summary }) => `  ${name.padEnd(20)} ${summary}`).join('\n')}
  ${'peers'.padEnd(20)} the same load on other systems in turn, with ratios`
      : `concert bench ${scenario.name} [options]: ${scenario.summary}

Options of ${scenario.name}
${describeOptions(scenario.options)}`;
  return `${head}

Options of every scenario
${describeOptions(options)}

An option that is not given may stand in the environment: CONCERT_SECONDS for --seconds.

The exit code is 0 if the run was verified, 1 if not or if it could not be made, 2 for a wrong option.`;
}

interface Said {
  readonly text: string;
  /** As the user knows it: `--seconds`, `CONCERT_SECONDS`. */
  readonly where: string;
}

function readFlags(args: readonly string[]) {
  // Whether an option takes a value does not depend on the scenario.
  const all = Object.assign({}, ...scenarios.map((scenario) => scenario.options), options) as Options;
  const kinds = Object.entries(all).map(
    ([name, { kind }]) => [name, { type: kind.placeholder === null ? 'boolean' : 'string' }] as const,
  );
  try {
    const { values, positionals } = parseArgs({
      args: args.map((arg) => (arg === '-h' ? '--help' : arg)),
      allowPositionals: true,
      options: Object.fromEntries(kinds),
    });
    const said = Object.entries(values).map(([name, value]) => [name, { text: String(value), where: `--${name}` }]);
    return { flags: new Map(said as [string, Said][]), positionals };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const name = /'(-[^' ]*)/.exec(message)?.[1] ?? message;
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw wrong(`unknown option ${name} (see --help)`);
    if (/does not take/.test(message)) throw wrong(`${name}: takes no value`);
    const written = /ambiguous/.test(message) ? `; one that starts with - is written ${name}=-…` : '';
    throw wrong(`${name}: a value is missing${written}`);
  }
}

function readEnvironment(
  of: Options,
  environment: Readonly<Record<string, string | undefined>>,
): readonly (readonly [string, Said])[] {
  const names = Object.keys(of).filter((name) => name !== 'help');
  return names.flatMap((name) => {
    const where = environmentNameOf(name);
    const text = environment[where];
    return text === undefined ? [] : [[name, { text, where }] as const];
  });
}

function valuesOf<O extends Options>(of: O, said: ReadonlyMap<string, Said>): OptionValues<O> {
  const values = Object.entries(of).map(([name, { kind, otherwise }]) => {
    const one = said.get(name);
    if (one === undefined) return [name, otherwise];
    const value = kind.parse(one.text);
    if (value === undefined) throw wrong(`${one.where}: ${kind.expected}, not ${one.text || '(nothing)'}`);
    return [name, value];
  });
  return Object.fromEntries(values) as OptionValues<O>;
}

function scenarioOf(name: string): Scenario {
  const scenario = scenarioNamed(name);
  if (scenario === undefined) throw wrong(`unknown scenario ${name}; known are: ${namesOf(scenarios)}, peers`);
  return scenario;
}

function requireKnown(flag: string, scenario: Scenario): void {
  if (Object.hasOwn(options, flag) || Object.hasOwn(scenario.options, flag)) return;
  const others = scenarios.filter((other) => Object.hasOwn(other.options, flag));
  throw wrong(`--${flag} is an option of ${namesOf(others)}, not of ${scenario.name}`);
}

function namesOf(some: readonly Scenario[]): string {
  return some.map(({ name }) => name).join(', ');
}

function duration(min: number): OptionKind<number> {
  return decimalNumber(min, secondsMax, 'S', 'seconds');
}

function addresses(): OptionKind<readonly string[]> {
  return {
    placeholder: 'URL,…',
    parse: (said) => {
      const urls = said.split(',').map(addressOf);
      return urls.every((url) => url !== null) ? urls : undefined;
    },
    expected: 'addresses like ws://127.0.0.1:7001, separated by commas',
  };
}

function addressOf(said: string): string | null {
  const url = URL.parse(said.trim());
  if (url === null || (url.protocol !== 'ws:' && url.protocol !== 'wss:')) return null;
  if (url.pathname === '/') url.pathname = '/v1';
  return url.href;
}

function wrong(message: string): BenchError {
  return new BenchError({ code: 'OPTION', message });
}
