/** The subscriptions of one connection. */

import type { CommitTime } from '../../../../certifier/types.ts';
import type { SequenceNumber } from '../../../../gcs/base/index.ts';
import { historyPurged, invalidArgument, noSuchSubscription, notOnline, overloaded } from '../../errors.ts';
import { isTime, pastPlaceOf, shownTime } from '../../past-place.ts';
import type { Replica } from '../../replica.ts';
import { optionalTableNameOf } from '../../statements/arguments.ts';
import type { Message } from '../../statements/statement.ts';
import type { EngineContext } from '../session.ts';
import { ChangeSubscription } from './change-subscription.ts';
import { ConflictSubscription } from './conflict-subscription.ts';
import type { EndReason, Outlet, Stream, Subscription } from './subscription.ts';
import { ViewSubscription } from './view-subscription.ts';

const STREAMS: readonly unknown[] = ['changes', 'views', 'conflicts'] satisfies Stream[];
/** How long a client that has too many is asked to wait. */
const RETRY_MS = 100;

export class Subscriptions {
  readonly #engine: EngineContext;
  readonly #outlet: Outlet;
  readonly #open = new Map<string, Subscription>();
  #lastNumber = 0;

  constructor(engine: EngineContext, outlet: Outlet) {
    this.#engine = engine;
    this.#outlet = outlet;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Its first event comes in a later turn. Where `from` is a time, that is reached. @throws RequestError */
  open(message: Message): object {
    const { feed, counters, replica, limits } = this.#engine;
    if (this.#open.size >= limits.subscriptionsMax) {
      throw overloaded(RETRY_MS, `This connection has ${limits.subscriptionsMax} subscriptions, and may have no more`);
    }
    const name = `subscription-${this.#lastNumber + 1}`;
    const place = pastPlaceOf(message, 'from', this.#engine);
    const from = isTime(place) ? this.#placeAt(place) : place;
    const subscription = this.#make(name, message, from);
    this.#lastNumber++;
    this.#open.set(name, subscription);
    feed.add(subscription, (reason) => {
      if (reason === 'tooSlow') counters.slowSubscriptionsEnded++;
      this.#end(subscription, reason);
    });
    return { subscription: name, sequenceNumber: from ?? replica.appliedUpTo };
  }

  #placeAt(time: CommitTime): SequenceNumber {
    const { replica } = this.#engine;
    if (replica.state !== 'ONLINE') throw notOnline(replica.state);
    const from = replica.sequenceNumberAt(time);
    if (from === null) throw historyPurged(oldestOf(replica));
    return from;
  }

  /** It sends nothing more. @throws RequestError NO_SUCH_SUBSCRIPTION */
  close(message: Message): object {
    const { subscription: name } = message;
    if (typeof name !== 'string') throw invalidArgument('subscription', 'expected what `subscribe` answered');
    const subscription = this.#open.get(name);
    if (subscription === undefined) throw noSuchSubscription(name);
    this.#open.delete(name);
    this.#engine.feed.remove(subscription);
    return {};
  }

  endAll(reason: EndReason): void {
    for (const subscription of [...this.#open.values()]) {
      this.#engine.feed.remove(subscription);
      this.#end(subscription, reason);
    }
  }

  /** With the last event of any stream. */
  #end({ name, position }: Subscription, reason: EndReason): void {
    this.#open.delete(name);
    this.#outlet.send({
      event: 'ended',
      subscription: name,
      sequenceNumber: position,
      reason,
      resumeFrom: position,
    });
  }

  #make(name: string, message: Message, from: number | null): Subscription {
    const { replica } = this.#engine;
    const outlet = this.#outlet;
    const stream = message.stream as Stream;
    const table = optionalTableNameOf(message);
    if (!STREAMS.includes(stream)) throw invalidArgument('stream', `expected one of ${STREAMS.join(', ')}`);
    if (from !== null && stream !== 'changes') throw invalidArgument('from', `the stream ${stream} begins now`);
    switch (stream) {
      case 'views':
        if (table !== null) throw invalidArgument('table', 'the stream views is of the whole group');
        return new ViewSubscription({ name, replica, outlet });
      case 'conflicts':
        return new ConflictSubscription({ name, replica, outlet, table });
      case 'changes':
        if (replica.state !== 'ONLINE') throw notOnline(replica.state);
        if (from !== null && from < replica.heldFrom) throw historyPurged(oldestOf(replica));
        return new ChangeSubscription({
          name,
          engine: this.#engine,
          outlet,
          table,
          from: from ?? replica.appliedUpTo,
        });
    }
  }
}

function oldestOf({ heldFrom, heldFromTime }: Replica): { oldest: SequenceNumber; oldestTime: string | null } {
  return { oldest: heldFrom, oldestTime: shownTime(heldFromTime) };
}
