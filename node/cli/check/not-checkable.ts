/** Why a history cannot be checked, with the line if it is about one. */
export class NotCheckable extends Error {
  override readonly name = 'NotCheckable';
  /** From 1; null: it is about no line. */
  readonly line: number | null;

  constructor(problem: string, line: number | null = null) {
    super(problem);
    this.line = line;
  }
}
