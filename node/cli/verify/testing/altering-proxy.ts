/** Stands before a member and changes what it answers: a member whose data has gone astray, as its clients see it. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import WebSocket, { WebSocketServer } from 'ws';
import { msgpackCodec } from '../../../server/frame-codec.ts';

interface Answer {
  result?: unknown;
}

export class AlteringProxy {
  readonly url: string;
  readonly #server: WebSocketServer;

  /** `alter`: gets the result of every answer, and gives that which the client is to see. */
  static async before(url: string, alter: (result: unknown) => unknown): Promise<AlteringProxy> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'concert.v1.msgpack' });
    await once(server, 'listening');
    server.on('connection', (near) => {
      const far = new WebSocket(url, 'concert.v1.msgpack', { perMessageDeflate: false });
      const early: WebSocket.RawData[] = [];
      near.on('message', (frame) => {
        if (far.readyState === WebSocket.OPEN) far.send(frame);
        else early.push(frame);
      });
      far.on('open', () => {
        for (const frame of early) far.send(frame);
      });
      far.on('message', (frame: Buffer) => near.send(altered(frame, alter)));
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        one.on('close', () => other.terminate());
        one.on('error', () => other.terminate());
      }
    });
    return new AlteringProxy(server);
  }

  private constructor(server: WebSocketServer) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  }

  async close(): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function altered(frame: Buffer, alter: (result: unknown) => unknown): string | Uint8Array {
  const decoded = msgpackCodec.decodeFrame(frame);
  if (decoded.kind === 'malformed') throw new Error(decoded.problem);
  const messages = decoded.messages as readonly Answer[];
  return msgpackCodec.encodeFrame(
    messages.map((message) => ('result' in message ? { ...message, result: alter(message.result) } : message)),
  );
}
