/**
 * Options of a command: from flags, then `CONCERT_*` environment variables, then a JSON config file, then defaults. An
 * option that nobody knows, or a value that is none, is an error that names it and where it was said.
 */
import { readFileSync } from 'node:fs';
import { wrongOption } from './cli-error.ts';

/** How an option's text is read. */
export interface OptionKind<T> {
  /** What stands for the value in help; null: a flag, which takes none. */
  readonly placeholder: string | null;
  /** What is meant where the option is said without a value; absent: it always has one. */
  readonly whenAlone?: string;
  /** The value, or undefined if `text` is none. */
  parse(text: string): T | undefined;
  /** What a value looks like: "a whole number from 1 to 64". */
  readonly expected: string;
}

export interface Option<T> {
  readonly kind: OptionKind<T>;
  readonly help: string;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** Values by option name; undefined where nobody said anything. */
export type OptionValues<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends Option<infer T> ? T | undefined : never;
};

export interface OptionSources {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Names that other commands take: in the environment and the config file they are passed over. */
  readonly otherNames: ReadonlySet<string>;
}

/** What every command takes. */
export const commonOptions = {
  config: { kind: text('FILE'), help: 'read options from this JSON file: {"option": value, …}' },
  help: { kind: flag(), help: 'show this' },
} as const satisfies Options;

/** @throws CliError that names the wrong option */
export function readOptions<O extends Options>(options: O, sources: OptionSources): OptionValues<O> {
  const values: Record<string, unknown> = {};
  const fromFlags = readFlags(options, sources.args);
  const fromEnvironment = readEnvironment(options, sources);
  const config = fromFlags.get('config') ?? fromEnvironment.get('config');
  const fromFile = config === undefined ? new Map<string, Said>() : readConfig(options, config.text, sources);
  for (const [name, option] of Object.entries(options)) {
    const said = fromFlags.get(name) ?? fromEnvironment.get(name) ?? fromFile.get(name);
    if (said === undefined) continue;
    const value = option.kind.parse(said.text);
    if (value === undefined) {
      throw wrongOption(`${said.where} is ${JSON.stringify(said.text)}; it takes ${option.kind.expected}`);
    }
    values[name] = value;
  }
  return values as OptionValues<O>;
}

/**
 * Takes the first `count` arguments that are neither options nor values of such out of `args`. `-` is one, too. More are
 * left for `readOptions` to refuse.
 */
export function withoutOperands(
  options: Options,
  args: readonly string[],
  count: number,
): { readonly args: readonly string[]; readonly operands: readonly string[] } {
  const rest: string[] = [];
  const operands: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (operands.length < count && (arg === '-' || !arg.startsWith('-'))) {
      operands.push(arg);
      continue;
    }
    rest.push(arg);
    const kind = arg.startsWith('--') ? optionNamed(options, arg.slice(2))?.kind : undefined;
    const takesValue = kind !== undefined && kind.placeholder !== null;
    if (takesValue && i + 1 < args.length && (kind.whenAlone === undefined || !isOption(args[i + 1]))) {
      rest.push(args[++i]!);
    }
  }
  return { args: rest, operands };
}

export function text(placeholder: string): OptionKind<string> {
  return { placeholder, parse: (said) => (said === '' ? undefined : said), expected: 'a text that is not empty' };
}

export function flag(): OptionKind<boolean> {
  return {
    placeholder: null,
    parse: (said) => ({ true: true, '1': true, false: false, '0': false })[said],
    expected: 'true or false',
  };
}

export function wholeNumber(from: number, upTo: number): OptionKind<number> {
  return {
    placeholder: 'N',
    parse: (said) => {
      const value = Number(said);
      return /^\d+$/.test(said) && value >= from && value <= upTo ? value : undefined;
    },
    expected: `a whole number from ${from} to ${upTo}`,
  };
}

export function choice<T extends string>(...choices: readonly T[]): OptionKind<T> {
  return {
    placeholder: choices.join('|'),
    parse: (said) => choices.find((one) => one === said),
    expected: `one of ${choices.join(', ')}`,
  };
}

/** `HOST:PORT,HOST:PORT…`, none twice. */
export function addresses(): OptionKind<readonly string[]> {
  return {
    placeholder: 'HOST:PORT,…',
    parse: (said) => {
      const list = said.split(',').map((address) => address.trim());
      return list.every(isAddress) && new Set(list).size === list.length ? list : undefined;
    },
    expected: 'addresses HOST:PORT, separated by commas, none twice',
  };
}

