/** Rows of a file with one JSON value a line. Empty lines are passed over; a line that is no JSON is one unreadable row. */
import { jsonContent } from './json-content.ts';
import { type Line, Lines } from './lines.ts';
import type { Position, RowReader, SourceRow } from './source-row.ts';

export async function* readJsonLines(chunks: AsyncIterable<Buffer>, from: Position): RowReader {
  const lines = new Lines(from);
  let { rows } = from;
  const rowsOf = (some: readonly Line[]): readonly SourceRow[] => {
    const found: SourceRow[] = [];
    for (const { text, number, endBytes, endLine } of some) {
      if (isBlank(text)) continue;
      const end = { rows: ++rows, bytes: endBytes, line: endLine };
      found.push({ line: number, end, content: jsonContent(text) });
    }
    return found;
  };
  for await (const chunk of chunks) yield rowsOf(lines.push(chunk));
  yield rowsOf(lines.end());
}

function isBlank(text: Buffer): boolean {
  return text.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
