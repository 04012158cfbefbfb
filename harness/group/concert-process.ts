/** `concert ARGUMENTS…` as a child process, and what it says. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { waitUntil, within } from '../wait-until.ts';

const main = path.join(import.meta.dirname, '..', '..', 'node', 'cli', 'main.ts');

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

export class ConcertProcess {
  readonly child: ChildProcess;
  /** In the order logged. */
  readonly events: LogEvent[] = [];
  output = '';
  errors = '';
  readonly ended: Promise<Ended>;
  hasEnded = false;
  #rest = '';

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(CONCERT|NODE_TEST)_/.test(name));
    this.child = spawn(process.execPath, [main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...Object.fromEntries(inherited), ...environment },
    });
    running.add(this.child);
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#said(text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.hasEnded = true;
      running.delete(this.child);
      return { code, signal };
    });
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
    this.output += text;
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) if (line.startsWith('{')) this.events.push(JSON.parse(line));
  }
}
