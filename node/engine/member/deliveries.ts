/** What the group delivers to a run of a member: it goes through the replicated state and is answered, within one turn if it is small. */
import { assert, type Clock, type SequenceNumber } from '../../../gcs/base/index.ts';
import type { Delivery, Group } from '../../../gcs/core/index.ts';
import type { MemberState } from '../replica.ts';
import type { AppliedWaiters } from './applied-waiters.ts';
import type { MemberCounters, SliceOptions } from './contract.ts';
import { OrderedWork, type Slices } from './ordered-work.ts';
import type { Outbox } from './outbox.ts';
import type { Fate, ReplicatedState } from './replicated-state.ts';
import type { TimeWaiters } from './time-waiters.ts';
import type { Watchers } from './watchers.ts';

export interface DeliveriesSetup {
  readonly clock: Clock;
  readonly options: SliceOptions;
  readonly counters: Pick<MemberCounters, 'localRolledBack'>;
  readonly group: Pick<Group, 'pauseDelivery'>;
  readonly outbox: Pick<Outbox<Fate>, 'delivered'>;
  readonly waiters: Pick<AppliedWaiters, 'applied'>;
  readonly timeWaiters: Pick<TimeWaiters, 'look'>;
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
  /** Since when something is worked on in slices; null: nothing is. */
  #busySinceMs: number | null = null;
  /** The last time that something was. */
  #lastBusy = { fromMs: 0, toMs: 0 };

  constructor(setup: DeliveriesSetup) {
    const { clock, events } = setup;
    this.#setup = setup;
    this.#order = new OrderedWork({
      clock,
      busyChanged: (isBusy) => {
        this.#noteBusy(isBusy);
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
    const takenMs = delivery.ticket === null ? 0 : this.#setup.clock.monotonicMs();
    this.#order.take(() => this.#begin(delivery, takenMs));
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

  /** `takenMs`: when it came, if it is an own one. */
  #begin(delivery: Delivery, takenMs: number): Slices | null {
    const { run, options } = this.#setup;
    const { running } = run;
    assert(running !== null, 'only a member that has rebuilt itself takes what is delivered');
    const before = running.store.appliedUpTo;
    if (delivery.payload.length > options.largeBytes) return this.#takeInSlices(delivery, takenMs, { running, before });
    this.#delivered(delivery, running.deliver(delivery), { running, before, takenMs });
    return null;
  }

  *#takeInSlices(
    delivery: Delivery,
    takenMs: number,
    { running, before }: { readonly running: ReplicatedState; readonly before: SequenceNumber },
  ): Slices {
    const fates = yield* running.deliverInSlices(delivery, this.#setup.options.items);
    this.#delivered(delivery, fates, { running, before, takenMs });
  }

  /** `before`: what was applied. */
  #delivered(
    delivery: Delivery,
    fates: readonly Fate[],
    {
      running,
      before,
      takenMs,
    }: { readonly running: ReplicatedState; readonly before: SequenceNumber; readonly takenMs: number },
  ): void {
    const { outbox, waiters, timeWaiters, watchers, counters } = this.#setup;
    if (delivery.ticket !== null) {
      counters.localRolledBack += fates.filter(isRolledBack).length;
      const { chosenMs } = delivery;
      const waitedMs = Math.max(0, takenMs - chosenMs - this.#queuedMs(chosenMs, takenMs));
      outbox.delivered(delivery.ticket, fates, { chosenMs, l0Ms: waitedMs + running.publicationMs });
    }
    const { store } = running;
    if (store.appliedUpTo > before) waiters.applied(store.appliedUpTo);
    timeWaiters.look();
    if (store.isOverloaded) this.setOverloaded(true);
    watchers.tell();
  }

  /** Of that time, how long something before it was being worked on, for which the group was asked to wait. */
  #queuedMs(fromMs: number, toMs: number): number {
    if (this.#busySinceMs !== null) return Math.max(0, toMs - Math.max(fromMs, this.#busySinceMs));
    const { fromMs: busyFromMs, toMs: busyToMs } = this.#lastBusy;
    return Math.max(0, Math.min(toMs, busyToMs) - Math.max(fromMs, busyFromMs));
  }

  #noteBusy(isBusy: boolean): void {
    const nowMs = this.#setup.clock.monotonicMs();
    if (!isBusy && this.#busySinceMs !== null) this.#lastBusy = { fromMs: this.#busySinceMs, toMs: nowMs };
    this.#busySinceMs = isBusy ? nowMs : null;
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
  return kind === 'conflict' || kind === 'snapshot-too-old' || kind === 'out-of-bounds';
}
