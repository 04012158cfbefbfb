/** Asks a group for its conflicts and shows them, once or again and again. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, ConcertError, type ConflictRow } from '../../../client/index.ts';
import { failed } from '../cli-error.ts';
import type { Output } from '../display/output.ts';
import { TableLayout } from '../display/table-layout.ts';
import { connectGroup, memberNames } from '../group-client.ts';
import type { MemberLabel } from '../member-label.ts';
import { valueJson } from '../value-json.ts';
import { causeTable, conflictTable, distanceTable, hotRowTable, pairTable, timeOf } from './conflict-tables.ts';
import type { ConflictTally } from './conflict-tally.ts';
import { GroupConflicts } from './group-conflicts.ts';

const WATCH_MS = 1_000;
const TABLE_MS_MAX = 2_000;

export interface ConflictsOptions {
  readonly url: string | undefined;
  /** How many hot rows; null: the conflicts themselves. */
  readonly top: number | null;
  readonly last: number;
  readonly table: string | undefined;
  readonly watch: boolean;
  readonly json: boolean;
}

/** Exit code. @throws CliError if no member answers, or there is no such table */
export async function showConflicts(options: ConflictsOptions, output: Output): Promise<number> {
  const { url, table, watch } = options;
  const client = await connectGroup(url);
  const stopping = new AbortController();
  process.on('SIGINT', () => stopping.abort());
  try {
    const label = await memberNames(client);
    const group = new GroupConflicts(client, table, (line) => process.stderr.write(`concert: ${line}\n`));
    const show = options.top === null ? lastShown(output, options) : topShown(output, options.top, options);
    let added = await group.ask();
    // Of a table that was dropped there may be some.
    if (table !== undefined && added.length === 0) await requireTable(client, table);
    for (;;) {
      await show(group.tally, added, label());
      if (!watch) return 0;
      await delay(WATCH_MS, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return 0;
      added = await group.ask();
    }
  } finally {
    await client.close({ timeoutMs: 0 });
  }
}

/** @throws CliError if there is no such table; where no member can say so, there may be one */
async function requireTable(client: Client, table: string): Promise<void> {
  try {
    await client.describe(table, { attempts: 1, timeoutMs: TABLE_MS_MAX });
  } catch (error) {
    if (!(error instanceof ConcertError)) throw error;
    if (error.code !== 'NO_SUCH_TABLE') return;
    throw failed(`there is no table ${table}, and no conflict is known that was about one; names are schema.table`);
  }
}

/** Shows what is known now; `added`: what was not known at the last call, oldest first. */
type Show = (tally: ConflictTally, added: readonly ConflictRow[], label: MemberLabel) => Promise<void>;

function lastShown(output: Output, { last, json, watch }: ConflictsOptions): Show {
  const layout = new TableLayout(output.width);
  let isFirst = true;
  return async (tally, added, label) => {
    // The newest come first where that is all, and last where more are to come.
    const newest = isFirst ? tally.newestFirst(last) : [];
    const rows = watch ? (isFirst ? newest.reverse() : added) : newest;
    isFirst = false;
    if (json && watch) await output.write(rows.map((row) => `${valueJson(row)}\n`).join(''));
    else if (json) await output.write(`${valueJson({ conflicts: rows })}\n`);
    else if (rows.length > 0) await output.write(layout.render(conflictTable(rows, label)));
    else if (!watch) await output.write('no conflicts\n');
  };
}

function topShown(output: Output, top: number, { json, watch }: ConflictsOptions): Show {
  let isFirst = true;
  return async (tally, added, label) => {
    if (!isFirst && added.length === 0) return;
    const counts = tally.summary(top);
    const { since, conflicts, hotRows, pairs, causes, distances } = counts;
    if (json) await output.write(`${valueJson(counts)}\n`);
    else {
      // A watched terminal shows one picture, not a roll of them.
      let text = watch && output.width !== null ? '\x1b[H\x1b[2J' : isFirst ? '' : '\n';
      text += since === null ? 'no conflicts\n' : `${conflicts} conflicts since ${timeOf(since)}\n`;
      if (hotRows.length > 0) text += `\n${new TableLayout(output.width).render(hotRowTable(hotRows))}`;
      const tables = [pairTable(pairs, label), causeTable(causes), distanceTable(distances)];
      for (const rows of tables) if (rows.length > 0) text += `\n${new TableLayout(output.width).render(rows)}`;
      await output.write(text);
    }
    isFirst = false;
  };
}
