/** `Network` over WebSockets: one binary frame a frame, on the path `/group` of a port of its own. */
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { Connection, ConnectionHandler, Network } from '../base/index.ts';
import { assert } from '../base/index.ts';

export interface WebSocketNetworkOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** A larger frame closes its connection. */
  readonly frameBytesMax?: number;
  readonly handshakeTimeoutMs?: number;
  /** A connection that is silent for two of these after a ping is ended. */
  readonly pingIntervalMs?: number;
  /** Accepted connections beyond this are refused. */
  readonly acceptedMax?: number;
}

/** The group port cannot be opened. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly code: 'ADDRESS_IN_USE' | 'ADDRESS_UNAVAILABLE' | 'ACCESS_DENIED' | 'LISTEN_FAILED';
  readonly host: string;
  readonly port: number;

  constructor(facts: { code: NetworkError['code']; host: string; port: number; message: string; cause?: unknown }) {
    super(facts.message, { cause: facts.cause });
    this.code = facts.code;
    this.host = facts.host;
    this.port = facts.port;
  }
}

const PATH = '/group';
const FRAME_BYTES_MAX = 64 * 1024 * 1024;
const HANDSHAKE_TIMEOUT_MS = 3_000;
const PING_INTERVAL_MS = 15_000;
const MISSED_PINGS_MAX = 2;
const ACCEPTED_MAX = 256;
/** We send no fragments; a peer that does is cut off early. */
const FRAGMENTS_MAX = 1024;
/** How long the other side has for its part of closing. An option of ws that its type declarations do not know. */
const CLOSE_TIMEOUT = { closeTimeout: 1_000 };
const CLOSE_REASON_CHARACTERS_MAX = 100;
const GOING_AWAY = 1001;
const UNSUPPORTED_DATA = 1003;

const ERROR_CODES: Readonly<Record<string, NetworkError['code']>> = {
  EADDRINUSE: 'ADDRESS_IN_USE',
  EADDRNOTAVAIL: 'ADDRESS_UNAVAILABLE',
  ENOTFOUND: 'ADDRESS_UNAVAILABLE',
  EAI_AGAIN: 'ADDRESS_UNAVAILABLE',
  EACCES: 'ACCESS_DENIED',
};

export class WebSocketNetwork implements Network {
  readonly #options: Required<WebSocketNetworkOptions>;
  readonly #server: http.Server;
  readonly #upgrades: WebSocketServer;
  readonly #connections = new Set<SocketConnection>();
  readonly #pings: NodeJS.Timeout;
  #accepted: ((connection: Connection) => ConnectionHandler) | null = null;
  #isStopped = false;

  /** Binds the port. Connections are refused until `listen` says who takes them. @throws NetworkError */
  static async start(options: WebSocketNetworkOptions): Promise<WebSocketNetwork> {
    const network = new WebSocketNetwork(options);
    await network.#bind();
    return network;
  }

  private constructor(options: WebSocketNetworkOptions) {
    this.#options = {
      frameBytesMax: FRAME_BYTES_MAX,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      pingIntervalMs: PING_INTERVAL_MS,
      acceptedMax: ACCEPTED_MAX,
      ...options,
    };
    const { handshakeTimeoutMs } = this.#options;
    this.#server = http.createServer(
      {
        headersTimeout: handshakeTimeoutMs,
        requestTimeout: handshakeTimeoutMs,
        connectionsCheckingInterval: handshakeTimeoutMs,
      },
      (_request, response) => response.writeHead(404, { connection: 'close' }).end(),
    );
    this.#server.maxConnections = this.#options.acceptedMax;
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head));
    this.#upgrades = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: this.#options.frameBytesMax,
      maxFragments: FRAGMENTS_MAX,
      ...CLOSE_TIMEOUT,
    });
    this.#pings = setInterval(() => {
      for (const connection of this.#connections) connection.ping();
    }, this.#options.pingIntervalMs);
    this.#pings.unref();
  }

  /** The port that was bound. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  listen(accepted: (connection: Connection) => ConnectionHandler): void {
    assert(this.#accepted === null, 'one takes the connections');
    this.#accepted = accepted;
  }

  connect(address: string, handler: ConnectionHandler): Connection {
    const connection = new SocketConnection(() => this.#connections.delete(connection));
    this.#connections.add(connection);
    if (this.#isStopped) {
      connection.failLater(handler, 'the network is stopped');
      return connection;
    }
    try {
      const socket = new WebSocket(`ws://${address}${PATH}`, {
        perMessageDeflate: false,
        maxPayload: this.#options.frameBytesMax,
        maxFragments: FRAGMENTS_MAX,
        ...CLOSE_TIMEOUT,
        handshakeTimeout: this.#options.handshakeTimeoutMs,
        // Masks defend proxies against scripts in browsers. Between members zero ones do, and cost nothing.
        generateMask: (mask) => mask.fill(0),
      });
      connection.attach(socket, null);
      connection.handle(socket, handler);
    } catch (error) {
      connection.failLater(handler, `${address}: ${(error as Error).message}`);
    }
    return connection;
  }

  /** Closes the port and all connections; their handlers' `closed` has been called when it is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#pings);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const connectionsClosed = [...this.#connections].map((connection) => connection.end(GOING_AWAY, 'shutting down'));
    await Promise.all(connectionsClosed);
    this.#server.closeAllConnections();
    await closed;
  }

  #bind(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException): void => {
        clearInterval(this.#pings);
        const code = ERROR_CODES[cause.code ?? ''] ?? 'LISTEN_FAILED';
        reject(
          new NetworkError({ code, host, port, message: `cannot listen on ${host}:${port}: ${cause.message}`, cause }),
        );
      };
      this.#server.once('error', failed);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', failed);
        // Nothing that a peer does ends up here; a failing accept() is retried by the runtime.
        this.#server.on('error', () => {});
        resolve();
      });
    });
  }

  #upgrade(request: http.IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const accepted = this.#accepted;
    if (request.url !== PATH) {
      refuse(socket, '404 Not Found');
    } else if (accepted === null || this.#isStopped) {
      refuse(socket, '503 Service Unavailable');
    } else {
      this.#upgrades.handleUpgrade(request, socket, head, (upgraded) => {
        const connection = new SocketConnection(() => this.#connections.delete(connection));
        this.#connections.add(connection);
        connection.attach(upgraded, socket);
        connection.handle(upgraded, accepted(connection));
      });
    }
  }
}

/** One connection, from either side. */
class SocketConnection implements Connection {
  readonly #ended: () => void;
  #socket: WebSocket | null = null;
  #stream: Socket | null = null;
  #isCorked = false;
  #isClosing = false;
  #hasClosed = false;
  #reason: string | null = null;
  #missedPings = 0;
  #onClosed: (() => void)[] = [];

