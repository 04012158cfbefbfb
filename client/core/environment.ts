/**
 * Everything that the client takes from the world it runs in: time, chance and sockets. `node.ts` and `browser.ts` each
 * hand in one; tests hand in a simulated one. Callbacks run in turns of their own, never inside the call.
 */
export interface Environment {
  readonly clock: Clock;
  /** From 0 to less than 1, each as likely. */
  readonly random: () => number;
  readonly codec: Codec;
  /** Opens a connection with the codec's subprotocol. Never throws: what cannot be opened is closed with a reason. */
  readonly openSocket: (url: string, events: SocketEvents) => Socket;
}

export interface Clock {
  /** Never goes back; its zero is arbitrary. */
  nowMs(): number;
  /** Runs `callback` once, `delayMs` from now or a little later. */
  schedule(delayMs: number, callback: () => void): ScheduledCall;
}

export interface ScheduledCall {
  /** The callback will not run. Harmless when it has run. */
  cancel(): void;
}

/** Text of the JSON subprotocol, bytes of the other. */
export type Frame = string | Uint8Array;

export interface Codec {
  readonly subprotocol: string;
  /** One message stands alone, several as an array. `messages`: one or more, checked already. */
  encode(messages: readonly unknown[]): Frame;
  /** The message or messages. @throws Error if it is no such frame. */
  decode(frame: Frame): unknown;
  /** Bytes of the frame on the wire. */
  bytesOf(frame: Frame): number;
}

export interface Socket {
  send(frame: Frame): void;
  /** Bytes sent and not yet taken by the network. */
  readonly bufferedBytes: number;
  /** By the closing handshake, behind what was sent. */
  close(): void;
  /** At once. */
  cut(): void;
}

/** `closed` is called exactly once, last; `opened` not at all where the connection cannot be opened. */
export interface SocketEvents {
  opened(): void;
  received(frame: Frame): void;
  closed(how: { readonly code: number | null; readonly reason: string }): void;
}
