/**
 * The load in closed loop: each connection keeps `pipeline` requests outstanding, and an answer makes room for the
 * next. What one frame of answers makes room for leaves as one frame.
 */
import type WebSocket from 'ws';
import { BenchError } from './bench-error.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { Workload } from './scenario.ts';
import { type Answer, type AnswerError, type Format, openConnection, type Wire, wireOf } from './wire.ts';

export interface LoadPlan {
  /** Connections go round them. */
  readonly urls: readonly string[];
  readonly format: Format;
  readonly connections: number;
  readonly pipeline: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export interface LoadEvents {
  /** What happened in the last second, warm-up included. */
  second(report: SecondReport): void;
  /** The warm-up is over: from here it counts. */
  measuringBegan(): void;
  measuringEnded(): void;
}

export interface SecondReport {
  readonly isWarmup: boolean;
  readonly committed: number;
  readonly refused: number;
  readonly p99Ms: number;
}

/** All of the time measured, without the warm-up. */
export interface LoadResult {
  readonly seconds: number;
  readonly committed: number;
  /** Attempts that were refused, as the client sees them: certainly not committed. */
  readonly aborted: number;
  /** How many of them with which code. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Attempts that the member made again on its own, where its answers say so. */
  readonly reexecuted: number;
  /** Those of the last answers, after the end, too. */
  readonly unknownOutcomes: number;
  readonly connectionsLost: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
}

/** How long answers are waited for after the end; what is still open then counts as unknown. */
const drainMsMax = 10_000;
const reconnectMs = 250;

export class Load {
  readonly #plan: LoadPlan;
  readonly #workload: Workload;
  readonly #events: LoadEvents;
  readonly #connections: LoadConnection[] = [];
  readonly #latency = new LatencyHistogram();
  readonly #latencyOfSecond = new LatencyHistogram();
  #tally = new Tally();
  #refusedInSecond = 0;
  #isWarmup = true;
  #isRunning = false;
  #outstanding = 0;
  #drained: () => void = () => {};
  #fail: (error: unknown) => void = () => {};

  constructor(plan: LoadPlan, workload: Workload, events: LoadEvents) {
    this.#plan = plan;
    this.#workload = workload;
    this.#events = events;
  }

