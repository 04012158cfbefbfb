import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BenchError } from '../bench-error.ts';
import { micro } from '../scenarios/micro.ts';
import type { AcknowledgedWrites } from '../scenarios/micro-verification.ts';
import { FakeGroup, type Misbehaviour } from '../testing/fake-group.ts';
import { Load, type SecondReport } from './load.ts';
import type { LoadPlan, OpenLoop } from './load-plan.ts';

const rows = 50;

interface Setup extends Partial<LoadPlan> {
  readonly misbehaviour?: Misbehaviour;
  readonly rowsThere?: number;
  readonly whileRunning?: (group: FakeGroup) => void;
}

function planOf(urls: readonly string[], setup: Partial<LoadPlan> = {}): LoadPlan {
  const { format = 'msgpack', connections = 4, pipeline = 1, openLoop = null, attempts = 10 } = setup;
  const { warmupSeconds = 0.05, seconds = 0.3, seed = 1 } = setup;
  return { urls, format, connections, pipeline, openLoop, attempts, warmupSeconds, seconds, seed };
}

async function loaded(setup: Setup) {
  const group = await FakeGroup.start(3, setup.misbehaviour);
  const table = group.tables.rowsOf('bench.micro');
  for (let id = 0; id < (setup.rowsThere ?? rows); id++) table.set(id, { id, value: 0 });
  const plan = planOf(group.urls, setup);
  const workload = micro.workload({ options: { rows }, seed: plan.seed, slots: plan.connections * plan.pipeline });
  const order: string[] = [];
  const seconds: SecondReport[] = [];
  const load = new Load(plan, { generator: 0, generators: 1 }, workload, {
    second: (report) => seconds.push(report),
    measuringBegan: () => {
      order.push('began');
      setup.whileRunning?.(group);
    },
    measuringEnded: () => order.push('ended'),
  });
  try {
    await load.connect();
    const { counts, latency, lateness } = await load.run();
    const values = [...table.values()].map((row) => row.value);
    return { counts, latency, lateness, group, order, seconds, values, facts: workload.facts() as AcknowledgedWrites };
  } finally {
    group.stop();
  }
}

for (const format of ['msgpack', 'json'] as const) {
  test(`every row holds the last write that the load saw acknowledged (${format})`, async () => {
    const { counts, latency, values, facts, order } = await loaded({ format, pipeline: 3 });
    assert.ok(counts.committed > 0);
    assert.deepEqual([counts.aborted, counts.unknownOutcomes, counts.gaveUp, counts.missed], [0, 0, 0, 0]);
    assert.deepEqual(counts.committedByKind, { update: counts.committed });
    assert.ok(latency.quantileMs(0.5) > 0 && latency.quantileMs(0.99) <= latency.maxMs);
    assert.deepEqual(order, ['began', 'ended']);
    assert.deepEqual(values, [...facts.values]);
  });
}

test('with one transaction under way a frame is a message, with several what is due together is an array', async () => {
  const one = await loaded({});
  assert.ok(one.group.frames.every((frame) => !Array.isArray(frame)));
  const several = await loaded({ pipeline: 8 });
  const sizes = several.group.frames.map((frame) => (Array.isArray(frame) ? frame.length : 1));
  assert.ok(sizes.every((size) => size === 8));
});

test('refused attempts are counted by their code and by who won, and the transaction is attempted again', async () => {
  const { counts, values, facts } = await loaded({ misbehaviour: { refusesOneIn: 4 } });
  assert.ok(counts.aborted > 0);
  assert.deepEqual(counts.refusals, { CERTIFICATION_CONFLICT: counts.aborted });
  const { committed, aborted } = counts;
  assert.ok(Math.abs(aborted / (committed + aborted) - 0.25) < 0.02);
  assert.deepEqual(values, [...facts.values]);
  // The fake group lets the next member win.
  for (const [loser, winners] of Object.entries(counts.lostTo)) {
    assert.deepEqual(Object.keys(winners), [`member-${(Number(loser.at(-1)) % 3) + 1}`]);
  }
  const pairs = Object.values(counts.lostTo).flatMap((winners) => Object.values(winners));
  assert.equal(
    pairs.reduce((sum, attempts) => sum + attempts, 0),
    aborted,
  );
});

test('a transaction that is refused as often as it may be attempted is given up', async () => {
  const { counts } = await loaded({ misbehaviour: { refusesOneIn: 1 }, attempts: 3 });
  assert.equal(counts.committed, 0);
  assert.ok(counts.gaveUp > 0);
  // Those under way at the beginning and at the end are in one of the counts only.
  assert.ok(Math.abs(counts.aborted - 3 * counts.gaveUp) <= 24, `${counts.aborted} ${counts.gaveUp}`);
});

