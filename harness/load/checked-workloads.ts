/**
 * Clients whose transactions tell, by what they read, whether isolation was kept: `concert check` looks at the history.
 * Each client does one of these at a time, drawn at random, and goes on after refusals and lost connections:
 *
 * - list-append: reads lists and appends to them a value of their own, one to four operations on a few hot rows; rows are
 *   left behind once they have been appended to often;
 * - registers: the same with rows that hold one value, in transactions, in `transact` and alone;
 * - bank: moves money between accounts, deleting those that become empty, and reads all of them at once;
 * - forks: writes one row of two, or reads both, alone: were two readers to see two writes in different orders, there
 *   would be a long fork; or reads both and writes one: a write skew, which snapshot isolation allows.
 *
 * Each transaction asks for an isolation level: whoever writes what it has read at READ COMMITTED would lose updates, so
 * that only those of registers and forks ask for that.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '../../gcs/base/index.ts';
import type { Answer, Client } from '../group/client.ts';
import type { LocalGroup } from '../group/local-group.ts';
import type { LocalMember } from '../group/local-member.ts';
import type { HistoryWriter } from '../history/history-writer.ts';
import { waitUntil, within } from '../wait-until.ts';

const CHECKED_TABLES = ['checked.lists', 'checked.registers', 'checked.accounts', 'checked.forks'] as const;
export const BANK_TOTAL = 800;

const ACCOUNTS = 8;
const HOT_ROWS = 6;
/** A row of `checked.lists` grows to about so many values. */
const APPENDS_OF_ROW = 64;
const PAIRS = 4;
const OPERATIONS_MAX = 4;
const REFUSED_PAUSE_MS = 20;
const STOP_MS_MAX = 40_000;

type Ask = (op: string, facts?: Readonly<Record<string, unknown>>) => Promise<Answer>;

export interface CheckedWorkloadOptions {
  readonly history: HistoryWriter;
  /** Of what the clients do; not of when. */
  readonly seed?: number;
}

export class CheckedWorkload {
  readonly #members: readonly LocalMember[];
  readonly #history: HistoryWriter;
  readonly #random: SeededRandom;
  readonly #commits = new Map<LocalMember, number>();
  readonly #clients: Promise<void>[] = [];
  #lastValue = 0;
  #isStopped = false;

  /** Creates the tables and the accounts, as part of the history. */
  static async prepare(group: LocalGroup, { history, seed = 1 }: CheckedWorkloadOptions): Promise<CheckedWorkload> {
    const client = await group.members[0]!.client(history);
    for (const table of CHECKED_TABLES) await client.result('createTable', { table, primaryKey: ['id'] });
    const steps = Array.from({ length: ACCOUNTS }, (_, id) => {
      return { op: 'insert', table: 'checked.accounts', row: { id, balance: BANK_TOTAL / ACCOUNTS } };
    });
    const { sequenceNumber } = await client.result<{ sequenceNumber: number }>('transact', { steps });
    client.close();
    // Who reads the bank before its accounts are there would find another total.
    for (const member of group.members) {
      await waitUntil(`${member.name} has the accounts`, STOP_MS_MAX, async () => {
        return (await member.stats()).appliedUpTo >= sequenceNumber;
      });
    }
    const workload = new CheckedWorkload(group.members, history, new SeededRandom(seed));
    group.atEnd(() => workload.stop());
    return workload;
  }

  private constructor(members: readonly LocalMember[], history: HistoryWriter, random: SeededRandom) {
    this.#members = members;
    this.#history = history;
    this.#random = random;
    for (const member of members) this.#commits.set(member, 0);
  }

