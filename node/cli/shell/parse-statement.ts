/**
 * Reads a statement: a name, its arguments in order, then clauses in any order; an object at the end gives any
 * further arguments. `NAME {arguments}` and a whole request `{"op": …}` are other ways to say the same.
 */
import { type ArgumentKind, type Form, formNamed, type Positional } from './forms.ts';
import { parseValue } from './lenient-json.ts';
import { StatementError } from './statement-error.ts';
import { type Token, tokensOf } from './tokens.ts';

export interface Statement {
  /** Operation, or the shell's own command. */
  readonly name: string;
  readonly isShellCommand: boolean;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** @throws StatementError */
export function parseStatement(text: string): Statement {
  const [first, ...rest] = tokensOf(text);
  if (first === undefined) throw new StatementError('nothing is said', 0);
  if (first.kind === 'value') return requestOf(first, rest);
  const form = formNamed(first.text);
  if (form === undefined) return unknownOperation(first, rest);
  const isShellCommand = form.group === 'shell';
  return { name: form.name, isShellCommand, arguments: new Arguments(form, rest, text.length).read() };
}

/** `{"op": …}`, as it would be sent; the shell numbers its requests itself. */
function requestOf(token: Token, rest: readonly Token[]): Statement {
  if (!token.text.startsWith('{')) {
    throw new StatementError('a statement begins with its name, or is a request {"op": …}; try help', token.offset);
  }
  refuseMore(rest[0]);
  const { op, id: _id, ...args } = objectOf(token);
  if (typeof op !== 'string')
    throw new StatementError('the request has no "op" that names its operation', token.offset);
  return { name: op, isShellCommand: false, arguments: args };
}

/** This shell may be older than the member: what it does not know goes through with its arguments as an object. */
function unknownOperation(name: Token, rest: readonly Token[]): Statement {
  const [only] = rest;
  if (only === undefined || rest.length > 1 || !only.text.startsWith('{')) {
    const shown = name.text.slice(0, 60);
    throw new StatementError(
      `${shown} is no statement; help lists them, and ${shown} {arguments} sends any other operation`,
      name.offset,
    );
  }
  return { name: name.text, isShellCommand: false, arguments: objectOf(only) };
}

class Arguments {
  readonly #form: Form;
  readonly #tokens: readonly Token[];
  /** Where the statement ends: what is missing is missing there. */
  readonly #end: number;
  readonly #values: Record<string, unknown> = {};
  #next = 0;

  constructor(form: Form, tokens: readonly Token[], end: number) {
    this.#form = form;
    this.#tokens = tokens;
    this.#end = end;
  }

