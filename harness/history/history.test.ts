import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { HistoryWriter } from './history-writer.ts';
import { HistoryFileError, readHistory } from './read-history.ts';

function fileFor(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-history-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return path.join(folder, 'history.jsonl');
}

const get = (process: number) => ({ process, member: 'member-1', op: 'get', arguments: { table: 'test.t', key: 1 } });

describe('a history', () => {
  test('is read as it was written: each request with what became of it, and what else happened', async (t) => {
    const file = fileFor(t);
    const writer = new HistoryWriter(file, { seed: 7 });
    const [one, two] = [writer.newProcess(), writer.newProcess()];
    const found = writer.invoke(get(one));
    const unknown = writer.invoke({ process: two, member: null, op: 'put', arguments: { table: 'test.t', row: {} } });
    found.ok({ id: 1 });
    writer.note({ fault: { kind: 'kill', members: 'leader' } });
    writer.invoke(get(one)).answered({ code: 'NO_QUORUM', sqlState: '08000' });
    unknown.answered({ code: 'UNKNOWN_OUTCOME' });
    writer.invoke(get(two)).answered({ code: 'COMMITTED_NOT_EVERYWHERE', gtid: 'g:1' });
    writer.invoke(get(two));
    writer.close();
    const { header, operations, notes, isTorn } = await readHistory(file);
    assert.deepEqual(header.facts, { seed: 7 });
    assert.equal(isTorn, false);
    const seen = operations.map(({ process, op, outcome, completedIndex, result, error }) => {
      return [process, op, outcome, completedIndex, result ?? error?.code];
    });
    assert.deepEqual(seen, [
      [1, 'get', 'ok', 2, { id: 1 }],
      [2, 'put', 'info', 6, 'UNKNOWN_OUTCOME'],
      [1, 'get', 'fail', 5, 'NO_QUORUM'],
      [2, 'get', 'ok', 8, 'COMMITTED_NOT_EVERYWHERE'],
      [2, 'get', 'info', null, undefined],
    ]);
    assert.deepEqual(
      notes.map(({ index, note }) => [index, note]),
      [[3, { fault: { kind: 'kill', members: 'leader' } }]],
    );
    const times = operations.flatMap(({ invokedUs, completedUs }) =>
      completedUs === null ? [] : [completedUs - invokedUs],
    );
    assert(times.every((us) => us >= 0));
  });

  test('has bytes and large integers as the JSON of the WebSocket API has them', async (t) => {
    const file = fileFor(t);
    const writer = new HistoryWriter(file);
    const row = { small: 5n, large: 2n ** 60n, bytes: new Uint8Array([1, 2]), buffer: Buffer.from('a') };
    writer.invoke({ process: 1, member: null, op: 'put', arguments: { row } }).ok({});
    writer.close();
    assert.deepEqual((await readHistory(file)).operations[0]!.arguments, {
      row: { small: 5, large: '1152921504606846976', bytes: { $bytes: 'AQI=' }, buffer: { $bytes: 'YQ==' } },
    });
  });

  test('whose writer was ended in a line is read up to it', async (t) => {
    const file = fileFor(t);
    const writer = new HistoryWriter(file);
    writer.invoke(get(1)).ok(null);
    writer.close();
    const whole = readFileSync(file, 'utf8');
    writeFileSync(file, whole.slice(0, -10));
    const { operations, isTorn } = await readHistory(file);
    assert.deepEqual([operations.length, operations[0]!.outcome, isTorn], [1, 'info', true]);
  });

  test('that is none is refused with the line and what is wrong there', async (t) => {
    const file = fileFor(t);
    const writer = new HistoryWriter(file);
    writer.invoke(get(1)).ok(null);
    writer.close();
    const [header, invocation, completion] = readFileSync(file, 'utf8').trimEnd().split('\n') as [
      string,
      string,
      string,
    ];
    for (const [lines, expected] of [
      [[], /line 1: has no header/],
      [[invocation], /line 1: has no header/],
      [[header.replace('"history":1', '"history":2'), invocation], /line 1: is of version 2, not 1/],
      [[header, 'x', invocation], /line 2: is no JSON/],
      [[header, completion], /line 2: its index is not 0/],
      [[header, completion.replace('"index":1', '"index":0')], /line 2: completes 0, which is no invocation before it/],
      [[header, invocation, completion, completion.replace('"index":1', '"index":2')], /line 4: completes 0 a second/],
      [[header, invocation.replace('invoke', 'invite')], /line 2: has the type "invite", which is none/],
      [[header, '{"index":0,"type":"invoke"}'], /line 2: an invocation has a process and an op/],
    ] as const) {
      writeFileSync(file, lines.join('\n'));
      await assert.rejects(readHistory(file), (error) => {
        assert(error instanceof HistoryFileError);
        assert.match(error.message, expected);
        return true;
      });
    }
  });
});
