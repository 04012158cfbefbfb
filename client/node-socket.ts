/** A connection by the `ws` library. */
import WebSocket from 'ws';
import type { Codec, Socket, SocketEvents } from './core/environment.ts';

/** For the closing handshake. */
const CLOSE_MS_MAX = 1_000;

export function openNodeSocket(url: string, codec: Codec, events: SocketEvents): Socket {
  let socket: WebSocket;
  try {
    socket = new WebSocket(url, codec.subprotocol, { perMessageDeflate: false, skipUTF8Validation: true });
  } catch (error) {
    return unopened(events, (error as Error).message);
  }
  let problem = '';
  socket.on('open', () => events.opened());
  socket.on('message', (data, isBinary) => events.received(isBinary ? (data as Buffer) : String(data)));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    problem = error.message || (error.code ?? 'no connection');
  });
  socket.on('close', (code, reason) => {
    events.closed(problem === '' ? { code, reason: String(reason) } : { code: null, reason: problem });
  });
  return {
    send: (frame) => socket.send(frame),
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    close() {
      socket.close();
      // The library would wait half a minute for a member that does not answer, and so would the process.
      setTimeout(() => socket.terminate(), CLOSE_MS_MAX).unref();
    },
    cut: () => socket.terminate(),
  };
}

/** An address that there can be no connection to. */
function unopened(events: SocketEvents, reason: string): Socket {
  setImmediate(() => events.closed({ code: null, reason }));
  return { send: () => {}, bufferedBytes: 0, close: () => {}, cut: () => {} };
}
