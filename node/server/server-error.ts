/** An operating error of a member's servers or process. The message is one line: what is wrong, and what to do. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
  readonly code: 'INSECURE_ADDRESS' | 'PORT_IN_USE' | 'CANNOT_LISTEN' | 'DATA_DIRECTORY' | 'GROUP' | 'OPTION' | 'DISK';

  constructor(facts: { code: ServerError['code']; message: string; cause?: unknown }) {
    super(facts.message, { cause: facts.cause });
    this.code = facts.code;
  }
}

/** What an error of `listen` means to the operator. `option`: which one names the port. */
export function listenError(error: unknown, address: string, option: string): ServerError {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE') {
    return new ServerError({
      code: 'PORT_IN_USE',
      message: `${address} is in use by another process; stop it, or choose another port with ${option}`,
      cause: error,
    });
  }
  return new ServerError({
    code: 'CANNOT_LISTEN',
    message: `cannot listen on ${address} (${code ?? (error as Error).message}); choose another address with --host or another port with ${option}`,
    cause: error,
  });
}
