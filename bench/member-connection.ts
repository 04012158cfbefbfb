/** A connection for what surrounds the load: tables, rows, statistics. One promise a request. */
import type WebSocket from 'ws';
import { BenchError } from './bench-error.ts';
import { type Answer, type AnswerError, type Format, openConnection, type Welcome, wireOf } from './wire.ts';

export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly error: AnswerError;

  constructor(op: string, error: AnswerError) {
    super(`${op} was refused: ${error.code}: ${error.message}`);
    this.error = error;
  }
}

const refusalsMax = 50;
/** A member that stands still keeps its connections open. */
const answerMsDefault = 60_000;

export class MemberConnection {
  readonly url: string;
  readonly welcome: Welcome;
  readonly #socket: WebSocket;
  readonly #encode: (message: unknown) => string | Uint8Array;
  readonly #waiting: Map<number, (answer: Answer | null) => void>;
  readonly #answerMsMax: number;
  #lastId = 0;

  /** @throws BenchError */
  static async open(url: string, format: Format, answerMsMax = answerMsDefault): Promise<MemberConnection> {
    const wire = wireOf(format);
    const waiting = new Map<number, (answer: Answer | null) => void>();
    const { socket, welcome } = await openConnection(url, wire, (message) => {
      for (const answer of Array.isArray(message) ? (message as readonly Answer[]) : [message as Answer]) {
        waiting.get(answer.id)?.(answer);
        waiting.delete(answer.id);
      }
    });
    socket.on('close', () => {
      for (const lost of waiting.values()) lost(null);
      waiting.clear();
    });
    return new MemberConnection({ url, welcome, socket, encode: wire.encode, waiting, answerMsMax });
  }

  private constructor(setup: {
    url: string;
    welcome: Welcome;
    socket: WebSocket;
    encode: (message: unknown) => string | Uint8Array;
    waiting: Map<number, (answer: Answer | null) => void>;
    answerMsMax: number;
  }) {
    this.url = setup.url;
    this.welcome = setup.welcome;
    this.#socket = setup.socket;
    this.#encode = setup.encode;
    this.#waiting = setup.waiting;
    this.#answerMsMax = setup.answerMsMax;
  }

  get memberId(): string {
    return this.welcome.member.memberId;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Bytes of `message` in a frame. */
  bytesOf(message: unknown): number {
    return Buffer.byteLength(this.#encode(message));
  }

  /** @throws RequestError if it is refused, BenchError if the connection is lost or no answer comes. */
  request(op: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const fail = (message: string) => reject(new BenchError({ code: 'CONNECTION', message }));
      const lost = () => fail(`the connection to ${this.url} was lost during ${op}`);
      if (!this.isOpen) {
        lost();
        return;
      }
      this.#lastId++;
      const id = this.#lastId;
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        fail(`${this.url} did not answer ${op} within ${this.#answerMsMax / 1000} s`);
      }, this.#answerMsMax);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        if (answer === null) lost();
        else if (answer.ok) resolve(answer.result);
        else reject(new RequestError(op, answer.error!));
      });
      this.#socket.send(this.#encode({ id, op, ...args }));
    });
  }

  /** As `request`, but asks again while the member says that it may be asked again. */
  async requestUntilDone(op: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    for (let refusals = 0; ; refusals++) {
      try {
        return await this.request(op, args);
      } catch (error) {
        if (!(error instanceof RequestError) || error.error.retry === 'no' || refusals === refusalsMax) throw error;
        await new Promise((resolve) => setTimeout(resolve, error.error.retryAfterMs ?? 100));
      }
    }
  }

  close(): void {
    this.#socket.close();
  }
}
