/**
 * What this member has handed, or is about to hand, to the group. Messages that become ready in one turn of the event
 * loop, or while earlier batches are in flight, travel as one batch; where many are under way, a batch waits a moment for
 * more (`tuning/batch-tuner.ts`). Each is answered exactly once: with its fate, with a refusal while it has not left, or as
 * unknown when its deadline passes after that.
 *
 * A large message is a batch of its own and travels beside the others, one at a time, so that they do not wait for it.
 * It is made ready in slices, and only when it is its turn: of those that wait nothing is encoded yet.
 */
import { encodeBatch } from '../../../certifier/index.ts';
import type { Clock, ScheduledCall } from '../../../gcs/base/index.ts';
import { assert } from '../../../gcs/base/index.ts';
import { zeroTimes } from '../replica.ts';
import { BatchTuner, type BatchTunerCounters, type BatchTunerOptions } from './tuning/batch-tuner.ts';

/** The way out: `Group`, as far as it is needed here. */
export interface Broadcaster {
  canBroadcast(): boolean;
  /** Returns a ticket: what the message is known by at its delivery. */
  broadcast(payload: Uint8Array): number;
}

export interface OutboxOptions {
  /** Batches of this member that are on their way at one time. */
  readonly inFlightMax: number;
  /** A batch takes no further message beyond this. */
  readonly batchBytesMax: number;
  /** With so many queued, messages are refused as overload; large ones are counted on their own. */
  readonly queuedBytesMax: number;
  /** A message that could not leave for so long, for want of a quorum, is refused. */
  readonly noQuorumWaitMs: number;
  readonly tuning: BatchTunerOptions;
}

export interface OutboxCounters extends BatchTunerCounters {
  batchesProposed: number;
}

/** One who waits for the fate of a message. */
interface Waiting<Fate> {
  /** Of the message, at least about. */
  readonly bytes: number;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly queuedMs: number;
  /** Null once answered. */
  answer: Answer<Fate> | null;
}

export type Answer<Fate> = (fate: Fate | 'unknown' | NotLeft) => void;

/** Why a message that has not left is refused. `overloaded`: until its deadline others had their turn. */
export type NotLeft = 'no-quorum' | 'disk-full' | 'overloaded' | 'shutting-down';

interface Pending<Fate> extends Waiting<Fate> {
  readonly encoded: Uint8Array;
}

interface PendingLarge<Fate> extends Waiting<Fate> {
  readonly prepare: () => Preparation<Fate>;
}

/** Makes a large message ready, a slice at each call: null until it is, or until it is lost before it has left. */
export type Preparation<Fate> = () =>
  | null
  /** Whole, as a batch of one. */
  | { readonly kind: 'ready'; readonly batch: Uint8Array }
  | { readonly kind: 'lost'; readonly fate: Fate };

/** A batch on its way. */
interface Flight<Fate> {
  readonly batch: readonly Waiting<Fate>[];
  /** When it was handed to the group. Monotonic. */
  readonly leftMs: number;
}

export class Outbox<Fate> {
  /** Of the message whose answer is called now, as far as it left; else zeros. */
  readonly times = zeroTimes();
  readonly #broadcaster: Broadcaster;
  readonly #clock: Clock;
  readonly #options: OutboxOptions;
  #queue: Pending<Fate>[] = [];
  #queuedBytes = 0;
  #large: PendingLarge<Fate>[] = [];
  #largeBytes = 0;
  /** What the first of the large ones has come to. */
  #preparation: Preparation<Fate> | null = null;
  #ready: Uint8Array | null = null;
  #largeTicket: number | null = null;
  /** By ticket. The large one under way is among them. */
  readonly #inFlight = new Map<number, Flight<Fate>>();
  /** `atMs`: monotonic. */
  #flushCall: { readonly atMs: number; readonly call: ScheduledCall } | null = null;
  readonly #tuner: BatchTuner;

  readonly #counters: OutboxCounters;

