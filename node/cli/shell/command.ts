/** `concert shell`: statements at a terminal, from a pipe, or from the command line. */
import { command } from '../command.ts';
import { flag, text } from '../options.ts';
import { urlOption } from '../url-option.ts';

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

From a pipe or with --execute the first statement that fails ends the command with code 1. Tables cut what is longer than
the terminal is wide, or than 120 columns where there is none; --expanded and --json show all of it.

  concert shell --execute 'createTable shop.products ["id"]; put shop.products {id: 1, stock: 5}'
  echo 'scan shop.products' | concert shell --json`,
  async run(values, context) {
    const { runShell } = await import('./run-shell.ts');
    return runShell(values, context);
  },
});
