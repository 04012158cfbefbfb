/** A statement cannot be read. `offset`: where in its text, in UTF-16 units; at its end, if something is missing there. */
export class StatementError extends Error {
  override readonly name = 'StatementError';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** The message, and below it the line of `statement` that it is about with a mark under the place. */
export function showStatementError(error: StatementError, statement: string): string {
  const before = statement.slice(0, error.offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  const lineEnd = statement.indexOf('\n', error.offset);
  const line = statement.slice(lineStart, lineEnd < 0 ? undefined : lineEnd);
  // What is long is cut to the surroundings of the mark.
  const from = Math.max(0, error.offset - lineStart - surroundingsMax);
  const shown = line.slice(from, from + 2 * surroundingsMax);
  const mark = ' '.repeat(error.offset - lineStart - from);
  return `${error.message}\n  ${shown.replaceAll(/\p{Cc}/gu, ' ')}\n  ${mark}^`;
}

const surroundingsMax = 60;
