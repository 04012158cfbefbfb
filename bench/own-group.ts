/** A group for one benchmark: fresh members on free ports of this machine, each a process, ended and removed after it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BenchError } from './bench-error.ts';
import { environmentNameOf, optionNames } from './options.ts';

export interface OwnGroupOptions {
  readonly members: number;
  /** Null: a new one in the system's directory for temporary files. */
  readonly dataDirectory: string | null;
  readonly keepsData: boolean;
  /** Where the members leave CPU profiles when they end; null: none. */
  readonly profileDirectory: string | null;
}

const host = '127.0.0.1';
const commandLine = path.join(import.meta.dirname, '..', 'node', 'cli', `main${path.extname(import.meta.filename)}`);
const readyMsMax = 60_000;
const pollMs = 50;
const stopMsMax = 20_000;

interface OwnMember {
  readonly name: string;
  readonly process: ChildProcess;
  readonly url: string;
  readonly readyUrl: string;
  readonly dataDirectory: string;
  readonly logFile: string;
}

export class OwnGroup {
  readonly #members: readonly OwnMember[];
  readonly #options: OwnGroupOptions;
  readonly dataDirectory: string;

  /** Starts the processes; the group serves after `untilReady`. `ports`: two for each member, free ones. */
  constructor(options: OwnGroupOptions, ports: readonly number[]) {
    this.#options = options;
    if (options.profileDirectory !== null) makeDirectory(options.profileDirectory, '--profile');
    this.dataDirectory = prepareDirectory(options.dataDirectory);
    const groupPorts = ports.slice(options.members);
    const address = (at: number) => `${host}:${groupPorts[at]}`;
    const others = groupPorts.slice(1).map((_, i) => address(i + 1));
    this.#members = Array.from({ length: options.members }, (_, at) => {
      const formation = at > 0 ? ['--seeds', address(0)] : ['--bootstrap'];
      if (at === 0 && others.length > 0) formation.push('--seeds', others.join(','));
      return spawnMember(this.dataDirectory, at + 1, ports[at]!, groupPorts[at]!, formation, options.profileDirectory);
    });
  }

  /** @throws BenchError if not all members get ready. */
  async untilReady(): Promise<void> {
    await Promise.all(this.#members.map((member) => untilReady(member)));
  }

  get urls(): readonly string[] {
    return this.#members.map((member) => member.url);
  }

  get processIds(): readonly number[] {
    return this.#members.map((member) => member.process.pid!);
  }

  /** Ends the members and removes what they wrote, unless it is to be kept. */
  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => end(member.process)));
    if (this.#options.keepsData) return;
    for (const member of this.#members) {
      rmSync(member.dataDirectory, { recursive: true, force: true });
      rmSync(member.logFile, { force: true });
    }
    if (this.#options.dataDirectory === null) rmSync(this.dataDirectory, { recursive: true, force: true });
  }
}

function prepareDirectory(asked: string | null): string {
  if (asked === null) return mkdtempSync(path.join(tmpdir(), 'concert-bench-'));
  const directory = path.resolve(asked);
  if (existsSync(path.join(directory, 'member-1'))) {
    throw new BenchError({
      code: 'GROUP',
      message: `${directory} holds a group already; name another directory with --data, or remove it`,
    });
  }
  makeDirectory(directory, '--data');
  return directory;
}

function makeDirectory(directory: string, option: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    const { message } = error as Error;
    throw new BenchError({ code: 'OPTION', message: `${option}: cannot make ${directory}: ${message}` });
  }
}

function spawnMember(
  directory: string,
  number: number,
  port: number,
  groupPort: number,
  formation: readonly string[],
  profileDirectory: string | null,
): OwnMember {
  const name = `member-${number}`;
  const dataDirectory = path.join(directory, name);
  const logFile = path.join(directory, `${name}.log`);
  const profiling = profileDirectory === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${path.resolve(profileDirectory)}`];
  const log = openSync(logFile, 'w');
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      ...profiling,
      commandLine,
      'start',
      '--data',
      dataDirectory,
      '--host',
      host,
      '--port',
      String(port),
      '--group-port',
      String(groupPort),
      ...formation,
    ],
    // In a process group of its own: Ctrl-C reaches the benchmark, which ends the members in good order.
    { stdio: ['ignore', log, log], detached: true, env: withoutBenchOptions(process.env) },
  );
  closeSync(log);
  return {
    name,
    process: child,
    url: `ws://${host}:${port}/v1`,
    readyUrl: `http://${host}:${port}/readyz`,
    dataDirectory,
    logFile,
  };
}

function withoutBenchOptions(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = new Set(optionNames.map(environmentNameOf));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !names.has(name)));
}

async function untilReady(member: OwnMember): Promise<void> {
  const deadline = performance.now() + readyMsMax;
  const { process: child, name, logFile } = member;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new BenchError({
        code: 'GROUP',
        message: `${name} ended with ${child.signalCode ?? `code ${child.exitCode}`} at its start: ${lastLineOf(logFile)}`,
      });
    }
    if (await isReady(member.readyUrl)) return;
    if (performance.now() > deadline) {
      throw new BenchError({
        code: 'GROUP',
        message: `${name} was not ready after ${readyMsMax / 1000} s; the last line of its log: ${lastLineOf(logFile)}`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

/** Why it ended, if it said so, else what it said last. */
function lastLineOf(file: string): string {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.findLast((line) => line.startsWith('concert: ')) || lines.at(-1) || '(nothing logged)';
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
  await exited;
  clearTimeout(timer);
}

/** Different ones: all are held until the last is found. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    servers.push(server);
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
