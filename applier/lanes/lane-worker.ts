/** The thread that writes a lane: one store transaction a batch, synced when it answers. */
import { statfsSync } from 'node:fs';
import { constants } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { RootDatabase } from 'lmdb';
import type { RowKey } from '../../certifier/types.ts';
import type { KeyRange } from '../types.ts';
import {
  decodeIdentity,
  decodeRows,
  encodeIdentity,
  firstRowKeyFrom,
  IDENTITY_KEY,
  type LaneIdentity,
} from './lane-format.ts';
import { lowerPriority } from './lower-priority.ts';
import type { FromWorker, LaneWorkerData, ToWorker } from './messages.ts';
import { openEnvironment } from './open-environment.ts';

/** So many rows of a dropped table are removed at a time, within the one transaction. */
const CLEARED_AT_ONCE = 1000;

const port = parentPort!;
const say = (message: FromWorker) => port.postMessage(message);

/** Pages of the trees above the rows, and what others write meanwhile. */
const ROOM_BESIDE_BYTES = 256 * 1024;

class LaneWriter {
  readonly #path: string;
  readonly #store: RootDatabase<Uint8Array, RowKey>;
  #identity: LaneIdentity;

  constructor(path: string, store: RootDatabase<Uint8Array, RowKey>, identity: LaneIdentity) {
    this.#path = path;
    this.#store = store;
    this.#identity = identity;
  }

  take(message: ToWorker): void {
    switch (message.kind) {
      case 'write':
        return this.#write(message);
      case 'close':
        port.close();
        void this.#store.close();
        return;
    }
  }

  #write({ upTo, clear, rows: parts, clearsAll }: Extract<ToWorker, { kind: 'write' }>): void {
    const needed = parts.reduce((sum, { length }) => sum + length, ROOM_BESIDE_BYTES);
    if (roomOf(this.#path) < needed) return say({ kind: 'no-room', reason: 'no space left on device' });
    const rows = decodeRows(parts);
    if (rows === null) throw new Error('a batch arrived that is none');
    rows.sort((a, b) => (a.key < b.key ? -1 : 1));
    const identity = { ...this.#identity, flushedUpTo: upTo };
    const store = this.#store;
    try {
      store.transactionSync(() => {
        if (clearsAll) store.clearSync();
        for (const range of clear) this.#clear(range);
        for (const { key, value } of rows) {
          if (value === null) void store.remove(key);
          else void store.put(key, value);
        }
        void store.put(IDENTITY_KEY, encodeIdentity(identity));
      });
    } catch (error) {
      if (!isWantOfRoom(error, roomOf(this.#path) < needed)) throw error;
      return say({ kind: 'no-room', reason: messageOf(error) });
    }
    this.#identity = identity;
    say({ kind: 'written', upTo });
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

/** Bytes that are left on the disk. */
function roomOf(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

/**
 * Whether a commit failed for want of room: then the transaction is gone, and the environment as it was before. A write
 * that was cut short for want of room is an input/output error to LMDB. All that the transaction wrote is written and
 * synced again when the batch comes again, so that nothing is built on what a failed sync left (R14).
 */
function isWantOfRoom(error: unknown, isRoomShort: boolean): boolean {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  if (code === MAP_FULL || code === constants.errno.ENOSPC || code === constants.errno.EDQUOT) return true;
  return code === constants.errno.EIO && isRoomShort;
}

/** LMDB's own: the map cannot be made larger. */
const MAP_FULL = -30792;

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
  return new LaneWriter(path, store, identity);
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
// Nobody waits for a flush, and many wait for the main thread.
lowerPriority();
if (given.make === null) {
  serve(given.path);
} else {
  await make(given.path, given.make);
  say({ kind: 'made' });
  port.close();
}
