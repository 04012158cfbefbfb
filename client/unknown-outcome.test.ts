import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConcertError } from './concert-error.ts';
import { type Reply, UNKNOWN } from './testing/scripted-member.ts';
import { SimulatedWorld } from './testing/simulated-world.ts';
import type { Client } from './types.ts';

const NO_SUCH_OPERATION: Reply = { error: { code: 'UNKNOWN_OPERATION', retry: 'no', op: 'outcome' } };
const CONFLICT: Reply = { error: { code: 'CERTIFICATION_CONFLICT', retry: 'transaction' } };
const DUPLICATE: Reply = { error: { code: 'DUPLICATE_KEY', retry: 'no' } };
const replayed = (sequenceNumber: number): Reply => ({
  result: { gtid: `g:${sequenceNumber}`, sequenceNumber, commitTime: '', snapshotVersion: 0, replayed: true },
});

function twoMembers(world: SimulatedWorld) {
  const a = world.member('a');
  const b = world.member('b');
  b.log = a;
  return { a, b };
}

describe('without an idempotency key', () => {
  test('a transaction whose connection is lost while it commits is never run again: UNKNOWN_OUTCOME', async () => {
    const world = new SimulatedWorld();
    const { a, b } = twoMembers(world);
    a.on('commit', () => 'cut');
    const client = await world.connect([a, b], { prefer: 'first' });
    let runs = 0;
    const work = client.transaction(async (tx) => {
      runs++;
      await tx.put('t.t', { id: 1 });
    });
    await assert.rejects(world.until(work), { code: 'UNKNOWN_OUTCOME', retry: 'withKey', sqlState: '08007' });
    await world.advance(20_000);
    assert.equal(runs, 1);
    assert.equal(b.requestsOf('put').length, 0);
  });

  test('a transaction that the member answers UNKNOWN_OUTCOME is never run again', async () => {
    const world = new SimulatedWorld();
    const { a, b } = twoMembers(world);
    a.on('commit', () => UNKNOWN);
    const client = await world.connect([a, b], { prefer: 'first' });
    const work = client.transaction((tx) => tx.put('t.t', { id: 1 }));
    await assert.rejects(world.until(work), { code: 'UNKNOWN_OUTCOME' });
    assert.equal(a.requestsOf('begin').length + b.requestsOf('begin').length, 1);
  });

  test('a commit that is not answered by the deadline has an unknown outcome, and is not run again', async () => {
    const world = new SimulatedWorld();
    const { a, b } = twoMembers(world);
    a.on('commit', () => 'hold');
    const client = await world.connect([a, b], { prefer: 'first' });
    const work = client.transaction((tx) => tx.put('t.t', { id: 1 }), { timeoutMs: 1_000 });
    await assert.rejects(world.until(work), (error: ConcertError) => {
      assert.equal(error.code, 'UNKNOWN_OUTCOME');
      assert.equal((error.cause as ConcertError).code, 'TIMEOUT');
      return true;
    });
    await world.settle();
    assert.equal(a.requestsOf('rollback').length, 0);
    assert.equal(b.requests.length, 0);
  });

  test('a commit that is answered TIMEOUT is not run again', async () => {
    const world = new SimulatedWorld();
    const { a, b } = twoMembers(world);
    a.on('commit', () => ({ error: { code: 'TIMEOUT', retry: 'transaction', waitedFor: 'transaction', ms: 9 } }));
    const client = await world.connect([a, b], { prefer: 'first' });
    const work = client.transaction((tx) => tx.put('t.t', { id: 1 }));
    await assert.rejects(world.until(work), { code: 'TIMEOUT' });
    assert.equal(a.requestsOf('begin').length + b.requestsOf('begin').length, 1);
  });

  test('a commit whose signal is aborted has an unknown outcome', async () => {
    const world = new SimulatedWorld();
    const { a } = twoMembers(world);
    a.on('commit', () => 'hold');
    const client = await world.connect([a]);
    const controller = new AbortController();
    const work = client.transaction((tx) => tx.put('t.t', { id: 1 }), { signal: controller.signal });
    await world.settle();
    controller.abort();
    await assert.rejects(world.until(work), { code: 'UNKNOWN_OUTCOME' });
  });

  test('a write, a transact and a schema change that were sent and lost are not asked again', async () => {
    for (const [op, ask] of [
      ['put', (client: Client) => client.put('t.t', { id: 1 })],
      ['update', (client: Client) => client.update('t.t', 1, { n: 1 })],
      ['transact', (client: Client) => client.transact([{ op: 'put', table: 't.t', row: { id: 1 } }])],
      ['createTable', (client: Client) => client.createTable({ table: 't.t', primaryKey: ['id'] })],
    ] as const) {
      const world = new SimulatedWorld();
      const { a, b } = twoMembers(world);
      a.on(op, () => 'cut');
      const client = await world.connect([a, b], { prefer: 'first' });
      await assert.rejects(world.until(ask(client)), { code: 'UNKNOWN_OUTCOME' }, op);
      await world.advance(20_000);
      assert.equal(a.requestsOf(op).length + b.requestsOf(op).length, 1, op);
    }
  });

  test('a commit that was lost before it was sent is no unknown outcome: the transaction is run again elsewhere', async () => {
    const world = new SimulatedWorld();
    const { a, b } = twoMembers(world);
    a.on('put', () => 'hold');
    const client = await world.connect([a, b], { prefer: 'first', outstandingMax: 1 });
    const work = client.transaction((tx) => {
      void tx.put('t.t', { id: 1 });
      void tx.get('t.t', 1);
    });
    await world.settle();
    a.kill();
    await world.until(work);
    assert.deepEqual(
      a.requests.map(({ op }) => op),
      ['begin', 'put'],
    );
    assert.equal(b.requestsOf('commit').length, 1);
  });

  test('a read that was sent and lost is asked of another member', async () => {
    const world = new SimulatedWorld();
    const { a, b } = twoMembers(world);
    a.on('get', () => 'cut');
    const client = await world.connect([a, b], { prefer: 'first' });
    assert.equal(await world.until(client.get('t.t', 1)), null);
    assert.equal(b.requestsOf('get').length, 1);
  });

  test('a transaction that is lost before its commit was sent is run again elsewhere, and so is one that only read', async () => {
    const world = new SimulatedWorld();
    const { a, b } = twoMembers(world);
    a.replies('put', 'cut').replies('commit', 'cut');
    const client = await world.connect([a, b], { prefer: 'first' });
    await world.until(client.transaction((tx) => tx.put('t.t', { id: 1 })));
    assert.equal(b.requestsOf('commit').length, 1);
    await world.advance(1_000);
    await world.until(client.transaction((tx) => tx.get('t.t', 1)));
    assert.equal(a.requestsOf('commit').length, 1);
    assert.equal(b.requestsOf('commit').length, 2);
  });
});

