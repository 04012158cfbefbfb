/**
 * The load on etcd, a process of its own: puts in closed loop over gRPC, written by hand on HTTP/2, which costs less than
 * a client library. Takes one order from its parent, answers once and waits to be ended.
 */
import { type ClientHttp2Session, connect } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { LatencyHistogram } from '../latency-histogram.ts';

export interface EtcdLoadOrder {
  readonly urls: readonly string[];
  readonly keys: number;
  /** Puts outstanding at once. */
  readonly connections: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export interface EtcdLoadResult {
  readonly seconds: number;
  readonly committed: number;
  readonly refused: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  readonly cpuSeconds: number;
  /** With those of the warm-up and of the end. */
  readonly acknowledged: number;
  readonly unknown: number;
}

/** HTTP/2 connections: more than these only cost. */
const sessionsMax = 6;
const value = Buffer.alloc(32, 'x');
const refusedPauseMs = 5;

type Outcome = 'acknowledged' | 'refused' | 'unknown';

export async function load(order: EtcdLoadOrder, measuringBegan: () => void): Promise<EtcdLoadResult> {
  const sessions = Array.from({ length: Math.min(order.connections, sessionsMax) }, (_, at) => {
    const session = connect(order.urls[at % order.urls.length]!);
    session.on('error', () => {});
    return session;
  });
  const latency = new LatencyHistogram();
  const counts = { acknowledged: 0, refused: 0, unknown: 0 };
  let isRunning = true;
  let isMeasuring = false;
  const worker = async (at: number) => {
    const session = sessions[at % sessions.length]!;
    while (isRunning) {
      const from = performance.now();
      const outcome = await put(session, Math.floor(Math.random() * order.keys));
      counts[outcome]++;
      if (isMeasuring && outcome === 'acknowledged') latency.record(performance.now() - from);
      if (outcome !== 'acknowledged') await delay(refusedPauseMs);
    }
  };
  const workers = Array.from({ length: order.connections }, (_, at) => worker(at));
  await delay(order.warmupSeconds * 1000);
  measuringBegan();
  const refusedBefore = counts.refused;
  const cpu = process.cpuUsage();
  const from = performance.now();
  isMeasuring = true;
  await delay(order.seconds * 1000);
  isMeasuring = false;
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const refused = counts.refused - refusedBefore;
  isRunning = false;
  await Promise.all(workers);
  for (const session of sessions) session.close();
  const { count, maxMs } = latency;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => latency.quantileMs(share)) as [number, number, number];
  return {
    seconds,
    committed: count,
    refused,
    latencyMs: { p50, p95, p99, max: maxMs },
    cpuSeconds: (user + system) / 1e6,
    acknowledged: counts.acknowledged,
    unknown: counts.unknown,
  };
}

const headers = {
  ':method': 'POST',
  ':path': '/etcdserverpb.KV/Put',
  'content-type': 'application/grpc',
  te: 'trailers',
};

function put(session: ClientHttp2Session, key: number): Promise<Outcome> {
  return new Promise((resolve) => {
    let status: unknown;
    let isLost = false;
    const request = session.request(headers);
    request.on('response', (answer) => {
      status = answer['grpc-status'] ?? status;
    });
    request.on('trailers', (trailers) => {
      status = trailers['grpc-status'] ?? status;
    });
    request.on('data', () => {});
    request.on('error', () => {
      isLost = true;
    });
    request.on('close', () => {
      if (Number(status) === 0 && !isLost) resolve('acknowledged');
      // Unavailable, deadline, or nothing at all: it may have been done.
      else resolve(status === undefined || isLost || ['4', '14'].includes(String(status)) ? 'unknown' : 'refused');
    });
    request.end(putRequest(Buffer.from(`micro-${String(key).padStart(8, '0')}`)));
  });
}

/** A gRPC frame with a `PutRequest {1: key, 2: value}`; key and value are shorter than 128 bytes. */
function putRequest(key: Buffer): Buffer {
  const length = 2 + key.length + 2 + value.length;
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(length, 1);
  return Buffer.concat([frame, Buffer.from([0x0a, key.length]), key, Buffer.from([0x12, value.length]), value]);
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  process.once('message', (order: EtcdLoadOrder) => {
    void load(order, () => process.send!('measuringBegan')).then((result) => process.send!(result));
  });
  process.on('disconnect', () => process.exit(1));
  process.on('SIGINT', () => {});
}