  /** `each`: clients at each member. */
  start({ each = 4 } = {}): void {
    this.#isStopped = false;
    for (const member of this.#members) {
      for (let i = 0; i < each; i++) this.#clients.push(this.#run(member, this.#random.split(`${member.name} ${i}`)));
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await within('the clients end', STOP_MS_MAX, Promise.all(this.#clients.splice(0)));
  }

  /** Transactions that were acknowledged, those that only read included. */
  get acknowledged(): number {
    return [...this.#commits.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Waits until each of `members` has acknowledged `more` further transactions. */
  async commits(members: readonly LocalMember[], more: number, limitMs = 20_000): Promise<void> {
    const before = members.map((member) => this.#commits.get(member)!);
    await waitUntil(`${more} more commits at each of ${members.map(({ name }) => name).join(', ')}`, limitMs, () =>
      members.every((member, i) => this.#commits.get(member)! >= before[i]! + more),
    );
  }

  /** Reads every row that was written at every member, as part of the history. Nobody writes. */
  async readEverything(): Promise<void> {
    for (const member of this.#members) {
      const client = await member.client(this.#history);
      for (const table of CHECKED_TABLES) {
        const { cursor } = await client.result('scan', {
          table,
          ...(table !== 'checked.accounts' && { limit: 10_000 }),
        });
        if (cursor !== undefined && cursor !== null) throw new Error(`${table} has too many rows for one scan`);
      }
      client.close();
    }
  }

  async #run(member: LocalMember, random: SeededRandom): Promise<void> {
    let client: Client | null = null;
    const works = [appendToLists, writeRegisters, useBank, forkAndSkew] as const;
    for (let number = 1; !this.#isStopped; number++) {
      if (client === null || !client.isOpen) {
        client = await member.client(this.#history).catch(() => null);
        if (client === null) {
          await delay(REFUSED_PAUSE_MS);
          continue;
        }
      }
      const ask = client.ask.bind(client);
      const answer = await random.pick(works)({ ask, tx: `t${number}`, random, nextValue: () => ++this.#lastValue });
      if (answer.kind === 'result') this.#commits.set(member, this.#commits.get(member)! + 1);
      else if (answer.kind !== 'error' || answer.error.retry !== 'transaction') await delay(REFUSED_PAUSE_MS);
    }
    client?.close();
  }
}

interface Work {
  readonly ask: Ask;
  /** Name for a transaction. */
  readonly tx: string;
  readonly random: SeededRandom;
  /** Given to nobody else. */
  nextValue(): number;
}

const SNAPSHOT_LEVELS = ['REPEATABLE READ', 'SERIALIZABLE'] as const;
const ALL_LEVELS = ['READ COMMITTED', ...SNAPSHOT_LEVELS] as const;

/** What was answered to the commit, or instead of it. */
async function inTransaction(
  { ask, tx, random }: Work,
  levels: readonly string[],
  statements: (run: Ask) => Promise<Answer | null>,
): Promise<Answer> {
  void ask('begin', { tx, isolation: random.pick(levels) });
  const refused = await statements((op, facts) => ask(op, { tx, ...facts }));
  const answer = refused ?? (await ask('commit', { tx }));
  if (refused?.kind === 'error') void ask('rollback', { tx });
  return answer;
}

async function appendToLists(work: Work): Promise<Answer> {
  const { random, nextValue } = work;
  const table = 'checked.lists';
  return inTransaction(work, SNAPSHOT_LEVELS, async (run) => {
    for (let left = 1 + random.below(OPERATIONS_MAX); left > 0; left--) {
      const value = nextValue();
      const id = random.below(HOT_ROWS) + HOT_ROWS * Math.trunc(value / (APPENDS_OF_ROW * HOT_ROWS));
      const read = await run('get', { table, key: id });
      if (read.kind !== 'result') return read;
      if (random.below(2) === 0) continue;
      const values = (read.result.values as readonly number[] | undefined) ?? null;
      if (values === null) void run('put', { table, row: { id, values: [value] } });
      else void run('update', { table, key: id, set: { values: [...values, value] } });
    }
    return null;
  });
}

async function writeRegisters(work: Work): Promise<Answer> {
  const { ask, random, nextValue } = work;
  const table = 'checked.registers';
  const key = () => random.below(2 * HOT_ROWS);
  const write = () => ({ op: 'put', table, row: { id: key(), value: nextValue() } });
  switch (random.below(4)) {
    case 0:
      return ask('get', { table, key: key() });
    case 1: {
      const { op, ...facts } = write();
      return ask(op, facts);
    }
    case 2:
      return ask('transact', { steps: [{ op: 'get', table, key: key() }, write(), { op: 'get', table, key: key() }] });
    default:
      return inTransaction(work, ALL_LEVELS, async (run) => {
        for (let left = 1 + random.below(OPERATIONS_MAX); left > 0; left--) {
          const read = await run('get', { table, key: key() });
          if (read.kind !== 'result') return read;
          const { op, ...facts } = write();
          if (random.below(2) === 0) void run(op, facts);
        }
        return null;
      });
  }
}

async function useBank(work: Work): Promise<Answer> {
  const { ask, random } = work;
  const table = 'checked.accounts';
  if (random.below(3) === 0) return ask('scan', { table });
  const from = random.below(ACCOUNTS);
  const to = (from + 1 + random.below(ACCOUNTS - 1)) % ACCOUNTS;
  return inTransaction(work, SNAPSHOT_LEVELS, async (run) => {
    const [source, target] = await Promise.all([from, to].map((key) => run('get', { table, key })));
    if (source!.kind !== 'result') return source!;
    if (target!.kind !== 'result') return target!;
    const balance = (source!.result.balance as number | undefined) ?? 0;
    const amount = Math.min(balance, 1 + random.below(BANK_TOTAL / ACCOUNTS));
    if (amount === 0) return null;
    if (amount === balance) void run('delete', { table, key: from });
    else void run('update', { table, key: from, set: { balance: balance - amount } });
    const there = (target!.result.balance as number | undefined) ?? 0;
    void run('put', { table, row: { id: to, balance: there + amount } });
    return null;
  });
}

async function forkAndSkew(work: Work): Promise<Answer> {
  const { ask, random, nextValue } = work;
  const table = 'checked.forks';
  const pair = random.below(PAIRS);
  const keys = [`${pair} left`, `${pair} right`];
  const row = () => ({ id: random.pick(keys), value: nextValue() });
  switch (random.below(4)) {
    case 0:
      return ask('put', { table, row: row() });
    case 1:
      return inTransaction(work, ALL_LEVELS, async (run) => {
        const read = await run('getMany', { table, keys });
        if (read.kind !== 'result') return read;
        void run('put', { table, row: row() });
        return null;
      });
    default:
      return ask('getMany', { table, keys });
  }
}
