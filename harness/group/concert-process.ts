/** `concert ARGUMENTS…` as a child process, and what it says. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { waitUntil, within } from '../wait-until.ts';
import { type Environment, mergedEnvironment } from './environment.ts';

const main = path.join(import.meta.dirname, '..', '..', 'node', 'cli', `main${path.extname(import.meta.filename)}`);

/** Of what it has said, the last; its log file has all. */
const OUTPUT_CHARACTERS_MAX = 1024 * 1024;
const EVENTS_MAX = 100_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** One line of a member's log. */
export type LogEvent = Readonly<Record<string, unknown>> & { readonly event: string };

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ConcertProcessOptions {
  /** Gets what it says, after what is there. */
  readonly logFile?: string;
  /** Of Node, before the script: `--cpu-prof` and the like. */
  readonly nodeArguments?: readonly string[];
  /** In a process group of its own: Ctrl-C does not reach it. Whoever starts it ends it. */
  readonly detached?: boolean;
}

export class ConcertProcess {
  readonly child: ChildProcess;
  /** In the order logged. */
  readonly events: LogEvent[] = [];
  output = '';
  errors = '';
  readonly ended: Promise<Ended>;
  /** By the system's time of day; null: it runs. */
  endedAtMs: number | null = null;
  end: Ended | null = null;
  #rest = '';
  readonly #logFile: string | null;

  constructor(args: readonly string[], environment: Environment = {}, options: ConcertProcessOptions = {}) {
    const { logFile = null, nodeArguments = [], detached = false } = options;
    this.#logFile = logFile;
    const inherited = Object.entries(process.env).filter(([name]) => !/^(CONCERT|NODE_TEST)_/.test(name));
    this.child = spawn(process.execPath, [...nodeArguments, main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached,
      env: mergedEnvironment(Object.fromEntries(inherited), environment),
    });
    running.add(this.child);
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#said(text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errors = (this.errors + text).slice(-OUTPUT_CHARACTERS_MAX);
      this.#log(text);
    });
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.endedAtMs = Date.now();
      this.end = { code, signal };
      running.delete(this.child);
      return this.end;
    });
  }

  get hasEnded(): boolean {
    return this.end !== null;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** The first event that fits; fails if the process ends before. */
  async event(what: string, limitMs: number, fits: (event: LogEvent) => boolean): Promise<LogEvent> {
    return waitUntil(what, limitMs, () => {
      const found = this.events.find(fits);
      if (found === undefined && this.hasEnded) assert.fail(`ended before ${what}: ${this.output}${this.errors}`);
      return found;
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends it as a lost process ends: nothing is flushed. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Asks it to stop, and waits until it has. */
  async stop(limitMs = 20_000): Promise<Ended> {
    this.child.kill('SIGTERM');
    return within('a clean stop', limitMs, this.ended);
  }

  #said(text: string): void {
    this.#log(text);
    this.output = (this.output + text).slice(-OUTPUT_CHARACTERS_MAX);
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) if (line.startsWith('{')) this.events.push(JSON.parse(line));
    if (this.events.length > EVENTS_MAX) this.events.splice(0, EVENTS_MAX / 2);
  }

  #log(text: string): void {
    if (this.#logFile !== null) appendFileSync(this.#logFile, text);
  }
}
