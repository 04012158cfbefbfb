/** `concert shell`: statements at a terminal, from a pipe, or from the command line. */
import readline from 'node:readline';
import type { Client } from '../../../client/index.ts';
import { command } from '../command.ts';
import { connectGroup, urlOption } from '../group-client.ts';
import { hostOf, memberLabel } from '../member-label.ts';
import { flag, text } from '../options.ts';
import { HistoryFile, historyPath } from './history-file.ts';
import { InteractiveShell } from './interactive.ts';
import { Output } from './output.ts';
import { runScript } from './run-script.ts';
import { Shell } from './shell.ts';

/** A person waits. */
const CONNECT_MS_MAX = 5_000;
/** Tables, for Tab: older names do as well. */
const TABLES_AGE_MS_MAX = 5_000;
const TABLES_ANSWER_MS_MAX = 1_000;
/** As a process that Ctrl-C has ended. */
const INTERRUPTED = 130;

export const shellCommand = command({
  name: 'shell',
  summary: 'run statements: at a terminal, from a pipe, or with --execute',
  options: {
    url: urlOption,
    execute: { kind: text('STATEMENTS'), help: 'run these, separated by ; or line ends, and end' },
    json: { kind: flag(), help: 'print one JSON line a result' },
    expanded: { kind: flag(), help: 'show rows as one line a column' },
    'no-history': { kind: flag(), help: 'keep nothing of what is typed' },
  },
  notes: `At a terminal: help lists the statements, Tab completes, Ctrl-C drops a line or stops what runs, Ctrl-D ends. What is
typed is kept in $XDG_STATE_HOME/concert/history (~/.local/state/concert/history), for its owner alone.

From a pipe or with --execute the first statement that fails ends the command with code 1.

  concert shell --execute 'createTable shop.products ["id"]; put shop.products {id: 1, stock: 5}'
  echo 'scan shop.products' | concert shell --json`,
  async run(values, { environment, output }) {
    const client = await connectGroup(values.url, { prefer: 'first', connectTimeoutMs: CONNECT_MS_MAX });
    const isInteractive = values.execute === undefined && process.stdin.isTTY && output.isTTY;
    let notice = (line: string): void => {
      process.stderr.write(`concert: ${line}\n`);
    };
    const shell = new Shell({
      client,
      output: new Output(output),
      settings: {
        format: values.json ? 'json' : 'table',
        expanded: values.expanded ? 'on' : isInteractive ? 'auto' : 'off',
        timing: isInteractive,
      },
      notice: (line) => notice(line),
    });
    const label = () => memberLabel(client.status());
    try {
      if (!isInteractive) {
        const stopping = new AbortController();
        process.once('SIGINT', () => stopping.abort());
        const lines = values.execute?.split('\n') ?? readline.createInterface({ input: process.stdin });
        await runScript(lines, { shell, label, signal: stopping.signal });
        return stopping.signal.aborted ? INTERRUPTED : 0;
      }
      const file = values['no-history'] ? null : historyPath(environment);
      const history = new HistoryFile(file, (error) => notice(`what is typed is not kept: ${error.message}`));
      const tables = tableNames(client, () => shell.session.url);
      const terminal = { input: process.stdin, output };
      const interactive = new InteractiveShell({ shell, history, label, tables, terminal });
      notice = (line) => interactive.notice(line);
      const at = `${hostOf(shell.session.url)}, one of ${client.urls.length}`;
      output.write(`connected to ${at}; help lists the statements, Ctrl-D ends\n`);
      await interactive.run();
      return 0;
    } finally {
      await shell.session.end();
      await client.close({ timeoutMs: 0 });
    }
  },
});

/** Names of all tables, as of a moment ago; none while nobody answers. */
function tableNames(client: Client, url: () => string): () => Promise<readonly string[]> {
  let names: readonly string[] = [];
  let readMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - readMs < TABLES_AGE_MS_MAX) return names;
    try {
      const tables = await client.at(url()).tables({ attempts: 1, timeoutMs: TABLES_ANSWER_MS_MAX });
      names = tables.map(({ table }) => table);
      readMs = performance.now();
    } catch {
      // Tab offers nothing then.
    }
    return names;
  };
}
