/**
 * The load that one generator makes: warm-up, then what is measured, then the answers still due.
 *
 * Closed loop: each slot starts a transaction when it is done with the last. Open loop: transactions start at the times
 * of their arrivals, whatever became of those before; one that finds no slot free waits, and its latency counts from
 * when it was to start, so that a stalled system cannot hide what it kept waiting (coordinated omission).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '../../gcs/base/index.ts';
import type { BenchError } from '../bench-error.ts';
import { LatencyHistogram } from '../latency-histogram.ts';
import type { LoadTransaction, Workload } from '../scenario.ts';
import { type AnswerError, wireOf } from '../wire.ts';
import { Arrivals } from './arrivals.ts';
import { type ConnectionEvents, LoadConnection } from './load-connection.ts';
import type { GeneratorShare, LoadPlan } from './load-plan.ts';
import { countOne, type LoadResult, noCounts } from './load-result.ts';
import type { Slot } from './slot.ts';

export interface LoadEvents {
  /** What happened in the last second, warm-up included. */
  second(report: SecondReport): void;
  /** The warm-up is over: from here it counts. */
  measuringBegan(): void;
  measuringEnded(): void;
}

export interface SecondReport {
  readonly isWarmup: boolean;
  readonly refused: number;
  /** Of what was committed. */
  readonly latency: LatencyHistogram;
  /** Open loop: what waits for a slot now. */
  readonly backlog: number;
  readonly missed: number;
}

/** How long answers are waited for after the end; what is still open then counts as unknown. */
const drainMsMax = 10_000;
const connectingAtOnceMax = 64;

export class Load implements ConnectionEvents {
  readonly #plan: LoadPlan;
  readonly #events: LoadEvents;
  readonly #connections: readonly LoadConnection[];
  readonly #arrivals: Arrivals | null;
  /** Open loop: slots that may be free, in the order in which they became so. */
  readonly #free = new Set<Slot>();
  /** Open loop: when those were to start that wait for a slot. Never longer than the plan's `backlogMax`. */
  readonly #backlog: number[] = [];
  readonly #latency = new LatencyHistogram();
  readonly #latencyByKind: Record<string, LatencyHistogram> = {};
  readonly #lateness = new LatencyHistogram();
  #phase: 'warm-up' | 'measuring' | 'draining' = 'warm-up';
  #measuredFromMs = Infinity;
  #measuredToMs = Infinity;
  #counts = noCounts();
  #busy = 0;
  readonly #over = new AbortController();
  #second = new Second();
  #drained: () => void = () => {};
  #fail: (error: BenchError) => void = () => {};
  readonly #failed = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });

  constructor(plan: LoadPlan, share: GeneratorShare, workload: Workload, events: LoadEvents) {
    this.#plan = plan;
    this.#events = events;
    this.#failed.catch(() => {});
    const random = new SeededRandom(plan.seed).split(`load generator ${share.generator}`);
    const { urls, format, connections, pipeline, attempts, openLoop } = plan;
    this.#arrivals = openLoop && new Arrivals({ ...openLoop, ...share }, random.split('arrivals'));
    const setup = { workload, attemptsMax: attempts, random: random.split('waits') };
    const mine = [];
    const firstOf = (generator: number) => Math.floor((generator * connections) / share.generators);
    for (let number = firstOf(share.generator); number < firstOf(share.generator + 1); number++) {
      const place = { urls, urlAt: number % urls.length, wire: wireOf(format), firstSlot: number * pipeline, pipeline };
      mine.push(new LoadConnection(place, this, setup));
    }
    this.#connections = mine;
  }

  /** @throws BenchError if no member can be reached. */
  async connect(): Promise<void> {
    for (let at = 0; at < this.#connections.length; at += connectingAtOnceMax) {
      const some = this.#connections.slice(at, at + connectingAtOnceMax);
      await Promise.all(some.map((connection) => connection.openSomewhere()));
    }
  }

