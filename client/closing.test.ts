import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConcertError } from './concert-error.ts';
import { CONFLICT } from './testing/scripted-member.ts';
import { SimulatedWorld } from './testing/simulated-world.ts';

const codesOf = (...outcomes: readonly Promise<unknown>[]) =>
  Promise.all(
    outcomes.map((outcome) =>
      outcome.then(
        () => 'done',
        (error: ConcertError) => error.code,
      ),
    ),
  );

describe('close', () => {
  test('lets what is outstanding finish, and takes nothing new', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('put', () => 'hold');
    const client = await world.connect([member]);
    const write = client.put('t.t', { id: 1 });
    const work = client.transaction(async (tx) => {
      await tx.get('t.t', 1);
      await tx.update('t.t', 1, { n: 1 });
      return 'done';
    });
    await world.settle();
    const closed = client.close();
    await assert.rejects(client.get('t.t', 1), { code: 'CLOSED' });
    await assert.rejects(
      client.transaction(() => 1),
      { code: 'CLOSED' },
    );
    assert.throws(() => client.subscribe('views'), { code: 'CLOSED' });
    member.release();
    assert(((await world.until(write)).sequenceNumber ?? 0) > 0);
    assert.equal(await world.until(work), 'done');
    await world.until(closed);
    assert.equal(member.links.length, 0);
  });

  test('at its end rejects what is left: CLOSED, or UNKNOWN_OUTCOME where it may have been committed', async () => {
    const world = new SimulatedWorld();
    const member = world
      .member('a')
      .on('put', () => 'hold')
      .on('get', () => 'hold')
      .on('commit', () => 'hold');
    const client = await world.connect([member]);
    const outcomes = codesOf(
      client.put('t.t', { id: 1 }),
      client.get('t.t', 1),
      client.transaction((tx) => tx.update('t.t', 1, { n: 1 })),
      client.transaction((tx) => tx.get('t.t', 1)),
      client.transaction(() => new Promise(() => {})),
    );
    await world.settle();
    const startedMs = world.nowMs;
    await world.until(client.close({ timeoutMs: 1_000 }));
    assert.equal(world.nowMs - startedMs, 1_000);
    const expected = ['UNKNOWN_OUTCOME', 'CLOSED', 'UNKNOWN_OUTCOME', 'CLOSED', 'CLOSED'];
    assert.deepEqual(await world.until(outcomes), expected);
  });

  test('rejects with CLOSED what was never sent', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a').on('get', () => 'hold');
    const client = await world.connect([member], { outstandingMax: 1 });
    const outcomes = codesOf(
      client.get('t.t', 1),
      client.put('t.t', { id: 2 }),
      client.transaction((tx) => tx.put('t.t', { id: 1 })),
    );
    await world.settle();
    await world.until(client.close({ timeoutMs: 0 }));
    assert.deepEqual(await world.until(outcomes), ['CLOSED', 'CLOSED', 'CLOSED']);
    assert.equal(member.requests.length, 1);
  });

  test('ends what waits to be run again', async () => {
    const world = new SimulatedWorld();
    const member = world
      .member('a')
      .on('put', () => CONFLICT)
      .on('commit', () => CONFLICT);
    const client = await world.connect([member], { retryMs: 1_000, retryMsMax: 1_000, attempts: 1_000 });
    const write = client.put('t.t', { id: 1 });
    const work = client.transaction((tx) => tx.update('t.t', 1, { n: 1 }));
    write.catch(() => {});
    work.catch(() => {});
    await world.advance(300);
    await client.close({ timeoutMs: 0 });
    await assert.rejects(write, { code: 'CLOSED' });
    await assert.rejects(world.until(work), { code: 'CLOSED' });
    const count = member.requests.length;
    await world.advance(60_000);
    assert.equal(member.requests.length, count);
  });

  test('ends the clients bound to one member, too, and leaves nothing that runs', async () => {
    const world = new SimulatedWorld();
    const members = [world.member('a'), world.member('b')];
    const client = await world.connect(members);
    client.at('ws://b');
    await world.settle();
    await client.close();
    await world.settle();
    assert.deepEqual(
      members.map((member) => member.links.length),
      [0, 0],
    );
    const attempts = members.map((member) => member.attempts);
    await world.advance(60_000);
    assert.deepEqual(
      members.map((member) => member.attempts),
      attempts,
    );
    await client.close();
  });
});
