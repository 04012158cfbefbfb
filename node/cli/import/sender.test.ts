import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ConcertError, type Step } from '../../../client/index.ts';
import type { Batch, BatchRow } from './batches.ts';
import type { DoneBatch } from './done-prefix.ts';
import { RowRefused, Sender } from './sender.ts';
import type { SourceRow } from './source-row.ts';

function batchRow(id: number): BatchRow {
  const end = { rows: id, bytes: id, line: id };
  const source: SourceRow = { line: id, end, content: { kind: 'value', value: { id }, text: '' } };
  return { source, row: { id }, key: String(id) };
}

function batch(number: number, ...ids: number[]): Batch {
  const rows = ids.map(batchRow);
  return { number, rows, end: rows.at(-1)!.source.end, badRows: 0 };
}

function refusal(code: string, sqlState: string, retry: 'no' | 'transaction' | 'withKey' = 'no', facts: object = {}) {
  return new ConcertError({ code, sqlState, retry, message: code, ...facts });
}

/** A group that answers as it is told; its clock goes on by waiting only. */
class Group {
  nowMs = 0;
  readonly done = new Map<number, DoneBatch>();
  readonly refused: number[] = [];
  readonly written: number[][] = [];
  readonly sender: Sender;
  passesBy = false;

  constructor(answer: (ids: readonly number[], attempt: number) => Promise<void> | void, concurrency = 1) {
    let attempts = 0;
    this.sender = new Sender({
      table: 'a.b',
      concurrency,
      patienceMs: 10_000,
      transact: async (steps: readonly Step[]) => {
        for (const step of steps) assert.deepEqual([step.op, step.table], ['put', 'a.b']);
        const ids = steps.map(({ row }) => (row as { id: number }).id);
        await answer(ids, ++attempts);
        this.written.push(ids);
        return { conflicts: 0 };
      },
      isRefusal: (error) => error instanceof ConcertError,
      refused: ({ source }) => {
        this.refused.push(source.line);
        return this.passesBy;
      },
      done: ({ number }, outcome) => this.done.set(number, outcome),
      clock: {
        nowMs: () => this.nowMs,
        chance: () => 0.5,
        wait: async (ms) => {
          this.nowMs += ms;
        },
      },
    });
  }
}

describe('a sender', () => {
  test('has no more batches under way than allowed, and waits for all of them', async () => {
    const waiting: (() => void)[] = [];
    const group = new Group(() => new Promise((resolve) => waiting.push(resolve)), 2);
    await group.sender.send(batch(0, 1));
    await group.sender.send(batch(1, 2));
    let isSent = false;
    const third = group.sender.send(batch(2, 3)).then(() => {
      isSent = true;
    });
    await turn();
    assert.deepEqual([waiting.length, isSent], [2, false]);
    waiting[1]!();
    await third;
    await turn();
    assert.equal(waiting.length, 3);
    for (const answer of waiting) answer();
    await group.sender.idle();
    assert.deepEqual([...group.done.keys()].sort(), [0, 1, 2]);
    assert.deepEqual(group.sender.counters, { batches: 3, rows: 3, conflicts: 0, retries: 0 });
  });

  test('sends again what was refused for now, what lost a conflict, and what has an unknown outcome', async () => {
    const errors = [
      refusal('CERTIFICATION_CONFLICT', '40001', 'transaction'),
      refusal('UNKNOWN_OUTCOME', '08007', 'withKey'),
      refusal('CONNECTION_LOST', '08000'),
    ];
    const group = new Group((_ids, attempt) => {
      if (attempt <= errors.length) throw errors[attempt - 1]!;
    });
    await group.sender.send(batch(0, 1, 2));
    await group.sender.idle();
    assert.deepEqual(group.written, [[1, 2]]);
    assert.deepEqual(group.sender.counters, { batches: 1, rows: 2, conflicts: 1, retries: 2 });
  });

  test('gives up when nothing was acknowledged for as long as its patience', async () => {
    const group = new Group(() => {
      throw refusal('NO_QUORUM', '08000', 'transaction');
    });
    await group.sender.send(batch(0, 1));
    await assert.rejects(group.sender.idle(), /no member has taken rows for 1\d seconds: NO_QUORUM/);
    assert.equal(group.done.size, 0);
  });

  test('sends nothing again when it was stopped', async () => {
    const group = new Group(() => {
      throw refusal('UNKNOWN_OUTCOME', '08007', 'withKey');
    });
    group.sender.stop();
    await group.sender.send(batch(0, 1));
    await assert.rejects(group.sender.idle(), /UNKNOWN_OUTCOME/);
  });

  test('cuts a batch that is too much in halves', async () => {
    const group = new Group((ids) => {
      if (ids.length > 2) throw refusal('TRANSACTION_TOO_LARGE', '54000', 'no', { step: 1 });
    });
    await group.sender.send(batch(0, 1, 2, 3, 4, 5));
    await group.sender.idle();
    assert.deepEqual(group.written, [[1, 2], [3], [4, 5]]);
    assert.equal(group.done.get(0)!.rows, 5);
  });

  for (const [how, facts] of [
    ['that the member names', (ids: readonly number[]) => ({ step: ids.indexOf(3) })],
    ['that is found by halves', () => ({})],
  ] as const) {
    const refusing = (ids: readonly number[]) => {
      if (ids.includes(3)) throw refusal('FOREIGN_KEY_VIOLATION', '23000', 'no', facts(ids));
    };

    test(`passes a row by ${how}, and writes the others`, async () => {
      const group = new Group(refusing);
      group.passesBy = true;
      await group.sender.send(batch(0, 1, 2, 3, 4, 5));
      await group.sender.idle();
      assert.deepEqual(group.refused, [3]);
      assert.deepEqual(group.written.flat().sort(), [1, 2, 4, 5]);
      assert.deepEqual(group.done.get(0), { end: batchRow(5).source.end, rows: 4, badRows: 1 });
    });

    test(`stops at a row ${how}, and does not call its batch done`, async () => {
      const group = new Group(refusing, 2);
      await group.sender.send(batch(0, 1, 2, 3, 4, 5));
      await group.sender.send(batch(1, 6));
      await assert.rejects(group.sender.idle(), (error) => error instanceof RowRefused && error.row.source.line === 3);
      assert.deepEqual([...group.done.keys()], [1]);
      await assert.rejects(group.sender.send(batch(2, 7)), RowRefused, 'nothing more is sent');
    });
  }

  test('ends with an error that no other batch could avoid', async () => {
    const group = new Group(() => {
      throw refusal('NO_SUCH_TABLE', '42S02', 'no', { step: 0 });
    });
    await group.sender.send(batch(0, 1));
    await assert.rejects(group.sender.idle(), /NO_SUCH_TABLE/);
    const broken = new Group(() => {
      throw new TypeError('a defect');
    });
    await broken.sender.send(batch(0, 1));
    await assert.rejects(broken.sender.idle(), TypeError);
  });
});
