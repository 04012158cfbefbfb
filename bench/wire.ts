/** The client's side of the two subprotocols. */
import { Packr } from 'msgpackr';
import WebSocket from 'ws';
import { BenchError } from './bench-error.ts';

export type Format = 'msgpack' | 'json';

export interface Wire {
  readonly subprotocol: string;
  /** One message, or an array of messages as one frame. */
  encode(message: unknown): string | Uint8Array;
  decode(frame: Buffer): unknown;
}

export interface Welcome {
  readonly member: { readonly memberId: string };
  readonly limits: Readonly<Record<string, number>>;
}

/** What a member answers; pushed events have `event` instead. */
export interface Answer {
  readonly id: number;
  readonly ok: boolean;
  readonly result?: Record<string, unknown>;
  readonly error?: AnswerError;
  readonly event?: string;
}

export interface AnswerError {
  readonly code: string;
  readonly message: string;
  readonly retry: 'no' | 'transaction' | 'elsewhere' | 'withKey';
  readonly retryAfterMs?: number;
  /** Of a conflict: the member whose transaction came first. */
  readonly winner?: { readonly member: string };
}

const msgpack = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'number' });

const wires: Readonly<Record<Format, Wire>> = {
  msgpack: {
    subprotocol: 'concert.v1.msgpack',
    encode: (message) => msgpack.pack(message),
    decode: (frame) => msgpack.unpack(frame),
  },
  json: {
    subprotocol: 'concert.v1.json',
    encode: (message) => JSON.stringify(message),
    decode: (frame) => JSON.parse(frame.toString('utf8')),
  },
};

export function wireOf(format: Format): Wire {
  return wires[format];
}

const connectMsMax = 10_000;

/**
 * Opens a connection and waits for its welcome; later frames go to `received`.
 *
 * @throws BenchError if the member cannot be reached or does not welcome.
 */
export function openConnection(
  url: string,
  wire: Wire,
  received: (message: Answer | readonly Answer[]) => void,
): Promise<{ readonly socket: WebSocket; readonly welcome: Welcome }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, wire.subprotocol, {
      perMessageDeflate: false,
      handshakeTimeout: connectMsMax,
      skipUTF8Validation: true,
    });
    let isWelcome = false;
    const fail = (reason: string) =>
      reject(new BenchError({ code: 'CONNECTION', message: `cannot connect to ${url}: ${reason}` }));
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.message || (error.code ?? 'no answer')));
    socket.on('close', () => fail('closed before the welcome'));
    socket.on('message', (data) => {
      const message = wire.decode(data as Buffer) as Answer | readonly Answer[];
      if (isWelcome) {
        received(message);
        return;
      }
      const welcome = (Array.isArray(message) ? message[0] : message) as Answer & Welcome;
      if (welcome?.event !== 'welcome') {
        fail('its first message is no welcome');
        socket.terminate();
        return;
      }
      isWelcome = true;
      resolve({ socket, welcome });
    });
  });
}
