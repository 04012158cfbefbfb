import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConcertError } from './concert-error.ts';
import { SimulatedWorld } from './testing/simulated-world.ts';

const ops = (frame: readonly { readonly op: string }[]) => frame.map((request) => request.op);

const isAbortedBy = (code: string) => (error: ConcertError) => {
  assert.equal(error.code, 'TRANSACTION_ABORTED');
  assert.equal((error.cause as ConcertError).code, code);
  return true;
};

describe('packing', () => {
  test('the requests of one turn leave in one frame', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member]);
    await world.until(Promise.all([1, 2, 3, 4, 5].map((id) => client.put('t.t', { id }))));
    assert.deepEqual(member.frames.map(ops), [['put', 'put', 'put', 'put', 'put']]);
  });

  test('callers who go on when their answers come in one frame leave in one frame again', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member]);
    const caller = async (id: number) => {
      for (let i = 0; i < 3; i++) await client.put('t.t', { id });
    };
    await world.until(Promise.all([1, 2, 3, 4].map(caller)));
    assert.deepEqual(
      member.frames.map((frame) => frame.length),
      [4, 4, 4],
    );
  });

  test('concurrent transactions are packed, too', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member]);
    const transfer = (id: number) =>
      client.transaction(async (tx) => {
        await tx.get('t.t', id);
        await tx.put('t.t', { id });
      });
    await world.until(Promise.all([1, 2, 3].map(transfer)));
    assert.deepEqual(member.frames.map(ops), [
      ['begin', 'get', 'begin', 'get', 'begin', 'get'],
      ['put', 'put', 'put'],
      ['commit', 'commit', 'commit'],
    ]);
  });

  test('begin leaves with the first statement, and the commit is one more frame', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member]);
    await world.until(client.transaction((tx) => tx.put('t.t', { id: 1 })));
    assert.deepEqual(member.frames.map(ops), [['begin', 'put'], ['commit']]);
  });

  test('a transaction that awaits nothing is one frame', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member]);
    const plain = client.transaction((tx) => {
      void tx.put('t.t', { id: 1 });
      void tx.update('t.t', 2, { n: 1 });
    });
    await world.until(plain);
    const asynchronous = client.transaction(async (tx) => {
      void tx.put('t.t', { id: 1 });
    });
    await world.until(asynchronous);
    assert.deepEqual(member.frames.map(ops), [
      ['begin', 'put', 'update', 'commit'],
      ['begin', 'put', 'commit'],
    ]);
  });

  test('a transaction that asks nothing sends nothing', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member]);
    const commits: unknown[] = [];
    const value = await world.until(client.transaction(() => 7, { onCommit: (commit) => commits.push(commit) }));
    assert.equal(value, 7);
    assert.deepEqual(commits, []);
    assert.deepEqual(member.frames, []);
  });

  test('a function that is told of the commit and throws does not make it a failure', async () => {
    const world = new SimulatedWorld();
    const client = await world.connect([world.member('a')]);
    const reported: unknown[] = [];
    Object.assign(globalThis, { reportError: (thrown: unknown) => reported.push(thrown) });
    const onCommit = (): never => {
      throw new Error('of the caller');
    };
    try {
      const run = async (tx: { put(table: string, row: object): unknown }) => {
        void tx.put('t.t', { id: 1 });
        return 7;
      };
      assert.equal(await world.until(client.transaction(run, { onCommit })), 7);
      assert.deepEqual(reported, [new Error('of the caller')]);
    } finally {
      Reflect.deleteProperty(globalThis, 'reportError');
    }
  });

  test('what does not fit one frame goes in several, in order and none longer than the member takes', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a', { limits: { frameBytesMax: 1000 } });
    const client = await world.connect([member]);
    const ids = Array.from({ length: 40 }, (_, id) => id);
    await world.until(Promise.all(ids.map((id) => client.put('t.t', { id, text: 'ä'.repeat(40) }))));
    assert.deepEqual(
      member.requests.map((request) => (request.row as { id: number }).id),
      ids,
    );
    assert(member.frames.length > 4);
    for (const frame of member.frames) {
      const bytes = Buffer.byteLength(JSON.stringify(frame.length === 1 ? frame[0] : frame));
      assert(bytes <= 1000, `${bytes} bytes`);
    }
  });

  test('a request that no frame can hold is refused before it is sent, and the others of its turn are not', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a', { limits: { frameBytesMax: 1000 } });
    const client = await world.connect([member]);
    const [small, large, other] = await world.until(
      Promise.allSettled([
        client.put('t.t', { id: 1 }),
        client.put('t.t', { id: 2, text: 'x'.repeat(1000) }),
        client.put('t.t', { id: 3 }),
      ]),
    );
    assert.equal(small.status, 'fulfilled');
    assert.equal(other.status, 'fulfilled');
    assert(large.status === 'rejected' && large.reason instanceof ConcertError);
    assert.equal(large.reason.code, 'REQUEST_TOO_LARGE');
    assert.equal(large.reason.facts.bytesMax, 1000);
    assert((large.reason.facts.bytes as number) > 1000);
    assert.deepEqual(
      member.requests.map((request) => (request.row as { id: number }).id),
      [1, 3],
    );
  });

  test('a statement that no frame can hold takes its transaction with it: nothing behind it is sent, the commit neither', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a', { limits: { frameBytesMax: 1000 } });
    const client = await world.connect([member]);
    const work = client.transaction((tx) => {
      void tx.put('t.t', { id: 1 });
      void tx.put('t.t', { id: 2, text: 'x'.repeat(1000) });
      void tx.put('t.t', { id: 3 });
    });
    await assert.rejects(world.until(work), isAbortedBy('REQUEST_TOO_LARGE'));
    await world.settle();
    assert.deepEqual(ops(member.requests), ['begin', 'put', 'rollback']);
  });

  test('a value that cannot be sent is refused by its place, and dooms a transaction', async () => {
    const world = new SimulatedWorld();
    const member = world.member('a');
    const client = await world.connect([member]);
    const refused = (row: object, argument: string) =>
      assert.rejects(world.until(client.put('t.t', row)), (error: ConcertError) => {
        assert.equal(error.code, 'INVALID_ARGUMENT');
        assert.equal(error.facts.argument, argument);
        return true;
      });
    await refused({ id: 1, at: new Date(0) }, 'row.at');
    await refused({ id: 1, n: Number.NaN }, 'row.n');
    await refused({ id: 1, list: [1, { f: () => {} }] }, 'row.list[1].f');
    await refused({ id: 1, text: 'a\ud800' }, 'row.text');
    await refused({ id: 2n ** 63n }, 'row.id');
    assert.deepEqual(member.frames, []);
    const work = client.transaction((tx) => {
      void tx.put('t.t', { id: 1 });
      void tx.put('t.t', { id: 2, n: Number.NaN });
    });
    await assert.rejects(world.until(work), isAbortedBy('INVALID_ARGUMENT'));
    assert.equal(member.requestsOf('commit').length, 0);
  });
});