  constructor(setup: {
    readonly broadcaster: Broadcaster;
    readonly clock: Clock;
    readonly options: OutboxOptions;
    readonly counters: OutboxCounters;
  }) {
    this.#broadcaster = setup.broadcaster;
    this.#clock = setup.clock;
    this.#options = setup.options;
    this.#counters = setup.counters;
    this.#tuner = new BatchTuner(setup.options.tuning, setup.counters);
  }

  /** How long batches wait for company. */
  get tuning(): Pick<BatchTuner, 'delayMs' | 'companyMax'> {
    return this.#tuner;
  }

  get isFull(): boolean {
    return this.#queuedBytes >= this.#options.queuedBytesMax;
  }

  /** Whether no large message is taken; one is, if none waits. */
  get isFullForLarge(): boolean {
    return this.#largeBytes >= this.#options.queuedBytesMax;
  }

  /** Messages queued or in flight that nobody has answered yet. */
  get waiting(): number {
    let count = this.#queue.length + this.#large.length;
    for (const { batch } of this.#inFlight.values()) for (const pending of batch) if (pending.answer !== null) count++;
    return count;
  }

  add(encoded: Uint8Array, deadlineMs: number, answer: Answer<Fate>): void {
    const bytes = encoded.length;
    this.#queue.push({ encoded, bytes, deadlineMs, queuedMs: this.#clock.monotonicMs(), answer });
    this.#queuedBytes += bytes;
    this.#tuner.added();
    this.#flushSoon();
  }

  /** `prepare` is called when the message's turn has come. `bytes`: its length, at least about. */
  addLarge(
    { bytes, prepare }: { readonly bytes: number; readonly prepare: () => Preparation<Fate> },
    deadlineMs: number,
    answer: Answer<Fate>,
  ): void {
    this.#large.push({ prepare, bytes, deadlineMs, queuedMs: this.#clock.monotonicMs(), answer });
    this.#largeBytes += bytes;
    this.#flushSoon();
  }

  /** The fates of a batch of ours, in its order. `chosenMs`: when this member knew that it was chosen, monotonic; `l0Ms`: what its disk and versions took. */
  delivered(
    ticket: number,
    fates: readonly Fate[],
    passed: { readonly chosenMs: number; readonly l0Ms: number },
  ): void {
    const flight = this.#inFlight.get(ticket);
    assert(flight !== undefined && flight.batch.length === fates.length, 'a delivered batch of ours was in flight');
    const { batch, leftMs } = flight;
    this.#inFlight.delete(ticket);
    if (ticket === this.#largeTicket) this.#largeTicket = null;
    this.#took(Math.max(0, passed.chosenMs - leftMs), passed.l0Ms);
    for (let i = 0; i < batch.length; i++) answerTo(batch[i]!, fates[i]!);
    this.#took(0, 0);
    this.#flushSoon();
  }

  /** Answers what has waited too long. Called now and then; also tries to send, should there be room again. */
  sweep(hasQuorum: boolean): void {
    const now = this.#clock.monotonicMs();
    this.#tuner.look(now, this.waiting);
    this.#answerUnknown(({ deadlineMs }) => deadlineMs <= now);
    const queuedBefore = hasQuorum ? Number.NEGATIVE_INFINITY : now - this.#options.noQuorumWaitMs;
    const isLate = ({ queuedMs, deadlineMs }: Waiting<Fate>): boolean => queuedMs <= queuedBefore || deadlineMs <= now;
    this.#refuse(isLate, hasQuorum ? 'overloaded' : 'no-quorum');
    this.#flushSoon();
  }

  /** Refuses what has not left. */
  refuseQueued(why: NotLeft): void {
    this.#refuse(() => true, why);
  }

  shutDown(): void {
    this.refuseQueued('shutting-down');
  }

  /** Whoever still waits learns that the fate is unknown. */
  abandon(): void {
    this.shutDown();
    this.#answerUnknown(() => true);
  }

  /** Of what is on its way. */
  #answerUnknown(applies: (waiting: Waiting<Fate>) => boolean): void {
    const now = this.#clock.monotonicMs();
    for (const { batch, leftMs } of this.#inFlight.values()) {
      this.#took(now - leftMs, 0);
      for (const pending of batch) if (applies(pending)) answerTo(pending, 'unknown');
    }
    this.#took(0, 0);
  }

  #took(l2Ms: number, l0Ms: number): void {
    this.times.l2Ms = l2Ms;
    this.times.l0Ms = l0Ms;
  }

