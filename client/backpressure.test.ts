import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from './testing/simulated-world.ts';

describe('backpressure', () => {
  test('no more than outstandingMax requests are unanswered on a connection; the others wait and go in order', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('put', () => 'hold');
    const client = await world.connect([member], { outstandingMax: 4 });
    const all = Promise.all(Array.from({ length: 10 }, (_, id) => client.put('t.t', { id })));
    await world.settle();
    assert.equal(member.requests.length, 4);
    member.release(1);
    await world.settle();
    assert.equal(member.requests.length, 5);
    member.release();
    await world.settle();
    assert.equal(member.requests.length, 9);
    member.release();
    await world.settle();
    member.release();
    await world.until(all);
    assert.deepEqual(
      member.requests.map((request) => (request.row as { id: number }).id),
      Array.from({ length: 10 }, (_, id) => id),
    );
  });

  test('a member that takes fewer is sent fewer', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a', { limits: { pendingRequestsMax: 2 } }).on('put', () => 'hold');
    const client = await world.connect([member]);
    for (let id = 0; id < 5; id++) client.put('t.t', { id }).catch(() => {});
    await world.settle();
    assert.equal(member.requests.length, 2);
    await client.close({ timeoutMs: 0 });
  });

  test('beyond queuedMax requests are refused at once with OVERLOADED, and the others are not hurt', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('put', () => 'hold');
    const client = await world.connect([member], { outstandingMax: 2, queuedMax: 3 });
    const all = Promise.allSettled(Array.from({ length: 7 }, (_, id) => client.put('t.t', { id })));
    await world.settle();
    for (let i = 0; i < 5; i++) {
      member.release();
      await world.settle();
    }
    const outcomes = await world.until(all);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'done')),
      ['done', 'done', 'done', 'done', 'done', 'OVERLOADED', 'OVERLOADED'],
    );
    assert.equal(
      outcomes.filter((outcome) => outcome.status === 'rejected' && outcome.reason.retry !== 'no').length,
      0,
    );
  });

  test("those who gave up while they waited are in nobody's way", async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').replies('get', 'hold');
    const client = await world.connect([member], { outstandingMax: 1, silenceMsMax: 600_000 });
    const first = client.get('t.t', 1);
    await assert.rejects(world.until(client.get('t.t', 2, { timeoutMs: 100 })), { code: 'TIMEOUT' });
    member.release();
    await world.until(first);
    const startedMs = world.nowMs;
    await world.until(client.get('t.t', 3));
    assert.equal(world.nowMs, startedMs);
    assert.equal(member.requestsOf('get').length, 2);
  });

  test('those who waited for room at a member that serves go to another when it is lost', async () => {
    const world = new SimulatedWorld();
    const a = world.member('a').on('get', () => 'hold');
    const b = world.member('b', { state: 'RECOVERING' });
    const client = await world.connect([a, b], { outstandingMax: 1, silenceMsMax: 600_000 });
    const reads = [client.get('t.t', 1), client.get('t.t', 2)];
    await world.settle();
    assert.equal(b.requestsOf('get').length, 0);
    a.kill();
    await world.settle();
    await world.advance(100);
    assert.equal(b.requestsOf('get').length, 2);
    await world.until(Promise.all(reads));
  });

  test('a transaction may go on where requests on their own have to wait', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('get', () => 'hold');
    const client = await world.connect([member], { outstandingMax: 2, queuedMax: 3 });
    let goOn = () => {};
    const work = client.transaction(async (tx) => {
      await tx.put('t.t', { id: 1 });
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      await tx.put('t.t', { id: 2 });
    });
    await world.settle();
    const reads = [1, 2, 3, 4].map((id) => client.get('t.t', id));
    await world.settle();
    goOn();
    await world.settle();
    member.release(1);
    await world.settle();
    assert.equal(member.requestsOf('put').length, 2, 'it was in the line of its connection before the waiting reads');
    member.release();
    await world.settle();
    member.release();
    await world.until(Promise.all([work, ...reads]));
  });

  test('a transaction that asks more than queuedMax without awaiting is refused, and nothing of it is committed', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member], { outstandingMax: 2, queuedMax: 10 });
    const work = client.transaction((tx) => {
      for (let id = 0; id < 50; id++) void tx.put('t.t', { id });
    });
    await assert.rejects(world.until(work), { code: 'TRANSACTION_ABORTED', message: /OVERLOADED/ });
    await world.settle();
    assert.equal(member.requestsOf('commit').length, 0);
  });

  test('nothing more is sent while the network has not taken what was sent', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member], { bufferedBytesMax: 1_000 });
    member.link.bufferedBytes = 5_000;
    await world.until(client.get('t.t', 1));
    const waiting = client.get('t.t', 2);
    await world.advance(1_000);
    assert.equal(member.requestsOf('get').length, 1);
    member.link.bufferedBytes = 400;
    await world.until(waiting);
    assert.equal(member.requestsOf('get').length, 2);
  });

  test('a question for a sign of life makes no room for requests beyond outstandingMax', async () => {
    const world = new SimulatedWorld();
    const member = world
      .member('a')
      .on('get', () => 'hold')
      .on('ping', () => 'hold');
    const client = await world.connect([member], { outstandingMax: 2, silenceMsMax: 4_000 });
    let goOn = () => {};
    const work = client.transaction(async (tx) => {
      await tx.put('t.t', { id: 1 });
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      for (let id = 2; id < 6; id++) void tx.put('t.t', { id });
    });
    await world.settle();
    const reads = Promise.allSettled([client.get('t.t', 1), client.get('t.t', 2)]);
    while (member.requestsOf('ping').length === 0) await world.advance(500);
    goOn();
    await world.settle();
    assert.equal(member.requestsOf('put').length, 1, 'as many are unanswered as may be');
    member.release();
    await world.until(Promise.all([work, reads]));
    const ids = member.requestsOf('put').map((request) => (request.row as { id: number }).id);
    assert.deepEqual(ids, [1, 2, 3, 4, 5]);
  });
});
