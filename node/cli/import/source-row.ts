/** A place between two rows of the input: an import can begin there as well as at the start. */
export interface Position {
  /** Rows before it, unreadable ones included. */
  readonly rows: number;
  /** Of the unpacked input. */
  readonly bytes: number;
  /** That of the byte at `bytes`, from 1. */
  readonly line: number;
}

export const START: Position = { rows: 0, bytes: 0, line: 1 };

/** One row as the file has it. */
export interface SourceRow {
  /** On which it begins, from 1. */
  readonly line: number;
  /** Where the next one may be read from. */
  readonly end: Position;
  readonly content: SourceContent;
}

export type SourceContent =
  /** Of CSV: fields in the order of the columns. */
  | { readonly kind: 'fields'; readonly fields: readonly string[] }
  /** Of JSON: whatever value stands there. */
  | { readonly kind: 'value'; readonly value: unknown; readonly text: string }
  /** `text`: what stands there, where it can be shown. */
  | { readonly kind: 'unreadable'; readonly problem: string; readonly text: string };

/** The input cannot be read any further: what follows makes no sense as rows. */
export class UnreadableInput extends Error {
  override readonly name = 'UnreadableInput';
  readonly line: number;

  constructor(line: number, problem: string) {
    super(problem);
    this.line = line;
  }
}

/** Text of one row at most. Rows of members are bounded far below. */
export const ROW_TEXT_BYTES_MAX = 8 * 1024 * 1024;

/** Rows as they come from the input, some at a time. */
export type RowReader = AsyncIterable<readonly SourceRow[]>;
