/** A small load in which members conflict: writers at each member that read and write the same few rows. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type LocalMember } from '../../harness/index.ts';

const WRITERS_EACH = 2;
const PAUSE_MS = 15;

export class Contention {
  readonly #keys: readonly string[];
  readonly #writers: Promise<void>[];
  #isStopped = false;

  /** Creates the table and its rows, and starts. */
  static async start(members: readonly LocalMember[], table: string, keys: readonly string[]): Promise<Contention> {
    const client = await members[0]!.client();
    await client.result('createTable', { table, primaryKey: ['id'], ifNotExists: true });
    for (const id of keys) await client.result('put', { table, row: { id, count: 0 } });
    client.close();
    return new Contention(members, table, keys);
  }

  private constructor(members: readonly LocalMember[], table: string, keys: readonly string[]) {
    this.#keys = keys;
    this.#writers = members.flatMap((member) =>
      Array.from({ length: WRITERS_EACH }, (_, writer) => this.#write(member.url, table, writer)),
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#writers);
  }

  async #write(url: string, table: string, writer: number): Promise<void> {
    let client: Client | null = null;
    for (let n = writer; !this.#isStopped; n++) {
      // Its member may be gone for a while.
      if (client === null || !client.isOpen) client = await Client.open(url).catch(() => null);
      if (client !== null) await countUp(client, table, this.#keys[n % this.#keys.length]!, `t${n}`);
      await delay(PAUSE_MS);
    }
    client?.close();
  }
}

async function countUp(client: Client, table: string, key: string, tx: string): Promise<void> {
  void client.ask('begin', { tx });
  const read = await client.ask('get', { tx, table, key });
  if (read.kind === 'result')
    void client.ask('update', { tx, table, key, set: { count: Number(read.result.count) + 1 } });
  const answer = await client.ask('commit', { tx });
  if (answer.kind === 'error') void client.ask('rollback', { tx });
}