  read(): Readonly<Record<string, unknown>> {
    const [first, ...more] = this.#tokens;
    if (first?.text.startsWith('{') && this.#form.positionals[0]?.kind !== 'object') {
      refuseMore(more[0]);
      return objectOf(first);
    }
    for (const positional of this.#form.positionals) this.#readPositional(positional);
    while (this.#next < this.#tokens.length) this.#readClause(this.#tokens[this.#next++]!);
    return this.#values;
  }

  #readPositional(positional: Positional): void {
    const { argument, kind, isOptional, shown } = positional;
    const token = this.#tokens[this.#next];
    const isPassedOver =
      token === undefined || (isOptional && (this.#isClause(token) || (kind === 'key' && token.text.startsWith('{'))));
    if (!isPassedOver) {
      this.#next++;
      this.#set(argument, readValue(token, kind, shown), token);
    } else if (!isOptional) {
      throw new StatementError(`${shown} is missing; ${this.#form.name} is ${usageOf(this.#form)}`, this.#end);
    }
  }

  #readClause(token: Token): void {
    if (token.text.startsWith('{') && this.#next === this.#tokens.length) {
      for (const [argument, value] of Object.entries(objectOf(token))) this.#set(argument, value, token);
      return;
    }
    if (!this.#isClause(token)) {
      const known = Object.keys(this.#form.clauses);
      const takes = known.length === 0 ? 'nothing more' : known.join(', ');
      throw new StatementError(
        `unexpected ${token.text.slice(0, 40)}; ${this.#form.name} takes ${takes} here`,
        token.offset,
      );
    }
    const kind = this.#form.clauses[token.text]!;
    if (kind === 'flag') {
      this.#set(token.text, true, token);
      return;
    }
    const value = this.#tokens[this.#next++];
    if (value === undefined)
      throw new StatementError(`${token.text} has no value; it takes ${EXPECTED[kind]}`, this.#end);
    this.#set(token.text, readValue(value, kind, token.text), token);
  }

  #isClause(token: Token): boolean {
    return token.kind === 'word' && Object.hasOwn(this.#form.clauses, token.text);
  }

  #set(argument: string, value: unknown, token: Token): void {
    if (Object.hasOwn(this.#values, argument)) throw new StatementError(`${argument} is said twice`, token.offset);
    Object.defineProperty(this.#values, argument, { value, enumerable: true, writable: true, configurable: true });
  }
}

/** What follows a statement's name: `TABLE KEY [columns […]]`. */
export function usageOf(form: Form): string {
  const positionals = form.positionals.map(({ shown, isOptional }) => (isOptional ? `[${shown}]` : shown));
  const clauses = Object.entries(form.clauses).map(([name, kind]) => {
    return kind === 'flag' ? `[${name}]` : `[${name} ${PLACEHOLDERS[kind]}]`;
  });
  return [form.name, ...positionals, ...clauses].join(' ');
}

const PLACEHOLDERS: Readonly<Record<Exclude<ArgumentKind, 'flag'>, string>> = {
  name: 'NAME',
  table: 'TABLE',
  key: 'KEY',
  value: 'VALUE',
  object: '{…}',
  list: '[…]',
  number: 'N',
};

const EXPECTED: Readonly<Record<Exclude<ArgumentKind, 'flag'>, string>> = {
  name: 'a name',
  table: 'a table: schema.table',
  key: 'a key: a scalar, or an array of them in key order; texts in quotes',
  value: 'a value; texts in quotes',
  object: 'an object {…}',
  list: 'an array […]',
  number: 'a whole number',
};

function readValue(token: Token, kind: ArgumentKind, what: string): unknown {
  if (kind === 'flag') throw new StatementError(`${what} stands alone`, token.offset);
  const isName = kind === 'name' || kind === 'table';
  if (isName && token.kind === 'word') return token.text;
  const value = isWordOfJson(token) ? parseValue(token.text, token.offset) : undefined;
  if (value === undefined || !fits(value, kind)) {
    throw new StatementError(`${what} is ${token.text.slice(0, 60)}; it takes ${EXPECTED[kind]}`, token.offset);
  }
  return value;
}

/** Numbers and literals; other bare words are no values. */
function isWordOfJson(token: Token): boolean {
  return token.kind === 'value' || /^[+-]?[\d.]|^(?:true|false|null)$/.test(token.text);
}

function fits(value: unknown, kind: Exclude<ArgumentKind, 'flag'>): boolean {
  const isObject = typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
  switch (kind) {
    case 'name':
    case 'table':
      return typeof value === 'string';
    case 'key':
      return !isObject || Array.isArray(value);
    case 'value':
      return true;
    case 'object':
      return isObject && !Array.isArray(value);
    case 'list':
      return Array.isArray(value);
    case 'number':
      return Number.isSafeInteger(value) && (value as number) >= 0;
  }
}

function objectOf(token: Token): Readonly<Record<string, unknown>> {
  const value = parseValue(token.text, token.offset);
  if (!fits(value, 'object')) throw new StatementError('expected an object {…}', token.offset);
  return value as Readonly<Record<string, unknown>>;
}

function refuseMore(token: Token | undefined): void {
  if (token !== undefined) throw new StatementError(`unexpected ${token.text.slice(0, 40)}`, token.offset);
}
