/** Asks a running member over its WebSocket API. For the command line: a few requests, no transactions. */
import WebSocket from 'ws';
import { failed } from './cli-error.ts';

interface Answer {
  readonly id?: unknown;
  readonly ok?: boolean;
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

export class ApiClient {
  readonly #socket: WebSocket;
  readonly #url: string;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  /** @throws CliError if nobody answers within `timeoutMs` */
  static open(url: string, timeoutMs: number): Promise<ApiClient> {
    return new Promise((resolve, reject) => {
      let socket: WebSocket;
      try {
        socket = new WebSocket(url, 'concert.v1.json', { handshakeTimeout: timeoutMs, perMessageDeflate: false });
      } catch (error) {
        reject(failed(`${JSON.stringify(url)} is no WebSocket address: ${(error as Error).message}`, error));
        return;
      }
      socket.once('open', () => resolve(new ApiClient(socket, url)));
      socket.once('error', (error: NodeJS.ErrnoException) => {
        const reason = error.code === 'ECONNREFUSED' ? 'connection refused' : error.message || error.code;
        reject(failed(`no member answers at ${url}: ${reason}; is it running, and is this its client port?`, error));
      });
    });
  }

  private constructor(socket: WebSocket, url: string) {
    this.#socket = socket;
    this.#url = url;
    socket.on('error', () => {});
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as Answer | Answer[];
      for (const answer of Array.isArray(frame) ? frame : [frame]) this.#answered(answer);
    });
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values())
        reject(failed(`the member at ${this.#url} closed the connection`));
      this.#waiting.clear();
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** @throws CliError with the member's error */
  request<T>(op: string, facts: Readonly<Record<string, unknown>> = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) {
        reject(failed(`the member at ${this.#url} closed the connection`));
        return;
      }
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#socket.send(JSON.stringify({ id, op, ...facts }));
    });
  }

  close(): void {
    this.#socket.terminate();
  }

  #answered(answer: Answer): void {
    const waiting = typeof answer.id === 'number' ? this.#waiting.get(answer.id) : undefined;
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id as number);
    if (answer.ok) waiting.resolve(answer.result);
    else waiting.reject(failed(`the member at ${this.#url} answered ${answer.error?.code}: ${answer.error?.message}`));
  }
}
