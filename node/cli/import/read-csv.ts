/**
 * Rows of CSV, as RFC 4180 has it. The first row names the columns, unless they are given. A row with too few or too many
 * fields, or with a quote gone wrong, is one unreadable row, and those behind it are read.
 *
 * A row is a line, and further lines while the quotes so far are odd in number: a quote within a quoted field is doubled,
 * so the line ends outside of quotes are exactly those behind an even number of them.
 */
import { isUtf8 } from 'node:buffer';
import { counted } from '../counts.ts';
import { type Line, Lines } from './lines.ts';
import {
  type Position,
  ROW_TEXT_BYTES_MAX,
  type RowReader,
  type SourceContent,
  type SourceRow,
  UnreadableInput,
} from './source-row.ts';

export interface CsvOptions {
  /** One character of ASCII: no quote, no line end. */
  readonly delimiter: string;
  /** Names of the columns; null: the first row has them. */
  readonly columns: readonly string[] | null;
}

export interface CsvReader {
  readonly columns: readonly string[];
  readonly rows: RowReader;
}

/** @throws UnreadableInput */
export async function openCsv(chunks: AsyncIterable<Buffer>, from: Position, options: CsvOptions): Promise<CsvReader> {
  const { delimiter, columns } = options;
  const records = recordsOf(chunks, from, delimiter);
  if (columns !== null) return { columns, rows: rowsOf([], records, { from, columns: columns.length }) };
  for (;;) {
    const next = await records.next();
    if (next.done) throw new UnreadableInput(1, 'empty; expected a first line with the names of the columns');
    const [head, ...rest] = next.value;
    if (head === undefined) continue;
    if (head.content.kind === 'unreadable') throw new UnreadableInput(head.line, head.content.problem);
    const { fields } = head.content;
    return { columns: fields, rows: rowsOf(rest, records, { from, columns: fields.length }) };
  }
}

/** A row that may be the head. */
interface CsvRecord {
  readonly line: number;
  readonly content: Exclude<SourceContent, { kind: 'value' }>;
  /** Behind it. */
  readonly endBytes: number;
  readonly endLine: number;
}

async function* rowsOf(
  first: readonly CsvRecord[],
  others: AsyncIterable<readonly CsvRecord[]>,
  { from, columns }: { readonly from: Position; readonly columns: number },
): RowReader {
  let { rows } = from;
  const rowOf = ({ line, content, endBytes, endLine }: CsvRecord): SourceRow => {
    const end = { rows: ++rows, bytes: endBytes, line: endLine };
    if (content.kind !== 'fields' || content.fields.length === columns) return { line, end, content };
    const problem = `${counted(content.fields.length, 'field')}, where there are ${counted(columns, 'column')}`;
    return { line, end, content: { kind: 'unreadable', problem, text: content.fields.join(',') } };
  };
  yield first.map(rowOf);
  for await (const records of others) yield records.map(rowOf);
}

async function* recordsOf(
  chunks: AsyncIterable<Buffer>,
  from: Position,
  delimiter: string,
): AsyncGenerator<readonly CsvRecord[], void> {
  const lines = new Lines(from);
  /** Lines of a row that is in quotes. */
  let begun: Line[] = [];
  let begunBytes = 0;
  const recordsIn = (some: readonly Line[]): readonly CsvRecord[] => {
    const found: CsvRecord[] = [];
    for (const line of some) {
      const turns = countQuotes(line.text) % 2 === 1;
      if (begun.length === 0 && !turns) {
        if (!isEmpty(line)) found.push(recordOf([line], delimiter));
        continue;
      }
      begun.push(line);
      begunBytes += line.text.length;
      if (begunBytes > ROW_TEXT_BYTES_MAX) throw withoutClosingQuote(begun);
      if (begun.length === 1 || !turns) continue;
      found.push(recordOf(begun, delimiter));
      begun = [];
      begunBytes = 0;
    }
    return found;
  };
  for await (const chunk of chunks) yield recordsIn(lines.push(chunk));
  yield recordsIn(lines.end());
  if (begun.length > 0) throw withoutClosingQuote(begun);
}

const NEWLINE = Buffer.from('\n');
const QUOTE = 0x22;
const RETURN = 0x0d;

function recordOf(lines: readonly Line[], delimiter: string): CsvRecord {
  const first = lines[0]!;
  const last = lines.at(-1)!;
  const bytes = lines.length === 1 ? first.text : Buffer.concat(lines.flatMap(({ text }) => [NEWLINE, text]).slice(1));
  return {
    line: first.number,
    content: contentOf(bytes, delimiter),
    endBytes: last.endBytes,
    endLine: last.endLine,
  };
}

function contentOf(bytes: Buffer, delimiter: string): CsvRecord['content'] {
  const whole = bytes.toString('utf8');
  const text = whole.endsWith('\r') ? whole.slice(0, -1) : whole;
  if (!isUtf8(bytes)) return { kind: 'unreadable', problem: 'text that is not UTF-8', text };
  if (!text.includes('"')) return { kind: 'fields', fields: text.split(delimiter) };
  const fields: string[] = [];
  for (let at = 0; ; at++) {
    const end = endOfField(text, at, delimiter);
    const isQuoted = text[at] === '"';
    const field = isQuoted ? text.slice(at + 1, end - 1).replaceAll('""', '"') : text.slice(at, end);
    fields.push(field);
    const where = `field ${fields.length}`;
    if (!isQuoted && field.includes('"')) {
      return { kind: 'unreadable', problem: `${where} has a quote and does not begin with one`, text };
    }
    if (end === text.length) return { kind: 'fields', fields };
    if (text[end] !== delimiter) return { kind: 'unreadable', problem: `${where} goes on behind its last quote`, text };
    at = end;
  }
}

/** Index behind the field that begins at `from`. The quotes in `text` are even in number. */
function endOfField(text: string, from: number, delimiter: string): number {
  if (text[from] !== '"') {
    const end = text.indexOf(delimiter, from);
    return end < 0 ? text.length : end;
  }
  for (let at = from + 1; ; at += 2) {
    at = text.indexOf('"', at);
    if (at < 0) return text.length;
    if (text[at + 1] !== '"') return at + 1;
  }
}

function countQuotes(text: Buffer): number {
  let count = 0;
  for (let at = text.indexOf(QUOTE); at >= 0; at = text.indexOf(QUOTE, at + 1)) count++;
  return count;
}

function isEmpty({ text }: Line): boolean {
  return text.length === 0 || (text.length === 1 && text[0] === RETURN);
}

function withoutClosingQuote(lines: readonly Line[]): UnreadableInput {
  return new UnreadableInput(lines[0]!.number, 'a quote is opened in this row and never closed');
}
