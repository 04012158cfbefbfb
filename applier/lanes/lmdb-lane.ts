/**
 * A lane over LMDB. A worker thread writes; the main thread reads through a transaction of its own, which is the read
 * view: it sees one state until `renewReadView` replaces it. Both share one environment (and one map of the file).
 */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { RangeOptions, RootDatabase, Transaction } from 'lmdb';
import type { RowKey } from '../../certifier/types.ts';
import { assert, ByteReader, DiskError, type SequenceNumber } from '../../gcs/base/index.ts';
import type { BaseRow, FlushBatch, KeyRange, LaneStore, RestoreBatch } from '../types.ts';
import { firstRowKeyFrom, KEY_BYTES_MAX, type LaneIdentity, RowsEncoder, VALUE_HEADER_BYTES } from './lane-format.ts';
import type { FromWorker, LaneWorkerData, ToWorker } from './messages.ts';
import { openEnvironment } from './open-environment.ts';

/** An operating error of a lane: its worker died, or its disk refused. */
export class LaneError extends Error {
  override readonly name = 'LaneError';
  readonly code = 'LANE_FAILED';
  readonly path: string;

  constructor(facts: { path: string; message: string }) {
    super(facts.message);
    this.path = facts.path;
  }
}

/** A worker that has opened its lane's environment, and what it found there. */
export interface StartedWorker {
  readonly worker: Worker;
  readonly path: string;
  readonly identity: LaneIdentity;
}

/** Starts the writer of the lane in the directory `path`, which exists. A string: why it cannot be opened. */
export async function startWorker(path: string): Promise<StartedWorker | string> {
  const worker = spawnWorker({ path, make: null });
  const answer = await firstAnswer(worker);
  if (answer.kind === 'opened') return { worker, path, identity: answer.identity };
  return 'reason' in answer ? answer.reason : `not readable: ${answer.kind}`;
}

/** Makes a durable lane in the directory `path`, which is empty. @throws LaneError */
export async function makeLane(path: string, identity: LaneIdentity): Promise<void> {
  const worker = spawnWorker({ path, make: identity });
  const hasEnded = new Promise((resolve) => worker.once('exit', resolve));
  const answer = await firstAnswer(worker);
  await hasEnded;
  if (answer.kind === 'made') return;
  throw new LaneError({ path, message: 'reason' in answer ? answer.reason : answer.kind });
}

function spawnWorker(workerData: LaneWorkerData): Worker {
  return new Worker(new URL(`./lane-worker${extname(import.meta.filename)}`, import.meta.url), { workerData });
}

function firstAnswer(worker: Worker): Promise<FromWorker> {
  return new Promise((resolve) => {
    worker.once('message', resolve);
    worker.once('error', (error) => resolve({ kind: 'refused', reason: `not readable: ${error.message}` }));
    worker.once('exit', () => resolve({ kind: 'refused', reason: 'not readable: its writer ended' }));
  });
}

/** Lets a started worker end without a lane. */
export function stopWorker({ worker }: StartedWorker): Promise<void> {
  return new Promise((resolve) => {
    worker.once('exit', () => resolve());
    worker.postMessage({ kind: 'close' } satisfies ToWorker);
  });
}

/** In one turn: less than a millisecond. */
const ROWS_ENCODED_AT_ONCE = 1000;
const BYTES_ENCODED_AT_ONCE = 256 * 1024;
/** Nobody waits for a flush: between its turns nothing is encoded for so many times as long as one took. */
const REST = 2;
const REST_MS_MAX = 20;

export class LmdbLane implements LaneStore {
  readonly #path: string;
  readonly #worker: Worker;
  readonly #store: RootDatabase<Uint8Array, RowKey>;
  #view: Transaction;
  #flushedUpTo: SequenceNumber;
  #writing: ((error: Error | null) => void) | null = null;
  #failure: LaneError | null = null;
  #closed: (() => void) | null = null;
  #isEnding = false;
  #hasWorkerEnded = false;

  constructor(started: StartedWorker) {
    this.#path = started.path;
    this.#flushedUpTo = started.identity.flushedUpTo;
    this.#worker = started.worker;
    for (const event of ['message', 'error', 'exit']) this.#worker.removeAllListeners(event);
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => this.#fail(error.message));
    this.#worker.on('exit', () => this.#workerEnded());
    // After the worker: the first to open an environment decides whether the process may write to it.
    this.#store = openEnvironment(started.path, { mayWrite: false });
    this.#view = this.#store.useReadTransaction();
  }

  get flushedUpTo(): SequenceNumber {
    return this.#flushedUpTo;
  }

