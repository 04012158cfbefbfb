/** Whatever comes in over a socket, at whatever port of a member: the error of the contract, and the member unharmed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import WebSocket from 'ws';
import { agreedContent, type Client, LocalGroup, type LocalMember, waitUntil, within } from '../../harness/index.ts';

const ANSWER_MS_MAX = 5_000;

/** An open WebSocket without any manners of ours. The first message of a member's port for clients is its welcome. */
async function rawSocket(url: string, protocol?: string): Promise<WebSocket> {
  const socket = new WebSocket(url, protocol === undefined ? [] : [protocol], { perMessageDeflate: false });
  socket.on('error', () => {});
  const opened = once(socket, url.endsWith('/v1') ? 'message' : 'open').then(([message]) => {
    welcomes.set(socket, message);
  });
  await within(`a connection to ${url}`, ANSWER_MS_MAX, opened);
  return socket;
}

const welcomes = new WeakMap<WebSocket, Buffer>();

async function closeCode(socket: WebSocket): Promise<number> {
  const [code] = await within('the connection is closed', ANSWER_MS_MAX, once(socket, 'close'));
  return code;
}

/** Sends bytes to a port and waits until the other side, or we, have had enough. */
async function throwAt(port: number, ...chunks: readonly (string | Uint8Array)[]): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.resume();
  const closed = once(socket, 'close');
  socket.setTimeout(150, () => socket.destroy());
  for (const chunk of chunks) socket.write(chunk);
  await closed;
}

const garbage = fc.uint8Array({ minLength: 1, maxLength: 2_000, size: 'max' });
const samplesOf = <T>(arbitrary: fc.Arbitrary<T>, count: number): T[] => fc.sample(arbitrary, count);

