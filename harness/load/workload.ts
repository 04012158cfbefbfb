/**
 * Writers at every member, one transaction at a time each, until they are stopped. What became of each transaction is
 * kept: acknowledged with its sequence number, refused (then it must be nowhere), or unknown (everywhere or nowhere).
 *
 * A transaction inserts a row of its own into `test.entries`. Half of the writers also put the number of their last
 * transaction into a row of their own in `test.writers`; the other half count it in a row that they share with all,
 * reading it first: so they conflict, and a lost update would show as a sum that does not fit the entries.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer, Client } from '../group/client.ts';
import type { LocalGroup } from '../group/local-group.ts';
import type { LocalMember } from '../group/local-member.ts';
import type { HistoryWriter } from '../history/history-writer.ts';
import { waitUntil, within } from '../wait-until.ts';
import { bulkSteps } from './outgrow-history.ts';

const SHARED_COUNTERS = 16;
const REFUSED_PAUSE_MS = 20;
const STOP_MS_MAX = 40_000;
/** A failure takes this long; who means a bound says one. */
const COMMITS_MS_MAX = 60_000;

export interface WrittenEntry {
  readonly id: string;
  readonly writer: number;
  readonly number: number;
  /** Row of `test.counters`; null: the writer has a row in `test.writers`. */
  readonly counter: number | null;
  readonly member: LocalMember;
  fate: 'acknowledged' | 'refused' | 'unknown';
  sequenceNumber: number | null;
  /** Why it was refused or is unknown: the code of the error, or of the close of the connection. */
  why: string | number | null;
}

export interface WorkloadOptions {
  /** Gets what the writers ask and are told. */
  readonly history?: HistoryWriter | null;
}

export class Workload {
  readonly entries: WrittenEntry[] = [];
  readonly #acknowledgedAt = new Map<LocalMember, number[]>();
  readonly #members: readonly LocalMember[];
  readonly #history: HistoryWriter | null;
  readonly #writers: Promise<void>[] = [];
  #isStopped = false;
  #lastWriter = 0;

  /** Creates the tables. */
  static async prepare(group: LocalGroup, { history = null }: WorkloadOptions = {}): Promise<Workload> {
    const { members } = group;
    // What is there at the beginning is part of the history.
    const client = await members[0]!.client(history ?? undefined);
    for (const table of ['test.entries', 'test.writers', 'test.counters']) {
      await client.result('createTable', { table, primaryKey: ['id'], ifNotExists: true });
    }
    for (let id = 0; id < SHARED_COUNTERS; id++) {
      await client.result('put', { table: 'test.counters', row: { id, count: 0 } });
    }
    client.close();
    const workload = new Workload(members, history);
    group.atEnd(() => workload.stop());
    return workload;
  }

  private constructor(members: readonly LocalMember[], history: HistoryWriter | null) {
    this.#members = members;
    this.#history = history;
    for (const member of members) this.#acknowledgedAt.set(member, []);
  }

  /** `each`: writers at each member. `bulkEveryMs`: and one that writes many rows as often, here and there. */
  start({ each = 4, bulkEveryMs = null }: { readonly each?: number; readonly bulkEveryMs?: number | null } = {}): void {
    this.#isStopped = false;
    if (bulkEveryMs !== null) this.#writers.push(this.#writeBulk(bulkEveryMs));
    for (const member of this.#members) {
      for (let i = 0; i < each; i++) this.#writers.push(this.#write(member, ++this.#lastWriter));
    }
  }

  /** Each transaction has its fate when it is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await within('the writers end', STOP_MS_MAX, Promise.all(this.#writers.splice(0)));
  }

  acknowledged(member?: LocalMember): number {
    if (member !== undefined) return this.#acknowledgedAt.get(member)!.length;
    return this.entries.reduce((count, entry) => count + (entry.fate === 'acknowledged' ? 1 : 0), 0);
  }

  /** When, by `performance.now()`, ascending. */
  acknowledgedAt(member: LocalMember): readonly number[] {
    return this.#acknowledgedAt.get(member)!;
  }

