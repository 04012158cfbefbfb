/** The options of `concert bench`. */
import { parseArgs } from 'node:util';
import { BenchError } from './bench-error.ts';
import { scenarios } from './scenarios.ts';
import type { Format } from './wire.ts';

export interface BenchOptions {
  readonly scenario: string;
  /** Of the group that is started; with `urls` as many as those. */
  readonly members: number;
  readonly connections: number;
  readonly pipeline: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly rows: number;
  readonly runs: number;
  readonly format: Format;
  /** Of a group that runs already; null: one is started. */
  readonly urls: readonly string[] | null;
  readonly data: string | null;
  readonly keep: boolean;
  readonly profile: string | null;
  readonly json: string | null;
}

export type ParsedOptions = { readonly kind: 'help' } | { readonly kind: 'run'; readonly options: BenchOptions };

export const help = `concert bench SCENARIO [options]: measures a group under load, and verifies that nothing was lost

Scenarios
${scenarios.map(({ name, summary }) => `  ${name.padEnd(20)} ${summary}`).join('\n')}

Options
  --members N          members of the group that is started (3)
  --connections N      connections of the load, spread evenly over the members (64)
  --pipeline N         requests outstanding on each connection (1)
  --seconds S          how long is measured (20)
  --warmup S           load before it, not counted (3)
  --rows N             rows of the table (100000)
  --runs N             measure so often; median and spread are printed (1)
  --format FORMAT      msgpack or json (msgpack)
  --url URL,...        load a group that runs already, its members' ws:// addresses; starts none
  --data DIR           where the members of the started group keep their data (a temporary directory)
  --keep               do not remove that data at the end
  --profile DIR        the started members leave CPU profiles there
  --json FILE          write the result there as well
  --help               this text

An option that is not given may stand in the environment: CONCERT_SECONDS for --seconds.

The exit code is 0 if the run was verified, 1 if not or if it could not be made, 2 for a wrong option.`;

const ofOwnGroup = ['members', 'data', 'keep', 'profile'] as const;

const kinds = {
  members: { type: 'string' },
  connections: { type: 'string' },
  pipeline: { type: 'string' },
  seconds: { type: 'string' },
  warmup: { type: 'string' },
  rows: { type: 'string' },
  runs: { type: 'string' },
  format: { type: 'string' },
  url: { type: 'string' },
  data: { type: 'string' },
  keep: { type: 'boolean' },
  profile: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean' },
} as const;

export const optionNames: readonly string[] = Object.keys(kinds);

/** `CONCERT_SECONDS` stands for `--seconds`. */
export function environmentNameOf(option: string): string {
  return `CONCERT_${option.toUpperCase()}`;
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
  const { values: flags, positionals } = parse(args);
  const values = { ...fromEnvironment(environment, flags.url !== undefined), ...flags };
  if (values.help === true) return { kind: 'help' };
  const names = scenarios.map((scenario) => scenario.name).join(', ');
  const [scenario, ...rest] = positionals;
  if (scenario === undefined) throw wrong(`name a scenario: ${names} (see --help)`);
  if (!scenarios.some(({ name }) => name === scenario))
    throw wrong(`unknown scenario ${scenario}; known are: ${names}`);
  if (rest.length > 0) throw wrong(`unexpected argument ${rest[0]}: one scenario is run at a time`);
  const urls = values.url === undefined ? null : values.url.split(',').map(addressOf);
  if (urls !== null) {
    for (const name of ofOwnGroup) {
      if (values[name] !== undefined)
        throw wrong(`--${name} is for a group that is started; --url names one that runs`);
    }
  }
  return {
    kind: 'run',
    options: {
      scenario,
      members: urls === null ? wholeNumber('members', values.members, 3, 1, 99) : urls.length,
      connections: wholeNumber('connections', values.connections, 64, 1, 100_000),
      pipeline: wholeNumber('pipeline', values.pipeline, 1, 1, 10_000),
      seconds: duration('seconds', values.seconds, 20, 0.1),
      warmup: duration('warmup', values.warmup, 3, 0),
      rows: wholeNumber('rows', values.rows, 100_000, 1, 100_000_000),
      runs: wholeNumber('runs', values.runs, 1, 1, 1000),
      format: formatOf(values.format),
      urls,
      data: values.data ?? null,
      keep: values.keep === true,
      profile: values.profile ?? null,
      json: values.json ?? null,
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: kinds });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const name = /'(-[^' ]*)/.exec(message)?.[1] ?? message;
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw wrong(`unknown option ${name} (see --help)`);
    throw wrong(`${name}: ${/does not take/.test(message) ? 'takes no value' : 'a value is missing'}`);
  }
}

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>, isRunning: boolean) {
  const args: string[] = [];
  for (const name of optionNames) {
    const text = environment[environmentNameOf(name)];
    if (text === undefined || (isRunning && ofOwnGroup.some((one) => one === name))) continue;
    if (name === 'keep' && text !== 'false') args.push('--keep');
    else if (name !== 'keep' && name !== 'help') args.push(`--${name}=${text}`);
  }
  return parse(args).values;
}

function wholeNumber(name: string, text: string | undefined, otherwise: number, min: number, max: number): number {
  if (text === undefined) return otherwise;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw wrong(`--${name}: a whole number from ${min} to ${max}, not ${text}`);
  return value;
}

const secondsMax = 86_400;

function duration(name: string, text: string | undefined, otherwise: number, min: number): number {
  if (text === undefined) return otherwise;
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= secondsMax))
    throw wrong(`--${name}: seconds from ${min} to ${secondsMax}, not ${text}`);
  return value;
}

function formatOf(text: string | undefined): Format {
  if (text === undefined || text === 'msgpack') return 'msgpack';
  if (text === 'json') return 'json';
  throw wrong(`--format: msgpack or json, not ${text}`);
}

function addressOf(text: string): string {
  const url = URL.parse(text.trim());
  if (url === null || (url.protocol !== 'ws:' && url.protocol !== 'wss:')) {
    throw wrong(`--url: addresses like ws://127.0.0.1:7001, separated by commas, not ${text || '(nothing)'}`);
  }
  if (url.pathname === '/') url.pathname = '/v1';
  return url.href;
}

function wrong(message: string): BenchError {
  return new BenchError({ code: 'OPTION', message });
}