  /** @throws BenchError if a connection cannot be opened, or an answer is one that no load should get. */
  async run(): Promise<LoadResult> {
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    failed.catch(() => {});
    const stopped = this.#runToEnd();
    try {
      return await Promise.race([stopped, failed]);
    } finally {
      this.#isRunning = false;
      for (const connection of this.#connections) connection.close();
    }
  }

  async #runToEnd(): Promise<LoadResult> {
    await this.#connect();
    this.#isRunning = true;
    for (const connection of this.#connections) connection.begin();
    let seconds = setInterval(() => this.#secondPassed(), 1000);
    try {
      await this.#wait(this.#plan.warmupSeconds * 1000);
      clearInterval(seconds);
      seconds = setInterval(() => this.#secondPassed(), 1000);
      const from = this.#beginMeasuring();
      await this.#wait(this.#plan.seconds * 1000);
      const elapsedMs = performance.now() - from;
      this.#isRunning = false;
      this.#latency.add(this.#latencyOfSecond);
      this.#events.measuringEnded();
      await this.#drain();
      return this.#result(elapsedMs / 1000);
    } finally {
      clearInterval(seconds);
    }
  }

  async #connect(): Promise<void> {
    const { urls, format, connections, pipeline } = this.#plan;
    for (let i = 0; i < connections; i++) {
      this.#connections.push(
        new LoadConnection({
          urls,
          urlAt: i % urls.length,
          wire: wireOf(format),
          pipeline,
          firstSlot: i * pipeline,
          workload: this.#workload,
          events: this,
        }),
      );
    }
    for (let at = 0; at < connections; at += 64) {
      await Promise.all(this.#connections.slice(at, at + 64).map((connection) => connection.open()));
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  #beginMeasuring(): number {
    this.#isWarmup = false;
    this.#tally = new Tally();
    this.#latencyOfSecond.clear();
    this.#refusedInSecond = 0;
    this.#events.measuringBegan();
    return performance.now();
  }

  #secondPassed(): void {
    if (!this.#isRunning) return;
    const latency = this.#latencyOfSecond;
    this.#events.second({
      isWarmup: this.#isWarmup,
      committed: latency.count,
      refused: this.#refusedInSecond,
      p99Ms: latency.quantileMs(0.99),
    });
    if (!this.#isWarmup) this.#latency.add(latency);
    latency.clear();
    this.#refusedInSecond = 0;
  }

  #result(seconds: number): LoadResult {
    const latency = this.#latency;
    return {
      seconds,
      committed: latency.count,
      ...this.#tally,
      latencyMs: {
        p50: latency.quantileMs(0.5),
        p95: latency.quantileMs(0.95),
        p99: latency.quantileMs(0.99),
        max: latency.maxMs,
      },
    };
  }

  async #drain(): Promise<void> {
    if (this.#outstanding > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, drainMsMax);
        this.#drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    for (const connection of this.#connections) connection.giveUp();
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  sent(requests: number): void {
    this.#outstanding += requests;
  }

  settled(): void {
    this.#outstanding--;
    if (this.#outstanding === 0 && !this.#isRunning) this.#drained();
  }

  committed(latencyMs: number, attempts: unknown): void {
    if (!this.#isRunning) return;
    this.#latencyOfSecond.record(latencyMs);
    if (typeof attempts === 'number') this.#tally.reexecuted += attempts - 1;
  }

  refused(code: string): void {
    if (!this.#isRunning) return;
    const tally = this.#tally;
    tally.aborted++;
    tally.refusals[code] = (tally.refusals[code] ?? 0) + 1;
    this.#refusedInSecond++;
  }

  outcomeUnknown(): void {
    this.#tally.unknownOutcomes++;
  }

  connectionLost(): void {
    this.#tally.connectionsLost++;
  }

  failed(message: string): void {
    this.#fail(new BenchError({ code: 'LOAD', message }));
  }
}

class Tally {
  aborted = 0;
  readonly refusals: Record<string, number> = {};
  reexecuted = 0;
  unknownOutcomes = 0;
  connectionsLost = 0;
}

/** What a connection tells the load. */
interface ConnectionEvents {
  readonly isRunning: boolean;
  sent(requests: number): void;
  /** An outstanding request is outstanding no more, whatever became of it. */
  settled(): void;
  committed(latencyMs: number, attempts: unknown): void;
  refused(code: string): void;
  outcomeUnknown(): void;
  connectionLost(): void;
  failed(message: string): void;
}

class LoadConnection {
  readonly #urls: readonly string[];
  readonly #wire: Wire;
  readonly #workload: Workload;
  readonly #events: ConnectionEvents;
  readonly #firstSlot: number;
  /** Per slot of this connection: when its request was sent; 0 if none is outstanding. */
  readonly #sentAt: Float64Array;
  #urlAt: number;
  #socket: WebSocket | null = null;
  #isClosed = false;

  constructor(setup: {
    urls: readonly string[];
    urlAt: number;
    wire: Wire;
    pipeline: number;
    firstSlot: number;
    workload: Workload;
    events: ConnectionEvents;
  }) {
    this.#urls = setup.urls;
    this.#urlAt = setup.urlAt;
    this.#wire = setup.wire;
    this.#workload = setup.workload;
    this.#events = setup.events;
    this.#firstSlot = setup.firstSlot;
    this.#sentAt = new Float64Array(setup.pipeline);
  }

  async open(): Promise<void> {
    const { socket } = await openConnection(this.#urls[this.#urlAt]!, this.#wire, (message) => this.#received(message));
    if (this.#isClosed) {
      socket.close();
      return;
    }
    this.#socket = socket;
    socket.on('close', () => this.#lost());
    if (socket.readyState !== socket.OPEN) this.#lost();
  }

  /** Sends the first requests of all slots. */
  begin(): void {
    if (this.#socket === null) {
      this.#reconnectLater();
      return;
    }
    const requests = [];
    for (let at = 0; at < this.#sentAt.length; at++) requests.push(this.#next(at));
    this.#send(requests);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.close();
  }

  /** What is outstanding will not be answered any more. */
  giveUp(): void {
    for (let at = 0; at < this.#sentAt.length; at++) {
      if (this.#sentAt[at] === 0) continue;
      this.#sentAt[at] = 0;
      this.#workload.outcomeUnknown(this.#firstSlot + at);
      this.#events.outcomeUnknown();
      this.#events.settled();
    }
  }

  #next(at: number): { id: number } {
    const request = this.#workload.next(this.#firstSlot + at);
    request.id = at;
    return request;
  }

  #send(requests: readonly { id: number }[]): void {
    const socket = this.#socket;
    if (requests.length === 0 || socket === null) return;
    const now = performance.now();
    for (let i = 0; i < requests.length; i++) this.#sentAt[requests[i]!.id] = now;
    this.#events.sent(requests.length);
    socket.send(this.#wire.encode(requests.length === 1 ? requests[0] : requests));
  }

  #received(message: Answer | readonly Answer[]): void {
    const now = performance.now();
    if (!Array.isArray(message)) {
      if (this.#answered(message as Answer, now)) this.#send([this.#next((message as Answer).id)]);
      return;
    }
    const requests = [];
    for (const answer of message as readonly Answer[]) {
      if (this.#answered(answer, now)) requests.push(this.#next(answer.id));
    }
    this.#send(requests);
  }

  /** Returns whether the slot is to be used again at once. */
  #answered(answer: Answer, now: number): boolean {
    if (answer.event !== undefined) return false;
    const sentAt = this.#sentAt[answer.id];
    if (sentAt === undefined || sentAt === 0) {
      this.#events.failed(`an answer to a request that is not outstanding: ${JSON.stringify(answer).slice(0, 200)}`);
      return false;
    }
    this.#sentAt[answer.id] = 0;
    if (!answer.ok) return this.#refused(answer.id, answer.error!);
    const result = answer.result!;
    const problem = this.#workload.acknowledged(this.#firstSlot + answer.id, result);
    if (problem !== null) this.#events.failed(problem);
    this.#events.committed(now - sentAt, result.attempts);
    this.#events.settled();
    return this.#events.isRunning;
  }

  #refused(at: number, error: AnswerError): boolean {
    const isUnknown = error.retry === 'withKey' || error.code === 'TIMEOUT';
    if (isUnknown) {
      this.#workload.outcomeUnknown(this.#firstSlot + at);
      this.#events.outcomeUnknown();
    } else if (error.retry === 'no') this.#events.failed(`the load was refused: ${error.code}: ${error.message}`);
    else this.#events.refused(error.code);
    this.#events.settled();
    if (!this.#events.isRunning) return false;
    const waitMs = error.retryAfterMs ?? (error.retry === 'elsewhere' ? reconnectMs : 0);
    if (waitMs === 0) return true;
    setTimeout(() => {
      if (this.#events.isRunning && this.#socket !== null && this.#sentAt[at] === 0) this.#send([this.#next(at)]);
    }, waitMs);
    return false;
  }

  #lost(): void {
    if (this.#socket === null) return;
    this.#socket = null;
    this.giveUp();
    if (!this.#events.isRunning) return;
    this.#events.connectionLost();
    this.#reconnectLater();
  }

  /** At the next member: this one may be gone. */
  #reconnectLater(): void {
    setTimeout(() => {
      if (!this.#events.isRunning || this.#isClosed) return;
      this.#urlAt = (this.#urlAt + 1) % this.#urls.length;
      this.open().then(
        () => this.begin(),
        () => this.#reconnectLater(),
      );
    }, reconnectMs);
  }
}
