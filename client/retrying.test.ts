import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConcertError } from './concert-error.ts';
import { CONFLICT, NO_QUORUM, type Reply } from './testing/scripted-member.ts';
import { SimulatedWorld } from './testing/simulated-world.ts';

const OVERLOADED: Reply = { error: { code: 'OVERLOADED', retry: 'transaction', retryAfterMs: 300 } };
const DUPLICATE: Reply = { error: { code: 'DUPLICATE_KEY', retry: 'no', table: 't.t' } };

describe('a transaction', () => {
  test('that loses at its commit is run again as a whole, and sees the winner', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').replies('commit', CONFLICT, CONFLICT);
    const client = await world.connect([member]);
    let runs = 0;
    const retries: [string, number][] = [];
    const value = await world.until(
      client.transaction(
        async (tx) => {
          await tx.put('t.t', { id: 1 });
          return ++runs;
        },
        { onRetry: (error, attempt) => retries.push([error.code, attempt]) },
      ),
    );
    assert.equal(value, 3);
    assert.deepEqual(retries, [
      ['CERTIFICATION_CONFLICT', 1],
      ['CERTIFICATION_CONFLICT', 2],
    ]);
    assert.deepEqual(
      member.requestsOf('begin').map((begin) => begin.atLeast),
      [undefined, 7, undefined],
      'what a member has shown once is visible there for ever',
    );
    assert.equal(new Set(member.requestsOf('begin').map((begin) => begin.tx)).size, 3);
  });

  test('that loses at a statement is run again, also where its function hands the error on as a cause', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').replies('get', CONFLICT);
    const client = await world.connect([member]);
    const work = client.transaction(async (tx) => {
      try {
        return await tx.get('t.t', 1);
      } catch (cause) {
        throw new Error('cannot read', { cause });
      }
    });
    assert.equal(await world.until(work), null);
    assert.equal(member.requestsOf('get').length, 2);
    assert.equal(member.requestsOf('rollback').length, 1);
  });

  test('is not run again for what its function throws of its own; it is rolled back and the error is given', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member]);
    let runs = 0;
    const work = client.transaction(async (tx) => {
      runs++;
      await tx.put('t.t', { id: 1 });
      throw new RangeError('not enough stock');
    });
    await assert.rejects(world.until(work), RangeError);
    await world.settle();
    assert.equal(runs, 1);
    assert.equal(member.requestsOf('rollback').length, 1);
    assert.equal(member.requestsOf('commit').length, 0);
  });

  test('is not run again for what its function throws of its own behind a statement that lost', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').replies('get', CONFLICT);
    const client = await world.connect([member]);
    const work = client.transaction(async (tx) => {
      await tx.get('t.t', 1).catch(() => {});
      throw new RangeError('enough');
    });
    await assert.rejects(world.until(work), RangeError);
    assert.equal(member.requestsOf('begin').length, 1);
  });

  test('is not committed when a statement failed, though its function went on', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('insert', () => DUPLICATE);
    const client = await world.connect([member]);
    const work = client.transaction(async (tx) => {
      await tx.insert('t.t', { id: 1 }).catch(() => {});
      return 'went on';
    });
    await assert.rejects(world.until(work), (error: ConcertError) => {
      assert.equal(error.code, 'TRANSACTION_ABORTED');
      assert.equal((error.facts.cause as { code: string }).code, 'DUPLICATE_KEY');
      return true;
    });
    await world.settle();
    assert.equal(member.requestsOf('commit').length, 0);
    assert.equal(member.requestsOf('rollback').length, 1);
  });

  test('with onError "continue" is committed though a statement failed', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('insert', () => DUPLICATE);
    const client = await world.connect([member]);
    const work = client.transaction((tx) => tx.insert('t.t', { id: 1 }).catch(() => 'was there'), {
      onError: 'continue',
    });
    assert.equal(await world.until(work), 'was there');
    assert.equal(member.requestsOf('begin')[0]!.onError, 'continue');
  });

  test('is run as often as `attempts` says, and then its last error is given', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('commit', () => CONFLICT);
    const client = await world.connect([member]);
    const work = client.transaction((tx) => tx.put('t.t', { id: 1 }), { attempts: 4 });
    await assert.rejects(world.until(work), { code: 'CERTIFICATION_CONFLICT' });
    assert.equal(member.requestsOf('commit').length, 4);
  });

  test('is given up at its deadline: TIMEOUT, and the member is told what is left of it at each run', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('commit', () => CONFLICT);
    const client = await world.connect([member]);
    const startedMs = world.nowMs;
    const work = client.transaction((tx) => tx.put('t.t', { id: 1 }), { attempts: 1_000, timeoutMs: 2_000 });
    await assert.rejects(world.until(work), { code: 'TIMEOUT' });
    assert.equal(world.nowMs - startedMs, 2_000);
    const told = member.requestsOf('begin').map((begin) => begin.timeoutMs as number);
    assert.equal(told[0], 2_000);
    assert(told.at(-1)! < 2_000 && told.at(-1)! > 0);
    const count = member.requests.length;
    await world.advance(10_000);
    assert.equal(member.requests.filter(({ op }) => op !== 'ping').length, count);
  });

  test('may be acknowledged a moment after its deadline', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('commit', () => 'hold');
    const client = await world.connect([member]);
    const work = client.transaction((tx) => tx.put('t.t', { id: 1 }), { timeoutMs: 500 });
    await world.advance(600);
    member.release();
    await world.until(work);
  });

  test('tells the member no longer deadline than that takes', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a', { limits: { transactionMsMax: 5_000 } });
    const client = await world.connect([member], { timeoutMs: 60_000 });
    await world.until(client.transaction((tx) => tx.put('t.t', { id: 1 })));
    await world.until(client.get('t.t', 1));
    await world.until(client.get('t.t', 1, { timeoutMs: 70 }));
    assert.deepEqual(
      member.requests.filter(({ op }) => op !== 'put' && op !== 'commit').map(({ timeoutMs }) => timeoutMs),
      [5_000, 5_000, 70],
    );
  });

  test('whose function hangs is given up at its deadline, too, and rolled back', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member]);
    let late: Promise<unknown> | undefined;
    let goOn = () => {};
    const hang = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const work = client.transaction(
      async (tx) => {
        await tx.get('t.t', 1);
        await hang;
        late = tx.get('t.t', 2);
        await late;
      },
      { timeoutMs: 1_000 },
    );
    await assert.rejects(world.until(work), { code: 'TIMEOUT' });
    await world.settle();
    assert.equal(member.requestsOf('rollback').length, 1);
    goOn();
    await world.settle();
    await assert.rejects(late!, { code: 'TIMEOUT' });
    assert.equal(member.requestsOf('get').length, 1);
  });

  test('is given up by its signal: CANCELLED with the reason, and rolled back', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('get', () => 'hold');
    const client = await world.connect([member]);
    const controller = new AbortController();
    const work = client.transaction((tx) => tx.get('t.t', 1), { signal: controller.signal });
    await world.settle();
    const reason = new Error('the user left');
    controller.abort(reason);
    await assert.rejects(world.until(work), { code: 'CANCELLED', cause: reason });
    await world.settle();
    assert.equal(member.requestsOf('rollback').length, 1);
    await assert.rejects(
      client.transaction(() => 1, { signal: controller.signal }),
      { code: 'CANCELLED' },
    );
  });

  test('cannot be used when it has ended', async () => {
    const world = new SimulatedWorld();
    const client = await world.connect([world.member('a')]);
    let kept: { get(table: string, key: number): Promise<unknown> } | undefined;
    const work = client.transaction((tx) => {
      kept = tx;
      return tx.put('t.t', { id: 1 });
    });
    await world.until(work);
    await assert.rejects(kept!.get('t.t', 1), { code: 'NO_SUCH_TRANSACTION' });
  });

  test('whose begin is refused fails with what begin was refused with', async () => {
    const world = new SimulatedWorld();
    const refusal: Reply = { error: { code: 'INVALID_ARGUMENT', retry: 'no', argument: 'idempotencyKey' } };
    const unknown: Reply = { error: { code: 'NO_SUCH_TRANSACTION', retry: 'no' } };
    const member = world
      .member('a')
      .on('begin', () => refusal)
      .on('put', () => unknown);
    const client = await world.connect([member]);
    const work = client.transaction((tx) => tx.put('t.t', { id: 1 }), { idempotencyKey: 'k' });
    await assert.rejects(world.until(work), (error: ConcertError) => {
      assert.equal(error.code, 'TRANSACTION_ABORTED');
      assert.equal((error.facts.cause as { code: string }).code, 'INVALID_ARGUMENT');
      return true;
    });
    assert.equal(member.requestsOf('begin')[0]!.idempotencyKey, 'k');
  });
});

