/**
 * Everything that a member takes from the world: time, chance, network and disk. One object is handed in at the top;
 * nothing below reaches for a global. The driver implements it over the operating system, the simulator over one
 * seeded event queue. Nothing here is a promise: each callback runs in a turn of its own, never inside the call.
 */
export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly disk: Disk;
}

export interface Clock {
  /** Never goes back; its zero is arbitrary. For timers and time limits. */
  monotonicMs(): number;
  /** Time of day, whole milliseconds since 1970 UTC; may jump. For stamps only. */
  wallMs(): number;
  /** Runs `callback` once, `delayMs` from now or a little later. 0: after the current turn, before new input. */
  schedule(delayMs: number, callback: () => void): ScheduledCall;
}

export interface ScheduledCall {
  /** The callback will not run. Harmless when it has run. */
  cancel(): void;
}

export interface Random {
  /** A whole number from 0 to `bound` - 1, each as likely. `bound`: 1 to 2^32. */
  below(bound: number): number;
  /** A RFC 9562 version 4 UUID. */
  uuid(): string;
}

/** One directory's files. A member owns its directory alone. */
export interface Disk {
  /** Names of the files, sorted. @throws DiskError */
  list(): readonly string[];
  /** Opens an existing file. @throws DiskError */
  open(name: string): DiskFile;
  /**
   * Makes a file of `sizeBytes` zero bytes. When `done` is called without an error, the zeros are allocated and the
   * file and its name are durable. An existing file of that name is emptied first.
   */
  create(name: string, sizeBytes: number, done: (error: DiskError | null, file: DiskFile | null) => void): void;
  /** Replaces the whole content of a (small) file: durable and complete when `done` is called without an error, and whole old or whole new after a crash. */
  replace(name: string, content: Uint8Array, done: (error: DiskError | null) => void): void;
  /** Whole content of a (small) file, or null if there is none. @throws DiskError */
  readWhole(name: string): Uint8Array | null;
  /** Removes a file; harmless if there is none. May come back after a crash. @throws DiskError */
  remove(name: string): void;
}

export interface DiskFile {
  readonly name: string;
  /** Current length; grows by writes behind the end. */
  readonly sizeBytes: number;
  /** Reads `length` bytes from `offset`, fewer at the end of the file. @throws DiskError */
  read(offset: number, length: number): Uint8Array;
  /**
   * Writes `chunks` one after another from `offset`, then syncs: durable when `done` is called without an error, and
   * any part of it may be there after a crash before that. One write at a time: the next is asked for after `done`.
   * The caller does not touch the chunks until then.
   */
  write(offset: number, chunks: readonly Uint8Array[], done: (error: DiskError | null) => void): void;
  close(): void;
}

/** An operating error of the disk. After one from `write`, what the file holds is unknown: never retried (fsyncgate). */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: 'NOT_FOUND' | 'NO_SPACE' | 'IO';
  readonly file: string;

  constructor(facts: { code: DiskError['code']; file: string; message: string; cause?: unknown }) {
    super(facts.message, { cause: facts.cause });
    this.code = facts.code;
    this.file = facts.file;
  }
}

/** Message-framed connections. Frames of one connection arrive whole, in order, each at most once, or the connection closes. */
export interface Network {
  /** `accepted` is called for each connection that a peer opens, and says who handles it. */
  listen(accepted: (connection: Connection) => ConnectionHandler): void;
  /** Opens a connection to `address` (`host:port`). `handler.closed` is called, too, when it cannot be opened. */
  connect(address: string, handler: ConnectionHandler): Connection;
}

export interface Connection {
  /** Queues one frame. Dropped silently when the connection is closed. The caller does not touch `bytes` afterwards. */
  send(bytes: Uint8Array): void;
  /** Bytes queued and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** Closes; the handler's `closed` follows once. */
  close(reason: string): void;
}

export interface ConnectionHandler {
  /** Frames can be sent from now on. Called for opened connections only; accepted ones are open from the start. */
  opened(): void;
  received(bytes: Uint8Array): void;
  /** Called exactly once, last. */
  closed(reason: string): void;
}
