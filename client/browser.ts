/** The client in a browser: its own WebSocket, JSON, and nothing to bundle. */
import { connectIn } from './core/connect.ts';
import type { Environment, Frame, Socket, SocketEvents } from './core/environment.ts';
import { jsonCodec } from './core/json-codec.ts';
import type { Client, ClientOptions } from './types.ts';

export * from './concert-error.ts';
export type * from './types.ts';

/**
 * Connects to a group. `urls`: client addresses of its members, `ws://HOST:PORT/v1`, as an array or one string with commas.
 * Resolves when a first member has answered. A member lets pages of its own origin, or of loopback ones, connect.
 *
 * @throws ConcertError INVALID_ARGUMENT; CONNECTION_FAILED if no member answers within `connectTimeoutMs`.
 */
export async function connect(urls: string | readonly string[], options: ClientOptions = {}): Promise<Client> {
  return connectIn(environment, urls, options);
}

const environment: Environment = {
  clock: {
    nowMs: () => performance.now(),
    schedule(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
  },
  random: Math.random,
  codec: jsonCodec,
  openSocket: openBrowserSocket,
};

function openBrowserSocket(url: string, events: SocketEvents): Socket {
  let socket: WebSocket;
  try {
    socket = new WebSocket(url, jsonCodec.subprotocol);
  } catch (error) {
    // An address that this page may not connect to.
    setTimeout(() => events.closed({ code: null, reason: (error as Error).message }), 0);
    return { send: () => {}, bufferedBytes: 0, close: () => {}, cut: () => {} };
  }
  socket.onopen = () => events.opened();
  socket.onmessage = ({ data }) => events.received(data as Frame);
  // Why it failed a page is not told; the close event, which follows, has the code.
  socket.onclose = ({ code, reason }) => events.closed({ code, reason });
  return {
    send: (frame) => socket.send(frame as string),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    close: () => socket.close(),
    cut: () => socket.close(),
  };
}