describe('a statement on its own', () => {
  test('that the member gave up on conflicts is asked again', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').replies('update', CONFLICT, CONFLICT);
    const client = await world.connect([member]);
    const changed = await world.until(client.update('t.t', 1, { n: 2 }));
    assert.equal(changed.matched, 1);
    assert.deepEqual(
      member.requestsOf('update').map((update) => update.atLeast),
      [undefined, 7, 7],
    );
  });

  test('with `attempts: 1` is executed once, by the member, too', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('update', () => CONFLICT);
    const client = await world.connect([member]);
    const work = client.update('t.t', 1, { n: 2 }, { attempts: 1 });
    await assert.rejects(world.until(work), { code: 'CERTIFICATION_CONFLICT' });
    assert.deepEqual(
      member.requests.map(({ op, attempts }) => [op, attempts]),
      [['update', 1]],
    );
  });

  test('waits as long as the member asks it to, and a jittered while more', async () => {
    const world = new SimulatedWorld();
    world.chance = 0.5;
    const member = world.member('a').replies('put', OVERLOADED, OVERLOADED, OVERLOADED);
    const client = await world.connect([member], { retryMs: 10, retryMsMax: 30 });
    await world.until(client.put('t.t', { id: 1 }));
    const times = member.timesOf('put');
    assert.deepEqual(
      times.slice(1).map((ms, at) => ms - times[at]!),
      [305, 310, 315],
    );
  });

  test('is asked again after a random share of a bound that doubles up to its maximum', async () => {
    const bounds: number[] = [];
    for (const chance of [0, 0.999_999]) {
      const world = new SimulatedWorld();
      world.chance = chance;
      const member = world.member('a').replies('put', ...Array<Reply>(6).fill(CONFLICT));
      const client = await world.connect([member], { retryMs: 10, retryMsMax: 100 });
      await world.until(client.put('t.t', { id: 1 }));
      const times = member.timesOf('put');
      const waits = times.slice(1).map((ms, at) => ms - times[at]!);
      if (chance === 0) assert.deepEqual(waits, [0, 0, 0, 0, 0, 0]);
      else bounds.push(...waits);
    }
    assert.deepEqual(bounds, [10, 20, 40, 80, 100, 100]);
  });

  test('that a member cannot serve is asked of another at once', async () => {
    const world = new SimulatedWorld();
    const a = world.member('a').on('put', () => NO_QUORUM);
    const b = world.member('b');
    const client = await world.connect([a, b], { prefer: 'first' });
    const startedMs = world.nowMs;
    await world.until(client.put('t.t', { id: 1 }));
    assert.equal(world.nowMs, startedMs);
    assert.equal(b.requestsOf('put').length, 1);
  });

  test('fails at once where the error says that it would fail again', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('insert', () => DUPLICATE);
    const client = await world.connect([member]);
    await assert.rejects(world.until(client.insert('t.t', { id: 1 })), {
      code: 'DUPLICATE_KEY',
      sqlState: 'HY000',
      retry: 'no',
      message: 'scripted DUPLICATE_KEY',
      facts: { table: 't.t' },
    });
    assert.equal(member.requestsOf('insert').length, 1);
  });

  test('is not asked again when its time was over, but elsewhere when only `atLeast` was not there in time', async () => {
    const world = new SimulatedWorld();
    const late: Reply = { error: { code: 'TIMEOUT', retry: 'transaction', waitedFor: 'transaction', ms: 5 } };
    const behind: Reply = { error: { code: 'TIMEOUT', retry: 'transaction', waitedFor: 'atLeast', ms: 5 } };
    const a = world.member('a').replies('put', late, behind);
    const b = world.member('b');
    const client = await world.connect([a, b], { prefer: 'first' });
    await assert.rejects(world.until(client.put('t.t', { id: 1 })), { code: 'TIMEOUT' });
    await world.until(client.put('t.t', { id: 1 }));
    assert.equal(b.requestsOf('put').length, 1);
  });

  test('that nobody answers is given up at its deadline, and the member is asked to cancel it', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('get', () => 'hold');
    const client = await world.connect([member]);
    await assert.rejects(world.until(client.get('t.t', 1, { timeoutMs: 500 })), { code: 'TIMEOUT' });
    await world.settle();
    assert.equal(member.requestsOf('get')[0]!.timeoutMs, 500);
    assert.equal(member.requestsOf('cancel')[0]!.target, member.requestsOf('get')[0]!.id);
  });

  test('leaves nothing behind when it is done: no timer, no listener', async () => {
    const world = new SimulatedWorld();
    const client = await world.connect([world.member('a').replies('put', CONFLICT).replies('commit', CONFLICT)]);
    const before = world.pending;
    const listeners = new Set<() => void>();
    const signal = {
      aborted: false,
      addEventListener: (_type: 'abort', listener: () => void) => listeners.add(listener),
      removeEventListener: (_type: 'abort', listener: () => void) => listeners.delete(listener),
    };
    await world.until(client.put('t.t', { id: 1 }, { timeoutMs: 60_000, signal }));
    await world.until(client.transaction((tx) => tx.put('t.t', { id: 1 }), { timeoutMs: 60_000, signal }));
    await world.settle();
    assert.equal(world.pending, before);
    assert.equal(listeners.size, 0);
  });

  test('may be answered a moment after its deadline by the member, which knows better what came of it', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('put', () => 'hold');
    const client = await world.connect([member]);
    const work = client.put('t.t', { id: 1 }, { timeoutMs: 500 });
    await world.advance(600);
    member.release(1, { error: { code: 'TIMEOUT', retry: 'transaction', waitedFor: 'row', ms: 500 } });
    await assert.rejects(world.until(work), { code: 'TIMEOUT', facts: { waitedFor: 'row', ms: 500 } });
  });
});
