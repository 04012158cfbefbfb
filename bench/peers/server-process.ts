/** A server of a peer as a child process, with its output in a file. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { BenchError } from '../bench-error.ts';

const stopMsMax = 30_000;
const pollMs = 100;

/** Path of a program of Debian's packages, also where an ordinary user's PATH does not lead; null if it is not there. */
export function programNamed(name: string): string | null {
  const found = spawnSync('which', [name], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin` },
  });
  return found.status === 0 ? found.stdout.trim() : null;
}

export class ServerProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #logFile: string;

  constructor(setup: { name: string; program: string; args: readonly string[]; logFile: string }) {
    this.name = setup.name;
    this.#logFile = setup.logFile;
    const log = openSync(setup.logFile, 'a');
    // In a process group of its own: Ctrl-C reaches the benchmark, which ends the servers in good order.
    this.#child = spawn(setup.program, [...setup.args], { stdio: ['ignore', log, log], detached: true });
    this.#child.on('error', () => {});
    closeSync(log);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** @throws BenchError with the last lines of its log, if it ends before, or `limitMs` pass */
  async until(what: string, limitMs: number, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!(await isSo())) {
      if (this.hasEnded) throw this.#failure(`ended before ${what}`);
      if (performance.now() > deadline) throw this.#failure(`not within ${limitMs / 1000} s: ${what}`);
      await delay(pollMs);
    }
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopMsMax);
    await ended;
    clearTimeout(timer);
  }

  #failure(reason: string): BenchError {
    const log = readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-3).join(' | ');
    return new BenchError({
      code: 'GROUP',
      message: `${this.name} ${reason}; its log ends with: ${log || '(nothing)'}`,
    });
  }
}