test('the latency is that of the whole transaction, with all its attempts', async () => {
  const { latency } = await loaded({
    misbehaviour: { refusesOneIn: 2, answersAfterMs: 30 },
    connections: 1,
    seconds: 0.5,
  });
  assert.ok(latency.count > 0);
  assert.ok(latency.maxMs >= 58, `${latency.maxMs}`);
});

test('what was outstanding on a lost connection is unknown, and the load goes on over another', async () => {
  const { counts, facts } = await loaded({ misbehaviour: { cutsOneIn: 200 }, pipeline: 2 });
  assert.ok(counts.connectionsLost > 0);
  assert.ok(facts.unknown.length >= counts.connectionsLost);
});

test('a member that is killed is counted, and its connection goes to another', async () => {
  const kill = (group: FakeGroup) => group.kill(0);
  const { counts, values, facts } = await loaded({ connections: 1, seconds: 1.5, whileRunning: kill });
  assert.equal(counts.connectionsLost, 1);
  assert.ok(counts.unknownOutcomes <= 1);
  assert.ok(counts.committed > 0);
  for (const [row, value] of values.entries()) {
    assert.ok(value === facts.values[row] || facts.unknown.some((one) => one.row === row && one.value === value));
  }
});

test('a connection leaves a member that refuses because of its state', async () => {
  const offline = { offline: [0] };
  const { counts, values, facts } = await loaded({ misbehaviour: offline, connections: 1, pipeline: 2, seconds: 1.5 });
  assert.ok(counts.committed > 0);
  assert.equal(counts.connectionsLost, 0);
  assert.deepEqual(values, [...facts.values]);
});

test('an update that matches no row ends the load with an error that says so', async () => {
  await assert.rejects(
    loaded({ rowsThere: rows - 1, seconds: 60 }),
    (error) => error instanceof BenchError && /row 49 matched 0 rows/.test(error.message),
  );
});

test('a member that cannot be reached is named', async () => {
  const group = await FakeGroup.start(1);
  const [url] = group.urls;
  group.stop();
  const workload = micro.workload({ options: { rows }, seed: 1, slots: 4 });
  const events = { second: () => {}, measuringBegan: () => {}, measuringEnded: () => {} };
  const load = new Load(planOf([url!]), { generator: 0, generators: 1 }, workload, events);
  await assert.rejects(load.connect(), (error) => error instanceof BenchError && error.message.includes(url!));
});

const openLoop = (ratePerSecond: number, more: Partial<OpenLoop> = {}): OpenLoop => {
  return { ratePerSecond, spacing: 'even', backlogMax: 10_000, ...more };
};

for (const spacing of ['even', 'poisson'] as const) {
  test(`in open loop every transaction that was to start in the time measured is told of (${spacing})`, async () => {
    const { counts, latency, lateness } = await loaded({ openLoop: openLoop(500, { spacing }), seconds: 0.5 });
    assert.ok(lateness.count > 100);
    assert.equal(latency.count + counts.missed, lateness.count);
    assert.equal(counts.aborted, 0);
  });
}

test('in open loop the latency counts from when a transaction was to start, not from when a place was free', async () => {
  const stalled = { misbehaviour: { answersAfterMs: 100 }, connections: 1, seconds: 0.5, warmupSeconds: 0 };
  const { latency, lateness } = await loaded({ ...stalled, openLoop: openLoop(40) });
  assert.equal(latency.count, lateness.count);
  // Forty come a second where ten are served: of twenty the last waits until all before it are done.
  assert.ok(latency.maxMs > 1000, `${latency.maxMs}`);
  const closed = await loaded(stalled);
  assert.ok(closed.latency.quantileMs(0.5) < latency.quantileMs(0.5));
});

test('in open loop no more wait than may; the others are missed', async () => {
  const { counts, latency, lateness, seconds } = await loaded({
    misbehaviour: { answersAfterMs: 200 },
    connections: 1,
    seconds: 1.5,
    openLoop: openLoop(50, { backlogMax: 2 }),
  });
  assert.ok(counts.missed > 0);
  assert.equal(latency.count + counts.missed, lateness.count);
  assert.ok(seconds.length > 0);
  for (const { backlog } of seconds) assert.ok(backlog <= 2);
});

test('the shares of several load generators are all connections, each once', async () => {
  const group = await FakeGroup.start(3);
  const table = group.tables.rowsOf('bench.micro');
  for (let id = 0; id < rows; id++) table.set(id, { id, value: 0 });
  const plan = planOf(group.urls, { connections: 8, seconds: 0.1 });
  const events = { second: () => {}, measuringBegan: () => {}, measuringEnded: () => {} };
  const load = (generator: number) => {
    const workload = micro.workload({ options: { rows }, seed: 1, slots: 8 });
    return new Load(plan, { generator, generators: 3 }, workload, events);
  };
  try {
    const loads = [0, 1, 2].map(load);
    for (const one of loads) await one.connect();
    assert.deepEqual(group.connections, [3, 3, 2]);
    await Promise.all(loads.map((one) => one.run()));
  } finally {
    group.stop();
  }
});
