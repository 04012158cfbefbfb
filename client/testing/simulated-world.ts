/**
 * The client's environment without a network and without waiting: scripted members, and a clock that the test moves.
 * What is sent arrives in a later turn of the same millisecond; nothing else happens by itself.
 */
import { connectIn } from '../core/connect.ts';
import type { Codec, Environment, ScheduledCall, Socket, SocketEvents } from '../core/environment.ts';
import { jsonCodec } from '../core/json-codec.ts';
import type { Client, ClientOptions } from '../types.ts';
import { type MemberScript, ScriptedMember } from './scripted-member.ts';

interface Scheduled {
  readonly atMs: number;
  readonly callback: () => void;
}

export class SimulatedWorld {
  readonly codec: Codec;
  /** What every draw of the client's chance gives, from 0 to less than 1. */
  chance = 0.5;
  readonly #members = new Map<string, ScriptedMember>();
  #nowMs = 0;
  #scheduled: Scheduled[] = [];

  constructor(codec: Codec = jsonCodec) {
    this.codec = codec;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get environment(): Environment {
    return {
      clock: {
        nowMs: () => this.#nowMs,
        schedule: (delayMs, callback) => this.schedule(delayMs, callback),
      },
      random: () => this.chance,
      codec: this.codec,
      openSocket: (url, events) => this.#openSocket(url, events),
    };
  }

  /** Timers that run, and frames under way. */
  get pending(): number {
    return this.#scheduled.length;
  }

  member(name: string, script: MemberScript = {}): ScriptedMember {
    const member = new ScriptedMember(this, `ws://${name}/v1`, script);
    this.#members.set(member.url, member);
    return member;
  }

  /** A client that is connected to all of them. */
  async connect(members: readonly ScriptedMember[], options: ClientOptions = {}): Promise<Client> {
    const urls = members.map((member) => member.url);
    const client = await this.until(connectIn(this.environment, urls, options));
    await this.settle();
    return client;
  }

  schedule(delayMs: number, callback: () => void): ScheduledCall {
    const scheduled = { atMs: this.#nowMs + delayMs, callback };
    this.#scheduled.push(scheduled);
    return { cancel: () => this.#unschedule(scheduled) };
  }

  /** Until nothing more happens without time passing. */
  async settle(): Promise<void> {
    for (;;) {
      await turn();
      const due = this.#next();
      if (due === null || due.atMs > this.#nowMs) return;
      this.#run(due);
    }
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await this.settle();
      const due = this.#next();
      if (due === null || due.atMs > untilMs) break;
      this.#nowMs = due.atMs;
      this.#run(due);
    }
    this.#nowMs = untilMs;
  }

  /** Lets time pass until the promise is settled, but not for ever. */
  async until<T>(promise: Promise<T>, limitMs = 600_000): Promise<T> {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    promise.then(settled, settled);
    const untilMs = this.#nowMs + limitMs;
    for (await this.settle(); !isSettled; await this.settle()) {
      const due = this.#next();
      if (due === null || due.atMs > untilMs) throw new Error(`not settled within ${limitMs} simulated ms`);
      this.#nowMs = due.atMs;
      this.#run(due);
    }
    return promise;
  }

  #openSocket(url: string, events: SocketEvents): Socket {
    const member = this.#members.get(url);
    if (member !== undefined) return member.accept(events);
    this.schedule(0, () => events.closed({ code: null, reason: 'no such host' }));
    return { send: () => {}, bufferedBytes: 0, close: () => {}, cut: () => {} };
  }

  #next(): Scheduled | null {
    let first: Scheduled | null = null;
    for (const one of this.#scheduled) if (first === null || one.atMs < first.atMs) first = one;
    return first;
  }

  #run(scheduled: Scheduled): void {
    this.#unschedule(scheduled);
    scheduled.callback();
  }

  #unschedule(scheduled: Scheduled): void {
    this.#scheduled = this.#scheduled.filter((other) => other !== scheduled);
  }
}

/** All promises that can be settled now, are. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