  /** @throws BenchError for an answer that no load should get. */
  async run(): Promise<LoadResult> {
    try {
      return await Promise.race([this.#runToEnd(), this.#failed]);
    } finally {
      this.#over.abort();
      for (const connection of this.#connections) connection.close();
    }
  }

  async #runToEnd(): Promise<LoadResult> {
    for (const connection of this.#connections) connection.begin();
    if (this.#arrivals !== null) this.#startArrivals(this.#arrivals, performance.now());
    let seconds = setInterval(() => this.#secondPassed(), 1000);
    try {
      await this.#sleep(this.#plan.warmupSeconds * 1000);
      clearInterval(seconds);
      this.#beginMeasuring();
      seconds = setInterval(() => this.#secondPassed(), 1000);
      await this.#sleep(this.#plan.seconds * 1000);
    } finally {
      clearInterval(seconds);
    }
    this.#measuredToMs = performance.now();
    this.#phase = 'draining';
    this.#events.measuringEnded();
    await this.#drain();
    return {
      seconds: (this.#measuredToMs - this.#measuredFromMs) / 1000,
      counts: this.#counts,
      latency: this.#latency,
      latencyByKind: this.#latencyByKind,
      lateness: this.#lateness,
    };
  }

  #beginMeasuring(): void {
    this.#phase = 'measuring';
    this.#counts = noCounts();
    this.#second = new Second();
    this.#events.measuringBegan();
    this.#measuredFromMs = performance.now();
  }

  #secondPassed(): void {
    const { latency, refused, missed } = this.#second;
    this.#second = new Second();
    const isWarmup = this.#phase === 'warm-up';
    this.#events.second({ isWarmup, latency, refused, missed, backlog: this.#backlog.length });
  }

  async #drain(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    if (!this.#isDrained) await Promise.race([drained, this.#sleep(drainMsMax)]);
    for (const dueMs of this.#backlog.splice(0)) this.#missed(dueMs);
    const now = performance.now();
    for (const { slots } of this.#connections) for (const slot of slots) slot.giveUp(now);
  }

  /** @throws AbortError when the run is over. */
  #sleep(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#over.signal });
  }

  get #isDrained(): boolean {
    return this.#busy === 0 && this.#backlog.length === 0;
  }

  // Which transaction starts when

  idle(slot: Slot, nowMs: number): void {
    if (this.#phase === 'draining' && this.#isDrained) this.#drained();
    if (!slot.host.isAvailable) return;
    if (this.#arrivals === null) {
      if (this.#phase !== 'draining' && !this.#over.signal.aborted) this.#start(slot, nowMs, nowMs);
      return;
    }
    const dueMs = this.#backlog.shift();
    if (dueMs === undefined) this.#free.add(slot);
    else this.#start(slot, dueMs, nowMs);
  }

  #start(slot: Slot, dueMs: number, nowMs: number): void {
    this.#busy++;
    slot.start(dueMs, nowMs);
  }

  #startArrivals(arrivals: Arrivals, beganMs: number): void {
    let dueMs = beganMs + arrivals.next();
    const passed = () => {
      if (this.#phase === 'draining' || this.#over.signal.aborted) return;
      const now = performance.now();
      for (; dueMs <= now; dueMs = beganMs + arrivals.next()) this.#arrived(dueMs, now);
      setTimeout(passed, dueMs - now);
    };
    passed();
  }

  #arrived(dueMs: number, nowMs: number): void {
    if (this.#isMeasured(dueMs)) this.#lateness.record(nowMs - dueMs);
    for (const slot of this.#free) {
      this.#free.delete(slot);
      // Its connection may have been lost meanwhile; it is offered again when there is another.
      if (slot.host.isAvailable && slot.isIdle) {
        this.#start(slot, dueMs, nowMs);
        return;
      }
    }
    if (this.#backlog.length < this.#plan.openLoop!.backlogMax) this.#backlog.push(dueMs);
    else this.#missed(dueMs);
  }

  #missed(dueMs: number): void {
    this.#second.missed++;
    if (this.#isMeasured(dueMs)) this.#counts.missed++;
  }

  #isMeasured(timeMs: number): boolean {
    return timeMs >= this.#measuredFromMs && timeMs < this.#measuredToMs;
  }

  // What became of it

  committed({ kind }: LoadTransaction, startedAtMs: number, nowMs: number, executions: unknown): void {
    const latencyMs = nowMs - startedAtMs;
    this.#busy--;
    this.#second.latency.record(latencyMs);
    if (this.#isMeasured(startedAtMs)) {
      this.#latency.record(latencyMs);
      this.#latencyByKind[kind] ??= new LatencyHistogram();
      this.#latencyByKind[kind].record(latencyMs);
    }
    if (this.#phase !== 'measuring') return;
    const counts = this.#counts;
    counts.committed++;
    countOne(counts.committedByKind, kind);
    if (typeof executions === 'number') counts.reexecuted += executions - 1;
  }

  declined(): void {
    this.#busy--;
    if (this.#phase === 'measuring') this.#counts.declined++;
  }

  refused({ code, winner }: AnswerError, slot: Slot): void {
    this.#second.refused++;
    if (this.#phase !== 'measuring') return;
    const counts = this.#counts;
    counts.aborted++;
    countOne(counts.refusals, code);
    if (winner === undefined) return;
    const loser = (slot.host as LoadConnection).memberId;
    counts.lostTo[loser] ??= {};
    countOne(counts.lostTo[loser], winner.member);
  }

  gaveUp(): void {
    this.#busy--;
    if (this.#phase !== 'warm-up') this.#counts.gaveUp++;
  }

  outcomeUnknown(): void {
    this.#busy--;
    this.#counts.unknownOutcomes++;
  }

  connectionLost(): void {
    this.#counts.connectionsLost++;
  }

  failed(error: BenchError): void {
    this.#fail(error);
  }
}

class Second {
  readonly latency = new LatencyHistogram();
  refused = 0;
  missed = 0;
}
