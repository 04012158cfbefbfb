/** As a process that wrote to nobody is ended: 128 and SIGPIPE. */
const BROKEN_PIPE = 141;

/** Where a command writes; waits for a slow reader instead of keeping for it what it has not taken. */
export class Output {
  readonly #stream: NodeJS.WritableStream & { readonly columns?: number; readonly isTTY?: boolean };

  constructor(stream: NodeJS.WritableStream & { readonly columns?: number; readonly isTTY?: boolean }) {
    this.#stream = stream;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // Whoever read has had enough; whatever is open ends with the connection.
      if (error.code === 'EPIPE') process.exit(BROKEN_PIPE);
      throw error;
    });
  }

  /** Columns of the terminal; null where there is none. */
  get width(): number | null {
    return this.#stream.isTTY ? this.#stream.columns || 80 : null;
  }

  write(text: string): Promise<void> {
    if (this.#stream.write(text)) return Promise.resolve();
    return new Promise((resolve) => this.#stream.once('drain', resolve));
  }
}
