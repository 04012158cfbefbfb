/**
 * A member's port for clients: WebSocket connections on `/v1`, and over HTTP the console page, metrics and health.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import type { Replica } from '../engine/replica.ts';
import { addressOf, isLoopback, isOriginAllowed } from './addresses.ts';
import { type ClientConnection, ClientSocket, type ServerCounters } from './client-socket.ts';
import { CONSOLE_POLICY, type ConsoleFile, hasAlready, readConsoleFiles } from './console-files.ts';
import { codecFor, type FrameCodec } from './frame-codec.ts';
import { defaultServerLimits, type ServerLimits } from './limits.ts';
import {
  type HistogramSource,
  type LabelledSource,
  type MemberMetrics,
  type MetricSource,
  memberMetrics,
} from './metrics.ts';
import { listenError, ServerError } from './server-error.ts';

export interface ClientServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Serve an address that other machines reach, although nobody is asked who they are. */
  readonly insecure: boolean;
  readonly limits?: Partial<ServerLimits>;
}

/** What is served: a member. */
export interface Served {
  readonly serverVersion: string;
  readonly replica: Pick<Replica, 'groupName' | 'memberId' | 'state' | 'members' | 'memberStats'>;
  readonly openConnection: (
    send: (message: object, bytes?: number) => void,
    hasRoom: () => boolean,
  ) => ClientConnection;
  /** Told to clients in `welcome` beside `frameBytesMax`. */
  readonly engineLimits?: Readonly<Record<string, number>>;
}

/** What is shown at `/metrics` beside the server's own figures, for as long as the server runs. */
export interface ShownMetrics {
  readonly sources?: readonly MetricSource[];
  readonly histograms?: readonly HistogramSource[];
  readonly labelled?: readonly LabelledSource[];
}

const PROTOCOL_VERSION = 1;

/** At shutdown, what clients had sent before they could know is read for so long, and answered. */
const lastRequestsMs = 100;

/** A closing handshake that takes longer is cut. */
const closeMsMax = 1_000;

const GOING_AWAY = 1001;
const SERVICE_RESTART = 1012;

