/** etcd from Debian's packages: three servers; a put of one key is the like of our update of one row. */
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { BenchError } from '../bench-error.ts';
import { freePorts } from '../own-group.ts';
import { UsageWatch } from '../usage-watch.ts';
import type { EtcdLoadOrder, EtcdLoadResult } from './etcd-load.ts';
import { type Peer, type PeerPlan, type PeerRun, peerRunOf, type RunningPeer } from './peer.ts';
import { programNamed, ServerProcess } from './server-process.ts';

const nodeCount = 3;
const host = '127.0.0.1';
const startMsMax = 60_000;
const agreementMsMax = 30_000;

export const etcd: Peer = {
  name: 'etcd',
  summary:
    'etcd, three members; a put by key, durable on a majority (no transactions, no conflicts: a lower bound of work)',
  scenarios: ['micro'],
  missing() {
    const missing = ['etcd', 'etcdctl'].filter((program) => programNamed(program) === null);
    if (missing.length === 0) return null;
    return `${missing.join(', ')} not found; install Debian's packages etcd-server, etcd-client`;
  },
  start: (directory) => EtcdCluster.start(directory),
};

class EtcdCluster implements RunningPeer {
  readonly #clientPorts: readonly number[];
  readonly #processes: readonly ServerProcess[];

  static async start(directory: string): Promise<EtcdCluster> {
    const ports = await freePorts(2 * nodeCount);
    const clientPorts = ports.slice(0, nodeCount);
    const names = Array.from({ length: nodeCount }, (_, at) => `etcd-${at + 1}`);
    const peerUrl = (at: number) => `http://${host}:${ports[nodeCount + at]}`;
    const processes = names.map((name, at) => {
      const clientUrl = `http://${host}:${clientPorts[at]}`;
      return new ServerProcess({
        name,
        program: programNamed('etcd')!,
        args: [
          `--name=${name}`,
          `--data-dir=${path.join(directory, name)}`,
          `--listen-client-urls=${clientUrl}`,
          `--advertise-client-urls=${clientUrl}`,
          `--listen-peer-urls=${peerUrl(at)}`,
          `--initial-advertise-peer-urls=${peerUrl(at)}`,
          `--initial-cluster=${names.map((one, i) => `${one}=${peerUrl(i)}`).join(',')}`,
          '--initial-cluster-state=new',
          '--auto-compaction-mode=periodic',
          '--auto-compaction-retention=5m',
          '--quota-backend-bytes=8000000000',
        ],
        logFile: path.join(directory, `${name}.log`),
      });
    });
    const cluster = new EtcdCluster(clientPorts, processes);
    try {
      await processes[0]!.until('all members are healthy', startMsMax, () => cluster.#ctl(['endpoint', 'health']).isOk);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  private constructor(clientPorts: readonly number[], processes: readonly ServerProcess[]) {
    this.#clientPorts = clientPorts;
    this.#processes = processes;
  }

  get version(): string {
    return this.#statuses()[0]?.version ?? 'etcd';
  }

  /** Rows need no creation; their number is that of the keys. */
  async setUp(): Promise<void> {}

  async run(plan: PeerPlan): Promise<PeerRun> {
    const revisionBefore = Math.max(...this.#statuses().map(({ revision }) => revision));
    const usage = new UsageWatch(this.#processes.map(({ pid }) => pid));
    const load = await this.#load(plan, () => usage.begin());
    usage.end();
    const problems = await this.#verify(load, revisionBefore);
    return peerRunOf({ ...load, aborted: load.refused }, usage, problems);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((server) => server.stop()));
  }

  async #load(plan: PeerPlan, measuringBegan: () => void): Promise<EtcdLoadResult> {
    const child = fork(path.join(import.meta.dirname, `etcd-load${path.extname(import.meta.filename)}`), [], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const order: EtcdLoadOrder = {
      urls: this.#clientPorts.map((port) => `http://${host}:${port}`),
      keys: plan.rows,
      connections: plan.connections,
      warmupSeconds: plan.warmupSeconds,
      seconds: plan.seconds,
    };
    child.send(order);
    try {
      return await new Promise<EtcdLoadResult>((resolve, reject) => {
        child.on('message', (notice: 'measuringBegan' | EtcdLoadResult) => {
          if (notice === 'measuringBegan') measuringBegan();
          else resolve(notice);
        });
        child.on('exit', (code) => {
          reject(new BenchError({ code: 'LOAD', message: `the load generator for etcd ended with code ${code}` }));
        });
      });
    } finally {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
    }
  }

  /** Each put is one revision; all members have to hold them all, under one hash. */
  async #verify(load: EtcdLoadResult, revisionBefore: number): Promise<string[]> {
    const problems: string[] = [];
    let revisions: readonly number[] = [];
    try {
      await this.#processes[0]!.until('all members have the same revision', agreementMsMax, () => {
        revisions = this.#statuses().map(({ revision }) => revision);
        return revisions.length === nodeCount && new Set(revisions).size === 1;
      });
    } catch (error) {
      if (this.#processes[0]!.hasEnded) throw error;
      return [`the members' revisions differ: ${revisions.join(', ')}`];
    }
    const done = revisions[0]! - revisionBefore;
    if (done < load.acknowledged || done > load.acknowledged + load.unknown) {
      problems.push(`${done} puts are there; ${load.acknowledged} were acknowledged, ${load.unknown} are unknown`);
    }
    const hashes = this.#hashes(revisions[0]!);
    if (new Set(hashes).size !== 1) problems.push(`the members' hashes differ: ${hashes.join(', ')}`);
    return problems;
  }

  #statuses(): readonly { readonly version: string; readonly revision: number }[] {
    const { isOk, output } = this.#ctl(['endpoint', 'status', '-w', 'json']);
    if (!isOk) return [];
    const rows = JSON.parse(output) as { Status: { version: string; header: { revision: number } } }[];
    return rows.map(({ Status }) => ({ version: `etcd ${Status.version}`, revision: Status.header.revision }));
  }

  #hashes(revision: number): readonly number[] {
    const { isOk, output } = this.#ctl(['endpoint', 'hashkv', '--rev', String(revision), '-w', 'json']);
    if (!isOk) throw new BenchError({ code: 'GROUP', message: `etcdctl endpoint hashkv failed: ${output}` });
    return (JSON.parse(output) as { HashKV: { hash: number } }[]).map(({ HashKV }) => HashKV.hash);
  }

  #ctl(args: readonly string[]): { readonly isOk: boolean; readonly output: string } {
    const endpoints = this.#clientPorts.map((port) => `${host}:${port}`).join(',');
    const asked = spawnSync(programNamed('etcdctl')!, ['--endpoints', endpoints, ...args], {
      encoding: 'utf8',
      env: { ...process.env, ETCDCTL_API: '3' },
    });
    return { isOk: asked.status === 0, output: asked.status === 0 ? asked.stdout : asked.stderr };
  }
}
