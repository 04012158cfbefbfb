import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { decodeBatch, encodeGroupMessage } from '../../../certifier/index.ts';
import type { Clock, ScheduledCall } from '../../../gcs/base/index.ts';
import { Outbox } from './outbox.ts';

/** Time that the test moves. */
class TestClock implements Clock {
  now = 0;
  #calls: { at: number; callback: (() => void) | null }[] = [];

  monotonicMs(): number {
    return this.now;
  }

  wallMs(): number {
    return this.now;
  }

  schedule(delayMs: number, callback: () => void): ScheduledCall {
    const call: { at: number; callback: (() => void) | null } = { at: this.now + delayMs, callback };
    this.#calls.push(call);
    return {
      cancel: () => {
        call.callback = null;
      },
    };
  }

  advance(ms: number): void {
    this.now += ms;
    const due = this.#calls.filter((call) => call.at <= this.now);
    this.#calls = this.#calls.filter((call) => call.at > this.now);
    for (const { callback } of due) callback?.();
  }
}

const options = { inFlightMax: 2, batchBytesMax: 100, queuedBytesMax: 300, noQuorumWaitMs: 1000 };

let clock: TestClock;
let sent: Uint8Array[];
let hasRoom: boolean;
let outbox: Outbox<string>;
let answers: string[];

beforeEach(() => {
  clock = new TestClock();
  sent = [];
  hasRoom = true;
  answers = [];
  outbox = new Outbox({
    broadcaster: { canBroadcast: () => hasRoom, broadcast: (payload) => sent.push(payload) },
    clock,
    options,
  });
});

function add(name: string, deadlineMs = 10_000): void {
  const encoded = encodeGroupMessage({
    kind: 'transaction',
    transaction: { snapshotVersion: 0, writeSet: [{ key: `....${name}`, kind: 'put', image: new Uint8Array(20) }] },
  });
  outbox.add(encoded, deadlineMs, (fate) => answers.push(`${name}: ${fate}`));
}

function keysOf(payload: Uint8Array): string[] {
  const batch = decodeBatch(payload);
  assert.equal(batch.kind, 'batch');
  return batch.messages.map((message) => (message.kind === 'transaction' ? message.transaction.writeSet[0]!.key : ''));
}

test('messages that become ready in one turn travel as one batch, in their order', () => {
  add('a');
  add('b');
  assert.equal(sent.length, 0);
  clock.advance(0);
  assert.deepEqual(sent.map(keysOf), [['....a', '....b']]);
  outbox.delivered(1, ['one', 'two']);
  assert.deepEqual(answers, ['a: one', 'b: two']);
});

test('a batch takes no message beyond its bound, and no more batches leave than may be in flight', () => {
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) add(name);
  clock.advance(0);
  assert.equal(sent.length, 2);
  assert.ok(sent.every((payload) => payload.length < 110));
  const left = sent.flatMap(keysOf).length;
  outbox.delivered(
    1,
    keysOf(sent[0]!).map(() => 'done'),
  );
  clock.advance(0);
  assert.equal(sent.length, 3);
  assert.ok(sent.flatMap(keysOf).length > left);
});

test('what could not leave for want of a quorum is refused after the wait, and never sent afterwards', () => {
  hasRoom = false;
  add('a');
  clock.advance(999);
  outbox.sweep(false);
  assert.deepEqual(answers, []);
  clock.advance(1);
  outbox.sweep(false);
  assert.deepEqual(answers, ['a: no-quorum']);
  hasRoom = true;
  clock.advance(1);
  outbox.sweep(true);
  clock.advance(1);
  assert.deepEqual(sent, []);
});

test('what has left is unknown at its deadline, and its late fate is answered to nobody', () => {
  add('a', 500);
  clock.advance(0);
  clock.advance(500);
  outbox.sweep(true);
  assert.deepEqual(answers, ['a: unknown']);
  outbox.delivered(1, ['committed']);
  assert.deepEqual(answers, ['a: unknown']);
});

test('at shutdown what has not left is refused, and what has left may still come back', () => {
  add('a');
  clock.advance(0);
  hasRoom = false;
  add('b');
  clock.advance(0);
  outbox.shutDown();
  assert.deepEqual(answers, ['b: shutting-down']);
  assert.equal(outbox.waiting, 1);
  outbox.delivered(1, ['committed']);
  assert.deepEqual(answers, ['b: shutting-down', 'a: committed']);
  assert.equal(outbox.waiting, 0);
});

test('the queue says when it is full', () => {
  hasRoom = false;
  while (!outbox.isFull) add('a');
  assert.ok(outbox.waiting >= 300 / 60);
});
