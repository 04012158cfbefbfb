import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BenchError } from './bench-error.ts';
import { Load, type LoadPlan } from './load.ts';
import { micro } from './micro.ts';
import type { AcknowledgedWrites } from './micro-verification.ts';
import { FakeGroup, type Misbehaviour } from './testing/fake-group.ts';
import type { Format } from './wire.ts';

const rows = 50;

async function loaded(setup: { misbehaviour?: Misbehaviour; pipeline?: number; format?: Format; rows?: number }) {
  const group = await FakeGroup.start(3, setup.misbehaviour);
  for (let id = 0; id < (setup.rows ?? rows); id++) group.rows.set(id, { id, value: 0, payload: '' });
  const plan: LoadPlan = {
    urls: group.urls,
    format: setup.format ?? 'msgpack',
    connections: 4,
    pipeline: setup.pipeline ?? 1,
    warmupSeconds: 0.05,
    seconds: 0.3,
  };
  const workload = micro.workload({ rows, slots: plan.connections * plan.pipeline });
  const order: string[] = [];
  const load = new Load(plan, workload, {
    second: () => {},
    measuringBegan: () => order.push('began'),
    measuringEnded: () => order.push('ended'),
  });
  try {
    const result = await load.run();
    return { result, group, order, facts: workload.facts() as AcknowledgedWrites };
  } finally {
    group.stop();
  }
}

for (const format of ['msgpack', 'json'] as const) {
  test(`every row holds the last write that the load saw acknowledged (${format})`, async () => {
    const { result, group, facts, order } = await loaded({ format, pipeline: 3 });
    assert.ok(result.committed > 0);
    assert.equal(result.aborted, 0);
    assert.equal(result.unknownOutcomes, 0);
    assert.ok(result.latencyMs.p50 > 0 && result.latencyMs.p50 <= result.latencyMs.p99);
    assert.ok(result.latencyMs.p99 <= result.latencyMs.max);
    assert.deepEqual(order, ['began', 'ended']);
    for (const [id, row] of group.rows) assert.equal(row.value, facts.values[id]);
  });
}

test('with one request outstanding a frame is a message, with several the first of each connection is an array', async () => {
  const one = await loaded({});
  assert.ok(one.group.frames.every((frame) => !Array.isArray(frame)));
  const several = await loaded({ pipeline: 8 });
  const sizes = several.group.frames.map((frame) => (Array.isArray(frame) ? frame.length : 1));
  assert.ok(sizes.every((size) => size === 8));
});

test('refused attempts are counted by their code, and are no commits', async () => {
  const { result, group, facts } = await loaded({ misbehaviour: { refusesOneIn: 4 } });
  assert.ok(result.aborted > 0);
  assert.deepEqual(result.refusals, { CERTIFICATION_CONFLICT: result.aborted });
  assert.ok(Math.abs(result.aborted / (result.committed + result.aborted) - 0.25) < 0.02);
  for (const [id, row] of group.rows) assert.equal(row.value, facts.values[id]);
});

test('what was outstanding on a lost connection is unknown, and the load goes on over another', async () => {
  const { result, facts } = await loaded({ misbehaviour: { cutsOneIn: 200 }, pipeline: 2 });
  assert.ok(result.connectionsLost > 0);
  assert.ok(facts.unknown.length >= result.connectionsLost);
});

test('an update that matches no row ends the load with an error that says so', async () => {
  await assert.rejects(
    loaded({ rows: 0 }),
    (error) => error instanceof BenchError && /matched 0 rows/.test(error.message),
  );
});

test('a member that cannot be reached is named', async () => {
  const group = await FakeGroup.start(1);
  const [url] = group.urls;
  group.stop();
  const plan = { urls: [url!], format: 'json', connections: 1, pipeline: 1, warmupSeconds: 0, seconds: 1 } as const;
  const load = new Load(plan, micro.workload({ rows, slots: 1 }), {
    second: () => {},
    measuringBegan: () => {},
    measuringEnded: () => {},
  });
  await assert.rejects(load.run(), (error) => error instanceof BenchError && error.message.includes(url!));
});
