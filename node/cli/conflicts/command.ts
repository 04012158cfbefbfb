/** `concert conflicts`: the last conflicts of the group; or with `--top` the rows that they were about, and who lost to whom. */
import { wrongOption } from '../cli-error.ts';
import { command } from '../command.ts';
import { Output } from '../display/output.ts';
import { flag, text, wholeNumber } from '../options.ts';
import { urlOption } from '../url-option.ts';

const TOP_DEFAULT = 10;
const LAST_DEFAULT = 20;
const SHOWN_MAX = 1_000;

export const conflictsCommand = command({
  name: 'conflicts',
  summary: 'show which rows were fought over, who lost and who won',
  options: {
    url: urlOption,
    top: {
      kind: { ...wholeNumber(1, SHOWN_MAX), whenAlone: String(TOP_DEFAULT) },
      help: `count them: the N hottest rows (${TOP_DEFAULT}), who lost to whom, why, and by how many transactions`,
    },
    last: { kind: wholeNumber(1, SHOWN_MAX), help: `without --top: the last N (${LAST_DEFAULT})` },
    table: { kind: text('TABLE'), help: 'only those about this table' },
    watch: { kind: flag(), help: 'go on with those to come, until Ctrl-C' },
    json: {
      kind: flag(),
      help: 'print JSON: {conflicts} or {since, conflicts, hotRows, pairs, causes, distances}; one line each with --watch',
    },
  },
  notes: `Every member that --url names is asked: what was refused in the total order all of them know, what a member refused
before that only it. A member remembers the last 10,000 conflicts of its present run; beyond 1,000 a second one of sixteen, which
stands for the others.`,
  async run(values, { output }) {
    if (values.top !== undefined && values.last !== undefined) {
      throw wrongOption('--top counts all conflicts, --last shows the last ones: say one of them');
    }
    const { showConflicts } = await import('./show-conflicts.ts');
    const { url, top = null, last = LAST_DEFAULT, table, watch = false, json = false } = values;
    return showConflicts({ url, top, last, table, watch, json }, new Output(output));
  },
});
