/** What the group delivers to a run of a member: it goes through the replicated state and is answered, within one turn if it is small. */
import { assert, type Clock, type SequenceNumber } from '../../../gcs/base/index.ts';
import type { Delivery, Group } from '../../../gcs/core/index.ts';
import type { MemberState } from '../replica.ts';
import type { AppliedWaiters } from './applied-waiters.ts';
import type { MemberCounters, SliceOptions } from './contract.ts';
import { OrderedWork, type Slices } from './ordered-work.ts';
import type { Outbox } from './outbox.ts';
import type { Fate, ReplicatedState } from './replicated-state.ts';
import type { Watchers } from './watchers.ts';

export interface DeliveriesSetup {
  readonly clock: Clock;
  readonly options: SliceOptions;
  readonly counters: Pick<MemberCounters, 'localRolledBack'>;
  readonly group: Pick<Group, 'pauseDelivery'>;
  readonly outbox: Pick<Outbox<Fate>, 'delivered'>;
  readonly waiters: Pick<AppliedWaiters, 'applied'>;
  readonly watchers: Pick<Watchers, 'tell'>;
  /** As it is at the moment. */
  readonly run: { readonly running: ReplicatedState | null; readonly state: MemberState };
  readonly events: {
    /** All that has come is done. */
    idle(): void;
    /** Runs what a later turn does, and takes care of what it throws. */
    guard(work: () => void): void;
  };
}

export class Deliveries {
  readonly #setup: DeliveriesSetup;
  readonly #order: OrderedWork;
  /** The lanes are behind. */
  #isOverloaded = false;
  #isPaused = false;

  constructor(setup: DeliveriesSetup) {
    const { clock, events } = setup;
    this.#setup = setup;
    this.#order = new OrderedWork({
      clock,
      busyChanged: (isBusy) => {
        this.#pause();
        if (!isBusy) events.idle();
      },
      guard: events.guard,
    });
  }

  /** Something has come that is not done. */
  get isBusy(): boolean {
    return this.#order.isBusy;
  }

  take(delivery: Delivery): void {
    this.#order.take(() => this.#begin(delivery));
  }

  /** Does `work` behind what was delivered before: now, or in a later turn. */
  takeBehind(work: () => void): void {
    this.#order.take(() => {
      work();
      return null;
    });
  }

  /** Nothing is to come while the lanes are behind. */
  setOverloaded(isOverloaded: boolean): void {
    this.#isOverloaded = isOverloaded;
    this.#pause();
  }

  /** What is under way is left as it is, and nothing is taken any more. */
  stop(): void {
    this.#order.stop();
  }

  #begin(delivery: Delivery): Slices | null {
    const { run, options } = this.#setup;
    const { running } = run;
    assert(running !== null, 'only a member that has rebuilt itself takes what is delivered');
    const before = running.store.appliedUpTo;
    if (delivery.payload.length > options.largeBytes) return this.#takeInSlices(delivery, running, before);
    this.#delivered(delivery, running.deliver(delivery), { running, before });
    return null;
  }

  *#takeInSlices(delivery: Delivery, running: ReplicatedState, before: SequenceNumber): Slices {
    const fates = yield* running.deliverInSlices(delivery, this.#setup.options.items);
    this.#delivered(delivery, fates, { running, before });
  }

  /** `before`: what was applied. */
  #delivered(
    delivery: Delivery,
    fates: readonly Fate[],
    { running, before }: { readonly running: ReplicatedState; readonly before: SequenceNumber },
  ): void {
    const { outbox, waiters, watchers, counters } = this.#setup;
    if (delivery.ticket !== null) {
      counters.localRolledBack += fates.filter(isRolledBack).length;
      outbox.delivered(delivery.ticket, fates);
    }
    const { store } = running;
    if (store.appliedUpTo > before) waiters.applied(store.appliedUpTo);
    if (store.isOverloaded) this.setOverloaded(true);
    watchers.tell();
  }

  #pause(): void {
    const { group, run } = this.#setup;
    const isPaused = this.#isOverloaded || this.#order.isBusy;
    if (isPaused === this.#isPaused || run.state === 'ERROR') return;
    this.#isPaused = isPaused;
    group.pauseDelivery(isPaused);
  }
}

function isRolledBack({ kind }: Fate): boolean {
  return kind === 'conflict' || kind === 'snapshot-too-old';
}
