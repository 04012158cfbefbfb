import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import type { Connection, ConnectionHandler } from '../base/index.ts';
import type { WebSocketNetworkOptions } from './websocket-network.ts';
import { NetworkError, WebSocketNetwork } from './websocket-network.ts';

test('frames arrive whole and in order, both ways, from within the call that accepts too', async (context) => {
  const { network, accepted } = await listening(context);
  const client = connected(network, network.port);
  await client.untilOpened;
  const server = await accepted.next();
  const sizes = [0, 1, 125, 126, 65_535, 65_536, 3_000_000, 5];
  for (const size of sizes) client.connection.send(new Uint8Array(size).fill(size & 0xff));
  for (const size of sizes) server.connection.send(new Uint8Array(size).fill(size & 0xff));
  for (const side of [server, client]) {
    if (side === client) assert.deepEqual(await side.frame(), Uint8Array.of(42));
    for (const size of sizes) {
      const frame = await side.frame();
      assert.equal(Object.getPrototypeOf(frame), Uint8Array.prototype);
      assert.deepEqual(frame, new Uint8Array(size).fill(size & 0xff));
    }
  }
});

test('small frames sent in one turn leave in one system call', async (context) => {
  const { network, accepted } = await listening(context);
  let reads = 0;
  // Between the two stands a relay that counts what it reads at once.
  const relay = net.createServer((socket) => {
    const onward = net.connect(network.port, '127.0.0.1');
    socket.on('data', (chunk) => {
      reads++;
      onward.write(chunk);
    });
    onward.pipe(socket);
    for (const end of [socket, onward])
      end.on('error', () => {}).on('close', () => [socket, onward].map((s) => s.destroy()));
  });
  relay.listen(0, '127.0.0.1');
  context.after(() => relay.close());
  await once(relay, 'listening');
  const client = connected(network, (relay.address() as net.AddressInfo).port);
  await client.untilOpened;
  const server = await accepted.next();
  reads = 0;
  for (let i = 0; i < 200; i++) client.connection.send(Uint8Array.of(i));
  for (let i = 0; i < 200; i++) assert.deepEqual(await server.frame(), Uint8Array.of(i));
  assert.ok(reads <= 3, `${reads} reads`);
});

test('closing is told once on both sides, with the reason, and what is sent later is dropped', async (context) => {
  const { network, accepted } = await listening(context);
  const client = connected(network, network.port);
  await client.untilOpened;
  const server = await accepted.next();
  client.connection.close('the group is another one');
  client.connection.close('again');
  client.connection.send(Uint8Array.of(1));
  assert.equal(await client.untilClosed, 'the group is another one');
  assert.equal(await server.untilClosed, 'the group is another one');
  client.connection.send(Uint8Array.of(1));
  server.connection.send(Uint8Array.of(1));
  server.connection.close('late');
});

test('a connection that cannot be opened is closed in a later turn', async (context) => {
  const { network } = await listening(context);
  const free = await freePort();
  for (const address of [`127.0.0.1:${free}`, 'no address at all', '127.0.0.1:99999', '']) {
    const handler = recorder();
    network.connect(address, handler);
    assert.equal(handler.hasClosed, false);
    assert.notEqual(await handler.untilClosed, '');
    assert.equal(handler.hasOpened, false);
  }
  const abandoned = recorder();
  network.connect(`127.0.0.1:${network.port}`, abandoned).close('not needed');
  assert.equal(await abandoned.untilClosed, 'not needed');
  assert.equal(abandoned.hasOpened, false);
});

