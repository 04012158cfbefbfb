/**
 * One client's WebSocket: frames in, answers and events out. Those of one turn of the event loop leave in one frame. A
 * client that does not take its answers, or that has too many requests waiting, is not read from until it does; one that
 * lets them grow beyond all measure is cut. Events are only made for a client that has taken what it was sent.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { FrameCodec } from './frame-codec.ts';
import type { ServerLimits } from './limits.ts';

/** What stands behind a client's socket: its requests, transactions and answers. Every request gets one answer. */
export interface ClientConnection {
  /** Starts a request, or answers that it is none. Never throws at foreign input. */
  receive(message: unknown): void;
  /** The client is gone: rolls back what is open. Nothing is sent any more. */
  close(): void;
  /** Lets what is committing finish, and answers everything else, now and later, SHUTTING_DOWN. */
  shutDown(): void;
  /** There is room for events, after `hasRoom` said that there is none. */
  roomAgain(): void;
}

const CLOSE_REASON_MAX = 120;

/** Counted since the start, read at scrape. */
export interface ServerCounters {
  connectionsOpened: number;
  connectionsRefused: number;
  messagesReceived: number;
  messagesSent: number;
  framesMalformed: number;
  slowClientsCut: number;
  silentClientsCut: number;
}

/** Several answers go into one frame, but not more than this: a client decodes a frame at once. */
const messagesPerFrameMax = 1024;

/** Events of one turn hold no more than such a part of what cuts a client, and one beyond it. */
const QUEUED_SHARE = 8;

export class ClientSocket {
  readonly #socket: WebSocket;
  readonly #transport: Socket;
  readonly #codec: FrameCodec;
  readonly #limits: ServerLimits;
  readonly #counters: ServerCounters;
  readonly #events: { readonly flushWanted: (socket: ClientSocket) => void; readonly drained: () => void };
  #connection: ClientConnection | null = null;
  #queued: unknown[] = [];
  /** Of rows in the events among them. */
  #queuedBytes = 0;
  /** Invariant: requests received minus answers queued for sending. */
  #outstanding = 0;
  #isPaused = false;
  /** Events wait for room; a ping that tells when there is some has been sent. */
  #isRoomAwaited = false;
  #isRoomPinged = false;
  #pingsMissed = 0;

