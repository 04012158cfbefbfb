/** `concert ARGUMENTS…` from its start to its end, as a shell runs it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const main = path.join(import.meta.dirname, '..', 'main.ts');

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

export class RunningCommand {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  output = '';
  errors = '';

  /** `input`: what it gets as standard input; null: it is not ended. */
  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}, input: string | null = '') {
    this.child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...environment } });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    // One that does not read its input leaves it.
    this.child.stdin!.on('error', () => {});
    if (input !== null) this.child.stdin!.end(input);
    this.finished = once(this.child, 'close').then(([code, signal]) => {
      const { output, errors } = this;
      return { code, signal, output, errors };
    });
  }
}

export function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Finished> {
  return new RunningCommand(args, environment, input).finished;
}

export function succeeded(finished: Finished): Finished {
  assert.equal(finished.code, 0, finished.errors);
  return finished;
}