  #flushSoon(): void {
    if (this.#large.length > 0) return this.#flushIn(0);
    const first = this.#queue[0];
    if (first === undefined) return;
    const { delayMs, companyMax } = this.#tuner;
    if (delayMs === 0 || this.#queue.length >= companyMax) return this.#flushIn(0);
    this.#flushIn(Math.max(0, first.queuedMs + delayMs - this.#clock.monotonicMs()));
  }

  /** Not later than that. */
  #flushIn(delayMs: number): void {
    const atMs = this.#clock.monotonicMs() + delayMs;
    if (this.#flushCall !== null) {
      if (this.#flushCall.atMs <= atMs) return;
      this.#flushCall.call.cancel();
    }
    const call = this.#clock.schedule(delayMs, () => {
      this.#flushCall = null;
      this.#flush();
      this.#flushLarge();
    });
    this.#flushCall = { atMs, call };
  }

  #flush(): void {
    const { inFlightMax, batchBytesMax } = this.#options;
    while (this.#queue.length > 0 && this.#batchesInFlight < inFlightMax && this.#broadcaster.canBroadcast()) {
      let bytes = 0;
      let count = 0;
      while (count < this.#queue.length && (count === 0 || bytes + this.#queue[count]!.bytes <= batchBytesMax)) {
        bytes += this.#queue[count++]!.bytes;
      }
      const batch = this.#queue.slice(0, count);
      this.#queue = this.#queue.slice(count);
      this.#queuedBytes -= bytes;
      const payload = encodeBatch(batch.map((pending) => pending.encoded));
      const leftMs = this.#clock.monotonicMs();
      this.#inFlight.set(this.#broadcaster.broadcast(payload), { batch, leftMs });
      this.#counters.batchesProposed++;
    }
  }

  get #batchesInFlight(): number {
    return this.#inFlight.size - (this.#largeTicket === null ? 0 : 1);
  }

  /** Takes the first of the large ones a slice further. */
  #flushLarge(): void {
    const first = this.#large[0];
    if (first === undefined || this.#largeTicket !== null || !this.#broadcaster.canBroadcast()) return;
    if (this.#ready === null) {
      this.#preparation ??= first.prepare();
      const prepared = this.#preparation();
      if (prepared?.kind === 'ready') this.#ready = prepared.batch;
      else {
        if (prepared?.kind === 'lost') {
          this.#dropFirstLarge();
          answerTo(first, prepared.fate);
        }
        this.#flushSoon();
        return;
      }
    }
    const batch = this.#ready;
    this.#dropFirstLarge();
    const leftMs = this.#clock.monotonicMs();
    this.#largeTicket = this.#broadcaster.broadcast(batch);
    this.#inFlight.set(this.#largeTicket, { batch: [first], leftMs });
    this.#counters.batchesProposed++;
  }

  #dropFirstLarge(): void {
    this.#largeBytes -= this.#large.shift()!.bytes;
    this.#preparation = null;
    this.#ready = null;
  }

  #refuse(applies: (waiting: Waiting<Fate>) => boolean, fate: NotLeft): void {
    if (this.#queue.some(applies)) {
      const kept: Pending<Fate>[] = [];
      for (const pending of this.#queue) {
        if (applies(pending)) {
          this.#queuedBytes -= pending.bytes;
          answerTo(pending, fate);
        } else kept.push(pending);
      }
      this.#queue = kept;
    }
    for (let i = this.#large.length - 1; i >= 0; i--) {
      const pending = this.#large[i]!;
      if (!applies(pending)) continue;
      if (i === 0) this.#dropFirstLarge();
      else this.#largeBytes -= this.#large.splice(i, 1)[0]!.bytes;
      answerTo(pending, fate);
    }
  }
}

function answerTo<Fate>(waiting: Waiting<Fate>, fate: Parameters<Answer<Fate>>[0]): void {
  const { answer } = waiting;
  waiting.answer = null;
  answer?.(fate);
}
