/** `concert conflicts`: the last conflicts of the group; or with `--top` the rows that they were about, and who lost to whom. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ConflictRow } from '../../client/index.ts';
import { type CommandContext, command } from './command.ts';
import { conflictTable, hotRowTable, pairTable, timeOf } from './conflict-tables.ts';
import { connectGroup, urlOption } from './group-client.ts';
import { CONFLICTS_OF_MEMBER_MAX, GroupConflicts } from './group-conflicts.ts';
import { memberLabel } from './member-label.ts';
import { flag, text, wholeNumber } from './options.ts';
import { jsonText } from './shell/cell-text.ts';
import { TableLayout } from './shell/table-layout.ts';

const TOP_DEFAULT = 10;
const LAST_DEFAULT = 20;
const SHOWN_MAX = 1_000;
const WATCH_MS = 1_000;
const CONNECT_MS_MAX = 5_000;

export const conflictsCommand = command({
  name: 'conflicts',
  summary: 'show which rows were fought over, who lost and who won',
  options: {
    url: urlOption,
    top: {
      kind: { ...wholeNumber(1, SHOWN_MAX), whenAlone: String(TOP_DEFAULT) },
      help: `count them: the N hottest rows (${TOP_DEFAULT}), and who lost to whom`,
    },
    last: { kind: wholeNumber(1, SHOWN_MAX), help: `without --top: the last N (${LAST_DEFAULT})` },
    table: { kind: text('TABLE'), help: 'only those about this table' },
    watch: { kind: flag(), help: 'go on with those to come, until Ctrl-C' },
    json: {
      kind: flag(),
      help: 'print JSON: {conflicts} or {since, conflicts, hotRows, pairs}; one line each with --watch',
    },
  },
  notes: `Every member that --url names is asked: what was refused in the total order all of them know, what a member refused
before that only it. A member remembers the last ${CONFLICTS_OF_MEMBER_MAX} conflicts of its present run.`,
  async run({ url, top, last = LAST_DEFAULT, table, watch = false, json = false }, { output }) {
    const client = await connectGroup(url, { connectTimeoutMs: CONNECT_MS_MAX });
    const stopping = new AbortController();
    process.once('SIGINT', () => stopping.abort());
    const note = (line: string) => process.stderr.write(`concert: ${line}\n`);
    const group = new GroupConflicts(client, table, note);
    const label = () => memberLabel(client.status());
    const show = top === undefined ? showLast(output, { last, json, watch }) : showTop(output, { top, json, watch });
    try {
      for (let added = await group.ask(); ; added = await group.ask()) {
        show(group, added, label());
        if (!watch) return 0;
        await delay(WATCH_MS, undefined, { signal: stopping.signal }).catch(() => {});
        if (stopping.signal.aborted) return 0;
      }
    } finally {
      await client.close({ timeoutMs: 0 });
    }
  },
});

/** Shows what is known now; `added`: what was not known at the last call, oldest first. */
type Show = (group: GroupConflicts, added: readonly ConflictRow[], label: ReturnType<typeof memberLabel>) => void;

type Stream = CommandContext['output'];

function showLast(
  output: Stream,
  how: { readonly last: number; readonly json: boolean; readonly watch: boolean },
): Show {
  const layout = new TableLayout(widthOf(output));
  let isFirst = true;
  return ({ tally }, added, label) => {
    // Newest first where that is all; where more is to come, that comes last.
    const news = isFirst ? tally.newestFirst(how.last) : [];
    const rows = how.watch ? (isFirst ? news.reverse() : added) : news;
    isFirst = false;
    if (how.json) {
      if (how.watch) for (const row of rows) output.write(`${jsonText(row)}\n`);
      else output.write(`${jsonText({ conflicts: rows })}\n`);
    } else if (rows.length > 0) output.write(layout.render(conflictTable(rows, label)));
    else if (!how.watch) output.write('no conflicts\n');
  };
}

function showTop(output: Stream, how: { readonly top: number; readonly json: boolean; readonly watch: boolean }): Show {
  let isFirst = true;
  return ({ tally }, added, label) => {
    if (!isFirst && added.length === 0) return;
    const summary = tally.summary(how.top);
    const { since, conflicts, hotRows, pairs } = summary;
    if (how.json) output.write(`${jsonText(summary)}\n`);
    else {
      // A watched terminal shows one picture, not a roll of them.
      if (how.watch && output.isTTY) output.write('\x1b[H\x1b[2J');
      else if (!isFirst) output.write('\n');
      output.write(since === null ? 'no conflicts\n' : `${conflicts} conflicts since ${timeOf(since)}\n`);
      if (hotRows.length > 0) output.write(`\n${new TableLayout(widthOf(output)).render(hotRowTable(hotRows))}`);
      if (pairs.length > 0) output.write(`\n${new TableLayout(widthOf(output)).render(pairTable(pairs, label))}`);
    }
    isFirst = false;
  };
}

function widthOf(output: Stream): number | null {
  return output.isTTY ? output.columns : null;
}
