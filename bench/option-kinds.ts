/** How the text of an option is read, for the benchmark's own options and for those that a scenario brings along. */

export interface OptionKind<T> {
  /** What stands for the value in the help; null: a flag, which takes none. */
  readonly placeholder: string | null;
  /** The value, or undefined if `text` is none. */
  parse(text: string): T | undefined;
  /** What a value looks like: "a whole number from 1 to 64". */
  readonly expected: string;
}

export interface Option<T> {
  readonly kind: OptionKind<T>;
  /** What the option is where nobody says anything; it goes into the help unless it is null or false. */
  readonly otherwise: T;
  readonly help: string;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

export type OptionValues<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends Option<infer T> ? T : never;
};

export function option<T>(kind: OptionKind<NonNullable<T>>, otherwise: T, help: string): Option<T> {
  return { kind: kind as OptionKind<T>, otherwise, help };
}

export function wholeNumber(min: number, max: number): OptionKind<number> {
  return {
    placeholder: 'N',
    parse: (text) => withinBounds(/^\d{1,16}$/.test(text), Number(text), min, max),
    expected: `a whole number from ${min} to ${max}`,
  };
}

export function decimalNumber(min: number, max: number, placeholder = 'X', unit = 'a number'): OptionKind<number> {
  return {
    placeholder,
    parse: (text) => withinBounds(/^\d{1,16}(\.\d{1,16})?$/.test(text), Number(text), min, max),
    expected: `${unit} from ${min} to ${max}`,
  };
}

export function choice<T extends string>(...choices: readonly T[]): OptionKind<T> {
  return {
    placeholder: choices.join('|'),
    parse: (text) => choices.find((one) => one === text),
    expected: choices.length === 2 ? choices.join(' or ') : `one of ${choices.join(', ')}`,
  };
}

export function flag(): OptionKind<boolean> {
  return {
    placeholder: null,
    parse: (text) => ({ true: true, '1': true, false: false, '0': false })[text],
    expected: 'true or false',
  };
}

export function text(placeholder: string): OptionKind<string> {
  return { placeholder, parse: (said) => (said === '' ? undefined : said), expected: 'a text that is not empty' };
}

/** One line an option, aligned. */
export function describeOptions(options: Options): string {
  const lines = Object.entries(options).map(([name, { kind, otherwise, help }]) => {
    const value = kind.placeholder === null ? '' : ` ${kind.placeholder}`;
    return {
      left: `  --${name}${value}`,
      help: otherwise === null || otherwise === false ? help : `${help} (${otherwise})`,
    };
  });
  const width = Math.max(...lines.map(({ left }) => left.length)) + 2;
  return lines.map(({ left, help }) => left.padEnd(width) + help).join('\n');
}

function withinBounds(isNumber: boolean, value: number, min: number, max: number): number | undefined {
  return isNumber && value >= min && value <= max ? value : undefined;
}
