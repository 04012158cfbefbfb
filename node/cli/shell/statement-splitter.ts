/**
 * Cuts input into statements, as it comes. A statement ends with its line, or at a `;`, unless a bracket or a quote is
 * open. A line that begins with `#` is a comment.
 */
import { Nesting } from './nesting.ts';
import { ShellError } from './shell-error.ts';

export interface SourceStatement {
  /** Without the `;` and surrounding blanks; not empty. */
  readonly text: string;
  /** Of its first character, from 1. */
  readonly line: number;
}

/** A request has to fit a frame of a member, which is shorter. */
export const STATEMENT_CHARACTERS_MAX = 4 * 1024 * 1024;

export class StatementSplitter {
  #nesting = new Nesting();
  #text = '';
  #line = 0;
  #firstLine = 1;

  /** The statements that end in `line`, which comes without its newline. @throws ShellError if one gets too long */
  push(line: string): readonly SourceStatement[] {
    this.#line++;
    const done: SourceStatement[] = [];
    let from = 0;
    if (this.#text === '') {
      this.#firstLine = this.#line;
      if (/^\s*#/.test(line)) return done;
    }
    for (let i = 0; i < line.length; i++) {
      const unit = line[i]!;
      if (unit === ';' && !this.#nesting.isOpen) {
        this.#end(this.#text + line.slice(from, i), done);
        from = i + 1;
      } else this.#nesting.step(unit);
    }
    this.#text += line.slice(from);
    if (this.#text.length > STATEMENT_CHARACTERS_MAX) {
      this.drop();
      throw new ShellError(`a statement is longer than ${STATEMENT_CHARACTERS_MAX} characters`);
    }
    if (this.#nesting.isOpen) {
      this.#nesting.step('\n');
      this.#text += '\n';
    } else this.#end(this.#text, done);
    return done;
  }

  /** What the unfinished statement waits for, as it was opened: `{`, `[`, a quote, a comment; null if there is none. */
  get openedBy(): string | null {
    return this.#nesting.openedBy;
  }

  get unfinished(): SourceStatement | null {
    return this.#text === '' ? null : { text: this.#text.trim(), line: this.#firstLine };
  }

  /** Forgets the unfinished statement. */
  drop(): void {
    this.#text = '';
    this.#nesting = new Nesting();
  }

  #end(source: string, done: SourceStatement[]): void {
    const text = source.trim();
    if (text !== '') done.push({ text, line: this.#firstLine });
    this.drop();
    this.#firstLine = this.#line;
  }
}
