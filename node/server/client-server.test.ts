import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import WebSocket from 'ws';
import type { MemberState } from '../engine/replica.ts';
import { isLoopback, isOriginAllowed } from './addresses.ts';
import { ClientServer, type ClientServerOptions, type Served, type ShownMetrics } from './client-server.ts';
import { msgpackCodec } from './frame-codec.ts';

/** A replica of one member and a connection that answers what the test tells it to. */
class FakeMember {
  state: MemberState = 'ONLINE';
  readonly received: unknown[] = [];
  closed = 0;
  shutDowns = 0;
  roomAgains = 0;
  send: (message: object, bytes?: number) => void = () => {};
  hasRoom: () => boolean = () => true;
  /** Answers one request; by default at once. */
  answer: (message: unknown) => void = (message) =>
    this.send({ id: (message as { id?: unknown })?.id ?? null, ok: true, result: {} });
  readonly #happened = new EventEmitter();

  options(more: Partial<ServerOptions> = {}): ClientServerOptions & Served {
    const member = this;
    return {
      host: '127.0.0.1',
      port: 0,
      insecure: false,
      serverVersion: '9.9.9',
      replica: {
        groupName: 'orchestra',
        memberId: 'm1',
        get state() {
          return member.state;
        },
        members: () => [
          {
            memberId: 'm1',
            host: '127.0.0.1',
            port: 7001,
            state: 'ONLINE',
            role: 'PRIMARY',
            version: '9.9.9',
            viewId: '1:1',
            weight: 50,
            reachable: true,
            leads: true,
            learner: false,
            hasRoom: true,
            claims: false,
            reaches: ['m1'],
            transfer: null,
          },
        ],
        memberStats: () => [
          {
            memberId: 'm1',
            viewId: '1:1',
            countTransactionsInQueue: 1,
            countTransactionsChecked: 20,
            countConflictsDetected: 3,
            countTransactionsRowsValidating: 4,
            transactionsCommittedAllMembers: 5,
            lastConflictFreeTransaction: null,
            countTransactionsRemoteInApplierQueue: 6,
            countTransactionsRemoteApplied: 7,
            countTransactionsLocalProposed: 8,
            countTransactionsLocalRollback: 9,
            countConflictsLocal: 2,
            appliedUpTo: 17,
            purgeFloor: 2,
            digest: '0',
            digestEqualUpTo: 17,
            past: { from: 2, fromTime: null, transactions: 15, versions: 15, bytes: 900 },
            commitLatencyMs: { count: 0, p50: 0, p95: 0, p99: 0, max: 0, layers: { l2Ms: 0, l1Ms: 0, l0Ms: 0 } },
          },
        ],
      },
      openConnection: (send, hasRoom) => {
        member.send = send;
        member.hasRoom = hasRoom;
        return {
          receive: (message) => {
            member.received.push(message);
            member.answer(message);
            member.#happens();
          },
          close: () => {
            member.closed++;
            member.#happens();
          },
          shutDown: () => {
            member.shutDowns++;
            member.#happens();
          },
          roomAgain: () => {
            member.roomAgains++;
            member.#happens();
          },
        };
      },
      ...more,
    };
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await once(this.#happened, 'something');
  }

  #happens(): void {
    this.#happened.emit('something');
  }
}

