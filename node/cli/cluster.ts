/** `concert cluster`: a local group, one process a member. It starts them, watches them, and stops them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, MemberRow } from '../../client/index.ts';
import { certificationCapacity } from './certification-capacity.ts';
import { failed } from './cli-error.ts';
import { type ClusterLayout, hasGroup, type LocalMember, localHost, openLayout } from './cluster-layout.ts';
import { type CommandContext, command } from './command.ts';
import { idempotencyHorizon } from './idempotency-horizon.ts';
import { memberArguments, memberOptions } from './member-options.ts';
import { text, wholeNumber } from './options.ts';
import { textTable } from './text-table.ts';

/** Members and their two ports each: as many as one machine is likely to bear. */
const membersMax = 9;
/** A member stops by itself within its own limits; then it is ended. */
const stopMsMax = 20_000;
const readyPollMs = 100;
const answerMsMax = 2_000;
const logTailBytesMax = 64 * 1024;

export const clusterCommand = command({
  name: 'cluster',
  summary: 'run a local group, one process a member, until Ctrl-C',
  options: {
    members: { kind: wholeNumber(1, membersMax), help: 'how many (3); fixed at the first start' },
    port: { kind: wholeNumber(1, 65_535), help: "the first member's port for clients (7001); the others count up" },
    'group-port': {
      kind: wholeNumber(1, 65_535),
      help: "the first member's port for members (7101); the others count up",
    },
    data: {
      kind: text('DIR'),
      help: 'where the members keep their data (./concert-data); member-1, member-2, … in it',
    },
    lanes: { kind: wholeNumber(1, 16), help: 'applier lanes of each member (2); fixed when the group is created' },
    'certification-capacity': certificationCapacity('fixed when the group is created'),
    'idempotency-horizon': idempotencyHorizon('fixed when the group is created'),
    ...memberOptions,
  },
  notes:
    'From --member-expel-timeout to --certification-memory-mib, and --lanes: handed on to each member, as `concert start` takes it.',
  async run(values, { output }) {
    const ofMembers = memberArguments(values);
    const layout = openLayout(path.resolve(values.data ?? 'concert-data'), {
      ...(values.members !== undefined && { members: values.members }),
      ...(values.port !== undefined && { port: values.port }),
      ...(values['group-port'] !== undefined && { groupPort: values['group-port'] }),
    });
    for (const member of layout.members) {
      await refusePortInUse(member.port);
      await refusePortInUse(member.groupPort);
    }
    if (values.lanes !== undefined) ofMembers.push('--lanes', String(values.lanes));
    const cluster = new LocalCluster({ layout, ofMembers, output });
    const names = ['certification-capacity', 'idempotency-horizon'] as const;
    cluster.start(
      names.flatMap((name) => {
        const value = values[name];
        return value === undefined ? [] : [`--${name}`, String(value)];
      }),
    );
    return cluster.run();
  },
});

interface Process {
  readonly member: LocalMember;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  hasEnded: boolean;
}

interface ClusterSetup {
  readonly layout: ClusterLayout;
  /** Arguments of `start`, for each member. */
  readonly ofMembers: readonly string[];
  readonly output: CommandContext['output'];
}

class LocalCluster {
  readonly #layout: ClusterLayout;
  readonly #ofMembers: readonly string[];
  readonly #output: CommandContext['output'];
  readonly #processes: Process[] = [];
  readonly #stopAsked = new AbortController();
  #isReady = false;
  #failure: string | null = null;
  #isLiveLineShown = false;

  constructor({ layout, ofMembers, output }: ClusterSetup) {
    this.#layout = layout;
    this.#ofMembers = ofMembers;
    this.#output = output;
  }

