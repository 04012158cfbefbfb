import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConcertError } from './concert-error.ts';
import { connectIn } from './core/connect.ts';
import { NO_QUORUM, type Reply } from './testing/scripted-member.ts';
import { SimulatedWorld } from './testing/simulated-world.ts';

function members(world: SimulatedWorld, ...names: string[]) {
  const all = names.map((name) => world.member(name));
  for (const member of all) member.log = all[0]!;
  return all as [ReturnType<SimulatedWorld['member']>, ...ReturnType<SimulatedWorld['member']>[]];
}

describe('connecting', () => {
  test('resolves when a first member that serves has answered', async () => {
    const world = new SimulatedWorld();
    const [a, b] = members(world, 'a', 'b');
    a.reach = 'silent';
    const client = await world.connect([a, b!]);
    assert.equal(world.nowMs, 0);
    await world.until(client.put('t.t', { id: 1 }));
    assert.equal(b!.requestsOf('put').length, 1);
  });

  test('fails after connectTimeoutMs if no member can be reached, and says what is wrong with each', async () => {
    const world = new SimulatedWorld();
    const [a, b, c] = members(world, 'a', 'b', 'c');
    a.reach = 'refuses';
    b!.reach = 'silent';
    const old = world.member('old', { protocolVersion: 2 });
    const urls = [a, b!, old].map((member) => member.url);
    const attempt = connectIn(world.environment, urls, { connectTimeoutMs: 3_000 });
    await assert.rejects(world.until(attempt), (error: ConcertError) => {
      assert.equal(error.code, 'CONNECTION_FAILED');
      assert.match(error.message, /ws:\/\/a\/v1: connection refused/);
      assert.match(error.message, /ws:\/\/b\/v1: no (answer|welcome)/);
      assert.match(error.message, /ws:\/\/old\/v1: it speaks version 2 of the protocol, not 1/);
      return true;
    });
    assert.equal(world.nowMs, 3_000);
    const attempts = a.attempts;
    await world.advance(60_000);
    assert.equal(a.attempts, attempts, 'nobody tries on');
    assert.equal(c!.attempts, 0);
  });

  test('waits for members that are starting', async () => {
    const world = new SimulatedWorld();
    const [a] = members(world, 'a');
    a.reach = 'refuses';
    const attempt = connectIn(world.environment, a.url, {});
    await world.advance(2_000);
    a.reach = 'open';
    await (await world.until(attempt)).close();
    assert(world.nowMs < 10_000);
  });

  test('takes addresses as a list or one text, adds the path, and refuses what is none', async () => {
    const world = new SimulatedWorld();
    const [a, b] = members(world, 'a', 'b');
    const client = await world.until(connectIn(world.environment, 'ws://a, ws://b/,ws://a/v1', {}));
    assert.deepEqual(client.urls, [a.url, b!.url]);
    for (const urls of ['', 'http://a', 'a:1', [], ['ws://a b']] as const) {
      await assert.rejects(connectIn(world.environment, urls, {}), { code: 'INVALID_ARGUMENT' }, String(urls));
    }
  });

  test('refuses an option that there is not, and a value that cannot be', async () => {
    const world = new SimulatedWorld();
    for (const options of [
      { atempts: 1 },
      { attempts: 0 },
      { prefer: 'last' },
      { retryMs: 1.5 },
      { readYourWrites: 1 },
    ]) {
      const [name] = Object.keys(options);
      await assert.rejects(connectIn(world.environment, 'ws://a', options as object), (error: ConcertError) => {
        assert.equal(error.code, 'INVALID_ARGUMENT');
        assert.equal(error.facts.argument, name);
        return true;
      });
    }
  });
});

