/**
 * A stream of events that outlives connections: when its connection is lost, its member refuses, or its member ended it,
 * it is asked for again, from behind the last event received; what comes twice is dropped by its sequence number. A reader
 * that is slower than the events makes it unsubscribe once `eventsMax` rows are held, and resume when half are read.
 */
import { ConcertError, type ErrorAnswer } from '../concert-error.ts';
import type { Subscription } from '../types.ts';
import { backoffMs } from './backoff.ts';
import type { Message } from './check-message.ts';
import { type Connection, type EventSink, Notice, type PushedEvent } from './connection.ts';
import type { Context } from './context.ts';
import type { Ending } from './endings.ts';
import type { ScheduledCall } from './environment.ts';
import type { Seeker } from './line.ts';
import type { Member } from './member.ts';
import { connectionLost } from './own-errors.ts';
import type { Loss, Request } from './request.ts';

interface Held<E> {
  event: E;
  /** What the reader has been given everything up to, once it has this. */
  position: number;
  /** Rows in it, at least 1. */
  readonly weight: number;
}

interface Reader<E> {
  readonly resolve: (result: IteratorResult<E, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

export interface SubscriptionSetup {
  readonly stream: 'changes' | 'views' | 'conflicts';
  readonly table: string | undefined;
  /** A sequence number, or a time. */
  readonly from: number | string | undefined;
  /** Give `progress` to the reader, too. */
  readonly progress: boolean;
}

export class ResumingSubscription<E>
  implements Subscription<E>, AsyncIterator<E, undefined>, EventSink, Seeker, Ending
{
  readonly opensTransaction = false;
  avoided: Member | null = null;
  readonly #context: Context;
  readonly #setup: SubscriptionSetup;
  place = -1;
  readonly #held: Held<E>[] = [];
  #weight = 0;
  readonly #readers: Reader<E>[] = [];
  #position: number;
  /** Everything up to here was received; null: not started, and no sequence number was named. */
  #receivedUpTo: number | null;
  /** Where it is live. */
  #live: { readonly connection: Connection; readonly subscription: string | number } | null = null;
  /** Waits for its reader. */
  #isPaused = false;
  #isOver = false;
  #error: ConcertError | null = null;
  #failures = 0;
  #pause: ScheduledCall | null = null;
  #lastView = '';

  constructor(context: Context, setup: SubscriptionSetup) {
    this.#context = context;
    this.#setup = setup;
    const { from } = setup;
    this.#receivedUpTo = typeof from === 'number' ? from : null;
    this.#position = this.#receivedUpTo ?? 0;
    context.endings.add(this);
    context.pool.place(this);
  }

  get position(): number {
    return this.#position;
  }

  [Symbol.asyncIterator](): AsyncIterator<E, undefined> {
    return this;
  }

  next(): Promise<IteratorResult<E, undefined>> {
    const first = this.#held.shift();
    if (first !== undefined) {
      this.#weight -= first.weight;
      this.#position = first.position;
      if (this.#isPaused && this.#weight * 2 <= this.#context.settings.eventsMax) this.#resume();
      return Promise.resolve({ done: false, value: first.event });
    }
    if (this.#isOver) return this.#ended();
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** The reader leaves. */
  return(): Promise<IteratorResult<E, undefined>> {
    this.#held.length = 0;
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  close(): void {
    this.#unsubscribe();
    this.#finish(null);
  }

  clientClosed(): void {
    this.#finish(null);
  }

  // Seeking a connection, and asking there

  get hasGivenUp(): boolean {
    return this.#isOver;
  }

  placed(connection: Connection): void {
    const { stream, table, from } = this.#setup;
    const message: Message = { id: 0, op: 'subscribe', stream };
    if (table !== undefined) message.table = table;
    const begin = this.#receivedUpTo ?? from;
    if (stream === 'changes' && begin !== undefined) message.from = begin;
    connection.send(new SubscribeRequest(message, this));
  }

  notPlaced(): void {
    if (!this.#context.isClosing) this.#resumeLater(null);
  }

  subscribed(result: { subscription: string | number; sequenceNumber?: unknown }, connection: Connection): void {
    const { subscription, sequenceNumber } = result;
    if (this.#isOver) return connection.send(new Notice('unsubscribe', { subscription }));
    if (this.#receivedUpTo === null && this.#setup.stream === 'changes' && typeof sequenceNumber === 'number') {
      this.#receivedUpTo = sequenceNumber;
      this.#position = sequenceNumber;
    }
    this.#live = { connection, subscription };
    connection.listen(subscription, this);
  }

  refused(error: ConcertError, member: Member): void {
    if (this.#isOver) return;
    if (error.retry === 'elsewhere' || error.retry === 'transaction') this.#resumeLater(member);
    else this.#finish(error);
  }

  // What the member pushes

  pushed({ subscription: _subscription, ...event }: PushedEvent): void {
    switch (event.event) {
      case 'change':
        return this.#changed(event, event.sequenceNumber as number, (event.rows as readonly unknown[]).length);
      case 'schemaChange':
      case 'variableChange':
        return this.#changed(event, event.sequenceNumber as number, 1);
      case 'progress':
        return this.#progressed(event, event.upTo as number);
      case 'view': {
        const view = JSON.stringify([event.viewId, event.members]);
        if (view === this.#lastView) return;
        this.#lastView = view;
        return this.#received(event, { weight: 1, position: 0 });
      }
      case 'conflict':
        return this.#received(event, { weight: 1, position: 0 });
      case 'ended':
        return this.#endedByMember(event.resumeFrom);
    }
  }

  lost(): void {
    const member = this.#live?.connection.member ?? null;
    this.#live = null;
    this.#resumeLater(member);
  }

  #changed(event: object, sequenceNumber: number, rows: number): void {
    if (this.#receivedUpTo !== null && sequenceNumber <= this.#receivedUpTo) return;
    this.#receivedUpTo = sequenceNumber;
    this.#received(event, { weight: Math.max(1, rows), position: sequenceNumber });
  }

  #progressed(event: object, upTo: number): void {
    if (this.#receivedUpTo !== null && upTo <= this.#receivedUpTo) return;
    this.#receivedUpTo = upTo;
    this.#failures = 0;
    const last = this.#held.at(-1);
    if (!this.#setup.progress) {
      if (last === undefined) this.#position = upTo;
      else last.position = upTo;
    } else if (last !== undefined && (last.event as { event: string }).event === 'progress') {
      last.event = event as E;
      last.position = upTo;
    } else this.#received(event, { weight: 1, position: upTo });
  }

  #received(event: object, { weight, position }: { weight: number; position: number }): void {
    this.#failures = 0;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      this.#position = position;
      return reader.resolve({ done: false, value: event as E });
    }
    this.#held.push({ event: event as E, position, weight });
    this.#weight += weight;
    if (this.#weight < this.#context.settings.eventsMax || this.#live === null) return;
    this.#unsubscribe();
    this.#isPaused = true;
  }

  #endedByMember(resumeFrom: unknown): void {
    const live = this.#live;
    if (live === null) return;
    const { connection, subscription } = live;
    connection.stopListening(subscription);
    this.#live = null;
    if (typeof resumeFrom === 'number' && this.#setup.stream === 'changes') {
      this.#receivedUpTo = Math.max(this.#receivedUpTo ?? 0, resumeFrom);
    }
    if (this.#weight * 2 > this.#context.settings.eventsMax) this.#isPaused = true;
    else this.#resumeLater(connection.member);
  }

  #unsubscribe(): void {
    const live = this.#live;
    if (live === null) return;
    this.#live = null;
    const { connection, subscription } = live;
    connection.stopListening(subscription);
    if (connection.isOpen) connection.send(new Notice('unsubscribe', { subscription }));
  }

  #resume(): void {
    this.#isPaused = false;
    this.#context.pool.place(this);
  }

  /** After a jittered wait that doubles, but at once the first time if there is another member. */
  #resumeLater(member: Member | null): void {
    if (this.#isOver || this.#context.isClosing) return;
    this.avoided = member;
    const { pool, settings, environment } = this.#context;
    this.#failures++;
    if (this.#failures === 1 && member !== null && pool.hasOther(member)) return pool.place(this);
    const backoff = { firstMs: settings.reconnectMs, msMax: settings.reconnectMsMax };
    const waitMs = backoffMs(backoff, this.#failures, environment.random());
    const over = () => {
      this.#pause = null;
      pool.place(this);
    };
    this.#pause = this.#context.pause(waitMs, over, () => {});
  }

  // Its end

  #finish(error: ConcertError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#pause?.cancel();
    this.#context.endings.remove(this);
    for (const reader of this.#readers.splice(0)) void this.#ended().then(reader.resolve, reader.reject);
  }

  /** The error is given once; then there is nothing more. */
  #ended(): Promise<IteratorResult<E, undefined>> {
    const error = this.#error;
    this.#error = null;
    return error === null ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error);
  }
}

class SubscribeRequest implements Request {
  readonly message: Message;
  readonly #subscription: Pick<ResumingSubscription<unknown>, 'hasGivenUp' | 'subscribed' | 'refused'>;

  constructor(
    message: Message,
    subscription: Pick<ResumingSubscription<unknown>, 'hasGivenUp' | 'subscribed' | 'refused'>,
  ) {
    this.message = message;
    this.#subscription = subscription;
  }

  get isWithdrawn(): boolean {
    return this.#subscription.hasGivenUp;
  }

  succeeded(result: unknown, connection: Connection): void {
    this.#subscription.subscribed(result as { subscription: string | number }, connection);
  }

  refused(error: ErrorAnswer, { member }: Connection): void {
    if (error.retry === 'elsewhere') member.refusedToServe(error);
    this.#subscription.refused(new ConcertError(error), member);
  }

  lost(loss: Loss, { member }: Connection): void {
    this.#subscription.refused(connectionLost(member.url, loss.problem, 'elsewhere'), member);
  }

  /** Its few arguments fit every frame. */
  tooLarge(): void {}
}