  /** `ofGroup`: arguments for the member that creates the group, if there is none yet. */
  start(ofGroup: readonly string[]): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#stopAsked.abort());
    const { members } = this.#layout;
    const isNew = !members.some(hasGroup);
    for (const member of members) {
      const args = this.#startArguments(member);
      if (!hasGroup(member)) {
        const isFirst = member === members[0];
        if (isNew && isFirst) {
          args.push('--bootstrap', ...ofGroup);
        }
        // One that lost its disk joins as a new one, through whoever is there.
        const seeds = isNew && !isFirst ? [members[0]!] : members.filter((other) => other !== member);
        if (seeds.length > 0) args.push('--seeds', seeds.map((seed) => `${localHost}:${seed.groupPort}`).join(','));
      }
      this.#spawn(member, args);
    }
  }

  /** Exit code: 0 when it was stopped, 1 when it did not come up or nothing is left of it. */
  async run(): Promise<number> {
    try {
      if (await this.#allOnline()) {
        this.#isReady = true;
        await this.#showMembers();
        await this.#showLive();
      }
    } finally {
      this.#endLiveLine();
      await this.#stopAll();
    }
    if (this.#failure !== null) throw failed(this.#failure);
    this.#output.write('all members stopped\n');
    return 0;
  }

  get #running(): readonly Process[] {
    return this.#processes.filter((process) => !process.hasEnded);
  }

  get #isStopAsked(): boolean {
    return this.#stopAsked.signal.aborted;
  }

  #startArguments({ directory, port, groupPort }: LocalMember): string[] {
    const addresses = ['--host', localHost, '--port', String(port), '--group-port', String(groupPort)];
    return ['--data', directory, ...addresses, ...this.#ofMembers];
  }

  #spawn(member: LocalMember, args: readonly string[]): void {
    mkdirSync(member.directory, { recursive: true });
    const log = openSync(logOf(member), 'a');
    const main = path.join(import.meta.dirname, `main${path.extname(import.meta.filename)}`);
    // In a process group of its own: Ctrl-C reaches this process, which stops the members in good order.
    const child = spawn(process.execPath, [...process.execArgv, main, 'start', ...args], {
      stdio: ['ignore', log, log],
      detached: true,
      env: withoutOptions(process.env),
    });
    closeSync(log);
    const ended = new Promise<void>((resolve) => {
      child.once('exit', resolve);
      child.once('error', resolve);
    });
    const started: Process = { member, child, ended, hasEnded: false };
    void ended.then(() => this.#memberEnded(started));
    this.#processes.push(started);
  }

  #memberEnded(ended: Process): void {
    ended.hasEnded = true;
    if (this.#isStopAsked) return;
    const { member, child } = ended;
    const how = child.signalCode === null ? `ended with code ${child.exitCode}` : `was ended by ${child.signalCode}`;
    const what = `${member.name} ${how}: ${lastLine(logOf(member)) ?? 'it logged nothing'}`;
    if (!this.#isReady || this.#running.length === 0) {
      this.#failure ??= this.#isReady ? `${what}; no member is left` : what;
      this.#stopAsked.abort();
      return;
    }
    this.#endLiveLine();
    const restart = ['concert', 'start', ...this.#startArguments(member)].join(' ');
    this.#output.write(`${what}\nthe other members go on; restart it with: ${restart}\n`);
  }

  /** Waits until all members are ONLINE; false when asked to stop before. */
  async #allOnline(): Promise<boolean> {
    const waiting = new Set(this.#layout.members);
    while (waiting.size > 0 && !this.#isStopAsked) {
      for (const member of waiting) if ((await stateOf(member)) === 'ONLINE') waiting.delete(member);
      if (waiting.size > 0) await this.#pause(readyPollMs);
    }
    return !this.#isStopAsked;
  }

  async #showMembers(): Promise<void> {
    const states = await Promise.all(this.#layout.members.map(stateOf));
    this.#output.write(
      textTable(
        ['member', 'state', 'clients', 'console', 'group', 'data'],
        this.#layout.members.map((member, i) => [
          member.name,
          states[i] ?? 'OFFLINE',
          clientsUrlOf(member),
          `http://${localHost}:${member.port}/`,
          `${localHost}:${member.groupPort}`,
          path.relative(process.cwd(), member.directory) || member.directory,
        ]),
      ),
    );
  }

  /** Until asked to stop: commits and conflicts of the group, each second on a terminal, else each five. */
  async #showLive(): Promise<void> {
    const everyMs = this.#output.isTTY ? 1_000 : 5_000;
    const { connect } = await import('../../client/index.ts');
    const urls = this.#layout.members.map(clientsUrlOf);
    const options = { prefer: 'first', connectTimeoutMs: answerMsMax, timeoutMs: answerMsMax } as const;
    let client: Client | null = null;
    let before: Figures | null = null;
    while (!this.#isStopAsked) {
      client ??= await connect(urls, options).catch(() => null);
      const now = client && (await figuresOf(client).catch(() => null));
      if (now === null) this.#showLine('no member answers');
      else if (before !== null) this.#showRates(before, now);
      before = now;
      await this.#pause(everyMs);
    }
    await client?.close({ timeoutMs: 0 });
  }

  #showRates(before: Figures, now: Figures): void {
    const seconds = (now.atMs - before.atMs) / 1000;
    const commits = Math.max(0, Math.round((now.committed - before.committed) / seconds));
    const conflicts = Math.max(0, Math.round((now.conflicts - before.conflicts) / seconds));
    const online = now.members.filter((member) => member.state === 'ONLINE').length;
    this.#showLine(
      `${online} of ${now.members.length} members ONLINE, ${commits} commits/s, ${conflicts} conflicts/s, ${now.committed} committed`,
    );
  }

  #showLine(line: string): void {
    if (!this.#output.isTTY) {
      this.#output.write(`${line}\n`);
      return;
    }
    this.#output.write(`\r\x1b[2K${line}`);
    this.#isLiveLineShown = true;
  }

  #endLiveLine(): void {
    if (this.#isLiveLineShown) this.#output.write('\n');
    this.#isLiveLineShown = false;
  }

  async #stopAll(): Promise<void> {
    this.#stopAsked.abort();
    const running = this.#running;
    for (const { child } of running) child.kill('SIGTERM');
    const all = Promise.all(running.map(({ ended }) => ended));
    const patience = new AbortController();
    await Promise.race([all, delay(stopMsMax, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
    for (const { child, member } of this.#running) {
      this.#failure ??= `${member.name} did not stop within ${stopMsMax} ms and was ended; its log is ${logOf(member)}`;
      child.kill('SIGKILL');
    }
    await all;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopAsked.signal }).catch(() => {});
  }
}