describe('requests', () => {
  test('are spread over the members, to the one with the least outstanding, in turn where that is equal', async () => {
    const world = new SimulatedWorld();
    const all = members(world, 'a', 'b', 'c');
    const client = await world.connect(all);
    for (let i = 0; i < 6; i++) await world.until(client.get('t.t', i));
    assert.deepEqual(
      all.map((member) => member.requestsOf('get').length),
      [2, 2, 2],
    );
    all[1]!.on('get', () => 'hold');
    for (let i = 0; i < 3; i++) await Promise.race([world.settle(), client.get('t.t', i)]);
    for (let i = 0; i < 6; i++) await world.until(client.get('t.t', i));
    assert.equal(all[1]!.requestsOf('get').length, 3);
  });

  test('of one transaction stay on one connection', async () => {
    const world = new SimulatedWorld();
    const all = members(world, 'a', 'b', 'c');
    const client = await world.connect(all, { connectionsPerMember: 2 });
    const work = (id: number) =>
      client.transaction(async (tx) => {
        for (let i = 0; i < 5; i++) await tx.put('t.t', { id: 10 * id + i });
      });
    await world.until(Promise.all([1, 2, 3, 4, 5, 6].map(work)));
    for (const member of all) {
      assert.equal(member.requestsOf('put').length, 5 * member.requestsOf('begin').length);
      assert.equal(member.requestsOf('commit').length, 2);
    }
  });

  test('go to the first in the list while it serves, if that is preferred, and come back to it', async () => {
    const world = new SimulatedWorld();
    const [a, b] = members(world, 'a', 'b');
    const client = await world.connect([a, b!], { prefer: 'first' });
    const put = () => world.until(client.put('t.t', { id: 1 }));
    await put();
    await put();
    assert.equal(a.requestsOf('put').length, 2);
    a.kill();
    await world.settle();
    await put();
    assert.equal(b!.requestsOf('put').length, 1);
    a.reach = 'open';
    await world.advance(1_000);
    await put();
    assert.equal(a.requestsOf('put').length, 3);
  });

  test('go to a member that is not ONLINE last, and to it again once it says that it is', async () => {
    const world = new SimulatedWorld();
    const [a, b] = members(world, 'a', 'b');
    a.state = 'RECOVERING';
    const client = await world.connect([a, b!], { prefer: 'first' });
    await world.until(client.get('t.t', 1));
    assert.equal(a.requestsOf('get').length, 0);
    assert.equal(client.status()[0]!.state, 'RECOVERING');
    a.state = 'ONLINE';
    await world.advance(1_000);
    await world.until(client.get('t.t', 1));
    assert.equal(a.requestsOf('get').length, 1);
  });

  test('go to a member that is not ONLINE where there is no other', async () => {
    const world = new SimulatedWorld();
    const [a] = members(world, 'a');
    a.state = 'RECOVERING';
    const client = await world.connect([a]);
    await world.until(client.members());
    assert.equal(a.requestsOf('members').length, 1);
  });

  test('are not sent to a member that has just refused to serve; it is asked now and then whether it is back, ever more seldom', async () => {
    const world = new SimulatedWorld();
    const [a, b] = members(world, 'a', 'b');
    const client = await world.connect([a, b!], { prefer: 'first' });
    a.on('get', (): Reply => ({ error: { code: 'NOT_ONLINE', retry: 'elsewhere', state: 'ERROR' } }));
    a.state = 'ERROR';
    await world.until(client.get('t.t', 1));
    await world.until(client.get('t.t', 1));
    assert.equal(a.requestsOf('get').length, 1);
    assert.equal(client.status()[0]!.state, 'ERROR');
    await world.advance(60_000);
    const probes = a.timesOf('members');
    assert(probes.length >= 10 && probes.length <= 30, `${probes.length} probes`);
    assert(probes.at(-1)! - probes.at(-2)! >= 2_500);
  });

  test('that every member refuses are asked again after waits, until the attempts are used up', async () => {
    const world = new SimulatedWorld();
    const all = members(world, 'a', 'b', 'c');
    for (const member of all) member.on('put', () => NO_QUORUM);
    const client = await world.connect(all, { attempts: 8 });
    await assert.rejects(world.until(client.put('t.t', { id: 1 })), { code: 'NO_QUORUM' });
    assert.equal(
      all.map((member) => member.requestsOf('put').length).reduce((a, b) => a + b),
      8,
    );
    assert(world.nowMs > 0);
  });

  test('of one client bound to one member go there only, and fail with what that member says', async () => {
    const world = new SimulatedWorld();
    const [a, b] = members(world, 'a', 'b');
    b!.on('put', () => NO_QUORUM);
    const client = await world.connect([a, b!]);
    const bound = client.at(b!.url);
    assert.deepEqual(bound.urls, [b!.url]);
    assert.equal(client.at('ws://b'), bound);
    await assert.rejects(world.until(bound.put('t.t', { id: 1 })), { code: 'NO_QUORUM' });
    await assert.rejects(world.until(bound.transaction((tx) => tx.put('t.t', { id: 1 }))), { code: 'NO_QUORUM' });
    assert.deepEqual([a.requestsOf('put').length, b!.requestsOf('put').length], [0, 2], 'at once, and nowhere else');
    b!.replies('get', 'cut');
    assert.equal(
      await world.until(bound.get('t.t', 1)),
      null,
      'a read is asked again there when the connection was lost',
    );
    b!.kill();
    const read = bound.get('t.t', 1);
    await world.advance(1_000);
    b!.reach = 'open';
    assert.equal(await world.until(read), null);
    assert.equal(a.requestsOf('get').length, 0);
  });
});

