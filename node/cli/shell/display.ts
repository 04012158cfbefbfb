/** Shows results as the user wants them: as tables, expanded, or as JSON with one line a result. */

import { counted } from '../counts.ts';
import type { Output } from '../display/output.ts';
import { renderExpanded, TableLayout, type TableRow } from '../display/table-layout.ts';
import { valueJson } from '../value-json.ts';
import type { Statement } from './parse-statement.ts';
import { type KnownMembers, presentResult } from './present-result.ts';
import type { Result } from './session.ts';

export interface DisplaySettings {
  format: 'table' | 'json';
  expanded: 'on' | 'off' | 'auto';
  timing: boolean;
}

/** Rows of a table that are laid out together. */
const BLOCK_ROWS_MAX = 500;

export class Display {
  readonly settings: DisplaySettings;
  readonly #output: Output;
  readonly #members: () => KnownMembers;

  constructor(output: Output, settings: DisplaySettings, members: () => KnownMembers) {
    this.#output = output;
    this.settings = settings;
    this.#members = members;
  }

  /** `startedMs`: when the statement began, of `performance.now()`. @throws what reading the rows throws */
  async show(statement: Pick<Statement, 'name' | 'arguments'>, result: Result, startedMs: number): Promise<void> {
    if (this.settings.format === 'json') {
      if (result.kind === 'rows') await this.#showRowsAsJson(result.pages);
      else await this.#output.write(`${valueJson(result.value)}\n`);
      return;
    }
    if (result.kind === 'rows') {
      const count = await this.#showTable(result.pages);
      await this.#showFooter(counted(count, 'row'), startedMs);
      return;
    }
    const { value, isInTransaction } = result;
    const presented = presentResult(statement, value, { isInTransaction, ...this.#members() });
    for (const [i, part] of presented.entries()) {
      const from = i === presented.length - 1 ? startedMs : null;
      if (part.kind === 'line') {
        await this.#showFooter(part.text, from);
        continue;
      }
      if (part.title !== undefined) await this.#output.write(`${part.title}\n`);
      await this.#showTable([part.rows]);
      await this.#showFooter(counted(part.rows.length, part.noun ?? 'row'), from);
    }
  }

  /** Ends what was shown with a line; `startedMs` null: without the time it took. */
  async #showFooter(text: string, startedMs: number | null): Promise<void> {
    const time = this.settings.timing && startedMs !== null ? `, ${durationText(performance.now() - startedMs)}` : '';
    await this.#output.write(`${text}${time}\n`);
  }

  /** How many rows there were. */
  async #showTable(pages: AsyncIterable<readonly TableRow[]> | Iterable<readonly TableRow[]>): Promise<number> {
    const layout = new TableLayout(this.#output.width);
    let isExpanded = this.settings.expanded === 'on';
    let count = 0;
    let block: TableRow[] = [];
    const showBlock = async () => {
      if (block.length === 0) return;
      if (count === 0 && this.settings.expanded === 'auto') isExpanded = layout.isTooWide(block);
      await this.#output.write(isExpanded ? renderExpanded(block, count + 1) : layout.render(block));
      count += block.length;
      block = [];
    };
    for await (const rows of pages) {
      for (const row of rows) block.push(row);
      // The first rows are shown at once.
      if (count === 0 || block.length >= BLOCK_ROWS_MAX) await showBlock();
    }
    await showBlock();
    return count;
  }

  /** `{"rows": […]}` without ever holding all of them. */
  async #showRowsAsJson(pages: AsyncIterable<readonly TableRow[]>): Promise<void> {
    let text = '{"rows":[';
    let isFirst = true;
    try {
      for await (const rows of pages) {
        for (const row of rows) {
          text += isFirst ? valueJson(row) : `,${valueJson(row)}`;
          isFirst = false;
        }
        await this.#output.write(text);
        text = '';
      }
    } catch (error) {
      // A line that was begun ends here and is no JSON, so that nobody takes it for all of the rows.
      if (text === '') await this.#output.write('\n');
      throw error;
    }
    await this.#output.write(`${text}]}\n`);
  }
}

function durationText(ms: number): string {
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
