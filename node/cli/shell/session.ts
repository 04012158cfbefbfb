/**
 * The shell's place in the group: one member at a time, and at most one open transaction there. When that member is lost,
 * the session goes on at another one and says so. A statement is sent again only where nothing of it can have happened.
 */
import { type Client, ConcertError, type MemberRow, type MemberStatus } from '../../../client/index.ts';
import type { TableRow } from '../display/table-layout.ts';
import { hostOf } from '../member-label.ts';
import { type Page, pagesOf } from './pages.ts';
import type { Statement } from './parse-statement.ts';
import { ShellError } from './shell-error.ts';

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
/** After these nothing is left of a transaction, whatever it was begun with. */
const ENDS: ReadonlySet<string> = new Set(['DEADLOCK', 'TRANSACTION_ABORTED']);
const READS = new Set(['get', 'getMany', 'scan', 'count', 'tables', 'describe']);
const APART = new Set(['createTable', 'alterTable', 'dropTable', 'truncateTable', 'transact']);
/** How often a member executes a statement, on conflict, where the user does not say. */
const MEMBER_ATTEMPTS = 3;
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

  /** Makes sure that the session begins at a member that serves, if there is one. */
  async start(): Promise<void> {
    const problem = await this.#problemOf(this.#url);
    if (problem === null) this.#wasConnected = true;
    else await this.#moveOn(problem);
  }

  get url(): string {
    return this.#url;
  }

  get transaction(): OpenTransaction | null {
    return this.#transaction;
  }

  /** The connection ended since the last answer. */
  get isLost(): boolean {
    return this.#wasConnected && this.#status.connections === 0;
  }

  /** @throws ConcertError (for `rows` while they are read, too), ShellError */
  async run(
    { name: op, arguments: args }: Pick<Statement, 'name' | 'arguments'>,
    signal: AbortSignal,
  ): Promise<Result> {
    if (this.isLost) await this.#recoverBefore(op);
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

  /** Goes to the member at `url`. @throws ShellError if it does not serve */
  async use(url: string): Promise<void> {
    if (this.#transaction !== null) {
      throw new ShellError(`a transaction is open at ${hostOf(this.#url)}; commit or rollback first`);
    }
    const problem = await this.#problemOf(url);
    if (problem !== null) throw new ShellError(`${hostOf(url)} does not serve: ${problem}`);
    this.#url = url;
    this.#wasConnected = true;
  }

  /** Goes on at a member that serves, if there is one. Not while a statement runs. */
  async recover(): Promise<void> {
    await this.#lost();
  }

  /** Rolls back what is open; says nothing. */
  async end(): Promise<void> {
    const open = this.#transaction;
    this.#transaction = null;
    // It ends with the connection in any case.
    if (open !== null)
      await this.#client
        .at(this.#url)
        .request('rollback', { tx: open.name })
        .catch(() => {});
  }

  get #status(): MemberStatus {
    return this.#client.at(this.#url).status()[0]!;
  }

  async #recoverBefore(op: string): Promise<void> {
    const hadTransaction = this.#transaction !== null;
    await this.#lost();
    if (hadTransaction) throw new ShellError(`${op} was not run: it was meant for the transaction that is gone`);
  }

  async #begin(args: Arguments, signal: AbortSignal): Promise<Result> {
    if (this.#transaction !== null) throw new ShellError('a transaction is open already; commit or rollback first');
    const name = `shell-${++this.#transactions}`;
    await this.#request('begin', { ...args, tx: name }, signal);
    this.#transaction = { name, outlivesErrors: args.onError === 'continue', doomedBy: null };
    return { kind: 'value', value: {}, isInTransaction: true };
  }

  async #end(op: 'commit' | 'rollback', args: Arguments, signal: AbortSignal): Promise<Result> {
    if (this.#transaction === null) throw new ShellError('no transaction is open; begin opens one');
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
    if (signal.aborted) throw new ShellError('stopped');
    try {
      return await givenUpBy(signal, this.#client.at(this.#url).request(op, { ...args, tx: open.name }));
    } catch (error) {
      if (error instanceof GivenUp) return this.#givenUp(op);
      if (!(error instanceof ConcertError)) throw error;
      if (this.isLost || error.code === 'NO_SUCH_TRANSACTION' || error.code === 'CONNECTION_LOST') {
        // What becomes of a commit says its error.
        if (op === 'commit') this.#transaction = null;
        await this.#lost();
      } else if (!open.outlivesErrors || ENDS.has(error.code)) open.doomedBy ??= error;
      throw error;
    }
  }

  async #givenUp(op: string): Promise<never> {
    if (READS.has(op)) throw new ShellError('stopped');
    if (op === 'commit') {
      this.#transaction = null;
      throw new ShellError('not waited for: the transaction may be committed, now or later');
    }
    await this.end();
    throw new ShellError('given up; the open transaction is rolled back');
  }

  async #request(op: string, args: Arguments, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#ask(op, args, signal);
    } catch (error) {
      if (!(error instanceof ConcertError) || signal.aborted) throw error;
      const { isLost } = this;
      if (!isLost && error.retry !== 'elsewhere') throw error;
      const hasMoved = isLost ? await this.#lost() : await this.#moveOn(error.message);
      // UNKNOWN_OUTCOME is no such error: something may have happened.
      if (!hasMoved || error.retry !== 'elsewhere') throw error;
      return this.#ask(op, args, signal);
    }
  }

  async #ask(op: string, args: Arguments, signal: AbortSignal): Promise<unknown> {
    // The client tries once, so that the user learns at once; the member as often as it was told.
    const memberAttempts = 'attempts' in args ? args.attempts : MEMBER_ATTEMPTS;
    const options = { attempts: 1, memberAttempts, signal };
    const result = await this.#client.at(this.#url).request(op, args, options);
    this.#wasConnected = true;
    return result;
  }

  /** The connection ended, and with it what was open. Whether the session is at a member again. */
  async #lost(): Promise<boolean> {
    const { problem } = this.#status;
    const hadTransaction = this.#transaction !== null;
    this.#transaction = null;
    this.#wasConnected = false;
    this.#notice(`the connection to ${hostOf(this.#url)} was lost${problem === null ? '' : `: ${problem}`}`);
    if (hadTransaction) this.#notice('the open transaction is gone, nothing of it was written');
    return this.#moveOn(null);
  }

  /** To the first member that serves; `refusal`: why not to this one. Whether there is one. */
  async #moveOn(refusal: string | null): Promise<boolean> {
    const before = this.#url;
    const urls = [...new Set([before, ...this.#client.urls])].filter((url) => refusal === null || url !== before);
    const probes = urls.map(async (url) => {
      const problem = await this.#problemOf(url);
      if (problem !== null) throw new Error(problem);
      return url;
    });
    try {
      const found = await Promise.any(probes);
      this.#url = found;
      this.#wasConnected = true;
      if (refusal !== null) this.#notice(`${hostOf(before)} does not serve: ${refusal}`);
      this.#notice(found === before ? `connected to ${hostOf(found)} again` : `going on at ${hostOf(found)}`);
      return true;
    } catch {
      if (refusal === null) this.#notice(`no member serves: ${urls.map(hostOf).join(', ')}`);
      return false;
    }
  }

  /** Why the member does not serve; null if it does. */
  async #problemOf(url: string): Promise<string | null> {
    try {
      const member = this.#client.at(url);
      const rows = await member.request<readonly MemberRow[]>('members', {}, { attempts: 1, timeoutMs: PROBE_MS_MAX });
      const { memberId } = member.status()[0]!;
      const state = rows.find((row) => row.memberId === memberId)?.state ?? 'OFFLINE';
      return state === 'ONLINE' ? null : `it is ${state}`;
    } catch (error) {
      if (!(error instanceof ConcertError)) throw error;
      return error.code === 'INVALID_ARGUMENT'
        ? error.message
        : (this.#client.at(url).status()[0]!.problem ?? 'no answer');
    }
  }
}

class GivenUp extends Error {}

/** What `answer` gives, or a GivenUp when `signal` does not want to wait for it any longer. */
function givenUpBy<T>(signal: AbortSignal, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const givenUp = () => reject(new GivenUp());
    if (signal.aborted) givenUp();
    signal.addEventListener('abort', givenUp, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', givenUp));
  });
}
