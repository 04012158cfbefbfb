import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from './testing/simulated-world.ts';

describe('a cursor', () => {
  test('goes back to the connection that gave it', async () => {
    const world = new SimulatedWorld();
    const members = [world.member('a'), world.member('b')];
    for (const member of members) {
      member.on('scan', (request) =>
        request.cursor === 'last'
          ? { result: { rows: [{ id: 3 }] } }
          : { result: { rows: [{ id: 1 }, { id: 2 }], cursor: request.cursor === undefined ? 'next' : 'last' } },
      );
    }
    const client = await world.connect(members);
    const ids: number[] = [];
    const all = (async () => {
      for await (const { id } of client.rows<{ id: number }>('t.t', { gte: 1, pageSize: 2 })) ids.push(id);
    })();
    await world.until(all);
    assert.deepEqual(ids, [1, 2, 1, 2, 3]);
    const scans = members.map((member) =>
      member.requestsOf('scan').map(({ cursor, limit, gte }) => [cursor, limit, gte]),
    );
    assert.deepEqual(
      scans.sort((x, y) => x.length - y.length),
      [
        [],
        [
          [undefined, 2, 1],
          ['next', 2, undefined],
          ['last', 2, undefined],
        ],
      ],
    );
  });

  test('is gone with its connection, and is not looked for elsewhere', async () => {
    const world = new SimulatedWorld();
    const members = [world.member('a'), world.member('b')];
    members[0]!.on('scan', () => ({ result: { rows: [], cursor: 'x' } }));
    const client = await world.connect(members, { prefer: 'first' });
    const { cursor } = await world.until(client.scan('t.t', { limit: 1 }));
    members[0]!.on('scan', () => 'cut');
    await assert.rejects(world.until(client.scan('t.t', { cursor: cursor! })), { code: 'SNAPSHOT_TOO_OLD' });
    await assert.rejects(world.until(client.scan('t.t', { cursor: cursor! })), { code: 'SNAPSHOT_TOO_OLD' });
    await assert.rejects(client.scan('t.t', { cursor: 'x' }), { code: 'INVALID_ARGUMENT' });
    assert.equal(members[1]!.requestsOf('scan').length, 0);
  });
});

describe('request', () => {
  test('asks any operation with its arguments, by the same rules', async () => {
    const world = new SimulatedWorld();
    const [a, b] = [world.member('a'), world.member('b')];
    a.on('variables', () => 'cut').on('setVariable', () => 'cut');
    const client = await world.connect([a, b], { prefer: 'first' });
    b.on('variables', () => ({ result: [{ name: 'x' }] }));
    assert.deepEqual(await world.until(client.request('variables')), [{ name: 'x' }]);
    await world.advance(1_000);
    const write = client.request('setVariable', { name: 'x', value: 1 });
    await assert.rejects(world.until(write), { code: 'UNKNOWN_OUTCOME' });
    assert.deepEqual([a.requestsOf('setVariable')[0]!.value, b.requestsOf('setVariable').length], [1, 0]);
  });

  test('with a transaction of its own naming goes where that was begun, in order, and is never repeated', async () => {
    const world = new SimulatedWorld();
    const [a, b] = [world.member('a'), world.member('b')];
    const client = await world.connect([a, b]);
    const answers = Promise.all([
      client.request('begin', { tx: 'mine', readOnly: false }),
      client.request('put', { tx: 'mine', table: 't.t', row: { id: 1 } }),
      client.request('commit', { tx: 'mine' }),
    ]);
    const [begun, , commit] = await world.until(answers);
    assert.deepEqual(begun, { tx: 'mine' });
    assert.equal((commit as { sequenceNumber: number }).sequenceNumber, 1);
    const used = [a, b].filter((member) => member.requests.length > 0);
    assert.equal(used.length, 1);
    assert.deepEqual(
      used[0]!.requests.map(({ op, tx }) => [op, tx]),
      [
        ['begin', 'mine'],
        ['put', 'mine'],
        ['commit', 'mine'],
      ],
    );
    await assert.rejects(client.request('get', { tx: 'mine', table: 't.t', key: 1 }), { code: 'NO_SUCH_TRANSACTION' });
    await assert.rejects(client.request('begin', { tx: '#1' }), { code: 'INVALID_ARGUMENT' });
  });

  test('of a transaction of its own naming fails when the connection is lost, and the name is free again', async () => {
    const world = new SimulatedWorld();
    const [a, b] = [world.member('a'), world.member('b')];
    const client = await world.connect([a, b], { prefer: 'first' });
    await world.until(client.request('begin', { tx: 'mine' }));
    await assert.rejects(client.request('begin', { tx: 'mine' }), { code: 'INVALID_ARGUMENT' });
    a.on('get', () => 'cut');
    const read = client.request('get', { tx: 'mine', table: 't.t', key: 1 });
    await assert.rejects(world.until(read), { code: 'CONNECTION_LOST' });
    await world.until(client.request('begin', { tx: 'mine' }));
    assert.equal(b.requestsOf('begin').length, 1);
    assert.deepEqual(await world.until(client.request('rollback', { tx: 'mine' })), {});
    await world.settle();
    assert.equal(b.requestsOf('rollback').length, 1);
  });

  test('of a transaction of its own naming that cannot be sent dooms the transaction: a commit behind it commits nothing', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member]);
    const outcomes = Promise.allSettled([
      client.request('begin', { tx: 'mine' }),
      client.request('put', { tx: 'mine', table: 't.t', row: { id: 1 } }),
      client.request('put', { tx: 'mine', table: 't.t', row: { id: Number.NaN } }),
      client.request('commit', { tx: 'mine' }),
    ]);
    const codes = (await world.until(outcomes)).map((outcome) =>
      outcome.status === 'rejected' ? outcome.reason.code : 'done',
    );
    assert.deepEqual(codes.slice(2), ['INVALID_ARGUMENT', 'TRANSACTION_ABORTED']);
    await world.settle();
    assert.equal(member.requestsOf('commit').length, 0);
  });

  test('takes the arguments of `begin` as they are', async () => {
    const world = new SimulatedWorld();
    const [a, b] = [world.member('a'), world.member('b')];
    const client = await world.connect([a, b], { prefer: 'first' });
    await world.until(client.request('get', { table: 't.t', key: 1, atLeast: 5, timeoutMs: 300 }));
    assert.deepEqual([a.requests[0]!.atLeast, a.requests[0]!.timeoutMs], [5, 300]);
    a.on('put', () => 'cut');
    await world.until(client.request('put', { table: 't.t', row: { id: 1 }, idempotencyKey: 'k' }));
    assert.equal(b.requestsOf('put')[0]!.idempotencyKey, 'k', 'asked again: it has a key');
  });

  test('refuses what belongs to the client itself, and says what to use', async () => {
    const world = new SimulatedWorld();
    const client = await world.connect([world.member('a')]);
    for (const op of ['subscribe', 'unsubscribe', 'cancel']) {
      await assert.rejects(client.request(op, {}), { code: 'INVALID_ARGUMENT', message: /use / });
    }
  });
});
