/**
 * One connection to a member. Requests of one turn leave in one frame; a frame that would be longer than the member takes
 * is halved until it fits. No more than `outstandingMax` requests are unanswered, and none is sent while the network has not
 * taken what was sent before: what is beyond waits here, in order. Whatever happens, each request learns its end.
 *
 * A connection that says nothing for too long is asked for a sign of life, and cut if there is none: a frozen member or
 * a cut network tells nobody.
 */
import type { ErrorAnswer } from '../concert-error.ts';
import type { Message } from './check-message.ts';
import type { Environment, Frame, ScheduledCall, Socket } from './environment.ts';
import type { Member } from './member.ts';
import { Outstanding } from './outstanding.ts';
import type { Loss, Request } from './request.ts';
import type { Settings } from './settings.ts';

export interface Welcome {
  readonly protocolVersion: number;
  readonly member: { readonly memberId: string; readonly state: string; readonly role: string };
  readonly limits: Readonly<Record<string, number>>;
}

export interface ConnectionEvents {
  welcomed(connection: Connection, welcome: Welcome): void;
  /** There is room for more requests than before. */
  answered(connection: Connection): void;
  /** Last, and once; every request knows already. */
  closed(connection: Connection, problem: string): void;
}

/** What the member pushes for one subscription; `lost` ends it. */
export interface EventSink {
  pushed(event: PushedEvent): void;
  lost(problem: string): void;
}

export interface PushedEvent {
  readonly event: string;
  readonly subscription: string | number;
  readonly [fact: string]: unknown;
}

interface Answer {
  readonly id?: unknown;
  readonly ok?: boolean;
  readonly result?: unknown;
  readonly error?: ErrorAnswer;
  readonly event?: unknown;
}

const PROTOCOL_VERSION = 1;

/** Nothing tells when the network has taken what was sent: it is looked at again after so long. */
const DRAIN_CHECK_MS = 5;

export class Connection {
  readonly id: number;
  readonly member: Member;
  readonly #environment: Environment;
  readonly #settings: Settings;
  readonly #events: ConnectionEvents;
  readonly #socket: Socket;
  readonly #sinks = new Map<string | number, EventSink>();
  readonly #outstanding = new Outstanding();
  #state: 'opening' | 'open' | 'closed' = 'opening';
  #waiting: Request[] = [];
  /** Those that are being put into frames. */
  #leaving: readonly Request[] = NONE;
  #isFlushWanted = false;
  #roundsLeft = 0;
  #frameBytesMax = 0;
  #outstandingMax: number;
  #transactionsMax = Number.POSITIVE_INFINITY;
  /** Transactions begun and not known to have ended. */
  openTransactions = 0;
  /** The longest `timeoutMs` that the member takes. */
  transactionMsMax = Number.POSITIVE_INFINITY;
  #hasHeard = true;
  #hasPinged = false;
  #timer: ScheduledCall | null = null;
  #drainCheck: ScheduledCall | null = null;