/** One line an option, aligned. */
export function describeOptions(options: Options): string {
  const lines = Object.entries(options).map(([name, { kind, help }]) => {
    const value = kind.whenAlone === undefined ? kind.placeholder : `[${kind.placeholder}]`;
    return { left: `  --${name}${value === null ? '' : ` ${value}`}`, help };
  });
  const width = Math.max(...lines.map(({ left }) => left.length)) + 2;
  return lines.map(({ left, help }) => left.padEnd(width) + help).join('\n');
}

interface Said {
  readonly text: string;
  /** As the operator knows it: `--port`, `CONCERT_PORT`, `"port" in FILE`. */
  readonly where: string;
}

const ENVIRONMENT_PREFIX = 'CONCERT_';

function readFlags(options: Options, args: readonly string[]): Map<string, Said> {
  const said = new Map<string, Said>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] === '-h' ? '--help' : args[i]!;
    if (!arg.startsWith('--')) throw wrongOption(`${JSON.stringify(arg)} is no option; options start with --`);
    const equals = arg.indexOf('=');
    const name = arg.slice(2, equals < 0 ? undefined : equals);
    const option = optionNamed(options, name);
    if (option === undefined) throw wrongOption(`unknown option --${name}; options are ${listOf(options)}`);
    if (said.has(name)) throw wrongOption(`--${name} is said twice; say it once`);
    let value: string;
    if (equals >= 0) value = arg.slice(equals + 1);
    else if (option.kind.placeholder === null) value = 'true';
    else if (option.kind.whenAlone !== undefined && isOption(args[i + 1])) value = option.kind.whenAlone;
    else if (i + 1 < args.length) value = args[++i]!;
    else throw wrongOption(`--${name} has no value; it takes ${option.kind.expected}`);
    said.set(name, { text: value, where: `--${name}` });
  }
  return said;
}

function readEnvironment(options: Options, sources: OptionSources): Map<string, Said> {
  const said = new Map<string, Said>();
  for (const [variable, value] of Object.entries(sources.environment)) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || value === undefined) continue;
    const name = variable.slice(ENVIRONMENT_PREFIX.length).toLowerCase().replaceAll('_', '-');
    if (optionNamed(options, name) !== undefined) said.set(name, { text: value, where: variable });
    else if (!sources.otherNames.has(name)) {
      throw wrongOption(`unknown option ${variable} in the environment; options are ${listOf(options)}`);
    }
  }
  return said;
}

function readConfig(options: Options, file: string, sources: OptionSources): Map<string, Said> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw wrongOption(`--config ${file} cannot be read: ${(error as Error).message.split('\n', 1)[0]}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw wrongOption(`--config ${file} has no object of options in it`);
  }
  const said = new Map<string, Said>();
  for (const [name, value] of Object.entries(content)) {
    const where = `"${name}" in ${file}`;
    if (optionNamed(options, name) === undefined) {
      if (sources.otherNames.has(name)) continue;
      throw wrongOption(`unknown option ${where}; options are ${listOf(options)}`);
    }
    const isList = Array.isArray(value) && value.every((part) => typeof part === 'string');
    if (!isList && !['string', 'number', 'boolean'].includes(typeof value)) {
      throw wrongOption(`${where} is ${JSON.stringify(value)}; it takes ${options[name]!.kind.expected}`);
    }
    said.set(name, { text: isList ? value.join(',') : String(value), where });
  }
  return said;
}

/** Nothing, or the next option: no value. */
function isOption(arg: string | undefined): boolean {
  return arg === undefined || arg.startsWith('--');
}

function optionNamed(options: Options, name: string): Option<unknown> | undefined {
  return Object.hasOwn(options, name) ? options[name] : undefined;
}

function listOf(options: Options): string {
  return Object.keys(options)
    .map((name) => `--${name}`)
    .join(' ');
}

function isAddress(address: string): boolean {
  const parts = /^(?:\[[0-9a-fA-F:]+\]|[^\s:[\],]+):(\d{1,5})$/.exec(address);
  return parts !== null && Number(parts[1]) >= 1 && Number(parts[1]) <= 65_535;
}
