/** MariaDB Galera Cluster from Debian's packages: three servers, loaded by sysbench. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { BenchError } from '../bench-error.ts';
import { freePorts } from '../own-group.ts';
import { UsageWatch } from '../usage-watch.ts';
import { configurationOf, dataOf, type GaleraNode, host, provider, socketOf } from './galera-node.ts';
import { type Peer, type PeerPlan, type PeerRun, peerRunOf, type RunningPeer } from './peer.ts';
import { programNamed, ServerProcess } from './server-process.ts';
import { runSysbench, type SysbenchResult, sysbench } from './sysbench.ts';

const nodeCount = 3;
/** Of a product, before the load; as our own scenario has it. */
const initialStock = 100;
/** Ids of one run of the load; the next run's begin behind them. */
const idsPerRun = 1_000_000_000;
const startMsMax = 180_000;
const agreementMsMax = 60_000;
const database = 'bench';
/** Deadlock (that is how a conflict is told), record changed, lock wait timeout: the event is begun again. */
const conflicts = '1213,1020,1205';

export const galera: Peer = galeraPeer({
  name: 'galera',
  summary: 'MariaDB Galera, three nodes, best tuning found, each commit flushed where it is executed',
  flushes: true,
});

export const galeraRelaxed: Peer = galeraPeer({
  name: 'galera-relaxed',
  summary: 'the same, flushed once a second: a commit may be lost when all lose power',
  flushes: false,
});

function galeraPeer({ name, summary, flushes }: { name: string; summary: string; flushes: boolean }): Peer {
  return {
    name,
    summary,
    scenarios: ['micro', 'inventory'],
    missing() {
      const missing = ['mariadbd', 'mariadb', 'mariadb-install-db', 'sysbench', 'rsync'].filter(
        (program) => programNamed(program) === null,
      );
      if (!existsSync(provider)) missing.push(provider);
      if (missing.length === 0) return null;
      return `${missing.join(', ')} not found; install Debian's packages mariadb-server, galera-4, sysbench, rsync`;
    },
    start: (directory) => GaleraCluster.start(directory, flushes),
  };
}

class GaleraCluster implements RunningPeer {
  readonly #nodes: readonly GaleraNode[];
  readonly #processes: ServerProcess[] = [];
  #loads = 0;
  readonly #sysbench = programNamed('sysbench')!;
  readonly #client = programNamed('mariadb')!;

  static async start(directory: string, flushes: boolean): Promise<GaleraCluster> {
    const ports = await freePorts(4 * nodeCount);
    const nodes = Array.from({ length: nodeCount }, (_, at): GaleraNode => {
      const [sql, group, ist, sst] = ports.slice(4 * at, 4 * at + 4) as [number, number, number, number];
      return { name: `galera-${at + 1}`, directory, ports: { sql, group, ist, sst } };
    });
    prepareDirectory(directory, nodes, flushes);
    const cluster = new GaleraCluster(nodes);
    try {
      for (const [at, node] of nodes.entries()) await cluster.#startNode(node, at === 0);
      cluster.#createDatabase();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  private constructor(nodes: readonly GaleraNode[]) {
    this.#nodes = nodes;
  }

  get version(): string {
    const [server, provider] = this.#query(
      this.#nodes[0]!,
      "SELECT VERSION(); SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_provider_version'",
    );
    return `MariaDB ${server}, Galera ${provider}`;
  }

