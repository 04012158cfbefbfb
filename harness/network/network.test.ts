import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../group/free-ports.ts';
import { waitUntil, within } from '../wait-until.ts';
import { Flow } from './flow.ts';
import { GroupNetwork } from './group-network.ts';
import { Network } from './network.ts';

const MS_MAX = 10_000;

interface Peer {
  readonly socket: Socket;
  received: Buffer;
  /** How it ended; null: it has not. */
  end: 'end' | 'reset' | null;
}

function watched(socket: Socket): Peer {
  const peer: Peer = { socket, received: Buffer.alloc(0), end: null };
  socket.on('data', (data) => {
    peer.received = Buffer.concat([peer.received, data]);
  });
  socket.on('error', () => {
    peer.end = 'reset';
  });
  socket.on('end', () => {
    peer.end ??= 'end';
  });
  return peer;
}

const says = (peer: Peer, text: string) =>
  waitUntil(`${text} arrives`, MS_MAX, () => peer.received.toString().includes(text));
const ends = (peer: Peer) => waitUntil('the connection ends', MS_MAX, () => peer.end);

/** `a` dials `b`, a server of this process, through a network. */
async function dialledThrough(t: TestContext, seed = 1) {
  const accepted: Peer[] = [];
  const dialled: Peer[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(watched(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const network = new Network({ seed });
  t.after(async () => {
    for (const { socket } of [...accepted, ...dialled]) socket.destroy();
    server.close();
    await network.close();
  });
  const target = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const [port] = await network.open([{ from: 'a', to: 'b', ...target }]);
  const dial = async (): Promise<Peer> => {
    const socket = connect({ port: port!, host: '127.0.0.1', allowHalfOpen: true });
    const near = watched(socket);
    dialled.push(near);
    await within('a connection', MS_MAX, once(socket, 'connect'));
    return near;
  };
  /** Both ends of a new connection over which something has passed both ways. */
  const connected = async (): Promise<{ near: Peer; far: Peer }> => {
    const count = accepted.length;
    const near = await dial();
    near.socket.write('hello ');
    const far = await waitUntil('it is accepted', MS_MAX, () => accepted[count]);
    await says(far, 'hello ');
    far.socket.write('welcome ');
    await says(near, 'welcome ');
    return { near, far };
  };
  return { network, server, accepted, dial, connected };
}

describe('a proxied connection', { timeout: 60_000 }, () => {
  test('of free flows passes every byte in order, both ways, and a half-close', async (t) => {
    const { connected, network } = await dialledThrough(t);
    const { near, far } = await connected();
    const sent = randomBytes(4 * 1024 * 1024);
    const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    near.socket.end(sent);
    await ends(far);
    far.socket.end(sent);
    await ends(near);
    assert.equal(hash(far.received.subarray('hello '.length)), hash(sent));
    assert.equal(hash(near.received.subarray('welcome '.length)), hash(sent));
    assert.deepEqual([near.end, far.end], ['end', 'end']);
    const traffic = await network.traffic();
    assert.equal(traffic.get('a>b'), sent.length + 'hello '.length);
    assert.equal(traffic.get('b>a'), sent.length + 'welcome '.length);
  });

  test('with a delay of 50 ms each way needs at least 100 ms there and back, and keeps the order', async (t) => {
    const { connected, network } = await dialledThrough(t);
    const { near, far } = await connected();
    const lift = await network.impose(['a>b', 'b>a'], { delayMs: 50, jitterMs: 40 });
    for (let i = 0; i < 50; i++) {
      near.socket.write(`${i},`);
      if (i % 10 === 0) await pause(1);
    }
    await says(far, '49,');
    const expected = Array.from({ length: 50 }, (_, i) => `${i},`).join('');
    assert.equal(far.received.toString(), `hello ${expected}`);
    await lift();

    await network.impose(['a>b', 'b>a'], { delayMs: 50 });
    far.socket.once('data', () => far.socket.write('pong'));
    const sentAt = performance.now();
    near.socket.write('ping');
    await within('an answer', MS_MAX, once(near.socket, 'data'));
    const tookMs = performance.now() - sentAt;
    t.diagnostic(`there and back: ${tookMs.toFixed(1)} ms`);
    assert(tookMs >= 100, `${tookMs} ms`);
  });

  test('with a delay in one direction is not delayed in the other, and what is under way arrives once it is lifted', async (t) => {
    const { connected, network } = await dialledThrough(t);
    const { near, far } = await connected();
    const lift = await network.impose(['b>a'], { delayMs: 600_000 });
    near.socket.write('question');
    await says(far, 'question');
    far.socket.write('answer');
    await pause(50);
    assert.equal(String(near.received), 'welcome ');
    await lift();
    await says(near, 'answer');
  });

  test('with a limit of 500,000 bytes a second needs at least 400 ms for 200,000 bytes', async (t) => {
    const { connected, network } = await dialledThrough(t);
    const { near, far } = await connected();
    await network.impose(['a>b'], { bytesPerSecond: 500_000 });
    const sent = randomBytes(200_000);
    const startedAt = performance.now();
    near.socket.write(sent);
    await waitUntil('all arrives', MS_MAX, () => far.received.length === sent.length + 'hello '.length);
    const tookMs = performance.now() - startedAt;
    t.diagnostic(`${tookMs.toFixed(0)} ms`);
    assert(tookMs >= 400, `${tookMs} ms`);
    assert(far.received.subarray('hello '.length).equals(sent));
  });

  test('holds back a sender whose bytes are not taken, instead of keeping them all', async (t) => {
    const { connected, network } = await dialledThrough(t);
    const { near, far } = await connected();
    far.socket.pause();
    await network.impose(['a>b'], { delayMs: 1 });
    for (let i = 0; i < 1024; i++) near.socket.write(Buffer.alloc(64 * 1024));
    let before = -1;
    await waitUntil('the sender gets rid of no more', MS_MAX, async () => {
      const isStill = near.socket.writableLength === before;
      before = near.socket.writableLength;
      await pause(200);
      return isStill;
    });
    // What else there is lies in buffers of the system, and in the proxy's 8 MiB.
    assert(near.socket.writableLength > 24 * 1024 * 1024, `${near.socket.writableLength} bytes wait`);
  });

  test('that is cut silently stays open at both ends, and what was lost arrives in order when it has healed', async (t) => {
    const { connected, network, dial, accepted } = await dialledThrough(t);
    const { near, far } = await connected();
    const { near: left, far: leaving } = await connected();
    await network.impose(['a>b', 'b>a'], { cut: 'silent' });
    near.socket.write('one ');
    far.socket.write('uno ');
    leaving.socket.destroy();
    const late = await dial();
    late.socket.write('late');
    await pause(100);
    near.socket.write('two');
    assert.deepEqual([near.end, far.end, left.end, late.end], [null, null, null, null]);
    assert.deepEqual([String(near.received), String(far.received)], ['welcome ', 'hello ']);
    assert.equal(accepted.length, 2, 'a new connection does not get through');
    await network.heal();
    await says(far, 'two');
    await says(near, 'uno ');
    assert.equal(String(far.received), 'hello one two');
    await ends(left);
    await says(await waitUntil('the late one is accepted', MS_MAX, () => accepted[2]), 'late');
  });

  test('that is cut in one direction passes what goes the other way, whoever dialled', async (t) => {
    const { connected, network } = await dialledThrough(t);
    const { near, far } = await connected();
    const lift = await network.impose(['a>b'], { cut: 'silent' });
    near.socket.write('question');
    far.socket.write('news');
    await says(near, 'news');
    assert.equal(String(far.received), 'hello ');
    await lift();
    await says(far, 'question');
    await network.impose(['b>a'], { cut: 'silent' });
    far.socket.write('unheard');
    near.socket.write('again');
    await says(far, 'again');
    assert.equal(String(near.received), 'welcome news');
  });

  test('is reset at both ends by a cut that resets, new ones too until it has healed', async (t) => {
    const { connected, network, dial, accepted } = await dialledThrough(t);
    const { near, far } = await connected();
    await network.impose(['a>b'], { cut: 'reset' });
    assert.deepEqual([await ends(near), await ends(far)], ['reset', 'reset']);
    const refused = await dial().catch((error) => error);
    if (!(refused instanceof Error)) assert.equal(await ends(refused), 'reset');
    assert.equal(accepted.length, 1);
    await network.heal();
    await connected();
  });

  test('can be reset once: the next one is served', async (t) => {
    const { connected, network } = await dialledThrough(t);
    const { near, far } = await connected();
    assert.equal(await network.reset(['b>a']), 1);
    assert.deepEqual([await ends(near), await ends(far)], ['reset', 'reset']);
    await connected();
  });

  test('to a port where nobody listens is reset', async (t) => {
    const { network, server, dial } = await dialledThrough(t);
    server.close();
    await once(server, 'close');
    assert.equal(await ends(await dial()), 'reset');
    assert.equal((await network.traffic()).get('a>b'), 0);
  });

  test('under two conditions at once is free when both are lifted, in any order', async (t) => {
    const { connected, network } = await dialledThrough(t);
    const { near, far } = await connected();
    const liftCut = await network.impose(['a>b'], { cut: 'silent' });
    const liftOther = await network.impose(['a>b', 'b>a'], { cut: 'silent' });
    near.socket.write('question');
    await liftCut();
    await liftCut();
    far.socket.write('answer');
    await pause(50);
    assert.deepEqual([String(far.received), String(near.received)], ['hello ', 'welcome ']);
    await liftOther();
    await says(far, 'question');
    await says(near, 'answer');
  });
});

test('a network refuses a condition for a flow that it does not have', async (t) => {
  const { network } = await dialledThrough(t);
  await assert.rejects(network.impose(['a>c'], { cut: 'silent' }), /no link for a>c/);
  await assert.rejects(network.reset(['c>a']), /no link for c>a/);
});

test('the network of a group has links of clients only if it is to have them', async (t) => {
  const ports = await freePorts(4);
  const members = [0, 2].map((i) => ({ port: ports[i]!, groupPort: ports[i + 1]! }));
  const whole = await GroupNetwork.between(members);
  const inner = await GroupNetwork.between(members, { forClients: false });
  t.after(() => Promise.all([whole.close(), inner.close()]));
  assert.deepEqual(whole.flows('clients').sort(), ['0>clients', '1>clients', 'clients>0', 'clients>1']);
  assert.deepEqual(whole.flows('members').sort(), ['0>1', '1>0']);
  assert.deepEqual(inner.flows('all').sort(), ['0>1', '1>0']);
  assert.throws(() => inner.flows('clients'), /no links of clients/);
  assert.equal(inner.clientPort(0), undefined);
  await assert.rejects(inner.cut({ name: 'clients', members: [0] }), /no link for clients>0/);
});

test('the jitter of a flow is drawn from the seed, around its delay', () => {
  const drawn = (seed: number) => {
    const flow = new Flow('a>b', seed);
    flow.set({ cut: 'no', delayMs: 20, jitterMs: 5, bytesPerSecond: null });
    return Array.from({ length: 1_000 }, () => flow.drawDelayMs());
  };
  const delays = drawn(7);
  assert.deepEqual(delays, drawn(7));
  assert.notDeepEqual(delays, drawn(8));
  assert(delays.every((delay) => delay >= 15 && delay <= 25));
  assert(Math.max(...delays) - Math.min(...delays) > 8);
});
