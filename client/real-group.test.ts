import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { LocalGroup, waitUntil, within } from '../harness/index.ts';
import { ConcertError, connect } from './index.ts';
import type { Client, Commit } from './types.ts';

const WORKERS = 8;
const LIMIT_MS = 60_000;

interface Entry {
  readonly id: string;
  readonly worker: number;
  readonly number: number;
}

/** Transactions one after another, each of which counts its worker up and leaves an entry under a name of its run's own. */
class Worker {
  readonly worker: number;
  readonly acknowledged: number[] = [];
  readonly unknown: number[] = [];
  readonly #client: Client;
  #number = 0;
  #isStopping = false;

  constructor(client: Client, worker: number) {
    this.#client = client;
    this.worker = worker;
  }

  stop(): void {
    this.#isStopping = true;
  }

  async run(): Promise<void> {
    while (!this.#isStopping) {
      const number = ++this.#number;
      try {
        await this.#once(number);
        this.acknowledged.push(number);
      } catch (error) {
        if (!(error instanceof ConcertError) || error.code !== 'UNKNOWN_OUTCOME') throw error;
        this.unknown.push(number);
      }
    }
  }

  #once(number: number): Promise<void> {
    const { worker } = this;
    return this.#client.transaction(async (tx) => {
      const counter = await tx.get<{ count: number }>('test.counters', worker);
      await tx.update('test.counters', worker, { count: counter!.count + 1 });
      await tx.insert('test.entries', { id: randomUUID(), worker, number });
    });
  }
}

async function prepared(client: Client): Promise<void> {
  await client.createTable({ table: 'test.counters', primaryKey: ['worker'] });
  await client.createTable({ table: 'test.entries', primaryKey: ['id'] });
  await client.transaction(async (tx) => {
    for (let worker = 0; worker < WORKERS; worker++) void tx.insert('test.counters', { worker, count: 0 });
  });
}

