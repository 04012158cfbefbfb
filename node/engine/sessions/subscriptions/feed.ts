/**
 * All subscriptions of a member, moved on together: a turn after something happened, and again while one of them has
 * more to send. Those whose client has no room wait until it has. Without subscriptions nothing is done, and nothing
 * that happens is noticed here.
 */
import type { Clock } from '../../../../gcs/base/index.ts';
import type { Replica } from '../../replica.ts';
import type { EndReason, Subscription } from './subscription.ts';

export class Feed {
  readonly #replica: Replica;
  readonly #clock: Clock;
  /** Each with what to do when it has to end. */
  readonly #open = new Map<Subscription, (reason: EndReason) => void>();
  readonly #following = new Map<Subscription, { stop(): void }>();
  #watching: { stop(): void } | null = null;
  #isAwake = false;

  constructor(setup: { replica: Replica; clock: Clock }) {
    this.#replica = setup.replica;
    this.#clock = setup.clock;
  }

  get size(): number {
    return this.#open.size;
  }

  /** `mustEnd`: called at most once; the subscription is removed by then. */
  add(subscription: Subscription, mustEnd: (reason: EndReason) => void): void {
    this.#open.set(subscription, mustEnd);
    if (subscription.stream === 'changes') this.#following.set(subscription, this.#replica.followChanges());
    this.#watching ??= this.#replica.watch(() => this.wake());
    this.wake();
  }

  remove(subscription: Subscription): void {
    this.#open.delete(subscription);
    this.#following.get(subscription)?.stop();
    this.#following.delete(subscription);
    if (this.#open.size > 0) return;
    this.#watching?.stop();
    this.#watching = null;
  }

  /** Something happened that a subscription may have to tell. */
  wake(): void {
    if (this.#isAwake || this.#open.size === 0) return;
    this.#isAwake = true;
    this.#clock.schedule(0, () => {
      this.#isAwake = false;
      this.#advanceAll();
    });
  }

  #advanceAll(): void {
    let isMore = false;
    for (const [subscription, mustEnd] of [...this.#open]) {
      const advance = subscription.advance();
      if (advance === 'more') isMore = true;
      if (typeof advance === 'string') continue;
      this.remove(subscription);
      mustEnd(advance.mustEnd);
    }
    if (isMore) this.wake();
  }
}