  /** Waits until each of `members` has acknowledged `more` further transactions. */
  async commits(members: readonly LocalMember[], more: number, limitMs = COMMITS_MS_MAX): Promise<void> {
    const before = members.map((member) => this.acknowledged(member));
    await waitUntil(`${more} more commits at each of ${members.map(({ name }) => name).join(', ')}`, limitMs, () =>
      members.every((member, i) => this.acknowledged(member) >= before[i]! + more),
    );
  }

  /** Longest time without an acknowledgement at `member` from one time (of `performance.now()`) to another. */
  longestGapMs(member: LocalMember, fromMs: number, upToMs: number): number {
    let last = fromMs;
    let longest = 0;
    for (const at of this.#acknowledgedAt.get(member)!) {
      if (at < fromMs || at > upToMs) continue;
      longest = Math.max(longest, at - last);
      last = at;
    }
    return Math.max(longest, upToMs - last);
  }

  async #write(member: LocalMember, writer: number): Promise<void> {
    let client: Client | null = null;
    for (let number = 1; !this.#isStopped; number++) {
      while (client === null || !client.isOpen) {
        if (this.#isStopped) return;
        client = await member.client(this.#history ?? undefined).catch(() => null);
        if (client === null) await delay(REFUSED_PAUSE_MS);
      }
      const counter = writer % 2 === 0 ? (writer * 7 + number) % SHARED_COUNTERS : null;
      const id = `${writer}-${number}`;
      const entry: WrittenEntry = {
        id,
        writer,
        number,
        counter,
        member,
        fate: 'unknown',
        sequenceNumber: null,
        why: null,
      };
      this.entries.push(entry);
      const answer = counter === null ? await putBoth(client, entry) : await countUp(client, entry, counter);
      this.#note(entry, answer);
      if (entry.fate === 'refused' && entry.why !== 'CERTIFICATION_CONFLICT') await delay(REFUSED_PAUSE_MS);
    }
    client?.close();
  }

  /** After `outgrowHistory`, so that its table is there; then each makes members flush what is older. */
  async #writeBulk(everyMs: number): Promise<void> {
    for (let round = 1; !this.#isStopped; round++) {
      const member = this.#members[round % this.#members.length]!;
      const client = await member.client().catch(() => null);
      if (client !== null) await client.ask('transact', { steps: bulkSteps(round) });
      client?.close();
      for (let waitedMs = 0; waitedMs < everyMs && !this.#isStopped; waitedMs += REFUSED_PAUSE_MS) {
        await delay(REFUSED_PAUSE_MS);
      }
    }
  }

  #note(entry: WrittenEntry, answer: Answer): void {
    if (answer.kind === 'result') {
      entry.fate = 'acknowledged';
      entry.sequenceNumber = answer.result.sequenceNumber as number;
      this.#acknowledgedAt.get(entry.member)!.push(performance.now());
    } else if (answer.kind === 'lost') {
      entry.why = answer.code;
    } else {
      entry.why = answer.error.code;
      if (answer.error.code !== 'UNKNOWN_OUTCOME') entry.fate = 'refused';
    }
  }
}

function rowOf({ id, writer, number, counter }: WrittenEntry): object {
  return { id, writer, number, counter };
}

function putBoth(client: Client, entry: WrittenEntry): Promise<Answer> {
  return client.ask('transact', {
    steps: [
      { op: 'insert', table: 'test.entries', row: rowOf(entry) },
      { op: 'put', table: 'test.writers', row: { id: entry.writer, number: entry.number } },
    ],
  });
}

/** Reads the counter, writes one more. All but the commit is refused or lost without effect. */
async function countUp(client: Client, entry: WrittenEntry, counter: number): Promise<Answer> {
  const tx = entry.id;
  void client.ask('begin', { tx });
  const read = await client.ask('get', { tx, table: 'test.counters', key: counter });
  if (read.kind !== 'result') {
    void client.ask('rollback', { tx });
    return read;
  }
  const count = (read.result.count as number) + 1;
  void client.ask('update', { tx, table: 'test.counters', key: counter, set: { count } });
  void client.ask('insert', { tx, table: 'test.entries', row: rowOf(entry) });
  const answer = await client.ask('commit', { tx });
  if (answer.kind === 'error' && answer.error.code === 'TRANSACTION_ABORTED') void client.ask('rollback', { tx });
  return answer;
}