export class ClientServer {
  readonly #options: ClientServerOptions;
  readonly #limits: ServerLimits;
  readonly #http: Server;
  readonly #webSockets: WebSocketServer;
  readonly #console = readConsoleFiles();
  readonly #sockets = new Set<ClientSocket>();
  readonly #counters: ServerCounters = {
    connectionsOpened: 0,
    connectionsRefused: 0,
    messagesReceived: 0,
    messagesSent: 0,
    framesMalformed: 0,
    slowClientsCut: 0,
    silentClientsCut: 0,
  };
  #served: Served | null = null;
  #metrics: MemberMetrics | null = null;
  #flushing: ClientSocket[] = [];
  #pings: NodeJS.Timeout | null = null;
  #isStopping = false;
  #noticeChange: () => void = () => {};

  /** Opens the port. Everything but `/healthz` and the console page is answered 503 until `serve`. @throws ServerError */
  static async bind(options: ClientServerOptions): Promise<ClientServer> {
    refuseInsecureAddress(options.host, options.insecure);
    const server = new ClientServer(options);
    await server.#listen();
    return server;
  }

  private constructor(options: ClientServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultServerLimits, ...options.limits };
    this.#http = createServer(
      { headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 5_000, maxHeaderSize: 8 * 1024 },
      (request, response) => void this.#serve(request, response),
    );
    this.#http.maxHeadersCount = 64;
    // Room beside the WebSockets for those who scrape, and for those who are told that there is no room.
    this.#http.maxConnections = this.#limits.connectionsMax + 256;
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on('clientError', (_error, socket) => refuse(socket, '400 Bad Request', 'not HTTP'));
    const webSocketOptions: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: this.#limits.frameBytesMax,
      maxFragments: 1024,
      skipUTF8Validation: false,
      closeTimeout: closeMsMax,
      handleProtocols: (offered) => codecFor([...offered])?.subprotocol ?? false,
    };
    this.#webSockets = new WebSocketServer(webSocketOptions);
  }

  /** Serves a member, or the next run of it after `pause`. `shown`: of the first one. */
  serve(served: Served, shown: ShownMetrics = {}): void {
    this.#served = served;
    this.#metrics ??= memberMetrics({
      replica: () => this.#served?.replica ?? null,
      counters: this.#counters,
      connections: () => this.#sockets.size,
      more: shown.sources ?? [],
      histograms: shown.histograms ?? [],
      labelled: shown.labelled ?? [],
    });
  }

  /** Closes all connections with 1012 and takes none, until `serve` is called again. `why`: told to the clients. */
  async pause(why: string): Promise<void> {
    this.#served = null;
    await this.#closeAll({ code: SERVICE_RESTART, why, drainMsMax: lastRequestsMs });
  }

  /** Where it listens: the port that was asked for, or the free one that was found. */
  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get address(): string {
    return addressOf(this.#options.host, this.port);
  }

  /** Lets what is committing finish (within `drainMsMax`), answers the rest, closes all connections with 1001. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    if (this.#pings !== null) clearInterval(this.#pings);
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
    const why = 'the member is shutting down';
    await this.#closeAll({ code: GOING_AWAY, why, drainMsMax: this.#limits.drainMsMax });
    this.#http.closeAllConnections();
    await closed;
    this.#metrics?.clear();
  }

  /** Lets what is committing finish (within `drainMsMax`) and answers the rest first. */
  async #closeAll(how: { readonly code: number; readonly why: string; readonly drainMsMax: number }): Promise<void> {
    for (const socket of this.#sockets) socket.shutDown();
    await this.#until(() => this.#sockets.size === 0, lastRequestsMs);
    await this.#until(() => [...this.#sockets].every((socket) => socket.outstanding === 0), how.drainMsMax);
    for (const socket of this.#sockets) socket.close(how.code, how.why);
    await this.#until(() => this.#sockets.size === 0, closeMsMax);
    for (const socket of this.#sockets) socket.terminate();
  }

  #listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const failed = (error: unknown) => reject(listenError(error, addressOf(host, port), '--port'));
      this.#http.once('error', failed);
      this.#http.listen({ host, port }, () => {
        this.#http.off('error', failed);
        this.#pings = setInterval(() => {
          for (const socket of this.#sockets) socket.ping();
        }, this.#limits.pingIntervalMs).unref();
        resolve();
      });
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refused = this.#refusal(request);
    if (refused !== null) {
      this.#counters.connectionsRefused++;
      refuse(socket, refused.status, refused.reason);
      return;
    }
    const codec = codecFor(offeredSubprotocols(request))!;
    const served = this.#served!;
    // Of a server for TCP it is a socket of `node:net`.
    const transport = socket as Socket;
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#opened(webSocket, transport, codec, served);
    });
  }

  #refusal(request: IncomingMessage): { status: string; reason: string } | null {
    if (pathOf(request) !== '/v1')
      return { status: '404 Not Found', reason: 'WebSocket connections are served on /v1' };
    const allowed = isOriginAllowed({
      origin: request.headers.origin,
      host: request.headers.host,
      servesLoopbackOnly: isLoopback(this.#options.host),
    });
    if (!allowed) return { status: '403 Forbidden', reason: 'pages of this origin may not connect' };
    if (codecFor(offeredSubprotocols(request)) === undefined) {
      return { status: '400 Bad Request', reason: 'subprotocols served: concert.v1.json, concert.v1.msgpack' };
    }
    if (this.#served === null) return { status: '503 Service Unavailable', reason: 'the member is starting' };
    if (this.#isStopping) return { status: '503 Service Unavailable', reason: 'the member is shutting down' };
    if (this.#sockets.size >= this.#limits.connectionsMax) {
      return { status: '503 Service Unavailable', reason: `all ${this.#limits.connectionsMax} connections are in use` };
    }
    return null;
  }

  #opened(webSocket: WebSocket, transport: Socket, codec: FrameCodec, served: Served): void {
    this.#counters.connectionsOpened++;
    const socket = new ClientSocket({
      socket: webSocket,
      transport,
      codec,
      limits: this.#limits,
      counters: this.#counters,
      events: { flushWanted: (wanting) => this.#flushLater(wanting), drained: () => this.#noticeChange() },
    });
    this.#sockets.add(socket);
    // What breaks the framing (1002, 1007, 1009) is told to the client by the close code.
    webSocket.on('error', () => {
      this.#counters.framesMalformed++;
    });
    socket.send(this.#welcome(served));
    socket.attach(
      served.openConnection(
        (message, bytes) => socket.send(message, bytes),
        () => socket.hasRoom(),
      ),
    );
    webSocket.on('close', () => {
      this.#sockets.delete(socket);
      this.#noticeChange();
    });
  }

  #welcome({ replica, serverVersion, engineLimits }: Served): object {
    const self = replica.members().find((row) => row.memberId === replica.memberId);
    return {
      event: 'welcome',
      protocolVersion: PROTOCOL_VERSION,
      serverVersion,
      member: { memberId: replica.memberId, state: replica.state, role: self?.role ?? 'SECONDARY' },
      group: { name: replica.groupName, viewId: self?.viewId ?? null },
      limits: { ...engineLimits, frameBytesMax: this.#limits.frameBytesMax },
    };
  }

  #flushLater(socket: ClientSocket): void {
    if (this.#flushing.push(socket) > 1) return;
    setImmediate(() => {
      const sockets = this.#flushing;
      this.#flushing = [];
      for (let i = 0; i < sockets.length; i++) sockets[i]!.flush();
    });
  }

  /** Waits until `isDone`, looked at after each answer and closed connection, but not longer than `msMax`. */
  #until(isDone: () => boolean, msMax: number): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#noticeChange = () => {};
        resolve();
      };
      const timer = setTimeout(finish, msMax);
      this.#noticeChange = () => {
        if (isDone()) finish();
      };
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Cache-Control', 'no-store');
    try {
      const route = pathOf(request);
      const file = this.#console.get(route);
      const isServed = file !== undefined || ROUTES.includes(route);
      if (isServed && request.method !== 'GET' && request.method !== 'HEAD') {
        response.setHeader('Allow', 'GET, HEAD');
        return answer(response, 405, 'only GET and HEAD are served here\n');
      }
      if (file !== undefined) return answerFile(response, file);
      switch (route) {
        case '/metrics':
          if (this.#metrics === null) return answer(response, 503, 'starting\n');
          return answer(response, 200, await this.#metrics.scrape(), this.#metrics.contentType);
        case '/healthz':
          return answer(response, 200, 'ok\n');
        case '/readyz': {
          const state = this.#served?.replica.state ?? 'OFFLINE';
          return answer(response, state === 'ONLINE' ? 200 : 503, `${state}\n`);
        }
        case '/v1':
          response.setHeader('Upgrade', 'websocket');
          return answer(response, 426, 'this is a WebSocket address\n');
        default:
          return answer(response, 404, `not found; served are ${ROUTES.join(' ')}\n`);
      }
    } catch (error) {
      if (!response.headersSent) answer(response, 500, `${(error as Error).message}\n`);
      else response.destroy();
    }
  }
}

/** @throws ServerError if `host` is reached from other machines and nobody said that this is meant. */
export function refuseInsecureAddress(host: string, insecure: boolean): void {
  if (insecure || isLoopback(host)) return;
  throw new ServerError({
    code: 'INSECURE_ADDRESS',
    message: `refusing to serve ${host}: other machines reach it, and nobody is asked who they are; use 127.0.0.1, or say --insecure if the network keeps strangers out`,
  });
}

const ROUTES: readonly string[] = ['/', '/metrics', '/healthz', '/readyz', '/v1'];

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0]!;
}

function offeredSubprotocols(request: IncomingMessage): readonly string[] {
  const header = request.headers['sec-websocket-protocol'];
  return header === undefined ? [] : header.split(',').map((name) => name.trim());
}

function answerFile(response: ServerResponse, { content, type, etag }: ConsoleFile): void {
  response.setHeader('Content-Security-Policy', CONSOLE_POLICY);
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('ETag', etag);
  if (hasAlready(response.req.headers['if-none-match'], etag)) {
    response.writeHead(304).end();
    return;
  }
  answer(response, 200, content, type);
}

function answer(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** Answers a request that never became a WebSocket. */
function refuse(socket: Duplex, status: string, reason: string): void {
  socket.on('error', () => socket.destroy());
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = `${reason}\n`;
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