  constructor(setup: {
    id: number;
    member: Member;
    environment: Environment;
    settings: Settings;
    events: ConnectionEvents;
  }) {
    const { environment, settings } = setup;
    this.id = setup.id;
    this.member = setup.member;
    this.#environment = environment;
    this.#settings = settings;
    this.#events = setup.events;
    this.#outstandingMax = settings.outstandingMax;
    const { connectTimeoutMs } = settings;
    this.#timer = environment.clock.schedule(connectTimeoutMs, () => {
      this.#end(`no welcome within ${connectTimeoutMs} ms`, { isCut: true });
    });
    this.#socket = environment.openSocket(setup.member.url, {
      opened: () => {},
      received: (frame) => this.#received(frame),
      closed: ({ code, reason }) =>
        this.#end(problemOf(code, reason), { isOurFault: code !== null && FAULTS.has(code) }),
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Requests without an answer, those that still wait here included. */
  get outstanding(): number {
    return this.#outstanding.size + this.#waiting.length;
  }

  get hasRoom(): boolean {
    return this.#outstanding.size + this.#waiting.length < this.#outstandingMax;
  }

  get hasRoomForTransaction(): boolean {
    return this.openTransactions < this.#transactionsMax;
  }

  get subscriptions(): number {
    return this.#sinks.size;
  }

  /** Sends at the end of this turn, in order. The connection is open. */
  send(request: Request): void {
    this.#waiting.push(request);
    if (this.#isFlushWanted) return;
    this.#isFlushWanted = true;
    this.#roundsLeft = ROUNDS;
    void turnEnded.then(this.#flushSoon);
  }

  /** It left, and has no answer yet. */
  hasSent(request: Request): boolean {
    return this.#outstanding.has(request);
  }

  /** Requests without an answer; those not sent yet are in the order in which they were made. */
  *unanswered(): Iterable<Request> {
    yield* this.#outstanding.all();
    for (const request of this.#leaving) if (!this.hasSent(request)) yield request;
    yield* this.#waiting;
  }

  /** Asks the member to give up a request that was sent; its answer comes all the same. */
  cancel(request: Request): void {
    if (this.#state === 'open') this.send(new Notice('cancel', { target: request.message.id }));
  }

  /** From now on `sink` gets what is pushed for this subscription. */
  listen(subscription: string | number, sink: EventSink): void {
    this.#sinks.set(subscription, sink);
  }

  stopListening(subscription: string | number): void {
    this.#sinks.delete(subscription);
  }

  /** What is not answered is lost. */
  close(): void {
    this.#socket.close();
    this.#end('closed by this client');
  }

  readonly #flushSoon = (): void => {
    this.#roundsLeft--;
    if (this.#roundsLeft > 0) void turnEnded.then(this.#flushSoon);
    else this.#flush();
  };

  readonly #flush = (): void => {
    this.#isFlushWanted = false;
    if (this.#state !== 'open' || this.#drainCheck !== null) return;
    let requests = this.#waiting;
    if (requests.length === 0) return;
    // A question for a sign of life may be out beyond what may be outstanding.
    const room = Math.max(0, this.#outstandingMax - this.#outstanding.size);
    if (requests.length <= room) this.#waiting = [];
    else {
      this.#waiting = requests.slice(room);
      requests = requests.slice(0, room);
    }
    this.#leaving = requests;
    this.#sendTogether(requests);
    this.#leaving = NONE;
    if (this.#socket.bufferedBytes > this.#settings.bufferedBytesMax) this.#waitForNetwork();
  };

  /** In one frame, or in as many halves as it takes. */
  #sendTogether(given: readonly Request[]): void {
    let requests = given;
    for (let i = 0; i < given.length; i++) {
      if (!given[i]!.isWithdrawn) continue;
      requests = given.filter((request) => !request.isWithdrawn);
      break;
    }
    const count = requests.length;
    if (count === 0) return;
    const messages = new Array<unknown>(count);
    for (let i = 0; i < count; i++) {
      const request = requests[i]!;
      this.#outstanding.add(request);
      messages[i] = request.message;
    }
    const { codec } = this.#environment;
    const frame = codec.encode(messages);
    if (frame.length * BYTES_PER_UNIT_MAX > this.#frameBytesMax) {
      const bytes = codec.bytesOf(frame);
      if (bytes > this.#frameBytesMax) {
        for (let i = count - 1; i >= 0; i--) this.#outstanding.take(requests[i]!.message.id);
        if (count === 1) return requests[0]!.tooLarge(bytes, this.#frameBytesMax);
        this.#sendTogether(requests.slice(0, count >> 1));
        return this.#sendTogether(requests.slice(count >> 1));
      }
    }
    this.#socket.send(frame);
  }

  #waitForNetwork(): void {
    this.#drainCheck = this.#environment.clock.schedule(DRAIN_CHECK_MS, () => {
      this.#drainCheck = null;
      if (this.#state !== 'open') return;
      if (this.#socket.bufferedBytes > this.#settings.bufferedBytesMax / 2) this.#waitForNetwork();
      else this.#flush();
    });
  }

  #received(frame: Frame): void {
    if (this.#state === 'closed') return;
    this.#hasHeard = true;
    let decoded: unknown;
    try {
      decoded = this.#environment.codec.decode(frame);
    } catch (error) {
      return this.#end(`its frame cannot be read: ${(error as Error).message}`, { isCut: true });
    }
    const messages = Array.isArray(decoded) ? (decoded as Answer[]) : [decoded as Answer];
    let first = 0;
    if (this.#state === 'opening') {
      if (!this.#welcomed(messages[0])) return;
      first = 1;
    }
    for (let i = first; i < messages.length; i++) this.#receivedOne(messages[i]!);
    if (this.#waiting.length > 0 && !this.#isFlushWanted) this.#flush();
    if (this.#state === 'open') this.#events.answered(this);
  }

  #receivedOne(answer: Answer): void {
    const request = this.#outstanding.take(answer.id);
    if (request !== undefined) {
      if (answer.ok) request.succeeded(answer.result, this);
      else request.refused(answer.error!, this);
      return;
    }
    if (typeof answer.event === 'string') {
      const event = answer as PushedEvent;
      this.#sinks.get(event.subscription)?.pushed(event);
    } else if (answer.ok === false && this.#state === 'open') {
      // It could not read a frame, and so cannot say whose requests those were: what is unanswered is lost.
      this.#end(`${answer.error?.code}: ${answer.error?.message}`, { isCut: true, isOurFault: true });
    }
  }

  #welcomed(message: Answer | undefined): boolean {
    const welcome = message as (Answer & Partial<Welcome>) | undefined;
    const bytesMax = welcome?.limits?.frameBytesMax;
    if (welcome?.event !== 'welcome' || welcome.member === undefined || typeof bytesMax !== 'number') {
      this.#end('its first message is no welcome: is this the client port of a member?', { isCut: true });
      return false;
    }
    if (welcome.protocolVersion !== PROTOCOL_VERSION) {
      this.#end(`it speaks version ${welcome.protocolVersion} of the protocol, not ${PROTOCOL_VERSION}`, {
        isCut: true,
      });
      return false;
    }
    const { limits } = welcome as Welcome;
    this.#frameBytesMax = bytesMax;
    this.#outstandingMax = Math.min(this.#outstandingMax, limits.pendingRequestsMax ?? this.#outstandingMax);
    this.#transactionsMax = limits.openTransactionsMax ?? this.#transactionsMax;
    this.transactionMsMax = limits.transactionMsMax ?? this.transactionMsMax;
    this.#state = 'open';
    this.#timer?.cancel();
    this.#watchSilence();
    this.#events.welcomed(this, welcome as Welcome);
    return true;
  }

  /** Looks twice as often as silence may last: the first look without a word asks, the second cuts. */
  #watchSilence(): void {
    this.#timer = this.#environment.clock.schedule(this.#settings.silenceMsMax / 2, () => {
      if (this.#hasHeard) this.#hasPinged = false;
      else if (this.#hasPinged) {
        return this.#end(`silent for ${this.#settings.silenceMsMax} ms`, { isCut: true });
      } else {
        this.#hasPinged = true;
        // Beyond what may be outstanding, too: that may be what is not answered.
        this.#sendTogether([new Notice('ping')]);
      }
      this.#hasHeard = false;
      this.#watchSilence();
    });
  }

  #end(problem: string, how: { readonly isCut?: boolean; readonly isOurFault?: boolean } = {}): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#drainCheck?.cancel();
    if (how.isCut) this.#socket.cut();
    const isOurFault = how.isOurFault ?? false;
    const waiting = this.#waiting;
    this.#waiting = [];
    const sent = this.#outstanding.all();
    this.#outstanding.clear();
    this.#events.closed(this, problem);
    this.#tellLost(sent, { wasSent: true, problem, isOurFault });
    this.#tellLost(waiting, { wasSent: false, problem, isOurFault });
    const sinks = [...this.#sinks.values()];
    this.#sinks.clear();
    for (const sink of sinks) sink.lost(problem);
  }

  #tellLost(requests: readonly Request[], loss: Loss): void {
    for (const request of requests) if (!request.isWithdrawn || loss.wasSent) request.lost(loss, this);
  }
}

