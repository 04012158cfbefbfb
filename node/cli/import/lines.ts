/** Cuts the input into lines, whatever the chunks it comes in. */
import { type Position, ROW_TEXT_BYTES_MAX, UnreadableInput } from './source-row.ts';

export interface Line {
  /** Without its `\n` and without a byte order mark; a `\r` stays. */
  readonly text: Buffer;
  /** From 1. */
  readonly number: number;
  /** Offset behind its end, and the line there. */
  readonly endBytes: number;
  readonly endLine: number;
}

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

export class Lines {
  #number: number;
  #bytes: number;
  #parts: Buffer[] = [];
  #partBytes = 0;

  constructor(from: Position) {
    this.#number = from.line;
    this.#bytes = from.bytes;
  }

  /** The lines that end in `chunk`. @throws UnreadableInput */
  push(chunk: Buffer): readonly Line[] {
    const lines: Line[] = [];
    let at = 0;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, at);
      if (newline < 0) break;
      const piece = chunk.subarray(at, newline);
      lines.push(this.#line(this.#partBytes === 0 ? piece : this.#joined(piece), 1));
      at = newline + 1;
    }
    if (at < chunk.length) {
      this.#parts.push(chunk.subarray(at));
      this.#partBytes += chunk.length - at;
      if (this.#partBytes > ROW_TEXT_BYTES_MAX) {
        throw new UnreadableInput(this.#number, `a line longer than ${ROW_TEXT_BYTES_MAX} bytes; is this the format?`);
      }
    }
    return lines;
  }

  /** The last line, where no newline ends it. */
  end(): readonly Line[] {
    return this.#partBytes === 0 ? [] : [this.#line(this.#joined(Buffer.alloc(0)), 0)];
  }

  #joined(piece: Buffer): Buffer {
    const text = Buffer.concat([...this.#parts, piece]);
    this.#parts = [];
    this.#partBytes = 0;
    return text;
  }

  #line(whole: Buffer, endLength: number): Line {
    const number = this.#number;
    const text = this.#bytes === 0 ? whole.subarray(byteOrderMarkLength(whole)) : whole;
    this.#bytes += whole.length + endLength;
    this.#number += endLength;
    return { text, number, endBytes: this.#bytes, endLine: this.#number };
  }
}

/** Of the mark that some programs begin a UTF-8 file with. */
export function byteOrderMarkLength(start: Buffer): number {
  return BYTE_ORDER_MARK.every((byte, i) => start[i] === byte) ? BYTE_ORDER_MARK.length : 0;
}
