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

async function benchFakeGroup(misbehaviour: Misbehaviour, ...more: readonly string[]) {
  const directory = mkdtempSync(path.join(tmpdir(), 'concert-bench-test-'));
  const json = path.join(directory, 'result.json');
  const group = await FakeGroup.start(3, misbehaviour);
  try {
    const load = ['--connections', '6', '--rows', '1200', '--warmup', '0', '--seconds', '0.5', '--json', json];
    const ran = await bench(['micro', '--url', group.urls.join(','), ...load, ...more]);
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
  assert.deepEqual(Object.keys(report.latencyMs), ['p50', 'p95', 'p99', 'max']);
  assert.equal(report.cpuSecondsPerThousand, null);
  assert.ok(report.cpuSecondsPerThousandLoadGenerator > 0);
  assert.equal(report.rssMiB, null);
  assert.equal(report.verified, true);
});

test('several runs are all verified, and give a median and a spread', async () => {
  const { code, stdout, report } = await benchFakeGroup({ refusesOneIn: 10 }, '--runs', '3', '--pipeline', '4');
  assert.equal(code, 0);
  assert.match(stdout, /p99 ms +median/);
  assert.equal(report.runs.length, 3);
  const { min, median, max } = report.spread.tps;
  assert.ok(min <= median && median <= max);
  assert.equal(report.tps, median);
  assert.ok(Math.abs(report.abortRate - 0.1) < 0.02);
});

test('an acknowledged write that is lost ends with exit code 1 and says which', async () => {
  const { code, stdout, report } = await benchFakeGroup({ losesOneIn: 2 });
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
