/** One member of a group of processes: where it lives, and the process that runs it, if one does. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { PowerCut } from '../disk/compile-power-cut.ts';
import type { FaultyDisk } from '../disk/faulty-disk.ts';
import type { SmallDisk } from '../disk/small-disk.ts';
import type { HistoryWriter } from '../history/history-writer.ts';
import { waitUntil, within } from '../wait-until.ts';
import { Client } from './client.ts';
import { ConcertProcess, type ConcertProcessOptions, type Ended } from './concert-process.ts';
import { type Environment, mergedEnvironment } from './environment.ts';

export interface MemberStats {
  readonly memberId: string;
  readonly appliedUpTo: number;
  readonly digest: string;
  readonly countTransactionsInQueue: number;
}

export interface LocalMemberFacts {
  readonly name: string;
  readonly directory: string;
  readonly port: number;
  readonly groupPort: number;
  /** Of every process that runs it. */
  readonly environment: Environment;
  /** Where clients reach it through a network; absent: at its port. */
  readonly clientPort?: number | undefined;
  readonly faultyDisk?: FaultyDisk;
  /** The filesystem on which its directory lies, if it is one of its own. */
  readonly smallDisk?: SmallDisk;
  /** With what is drawn anew for each process: which of the unsynced pages survive. */
  readonly powerCut?: { readonly library: Extract<PowerCut, { kind: 'compiled' }>; readonly drawSeed: () => number };
  readonly process?: ConcertProcessOptions;
}

/** Generous: all of a machine's tests may run at once. */
const ONLINE_MS_MAX = 60_000;
const ANSWER_MS_MAX = 10_000;

export class LocalMember {
  readonly name: string;
  readonly directory: string;
  readonly port: number;
  readonly groupPort: number;
  /** All that have run it, the newest last. */
  readonly processes: ConcertProcess[] = [];
  readonly #facts: LocalMemberFacts;
  #isPaused = false;

  constructor(facts: LocalMemberFacts) {
    this.name = facts.name;
    this.directory = facts.directory;
    this.port = facts.port;
    this.groupPort = facts.groupPort;
    this.#facts = facts;
  }

  /** For clients, through the network if there is one. */
  get url(): string {
    return `ws://127.0.0.1:${this.#facts.clientPort ?? this.port}/v1`;
  }

  /** Past any network. */
  get directUrl(): string {
    return `ws://127.0.0.1:${this.port}/v1`;
  }

  get groupAddress(): string {
    return `127.0.0.1:${this.groupPort}`;
  }

  /** The one that runs, or that ran last. */
  get process(): ConcertProcess {
    const newest = this.processes.at(-1);
    assert(newest !== undefined, `${this.name} was started`);
    return newest;
  }

  get isRunning(): boolean {
    return this.processes.at(-1)?.hasEnded === false;
  }

  get isPaused(): boolean {
    return this.isRunning && this.#isPaused;
  }

  get memberId(): string {
    return JSON.parse(readFileSync(path.join(this.directory, 'member.json'), 'utf8')).memberId;
  }

  get faultyDisk(): FaultyDisk {
    assert(this.#facts.faultyDisk !== undefined, `${this.name} is of a group made with faultyDisks`);
    return this.#facts.faultyDisk;
  }

  get smallDisk(): SmallDisk | null {
    return this.#facts.smallDisk ?? null;
  }

  /** As `concert start` with no more than its ports and its directory; `more`: further options. */
  start(...more: string[]): ConcertProcess {
    assert(!this.isRunning, `${this.name} runs already`);
    this.#isPaused = false;
    const { environment, faultyDisk, process: options } = this.#facts;
    const all = mergedEnvironment(environment, faultyDisk?.environment ?? {}, this.#powerCutEnvironment());
    const started = new ConcertProcess([...this.startArguments(), ...more], all, options);
    this.processes.push(started);
    return started;
  }

  startArguments(): string[] {
    const { directory, port, groupPort } = this;
    return ['start', '--data', directory, '--port', String(port), '--group-port', String(groupPort)];
  }

  /** Stands still, with all its connections open. */
  pause(): void {
    this.process.signal('SIGSTOP');
    this.#isPaused = true;
  }

  resume(): void {
    this.process.signal('SIGCONT');
    this.#isPaused = false;
  }

  /** What was not synced is lost. Resolves when it has ended. */
  async cutPower(limitMs = 10_000): Promise<Ended> {
    assert(this.#facts.powerCut !== undefined, `${this.name} is of a group made with powerCuts`);
    this.process.signal('SIGUSR2');
    return this.end(limitMs);
  }

  /** Of one that does not run: what a new disk holds. */
  removeData(): void {
    assert(!this.isRunning, `${this.name} runs`);
    rmSync(this.directory, { recursive: true, force: true });
  }

  async online(): Promise<void> {
    const isOnline = (event: Readonly<Record<string, unknown>>) => event.event === 'state' && event.state === 'ONLINE';
    await this.process.event(`${this.name} is ONLINE`, ONLINE_MS_MAX, isOnline);
  }

  /** Waits until it ends by itself. */
  async end(limitMs: number): Promise<Ended> {
    return within(`${this.name} ends`, limitMs, this.process.ended);
  }

  /** `history`: gets what the client asks and is told. */
  client(history?: HistoryWriter): Promise<Client> {
    const record = history && { history, process: history.newProcess(), member: this.name };
    return within(`a connection to ${this.name}`, ANSWER_MS_MAX, Client.open(this.url, record));
  }

  /** What it says of itself now. This and what follows looks past any network. */
  async state(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.port}/readyz`, {
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    return (await response.text()).trim();
  }

  async metric(name: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.port}/metrics`, {
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    const line = (await response.text()).split('\n').find((one) => one.startsWith(`${name} `));
    assert(line !== undefined, `${name} is a metric`);
    return Number(line.split(' ')[1]);
  }

  async stats(): Promise<MemberStats> {
    const client = await within(`a connection to ${this.name}`, ANSWER_MS_MAX, Client.open(this.directUrl));
    try {
      const rows = await within(
        `stats of ${this.name}`,
        ANSWER_MS_MAX,
        client.result<readonly MemberStats[]>('memberStats'),
      );
      const own = rows.find((row) => row.memberId === this.memberId);
      assert(own !== undefined, `${this.name} shows itself`);
      return own;
    } finally {
      client.close();
    }
  }

  /** What its log says last about who leads. */
  get latestLeader(): { readonly leader: string | null; readonly term: number } | null {
    const found = this.process.events.findLast((event) => event.event === 'leader');
    return found === undefined ? null : { leader: found.leader as string | null, term: found.term as number };
  }

  /** What its log says last about reaching a majority; null: nothing. */
  get hasQuorum(): boolean | null {
    const found = this.process.events.findLast((event) => event.event === 'quorum');
    return found === undefined ? null : (found.hasQuorum as boolean);
  }

  async untilState(state: string, limitMs: number): Promise<void> {
    await waitUntil(`${this.name} is ${state}`, limitMs, async () => (await this.state()) === state);
  }

  #powerCutEnvironment(): Environment {
    const { powerCut } = this.#facts;
    if (powerCut === undefined) return {};
    mkdirSync(this.directory, { recursive: true });
    return powerCut.library.environment({ directory: this.directory, seed: powerCut.drawSeed() });
  }
}
