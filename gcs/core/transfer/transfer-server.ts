/**
 * The sender's side of transfer connections. What is sent is made as the receiver takes it: no more than the window is
 * ever held. The log is pinned from the request to the end, so that what the receiver needs next is still there.
 */
import { type Clock, type Connection, InvariantViolation, type LogIndex } from '../../base/index.ts';
import type { LogPin } from '../group/contract.ts';
import { encodeFrame, type Frame } from '../group/handshake.ts';
import type { OpenState, StateSource, TransferOptions } from './contract.ts';
import type { Unavailable } from './frames.ts';

export interface TransferServerSetup {
  readonly clock: Clock;
  readonly options: TransferOptions;
  /** Null: it cannot be read, now or ever. */
  openEntries(range: { readonly from: LogIndex; readonly upTo: LogIndex }): StateSource | Unavailable;
  pinLog(): LogPin;
}

/** A receiver that says it is there but takes nothing for so many times the silence is hung, and others wait for its place. */
const STALL_SILENCES = 6;

interface Served {
  readonly request: number;
  readonly source: StateSource;
  readonly pin: LogPin;
  sent: number;
  acknowledged: number;
  progressMs: number;
  isAtEnd: boolean;
}

interface Receiver {
  readonly connection: Connection;
  heardMs: number;
  served: Served | null;
}

export class TransferServer {
  readonly #setup: TransferServerSetup;
  #openState: OpenState = () => null;
  readonly #receivers = new Map<Connection, Receiver>();

  constructor(setup: TransferServerSetup) {
    this.#setup = setup;
  }

  serve(openState: OpenState): void {
    this.#openState = openState;
  }

  get servedCount(): number {
    let count = 0;
    for (const { served } of this.#receivers.values()) if (served !== null) count++;
    return count;
  }

  accepted(connection: Connection): void {
    this.#receivers.set(connection, { connection, heardMs: this.#setup.clock.monotonicMs(), served: null });
  }

  received(connection: Connection, frame: Frame): void {
    const receiver = this.#receivers.get(connection);
    if (receiver === undefined) return;
    receiver.heardMs = this.#setup.clock.monotonicMs();
    switch (frame.kind) {
      case 'present':
        return connection.send(encodeFrame({ kind: 'present', isBusy: false }));
      case 'ask-state':
        return this.#ask(receiver, frame.request, () => this.#openState(frame.atLeast) ?? 'not-ready');
      case 'ask-entries':
        return this.#ask(receiver, frame.request, () => this.#setup.openEntries(frame));
      case 'acknowledge':
        return this.#acknowledged(receiver, frame.request, frame.number);
      case 'cancel':
        if (receiver.served?.request === frame.request) this.#end(receiver);
        return;
      default:
        connection.close(`unexpected ${frame.kind}`);
    }
  }

  closed(connection: Connection): void {
    const receiver = this.#receivers.get(connection);
    if (receiver === undefined) return;
    this.#receivers.delete(connection);
    this.#end(receiver);
  }

  /** Now and then: gives up those that say or take nothing. */
  tick(): void {
    const nowMs = this.#setup.clock.monotonicMs();
    const { silenceMs } = this.#setup.options;
    for (const receiver of [...this.#receivers.values()]) {
      const isStalled = receiver.served !== null && nowMs - receiver.served.progressMs > STALL_SILENCES * silenceMs;
      if (nowMs - receiver.heardMs <= silenceMs && !isStalled) continue;
      receiver.connection.close(isStalled ? 'the receiver takes nothing' : 'the receiver is silent');
      this.closed(receiver.connection);
    }
  }

  stop(): void {
    for (const receiver of [...this.#receivers.values()]) {
      receiver.connection.close('stopping');
      this.closed(receiver.connection);
    }
  }

  #ask(receiver: Receiver, request: number, open: () => StateSource | Unavailable): void {
    this.#end(receiver);
    const { connection } = receiver;
    const refuse = (why: Unavailable): void => connection.send(encodeFrame({ kind: 'unavailable', request, why }));
    if (this.servedCount >= this.#setup.options.servedMax) return refuse('busy');
    const pin = this.#setup.pinLog();
    let source: StateSource | Unavailable;
    try {
      source = open();
    } catch (error) {
      if (error instanceof InvariantViolation) throw error;
      source = 'failed';
    }
    if (typeof source === 'string') {
      pin.release();
      return refuse(source);
    }
    const progressMs = this.#setup.clock.monotonicMs();
    receiver.served = { request, source, pin, sent: 0, acknowledged: 0, progressMs, isAtEnd: false };
    this.#send(receiver, receiver.served);
  }

  #acknowledged(receiver: Receiver, request: number, number: number): void {
    const { served } = receiver;
    if (served === null || served.request !== request || number <= served.acknowledged || number > served.sent) return;
    served.acknowledged = number;
    served.progressMs = this.#setup.clock.monotonicMs();
    if (served.isAtEnd && number === served.sent) this.#end(receiver);
    else this.#send(receiver, served);
  }

  #send(receiver: Receiver, served: Served): void {
    const { connection } = receiver;
    const { request } = served;
    const { windowChunks, chunkBytes } = this.#setup.options;
    try {
      while (!served.isAtEnd && served.sent - served.acknowledged < windowChunks) {
        const bytes = served.source.next(chunkBytes);
        if (bytes === null) {
          served.isAtEnd = true;
          connection.send(encodeFrame({ kind: 'end', request, chunks: served.sent }));
          if (served.sent === served.acknowledged) this.#end(receiver);
          return;
        }
        served.sent++;
        connection.send(encodeFrame({ kind: 'chunk', request, number: served.sent, bytes }));
      }
    } catch (error) {
      if (error instanceof InvariantViolation) throw error;
      // What the source cannot read, this member will find out for itself. The receiver asks another one.
      this.#end(receiver);
      connection.send(encodeFrame({ kind: 'unavailable', request, why: 'failed' }));
    }
  }

  #end(receiver: Receiver): void {
    const { served } = receiver;
    if (served === null) return;
    receiver.served = null;
    served.source.close();
    served.pin.release();
  }
}
