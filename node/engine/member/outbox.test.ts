import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { decodeBatch, encodeGroupMessage } from '../../../certifier/index.ts';
import type { Clock, ScheduledCall } from '../../../gcs/base/index.ts';
import { Outbox, type Preparation } from './outbox.ts';

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

const PASSED = { chosenMs: 0, l0Ms: 0 };
const options = {
  inFlightMax: 2,
  batchBytesMax: 100,
  queuedBytesMax: 300,
  noQuorumWaitMs: 1000,
  tuning: { delayMsMax: 0, waitingMin: 8, expectedMin: 2 },
};

const counters = { batchesProposed: 0, batchDelayRaised: 0, batchDelayLowered: 0 };

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
    counters,
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
  outbox.delivered(1, ['one', 'two'], PASSED);
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
    PASSED,
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
  outbox.delivered(1, ['committed'], PASSED);
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
  outbox.delivered(1, ['committed'], PASSED);
  assert.deepEqual(answers, ['b: shutting-down', 'a: committed']);
  assert.equal(outbox.waiting, 0);
});

test('the queue says when it is full', () => {
  hasRoom = false;
  while (!outbox.isFull) add('a');
  assert.ok(outbox.waiting >= 300 / 60);
});

/** A large message that is ready after `slices` turns. */
function addLarge(name: string, { slices = 1, bytes = 250, deadlineMs = 10_000 } = {}): void {
  const batch = new Uint8Array(bytes);
  const prepare = (): Preparation<string> => {
    prepared.push(name);
    let left = slices;
    return () => (--left > 0 ? null : { kind: 'ready', batch });
  };
  outbox.addLarge({ bytes, prepare }, deadlineMs, (fate) => answers.push(`${name}: ${fate}`));
}

/** Names of the large messages whose turn has come. */
let prepared: string[] = [];
beforeEach(() => {
  prepared = [];
});

test('a large message does not count among the batches in flight, nor wait for them', () => {
  add('a');
  clock.advance(0);
  add('b');
  clock.advance(0);
  addLarge('L');
  clock.advance(0);
  assert.deepEqual(
    sent.map((payload) => payload.length === 250),
    [false, false, true],
  );
  outbox.delivered(1, ['one'], PASSED);
  add('c');
  clock.advance(0);
  assert.equal(sent.length, 4, 'with the large one and one batch under way, there is room for a batch');
  outbox.delivered(4, ['four'], PASSED);
  outbox.delivered(2, ['two'], PASSED);
  outbox.delivered(3, ['three'], PASSED);
  assert.deepEqual(answers, ['a: one', 'c: four', 'b: two', 'L: three']);
});

test('small messages leave between the slices in which a large one is made ready', () => {
  addLarge('L', { slices: 3 });
  clock.advance(0);
  clock.advance(0);
  add('a');
  clock.advance(0);
  assert.deepEqual([sent.length, sent[0]!.length < 250, sent[1]!.length], [2, true, 250]);
});

test('of several large messages one travels at a time, and the next is made ready only then', () => {
  addLarge('L');
  addLarge('M');
  clock.advance(0);
  clock.advance(0);
  assert.deepEqual(prepared, ['L']);
  assert.equal(outbox.waiting, 2);
  outbox.delivered(1, ['one'], PASSED);
  clock.advance(0);
  assert.deepEqual(prepared, ['L', 'M']);
  outbox.delivered(2, ['two'], PASSED);
  assert.deepEqual(answers, ['L: one', 'M: two']);
});

test('a large message is taken where none waits, whatever its size, and then takes no room from small ones', () => {
  hasRoom = false;
  addLarge('L', { bytes: 5000 });
  assert.deepEqual([outbox.isFull, outbox.isFullForLarge], [false, true]);
  hasRoom = true;
  clock.advance(0);
  assert.equal(outbox.isFullForLarge, false);
});