describe('bad input to a member of a running group:', { timeout: 90_000 }, () => {
  let group: LocalGroup;
  let clients: Client[];
  const pids: number[] = [];
  const cleanups: (() => void | Promise<void>)[] = [];
  before(async () => {
    group = await LocalGroup.create({ after: (cleanup) => cleanups.push(cleanup) });
    pids.push(...group.members.map((member) => member.process.pid));
    clients = await Promise.all(group.members.map((member) => member.client()));
    const columns = { id: { type: 'integer' }, name: { type: 'text' }, at: { type: 'timestamp', nullable: true } };
    await clients[0]!.result('createTable', { table: 'test.typed', primaryKey: ['id'], columns });
    const { sequenceNumber } = await clients[0]!.result('put', { table: 'test.typed', row: { id: 1, name: 'one' } });
    for (const client of clients) await client.result('get', { table: 'test.typed', key: 1, atLeast: sequenceNumber });
  });
  after(async () => {
    for (const client of clients ?? []) client.close();
    for (const cleanup of cleanups) await cleanup();
  });

  /** The same processes serve, ONLINE, and hold the same. */
  const unharmed = async (): Promise<void> => {
    for (const [place, member] of group.members.entries()) {
      assert(member.isRunning && member.process.pid === pids[place], `${member.name} runs`);
      assert.equal(member.process.errors, '');
      assert.equal(await member.state(), 'ONLINE');
      const client = await member.client();
      await client.result('put', { table: 'test.typed', row: { id: 1_000 + place, name: 'still serving' } });
      client.close();
    }
    await agreedContent(group.members, ['test.typed']);
  };
  const atEach = (name: string, body: (member: LocalMember, client: Client, place: number) => Promise<void>) => {
    test(name, { timeout: 30_000 }, async () => {
      for (const [place, member] of group.members.entries()) await body(member, clients[place]!, place);
      await unharmed();
    });
  };

  atEach(
    'malformed JSON and msgpack, and messages that are none, are MALFORMED_MESSAGE, and the connection stays',
    async (member) => {
      for (const [protocol, frames] of [
        [
          'concert.v1.json',
          ['{"id":1,', 'nonsense', '', '42', 'null', '"text"', '[1, 2]', '{}', '{"op":"ping"}', '[[]]'],
        ],
        ['concert.v1.msgpack', [Buffer.from([0xc1]), Buffer.from([0xdf, 255, 255, 255, 255]), Buffer.from([0x93, 1])]],
      ] as const) {
        const socket = await rawSocket(member.url, protocol);
        for (const frame of frames) {
          const answered = within(`an answer to ${frame}`, ANSWER_MS_MAX, once(socket, 'message'));
          socket.send(frame);
          const [data] = await answered;
          assert(String(data).includes('MALFORMED_MESSAGE'), `${frame}: ${data}`);
        }
        assert.equal(socket.readyState, WebSocket.OPEN);
        socket.terminate();
      }
    },
  );

  atEach('each wrong request has the error of the contract, with its facts', async (_member, client) => {
    const table = 'test.typed';
    const wrong: readonly (readonly [string, object, object])[] = [
      ['fly', {}, { code: 'UNKNOWN_OPERATION', op: 'fly' }],
      ['constructor', {}, { code: 'UNKNOWN_OPERATION', op: 'constructor' }],
      ['get', { table: 'test.none', key: 1 }, { code: 'NO_SUCH_TABLE', sqlState: '42S02', table: 'test.none' }],
      ['get', { table: '__proto__', key: 1 }, { code: 'NO_SUCH_TABLE', table: '__proto__' }],
      ['get', { table }, { code: 'INVALID_ARGUMENT', argument: 'key' }],
      ['get', { table, key: 'one' }, { code: 'TYPE_MISMATCH', column: 'id', type: 'integer' }],
      ['get', { table, key: 1, colour: 'red' }, { code: 'INVALID_ARGUMENT', argument: 'colour' }],
      [
        'put',
        { table, row: { id: 2, name: 7 } },
        { code: 'TYPE_MISMATCH', sqlState: '22018', column: 'name', type: 'text' },
      ],
      [
        'put',
        { table, row: { id: 2, name: 'two', size: 7 } },
        { code: 'NO_SUCH_COLUMN', sqlState: '42S22', column: 'size' },
      ],
      ['put', { table, row: { id: 2 } }, { code: 'NULL_VIOLATION', sqlState: '23000', column: 'name' }],
      ['put', { table, row: { id: 1.5, name: 'x' } }, { code: 'TYPE_MISMATCH', column: 'id' }],
      ['put', { table, row: { id: 2, name: 'x', at: 'soon' } }, { code: 'TYPE_MISMATCH', column: 'at' }],
      ['put', { table, row: 'row' }, { code: 'INVALID_ARGUMENT', argument: 'row' }],
      ['insert', { table, row: { id: 1, name: 'again' } }, { code: 'DUPLICATE_KEY', sqlState: '23000', table }],
      ['update', { table, key: 1, set: { id: 2 } }, { code: 'INVALID_ARGUMENT', sqlState: '22023' }],
      ['update', { table, key: 1, set: { size: 2 } }, { code: 'NO_SUCH_COLUMN', column: 'size' }],
      ['scan', { table, where: { size: 2 } }, { code: 'NO_SUCH_COLUMN', column: 'size' }],
      ['scan', { table, index: 'none' }, { code: 'NO_SUCH_INDEX', index: 'none' }],
      ['scan', { table, limit: -1 }, { code: 'INVALID_ARGUMENT', argument: 'limit' }],
      ['scan', { table, cursor: 'forged' }, { code: 'INVALID_ARGUMENT', argument: 'cursor' }],
      ['commit', { tx: 'none' }, { code: 'NO_SUCH_TRANSACTION', sqlState: '25000' }],
      ['put', { tx: 'none', table, row: { id: 2, name: 'two' } }, { code: 'NO_SUCH_TRANSACTION' }],
      ['begin', { tx: 7 }, { code: 'INVALID_ARGUMENT', argument: 'tx' }],
      ['begin', { tx: 't', isolation: 'NONE' }, { code: 'INVALID_ARGUMENT', argument: 'isolation' }],
      ['createTable', { table, primaryKey: ['id'] }, { code: 'TABLE_EXISTS', sqlState: '42S01', table }],
      ['createTable', { table: 'test.bad', primaryKey: [] }, { code: 'INVALID_ARGUMENT', argument: 'primaryKey' }],
      ['dropTable', { table: 'test.none' }, { code: 'NO_SUCH_TABLE', table: 'test.none' }],
      ['transact', { steps: 'all' }, { code: 'INVALID_ARGUMENT', argument: 'steps' }],
    ];
    for (const [op, facts, expected] of wrong) {
      const error = await within(`${op} ${JSON.stringify(facts)}`, ANSWER_MS_MAX, client.error(op, { ...facts }));
      const found = Object.fromEntries(Object.keys(expected).map((name) => [name, error[name]]));
      assert.deepEqual(found, expected, `${op} ${JSON.stringify(facts)}: ${JSON.stringify(error)}`);
      assert.equal(typeof error.message, 'string');
      assert(['no', 'transaction', 'elsewhere', 'withKey'].includes(error.retry));
    }
  });

  atEach('a primary key change dooms its transaction, of which nothing is done', async (_member, client, place) => {
    const table = 'test.typed';
    await client.result('begin', { tx: 'doomed' });
    await client.result('put', { tx: 'doomed', table, row: { id: 500 + place, name: 'half' } });
    const error = await client.error('update', { tx: 'doomed', table, key: 1, set: { id: 9 } });
    assert.equal(error.code, 'INVALID_ARGUMENT');
    const aborted = await client.error('commit', { tx: 'doomed' });
    assert.equal(aborted.code, 'TRANSACTION_ABORTED');
    assert.equal((aborted.cause as { code: string }).code, 'INVALID_ARGUMENT');
    await client.result('rollback', { tx: 'doomed' });
    for (const other of clients) {
      assert.deepEqual(await other.result('getMany', { table, keys: [500 + place, 9] }), [null, null]);
    }
  });

  atEach('a frame over the limit closes its connection with 1009', async (member) => {
    const socket = await rawSocket(member.url, 'concert.v1.json');
    const { frameBytesMax } = [JSON.parse(String(welcomes.get(socket)))].flat()[0].limits;
    const code = closeCode(socket);
    socket.send('x'.repeat(frameBytesMax + 1));
    assert.equal(await code, 1009);
  });

  atEach('a text frame that is no UTF-8 closes with 1007, lost framing with 1002', async (member) => {
    for (const [bytes, expected] of [
      [Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]), 1007],
      [Buffer.from([0xff, 0x80, 0, 0, 0, 0]), 1002],
    ] as const) {
      const socket = await rawSocket(member.url, 'concert.v1.json');
      const code = closeCode(socket);
      (socket as unknown as { _socket: { write(data: Buffer): void } })._socket.write(bytes);
      assert.equal(await code, expected);
    }
  });

  atEach(
    'a binary frame on a JSON connection is answered or closes it, and so is a text frame on a msgpack one',
    async (member) => {
      for (const [protocol, frame] of [
        ['concert.v1.json', Buffer.from([0x81, 0xa2, 0x69, 0x64, 1])],
        ['concert.v1.msgpack', '{"id":1,"op":"ping"}'],
      ] as const) {
        const socket = await rawSocket(member.url, protocol);
        const answered = Promise.race([once(socket, 'message'), once(socket, 'close')]);
        socket.send(frame);
        const [said] = await within('an answer', ANSWER_MS_MAX, answered);
        assert(typeof said === 'number' || String(said).includes('MALFORMED_MESSAGE'), String(said));
        socket.terminate();
      }
    },
  );

  test('a connection that drops takes its open transaction with it: its writes are nowhere, its snapshot is released', async () => {
    for (const [place, member] of group.members.entries()) {
      const dropping = await member.client();
      for (let i = 0; i < 20; i++) {
        const tx = `open-${i}`;
        await dropping.result('begin', { tx });
        await dropping.result('put', { tx, table: 'test.typed', row: { id: 600 + place, name: 'dropped' } });
      }
      assert.equal(await member.metric('concert_open_transactions'), 20);
      dropping.close();
      await waitUntil('no transaction is open', ANSWER_MS_MAX, async () => {
        return (await member.metric('concert_open_transactions')) === 0;
      });
      for (const client of clients) {
        const { appliedUpTo } = await member.stats();
        const facts = { table: 'test.typed', key: 600 + place, atLeast: appliedUpTo };
        assert.deepEqual(await client.ask('get', facts), { kind: 'result', result: {} });
      }
    }
    await unharmed();
  });

  test('1,000 connections that are opened and dropped leave nothing behind', async () => {
    for (const member of group.members) {
      const before = await member.metric('concert_client_connections');
      for (let round = 0; round < 4; round++) {
        await Promise.all(
          Array.from({ length: 84 }, async () => {
            const socket = await rawSocket(member.url);
            socket.send('{"id":1,"op":"begin","tx":"t"}');
            socket.terminate();
          }),
        );
      }
      await waitUntil('all are gone', ANSWER_MS_MAX, async () => {
        return (await member.metric('concert_client_connections')) <= before;
      });
      assert.equal(await member.metric('concert_open_transactions'), 0);
    }
    await unharmed();
  });

  test('random bytes and broken HTTP at the port for clients', async () => {
    for (const { port } of group.members) {
      const requests = [
        'GET / HTTP/9.9\r\n\r\n',
        'GET /v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
        `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
        'POST /v1 HTTP/1.1\r\nContent-Length: -5\r\n\r\n',
        'GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
        'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
        'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
      ];
      await Promise.all(requests.map((request) => throwAt(port, request)));
      await Promise.all(samplesOf(garbage, 40).map((bytes) => throwAt(port, bytes)));
    }
    await unharmed();
  });

  test('random frames and random requests on a connection of a client', async () => {
    for (const member of group.members) {
      for (const protocol of ['concert.v1.json', 'concert.v1.msgpack']) {
        const socket = await rawSocket(member.url, protocol);
        for (const bytes of samplesOf(garbage, 100)) socket.send(bytes);
        const values = fc.record(
          {
            id: fc.oneof(fc.nat(), fc.string(), fc.constant(null)),
            op: fc.oneof(
              fc.string(),
              fc.constantFrom('get', 'scan', 'begin', 'commit', 'transact', 'cancel', 'conflicts'),
            ),
            tx: fc.oneof(fc.string(), fc.nat()),
            table: fc.oneof(fc.constant('test.typed'), fc.string()),
            key: fc.jsonValue(),
            where: fc.jsonValue(),
            steps: fc.jsonValue(),
            limit: fc.oneof(fc.double(), fc.nat()),
          },
          { requiredKeys: [] },
        );
        for (const value of samplesOf(values, 200)) socket.send(JSON.stringify(value));
        const isOpen = socket.readyState === WebSocket.OPEN;
        assert(isOpen, 'frames that cannot be read close nothing');
        socket.close();
        await closeCode(socket);
      }
    }
    await unharmed();
  });

  test('random bytes, broken HTTP, foreign frames and text at the port for members', async () => {
    for (const { groupPort } of group.members) {
      await Promise.all([
        throwAt(groupPort, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
        throwAt(groupPort, 'GET /group HTTP/1.1\r\nHost: x\r\n\r\n'),
        throwAt(groupPort, `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`),
        throwAt(groupPort, 'GET /v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
      ]);
      await Promise.all(samplesOf(garbage, 40).map((bytes) => throwAt(groupPort, bytes)));
      const url = `ws://127.0.0.1:${groupPort}/group`;
      const frames = [
        ...samplesOf(garbage, 30),
        ...[0, 1, 2, 3, 4, 5, 6].map((kind) => Buffer.from([kind, 1, 0, 0, 0])),
      ];
      await Promise.all(
        frames.map(async (frame) => {
          const socket = await rawSocket(url);
          const code = closeCode(socket);
          socket.send(frame);
          await code;
        }),
      );
      const text = await rawSocket(url);
      const code = closeCode(text);
      text.send('hello');
      assert.equal(await code, 1003);
      const broken = await rawSocket(url);
      const brokenCode = closeCode(broken);
      (broken as unknown as { _socket: { write(data: Buffer): void } })._socket.write(
        Buffer.from([0xff, 0x80, 0, 0, 0, 0]),
      );
      await brokenCode;
    }
    await unharmed();
  });
});