  async setUp(plan: PeerPlan): Promise<void> {
    const oneNode = [`--mysql-port=${this.#nodes[0]!.ports.sql}`];
    await runSysbench(this.#sysbench, [
      script(plan),
      ...this.#connectionOptions(),
      ...oneNode,
      ...scriptOptions(plan),
      'prepare',
    ]);
    await this.#agreement(plan);
  }

  async run(plan: PeerPlan): Promise<PeerRun> {
    const before = this.#sums(this.#nodes[0]!, plan);
    const loaded: SysbenchResult[] = [];
    if (plan.warmupSeconds > 0) loaded.push(await this.#load(plan, plan.warmupSeconds));
    const usage = new UsageWatch(this.#processes.map(({ pid }) => pid));
    usage.begin();
    const measured = await this.#load(plan, plan.seconds);
    usage.end();
    loaded.push(measured);
    const problems = await this.#verify(plan, { before, committed: committedBy(loaded, plan) });
    // What was declined is no commit.
    const committed = totalOf(committedBy([measured], plan));
    return peerRunOf({ ...measured, committed }, usage, problems);
  }

  async stop(): Promise<void> {
    // The first one last: it holds the cluster together.
    for (const server of this.#processes.splice(0).reverse()) await server.stop();
  }

  async #startNode(node: GaleraNode, isFirst: boolean): Promise<void> {
    const server = new ServerProcess({
      name: node.name,
      program: programNamed('mariadbd')!,
      args: [`--defaults-file=${dataOf(node)}.cnf`, ...asUser(), ...(isFirst ? ['--wsrep-new-cluster'] : [])],
      logFile: `${dataOf(node)}.log`,
    });
    this.#processes.push(server);
    await server.until('it is synced', startMsMax, () => {
      return this.#ask(node, "SHOW STATUS LIKE 'wsrep_local_state_comment'").output.includes('Synced');
    });
  }

  #createDatabase(): void {
    this.#query(
      this.#nodes[0]!,
      `CREATE DATABASE ${database}; CREATE USER bench@'${host}' IDENTIFIED BY ''; GRANT ALL ON *.* TO bench@'${host}'`,
    );
  }

  #load(plan: PeerPlan, seconds: number): Promise<SysbenchResult> {
    return sysbench(this.#sysbench, [
      script(plan),
      ...this.#connectionOptions(),
      `--mysql-port=${this.#nodes.map(({ ports }) => ports.sql).join(',')}`,
      `--mysql-ignore-errors=${conflicts}`,
      `--threads=${plan.connections}`,
      `--time=${Math.max(1, Math.round(seconds))}`,
      '--rand-type=uniform',
      '--histogram=on',
      '--percentile=99',
      ...scriptOptions(plan),
      ...(plan.scenario === 'inventory' ? [`--first-id=${idsPerRun * this.#loads++}`] : []),
      'run',
    ]);
  }

  #connectionOptions(): string[] {
    return ['--db-driver=mysql', `--mysql-host=${host}`, '--mysql-user=bench', `--mysql-db=${database}`];
  }

  /** What is to hold for the rows of every node, given what was acknowledged. */
  async #verify(
    plan: PeerPlan,
    load: { before: Sums; committed: Readonly<Record<string, number>> },
  ): Promise<string[]> {
    const problems = await this.#agreement(plan);
    for (const node of this.#nodes) {
      const sums = this.#sums(node, plan);
      for (const [kind, acknowledged] of Object.entries(load.committed)) {
        const done = sums.transactions[kind]! - load.before.transactions[kind]!;
        if (done !== acknowledged)
          problems.push(`${node.name} holds ${done} ${kind}; ${acknowledged} were acknowledged`);
      }
      for (const [what, value] of Object.entries(sums.zero)) {
        if (value !== 0) problems.push(`${node.name}: ${what} is ${value}, not 0`);
      }
    }
    return problems;
  }

  /** Waits until the tables have one checksum everywhere; else says so. */
  async #agreement(plan: PeerPlan): Promise<string[]> {
    const tables = tablesOf(plan).join(', ');
    const checksums = () => this.#nodes.map((node) => this.#query(node, `CHECKSUM TABLE ${tables}`).join(' '));
    const server = this.#processes[0]!;
    let last: readonly string[] = [];
    const areEqual = () => {
      last = checksums();
      return new Set(last).size === 1;
    };
    try {
      await server.until('all nodes have the same rows', agreementMsMax, areEqual);
      return [];
    } catch (error) {
      if (server.hasEnded) throw error;
      return [`the nodes' tables differ: ${last.join(' | ')}`];
    }
  }

  #sums(node: GaleraNode, plan: PeerPlan): Sums {
    if (plan.scenario === 'micro') {
      const [transactions] = this.#query(node, 'SELECT SUM(value) FROM micro');
      return { transactions: { updates: Number(transactions) }, zero: {} };
    }
    const [orders, returns, corrections, wrong, negative] = this.#query(node, INVENTORY_SUMS).map(Number);
    return {
      transactions: { orders: orders!, returns: returns!, corrections: corrections! },
      zero: {
        'the number of products with a wrong stock': wrong!,
        'that of products with a negative stock': negative!,
      },
    };
  }

  /** Cells of all rows, in order. @throws BenchError */
  #query(node: GaleraNode, sql: string): string[] {
    const { isOk, output } = this.#ask(
      node,
      `USE ${database}; ${sql}`.replace(/^USE bench; (?=CREATE|SELECT VERSION)/, ''),
    );
    if (!isOk) throw new BenchError({ code: 'GROUP', message: `${node.name} refused ${sql.slice(0, 80)}: ${output}` });
    return output.trimEnd().split(/[\t\n]/);
  }

  #ask(node: GaleraNode, sql: string): { readonly isOk: boolean; readonly output: string } {
    const asked = spawnSync(
      this.#client,
      ['--no-defaults', '-uroot', `--socket=${socketOf(node)}`, '-N', '-B', '-e', sql],
      { encoding: 'utf8', maxBuffer: 1 << 24 },
    );
    return { isOk: asked.status === 0, output: asked.status === 0 ? asked.stdout : asked.stderr.trim() };
  }
}