/** A client that keeps every frame, decoded from JSON if it was text. */
class Client {
  readonly frames: unknown[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #arrived = new EventEmitter();

  constructor(server: ClientServer, protocols: string[] = [], options: WebSocket.ClientOptions = {}, path = '/v1') {
    this.socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, protocols, options);
    this.socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.frames.push(isBinary ? data : JSON.parse(data.toString()));
      this.#arrived.emit('frame');
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) =>
      this.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
    );
  }

  async until(count: number): Promise<unknown[]> {
    while (this.frames.length < count) await once(this.#arrived, 'frame');
    return this.frames;
  }

  /** HTTP status with which the connection was refused. */
  async refusal(): Promise<number> {
    const [, response] = (await once(this.socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    this.socket.terminate();
    return response.statusCode;
  }
}

type ServerOptions = ClientServerOptions & Served & ShownMetrics;

async function startServer(options: ServerOptions): Promise<ClientServer> {
  const server = await ClientServer.bind(options);
  server.serve(options, options);
  return server;
}

describe('client server', () => {
  const running: ClientServer[] = [];
  const start = async (member: FakeMember, more: Partial<ServerOptions> = {}) => {
    const server = await startServer(member.options(more));
    running.push(server);
    return server;
  };
  after(() => Promise.all(running.map((server) => server.stop())));

  test('on open a client is welcomed with version, member, group and limits', async () => {
    const server = await start(new FakeMember(), { engineLimits: { rowBytesMax: 5 } });
    const client = new Client(server);
    const [welcome] = await client.until(1);
    assert.deepEqual(welcome, {
      event: 'welcome',
      protocolVersion: 1,
      serverVersion: '9.9.9',
      member: { memberId: 'm1', state: 'ONLINE', role: 'PRIMARY' },
      group: { name: 'orchestra', viewId: '1:1' },
      limits: { rowBytesMax: 5, frameBytesMax: 1048576 },
    });
    assert.equal(client.socket.protocol, '');
    client.socket.close();
  });

  test('msgpack is spoken with a client that offers it', async () => {
    const member = new FakeMember();
    const client = new Client(await start(member), ['concert.v1.msgpack']);
    await client.until(1);
    assert.equal(client.socket.protocol, 'concert.v1.msgpack');
    client.socket.send(msgpackCodec.encodeFrame([{ id: 1, op: 'ping', b: Uint8Array.of(1) }]));
    const frames = await client.until(2);
    assert.deepEqual(member.received, [{ id: 1, op: 'ping', b: Uint8Array.of(1) }]);
    assert.deepEqual(msgpackCodec.decodeFrame(frames[1] as Buffer), {
      kind: 'messages',
      messages: [{ id: 1, ok: true, result: {} }],
    });
    client.socket.close();
  });

  test('a client that offers only unknown subprotocols is refused with 400, one on another path with 404', async () => {
    const server = await start(new FakeMember());
    assert.equal(await new Client(server, ['concert.v9']).refusal(), 400);
    assert.equal(await new Client(server, [], {}, '/v2').refusal(), 404);
  });

  test('a page of another site is refused with 403, one of this machine is served', async () => {
    const server = await start(new FakeMember());
    assert.equal(await new Client(server, [], { origin: 'https://example.com' }).refusal(), 403);
    const client = new Client(server, [], { origin: 'http://localhost:5173' });
    await client.until(1);
    client.socket.close();
  });

  test('answers of one turn leave in one frame, a single one as an object', async () => {
    const client = new Client(await start(new FakeMember()));
    await client.until(1);
    client.socket.send(JSON.stringify([{ id: 1 }, { id: 2 }, { id: 3 }]));
    await client.until(2);
    client.socket.send(JSON.stringify({ id: 4 }));
    const frames = await client.until(3);
    assert.deepEqual(frames.slice(1), [
      [1, 2, 3].map((id) => ({ id, ok: true, result: {} })),
      { id: 4, ok: true, result: {} },
    ]);
    client.socket.close();
  });

  test('a frame that cannot be read is answered MALFORMED_MESSAGE, and the connection stays open', async () => {
    const client = new Client(await start(new FakeMember()));
    await client.until(1);
    client.socket.send('{"id": 1,');
    client.socket.send(Uint8Array.of(1, 2));
    client.socket.send('{"id": 2}');
    await client.until(2);
    while (client.frames.flat().length < 4) await client.until(client.frames.length + 1);
    const answers = client.frames.flat() as { id: unknown; ok: boolean; error?: Record<string, unknown> }[];
    assert.deepEqual(
      answers.slice(1).map((answer) => [answer.id, answer.ok, answer.error?.code]),
      [
        [null, false, 'MALFORMED_MESSAGE'],
        [null, false, 'MALFORMED_MESSAGE'],
        [2, true, undefined],
      ],
    );
    assert.equal(answers[1]?.error?.sqlState, '08P01');
    assert.equal(answers[1]?.error?.retry, 'no');
    client.socket.close();
  });

  test('a frame over the limit closes with 1009, text that is not UTF-8 with 1007; others are unharmed', async () => {
    const member = new FakeMember();
    const server = await start(member, { limits: { frameBytesMax: 1000 } });
    const [large, broken, other] = [new Client(server), new Client(server), new Client(server)];
    await Promise.all([large.until(1), broken.until(1), other.until(1)]);
    large.socket.send('x'.repeat(1001));
    assert.equal((await large.closed).code, 1009);
    broken.socket.send(Buffer.from([0x22, 0xc3, 0x28, 0x22]), { binary: false });
    assert.equal((await broken.closed).code, 1007);
    assert.equal(other.socket.readyState, WebSocket.OPEN);
    await member.until(() => member.closed === 2);
    other.socket.close();
  });

  test('a lost connection is closed behind it, once', async () => {
    const member = new FakeMember();
    const client = new Client(await start(member));
    await client.until(1);
    client.socket.terminate();
    await member.until(() => member.closed > 0);
    assert.equal(member.closed, 1);
  });

  test('connections over the limit are refused with 503', async () => {
    const server = await start(new FakeMember(), { limits: { connectionsMax: 1 } });
    const client = new Client(server);
    await client.until(1);
    assert.equal(await new Client(server).refusal(), 503);
    client.socket.close();
  });

  test('a client with too many requests waiting is read on when half of them are answered', async () => {
    const member = new FakeMember();
    const waiting: unknown[] = [];
    member.answer = (message) => waiting.push((message as { id: number }).id);
    const client = new Client(await start(member, { limits: { outstandingMax: 4 } }));
    await client.until(1);
    for (let id = 1; id <= 4; id++) client.socket.send(JSON.stringify({ id }));
    await member.until(() => member.received.length === 4);
    client.socket.send(JSON.stringify({ id: 5 }));
    for (const id of waiting.splice(0, 2)) member.send({ id, ok: true, result: {} });
    await client.until(2);
    await member.until(() => member.received.length === 5);
    client.socket.close();
  });

  test('a client that does not take its answers is cut', async () => {
    const member = new FakeMember();
    const server = await start(member, { limits: { bufferedBytesHigh: 10_000, bufferedBytesMax: 100_000 } });
    const client = new Client(server);
    await client.until(1);
    client.socket.pause();
    const large = { event: 'progress', text: 'x'.repeat(200_000) };
    const fill = setInterval(() => member.send(large), 1);
    await member.until(() => member.closed === 1);
    clearInterval(fill);
    const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
    assert.match(metrics, /^concert_slow_clients_cut_total 1$/m);
  });

  test('a client that does not take its events is made none, and more when it has taken all of them', async () => {
    const member = new FakeMember();
    const server = await start(member, { limits: { bufferedBytesHigh: 100_000, bufferedBytesMax: 1_000_000 } });
    const client = new Client(server);
    await client.until(1);
    client.socket.pause();
    const event = { event: 'change', text: 'x'.repeat(50_000) };
    let sent = 0;
    for (; member.hasRoom(); sent++) {
      member.send(event);
      await setImmediate();
    }
    assert.equal(member.hasRoom(), false);
    assert.equal(member.roomAgains, 0);
    client.socket.resume();
    await member.until(() => member.roomAgains === 1);
    assert.equal(member.hasRoom(), true);
    await client.until(1 + sent);
    assert.equal(member.closed, 0);
    client.socket.close();
  });

  test('events of one turn wait for room once they would fill a frame', async () => {
    const member = new FakeMember();
    const client = new Client(await start(member));
    await client.until(1);
    let sent = 0;
    for (; member.hasRoom(); sent++) member.send({ event: 'change', sent });
    assert.equal(sent, 1024);
    await member.until(() => member.roomAgains === 1);
    assert.equal(member.hasRoom(), true);
    client.socket.close();
  });

  test('events of one turn wait for room once there are too many bytes of them, and their client is not cut', async () => {
    const member = new FakeMember();
    const client = new Client(await start(member, { limits: { bufferedBytesMax: 1_000_000 } }));
    await client.until(1);
    const event = { event: 'change', text: 'x'.repeat(50_000) };
    let sent = 0;
    for (; member.hasRoom(); sent++) member.send(event, 50_000);
    await member.until(() => member.roomAgains + member.closed === 1);
    assert.equal(member.closed, 0, `cut after ${sent} events`);
    assert.equal(member.hasRoom(), true);
    client.socket.close();
  });

  test('a client that answers no ping is cut', async () => {
    const member = new FakeMember();
    const server = await start(member, { limits: { pingIntervalMs: 20 } });
    const client = new Client(server, [], { autoPong: false });
    await client.until(1);
    assert.equal((await client.closed).code, 1006);
  });

  test('a client that takes a large answer slowly is not cut, although nothing is read from it for long', async () => {
    const member = new FakeMember();
    const limits = { pingIntervalMs: 200, bufferedBytesHigh: 10_000 };
    const client = new Client(await start(member, { limits }));
    await client.until(1);
    member.send({ event: 'progress', text: 'x'.repeat(40_000_000) });
    const startedAt = performance.now();
    while (client.frames.length < 2 && member.closed === 0) {
      client.socket.pause();
      await delay(80);
      client.socket.resume();
      await setImmediate();
    }
    assert.equal(member.closed, 0);
    assert(performance.now() - startedAt > 4 * limits.pingIntervalMs);
    client.socket.close();
  });

  test('a client that takes nothing of a large answer is cut', async () => {
    const member = new FakeMember();
    const limits = { pingIntervalMs: 20, bufferedBytesHigh: 10_000 };
    const server = await start(member, { limits });
    const client = new Client(server);
    await client.until(1);
    client.socket.pause();
    member.send({ event: 'progress', text: 'x'.repeat(40_000_000) });
    await member.until(() => member.closed === 1);
    const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
    assert.match(metrics, /^concert_silent_clients_cut_total 1$/m);
  });

  test('a client that waits for its answers while it is not read from is not cut', async () => {
    const member = new FakeMember();
    member.answer = () => {};
    const client = new Client(await start(member, { limits: { pingIntervalMs: 20, outstandingMax: 2 } }));
    await client.until(1);
    for (const id of [1, 2]) client.socket.send(JSON.stringify({ id }));
    await member.until(() => member.received.length === 2);
    await delay(200);
    for (const id of [1, 2]) member.send({ id, ok: true, result: {} });
    await client.until(2);
    assert.equal(member.closed, 0);
    client.socket.close();
  });

  test('a stopping server lets requests finish, then closes with 1001', async () => {
    const member = new FakeMember();
    member.answer = () => {};
    const server = await startServer(member.options());
    const client = new Client(server);
    await client.until(1);
    client.socket.send('{"id": 1}');
    await member.until(() => member.received.length === 1);
    const stopped = server.stop();
    await member.until(() => member.shutDowns === 1);
    assert.equal(client.socket.readyState, WebSocket.OPEN);
    member.send({ id: 1, ok: true, result: { late: true } });
    assert.deepEqual(await client.closed, { code: 1001, reason: 'the member is shutting down' });
    assert.deepEqual(client.frames.at(-1), { id: 1, ok: true, result: { late: true } });
    await stopped;
  });

  test('a stopping server does not wait for ever', async () => {
    const member = new FakeMember();
    member.answer = () => {};
    const server = await startServer(member.options({ limits: { drainMsMax: 20 } }));
    const client = new Client(server);
    await client.until(1);
    client.socket.send('{"id": 1}');
    await member.until(() => member.received.length === 1);
    await server.stop();
    assert.equal((await client.closed).code, 1001);
  });

  test('an address off loopback is refused unless insecure is said', async () => {
    const options = new FakeMember().options({ host: '0.0.0.0' });
    await assert.rejects(startServer(options), { code: 'INSECURE_ADDRESS', message: /0\.0\.0\.0.*--insecure/ });
    const server = await startServer({ ...options, insecure: true });
    await server.stop();
  });

  test('a port in use is an error that says so', async () => {
    const server = await start(new FakeMember());
    await assert.rejects(startServer(new FakeMember().options({ port: server.port })), {
      code: 'PORT_IN_USE',
      message: new RegExp(`127.0.0.1:${server.port} is in use .*--port`),
    });
  });

  test('a scrape builds the figures of the member once, however many metrics show them', async () => {
    const options = new FakeMember().options();
    let built = 0;
    const memberStats = () => {
      built++;
      return options.replica.memberStats();
    };
    const server = await startServer({ ...options, replica: { ...options.replica, memberStats } });
    running.push(server);
    for (let i = 1; i <= 2; i++) {
      const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
      assert.match(metrics, /^concert_applied_up_to 17$/m);
      assert.equal(built, i);
    }
  });

  test('between two runs of its member it keeps its port, tells its clients why, and serves again with the next', async () => {
    const first = new FakeMember();
    const server = await start(first);
    const client = new Client(server);
    await client.until(1);
    await server.pause('the member begins anew: it was expelled');
    assert.deepEqual(await client.closed, { code: 1012, reason: 'the member begins anew: it was expelled' });
    const get = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`);
    assert.equal(await (await get('/readyz')).text(), 'OFFLINE\n');
    assert.match(await (await get('/metrics')).text(), /concert_member_state\{state="OFFLINE"\} 1/);
    const next = new FakeMember();
    server.serve(next.options());
    const again = new Client(server);
    assert.equal((await again.until(1)).length, 1);
    assert.match(await (await get('/metrics')).text(), /concert_member_state\{state="ONLINE"\} 1/);
    again.socket.terminate();
  });

  test('HTTP: the console page, metrics and health; 404, 405 and 426 else', async () => {
    const member = new FakeMember();
    const server = await start(member, {
      sources: [{ name: 'concert_extra_total', help: 'more', kind: 'counter', read: () => 42 }],
      histograms: [
        {
          name: 'concert_wait_seconds',
          help: 'waiting',
          read: () => ({ count: 3, sumMs: 1500, buckets: [{ upToMs: 250, count: 2 }] }),
        },
      ],
    });
    const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    const page = await get('/');
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<title>Concert<\/title>/);
    assert.equal((await get('/healthz')).status, 200);
    assert.equal((await get('/readyz')).status, 200);
    member.state = 'RECOVERING';
    const notReady = await get('/readyz');
    assert.equal(notReady.status, 503);
    assert.equal(await notReady.text(), 'RECOVERING\n');
    for (let i = 0; i < 2; i++) {
      const metrics = await (await get('/metrics')).text();
      for (const line of [
        'concert_member_state{state="RECOVERING"} 1',
        'concert_member_state{state="ONLINE"} 0',
        'concert_applied_up_to 17',
        'concert_extra_total 42',
        '# TYPE concert_wait_seconds histogram',
        'concert_wait_seconds_bucket{le="0.25"} 2',
        'concert_wait_seconds_bucket{le="+Inf"} 3',
        'concert_wait_seconds_sum 1.5',
        'concert_wait_seconds_count 3',
      ]) {
        assert.ok(metrics.split('\n').includes(line), line);
      }
      assert.ok(metrics.split('\n').every((line) => /^(#.*|concert_.*|)$/.test(line)));
    }
    assert.equal((await get('/nothing')).status, 404);
    assert.equal((await get('/healthz', 'POST')).status, 405);
    assert.equal((await get('/v1')).status, 426);
    assert.equal(await (await get('/', 'HEAD')).text(), '');
  });

  test('the console page runs nothing but the files beside it, and a browser loads again only what has changed', async () => {
    const server = await start(new FakeMember());
    const get = (path: string, headers = {}) => fetch(`http://127.0.0.1:${server.port}${path}`, { headers });
    const page = await get('/');
    const policy = page.headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.doesNotMatch(policy, /unsafe|https?:/);
    const html = await page.text();
    assert.doesNotMatch(html, /<style|style=|<script(?![^>]*\bsrc=)|\bon\w+=/i, 'nothing that the policy refuses');
    const beside = [...html.matchAll(/(?:src|href)="(\/[\w.]+\.\w+)"/g)].map(([, path]) => path!);
    assert.deepEqual(beside.sort(), ['/console.css', '/console.js', '/icon.svg', '/uplot.css', '/uplot.js']);
    const types = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml' };
    for (const path of beside) {
      const file = await get(path);
      assert.equal(file.status, 200, path);
      assert.equal(file.headers.get('content-type'), types[path.split('.')[1] as keyof typeof types], path);
      assert.equal(file.headers.get('content-length'), String((await file.arrayBuffer()).byteLength));
    }
    const etag = page.headers.get('etag') ?? '';
    assert.equal(page.headers.get('cache-control'), 'no-cache');
    for (const has of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      assert.equal((await get('/', { 'If-None-Match': has })).status, 304, has);
    }
    assert.equal((await get('/', { 'If-None-Match': '"other"' })).status, 200);
    assert.equal((await get('/console.js', { 'If-None-Match': etag })).status, 200);
    for (const hidden of [
      '/tsconfig.json',
      '/index.html',
      '/health.test.ts',
      '/../client-server.ts',
      '/%2e%2e/index.ts',
    ]) {
      assert.equal((await get(hidden)).status, 404, hidden);
    }
  });

  test('before there is a member to serve, the port answers 503', async () => {
    const server = await ClientServer.bind({ host: '127.0.0.1', port: 0, insecure: false });
    running.push(server);
    assert.equal(await new Client(server).refusal(), 503);
    const statusOf = async (path: string) => (await fetch(`http://127.0.0.1:${server.port}${path}`)).status;
    assert.deepEqual(
      [await statusOf('/healthz'), await statusOf('/readyz'), await statusOf('/metrics')],
      [200, 503, 503],
    );
  });

  test('what is not HTTP is refused and harms nobody', async () => {
    const server = await start(new FakeMember());
    const socket = connect(server.port, '127.0.0.1');
    socket.end('\x16\x03\x01 this is not HTTP\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 400 /);
    assert.equal((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status, 200);
  });
});

describe('addresses', () => {
  test('loopback is 127.0.0.0/8, ::1 and localhost', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', 'LOCALHOST']) assert.ok(isLoopback(host), host);
    for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.com', '127.example.com', '']) {
      assert.ok(!isLoopback(host), host);
    }
  });

  test('a name that leads to a loopback server is no origin of its own (DNS rebinding)', () => {
    const host = 'evil.example:7001';
    assert.ok(!isOriginAllowed({ origin: `http://${host}`, host, servesLoopbackOnly: true }));
    assert.ok(isOriginAllowed({ origin: `http://${host}`, host, servesLoopbackOnly: false }));
    assert.ok(isOriginAllowed({ origin: 'http://[::1]:7001', host: 'other', servesLoopbackOnly: true }));
    assert.ok(!isOriginAllowed({ origin: 'null', host, servesLoopbackOnly: false }));
    assert.ok(isOriginAllowed({ origin: undefined, host, servesLoopbackOnly: true }));
  });
});
