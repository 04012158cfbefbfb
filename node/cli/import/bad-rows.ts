/** The rows that could not be imported: as a message where the import stops at the first, as lines of JSON in a file where not. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { wrongOption } from '../cli-error.ts';
import { valueJson } from '../value-json.ts';
import type { Misfit } from './row-form.ts';
import type { SourceRow } from './source-row.ts';

export interface BadRow {
  readonly line: number;
  /** Counted from 1. */
  readonly row: number;
  readonly column: string | null;
  readonly problem: string;
  readonly value?: unknown;
  /** The row as the file has it. */
  readonly text: string;
}

/** So much of a value stands in a message. */
const SHOWN_MAX = 100;

export function badRowOf(source: SourceRow, fault: Pick<Misfit, 'column' | 'problem' | 'value'>): BadRow {
  const { line, end, content } = source;
  const { column, problem, value } = fault;
  const text = content.kind === 'fields' ? content.fields.join(',') : content.text;
  return { line, row: end.rows, column, problem, ...(value !== undefined && { value }), text };
}

/** `FILE line 5, row 4, column "lat": expected double: "north"` */
export function describeBadRow(file: string, { line, row, column, problem, value, text }: BadRow): string {
  const where = `${file} line ${line}, row ${row}${column === null ? '' : `, column ${JSON.stringify(column)}`}`;
  const shown = value === undefined ? (column === null ? text : null) : valueJson(value);
  return `${where}: ${problem}${shown === null ? '' : `: ${shortened(shown)}`}`;
}

/** `--errors FILE`: a line of JSON for each bad row. */
export class BadRowFile {
  readonly path: string;
  readonly #descriptor: number;

  /** Appends where the import goes on. @throws CliError */
  constructor(path: string, isAppended: boolean) {
    this.path = path;
    try {
      this.#descriptor = openSync(path, isAppended ? 'a' : 'w');
    } catch (error) {
      throw wrongOption(`--errors ${path} cannot be written: ${(error as Error).message.split('\n', 1)[0]}`);
    }
  }

  write(row: BadRow): void {
    writeSync(this.#descriptor, `${valueJson(row)}\n`);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function shortened(text: string): string {
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX - 3).toWellFormed()}...`;
}