test('a large message that is lost before it leaves is answered with its fate, and the next has its turn', () => {
  outbox.addLarge({ bytes: 9, prepare: () => () => ({ kind: 'lost', fate: 'conflict' }) }, 10_000, (fate) =>
    answers.push(`L: ${fate}`),
  );
  addLarge('M');
  clock.advance(0);
  clock.advance(0);
  assert.deepEqual(answers, ['L: conflict']);
  assert.equal(sent.length, 1);
});

test('a large message is refused while it has not left, and unknown when its deadline passes after that', () => {
  addLarge('L', { deadlineMs: 500 });
  addLarge('M', { deadlineMs: 400 });
  clock.advance(0);
  clock.advance(450);
  outbox.sweep(true);
  assert.deepEqual(answers, ['M: overloaded'], 'the other one was before it');
  clock.advance(100);
  outbox.sweep(true);
  assert.deepEqual(answers, ['M: overloaded', 'L: unknown']);
  addLarge('N', { slices: 9 });
  outbox.delivered(1, ['one'], PASSED);
  clock.advance(0);
  outbox.shutDown();
  clock.advance(0);
  assert.deepEqual(answers.slice(2), ['N: shutting-down']);
  assert.equal(outbox.isFullForLarge, false);
  assert.equal(sent.length, 1);
});

test('where many commits are under way a batch waits for company, for so long or until it has it', () => {
  outbox = new Outbox({
    broadcaster: { canBroadcast: () => hasRoom, broadcast: (payload) => sent.push(payload) },
    clock,
    counters,
    options: { ...options, batchBytesMax: 10_000, tuning: { delayMsMax: 4, waitingMin: 2, expectedMin: 1 } },
  });
  const delay = (): number => outbox.tuning.delayMs;
  for (let i = 0; delay() === 0; i++) {
    assert.ok(i < 100, 'it begins to wait');
    for (let j = 0; j < 10; j++) add(`${i}-${j}`);
    clock.advance(20);
    outbox.sweep(true);
    if (sent.length > 1)
      outbox.delivered(
        sent.length - 1,
        Array.from({ length: 10 }, () => 'done'),
        PASSED,
      );
  }
  outbox.delivered(
    sent.length,
    Array.from({ length: 10 }, () => 'done'),
    PASSED,
  );
  assert.equal(delay(), 4);
  const { companyMax } = outbox.tuning;
  const before = sent.length;
  add('alone');
  clock.advance(3);
  assert.equal(sent.length, before);
  clock.advance(1);
  assert.deepEqual(sent.slice(before).map(keysOf), [['....alone']]);
  outbox.delivered(sent.length, ['done'], PASSED);
  const rush = Array.from({ length: companyMax }, (_, at) => `rush-${at}`);
  for (const name of rush.slice(1)) add(name);
  clock.advance(1);
  assert.equal(sent.length, before + 1);
  add(rush[0]!);
  clock.advance(0);
  const last = sent.slice(before + 1).map(keysOf);
  assert.deepEqual(last, [[...rush.slice(1), rush[0]].map((name) => `....${name}`)]);
});

test('whoever is answered can ask how long the order and the disk took, and nobody afterwards', () => {
  const told: unknown[] = [];
  const note = (): void => {
    told.push({ ...outbox.times });
  };
  const encoded = encodeGroupMessage({ kind: 'purge-floor', sequenceNumber: 0 });
  outbox.add(encoded, 10_000, note);
  clock.advance(0);
  clock.advance(5);
  hasRoom = false;
  outbox.add(encoded, 10, note);
  clock.advance(7);
  outbox.delivered(1, ['done'], { chosenMs: 8, l0Ms: 4 });
  hasRoom = true;
  outbox.sweep(true);
  assert.deepEqual(told, [
    { l2Ms: 8, l0Ms: 4 },
    { l2Ms: 0, l0Ms: 0 },
  ]);
  outbox.add(encoded, 20, note);
  clock.advance(0);
  clock.advance(30);
  outbox.sweep(true);
  assert.deepEqual(
    [told[2], outbox.times],
    [
      { l2Ms: 30, l0Ms: 0 },
      { l2Ms: 0, l0Ms: 0 },
    ],
  );
});
