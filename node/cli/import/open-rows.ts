/** Rows of an input in one of the formats, from the start or from where an import stopped. */
import { wrongOption } from '../cli-error.ts';
import type { Input } from './input.ts';
import { openCsv } from './read-csv.ts';
import { readJsonArray } from './read-json-array.ts';
import { readJsonLines } from './read-json-lines.ts';
import type { Position, RowReader } from './source-row.ts';

export type Format = 'csv' | 'jsonl' | 'json';

export interface Reading {
  readonly format: Format;
  /** Between the fields of CSV. */
  readonly delimiter: string;
  /** Columns of CSV that does not name them itself. */
  readonly header: readonly string[] | null;
}

const FORMATS: ReadonlyMap<string, Format> = new Map([
  ['csv', 'csv'],
  ['tsv', 'csv'],
  ['jsonl', 'jsonl'],
  ['ndjson', 'jsonl'],
  ['json', 'json'],
]);

/** By the file's name where nothing is said. @throws CliError */
export function readingOf(
  file: string,
  said: {
    readonly format: Format | undefined;
    readonly delimiter: string | undefined;
    readonly header: readonly string[] | undefined;
  },
): Reading {
  const extension = /\.(\w+?)(?:\.gz)?$/.exec(file)?.[1]?.toLowerCase() ?? '';
  const format = said.format ?? FORMATS.get(extension);
  if (format === undefined) {
    const what = file === '-' ? 'standard input has no name to tell its format' : `${file} does not tell its format`;
    throw wrongOption(`${what}; say --format csv, jsonl (one JSON value a line) or json (an array)`);
  }
  if (format !== 'csv') {
    const wrong = said.delimiter !== undefined ? '--delimiter' : said.header !== undefined ? '--header' : null;
    if (wrong !== null) throw wrongOption(`${wrong} is for CSV, and ${file} is ${format}`);
  }
  const delimiter = said.delimiter ?? (extension === 'tsv' ? '\t' : ',');
  return { format, delimiter, header: said.header ?? null };
}

export interface OpenRows {
  /** Of CSV; null: JSON. */
  readonly columns: readonly string[] | null;
  readonly rows: RowReader;
}

/** `columns`: those of CSV, where they were read before. @throws CliError, UnreadableInput */
export async function openRows(
  input: Input,
  { format, delimiter, header }: Reading,
  from: { readonly position: Position; readonly columns: readonly string[] | null },
): Promise<OpenRows> {
  const { position } = from;
  const chunks = input.chunks(position.bytes);
  switch (format) {
    case 'csv':
      return openCsv(chunks, position, { delimiter, columns: from.columns ?? header });
    case 'jsonl':
      return { columns: null, rows: readJsonLines(chunks, position) };
    case 'json':
      return { columns: null, rows: readJsonArray(chunks, position) };
  }
}
