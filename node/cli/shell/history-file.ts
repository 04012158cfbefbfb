/** What was typed, kept from one shell to the next: a line each, newest last, readable by its owner alone. */
import { appendFileSync, chmodSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { Nesting } from './nesting.ts';

export const HISTORY_ENTRIES_MAX = 1_000;
/** What is longer was pasted, and is not searched for again. */
const ENTRY_CHARACTERS_MAX = 16 * 1024;

export function historyPath(environment: Readonly<Record<string, string | undefined>>): string {
  const asked = environment.XDG_STATE_HOME;
  const state = asked !== undefined && path.isAbsolute(asked) ? asked : path.join(homedir(), '.local', 'state');
  return path.join(state, 'concert', 'history');
}

export class HistoryFile {
  #file: string | null;
  readonly #failed: (error: Error) => void;
  /** Newest first. */
  readonly entries: string[] = [];

  /** `file` null: nothing is kept. `failed`: told of what cannot be read or written; the shell goes on without. */
  constructor(file: string | null, failed: (error: Error) => void) {
    this.#file = file;
    this.#failed = failed;
    this.#try((kept) => {
      mkdirSync(path.dirname(kept), { recursive: true, mode: 0o700 });
      writeFileSync(kept, '', { flag: 'a', mode: 0o600 });
      if ((statSync(kept).mode & 0o077) !== 0) chmodSync(kept, 0o600);
      const lines = readFileSync(kept, 'utf8')
        .split('\n')
        .filter((line) => line !== '');
      const last = lines.slice(-HISTORY_ENTRIES_MAX);
      if (lines.length > 2 * HISTORY_ENTRIES_MAX) replace(kept, last);
      for (const line of last) this.#remember(line);
    });
  }

  /** Keeps an input of one or more lines. Not kept: what begins with a blank, and the same once more. */
  add(input: string): void {
    const entry = oneLine(input);
    if (entry.trim() === '' || entry.startsWith(' ') || entry.length > ENTRY_CHARACTERS_MAX) return;
    if (this.entries[0] === entry) return;
    this.#remember(entry);
    this.#try((kept) => appendFileSync(kept, `${entry}\n`, { mode: 0o600 }));
  }

  #remember(entry: string): void {
    this.entries.unshift(entry);
    this.entries.length = Math.min(this.entries.length, HISTORY_ENTRIES_MAX);
  }

  #try(work: (file: string) => void): void {
    if (this.#file === null) return;
    try {
      work(this.#file);
    } catch (error) {
      this.#file = null;
      this.#failed(error as Error);
    }
  }
}

/** The same statements in one line: lines are joined, line ends in quotes are escaped, comments to a line's end left out. */
export function oneLine(input: string): string {
  const nesting = new Nesting();
  let line = '';
  for (const unit of input) {
    const wasInComment = nesting.isInLineComment;
    nesting.step(unit);
    if (nesting.isInLineComment) {
      if (!wasInComment) line = line.slice(0, -1);
    } else if (unit !== '\n') line += unit;
    else if (!nesting.isInQuotes) line += ' ';
    else line = line.endsWith('\\') ? line.slice(0, -1) : `${line}\\n`;
  }
  return line.trimEnd();
}

/** Whole or not at all, even if another shell writes just then. */
function replace(file: string, lines: readonly string[]): void {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  renameSync(temporary, file);
}
