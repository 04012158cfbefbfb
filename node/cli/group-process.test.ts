import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { type Commit, connect } from '../../client/index.ts';
import { waitUntil } from '../../harness/index.ts';

const main = path.join(import.meta.dirname, 'main.ts');

/** A running command, its output as it comes. */
class Running {
  readonly child: ChildProcess;
  output = '';
  errors = '';
  readonly ended: Promise<number | null>;

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout!.on('data', (data) => {
      this.output += data;
    });
    this.child.stderr!.on('data', (data) => {
      this.errors += data;
    });
    this.ended = once(this.child, 'close').then(([code]) => code);
  }

  /** Waits for output that matches; fails if the command ends before. */
  async until(expected: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = expected.exec(this.output);
      if (found !== null) return found;
      const more = await Promise.race([
        once(this.child.stdout!, 'data').then(() => true),
        this.ended.then(() => false),
      ]);
      if (!more && !expected.test(this.output)) {
        assert.fail(`ended without ${expected}: ${this.output}${this.errors}`);
      }
    }
  }

  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    return this.ended;
  }
}

async function freePorts(count: number): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    if (port + count < 65_535) return port;
  }
}

describe('running members', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'members-'));
  const running: Running[] = [];
  const concert = (...args: string[]) => {
    const started = new Running(args);
    running.push(started);
    return started;
  };
  after(async () => {
    for (const { child } of running) child.kill('SIGKILL');
    await Promise.all(running.map(({ ended }) => ended));
    rmSync(folder, { recursive: true, force: true });
  });
  const start = (data: string, ...more: string[]) =>
    concert('start', '--data', data, '--port', '0', '--group-port', '0', ...more);
  const readyOf = async (member: Running) => {
    const [line] = await member.until(/^.*"event":"ready".*$/m);
    await member.until(/"event":"state","state":"ONLINE"/);
    return JSON.parse(line) as { url: string; port: number; groupPort: number; pid: number };
  };

  test('a group of one commits, stops cleanly, and finds everything at its next start', async () => {
    const data = path.join(folder, 'one');
    const first = start(data, '--bootstrap', '--lanes', '1');
    const ready = await readyOf(first);
    assert.equal(Number(readFileSync(path.join(data, 'pid'), 'utf8')), ready.pid);
    const client = await connect(ready.url);
    await client.createTable({ table: 'test.t', primaryKey: ['id'] });
    await client.insert('test.t', { id: 1, name: 'first' });
    await client.close();

    const second = start(data);
    assert.equal(await second.ended, 1);
    assert.match(second.errors, /^concert: .* is in use by process \d+.*\n$/);
    const status = concert('status', '--url', ready.url, '--json');
    assert.equal(await status.ended, 0);
    assert.equal(JSON.parse(status.output).members[0].state, 'ONLINE');
    assert.equal(await first.stop(), 0);
    assert.match(first.output, /"event":"stopped"/);

    const again = concert('start', '--data', data, '--port', '0', '--group-port', String(ready.groupPort));
    const after = await connect((await readyOf(again)).url);
    assert.deepEqual(await after.get('test.t', 1), { id: 1, name: 'first' });
    await after.close();
    assert.equal(await again.stop(), 0);
    const wrongLanes = start(data, '--lanes', '3');
    assert.equal(await wrongLanes.ended, 1);
    assert.match(wrongLanes.errors, /^concert: .* was made with --lanes 1, not 3; .*\n$/);
  });

  test('a commit says where its time went, so do the metrics, and a slow one is a line of the log', async () => {
    const member = start(path.join(folder, 'layers'), '--bootstrap', '--slow-transaction-ms', '1');
    const { url, port } = await readyOf(member);
    const client = await connect(url);
    await client.createTable({ table: 'test.t', primaryKey: ['id'] });
    const fromMs = performance.now();
    const { layers, sequenceNumber } = await client.put('test.t', { id: 1 }, { profile: true });
    const tookMs = performance.now() - fromMs;
    const { l2Ms, l1Ms, l0Ms } = layers!;
    assert.ok(Math.min(l2Ms, l1Ms, l0Ms) >= 0 && l2Ms > 0 && l2Ms + l1Ms + l0Ms <= tookMs);
    let told: Commit | null = null;
    const onCommit = (commit: Commit) => {
      told = commit;
    };
    await client.transaction(
      async (tx) => {
        await tx.put('test.t', { id: 2 });
        await tx.put('test.t', { id: 3 });
      },
      { profile: true, onCommit },
    );
    assert.ok((told as Commit | null)!.layers!.l2Ms > 0);
    await client.transact([{ op: 'put', table: 'test.t', row: { id: 4 } }]);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const figure = (name: string) => Number(metrics.match(new RegExp(`^${name} (.*)$`, 'm'))?.[1]);
    assert.equal(metrics.match(/^# TYPE concert_commit_layer_seconds histogram$/gm)?.length, 1);
    const sums = ['l2', 'l1', 'l0'].map((layer) => {
      assert.equal(figure(`concert_commit_layer_seconds_count{layer="${layer}"}`), 3);
      assert.equal(figure(`concert_commit_layer_seconds_bucket{layer="${layer}",le="\\+Inf"}`), 3);
      return figure(`concert_commit_layer_seconds_sum{layer="${layer}"}`);
    });
    const sum = figure('concert_commit_duration_seconds_sum');
    assert.ok(Math.abs(sums.reduce((all, each) => all + each) - sum) < 1e-6);
    // A sync takes as long, on any disk.
    const slow = Array.from(member.output.matchAll(/^.*"event":"slowTransaction".*$/gm), ([line]) => JSON.parse(line));
    assert.equal(slow.length, figure('concert_slow_transactions_total'));
    const first = slow.find((line) => line.sequenceNumber === sequenceNumber);
    if (l2Ms + l1Ms + l0Ms >= 1) {
      assert.deepEqual(
        [first.level, first.op, first.outcome, first.rows, first.tables, first.l2Ms],
        ['warn', 'put', 'committed', 1, ['test.t'], l2Ms],
      );
    }
    const status = concert('status', '--url', url);
    assert.equal(await status.ended, 0);
    assert.match(status.output, /order \+ execution \+ disk ms/);
    assert.match(status.output, /\d+\.\d\/\d+\.\d +\d+\.\d \+ \d+\.\d \+ \d+\.\d/);
    await client.close();
    assert.equal(await member.stop(), 0);
  });

  test('a conflict is a line of the log and counts for its table; what takes too long or too much is ended by options', async () => {
    const limits = ['--transaction-idle-timeout', '1', '--transaction-rows-max', '2', '--transaction-timeout', '60'];
    const member = start(path.join(folder, 'conflicts'), '--bootstrap', '--conflict-log-per-second', '2', ...limits);
    const { url, port } = await readyOf(member);
    const client = await connect(url);
    await client.createTable({ table: 'test.t', primaryKey: ['id'] });
    await client.put('test.t', { id: 1 });
    // Begun in one turn of one second's lines.
    for (let i = 0; i < 5; i++) {
      await client.request('begin', { tx: `t${i}` });
      await client.request('put', { tx: `t${i}`, table: 'test.t', row: { id: 1, i } });
    }
    const { sequenceNumber } = await client.put('test.t', { id: 1, i: 9 });
    const commits = Array.from({ length: 5 }, (_, i) => client.request('commit', { tx: `t${i}` }));
    for (const commit of commits) await assert.rejects(commit, { code: 'CERTIFICATION_CONFLICT' });
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    assert.match(metrics, /^# TYPE concert_conflicts_total counter$/m);
    assert.match(metrics, /^concert_conflicts_total\{table="test\.t",cause="row"\} 5$/m);
    await member.until(/"event":"conflict"/);
    const lines = Array.from(member.output.matchAll(/^.*"event":"conflict".*$/gm), ([line]) => JSON.parse(line));
    assert.ok(lines.length >= 2 && lines.length <= 4);
    const [first] = lines;
    assert.deepEqual([first.level, first.table, first.key, first.late, first.leftOut], ['info', 'test.t', 1, 1, 0]);
    assert.ok(first.winner.gtid.endsWith(`:${sequenceNumber}`));
    const rows = [7, 8, 9].map((id) => ({ op: 'put', table: 'test.t', row: { id } }));
    await assert.rejects(client.transact(rows), { code: 'TRANSACTION_TOO_LARGE' });
    await client.request('begin', { tx: 'idle' });
    await waitUntil('it is ended', 10_000, async () => (await client.transactions()).length === 0);
    await assert.rejects(client.request('commit', { tx: 'idle' }), { code: 'TRANSACTION_ABORTED' });
    await client.close();
    assert.equal(await member.stop(), 0);
  });

  test('a directory without a group, a foreign one and a damaged one are refused in one line', async () => {
    const fresh = start(path.join(folder, 'fresh'));
    assert.equal(await fresh.ended, 1);
    assert.match(fresh.errors, /^concert: .*--bootstrap.*\n$/);
    const foreign = path.join(folder, 'foreign');
    mkdirSync(foreign);
    writeFileSync(path.join(foreign, 'thesis.txt'), 'mine');
    const refused = start(foreign, '--bootstrap');
    assert.equal(await refused.ended, 1);
    assert.match(refused.errors, /^concert: .*thesis\.txt.*\n$/);
    const damaged = path.join(folder, 'damaged');
    const member = start(damaged, '--bootstrap');
    await readyOf(member);
    await member.stop();
    writeFileSync(path.join(damaged, 'group.json'), '{');
    const broken = start(damaged);
    assert.equal(await broken.ended, 1);
    assert.match(broken.errors, /^concert: .*group\.json is damaged.*\n$/);
  });

  test('a cluster shows its members and its rates, tells of one that ended, stops, and comes back', async () => {
    const port = await freePorts(10);
    const data = path.join(folder, 'cluster');
    const ports = ['--port', String(port), '--group-port', String(port + 5)];
    const cluster = concert('cluster', '--members', '3', '--data', data, ...ports, '--member-expel-timeout', '1');
    await cluster.until(/member-3 +ONLINE +ws:\/\/127\.0\.0\.1/);
    const url = (member: number) => `ws://127.0.0.1:${port + member - 1}/v1`;
    const client = await connect(url(1));
    await client.createTable({ table: 'test.t', primaryKey: ['id'] });
    const { sequenceNumber } = await client.insert('test.t', { id: 1 });
    await client.close();
    const other = await connect(url(3));
    assert.deepEqual(await other.get('test.t', 1, { atLeast: sequenceNumber! }), { id: 1 });
    await other.close();
    let metrics: readonly ReadonlyMap<string, number>[] = [];
    const sumOf = (name: string) => metrics.reduce((sum, each) => sum + each.get(name)!, 0);
    // Two followers may take a moment longer to find each other.
    const giveUpMs = Date.now() + 10_000;
    do {
      metrics = await Promise.all([1, 2, 3].map((n) => metricsOf(`http://127.0.0.1:${port + n - 1}/metrics`)));
    } while (sumOf('concert_group_members_reachable') < 9 && Date.now() < giveUpMs);
    assert.equal(sumOf('concert_group_members_reachable'), 9);
    assert.equal(sumOf('concert_group_leader'), 1);
    assert.equal(sumOf('concert_group_quorum'), 3);
    for (const each of metrics) {
      assert.ok(each.get('concert_group_term')! >= 1);
      assert.ok(each.get('concert_log_chosen_up_to')! >= each.get('concert_log_delivered_up_to')!);
      assert.ok(each.get('concert_log_syncs_total')! > 0 && each.get('concert_log_bytes')! > 0);
    }
    const rival = concert('cluster', '--data', data);
    assert.equal(await rival.ended, 1);
    assert.match(rival.errors, /^concert: .* is in use; .*\n$/);
    await cluster.until(/commits\/s/);

    process.kill(Number(readFileSync(path.join(data, 'member-2', 'pid'), 'utf8')), 'SIGKILL');
    await cluster.until(
      /member-2 was ended by SIGKILL: [\s\S]*restart it with: concert start --data .* --member-expel-timeout 1\n/,
    );
    await cluster.until(/2 of 2 members ONLINE/);
    assert.equal(await cluster.stop(), 0);
    assert.match(cluster.output, /all members stopped/);
    assert.equal(existsSync(path.join(data, 'member-1', 'pid')), false);

    const again = concert('cluster', '--data', data);
    await again.until(/member-2 +ONLINE/);
    const reader = await connect(url(2));
    assert.deepEqual(await reader.get('test.t', 1), { id: 1 });
    await reader.close();
    await again.until(/3 of 3 members ONLINE/);
    assert.equal(await again.stop(), 0);

    // The first one lost its disk: it founds no group anew.
    rmSync(path.join(data, 'member-1'), { recursive: true });
    const replaced = concert('cluster', '--data', data);
    await replaced.until(/member-1 +ONLINE/);
    await replaced.until(/3 of 3 members ONLINE/);
    const first = await connect(url(1));
    assert.deepEqual(await first.get('test.t', 1), { id: 1 });
    await first.close();
    assert.equal(await replaced.stop(), 0);
  });
});

/** Metrics without labels, by name. */
async function metricsOf(url: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(url)).text();
  return new Map([...text.matchAll(/^(concert_\w+) (\S+)$/gm)].map(([, name, value]) => [name!, Number(value)]));
}
