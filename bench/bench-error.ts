/** An operating error of a benchmark. The message is one line: what is wrong, and what to do. */
export class BenchError extends Error {
  override readonly name = 'BenchError';
  readonly code: 'OPTION' | 'GROUP' | 'CONNECTION' | 'LOAD';

  constructor(facts: { code: BenchError['code']; message: string; cause?: unknown }) {
    super(facts.message, { cause: facts.cause });
    this.code = facts.code;
  }
}
