/** The thread that writes a lane: one store transaction a batch, synced when it answers. */
import { parentPort, workerData } from 'node:worker_threads';
import type { RootDatabase } from 'lmdb';
import type { RowKey } from '../../certifier/types.ts';
import type { KeyRange } from '../types.ts';
import {
  decodeBatch,
  decodeIdentity,
  encodeIdentity,
  firstRowKeyFrom,
  IDENTITY_KEY,
  type LaneIdentity,
} from './lane-format.ts';
import type { FromWorker, LaneWorkerData, ToWorker } from './messages.ts';
import { openEnvironment } from './open-environment.ts';

/** So many rows of a dropped table are removed at a time, within the one transaction. */
const CLEARED_AT_ONCE = 1000;

const port = parentPort!;
const say = (message: FromWorker) => port.postMessage(message);

class LaneWriter {
  readonly #store: RootDatabase<Uint8Array, RowKey>;
  #identity: LaneIdentity;

  constructor(store: RootDatabase<Uint8Array, RowKey>, identity: LaneIdentity) {
    this.#store = store;
    this.#identity = identity;
  }

  take(message: ToWorker): void {
    switch (message.kind) {
      case 'flush':
        return this.#flush(new Uint8Array(message.batch, 0, message.length));
      case 'close':
        port.close();
        void this.#store.close();
        return;
    }
  }

  #flush(bytes: Uint8Array): void {
    const batch = decodeBatch(bytes);
    if (batch === null) throw new Error('a batch arrived that is none');
    batch.rows.sort((a, b) => (a.key < b.key ? -1 : 1));
    const identity = { ...this.#identity, flushedUpTo: batch.upTo };
    const store = this.#store;
    store.transactionSync(() => {
      for (const range of batch.clear) this.#clear(range);
      for (const { key, value } of batch.rows) {
        if (value === null) void store.remove(key);
        else void store.put(key, value);
      }
      void store.put(IDENTITY_KEY, encodeIdentity(identity));
    });
    this.#identity = identity;
    say({ kind: 'flushed', upTo: batch.upTo });
  }

  #clear({ from, to }: KeyRange): void {
    const start = firstRowKeyFrom(from);
    for (;;) {
      const keys = [...this.#store.getKeys({ start, end: to, limit: CLEARED_AT_ONCE })];
      for (const key of keys) void this.#store.remove(key);
      if (keys.length < CLEARED_AT_ONCE) return;
    }
  }
}

async function make(path: string, identity: LaneIdentity): Promise<void> {
  const store = openEnvironment(path, { mayWrite: true });
  store.transactionSync(() => void store.put(IDENTITY_KEY, encodeIdentity(identity)));
  await store.close();
}

/** The writer, or why not, in words that follow "lane n is". */
function openWriter(path: string): LaneWriter | string {
  let store: RootDatabase<Uint8Array, RowKey>;
  try {
    store = openEnvironment(path, { mayWrite: true });
  } catch (error) {
    return `not readable: ${messageOf(error)}`;
  }
  const bytes = store.get(IDENTITY_KEY);
  const identity = bytes === undefined ? null : decodeIdentity(bytes);
  if (identity === null || identity.kind === 'malformed') {
    void store.close();
    return identity === null ? 'not written by this program' : identity.reason;
  }
  say({ kind: 'opened', identity });
  return new LaneWriter(store, identity);
}

function serve(path: string): void {
  const writer = openWriter(path);
  if (typeof writer === 'string') {
    say({ kind: 'refused', reason: writer });
    port.close();
    return;
  }
  port.on('message', (message: ToWorker) => {
    try {
      writer.take(message);
    } catch (error) {
      say({ kind: 'failed', reason: messageOf(error) });
      port.close();
    }
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const given = workerData as LaneWorkerData;
if (given.make === null) {
  serve(given.path);
} else {
  await make(given.path, given.make);
  say({ kind: 'made' });
  port.close();
}