  constructor(ended: () => void) {
    this.#ended = ended;
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  send(bytes: Uint8Array): void {
    const socket = this.#socket;
    if (socket === null || this.#isClosing || socket.readyState !== WebSocket.OPEN) return;
    this.#cork();
    socket.send(bytes, ignoreResult);
  }

  close(reason: string): void {
    void this.end(1000, reason);
  }

  /** Done when the handler's `closed` has been called. */
  end(code: number, reason: string): Promise<void> {
    if (this.#hasClosed) return Promise.resolve();
    const closed = new Promise<void>((resolve) => this.#onClosed.push(resolve));
    if (this.#isClosing) return closed;
    this.#isClosing = true;
    this.#reason ??= reason;
    if (this.#socket !== null) closeSocket(this.#socket, code, reason);
    return closed;
  }

  /** `stream`: what carries the socket; null: it is being opened, and tells later. */
  attach(socket: WebSocket, stream: Socket | null): void {
    this.#socket = socket;
    this.#stream = stream;
    stream?.setNoDelay(true);
    socket.on('upgrade', (response) => {
      this.#stream = response.socket;
      response.socket.setNoDelay(true);
    });
    socket.on('error', (error) => {
      this.#reason ??= error.message;
    });
  }

  handle(socket: WebSocket, handler: ConnectionHandler): void {
    socket.on('open', () => {
      if (!this.#isClosing) handler.opened();
    });
    socket.on('close', (code, reason) => {
      this.#finish(handler, this.#reason ?? (reason.length > 0 ? reason.toString() : `closed with code ${code}`));
    });
    socket.on('pong', () => {
      this.#missedPings = 0;
    });
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.#missedPings = 0;
      if (this.#isClosing) return;
      if (isBinary) {
        // A plain array: what slices a Buffer expecting a copy would get a view.
        handler.received(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      } else {
        void this.end(UNSUPPORTED_DATA, 'frames are binary');
      }
    });
  }

  failLater(handler: ConnectionHandler, reason: string): void {
    setImmediate(() => this.#finish(handler, this.#reason ?? reason));
  }

  ping(): void {
    const socket = this.#socket;
    if (socket === null || socket.readyState !== WebSocket.OPEN) return;
    if (this.#missedPings >= MISSED_PINGS_MAX) {
      this.#reason ??= 'no answer to pings';
      socket.terminate();
      return;
    }
    this.#missedPings++;
    socket.ping(undefined, undefined, ignoreResult);
  }

  /** Frames sent in one turn go to the system in one call. */
  #cork(): void {
    const stream = this.#stream;
    if (this.#isCorked || stream === null) return;
    this.#isCorked = true;
    stream.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      stream.uncork();
    });
  }

  #finish(handler: ConnectionHandler, reason: string): void {
    if (this.#hasClosed) return;
    this.#hasClosed = true;
    this.#isClosing = true;
    this.#ended();
    handler.closed(reason);
    for (const closed of this.#onClosed) closed();
    this.#onClosed = [];
  }
}

function closeSocket(socket: WebSocket, code: number, reason: string): void {
  const ascii = reason.slice(0, CLOSE_REASON_CHARACTERS_MAX).replace(/[^ -~]/g, '?');
  socket.close(code, ascii);
}

function refuse(socket: Socket, status: string): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** A failed send closes the connection, which tells. */
function ignoreResult(): void {}
