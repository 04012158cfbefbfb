/** A lean client of a member: asks, and learns the answer or that there will be none. */
import WebSocket from 'ws';
import type { HistoryWriter } from '../history/history-writer.ts';

const HANDSHAKE_MS_MAX = 10_000;

export interface ErrorFacts {
  readonly code: string;
  readonly sqlState: string;
  readonly message: string;
  readonly retry: string;
  readonly [fact: string]: unknown;
}

export type Answer =
  | { readonly kind: 'result'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly kind: 'error'; readonly error: ErrorFacts }
  /** The connection ended before an answer, by this close code; null: before the request was sent. */
  | { readonly kind: 'lost'; readonly code: number | null };

interface Message {
  readonly id?: unknown;
  readonly ok?: boolean;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: ErrorFacts;
}

/** Where a client leaves what it asks and is told. */
export interface ClientRecord {
  readonly history: HistoryWriter;
  readonly process: number;
  readonly member: string;
}

export class Client {
  /** The connection, for what `ask` does not do. */
  readonly socket: WebSocket;
  /** Answers without the id of a request of `ask`. */
  readonly strays: Message[] = [];
  /** The close code. */
  readonly closed: Promise<number>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #record: ClientRecord | null;
  #lastId = 0;

  /** Rejects if nobody answers. */
  static open(url: string, record?: ClientRecord): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, 'concert.v1.json', {
        handshakeTimeout: HANDSHAKE_MS_MAX,
        perMessageDeflate: false,
      });
      const client = new Client(socket, record ?? null);
      socket.once('open', () => resolve(client));
      socket.once('error', reject);
    });
  }

  private constructor(socket: WebSocket, record: ClientRecord | null) {
    this.socket = socket;
    this.#record = record;
    socket.on('error', () => {});
    socket.on('message', (data) => {
      for (const message of [JSON.parse(String(data))].flat() as Message[]) this.#received(message);
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code) => {
        for (const answer of this.#waiting.values()) answer({ kind: 'lost', code });
        this.#waiting.clear();
        resolve(code);
      });
    });
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  async ask(op: string, facts: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    if (this.#record === null) return this.#ask(op, facts);
    const { history, process, member } = this.#record;
    const invocation = history.invoke({ process, member, op, arguments: facts });
    const answer = await this.#ask(op, facts);
    if (answer.kind === 'result') invocation.ok(answer.result);
    else if (answer.kind === 'error') invocation.answered(answer.error);
    else if (answer.code === null) invocation.fail({ code: 'NOT_SENT', message: 'the connection had ended' });
    else invocation.info({ code: 'CONNECTION_LOST', message: `closed with ${answer.code}` });
    return answer;
  }

  #ask(op: string, facts: Readonly<Record<string, unknown>>): Promise<Answer> {
    return new Promise((resolve) => {
      if (!this.isOpen) {
        resolve({ kind: 'lost', code: null });
        return;
      }
      const id = ++this.#lastId;
      this.#waiting.set(id, resolve);
      this.socket.send(JSON.stringify({ id, op, ...facts }));
    });
  }

  /** @throws Error if the answer is not a result */
  async result<T = Readonly<Record<string, unknown>>>(
    op: string,
    facts: Readonly<Record<string, unknown>> = {},
  ): Promise<T> {
    const answer = await this.ask(op, facts);
    if (answer.kind === 'result') return answer.result as T;
    throw new Error(`${op}: ${answer.kind === 'lost' ? 'the connection ended' : JSON.stringify(answer.error)}`);
  }

  /** @throws Error if the answer is not an error */
  async error(op: string, facts: Readonly<Record<string, unknown>> = {}): Promise<ErrorFacts> {
    const answer = await this.ask(op, facts);
    if (answer.kind === 'error') return answer.error;
    throw new Error(`${op} was not refused: ${JSON.stringify(answer)}`);
  }

  close(): void {
    this.socket.terminate();
  }

  #received(message: Message): void {
    const answer = typeof message.id === 'number' ? this.#waiting.get(message.id) : undefined;
    if (answer === undefined) {
      this.strays.push(message);
      return;
    }
    this.#waiting.delete(message.id as number);
    answer(message.ok ? { kind: 'result', result: message.result ?? {} } : { kind: 'error', error: message.error! });
  }
}