describe('a member gets', () => {
  test('one connection, and more of them while all it has are in use', async () => {
    const world = new SimulatedWorld();
    const [a] = members(world, 'a');
    a.on('get', () => 'hold');
    const client = await world.connect([a], { connectionsPerMember: 3 });
    assert.equal(a.links.length, 1);
    for (const expected of [1, 2, 2, 3, 3]) {
      void client.get('t.t', 1);
      await world.settle();
      assert.equal(a.links.length, expected);
    }
    a.release();
    await world.settle();
  });

  test('no more open transactions on a connection than it says it takes; reads go on meanwhile', async () => {
    const world = new SimulatedWorld();
    const a = world.member('a', { limits: { openTransactionsMax: 2 } });
    const client = await world.connect([a]);
    const endings: (() => void)[] = [];
    const works = [1, 2, 3].map((id) =>
      client.transaction(async (tx) => {
        await tx.put('t.t', { id });
        await new Promise<void>((resolve) => endings.push(resolve));
      }),
    );
    await world.settle();
    assert.equal(a.requestsOf('begin').length, 2);
    assert.equal(await world.until(client.get('t.t', 1)), null);
    endings.shift()!();
    await world.settle();
    assert.equal(a.requestsOf('begin').length, 3);
    for (const end of endings.splice(0)) end();
    await world.settle();
    await world.until(Promise.all(works));
  });
});

describe('a transaction that waits for room', () => {
  test('room is free again when a commit that was given up is refused afterwards', async () => {
    const world = new SimulatedWorld();
    const a = world.member('a', { limits: { openTransactionsMax: 1 } }).replies('commit', 'hold');
    const client = await world.connect([a], { silenceMsMax: 600_000 });
    const given = client.transaction((tx) => tx.put('t.t', { id: 1 }), { timeoutMs: 100 });
    await assert.rejects(world.until(given), { code: 'UNKNOWN_OUTCOME' });
    a.release(1, { error: { code: 'TRANSACTION_ABORTED', retry: 'transaction' } });
    await world.settle();
    assert.equal(a.requestsOf('rollback').length, 1, 'the member keeps a transaction that it aborted until then');
    await world.until(client.transaction((tx) => tx.put('t.t', { id: 2 })));
  });

  test('and gives up takes none of it', async () => {
    const world = new SimulatedWorld();
    const a = world.member('a', { limits: { openTransactionsMax: 1 } });
    const client = await world.connect([a]);
    let end = () => {};
    const first = client.transaction(async (tx) => {
      await tx.put('t.t', { id: 1 });
      await new Promise<void>((resolve) => {
        end = resolve;
      });
    });
    await world.settle();
    const second = client.transaction((tx) => tx.put('t.t', { id: 2 }), { timeoutMs: 100 });
    await assert.rejects(world.until(second), { code: 'TIMEOUT' });
    end();
    await world.until(first);
    await world.until(client.transaction((tx) => tx.put('t.t', { id: 3 })));
    assert.equal(a.requestsOf('begin').length, 2);
  });
});

