/**
 * What this member has handed, or is about to hand, to the group. Messages that become ready in one turn of the event
 * loop, or while earlier batches are in flight, travel as one batch. Each is answered exactly once: with its fate, with
 * a refusal while it has not left, or as unknown when its deadline passes after that.
 */
import { encodeBatch } from '../../../certifier/index.ts';
import type { Clock, MessageNumber } from '../../../gcs/base/index.ts';
import { assert } from '../../../gcs/base/index.ts';

/** The way out: `Group`, as far as it is needed here. */
export interface Broadcaster {
  canBroadcast(): boolean;
  broadcast(payload: Uint8Array): MessageNumber;
}

export interface OutboxOptions {
  /** Batches of this member that are on their way at one time. */
  readonly inFlightMax: number;
  /** A batch takes no further message beyond this. */
  readonly batchBytesMax: number;
  /** Beyond this, messages are refused as overload. */
  readonly queuedBytesMax: number;
  /** A message that could not leave for so long, for want of a quorum, is refused. */
  readonly noQuorumWaitMs: number;
}

/** One message and the one who waits for its fate. */
export interface Pending<Fate> {
  readonly encoded: Uint8Array;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly queuedMs: number;
  /** Null once answered. */
  answer: ((fate: Fate | 'unknown' | 'no-quorum' | 'shutting-down') => void) | null;
}

export class Outbox<Fate> {
  readonly #broadcaster: Broadcaster;
  readonly #clock: Clock;
  readonly #options: OutboxOptions;
  #queue: Pending<Fate>[] = [];
  #queuedBytes = 0;
  readonly #inFlight = new Map<MessageNumber, readonly Pending<Fate>[]>();
  #isFlushScheduled = false;

  constructor(setup: { broadcaster: Broadcaster; clock: Clock; options: OutboxOptions }) {
    this.#broadcaster = setup.broadcaster;
    this.#clock = setup.clock;
    this.#options = setup.options;
  }

  get isFull(): boolean {
    return this.#queuedBytes >= this.#options.queuedBytesMax;
  }

  /** Messages queued or in flight that nobody has answered yet. */
  get waiting(): number {
    let count = this.#queue.length;
    for (const batch of this.#inFlight.values()) for (const pending of batch) if (pending.answer !== null) count++;
    return count;
  }

  add(encoded: Uint8Array, deadlineMs: number, answer: NonNullable<Pending<Fate>['answer']>): void {
    this.#queue.push({ encoded, deadlineMs, queuedMs: this.#clock.monotonicMs(), answer });
    this.#queuedBytes += encoded.length;
    this.#scheduleFlush();
  }

  /** The fates of a batch of ours, in its order. */
  delivered(messageNumber: MessageNumber, fates: readonly Fate[]): void {
    const batch = this.#inFlight.get(messageNumber);
    assert(batch !== undefined && batch.length === fates.length, 'a delivered batch of ours was in flight');
    this.#inFlight.delete(messageNumber);
    for (let i = 0; i < batch.length; i++) this.#answer(batch[i]!, fates[i]!);
    if (this.#queue.length > 0) this.#scheduleFlush();
  }

  /** Answers what has waited too long. Called now and then; also tries to send, should there be room again. */
  sweep(hasQuorum: boolean): void {
    const now = this.#clock.monotonicMs();
    for (const batch of this.#inFlight.values()) {
      for (const pending of batch) if (pending.deadlineMs <= now) this.#answer(pending, 'unknown');
    }
    if (!hasQuorum) {
      const queuedBefore = now - this.#options.noQuorumWaitMs;
      this.#refuse((pending) => pending.queuedMs <= queuedBefore || pending.deadlineMs <= now, 'no-quorum');
    } else this.#refuse((pending) => pending.deadlineMs <= now, 'no-quorum');
    if (this.#queue.length > 0) this.#scheduleFlush();
  }

  /** Refuses what has not left. */
  shutDown(): void {
    this.#refuse(() => true, 'shutting-down');
  }

  /** Whoever still waits learns that the fate is unknown. */
  abandon(): void {
    this.shutDown();
    for (const batch of this.#inFlight.values()) for (const pending of batch) this.#answer(pending, 'unknown');
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#clock.schedule(0, () => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const { inFlightMax, batchBytesMax } = this.#options;
    while (this.#queue.length > 0 && this.#inFlight.size < inFlightMax && this.#broadcaster.canBroadcast()) {
      let bytes = 0;
      let count = 0;
      while (
        count < this.#queue.length &&
        (count === 0 || bytes + this.#queue[count]!.encoded.length <= batchBytesMax)
      ) {
        bytes += this.#queue[count++]!.encoded.length;
      }
      const batch = this.#queue.slice(0, count);
      this.#queue = this.#queue.slice(count);
      this.#queuedBytes -= bytes;
      const messageNumber = this.#broadcaster.broadcast(encodeBatch(batch.map((pending) => pending.encoded)));
      this.#inFlight.set(messageNumber, batch);
    }
  }

  #refuse(applies: (pending: Pending<Fate>) => boolean, fate: 'no-quorum' | 'shutting-down'): void {
    if (!this.#queue.some(applies)) return;
    const kept: Pending<Fate>[] = [];
    for (const pending of this.#queue) {
      if (applies(pending)) {
        this.#queuedBytes -= pending.encoded.length;
        this.#answer(pending, fate);
      } else kept.push(pending);
    }
    this.#queue = kept;
  }

  #answer(pending: Pending<Fate>, fate: Parameters<NonNullable<Pending<Fate>['answer']>>[0]): void {
    const { answer } = pending;
    pending.answer = null;
    answer?.(fate);
  }
}
