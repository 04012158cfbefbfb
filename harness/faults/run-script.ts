/** Plays a script to a group under load. */
import { setTimeout as delay } from 'node:timers/promises';
import type { LocalGroup } from '../group/local-group.ts';
import type { HistoryWriter } from '../history/history-writer.ts';
import type { Workload } from '../load/workload.ts';
import { within } from '../wait-until.ts';
import type { Heal } from './ailments.ts';
import { inject } from './inject.ts';
import { placeOf } from './places.ts';
import type { Script, Step } from './script.ts';
import { commitsOf, type DoneStep, endsOf, eventsOf, type Timeline } from './timeline.ts';

export interface RunOptions {
  /** The run ends then, but not before its last step is done; absent: with that. */
  readonly forMs?: number;
  /** Gets a note of each step. */
  readonly history?: HistoryWriter;
  /** As it happens. */
  readonly progress?: (step: DoneStep) => void;
}

const SPAN_MS = 10;
const REQUEST_MS_MAX = 30_000;

/**
 * Steps strike at their times, one that takes long not holding up the next. What is not healed by a step stays. The load is
 * running already, and goes on.
 */
export async function runScript(
  group: LocalGroup,
  workload: Workload,
  script: Script,
  options: RunOptions = {},
): Promise<Timeline> {
  const run = new Run(group, options);
  await Promise.all(script.map((step) => run.play(step)));
  if (options.forMs !== undefined) await run.until(options.forMs);
  return run.timeline(workload);
}

class Run {
  readonly #group: LocalGroup;
  readonly #options: RunOptions;
  readonly #startedAt = Date.now();
  readonly #started = performance.now();
  readonly #done: DoneStep[] = [];
  /** Struck and not healed, the newest last; by name. */
  readonly #open: { readonly name: string; readonly heal: Promise<Heal | null> }[] = [];

  constructor(group: LocalGroup, options: RunOptions) {
    this.#group = group;
    this.#options = options;
  }

  async until(atMs: number): Promise<void> {
    // A timer may be a little early.
    for (let left = atMs - this.#nowMs(); left > 0; left = atMs - this.#nowMs()) await delay(left);
  }

  async play(step: Step): Promise<void> {
    await this.until(step.atMs);
    if ('request' in step) return this.#request(step.request);
    if ('heal' in step) return this.#healNamed(step.heal);
    const { fault, name = fault.kind, forMs } = step;
    const open = { name, heal: this.#step('inject', name, fault, () => inject(this.#group, fault)) };
    this.#open.push(open);
    await open.heal;
    if (forMs === undefined) return;
    await this.until(step.atMs + forMs);
    const at = this.#open.indexOf(open);
    if (at < 0) return;
    this.#open.splice(at, 1);
    await this.#heal(open);
  }

  timeline(workload: Workload): Timeline {
    const endedMs = this.#nowMs();
    const upTo = this.#startedAt + endedMs;
    const acknowledged = new Map(
      this.#group.members.map((member) => {
        const times = workload.acknowledgedAt(member).map((at) => at - this.#started);
        return [member.name, times] as const;
      }),
    );
    return {
      startedAt: new Date(this.#startedAt).toISOString(),
      endedMs,
      steps: this.#done.toSorted((a, b) => a.atMs - b.atMs),
      events: eventsOf(this.#group, this.#startedAt, upTo),
      ends: endsOf(this.#group, this.#startedAt, upTo),
      commits: commitsOf(acknowledged, { everyMs: SPAN_MS, endedMs }),
    };
  }

  async #healNamed(name: string): Promise<void> {
    const healed = this.#open.filter((open) => name === 'all' || open.name === name);
    const asked = name === 'all' ? healed.reverse() : healed.slice(-1);
    if (asked.length === 0) {
      await this.#step('heal', name, null, () => Promise.reject(new Error('nothing of this name is to be healed')));
    }
    for (const open of asked) {
      this.#open.splice(this.#open.indexOf(open), 1);
      await this.#heal(open);
    }
  }

  async #heal({ name, heal }: { readonly name: string; readonly heal: Promise<Heal | null> }): Promise<void> {
    const found = await heal;
    if (found !== null) await this.#step('heal', name, null, found);
  }

  async #request({ member: place, op, arguments: args = {} }: Extract<Step, { request: unknown }>['request']) {
    await this.#step('request', op, args, async () => {
      const member = this.#group.members[await placeOf(this.#group, place)]!;
      const client = await member.client();
      try {
        await within(`an answer to ${op}`, REQUEST_MS_MAX, client.result(op, args));
      } finally {
        client.close();
      }
    });
  }

  /** Null: it could not be done, which the timeline says. */
  async #step<T>(kind: DoneStep['kind'], name: string, what: unknown, act: () => Promise<T>): Promise<T | null> {
    const atMs = this.#nowMs();
    let error: string | null = null;
    let result: T | null = null;
    try {
      result = await act();
    } catch (thrown) {
      error = (thrown as Error).message;
    }
    const done: DoneStep = { atMs, tookMs: this.#nowMs() - atMs, kind, name, what, error };
    this.#done.push(done);
    this.#options.history?.note({ step: kind, name, what, error });
    this.#options.progress?.(done);
    return result;
  }

  #nowMs(): number {
    return performance.now() - this.#started;
  }
}