describe('over a real group', () => {
  test('transactions that lock a row queue for it, one after the other, and savepoints undo', async (t) => {
    const group = await LocalGroup.create(t, { members: 1 });
    const client = await connect(group.members[0]!.url, { attempts: 1 });
    t.after(() => client.close());
    await client.createTable({ table: 'test.counters', primaryKey: ['id'] });
    await client.put('test.counters', { id: 1, count: 0 });
    const countUp = () =>
      client.transaction(
        async (tx) => {
          const [row] = await tx.getMany<{ count: number }>('test.counters', [1], { forUpdate: true });
          await tx.savepoint('before');
          await tx.delete('test.counters', 1);
          await tx.rollbackTo('before');
          await tx.update('test.counters', 1, { count: row!.count + 1 });
        },
        { lockTimeoutMs: LIMIT_MS },
      );
    await within('all have counted', LIMIT_MS, Promise.all(Array.from({ length: 20 }, countUp)));
    assert.deepEqual(await client.get('test.counters', 1), { id: 1, count: 20 });
    await assert.rejects(
      client.transaction((tx) => tx.rollbackTo('nowhere')),
      (error) => error instanceof ConcertError && error.code === 'INVALID_ARGUMENT',
    );
    // In one that goes on after errors, also behind one.
    await client.transaction(
      async (tx) => {
        await tx.savepoint('before');
        await tx.put('test.counters', { id: 2, count: 5 });
        await assert.rejects(tx.insert('test.counters', { id: 1, count: 0 }));
        await tx.rollbackTo('before');
        await tx.put('test.counters', { id: 3, count: 6 });
      },
      { onError: 'continue' },
    );
    assert.deepEqual(await client.getMany('test.counters', [2, 3]), [null, { id: 3, count: 6 }]);
  });

  test('a hot counter that is incremented at all members: none is refused, each answer is a value of its own, and bounds hold', async (t) => {
    const group = await LocalGroup.create(t);
    const clients = await Promise.all(group.members.map(({ url }) => connect(url, { attempts: 1 })));
    t.after(() => Promise.all(clients.map((client) => client.close())));
    const [first] = clients;
    await first!.createTable({ table: 'test.counters', primaryKey: ['id'] });
    const { sequenceNumber } = await first!.put('test.counters', { id: 1, count: 0, stock: 50 });
    const each = 60;
    const values: unknown[] = [];
    const sold: unknown[] = [];
    let refused = 0;
    const work = async (client: Client): Promise<void> => {
      for (let i = 0; i < each; i++) {
        const options = { atLeast: sequenceNumber! };
        const alone = await client.increment('test.counters', 1, { column: 'count', by: 1 }, options);
        values.push(alone.increments![0]!.value);
        const onCommit = (commit: Commit): void => void sold.push(commit.increments![0]!.value);
        const selling = client.transaction(
          (tx) => tx.increment('test.counters', 1, { column: 'stock', by: -1, min: 0 }),
          { ...options, onCommit },
        );
        await selling.catch((error: ConcertError) => {
          assert.deepEqual([error.code, error.facts.problem], ['OUT_OF_BOUNDS', 'below-min']);
          refused++;
        });
      }
    };
    await within('all have counted', LIMIT_MS, Promise.all([...clients, ...clients].map(work)));
    const counted = 6 * each;
    const all = (count: number) => Array.from({ length: count }, (_, i) => i);
    const sorted = (numbers: readonly unknown[]) => [...numbers].sort((one, other) => Number(one) - Number(other));
    assert.deepEqual(
      sorted(values),
      all(counted).map((i) => i + 1),
    );
    assert.deepEqual([sorted(sold), refused], [all(50), counted - 50]);
    const [last] = await first!.conflicts({ limit: 1 });
    assert.deepEqual([last!.item, last!.reason, last!.key, last!.winner], ['bounds', 'out-of-bounds', 1, null]);
    for (const client of clients) {
      const row = await client.get('test.counters', 1);
      assert.deepEqual(row, { id: 1, count: counted, stock: 0 });
    }
  });

  test('kill -9 of the member in use under load: what was acknowledged is there once, and a subscription has all of it once', async (t) => {
    const group = await LocalGroup.create(t);
    const urls = group.members.map((member) => member.url);
    const client = await connect(urls, { prefer: 'first' });
    t.after(() => client.close({ timeoutMs: 0 }));
    await prepared(client);
    const told: string[] = [];
    const subscription = client.subscribe('changes', { from: 0, table: 'test.entries' });
    const reading = (async () => {
      for await (const event of subscription) {
        if (event.event === 'change') for (const { after } of event.rows) told.push((after as unknown as Entry).id);
      }
    })();
    const workers = Array.from({ length: WORKERS }, (_, worker) => new Worker(client, worker));
    const running = Promise.all(workers.map((worker) => worker.run()));
    running.catch(() => {});
    const acknowledged = () => workers.reduce((sum, worker) => sum + worker.acknowledged.length, 0);

    for (let round = 1; round <= 2; round++) {
      const before = acknowledged();
      await waitUntil('transactions are acknowledged', LIMIT_MS, () => acknowledged() > before + 100);
      const isInUse = () => client.status().findIndex(({ outstanding }) => outstanding > 0) + 1;
      const victim = group.members[(await waitUntil('a member is in use', LIMIT_MS, isInUse)) - 1]!;
      await victim.process.kill();
      const lost = acknowledged();
      await waitUntil('transactions are acknowledged by others', LIMIT_MS, () => acknowledged() > lost + 100);
      victim.start();
      await victim.online();
    }
    for (const worker of workers) worker.stop();
    await within('the workers stop', LIMIT_MS, running);

    const entries: Entry[] = [];
    for await (const entry of client.rows<Entry>('test.entries')) entries.push(entry);
    for (const { worker, acknowledged: numbers, unknown } of workers) {
      const own = entries.filter((entry) => entry.worker === worker).map((entry) => entry.number);
      assert.equal(new Set(own).size, own.length, 'none twice');
      assert.deepEqual(
        numbers.filter((number) => !own.includes(number)),
        [],
        'each one acknowledged is there',
      );
      for (const number of own) assert(numbers.includes(number) || unknown.includes(number), 'none that was refused');
      const counter = await client.get<{ count: number }>('test.counters', worker);
      assert.equal(counter!.count, own.length);
    }
    await waitUntil('the subscription has told all', LIMIT_MS, () => told.length >= entries.length);
    subscription.close();
    await reading;
    assert.equal(new Set(told).size, told.length, 'none told twice');
    assert.deepEqual([...told].sort(), entries.map((entry) => entry.id).sort(), 'none missing');
    const unknown = workers.reduce((sum, worker) => sum + worker.unknown.length, 0);
    t.diagnostic(`${acknowledged()} acknowledged, ${unknown} unknown, ${entries.length} there`);
  });

  test('a member that is frozen is given up, and its transactions are run at others', async (t) => {
    const group = await LocalGroup.create(t);
    const client = await connect(
      group.members.map((member) => member.url),
      { prefer: 'first', silenceMsMax: 1_000 },
    );
    t.after(() => client.close({ timeoutMs: 0 }));
    await prepared(client);
    const [frozen] = group.members;
    frozen!.process.signal('SIGSTOP');
    t.after(() => frozen!.process.signal('SIGCONT'));
    const read = within('a read at another member', LIMIT_MS, client.get('test.counters', 1));
    assert.deepEqual(await read, { worker: 1, count: 0 });
    const write = client.transaction((tx) => tx.update('test.counters', 1, { count: 1 }));
    await within('a transaction at another member', LIMIT_MS, write);
    assert.deepEqual(await client.get('test.counters', 1), { worker: 1, count: 1 });
    assert.match(client.status()[0]!.problem ?? '', /silent/);
  });

  test('both formats give the same: values of every type, errors, cursors', async (t) => {
    const group = await LocalGroup.create(t, { members: 1 });
    const [{ url }] = group.members as unknown as [{ url: string }];
    const clients = {
      msgpack: await connect(url),
      json: await connect(url, { format: 'json' }),
    };
    for (const client of Object.values(clients)) t.after(() => client.close());
    const columns = {
      id: { type: 'integer' },
      amount: { type: 'decimal' },
      photo: { type: 'bytes' },
      at: { type: 'timestamp' },
      rest: { type: 'json' },
      ratio: { type: 'double' },
      isOpen: { type: 'boolean' },
    } as const;
    await clients.json.createTable({ table: 'test.all', primaryKey: ['id'], columns });
    const row = {
      amount: '12.5',
      photo: new Uint8Array([0, 255, 7]),
      at: '2026-11-20T09:00:00.000Z',
      rest: { list: [1, 'zwei', null], ключ: { ok: true } },
      ratio: 0.25,
      isOpen: false,
    };
    for (const [at, writer] of Object.values(clients).entries()) {
      for (const reader of Object.values(clients)) {
        await writer.put('test.all', { id: at, ...row });
        assert.deepEqual(await reader.get('test.all', at, { atLeast: (await writer.memberStats())[0]!.appliedUpTo }), {
          id: at,
          ...row,
        });
      }
    }
    const wide = 2n ** 53n + 1n;
    for (const writer of Object.values(clients)) {
      await writer.put('test.all', { id: wide, ...row });
      assert.equal((await clients.msgpack.get<{ id: bigint }>('test.all', wide))!.id, wide);
      assert.equal((await clients.json.get<{ id: string }>('test.all', wide))!.id, String(wide));
    }
    for (const [name, client] of Object.entries(clients)) {
      await assert.rejects(client.insert('test.all', { id: 0, ...row }), {
        name: 'ConcertError',
        code: 'DUPLICATE_KEY',
        sqlState: '23000',
        retry: 'no',
        facts: { table: 'test.all', index: 'primary', values: [0] },
      });
      const ids: unknown[] = [];
      for await (const { id } of client.rows<{ id: unknown }>('test.all', { pageSize: 1 })) ids.push(Number(id));
      assert.deepEqual(ids, [0, 1, Number(wide)]);
      const idempotencyKey = `key of ${name}`;
      const first = await client.put('test.all', { id: 0, ...row }, { idempotencyKey });
      const again = await client.put('test.all', { id: 0, ...row }, { idempotencyKey });
      assert.deepEqual(again, { ...first, replayed: true });
      assert.deepEqual(await client.outcome(idempotencyKey), again);
      assert.deepEqual(await client.outcome(`late ${name}`, { fence: true }), { state: 'fenced' });
      const late = client.transaction((tx) => tx.put('test.all', { id: 0, ...row }), {
        idempotencyKey: `late ${name}`,
      });
      await assert.rejects(late, { code: 'TRANSACTION_ABORTED', retry: 'no', message: /KEY_FENCED/ });
    }
  });

  test('a reader that comes late and reads slowly is given all changes once, in order, from a buffer of few', async (t) => {
    const group = await LocalGroup.create(t, { members: 1 });
    const client = await connect(group.members[0]!.url, { eventsMax: 40 });
    t.after(() => client.close({ timeoutMs: 0 }));
    await client.createTable({ table: 'test.slow', primaryKey: ['id'] });
    const subscription = client.subscribe('changes', { from: 0 });
    const ids = Array.from({ length: 500 }, (_, id) => id);
    await Promise.all(ids.map((id) => client.put('test.slow', { id })));
    const numbers: number[] = [];
    for await (const event of subscription) {
      numbers.push(event.sequenceNumber);
      if (numbers.length % 50 === 0) await client.get('test.slow', 1);
      if (numbers.length === ids.length + 1) break;
    }
    assert.deepEqual(
      numbers,
      Array.from({ length: ids.length + 1 }, (_, at) => at + 1),
    );
    assert.equal(subscription.position, ids.length + 1);
  });
});