/** What the rows of one node tell. */
interface Sums {
  /** All that were ever committed, by kind. */
  readonly transactions: Readonly<Record<string, number>>;
  /** What has to be 0. */
  readonly zero: Readonly<Record<string, number>>;
}

const INVENTORY_SUMS = `
  SELECT COUNT(*) FROM orders; SELECT COUNT(*) FROM orders WHERE status = 'returned'; SELECT COUNT(*) FROM corrections;
  SELECT COUNT(*) FROM products p
    LEFT JOIN (SELECT line.product, SUM(line.quantity) AS quantity FROM orders,
        JSON_TABLE(lines_json, '$[*]' COLUMNS (product INT PATH '$[0]', quantity INT PATH '$[1]')) line
        WHERE status = 'ordered' GROUP BY line.product) sold ON sold.product = p.id
    LEFT JOIN (SELECT product, SUM(difference) AS difference FROM corrections GROUP BY product) corrected
      ON corrected.product = p.id
    WHERE p.stock <> ${initialStock} - COALESCE(sold.quantity, 0) + COALESCE(corrected.difference, 0);
  SELECT COUNT(*) FROM products WHERE stock < 0`;

function tablesOf(plan: PeerPlan): readonly string[] {
  return plan.scenario === 'micro' ? ['micro'] : ['products', 'orders', 'corrections'];
}

function script(plan: PeerPlan): string {
  return path.join(import.meta.dirname, `${plan.scenario}.lua`);
}

function scriptOptions(plan: PeerPlan): string[] {
  if (plan.scenario === 'micro') return [`--rows=${plan.rows}`];
  return [`--rows=${plan.rows}`, `--skew=${plan.skew}`, `--stock=${initialStock}`];
}

/** A server that is started by root runs as the user that its package made. */
function asUser(): string[] {
  return process.getuid?.() === 0 ? ['--user=mysql'] : [];
}

function prepareDirectory(directory: string, nodes: readonly GaleraNode[], flushes: boolean): void {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o777);
  for (const node of nodes) writeFileSync(`${dataOf(node)}.cnf`, configurationOf(node, nodes, flushes));
  const [first, ...others] = nodes as readonly [GaleraNode, ...GaleraNode[]];
  run(programNamed('mariadb-install-db')!, [
    '--no-defaults',
    `--datadir=${dataOf(first)}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    ...asUser(),
  ]);
  for (const node of others) {
    mkdirSync(dataOf(node), { recursive: true });
    if (asUser().length > 0) run('chown', ['mysql', dataOf(node)]);
  }
}

function run(program: string, args: readonly string[]): void {
  const ended = spawnSync(program, [...args], { encoding: 'utf8' });
  if (ended.status === 0) return;
  const why = (ended.error?.message ?? `${ended.stdout}${ended.stderr}`).trim().split('\n').slice(-2).join(' | ');
  throw new BenchError({ code: 'GROUP', message: `${path.basename(program)} failed: ${why}` });
}

/** Acknowledged transactions by kind. */
function committedBy(loaded: readonly SysbenchResult[], plan: PeerPlan): Readonly<Record<string, number>> {
  if (plan.scenario === 'micro') return { updates: loaded.reduce((sum, { committed }) => sum + committed, 0) };
  const sums = { orders: 0, returns: 0, corrections: 0 };
  for (const { output } of loaded) {
    for (const [, orders, returns, corrections] of output.matchAll(
      /counts: (\d+) orders (\d+) returns (\d+) corrections/g,
    )) {
      sums.orders += Number(orders);
      sums.returns += Number(returns);
      sums.corrections += Number(corrections);
    }
  }
  return sums;
}

function totalOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
