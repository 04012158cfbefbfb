/** Runs statements, one after the other, and shows what came of them. What reads them is another's business. */

import type { Client } from '../../../client/index.ts';
import { ConcertError } from '../../../client/index.ts';
import type { Output } from '../display/output.ts';
import { hostOf, type MemberLabel } from '../member-label.ts';
import { valueJson } from '../value-json.ts';
import { Display, type DisplaySettings } from './display.ts';
import { formNamed } from './forms.ts';
import { helpOf, helpOverview } from './help.ts';
import { parseStatement, type Statement } from './parse-statement.ts';
import { Session } from './session.ts';
import { ShellError } from './shell-error.ts';
import { eventLines, type StreamEvent } from './show-events.ts';

export class Shell {
  readonly session: Session;
  readonly settings: DisplaySettings;
  readonly #client: Client;
  readonly #label: () => MemberLabel;
  readonly #output: Output;
  readonly #notice: (text: string) => void;
  readonly #display: Display;

  constructor(facts: {
    readonly client: Client;
    readonly label: () => MemberLabel;
    readonly output: Output;
    readonly settings: DisplaySettings;
    readonly notice: (text: string) => void;
  }) {
    this.#client = facts.client;
    this.#label = facts.label;
    this.#output = facts.output;
    this.#notice = facts.notice;
    this.settings = facts.settings;
    this.session = new Session(facts.client, facts.notice);
    this.#display = new Display(facts.output, facts.settings, () => ({
      label: facts.label(),
      members: facts.client.status(),
    }));
  }

  /** Runs one statement. `exit`: no more are wanted. @throws StatementError, ShellError, ConcertError */
  async execute(text: string, signal: AbortSignal): Promise<'done' | 'exit'> {
    const startedMs = performance.now();
    const statement = parseStatement(text);
    if (statement.isShellCommand) return this.#command(statement);
    if (statement.name === 'subscribe') await this.#subscribe(statement.arguments, signal);
    else await this.#display.show(statement, await this.session.run(statement, signal), startedMs);
    return 'done';
  }

  /** A line like that of a result, where results are lines of JSON. */
  async showErrorAsJson(error: Error): Promise<void> {
    if (this.settings.format !== 'json') return;
    const { message } = error;
    const shown =
      error instanceof ConcertError
        ? { code: error.code, sqlState: error.sqlState, message, retry: error.retry, ...error.facts }
        : { code: 'MALFORMED_STATEMENT', message };
    await this.#output.write(`${valueJson({ error: shown })}\n`);
  }

  async #command({ name, arguments: args }: Statement): Promise<'done' | 'exit'> {
    switch (name) {
      case 'help':
        await this.#output.write(helpText(args.topic));
        return 'done';
      case 'use':
        await this.#use(args.member);
        return 'done';
      case 'format':
        this.settings.format = chosen('format', args.format, ['table', 'json']);
        return 'done';
      case 'expanded':
        this.settings.expanded = chosen('expanded', args.expanded, ['on', 'off', 'auto']);
        return 'done';
      case 'timing':
        this.settings.timing = chosen('timing', args.timing, ['on', 'off']) === 'on';
        return 'done';
      default:
        return 'exit';
    }
  }

  async #use(wanted: unknown): Promise<void> {
    const { urls } = this.#client;
    if (wanted === undefined) {
      const value = this.#client.status().map(({ url, memberId, state, problem }, i) => {
        return { use: i + 1, address: hostOf(url), here: url === this.session.url, state, memberId, problem };
      });
      const result = { kind: 'value', value, isInTransaction: false } as const;
      await this.#display.show({ name: 'use', arguments: {} }, result, performance.now());
      return;
    }
    const url = urls[Number(wanted) - 1] ?? (String(wanted).includes(':') ? withScheme(String(wanted)) : undefined);
    if (url === undefined) {
      const known = urls.map((one, i) => `${i + 1} (${hostOf(one)})`).join(', ');
      throw new ShellError(`${JSON.stringify(wanted)} is no member; there are ${known}, and any ws://HOST:PORT/v1`);
    }
    await this.session.use(url);
  }

  /** Until `signal`, the `limit`, or the end of the stream. */
  async #subscribe(args: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void> {
    const { stream, limit, ...more } = args;
    const name = chosen('subscribe', stream, ['changes', 'views', 'conflicts']);
    const subscription = (this.#client.subscribe as AnySubscribe)(name, more);
    const close = () => subscription.close();
    signal.addEventListener('abort', close);
    this.#notice(`subscribed to ${name}; Ctrl-C ends it`);
    let left = typeof limit === 'number' && limit > 0 ? limit : Number.POSITIVE_INFINITY;
    try {
      for await (const event of subscription) {
        const lines = this.settings.format === 'json' ? [valueJson(event)] : eventLines(event, this.#label());
        await this.#output.write(lines.map((line) => `${line}\n`).join(''));
        if (--left <= 0 || signal.aborted) break;
      }
    } finally {
      signal.removeEventListener('abort', close);
      subscription.close();
    }
  }
}

function withScheme(address: string): string {
  return address.includes('://') ? address : `ws://${address}/v1`;
}

type AnySubscribe = (stream: string, args: object) => AsyncIterable<StreamEvent> & { close(): void };

function helpText(topic: unknown): string {
  if (topic === undefined) return helpOverview();
  const form = typeof topic === 'string' ? formNamed(topic) : undefined;
  if (form === undefined) throw new ShellError(`there is no statement ${JSON.stringify(topic)}; help lists them`);
  return helpOf(form);
}

function chosen<T extends string>(what: string, value: unknown, choices: readonly T[]): T {
  const choice = choices.find((one) => one === value);
  if (choice === undefined) throw new ShellError(`${what} takes ${choices.join(' or ')}, not ${JSON.stringify(value)}`);
  return choice;
}
