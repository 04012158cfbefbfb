import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Client, ConcertError, type StatementOptions, type Step } from '../../../client/index.ts';
import { Import, type ImportSetup } from './import.ts';
import { StateFile } from './import-state.ts';
import type { Input } from './input.ts';

const TABLE = { table: 'a.b', tableId: 1, primaryKey: ['id'], columns: null };

/** A group that has the table, and takes every row unless told otherwise. */
function clientOf(answer: (steps: readonly Step[], options: StatementOptions) => { attempts: number } | undefined) {
  let sequenceNumber = 1;
  const client: Pick<Client, 'describe' | 'transact'> = {
    describe: async () => TABLE,
    transact: async (steps, options) => {
      const { attempts } = answer(steps, options!) ?? { attempts: 1 };
      sequenceNumber++;
      const commit = { gtid: `g:${sequenceNumber}`, sequenceNumber, commitTime: '', snapshotVersion: 1 };
      return { ...commit, attempts, results: [] };
    },
  };
  return client as Client;
}

function inputOf(chunks: () => AsyncIterable<Buffer>): Input {
  return {
    name: 'rows.jsonl',
    size: null,
    identity: null,
    isPacked: false,
    bytesRead: () => 0,
    chunks,
    close: async () => {},
  };
}

function importOf(setup: Pick<ImportSetup, 'client' | 'input'> & Partial<ImportSetup>): Import {
  return new Import({
    reading: { format: 'jsonl', delimiter: ',', header: null },
    table: 'a.b',
    key: ['id'],
    columns: null,
    nullText: null,
    mustBeNew: false,
    bounds: { rowsMax: 100, bytesMax: 100_000 },
    concurrency: 2,
    patienceMs: 1_000,
    badRowFile: null,
    badRowsMax: 0,
    stateFile: null,
    resumeFrom: null,
    clock: { nowMs: () => performance.now(), wait: async () => {}, chance: () => 0 },
    notice: () => {},
    ...setup,
  });
}

async function* linesOf(from: number, upTo: number): AsyncGenerator<Buffer> {
  for (let id = from; id < upTo; id++) yield Buffer.from(`{"id":${id}}\n`);
}

describe('an import', () => {
  test('holds no more of a long file than of a short one', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const lines = Array.from({ length: 1_000 }, (_, i) => `{"id":${i},"text":"${'x'.repeat(100)}"}\n`).join('');
    const heap: number[] = [];
    const chunks = async function* () {
      for (let i = 0; i <= 200; i++) {
        if (i === 20 || i === 200) {
          collectGarbage();
          heap.push(process.memoryUsage().heapUsed);
        }
        yield Buffer.from(lines);
      }
    };
    const { rows } = await importOf({ client: clientOf(() => undefined), input: inputOf(chunks) }).run();
    assert.equal(rows, 201_000);
    const grownMiB = (heap[1]! - heap[0]!) / 1024 / 1024;
    assert.ok(grownMiB < 10, `grown by ${grownMiB} MiB over 20 MiB of rows`);
  });

  test('sends no more than a bounded number of batches past one that hangs', async () => {
    let sent = 0;
    let answer = () => {};
    const hanging = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const client = clientOf(() => undefined);
    const { transact } = client;
    client.transact = async (steps, options) => {
      if (++sent === 1) await hanging;
      return transact(steps, options);
    };
    const input = inputOf(() => linesOf(0, 3_000));
    const running = importOf({ client, input, bounds: { rowsMax: 1, bytesMax: 100 } }).run();
    let before = -1;
    while (sent > before) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(sent > 900 && sent < 1_100, `${sent} batches`);
    answer();
    assert.equal((await running).rows, 3_000);
  });

  test('ends when it is interrupted, also while it waits for further rows', async () => {
    const input = inputOf(async function* () {
      yield* linesOf(0, 150);
      await new Promise(() => {});
    });
    const run = importOf({
      client: clientOf(() => {
        // All rows are read, and the reader waits for more.
        setImmediate(() => run.interrupt());
        return undefined;
      }),
      input,
    });
    const { isInterrupted, rows } = await run.run();
    assert.deepEqual([isInterrupted, rows], [true, 150]);
  });

  test('counts the conflicts that members met by themselves and those that were given back', async () => {
    let transactions = 0;
    const client = clientOf((_steps, { onRetry }) => {
      const refusal = (code: string) =>
        new ConcertError({ code, sqlState: '40001', message: code, retry: 'transaction' });
      transactions++;
      if (transactions === 1) {
        onRetry!(refusal('CERTIFICATION_CONFLICT'), 1);
        onRetry!(refusal('OVERLOADED'), 2);
        return { attempts: 3 };
      }
      if (transactions === 2) throw refusal('CERTIFICATION_CONFLICT');
      return undefined;
    });
    const report = await importOf({ client, input: inputOf(() => linesOf(0, 250)) }).run();
    assert.deepEqual([report.rows, report.conflicts, report.retries], [250, 4, 1]);
  });

  test('goes on without a state file where none can be written, and says so once', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'concert-import-'));
    try {
      writeFileSync(path.join(folder, 'file'), '');
      const identity = { file: 'rows.jsonl', size: 1, mtimeMs: 1, table: 'a.b', reading: '' };
      const said: string[] = [];
      const run = importOf({
        client: clientOf(() => undefined),
        input: inputOf(() => linesOf(0, 500)),
        stateFile: new StateFile(path.join(folder, 'file', 'below'), identity),
        notice: (text) => said.push(text),
      });
      assert.equal((await run.run()).rows, 500);
      assert.equal(said.length, 1);
      assert.match(said[0]!, /cannot be written .*this import cannot be resumed/);
      assert.equal(run.howToGoOn, 'the next run starts at the beginning');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