describe('with an idempotency key', () => {
  const idempotencyKey = 'order-17';

  test('a write that was lost is asked again with the same key, and gets the first outcome', async () => {
    const world = new SimulatedWorld();
    const { a, b } = twoMembers(world);
    a.on('put', () => 'cut');
    b.on('put', () => replayed(4));
    const client = await world.connect([a, b], { prefer: 'first' });
    const commit = await world.until(client.put('t.t', { id: 1 }, { idempotencyKey }));
    assert.equal(commit.replayed, true);
    assert.equal(commit.sequenceNumber, 4);
    assert.deepEqual(
      [...a.requestsOf('put'), ...b.requestsOf('put')].map((put) => put.idempotencyKey),
      [idempotencyKey, idempotencyKey],
    );
  });

  test('a write that stays unknown is given as such once the attempts are used up', async () => {
    const world = new SimulatedWorld();
    const { a } = twoMembers(world);
    a.on('put', () => UNKNOWN);
    const client = await world.connect([a]);
    const work = client.put('t.t', { id: 1 }, { idempotencyKey, attempts: 3 });
    await assert.rejects(world.until(work), { code: 'UNKNOWN_OUTCOME' });
    assert.equal(a.requestsOf('put').length, 3);
  });

  test('a write that every member leaves unknown is not asked again and again without a wait', async () => {
    const world = new SimulatedWorld();
    const { a, b } = twoMembers(world);
    a.on('put', () => UNKNOWN);
    b.on('put', () => UNKNOWN);
    const client = await world.connect([a, b], { retryMs: 100 });
    const work = client.put('t.t', { id: 1 }, { idempotencyKey, attempts: 5 });
    await assert.rejects(world.until(work), { code: 'UNKNOWN_OUTCOME' });
    const times = [...a.timesOf('put'), ...b.timesOf('put')].sort((x, y) => x - y);
    // At each member once; then half of 400 ms, and half of 800 ms.
    assert.deepEqual(times, [0, 0, 0, 200, 600]);
  });

  test('what was unknown once stays unknown, whatever a later run fails with', async () => {
    const world = new SimulatedWorld();
    const { a } = twoMembers(world);
    a.replies('insert', UNKNOWN, DUPLICATE);
    const client = await world.connect([a]);
    await assert.rejects(world.until(client.insert('t.t', { id: 1 }, { idempotencyKey })), (error: ConcertError) => {
      assert.equal(error.code, 'UNKNOWN_OUTCOME');
      assert.equal(error.facts.idempotencyKey, idempotencyKey);
      assert.equal((error.cause as ConcertError).code, 'DUPLICATE_KEY');
      return true;
    });
    a.replies('commit', UNKNOWN).replies('outcome', NO_SUCH_OPERATION).replies('insert', { result: {} }, DUPLICATE);
    const work = client.transaction((tx) => tx.insert('t.t', { id: 1 }), { idempotencyKey });
    await assert.rejects(world.until(work), { code: 'UNKNOWN_OUTCOME' });
  });

  test('what was unknown stays so where `onRetry` throws, and its error is the cause', async () => {
    const world = new SimulatedWorld();
    const { a } = twoMembers(world);
    a.replies('put', UNKNOWN).replies('commit', UNKNOWN);
    const client = await world.connect([a]);
    const thrown = new Error('no more');
    const onRetry = () => {
      throw thrown;
    };
    const unknown = { code: 'UNKNOWN_OUTCOME', facts: { idempotencyKey }, cause: thrown };
    await assert.rejects(world.until(client.put('t.t', { id: 1 }, { idempotencyKey, onRetry })), unknown);
    const work = client.transaction((tx) => tx.delete('t.t', 1), { idempotencyKey, onRetry });
    await assert.rejects(world.until(work), unknown);
    a.replies('put', CONFLICT);
    await assert.rejects(world.until(client.put('t.t', { id: 1 }, { onRetry })), thrown);
  });

  test('a transaction that had committed is not run again: its value and its commit are given', async () => {
    const world = new SimulatedWorld();
    const { a, b } = twoMembers(world);
    a.on('commit', () => 'cut');
    b.on('outcome', () => replayed(4));
    const client = await world.connect([a, b], { prefer: 'first' });
    const commits: (number | null)[] = [];
    let runs = 0;
    const work = client.transaction(
      async (tx) => {
        await tx.put('t.t', { id: 1 });
        return `run ${++runs}`;
      },
      { idempotencyKey, onCommit: (commit) => commits.push(commit.sequenceNumber) },
    );
    assert.equal(await world.until(work), 'run 1');
    assert.deepEqual(commits, [4]);
    assert.equal(b.requestsOf('begin').length, 0);
    assert.equal(b.requestsOf('outcome')[0]!.idempotencyKey, idempotencyKey);
  });

  test('a transaction of which nothing is known is run again with the same key; if the first run counts, so does its value', async () => {
    for (const [answer, value] of [
      [replayed(4), 'run 1'],
      [{ result: { gtid: 'g:9', sequenceNumber: 9, commitTime: '', snapshotVersion: 0 } }, 'run 2'],
    ] as const) {
      const world = new SimulatedWorld();
      const { a, b } = twoMembers(world);
      a.on('commit', () => 'cut');
      b.on('outcome', () => ({ result: { state: 'unknown' } })).on('commit', () => answer);
      const client = await world.connect([a, b], { prefer: 'first' });
      let runs = 0;
      const work = client.transaction(
        async (tx) => {
          await tx.put('t.t', { id: 1 });
          return `run ${++runs}`;
        },
        { idempotencyKey },
      );
      assert.equal(await world.until(work), value);
      assert.equal(b.requestsOf('begin')[0]!.idempotencyKey, idempotencyKey);
      assert.equal(runs, 2);
    }
  });

  test('where one of several unknown runs has committed, their value is given if it is one, and else none', async () => {
    const unknown = { result: { state: 'unknown' } };
    for (const isAsked of [true, false]) {
      for (const giveOne of [true, false]) {
        const world = new SimulatedWorld();
        const { a } = twoMembers(world);
        a.replies('commit', UNKNOWN, UNKNOWN, replayed(4));
        a.replies('outcome', unknown, isAsked ? replayed(4) : unknown);
        const client = await world.connect([a]);
        const commits: (number | null)[] = [];
        let runs = 0;
        const work = client.transaction(
          async (tx) => {
            await tx.put('t.t', { id: 1 });
            runs++;
            return giveOne ? 'done' : `run ${runs}`;
          },
          { idempotencyKey, onCommit: (commit) => commits.push(commit.sequenceNumber) },
        );
        if (giveOne) assert.equal(await world.until(work), 'done');
        else {
          const facts = { gtid: 'g:4', sequenceNumber: 4, idempotencyKey };
          await assert.rejects(world.until(work), { code: 'UNKNOWN_OUTCOME', facts });
        }
        assert.deepEqual([runs, commits], [isAsked ? 2 : 3, [4]]);
      }
    }
  });

  test('a conflict before an unknown outcome is still a conflict: run again', async () => {
    const world = new SimulatedWorld();
    const { a } = twoMembers(world);
    a.replies('commit', CONFLICT);
    const client = await world.connect([a]);
    await world.until(client.transaction((tx) => tx.put('t.t', { id: 1 }), { idempotencyKey }));
    assert.equal(a.requestsOf('commit').length, 2);
    assert.equal(a.requestsOf('outcome').length, 0);
  });
});
