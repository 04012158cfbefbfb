/** A command cannot do what it was asked. The message is one line: what is wrong, and what to do. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly code: 'WRONG_OPTION' | 'UNKNOWN_COMMAND' | 'FAILED';

  constructor(facts: { code: CliError['code']; message: string; cause?: unknown }) {
    super(facts.message, { cause: facts.cause });
    this.code = facts.code;
  }

  /** 2 for what was typed wrong, 1 for what failed. */
  get exitCode(): number {
    return this.code === 'FAILED' ? 1 : 2;
  }
}

export function wrongOption(message: string): CliError {
  return new CliError({ code: 'WRONG_OPTION', message });
}

export function failed(message: string, cause?: unknown): CliError {
  return new CliError({ code: 'FAILED', message, cause });
}