describe('a lost connection', () => {
  test('is opened again after waits that double up to reconnectMsMax, and are jittered', async () => {
    const world = new SimulatedWorld();
    world.chance = 0.999_999;
    const [a] = members(world, 'a');
    const client = await world.connect([a], { reconnectMs: 100, reconnectMsMax: 1_000 });
    a.kill();
    await world.advance(350);
    // At 100, and at 100 + 200.
    assert.equal(a.attempts, 3);
    await world.advance(6_000);
    const before = a.attempts;
    await world.advance(10_000);
    assert(Math.abs(a.attempts - before - 10) <= 1, `${a.attempts - before} in 10 s`);
    world.chance = 0.2;
    const jittered = a.attempts;
    await world.advance(10_000);
    assert(a.attempts - jittered >= 45);
    await client.close({ timeoutMs: 0 });
  });

  test('is not a reason to fail: what is asked waits for the next one, up to connectTimeoutMs', async () => {
    const world = new SimulatedWorld();
    const [a] = members(world, 'a');
    const client = await world.connect([a], { connectTimeoutMs: 5_000 });
    a.kill();
    await world.settle();
    const served = client.put('t.t', { id: 1 });
    await world.advance(2_000);
    a.reach = 'open';
    await world.until(served);
    a.kill();
    await world.settle();
    const startedMs = world.nowMs;
    await assert.rejects(world.until(client.put('t.t', { id: 2 })), { code: 'CONNECTION_FAILED' });
    assert.equal(world.nowMs - startedMs, 5_000);
    await assert.rejects(world.until(client.transaction((tx) => tx.put('t.t', { id: 2 }))), {
      code: 'CONNECTION_FAILED',
    });
    assert.equal(world.nowMs - startedMs, 10_000);
  });

  test('by a member that shuts down (1001) sends its reads elsewhere', async () => {
    const world = new SimulatedWorld();
    const [a, b] = members(world, 'a', 'b');
    const client = await world.connect([a, b!], { prefer: 'first' });
    a.on('get', (_request, link) => {
      link.end(1001, '');
      return 'hold';
    });
    await world.until(client.get('t.t', 1));
    assert.equal(b!.requestsOf('get').length, 1);
    assert.match(client.status()[0]!.problem!, /shutting down \(1001\)/);
  });

  test('because a frame was too long (1009) fails what was sent on it, reads too: it would be so again', async () => {
    const world = new SimulatedWorld();
    const [a, b] = members(world, 'a', 'b');
    const client = await world.connect([a, b!], { prefer: 'first' });
    for (const member of [a, b!]) {
      const cut = (_request: unknown, link: { end(code: number, reason: string): void }): Reply => {
        link.end(1009, '');
        return 'hold';
      };
      member.on('get', cut).on('put', cut);
    }
    await assert.rejects(world.until(client.get('t.t', 1)), { code: 'CONNECTION_LOST', retry: 'no', message: /1009/ });
    await world.advance(1_000);
    await assert.rejects(world.until(client.put('t.t', { id: 1 })), { code: 'UNKNOWN_OUTCOME', message: /1009/ });
    assert.equal(b!.requestsOf('get').length + b!.requestsOf('put').length, 0);
  });

  test('is noticed without a word from the network: a silent member is asked for a sign of life, then given up', async () => {
    const world = new SimulatedWorld();
    const [a, b] = members(world, 'a', 'b');
    const client = await world.connect([a, b!], { prefer: 'first', silenceMsMax: 4_000 });
    await world.advance(60_000);
    assert.equal(a.attempts, 1, 'a member that answers pings is kept');
    a.reach = 'silent';
    const startedMs = world.nowMs;
    await world.until(client.get('t.t', 1));
    const passedMs = world.nowMs - startedMs;
    assert(passedMs >= 2_000 && passedMs <= 6_000, `${passedMs} ms`);
    assert.equal(b!.requestsOf('get').length, 1);
  });

  test('ends with an answer that belongs to no request: the member could not read a frame', async () => {
    const world = new SimulatedWorld();
    const [a, b] = members(world, 'a', 'b');
    const client = await world.connect([a, b!], { prefer: 'first' });
    a.on('put', (_request, link) => {
      link.push({
        id: null,
        ok: false,
        error: { code: 'MALFORMED_MESSAGE', message: 'bad', retry: 'no', sqlState: '' },
      });
      return 'hold';
    });
    await assert.rejects(world.until(client.put('t.t', { id: 1 })), { code: 'UNKNOWN_OUTCOME', message: /MALFORMED/ });
  });
});