  constructor(setup: {
    socket: WebSocket;
    /** Beneath it. */
    transport: Socket;
    codec: FrameCodec;
    limits: ServerLimits;
    counters: ServerCounters;
    /** `flushWanted`: call `flush` at the end of this turn. `drained`: no request is waiting for its answer any more. */
    events: { readonly flushWanted: (socket: ClientSocket) => void; readonly drained: () => void };
  }) {
    this.#socket = setup.socket;
    this.#transport = setup.transport;
    this.#codec = setup.codec;
    this.#limits = setup.limits;
    this.#counters = setup.counters;
    this.#events = setup.events;
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  /** Starts reading. `connection` answers by `send`. */
  attach(connection: ClientConnection): void {
    this.#connection = connection;
    this.#socket.on('message', (data, isBinary) => this.#received(data as Buffer, isBinary));
    this.#socket.on('pong', () => {
      this.#pingsMissed = 0;
    });
    // While it is not read from. Without answers to take it waits for us.
    this.#transport.on('timeout', () => {
      if (this.#isPaused && this.#socket.bufferedAmount > 0) this.#cutSilent();
    });
    this.#socket.on('close', () => {
      this.#queued = [];
      connection.close();
    });
  }

  /** `bytes`: about as many as it has, where it may have many. */
  send(message: object, bytes = 0): void {
    if ('ok' in message && this.#outstanding > 0) {
      this.#outstanding--;
      if (this.#outstanding === 0) this.#events.drained();
      if (this.#isPaused) this.#resumeIfPossible();
    }
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#queuedBytes += bytes;
    if (this.#queued.push(message) === 1) this.#events.flushWanted(this);
  }

  /**
   * Whether events may be sent. They wait long before reading from the client would be stopped, or the client be cut, for
   * what it does not take. After a no, `roomAgain` tells the connection once the client has taken all that was sent.
   */
  hasRoom(): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    if (this.#isRoomAwaited) return false;
    const { bufferedBytesHigh, bufferedBytesMax } = this.#limits;
    // Of those of this turn nothing is buffered yet, and the wire may take some more bytes than the rows have.
    const isFull =
      this.#socket.bufferedAmount > bufferedBytesHigh / 2 || this.#queuedBytes > bufferedBytesMax / QUEUED_SHARE;
    if (!isFull && this.#queued.length < messagesPerFrameMax) return true;
    this.#isRoomAwaited = true;
    this.#events.flushWanted(this);
    return false;
  }

  flush(): void {
    this.#sendQueued();
    if (!this.#isRoomAwaited || this.#isRoomPinged || this.#socket.readyState !== this.#socket.OPEN) return;
    // An empty ping behind what is queued tells when the client has taken it.
    this.#isRoomPinged = true;
    this.#socket.ping(undefined, false, () => {
      this.#isRoomPinged = false;
      this.#isRoomAwaited = false;
      this.#connection?.roomAgain();
    });
  }

  #sendQueued(): void {
    const messages = this.#queued;
    if (messages.length === 0 || this.#socket.readyState !== this.#socket.OPEN) return;
    this.#queued = [];
    this.#queuedBytes = 0;
    this.#counters.messagesSent += messages.length;
    if (messages.length <= messagesPerFrameMax) this.#sendFrame(messages);
    else {
      for (let at = 0; at < messages.length; at += messagesPerFrameMax) {
        this.#sendFrame(messages.slice(at, at + messagesPerFrameMax));
      }
    }
    const buffered = this.#socket.bufferedAmount;
    if (buffered > this.#limits.bufferedBytesMax) {
      this.#counters.slowClientsCut++;
      this.#socket.terminate();
    } else if (buffered > this.#limits.bufferedBytesHigh) this.#pause();
  }

  /** Cuts a client that gave no sign of life since several pings; one that is not read from could not be heard. */
  ping(): void {
    if (this.#isPaused) return;
    if (this.#pingsMissed >= this.#limits.pingMissesMax) return this.#cutSilent();
    this.#pingsMissed++;
    this.#socket.ping();
  }

  #cutSilent(): void {
    this.#counters.silentClientsCut++;
    this.#socket.terminate();
  }

  shutDown(): void {
    this.#connection?.shutDown();
  }

  close(code: number, reason: string): void {
    this.flush();
    if (this.#isPaused) this.#socket.resume();
    // The protocol allows 123 bytes.
    this.#socket.close(code, reason.slice(0, CLOSE_REASON_MAX).replace(/[^ -~]/g, '?'));
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #received(data: Buffer, isBinary: boolean): void {
    this.#pingsMissed = 0;
    const decoded = this.#codec.decodeFrame(isBinary ? data : data.toString('utf8'));
    if (decoded.kind === 'malformed') {
      this.#counters.framesMalformed++;
      this.#outstanding += decoded.ids.length;
      for (const id of decoded.ids) this.send(malformedAnswer(id, decoded.problem));
      return;
    }
    const { messages } = decoded;
    this.#counters.messagesReceived += messages.length;
    this.#outstanding += messages.length;
    for (let i = 0; i < messages.length; i++) this.#connection!.receive(messages[i]);
    if (this.#outstanding >= this.#limits.outstandingMax) this.#pause();
  }

  #sendFrame(messages: readonly unknown[]): void {
    const frame = this.#codec.encodeFrame(messages);
    if (this.#isPaused) this.#socket.send(frame, () => this.#resumeIfPossible());
    else this.#socket.send(frame);
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
    // Its sign of life is that it takes bytes, if only some of a large frame.
    this.#transport.setTimeout(this.#limits.pingIntervalMs * (this.#limits.pingMissesMax + 1));
    // An empty ping behind what is queued tells when the client has taken it.
    this.#socket.ping(undefined, false, () => this.#resumeIfPossible());
  }

  #resumeIfPossible(): void {
    if (!this.#isPaused || this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#outstanding > this.#limits.outstandingMax / 2) return;
    if (this.#socket.bufferedAmount > this.#limits.bufferedBytesHigh / 2) return;
    this.#isPaused = false;
    this.#pingsMissed = 0;
    this.#transport.setTimeout(0);
    this.#socket.resume();
  }
}

function malformedAnswer(id: string | number | null, problem: string): object {
  const error = {
    code: 'MALFORMED_MESSAGE',
    sqlState: '08P01',
    message: `the frame cannot be read: ${problem}`,
    retry: 'no',
    problem,
  };
  return { id, ok: false, error };
}
