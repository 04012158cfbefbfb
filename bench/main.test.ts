import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { FakeGroup, type Misbehaviour } from './testing/fake-group.ts';

/** Runs `concert bench` in a process of its own. */
async function bench(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const door = path.join(import.meta.dirname, 'index.ts');
  const script = `import { main } from ${JSON.stringify(door)}; process.exitCode = await main(process.argv.slice(1));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, '--', ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stdout, stderr };
}

interface Setup {
  readonly scenario?: 'micro' | 'inventory';
  readonly misbehaviour?: Misbehaviour;
  readonly seconds?: number;
  readonly more?: readonly string[];
  readonly meanwhile?: (group: FakeGroup) => Promise<void>;
}

async function benchFakeGroup(setup: Setup) {
  const { scenario = 'micro', misbehaviour = {}, seconds = 0.5, more = [], meanwhile = async () => {} } = setup;
  const directory = mkdtempSync(path.join(tmpdir(), 'concert-bench-test-'));
  const json = path.join(directory, 'result.json');
  const group = await FakeGroup.start(3, misbehaviour);
  const size = scenario === 'micro' ? ['--rows', '1200'] : ['--products', '30'];
  try {
    const load = ['--connections', '6', ...size, '--warmup', '0', '--seconds', String(seconds), '--json', json];
    const running = bench([scenario, '--url', group.urls.join(','), ...load, ...more]);
    await meanwhile(group);
    const ran = await running;
    const written = readFileSync(json, 'utf8');
    return { ...ran, report: written === '' ? null : JSON.parse(written) };
  } finally {
    group.stop();
    rmSync(directory, { recursive: true });
  }
}

test('a run over a running group is verified, printed and written in the shape of the contract', async () => {
  const { code, stdout, stderr, report } = await benchFakeGroup({});
  assert.equal(code, 0, stderr);
  assert.match(stdout, /throughput .* tx\/s/);
  assert.match(stdout, /verified +yes/);
  assert.equal(report.scenario, 'micro');
  assert.equal(report.options.connections, 6);
  assert.equal(report.members, 3);
  assert.ok(report.committed > 0 && report.seconds > 0.49);
  assert.equal(report.aborted, 0);
  assert.equal(report.abortRate, 0);
  assert.ok(Math.abs(report.tps - report.committed / report.seconds) < 1e-6);
  assert.deepEqual(Object.keys(report.latencyMs), ['p50', 'p95', 'p99', 'p999', 'max']);
  assert.equal(report.latenessMs, null);
  assert.deepEqual(report.memberIds, ['member-1', 'member-2', 'member-3']);
  assert.equal(report.options.rows, 1200);
  assert.equal(report.loadGeneratorCpuShares.length, 1);
  assert.equal(report.cpuSecondsPerThousand, null);
  assert.ok(report.cpuSecondsPerThousandLoadGenerator > 0);
  assert.equal(report.rssMiB, null);
  assert.equal(report.verified, true);
});

test('several runs by several load generators are all verified, and give a median and a spread', async () => {
  const more = ['--runs', '3', '--pipeline', '4', '--generators', '2'];
  const { code, stdout, report } = await benchFakeGroup({ misbehaviour: { refusesOneIn: 10 }, more });
  assert.equal(code, 0);
  assert.match(stdout, /^run 3 .*\nmedian .*\nmin .*\nmax .*\n\(max-min\)\/med /m);
  assert.match(stdout, /who lost +member \d to member \d/);
  assert.equal(report.runs.length, 3);
  assert.equal(report.loadGeneratorCpuShares.length, 2);
  const { min, median, max, relative } = report.spread.tps;
  assert.ok(min <= median && median <= max);
  assert.equal(relative, (max - min) / median);
  assert.equal(report.tps, median);
  assert.ok(Math.abs(report.abortRate - 0.1) < 0.02);
});

test('an open loop says what was missed and how late the load generator was', async () => {
  const { code, stdout, stderr, report } = await benchFakeGroup({
    seconds: 1.5,
    more: ['--rate', '300', '--arrivals', 'even', '--generators', '2'],
  });
  assert.equal(code, 0);
  assert.match(stderr, /^ +1\/2 s +\d+ tx\/s +p99 [\d.]+ ms +refused 0 +waiting \d+ +missed 0$/m);
  assert.match(stdout, /open loop: 300\/s, even, at most 10000 waiting/);
  assert.match(stdout, /missed +0, /);
  assert.ok(report.latenessMs.max > 0);
  assert.ok(report.committed > 0);
});

for (const method of ['interactive', 'transact']) {
  test(`inventory is verified and tells of orders, returns, corrections and hot rows (${method})`, async () => {
    const { code, stdout, stderr, report } = await benchFakeGroup({
      scenario: 'inventory',
      more: ['--method', method, '--stock', '20'],
    });
    assert.equal(code, 0, stdout + stderr);
    assert.deepEqual(Object.keys(report.committedByKind).sort(), ['correction', 'order', 'return']);
    assert.ok(report.declined > 0);
    assert.match(stdout, /hot rows +bench.products 3 17/);
    // One of each of the three tables.
    assert.deepEqual(report.conflictSummary.pairs, [{ loser: 'member-1', winner: 'member-2', conflicts: 51 }]);
    const { method: used, stock, products } = report.options;
    assert.deepEqual([used, stock, products], [method, 20, 30]);
  });
}

test('inventory finds that updates were lost where nothing is certified', async () => {
  const { code, stdout, report } = await benchFakeGroup({
    scenario: 'inventory',
    misbehaviour: { certifiesNothing: true },
  });
  assert.equal(code, 1);
  assert.equal(report.verified, false);
  assert.match(stdout, /has a stock of -?\d+; orders, returns and corrections make it/);
});

test('inventory finds an acknowledged transaction that was not made', async () => {
  const { code, stdout } = await benchFakeGroup({ scenario: 'inventory', misbehaviour: { losesOneIn: 50 } });
  assert.equal(code, 1);
  assert.match(stdout, /was acknowledged and is not there/);
});

test('inventory is verified over transactions of unknown outcome', async () => {
  const { code, stdout, report } = await benchFakeGroup({ scenario: 'inventory', misbehaviour: { cutsOneIn: 100 } });
  assert.equal(code, 0, stdout);
  assert.ok(report.unknownOutcomes > 0 && report.connectionsLost > 0);
});

test('a member that is killed during a run and comes back is counted, and the run is verified', async () => {
  const meanwhile = async (group: FakeGroup) => {
    while (group.commits < 100) await new Promise((resolve) => setTimeout(resolve, 5));
    group.kill(1);
    await group.revive(1);
  };
  const { code, stdout, report } = await benchFakeGroup({ scenario: 'inventory', seconds: 1.5, meanwhile });
  assert.equal(code, 0, stdout);
  assert.equal(report.verified, true);
  assert.ok(report.connectionsLost > 0);
});

test('an acknowledged write that is lost ends with exit code 1 and says which', async () => {
  const { code, stdout, report } = await benchFakeGroup({ misbehaviour: { losesOneIn: 2 } });
  assert.equal(code, 1);
  assert.equal(report.verified, false);
  assert.match(stdout, /verified +NO/);
  assert.match(stdout, /row \d+ holds \d+/);
});

test('a group that cannot be reached is one line and exit code 1', async () => {
  const group = await FakeGroup.start(1);
  const [url] = group.urls;
  group.stop();
  const { code, stderr } = await bench(['micro', '--url', url!]);
  assert.equal(code, 1);
  assert.match(stderr, /^concert bench: cannot connect to .*\n$/);
});

test('a wrong option is one line that names it and exit code 2', async () => {
  const { code, stderr } = await bench(['micro', '--secs', '3']);
  assert.equal(code, 2);
  assert.equal(stderr, 'concert bench: unknown option --secs (see --help)\n');
});
