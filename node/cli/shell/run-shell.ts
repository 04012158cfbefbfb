/** Puts a shell together, at a terminal or for a script, and takes it apart. */
import readline from 'node:readline';
import type { Client } from '../../../client/index.ts';
import type { CommandContext } from '../command.ts';
import { Output } from '../display/output.ts';
import { connectGroup, memberNames } from '../group-client.ts';
import { hostOf } from '../member-label.ts';
import { HistoryFile, historyPath } from './history-file.ts';
import { InteractiveShell } from './interactive.ts';
import { runScript } from './run-script.ts';
import { Shell } from './shell.ts';

export interface ShellOptions {
  readonly url: string | undefined;
  readonly execute: string | undefined;
  readonly json: boolean | undefined;
  readonly expanded: boolean | undefined;
  readonly 'no-history': boolean | undefined;
}

/** Tables, for Tab: older names do as well. */
const TABLES_AGE_MS_MAX = 5_000;
const TABLES_ANSWER_MS_MAX = 1_000;
/** As a process that Ctrl-C has ended. */
const INTERRUPTED = 130;

/** Exit code. @throws CliError if no member answers, or a statement of a script fails */
export async function runShell(values: ShellOptions, { environment, output }: CommandContext): Promise<number> {
  const client = await connectGroup(values.url, { prefer: 'first' });
  const isInteractive = values.execute === undefined && process.stdin.isTTY && output.isTTY;
  let notice = (line: string): void => {
    process.stderr.write(`concert: ${line}\n`);
  };
  const label = await memberNames(client);
  const shell = new Shell({
    client,
    label,
    output: new Output(output),
    settings: {
      format: values.json ? 'json' : 'table',
      expanded: values.expanded ? 'on' : isInteractive ? 'auto' : 'off',
      timing: isInteractive,
    },
    notice: (line) => notice(line),
  });
  try {
    await shell.session.start();
    if (!isInteractive) {
      const stopping = new AbortController();
      const input = values.execute === undefined ? readline.createInterface({ input: process.stdin }) : null;
      process.on('SIGINT', () => {
        stopping.abort();
        input?.close();
      });
      const lines = input ?? values.execute!.split('\n');
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
}

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
