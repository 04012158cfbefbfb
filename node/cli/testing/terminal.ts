/** A command at a pseudo terminal, by `script` of util-linux: what is typed, and what the terminal shows. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { waitUntil, within } from '../../../harness/index.ts';

const main = path.join(import.meta.dirname, '..', 'main.ts');
const SHOWN_MS_MAX = 20_000;

/** Why there are no pseudo terminals here; null where there are. */
export function whyNoTerminal(): string | null {
  const { stdout, error } = spawnSync('script', ['--version'], { encoding: 'utf8' });
  return error === undefined && /util-linux/.test(stdout) ? null : 'there is no script of util-linux';
}

export class Terminal {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  /** Everything shown so far, without what moves the cursor. */
  shown = '';
  #hasEnded = false;
  /** Up to where `sees` has looked. */
  #seen = 0;

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const quoted = [process.execPath, main, ...args].map((arg) => `'${arg}'`).join(' ');
    this.#child = spawn('script', ['-qec', `stty cols 120 rows 40; exec ${quoted}`, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm', SHELL: '/bin/sh', ...environment },
    });
    let raw = '';
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      raw += text;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what they are.
      this.shown = raw.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]|\r/g, '');
    });
    this.#ended = once(this.#child, 'close').then(([code]) => {
      this.#hasEnded = true;
      return code;
    });
  }

  type(keys: string): void {
    this.#child.stdin!.write(keys);
  }

  /** Waits until `expected` is shown, behind what was waited for before. */
  async sees(expected: RegExp | string): Promise<RegExpExecArray> {
    const pattern =
      typeof expected === 'string' ? new RegExp(expected.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')) : expected;
    const look = () => pattern.exec(this.shown.slice(this.#seen));
    const found = await waitUntil(`the terminal shows ${pattern}`, SHOWN_MS_MAX, () => {
      const match = look();
      if (match === null && this.#hasEnded) assert.fail(`ended without ${pattern}: ${this.shown}`);
      return match;
    }).catch((error: Error) => assert.fail(`${error.message}; it shows:\n${this.shown}`));
    this.#seen += found.index + found[0].length;
    return found;
  }

  /** Types `keys` and waits for their echo: what comes in one piece is taken for pasted, and Tab in it for a blank. */
  async enters(keys: string): Promise<void> {
    this.type(keys);
    await this.sees(keys);
  }

  /** The exit code, once the command has ended. */
  ended(): Promise<number | null> {
    return within('the command ends', SHOWN_MS_MAX, this.#ended);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
