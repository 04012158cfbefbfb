/**
 * Rows of a file that is one JSON array. The elements are told apart by counting brackets outside of strings, and each is
 * then parsed by itself: so an element that is wrong is one unreadable row with its line, and reading can begin behind
 * any element. A parser of the whole file would know neither; and the engine's own JSON.parse is the fastest there is.
 */
import { jsonContent } from './json-content.ts';
import { byteOrderMarkLength } from './lines.ts';
import { type Position, ROW_TEXT_BYTES_MAX, type RowReader, type SourceRow, UnreadableInput } from './source-row.ts';

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

export async function* readJsonArray(chunks: AsyncIterable<Buffer>, from: Position): RowReader {
  const elements = new Elements(from);
  for await (const chunk of chunks) {
    const found = elements.push(chunk);
    if (found.length > 0) yield found;
  }
  elements.end();
}

/**
 * before     the array has not begun
 * first      behind its bracket: an element or the end
 * between    behind a comma: an element
 * inside     in an element: up to a comma or a closing bracket of the array
 * behind     the array is closed: white space
 */
type Place = 'before' | 'first' | 'between' | 'inside' | 'behind';

class Elements {
  #place: Place;
  /** Offset of the chunk in the input. */
  #chunkBytes: number;
  #line: number;
  #rows: number;
  /** Of the element: brackets open within it, and whether a string is. */
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #startLine = 0;
  /** What the element had of earlier chunks. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  /** What comes next ends an element that was read before. */
  #isResumed: boolean;

  constructor(from: Position) {
    // A position behind a row stands before the comma or bracket that ends it: an element of nothing more.
    this.#place = from.rows === 0 ? 'before' : 'inside';
    this.#chunkBytes = from.bytes;
    this.#line = from.line;
    this.#rows = from.rows;
    this.#isResumed = from.rows > 0;
  }

  /** The elements that end in `chunk`. @throws UnreadableInput */
  push(chunk: Buffer): SourceRow[] {
    const found: SourceRow[] = [];
    let at = this.#place === 'before' && this.#chunkBytes === 0 ? byteOrderMarkLength(chunk) : 0;
    let start = 0;
    for (; at < chunk.length; at++) {
      if (this.#place !== 'inside') {
        const byte = chunk[at]!;
        if (byte === NEWLINE) this.#line++;
        if (isSpace(byte) || !this.#begins(byte)) continue;
        start = at;
      }
      at = this.#endOfElement(chunk, at);
      if (at === chunk.length) break;
      this.#take(chunk, start, at, found);
    }
    if (this.#place === 'inside' && start < chunk.length) {
      this.#parts.push(chunk.subarray(start));
      this.#partBytes += chunk.length - start;
      if (this.#partBytes > ROW_TEXT_BYTES_MAX) {
        throw new UnreadableInput(this.#startLine, `a row longer than ${ROW_TEXT_BYTES_MAX} bytes begins here`);
      }
    }
    this.#chunkBytes += chunk.length;
    return found;
  }

  /** @throws UnreadableInput */
  end(): void {
    if (this.#place === 'behind') return;
    if (this.#place === 'before') throw new UnreadableInput(this.#line, 'empty; expected an array of rows');
    if (this.#place === 'inside' && !this.#isResumed) {
      throw new UnreadableInput(this.#startLine, 'the row that begins here has no end');
    }
    throw new UnreadableInput(this.#line, 'the file ends before its array does');
  }

  /** Whether `byte` is the first of an element. */
  #begins(byte: number): boolean {
    const place = this.#place;
    if (place === 'before') {
      if (byte !== OPEN_ARRAY) {
        const hint = byte === OPEN_OBJECT ? '; for one JSON value a line say --format jsonl' : '';
        throw new UnreadableInput(this.#line, `expected "[", the start of an array of rows${hint}`);
      }
      this.#place = 'first';
      return false;
    }
    if (place === 'behind') throw new UnreadableInput(this.#line, 'there is more behind the end of the array');
    if (byte === CLOSE_ARRAY && place === 'first') {
      this.#place = 'behind';
      return false;
    }
    if (byte === COMMA || byte === CLOSE_ARRAY) {
      throw new UnreadableInput(this.#line, `a row is missing before "${String.fromCharCode(byte)}"`);
    }
    this.#place = 'inside';
    this.#startLine = this.#line;
    return true;
  }

  /** Index of the comma or bracket that ends the element, or the chunk's length. */
  #endOfElement(chunk: Buffer, from: number): number {
    let at = from;
    let depth = this.#depth;
    let inString = this.#inString;
    let isEscaped = this.#isEscaped;
    for (; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte === NEWLINE) this.#line++;
      if (inString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
      else if (byte === COMMA) {
        if (depth === 0) break;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        if (depth === 0) break;
        depth--;
      }
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#isEscaped = isEscaped;
    return at;
  }

  #take(chunk: Buffer, start: number, end: number, found: SourceRow[]): void {
    const byte = chunk[end]!;
    const piece = chunk.subarray(start, end);
    const text = this.#partBytes === 0 ? piece : Buffer.concat([...this.#parts, piece]);
    this.#parts = [];
    this.#partBytes = 0;
    if (this.#isResumed) {
      this.#isResumed = false;
      if (text.length > 0) throw new UnreadableInput(this.#line, 'expected "," or "]" behind the last row imported');
    } else {
      const position = { rows: ++this.#rows, bytes: this.#chunkBytes + end, line: this.#line };
      found.push({ line: this.#startLine, end: position, content: jsonContent(text) });
    }
    if (byte === CLOSE_OBJECT) throw new UnreadableInput(this.#line, 'a "}" without its "{"');
    this.#place = byte === COMMA ? 'between' : 'behind';
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