test('a peer that does not answer the handshake is given up', async (context) => {
  const { network } = await listening(context, { handshakeTimeoutMs: 50 });
  const silent = net.createServer((socket) => socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  context.after(() => silent.close());
  await once(silent, 'listening');
  const handler = recorder();
  network.connect(`127.0.0.1:${(silent.address() as net.AddressInfo).port}`, handler);
  assert.match(await handler.untilClosed, /handshake has timed out/);
});

test('a frame over the limit closes its connection and harms no other', async (context) => {
  const { network, accepted } = await listening(context, { frameBytesMax: 1000 });
  const [good, bad] = [connected(network, network.port), connected(network, network.port)];
  await Promise.all([good.untilOpened, bad.untilOpened]);
  const servers = [await accepted.next(), await accepted.next()];
  bad.connection.send(new Uint8Array(1001));
  const closed = await Promise.race(servers.map(async (server) => [server, await server.untilClosed] as const));
  assert.match(closed[1], /Max payload size exceeded/);
  await bad.untilClosed;
  good.connection.send(new Uint8Array(1000));
  const other = servers.find((server) => server !== closed[0])!;
  assert.equal((await other.frame()).length, 1000);
});

test('foreign input closes the connection, never more', async (context) => {
  const { network, accepted } = await listening(context);
  const url = `ws://127.0.0.1:${network.port}`;
  const textual = new WebSocket(`${url}/group`);
  await once(textual, 'open');
  const server = await accepted.next();
  textual.send('text');
  assert.equal(await server.untilClosed, 'frames are binary');

  const raw = net.connect(network.port, '127.0.0.1');
  raw.on('error', () => {});
  raw.write(
    'GET /group HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  const broken = await accepted.next();
  raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
  assert.match(await broken.untilClosed, /Invalid WebSocket frame/);

  for (const request of [
    'GET /group HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    '\0\0\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  ]) {
    const socket = net.connect(network.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(request);
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), /^HTTP\/1\.1 4\d\d /);
    socket.destroy();
  }
  assert.equal(await statusOf(`${url}/other`), 404);
  assert.equal(await statusOf(`${url}/group/`), 404);

  const client = connected(network, network.port);
  await client.untilOpened;
});

test('connections before somebody takes them are refused', async (context) => {
  const network = await WebSocketNetwork.start({ host: '127.0.0.1', port: 0 });
  context.after(() => network.stop());
  assert.equal(await statusOf(`ws://127.0.0.1:${network.port}/group`), 503);
});

test('a port in use and an address of another machine are typed errors', async (context) => {
  const { network } = await listening(context);
  const inUse = WebSocketNetwork.start({ host: '127.0.0.1', port: network.port });
  await assert.rejects(
    inUse,
    (error) => error instanceof NetworkError && error.code === 'ADDRESS_IN_USE' && error.port === network.port,
  );
  const elsewhere = WebSocketNetwork.start({ host: '192.0.2.1', port: 0 });
  await assert.rejects(elsewhere, (error) => error instanceof NetworkError && error.code === 'ADDRESS_UNAVAILABLE');
});

test('a peer that answers no pings is given up after two, one that answers is kept', async (context) => {
  const { network } = await listening(context, { pingIntervalMs: 20 });
  const peers = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false });
  context.after(() => {
    for (const peer of peers.clients) peer.terminate();
    peers.close();
  });
  await once(peers, 'listening');
  const kept = connected(network, network.port);
  await kept.untilOpened;
  const dead = connected(network, (peers.address() as net.AddressInfo).port);
  assert.equal(await dead.untilClosed, 'no answer to pings');
  assert.equal(kept.hasClosed, false);
});

test('stopping closes everything, and its end says that all handlers know', async (context) => {
  const { network, accepted } = await listening(context);
  const client = connected(network, network.port);
  await client.untilOpened;
  const server = await accepted.next();
  const half = net.connect(network.port, '127.0.0.1');
  half.on('error', () => {});
  await once(half, 'connect');
  await network.stop();
  assert.deepEqual([client.hasClosed, server.hasClosed], [true, true]);
  const late = recorder();
  network.connect('127.0.0.1:1', late);
  assert.equal(await late.untilClosed, 'the network is stopped');
  const again = await WebSocketNetwork.start({ host: '127.0.0.1', port: 0 });
  await again.stop();
});

type Recorder = ConnectionHandler & {
  connection: Connection;
  hasOpened: boolean;
  hasClosed: boolean;
  readonly untilOpened: Promise<void>;
  readonly untilClosed: Promise<string>;
  frame(): Promise<Uint8Array>;
};

/** Things that come one by one, to be waited for one by one. */
class Queue<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  add(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#items.push(item);
    else waiting(item);
  }

  next(): Promise<T> {
    const item = this.#items.shift();
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item);
  }
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((resolved) => {
    resolve = resolved;
  });
  return { promise, resolve };
}

function recorder(): Recorder {
  const frames = new Queue<Uint8Array>();
  const opened = deferred<void>();
  const closed = deferred<string>();
  return {
    connection: undefined as unknown as Connection,
    hasOpened: false,
    hasClosed: false,
    untilOpened: opened.promise,
    untilClosed: closed.promise,
    frame: () => frames.next(),
    opened() {
      assert.equal(this.hasOpened || this.hasClosed, false);
      this.hasOpened = true;
      opened.resolve();
    },
    received(bytes) {
      assert.equal(this.hasClosed, false);
      frames.add(bytes);
    },
    closed(reason) {
      assert.equal(this.hasClosed, false);
      this.hasClosed = true;
      closed.resolve(reason);
    },
  };
}

async function listening(
  context: TestContext,
  options: Partial<WebSocketNetworkOptions> = {},
): Promise<{ network: WebSocketNetwork; accepted: Queue<Recorder> }> {
  const network = await WebSocketNetwork.start({ host: '127.0.0.1', port: 0, ...options });
  context.after(() => network.stop());
  const accepted = new Queue<Recorder>();
  network.listen((connection) => {
    const handler = recorder();
    handler.connection = connection;
    connection.send(Uint8Array.of(42));
    accepted.add(handler);
    return handler;
  });
  return { network, accepted };
}

function connected(network: WebSocketNetwork, port: number): Recorder {
  const handler = recorder();
  handler.connection = network.connect(`127.0.0.1:${port}`, handler);
  return handler;
}

async function statusOf(url: string): Promise<number> {
  const socket = new WebSocket(url);
  socket.on('error', () => {});
  const [, response] = await once(socket, 'unexpected-response');
  response.destroy();
  return response.statusCode;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
