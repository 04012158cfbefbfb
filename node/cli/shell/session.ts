/**
 * The shell's place in the group: one member at a time, and at most one open transaction there. When that member is lost,
 * the session goes on at another one and says so. A statement is sent again only where nothing of it can have happened.
 */

import type { Client } from '../../../client/index.ts';
import { ConcertError } from '../../../client/index.ts';
import { hostOf } from '../member-label.ts';
import { type Page, pagesOf } from './pages.ts';
import type { Statement } from './parse-statement.ts';
import { ShellError } from './shell-error.ts';
import type { TableRow } from './table-layout.ts';

export interface OpenTransaction {
  readonly name: string;
  /** The first failure in it: nothing but `rollback` succeeds any more. */
  readonly doomedBy: ConcertError | null;
}

export type Result =
  | { readonly kind: 'value'; readonly value: unknown; readonly isInTransaction: boolean }
  | { readonly kind: 'rows'; readonly pages: AsyncIterable<readonly TableRow[]> };

type Arguments = Readonly<Record<string, unknown>>;

/** Operations that take part in the open transaction. */
const STATEMENTS = new Set([
  ...['get', 'getMany', 'scan', 'count', 'insert', 'put', 'update', 'delete', 'increment', 'tables', 'describe'],
  ...['savepoint', 'rollbackTo'],
]);
const APART = new Set(['createTable', 'alterTable', 'dropTable', 'truncateTable', 'transact']);
/** Who is asked whether it serves has to answer soon: the user waits. */
const PROBE_MS_MAX = 2_000;

export class Session {
  readonly #client: Client;
  readonly #notice: (text: string) => void;
  #url: string;
  #transaction: { readonly name: string; readonly outlivesErrors: boolean; doomedBy: ConcertError | null } | null =
    null;
  #transactions = 0;
  #wasConnected = false;

  /** `notice`: told what the user should know though it was not asked for. */
  constructor(client: Client, notice: (text: string) => void) {
    this.#client = client;
    this.#notice = notice;
    this.#url = client.status().find(({ connections }) => connections > 0)?.url ?? client.urls[0]!;
  }

  get url(): string {
    return this.#url;
  }

  get transaction(): OpenTransaction | null {
    return this.#transaction;
  }

  /** @throws ConcertError (for `rows` while they are read, too), ShellError */
  async run(
    { name: op, arguments: args }: Pick<Statement, 'name' | 'arguments'>,
    signal: AbortSignal,
  ): Promise<Result> {
    const hasOwnTransaction = args.tx !== undefined;
    if (op === 'begin' && !hasOwnTransaction) return this.#begin(args, signal);
    if ((op === 'commit' || op === 'rollback') && !hasOwnTransaction) return this.#end(op, args, signal);
    const isInTransaction = this.#transaction !== null && !hasOwnTransaction && STATEMENTS.has(op);
    const request = isInTransaction
      ? (more: Arguments) => this.#requestInside(op, more, signal)
      : (more: Arguments) => this.#request(op, more, signal);
    if (this.#transaction !== null && APART.has(op)) this.#notice(`${op} is no part of the open transaction`);
    if (op === 'scan' && args.cursor === undefined) {
      const pages = pagesOf({
        request: request as (more: Arguments) => Promise<Page>,
        arguments: args,
        isInTransaction,
      });
      return { kind: 'rows', pages };
    }
    return { kind: 'value', value: await request(args), isInTransaction };
  }

  /** Goes to the member at `url`. @throws ConcertError, ShellError */
  async use(url: string): Promise<void> {
    if (this.#transaction !== null) {
      throw new ShellError(`a transaction is open at ${hostOf(this.#url)}; commit or rollback first`);
    }
    await this.#client.at(url).request('ping', {}, { attempts: 1, timeoutMs: PROBE_MS_MAX });
    this.#url = url;
    this.#wasConnected = true;
  }

  /** The connection ended since the last answer. */
  get isLost(): boolean {
    return this.#wasConnected && !this.#isConnected;
  }

  /** Goes on at a member that serves, if there is one. Not while a statement runs. */
  async recover(): Promise<void> {
    await this.#lost();
  }

  /** Rolls back what is open; says nothing. */
  async end(): Promise<void> {
    const open = this.#transaction;
    this.#transaction = null;
    if (open === null) return;
    const rollback = this.#client.at(this.#url).request('rollback', { tx: open.name }, { attempts: 1, timeoutMs: 500 });
    // It ends with the connection in any case.
    await rollback.catch(() => {});
  }

  get #isConnected(): boolean {
    return this.#client.status().some(({ url, connections }) => url === this.#url && connections > 0);
  }

