/**
 * What the client costs: processor time of its process per update of a row on its own, and per transaction of a read and
 * an update, 16 of them outstanding on one connection; by the client, and by hand over the same two libraries, against a
 * member that only answers.
 *
 *     node bin/run.cjs client/overhead-benchmark.ts [ROUNDS]
 *
 * By hand is the least that can be done: answers are looked up in an array, and the next requests leave in one frame. Each
 * measurement has a process of its own; the two take turns, so that a noisy machine troubles both.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Packr, Unpackr } from 'msgpackr';
import WebSocket, { WebSocketServer } from 'ws';
import { connect } from './index.ts';

const OUTSTANDING = 16;
const WARM_UP = { update: 100_000, transaction: 30_000 };
const MEASURED = { update: 300_000, transaction: 100_000 };
const ROUNDS_DEFAULT = 5;
const TABLE = 'bench.rows';
const ROWS = 100_000;

const packer = new Packr({ useRecords: false, variableMapSize: true });
const unpacker = new Unpackr({ useRecords: false, mapsAsObjects: true });

type How = 'client' | 'hand';
type Work = 'update' | 'transaction';

interface Answer {
  readonly id: number;
  readonly ok: boolean;
}

/** Answers everything as an update that was committed. */
async function answerEverything(): Promise<void> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  let sequenceNumber = 0;
  server.on('connection', (socket) => {
    const member = { memberId: 'm', state: 'ONLINE', role: 'PRIMARY' };
    socket.send(packer.pack({ event: 'welcome', protocolVersion: 1, member, limits: { frameBytesMax: 1024 * 1024 } }));
    socket.on('message', (data) => {
      const frame = unpacker.unpack(data as Buffer) as { id: number } | { id: number }[];
      const answers = (Array.isArray(frame) ? frame : [frame]).map(({ id }) => {
        sequenceNumber++;
        const gtid = `0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9:${sequenceNumber}`;
        const commitTime = '2026-11-20T09:00:00.000Z.3';
        return {
          id,
          ok: true,
          result: { matched: 1, gtid, sequenceNumber, commitTime, snapshotVersion: sequenceNumber - 1 },
        };
      });
      socket.send(packer.pack(answers.length === 1 ? answers[0] : answers));
    });
  });
  await once(server, 'listening');
  process.send!((server.address() as AddressInfo).port);
}

/** Runs `count` pieces of work, 16 at a time. */
type Load = (count: number) => Promise<void>;

async function byClient(url: string, work: Work): Promise<Load> {
  const client = await connect(url);
  const update = (key: number) => client.update(TABLE, key, { value: key });
  const transaction = (key: number) =>
    client.transaction(async (tx) => {
      await tx.get(TABLE, key);
      await tx.update(TABLE, key, { value: key });
    });
  const one: (key: number) => Promise<unknown> = work === 'update' ? update : transaction;
  return async (count) => {
    let begun = 0;
    const caller = async () => {
      while (begun < count) {
        begun++;
        await one(begun % ROWS);
      }
    };
    await Promise.all(Array.from({ length: OUTSTANDING }, caller));
  };
}

async function byHand(url: string, work: Work): Promise<Load> {
  const socket = new WebSocket(url, 'concert.v1.msgpack', { perMessageDeflate: false, skipUTF8Validation: true });
  const waiting: (() => void)[] = [];
  const free: number[] = [];
  let requests: object[] = [];
  const ask = (request: object, answered: () => void) => {
    const id = free.pop() ?? waiting.length;
    waiting[id] = answered;
    requests.push({ id, ...request });
  };
  const send = () => {
    if (requests.length > 0) socket.send(packer.pack(requests.length === 1 ? requests[0] : requests));
    requests = [];
  };
  await once(socket, 'message');
  socket.on('message', (data) => {
    const bytes = data as Buffer;
    const frame = unpacker.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)) as Answer | Answer[];
    for (const { id, ok } of Array.isArray(frame) ? frame : [frame]) {
      const answered = waiting[id]!;
      free.push(id);
      if (ok) answered();
    }
    send();
  });
  const ignore = () => {};
  const update = (key: number, done: () => void) => ask({ op: 'update', table: TABLE, key, set: { value: key } }, done);
  const transaction = (key: number, done: () => void) => {
    const tx = `#${key}`;
    ask({ op: 'begin', tx }, ignore);
    ask({ op: 'get', tx, table: TABLE, key }, () =>
      ask({ op: 'update', tx, table: TABLE, key, set: { value: key } }, () => ask({ op: 'commit', tx }, done)),
    );
  };
  const one = work === 'update' ? update : transaction;
  return (count) =>
    new Promise((resolve) => {
      let begun = 0;
      let done = 0;
      const next = () => {
        if (begun === count) return;
        begun++;
        one(begun % ROWS, () => {
          done++;
          if (done === count) resolve();
          else next();
        });
      };
      for (let i = 0; i < OUTSTANDING; i++) next();
      send();
    });
}

async function measure(how: How, work: Work, url: string): Promise<void> {
  const load = await (how === 'client' ? byClient(url, work) : byHand(url, work));
  await load(WARM_UP[work]);
  const before = process.cpuUsage();
  await load(MEASURED[work]);
  const { user, system } = process.cpuUsage(before);
  process.send!((user + system) / MEASURED[work]);
}

function child(...args: string[]): ChildProcess {
  return fork(import.meta.filename, args, { execPath: process.execPath, execArgv: process.execArgv });
}

async function saidBy(process: ChildProcess): Promise<number> {
  const [said] = await once(process, 'message');
  return said as number;
}

async function compare(work: Work, url: string, rounds: number): Promise<void> {
  const costs: { hand: number; client: number; difference: number }[] = [];
  for (let round = 1; round <= rounds; round++) {
    const [hand, client] = [await costOf('hand', work, url), await costOf('client', work, url)];
    costs.push({ hand, client, difference: client - hand });
    console.log(`  round ${round}: ${shown(costs.slice(-1))}`);
  }
  console.log(`${work}: ${shown(costs)}`);
}

async function costOf(how: How, work: Work, url: string): Promise<number> {
  const measuring = child(how, work, url);
  const cost = await saidBy(measuring);
  measuring.kill();
  return cost;
}

/** Medians. */
function shown(costs: readonly { hand: number; client: number; difference: number }[]): string {
  const [hand, client, difference] = (['hand', 'client', 'difference'] as const).map((column) => {
    const sorted = costs.map((cost) => cost[column]).sort((a, b) => a - b);
    return sorted[sorted.length >> 1]!.toFixed(2);
  });
  return `by hand ${hand}, client ${client}, difference ${difference}`;
}

const [role, ...args] = process.argv.slice(2);
if (role === 'member') await answerEverything();
else if (role === 'client' || role === 'hand') await measure(role, args[0] as Work, args[1]!);
else {
  const rounds = Number(role ?? ROUNDS_DEFAULT);
  const member = child('member');
  const url = `ws://127.0.0.1:${await saidBy(member)}/v1`;
  console.log(`microseconds of processor time, ${OUTSTANDING} outstanding, medians of ${rounds} rounds`);
  await compare('update', url, rounds);
  await compare('transaction', url, rounds);
  member.kill();
}