/** A UTF-16 unit of a text frame has no more bytes than that; only a frame that may be too long is measured. */
const BYTES_PER_UNIT_MAX = 3;

const NONE: readonly Request[] = [];

const turnEnded = Promise.resolve();

/** A turn ends when its promises are settled: those of a function that has asked its last take a few rounds to its commit. */
const ROUNDS = 5;

/** Close codes by which a member says that it cannot read what it was sent. */
const FAULTS: ReadonlySet<number> = new Set([1002, 1003, 1007, 1009]);

/** A request whose answer does not matter. */
export class Notice implements Request {
  readonly message: Message;
  readonly isWithdrawn = false;

  constructor(op: string, args: object = {}) {
    this.message = { id: 0, op, ...args };
  }

  succeeded(): void {}
  refused(): void {}
  lost(): void {}
  tooLarge(): void {}
}

function problemOf(code: number | null, reason: string): string {
  const text = reason === '' ? (CLOSE_REASONS.get(code ?? 0) ?? 'it was cut') : reason;
  return code === null ? text : `${text} (${code})`;
}

const CLOSE_REASONS: ReadonlyMap<number, string> = new Map([
  [1000, 'closed'],
  [1001, 'the member is shutting down'],
  [1002, 'the member could not read a frame'],
  [1006, 'it was cut'],
  [1007, 'the member could not read a text frame'],
  [1009, 'a frame was longer than the member takes'],
  [1012, 'the member begins anew'],
]);