  flush(batch: FlushBatch, done: (error: Error | null) => void): void {
    assert(batch.upTo > this.#flushedUpTo, 'the flush point grows');
    this.#write(batch, false, done);
  }

  restore({ isFirst, rows, upTo }: RestoreBatch, done: (error: Error | null) => void): void {
    this.#write({ upTo: upTo ?? 0, clear: [], rows }, isFirst, done);
  }

  #write(batch: FlushBatch, clearsAll: boolean, done: (error: Error | null) => void): void {
    assert(this.#writing === null, 'one flush at a time');
    assert(this.#closed === null, 'an open lane is flushed');
    this.#writing = done;
    if (this.#failure !== null) {
      setImmediate(() => this.#answer(this.#failure));
      return;
    }
    const { upTo, clear } = batch;
    const encoder = new RowsEncoder(batch.rows);
    this.#encode(encoder, () => {
      const message: ToWorker = { kind: 'write', upTo, clear, rows: encoder.parts, clearsAll };
      this.#worker.postMessage(
        message,
        encoder.parts.map(({ buffer }) => buffer),
      );
    });
  }

  #encode(encoder: RowsEncoder, done: () => void): void {
    if (this.#writing === null) return; // The worker died meanwhile, and the flush was answered.
    const beganMs = performance.now();
    if (!encoder.encode(ROWS_ENCODED_AT_ONCE, BYTES_ENCODED_AT_ONCE)) return done();
    const restMs = Math.min(REST_MS_MAX, (performance.now() - beganMs) * REST);
    setTimeout(() => this.#encode(encoder, done), restMs);
  }

  renewReadView(): void {
    // LMDB's wrapper shares one transaction among all reads of a while; without the reset it could hand out an old one.
    this.#store.resetReadTxn();
    const before = this.#view;
    this.#view = this.#store.useReadTransaction();
    before.done();
  }

  get(key: RowKey): BaseRow | undefined {
    if (key.length > KEY_BYTES_MAX) return undefined;
    const value = this.#store.get(key, { transaction: this.#view });
    return value === undefined ? undefined : rowOf(value);
  }

  *scan(range: KeyRange, reverse: boolean): Iterable<readonly [RowKey, BaseRow]> {
    const from = firstRowKeyFrom(range.from);
    if (from >= range.to) return;
    // A bound longer than any key: what it begins with is below it, and everything behind that is above it.
    const low = { bound: from.slice(0, KEY_BYTES_MAX), isIn: from.length <= KEY_BYTES_MAX };
    const high = { bound: range.to.slice(0, KEY_BYTES_MAX), isIn: range.to.length > KEY_BYTES_MAX };
    const [start, end] = reverse ? [high, low] : [low, high];
    const options: RangeOptions = {
      start: start.bound,
      end: end.bound,
      reverse,
      exclusiveStart: !start.isIn,
      inclusiveEnd: end.isIn,
      transaction: this.#view,
    };
    for (const { key, value } of this.#store.getRange(options)) yield [key, rowOf(value)];
  }

  close(done: () => void): void {
    this.#closed = done;
    if (this.#writing === null) this.#endWorker();
  }

  #receive(message: FromWorker): void {
    if (message.kind === 'written') {
      this.#flushedUpTo = message.upTo;
      this.#answer(null);
    } else if (message.kind === 'no-room') {
      const facts = { file: this.#path, message: `the lane in ${this.#path} has no room: ${message.reason}` };
      this.#answer(new DiskError({ code: 'NO_SPACE', ...facts }));
    } else {
      this.#fail(message.kind === 'failed' ? message.reason : `unexpected answer: ${message.kind}`);
    }
  }

  #fail(reason: string): void {
    this.#failure ??= new LaneError({ path: this.#path, message: `the lane in ${this.#path} failed: ${reason}` });
    this.#answer(this.#failure);
  }

  #answer(error: Error | null): void {
    const done = this.#writing;
    this.#writing = null;
    if (done === null) return;
    done(error);
    if (this.#closed !== null) this.#endWorker();
  }

  #endWorker(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#view.done();
    if (this.#hasWorkerEnded) this.#letGo();
    else this.#worker.postMessage({ kind: 'close' } satisfies ToWorker);
  }

  #workerEnded(): void {
    this.#hasWorkerEnded = true;
    if (this.#closed !== null && this.#writing === null) this.#letGo();
    else this.#fail('its writer ended');
  }

  #letGo(): void {
    void this.#store.close().then(() => this.#closed!());
  }
}

function rowOf(value: Uint8Array): BaseRow {
  const sequenceNumber = new ByteReader(value).u48();
  const at = value.byteOffset + VALUE_HEADER_BYTES;
  return { sequenceNumber, image: new Uint8Array(value.buffer, at, value.length - VALUE_HEADER_BYTES) };
}
