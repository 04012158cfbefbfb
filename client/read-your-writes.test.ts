import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from './testing/simulated-world.ts';

async function group(options = {}) {
  const world = new SimulatedWorld();
  const a = world.member('a');
  const b = world.member('b');
  b.log = a;
  a.sequenceNumber = 40;
  return { world, a, b, client: await world.connect([a, b], options) };
}

describe('what a client was acknowledged', () => {
  test('is visible to its next request at any member: reads, writes and transactions wait for it there', async () => {
    const { world, a, b, client } = await group();
    const [first, second] = [a, b];
    await world.until(client.put('t.t', { id: 1 }));
    const writer = first.requestsOf('put').length === 1 ? first : second;
    const other = writer === first ? second : first;
    await world.until(client.get('t.t', 1));
    assert.deepEqual(
      other.requests.map(({ op, atLeast }) => [op, atLeast]),
      [['get', 41]],
    );
    await world.until(client.get('t.t', 1));
    assert.equal(writer.requestsOf('get')[0]!.atLeast, undefined, 'it is there where it was written');
    await world.until(client.get('t.t', 1));
    assert.equal(other.requestsOf('get')[1]!.atLeast, undefined, 'and where it was seen already');
    await world.until(client.put('t.t', { id: 2 }));
    await world.until(client.transaction((tx) => tx.get('t.t', 2)));
    assert.equal(other.requestsOf('begin')[0]!.atLeast, 42);
    const { sequenceNumber } = await world.until(client.createTable({ table: 't.u', primaryKey: ['id'] }));
    await world.until(client.update('t.u', 1, { n: 1 }));
    assert.equal(other.requestsOf('update')[0]!.atLeast, sequenceNumber);
  });

  test('by the commit of a transaction counts, too', async () => {
    const { world, a, b, client } = await group();
    await world.until(client.transaction((tx) => tx.put('t.t', { id: 1 })));
    await world.until(client.get('t.t', 1));
    const gets = [...a.requestsOf('get'), ...b.requestsOf('get')];
    assert.deepEqual(
      gets.map((get) => get.atLeast),
      [41],
    );
  });

  test('is waited for together with what the caller asks for: the later of the two', async () => {
    const { world, a, b, client } = await group({ prefer: 'first' });
    await world.until(client.put('t.t', { id: 1 }));
    a.kill();
    await world.settle();
    await world.until(client.get('t.t', 1, { atLeast: 'g:7' }));
    await world.until(client.get('t.t', 1, { atLeast: 'g:99' }));
    await world.until(client.get('t.t', 1, { atLeast: 100 }));
    assert.deepEqual(
      b.requestsOf('get').map((get) => get.atLeast),
      [41, 'g:99', 100],
    );
  });

  test('is known to the clients bound to one member', async () => {
    const { world, a, b, client } = await group({ prefer: 'first' });
    await world.until(client.put('t.t', { id: 1 }));
    await world.until(client.at(b.url).get('t.t', 1));
    assert.equal(b.requestsOf('get')[0]!.atLeast, 41);
    assert.equal(a.requestsOf('get').length, 0);
  });

  test('is not waited for without readYourWrites, nor by reads of the past', async () => {
    const { world, a, b, client } = await group({ readYourWrites: false });
    for (let i = 0; i < 4; i++) await world.until(client.put('t.t', { id: i }));
    assert([...a.requests, ...b.requests].every((request) => request.atLeast === undefined));
    const past = await group({ prefer: 'first' });
    await past.world.until(past.client.put('t.t', { id: 1 }));
    past.a.kill();
    await past.world.settle();
    await past.world.until(past.client.get('t.t', 1, { asOf: 12 }));
    assert.equal(past.b.requestsOf('get')[0]!.atLeast, undefined);
    assert.equal(past.b.requestsOf('get')[0]!.asOf, 12);
  });
});
