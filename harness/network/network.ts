/**
 * A network of named nodes with a proxy in every link. Conditions are imposed on flows; several may be at once, and each
 * is lifted by itself.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { CLEAR, combined, type FlowCondition, type FlowName } from './flow.ts';
import type { FromProxy, LinkPlan, ProxyTask } from './proxy-messages.ts';

/** As this file is: a source, or compiled. */
const threadFile = path.join(import.meta.dirname, `proxy-thread${path.extname(import.meta.filename)}`);

export type Lift = () => Promise<void>;

interface Imposed {
  readonly flows: ReadonlySet<FlowName>;
  readonly condition: FlowCondition;
}

export class Network {
  readonly #thread: Worker;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  readonly #imposed = new Set<Imposed>();
  readonly #flows = new Set<FlowName>();
  #lastId = 0;
  #hasEnded = false;

  /** `seed`: of the jitter. */
  constructor({ seed = 1 }: { readonly seed?: number } = {}) {
    this.#thread = new Worker(threadFile, { workerData: { seed } });
    // Only an open question keeps the process alive.
    this.#thread.unref();
    this.#thread.on('message', ({ id, result, error }: FromProxy) => {
      const waiting = this.#waiting.get(id)!;
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#thread.unref();
      if (error === null) waiting.resolve(result);
      else waiting.reject(new Error(`the network: ${error}`));
    });
    this.#thread.on('error', (error) => this.#ended(error));
    this.#thread.on('exit', () => this.#ended(new Error('the network has ended')));
  }

  /** The ports to dial, one a link. */
  open(plans: readonly LinkPlan[]): Promise<readonly number[]> {
    for (const { from, to } of plans) this.#flows.add(`${from}>${to}`).add(`${to}>${from}`);
    return this.#ask({ kind: 'open', plans });
  }

  /** Until it is lifted. Done when it has taken effect. @throws RangeError if there is no such flow */
  async impose(flows: Iterable<FlowName>, condition: Partial<FlowCondition>): Promise<Lift> {
    const imposed: Imposed = { flows: new Set(this.#known(flows)), condition: { ...CLEAR, ...condition } };
    this.#imposed.add(imposed);
    await this.#apply();
    return async () => {
      if (this.#imposed.delete(imposed)) await this.#apply();
    };
  }

  /** Lifts everything. */
  async heal(): Promise<void> {
    this.#imposed.clear();
    await this.#apply();
  }

  /** Resets the connections that there are, whoever dialled. @returns how many there were */
  async reset(flows: Iterable<FlowName>): Promise<number> {
    return this.#ask({ kind: 'reset', flows: this.#known(flows) });
  }

  /** Bytes that have arrived, of each flow. */
  async traffic(): Promise<ReadonlyMap<FlowName, number>> {
    return new Map(await this.#ask<readonly [FlowName, number][]>({ kind: 'traffic' }));
  }

  async close(): Promise<void> {
    if (this.#hasEnded) return;
    await this.#ask({ kind: 'close' });
    await this.#thread.terminate();
  }

  #known(flows: Iterable<FlowName>): FlowName[] {
    return [...flows].map((flow) => {
      if (!this.#flows.has(flow)) throw new RangeError(`this network has no link for ${flow}`);
      return flow;
    });
  }

  #ended(error: Error): void {
    this.#hasEnded = true;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #apply(): Promise<void> {
    const byFlow = new Map<FlowName, FlowCondition[]>();
    for (const { flows, condition } of this.#imposed) {
      for (const flow of flows) byFlow.set(flow, [...(byFlow.get(flow) ?? []), condition]);
    }
    const conditions = [...byFlow].map(([flow, several]) => [flow, combined(several)] as const);
    return this.#ask({ kind: 'conditions', conditions });
  }

  #ask<T>(task: ProxyTask): Promise<T> {
    if (this.#hasEnded) return Promise.reject(new Error('the network has ended'));
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#thread.ref();
      this.#thread.postMessage({ ...task, id });
    });
  }
}
