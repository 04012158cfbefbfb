/** One member of a group of processes: where it lives, and the process that runs it, if one does. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { waitUntil, within } from '../wait-until.ts';
import { Client } from './client.ts';
import { ConcertProcess, type Ended } from './concert-process.ts';

export interface MemberStats {
  readonly memberId: string;
  readonly appliedUpTo: number;
  readonly digest: string;
  readonly countTransactionsInQueue: number;
}

export const ONLINE_MS_MAX = 20_000;

export class LocalMember {
  readonly name: string;
  readonly directory: string;
  readonly port: number;
  readonly groupPort: number;
  /** Of every process that runs it. */
  readonly environment: Record<string, string>;
  #process: ConcertProcess | null = null;

  constructor(facts: {
    name: string;
    directory: string;
    port: number;
    groupPort: number;
    environment: Readonly<Record<string, string>>;
  }) {
    this.name = facts.name;
    this.directory = facts.directory;
    this.port = facts.port;
    this.groupPort = facts.groupPort;
    this.environment = { ...facts.environment };
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/v1`;
  }

  get groupAddress(): string {
    return `127.0.0.1:${this.groupPort}`;
  }

  /** The one that runs, or that ran last. */
  get process(): ConcertProcess {
    assert(this.#process !== null, `${this.name} was started`);
    return this.#process;
  }

  get isRunning(): boolean {
    return this.#process !== null && !this.#process.hasEnded;
  }

  get memberId(): string {
    return JSON.parse(readFileSync(path.join(this.directory, 'member.json'), 'utf8')).memberId;
  }

  /** As `concert start` with no more than its ports and its directory; `more`: further options. */
  start(...more: string[]): ConcertProcess {
    assert(!this.isRunning, `${this.name} runs already`);
    this.#process = new ConcertProcess([...this.startArguments(), ...more], this.environment);
    return this.#process;
  }

  startArguments(): string[] {
    const { directory, port, groupPort } = this;
    return ['start', '--data', directory, '--port', String(port), '--group-port', String(groupPort)];
  }

  async online(): Promise<void> {
    const isOnline = (event: Readonly<Record<string, unknown>>) => event.event === 'state' && event.state === 'ONLINE';
    await this.process.event(`${this.name} is ONLINE`, ONLINE_MS_MAX, isOnline);
  }

  /** Waits until it ends by itself. */
  async end(limitMs: number): Promise<Ended> {
    return within(`${this.name} ends`, limitMs, this.process.ended);
  }

  client(): Promise<Client> {
    return within(`a connection to ${this.name}`, 5_000, Client.open(this.url));
  }

  /** What it says of itself now. */
  async state(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.port}/readyz`, { signal: AbortSignal.timeout(5_000) });
    return (await response.text()).trim();
  }

  async metric(name: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.port}/metrics`, { signal: AbortSignal.timeout(5_000) });
    const line = (await response.text()).split('\n').find((one) => one.startsWith(`${name} `));
    assert(line !== undefined, `${name} is a metric`);
    return Number(line.split(' ')[1]);
  }

  async stats(): Promise<MemberStats> {
    const client = await this.client();
    try {
      const rows = await within(`stats of ${this.name}`, 5_000, client.result<readonly MemberStats[]>('memberStats'));
      const own = rows.find((row) => row.memberId === this.memberId);
      assert(own !== undefined, `${this.name} shows itself`);
      return own;
    } finally {
      client.close();
    }
  }

  /** Waits until its log says that it leads, or follows, in the newest term that it knows. */
  get latestLeader(): { readonly leader: string | null; readonly term: number } | null {
    const found = this.process.events.findLast((event) => event.event === 'leader');
    return found === undefined ? null : { leader: found.leader as string | null, term: found.term as number };
  }

  async untilState(state: string, limitMs: number): Promise<void> {
    await waitUntil(`${this.name} is ${state}`, limitMs, async () => (await this.state()) === state);
  }
}