interface Figures {
  readonly atMs: number;
  readonly committed: number;
  readonly conflicts: number;
  readonly members: readonly MemberRow[];
}

/** Of the group, as the member knows it that is asked. */
async function figuresOf(client: Client): Promise<Figures> {
  const [rows, members] = await Promise.all([client.memberStats(), client.members()]);
  const most = rows.reduce((a, b) => (b.appliedUpTo > a.appliedUpTo ? b : a));
  const { appliedUpTo, countConflictsDetected } = most;
  return { atMs: performance.now(), committed: appliedUpTo, conflicts: countConflictsDetected, members };
}

function clientsUrlOf({ port }: LocalMember): string {
  return `ws://${localHost}:${port}/v1`;
}

function logOf(member: LocalMember): string {
  return path.join(member.directory, 'log');
}

/** As the member itself says; null if it does not answer. */
async function stateOf(member: LocalMember): Promise<string | null> {
  try {
    const response = await fetch(`http://${localHost}:${member.port}/readyz`, {
      signal: AbortSignal.timeout(answerMsMax),
    });
    return (await response.text()).trim();
  } catch {
    return null;
  }
}

/** @throws CliError */
function refusePortInUse(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const what = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be opened (${error.code})`;
      reject(
        failed(
          `${localHost}:${port} ${what}; stop the process that uses it (a group that runs already?), or choose other ports with --port and --group-port`,
          error,
        ),
      );
    });
    server.listen({ port, host: localHost }, () => server.close(() => resolve()));
  });
}

/** What a member said last: the line that says why it ended, if there is one. */
function lastLine(file: string): string | null {
  try {
    const tail = readFileSync(file).subarray(-logTailBytesMax).toString('utf8').trimEnd();
    const lines = tail.split('\n');
    const reason = lines.slice(-20).findLast((line) => line.startsWith('concert: '));
    return reason?.slice('concert: '.length) ?? (lines.at(-1) || null);
  } catch {
    return null;
  }
}

/** Options of the cluster are no options of its members. */
function withoutOptions(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('CONCERT_')));
}
