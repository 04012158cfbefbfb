/**
 * The shell at a terminal. Lines are read all the time, so that Ctrl-C is noticed; statements run one after the other.
 * Ctrl-C stops what runs, or drops what was typed; Ctrl-D ends the shell.
 */
import readline from 'node:readline';
import type { MemberLabel } from '../member-label.ts';
import { hostOf } from '../member-label.ts';
import { completions } from './completion.ts';
import { explainError, isExpected } from './explain-error.ts';
import { HISTORY_ENTRIES_MAX, type HistoryFile } from './history-file.ts';
import type { Shell } from './shell.ts';
import { ShellError } from './shell-error.ts';
import { StatementError, showStatementError } from './statement-error.ts';
import { StatementSplitter } from './statement-splitter.ts';

/** How often an idle shell looks whether its member is still there. */
const LOOK_MS = 500;

interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

export class InteractiveShell {
  readonly #shell: Shell;
  readonly #history: HistoryFile;
  readonly #label: () => MemberLabel;
  readonly #output: NodeJS.WriteStream;
  readonly #lines: readline.Interface;
  readonly #splitter = new StatementSplitter();
  /** Lines of the input that is not finished yet. */
  #typed: string[] = [];
  #waiting: string[] = [];
  #running: AbortController | null = null;
  #isClosed = false;
  #isExited = false;
  #ended: () => void = () => {};

  constructor(facts: {
    readonly shell: Shell;
    readonly history: HistoryFile;
    readonly label: () => MemberLabel;
    readonly tables: () => Promise<readonly string[]>;
    readonly terminal: Terminal;
  }) {
    const { terminal, history, tables } = facts;
    this.#shell = facts.shell;
    this.#history = history;
    this.#label = facts.label;
    this.#output = terminal.output;
    this.#lines = readline.createInterface({
      input: terminal.input,
      output: terminal.output,
      terminal: true,
      history: [...history.entries],
      historySize: HISTORY_ENTRIES_MAX,
      completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
        void completions(line, tables).then((result) => done(null, result));
      },
    });
  }

  /** Until `exit` or Ctrl-D. */
  async run(): Promise<void> {
    const lines = this.#lines;
    const ended = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    // Statements are what one wants back, not lines of them.
    lines.on('history', (kept: string[]) => {
      this.#restoreHistory = () => kept.splice(0, kept.length, ...this.#history.entries);
      this.#restoreHistory();
    });
    lines.on('line', (line) => this.#typedLine(line));
    lines.on('SIGINT', () => this.#interrupted());
    lines.on('close', () => {
      this.#isClosed = true;
      // Ctrl-D leaves the cursor behind the prompt.
      if (this.#running === null && !this.#isExited) this.#say('');
      this.#running?.abort();
      if (this.#running === null) this.#ended();
    });
    const looking = setInterval(() => this.#look(), LOOK_MS);
    this.#prompt();
    await ended;
    clearInterval(looking);
    if (this.#shell.session.transaction !== null) this.#say('the open transaction is rolled back');
  }

  /** Shows a line above the prompt, whatever is being typed there. */
  notice(text: string): void {
    if (this.#running !== null) {
      this.#say(text);
      return;
    }
    readline.cursorTo(this.#output, 0);
    readline.clearScreenDown(this.#output);
    this.#say(text);
    this.#lines.prompt(true);
  }

  #restoreHistory: () => void = () => {};

  #typedLine(line: string): void {
    this.#typed.push(line);
    try {
      for (const { text } of this.#splitter.push(line)) this.#waiting.push(text);
    } catch (error) {
      if (!(error instanceof ShellError)) throw error;
      this.#say(error.message);
    }
    if (this.#splitter.unfinished === null) {
      this.#history.add(this.#typed.join('\n'));
      this.#restoreHistory();
      this.#typed = [];
    }
    if (this.#running === null) void this.#runWaiting();
  }

  async #runWaiting(): Promise<void> {
    while (!this.#isClosed) {
      const statement = this.#waiting.shift();
      if (statement === undefined) break;
      if ((await this.#alone((signal) => this.#execute(statement, signal))) === 'exit') {
        this.#isExited = true;
        this.#lines.close();
      }
    }
    this.#prompt();
  }

  async #execute(text: string, signal: AbortSignal): Promise<'done' | 'exit'> {
    try {
      return await this.#shell.execute(text, signal);
    } catch (error) {
      if (!isExpected(error)) throw error;
      if (error instanceof StatementError) this.#say(showStatementError(error, text));
      else {
        const isDoomed = this.#shell.session.transaction?.doomedBy != null;
        const [first, ...more] = explainError(error, { label: this.#label(), isDoomed });
        this.#say([first, ...more.map((line) => `  ${line}`)].join('\n'));
      }
      return 'done';
    }
  }

  async #alone<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const running = new AbortController();
    this.#running = running;
    try {
      return await work(running.signal);
    } finally {
      this.#running = null;
      if (this.#isClosed) this.#ended();
    }
  }

  #interrupted(): void {
    this.#waiting = [];
    if (this.#running !== null) {
      this.#running.abort();
      return;
    }
    this.#splitter.drop();
    this.#typed = [];
    // As Node's own REPL leaves a line that was typed: it stays on the screen, and is no longer there.
    (this.#lines as unknown as { clearLine(): void }).clearLine();
    this.#prompt();
  }

  #look(): void {
    if (this.#running !== null || this.#isClosed || !this.#shell.session.isLost) return;
    readline.cursorTo(this.#output, 0);
    readline.clearScreenDown(this.#output);
    void this.#alone(() => this.#shell.session.recover()).then(() => this.#runWaiting());
  }

  #prompt(): void {
    if (this.#isClosed) return;
    const { url, transaction } = this.#shell.session;
    const state = transaction === null ? '' : transaction.doomedBy === null ? ' [open]' : ' [doomed]';
    const prompt = `${hostOf(url)}${state}> `;
    const { openedBy, unfinished } = this.#splitter;
    this.#lines.setPrompt(unfinished === null ? prompt : `${openedBy}> `.padStart(prompt.length));
    this.#lines.prompt(true);
  }

  #say(text: string): void {
    this.#output.write(`${text}\n`);
  }
}
