import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../../gcs/base/index.ts';
import { BatchTuner, type BatchTunerOptions } from './batch-tuner.ts';

const LOOK_EVERY_MS = 50;
const options: BatchTunerOptions = { delayMsMax: 1, waitingMin: 8, expectedMin: 2 };

/** A member on which `clients` wait for a commit each, which takes `latencyMs` and the delay. */
class Load {
  readonly tuner: BatchTuner;
  readonly decisions = { batchDelayRaised: 0, batchDelayLowered: 0 };
  readonly #random = new SeededRandom(7);
  #nowMs = 0;

  constructor(of: Partial<BatchTunerOptions> = {}) {
    this.tuner = new BatchTuner({ ...options, ...of }, this.decisions);
  }

  /** Returns the delays that there were, one a look. `noise`: the rate is off by up to this part of it. */
  run(seconds: number, { clients, latencyMs }: { clients: number; latencyMs: number }, noise = 0): number[] {
    const delays: number[] = [];
    let owed = 0;
    for (const endMs = this.#nowMs + seconds * 1000; this.#nowMs < endMs; ) {
      this.#nowMs += LOOK_EVERY_MS;
      const off = 1 + noise * (this.#random.below(2001) / 1000 - 1);
      owed += (off * LOOK_EVERY_MS * clients) / (latencyMs + this.tuner.delayMs);
      for (; owed >= 1; owed--) this.tuner.added();
      this.tuner.look(this.#nowMs, clients);
      delays.push(this.tuner.delayMs);
    }
    return delays;
  }
}

test('one client after the other is never made to wait', () => {
  for (const clients of [1, 2, 4]) {
    const delays = new Load().run(20, { clients, latencyMs: 0.7 });
    assert.ok(delays.every((delay) => delay === 0));
  }
});

test('where many commits are under way batches wait within 5 s, and 5 s after that is over they do not', () => {
  const load = new Load();
  load.run(5, { clients: 2, latencyMs: 1 });
  assert.equal(load.run(5, { clients: 21, latencyMs: 5 }).at(-1), 1);
  assert.equal(load.run(5, { clients: 2, latencyMs: 1 }).at(-1), 0);
  assert.deepEqual(load.decisions, { batchDelayRaised: 1, batchDelayLowered: 1 });
});

test('slow commits of many clients, of which no more come within the delay, do not wait', () => {
  assert.equal(new Load().run(10, { clients: 20, latencyMs: 100 }).at(-1), 0);
});

test('a load at the edge does not move the delay back and forth', () => {
  for (const clients of [7, 8, 9, 10, 11, 12]) {
    const load = new Load();
    load.run(60, { clients, latencyMs: 4 }, 0.3);
    const { batchDelayRaised: up, batchDelayLowered: down } = load.decisions;
    assert.ok(up + down <= 1, `${clients} clients: ${up} up, ${down} down`);
  }
});

test('the delay is a small part of what a commit takes anyway, and never beyond its bound', () => {
  const load = new Load({ delayMsMax: 5 });
  assert.equal(load.run(5, { clients: 64, latencyMs: 3 }).at(-1), 0);
  const delay = load.run(5, { clients: 64, latencyMs: 12 }).at(-1)!;
  assert.ok(delay >= 2 && delay <= 4, `${delay} ms of some 15`);
  assert.equal(load.run(5, { clients: 256, latencyMs: 100 }).at(-1), 5);
  assert.equal(load.run(5, { clients: 64, latencyMs: 1 }).at(-1), 0);
});

test('a batch does not wait when several times what is to be expected has come', () => {
  const load = new Load();
  assert.equal(load.tuner.companyMax, 2);
  load.run(5, { clients: 100, latencyMs: 9 });
  assert.equal(load.tuner.delayMs, 1);
  assert.equal(load.tuner.companyMax, 40);
});

test('with a bound of 0 batches never wait', () => {
  const load = new Load({ delayMsMax: 0 });
  assert.ok(load.run(10, { clients: 1000, latencyMs: 10 }).every((delay) => delay === 0));
  assert.deepEqual(load.decisions, { batchDelayRaised: 0, batchDelayLowered: 0 });
});
