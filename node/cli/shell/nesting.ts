/**
 * Follows text through brackets, quotes and comments, one UTF-16 unit at a time: what is still open there. A statement
 * that ends while something is open goes on in the next line.
 */

const closing: Readonly<Record<string, string>> = { '{': '}', '[': ']' };

export class Nesting {
  readonly #brackets: string[] = [];
  #quote: string | null = null;
  #isEscaped = false;
  #comment: 'line' | 'block' | null = null;
  #previous = '';
  #isBroken = false;

  step(unit: string): void {
    const previous = this.#previous;
    this.#previous = unit;
    if (this.#quote !== null) this.#stepInQuotes(unit);
    else if (this.#comment !== null) this.#stepInComment(unit, previous);
    else if (unit === '"' || unit === "'") this.#quote = unit;
    else if (unit === '{' || unit === '[') this.#brackets.push(unit);
    else if (unit === '}' || unit === ']') this.#close(unit);
    else if (this.#brackets.length > 0 && previous === '/' && (unit === '/' || unit === '*')) {
      this.#comment = unit === '/' ? 'line' : 'block';
      this.#previous = '';
    }
  }

  /** A value has begun and not ended. */
  get isOpen(): boolean {
    return !this.#isBroken && (this.#quote !== null || this.#brackets.length > 0);
  }

  /** What is open innermost, as it began. */
  get openedBy(): string | null {
    return this.#quote ?? (this.#comment === 'block' ? '/*' : (this.#brackets.at(-1) ?? null));
  }

  get depth(): number {
    return this.#brackets.length;
  }

  get isInQuotes(): boolean {
    return this.#quote !== null;
  }

  get isInComment(): boolean {
    return this.#comment !== null;
  }

  get isInLineComment(): boolean {
    return this.#comment === 'line';
  }

  /** A bracket was closed that was not open: nothing that follows can mend it. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  #stepInQuotes(unit: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (unit === '\\') this.#isEscaped = true;
    else if (unit === this.#quote) this.#quote = null;
  }

  #stepInComment(unit: string, previous: string): void {
    if (this.#comment === 'line' ? unit === '\n' : previous === '*' && unit === '/') {
      this.#comment = null;
      this.#previous = '';
    }
  }

  #close(unit: string): void {
    const opened = this.#brackets.pop();
    if (opened === undefined || closing[opened] !== unit) this.#isBroken = true;
  }
}
