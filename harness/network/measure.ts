/** What a proxy costs: `node bin/run.cjs harness/network/measure.ts`. The server stands in a thread of its own. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Network } from './network.ts';

const ROUNDS = 3;
const PINGS = 5_000;
const PING = Buffer.alloc(100, 1);
const BULK_BYTES = 512 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024);

/** Answers what begins with 1, takes the rest and answers a byte for each chunk's worth of it. */
function serve(): void {
  const server = createServer({ noDelay: true }, (socket) => {
    let taken = 0;
    socket.on('data', (data) => {
      if (data[0] === 1) return void socket.write(data);
      taken += data.length;
      if (taken === BULK_BYTES) socket.end('!');
    });
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1', () => parentPort!.postMessage(server.address()));
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** Median of the time there and back, in microseconds. */
async function roundTripUs(port: number): Promise<number> {
  const socket = await open(port);
  const times: number[] = [];
  await new Promise<void>((resolve) => {
    let sentAt = 0;
    const ping = () => {
      sentAt = performance.now();
      socket.write(PING);
    };
    socket.on('data', () => {
      times.push(performance.now() - sentAt);
      if (times.length < PINGS) ping();
      else resolve();
    });
    ping();
  });
  socket.destroy();
  times.sort((a, b) => a - b);
  return times[PINGS / 2]! * 1000;
}

async function megabytesPerSecond(port: number): Promise<number> {
  const socket = await open(port);
  const startedAt = performance.now();
  for (let sent = 0; sent < BULK_BYTES; sent += CHUNK.length) {
    if (!socket.write(CHUNK)) await once(socket, 'drain');
  }
  await once(socket, 'data');
  socket.destroy();
  return BULK_BYTES / 1e6 / ((performance.now() - startedAt) / 1000);
}

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const [{ port }] = (await once(worker, 'message')) as [{ port: number }];
  const network = new Network();
  const [proxied] = await network.open([{ from: 'client', to: 'server', host: '127.0.0.1', port }]);
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [name, at] of [
      ['direct', port],
      ['proxied', proxied!],
    ] as const) {
      const us = await roundTripUs(at);
      const rate = await megabytesPerSecond(at);
      process.stdout.write(
        `${name.padEnd(8)} ${us.toFixed(0).padStart(5)} us there and back, ${rate.toFixed(0)} MB/s\n`,
      );
    }
  }
  await network.close();
  await worker.terminate();
} else {
  serve();
}