  async #begin(args: Arguments, signal: AbortSignal): Promise<Result> {
    if (this.#transaction !== null) throw new ShellError('a transaction is open already; commit or rollback first');
    const name = `shell-${++this.#transactions}`;
    await this.#request('begin', { ...args, tx: name }, signal);
    this.#transaction = { name, outlivesErrors: args.onError === 'continue', doomedBy: null };
    return { kind: 'value', value: {}, isInTransaction: true };
  }

  async #end(op: 'commit' | 'rollback', args: Arguments, signal: AbortSignal): Promise<Result> {
    const open = this.#transaction;
    if (open === null) throw new ShellError('no transaction is open; begin opens one');
    try {
      const value = await this.#requestInside(op, args, signal);
      this.#transaction = null;
      return { kind: 'value', value, isInTransaction: false };
    } catch (error) {
      // A doomed transaction stays at its member until it is rolled back.
      await this.end();
      throw error;
    }
  }

  async #requestInside(op: string, args: Arguments, signal: AbortSignal): Promise<unknown> {
    const open = this.#transaction;
    if (open === null) throw new ShellError('the transaction is no longer open');
    try {
      const member = this.#client.at(this.#url);
      return await member.request(op, { ...args, tx: open.name }, { attempts: 1, signal });
    } catch (error) {
      if (!(error instanceof ConcertError)) throw error;
      if (!this.#isConnected || error.code === 'NO_SUCH_TRANSACTION' || error.code === 'CONNECTION_LOST') {
        // What becomes of a commit says its error.
        if (op === 'commit') this.#transaction = null;
        await this.#lost();
      } else if (error.code === 'CANCELLED') {
        await this.end();
        this.#notice('the open transaction is rolled back');
      } else if (!open.outlivesErrors) open.doomedBy ??= error;
      throw error;
    }
  }

  async #request(op: string, args: Arguments, signal: AbortSignal): Promise<unknown> {
    try {
      const result = await this.#client.at(this.#url).request(op, args, { attempts: 1, signal });
      this.#wasConnected = true;
      return result;
    } catch (error) {
      if (!(error instanceof ConcertError) || signal.aborted) throw error;
      const isLost = !this.#isConnected;
      if (!isLost && error.retry !== 'elsewhere') throw error;
      const hasMoved = isLost ? await this.#lost() : await this.#moveOn(error.message);
      if (!hasMoved || !happenedNothing(error) || args.tx !== undefined) throw error;
      return this.#client.at(this.#url).request(op, args, { attempts: 1, signal });
    }
  }

  /** The connection ended, and with it what was open. */
  async #lost(): Promise<boolean> {
    const problem = this.#client.status().find(({ url }) => url === this.#url)?.problem;
    const why = problem == null ? '' : `: ${problem}`;
    const hadTransaction = this.#transaction !== null;
    this.#transaction = null;
    this.#wasConnected = false;
    this.#notice(`the connection to ${hostOf(this.#url)} was lost${why}`);
    if (hadTransaction) this.#notice('the open transaction is gone, nothing of it was written');
    return this.#moveOn(null);
  }

  /** To the first member that serves; `refusal`: why not to this one. Whether there is one. */
  async #moveOn(refusal: string | null): Promise<boolean> {
    const urls = this.#client.urls.filter((url) => refusal === null || url !== this.#url);
    const probes = urls.map(async (url) => {
      await this.#client.at(url).request('ping', {}, { attempts: 1, timeoutMs: PROBE_MS_MAX });
      const state = this.#client.status().find((status) => status.url === url)?.state;
      if (state != null && state !== 'ONLINE') throw new Error(`${url} is ${state}`);
      return url;
    });
    try {
      const found = await Promise.any(probes);
      const isBack = found === this.#url;
      this.#url = found;
      this.#wasConnected = true;
      const why = refusal === null ? '' : `${refusal} `;
      this.#notice(isBack ? `connected to ${hostOf(found)} again` : `${why}Going on at ${hostOf(found)}`);
      return true;
    } catch {
      if (refusal === null) this.#notice(`no member answers: ${urls.map(hostOf).join(', ')}`);
      return false;
    }
  }
}

/** It was refused, or never reached anybody. */
function happenedNothing(error: ConcertError): boolean {
  return error.retry === 'elsewhere' || error.code === 'CONNECTION_FAILED' || error.code === 'CONNECTION_LOST';
}
