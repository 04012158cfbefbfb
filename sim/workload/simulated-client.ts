/**
 * A client: a connection to some member, over which it sends one request at a time. It runs scripts, which are
 * generators: they yield requests and get answers. When the member dies, or is too long silent, so does the connection;
 * the script ends with `ConnectionLost`, and the client goes to a member that runs.
 */
import type { SeededRandom } from '../../gcs/base/index.ts';
import type { MemberCluster, RunningMember } from '../members/member-cluster.ts';
import type { SimulatedHost, SimulatedWorld } from '../world/index.ts';

export interface Answer {
  readonly ok: boolean;
  /** Of any shape: what the contract says of the operation. */
  // biome-ignore lint/suspicious/noExplicitAny: results are as various as operations
  readonly result?: any;
  /** With facts: these of SNAPSHOT_TOO_OLD where the purge floor is the reason, and of CERTIFICATION_CONFLICT. */
  readonly error?: {
    readonly code: string;
    readonly snapshotVersion?: number;
    readonly purgeFloor?: number;
    readonly oldest?: number;
    readonly table?: string;
    readonly key?: unknown;
    readonly winner?: { readonly gtid: string };
    readonly item?: string;
    readonly isReferredTo?: boolean;
  };
}

/** `isSentTwice`: at the same time to some other member, too, whose answer is of no interest. */
export type Ask =
  | { readonly op: string; readonly isSentTwice?: true; readonly [argument: string]: unknown }
  | { readonly waitMs: number };

export type Script = Generator<Ask, void, Answer>;

export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

interface Connected {
  readonly host: SimulatedHost;
  readonly run: RunningMember;
  readonly connection: { receive(message: object): void; close(): void };
}

const LATENCY_US_MAX = 2000;
const RECONNECT_MS_MAX = 200;
/** A client that hears nothing for so long goes elsewhere. */
const PATIENCE_MS = 20_000;
/** It notices that its member is gone within a quarter of the time that it thinks, but within these bounds. */
const LOOK_EVERY_US_MIN = 200_000;
const LOOK_EVERY_US_MAX = 2_000_000;

export class SimulatedClient {
  /** Highest sequence number that this connection has seen. */
  seenUpTo = 0;
  readonly random: SeededRandom;
  readonly #world: SimulatedWorld;
  readonly #cluster: MemberCluster;
  readonly #nextScript: (client: SimulatedClient) => Script | null;
  readonly #thinkMs: number;
  #connected: Connected | null = null;
  #script: Script | null = null;
  #requestId = 0;
  /** Answers of older requests, of a lost connection, come to nobody. */
  #awaited: number | null = null;
  #askedUs = 0;

  constructor(setup: {
    world: SimulatedWorld;
    cluster: MemberCluster;
    random: SeededRandom;
    /** What to do next; null: nothing any more. */
    nextScript: (client: SimulatedClient) => Script | null;
    /** Mean time between two scripts. */
    thinkMs: number;
  }) {
    this.#world = setup.world;
    this.#cluster = setup.cluster;
    this.random = setup.random;
    this.#nextScript = setup.nextScript;
    this.#thinkMs = setup.thinkMs;
  }

  /** A script runs; every one comes to an end. */
  get isBusy(): boolean {
    return this.#script !== null;
  }

  /** How far its member is. */
  get appliedUpTo(): number {
    return this.#connected?.run.member.appliedUpTo ?? 0;
  }

  /** What the clock of its member says. */
  get wallMs(): number {
    return this.#connected?.host.clock.wallMs ?? 0;
  }

  /** Of the member that it is connected to; null: to none. */
  get memberId(): string | null {
    return this.#connected?.run.member.memberId ?? null;
  }

  /** At the end of a script: the next one begins at another member, or the same. */
  goElsewhere(): void {
    if (this.#connected !== null) this.#close(this.#connected);
    this.#connected = null;
  }

  begin(): void {
    this.#later(this.random.below(300_000), () => this.#next());
    this.#watch();
  }

  #next(): void {
    if (this.#connected === null || this.random.chance(1)) this.#connect();
    if (this.#connected === null) {
      this.#later(this.random.between(1000, RECONNECT_MS_MAX * 1000), () => this.#next());
      return;
    }
    this.#script = this.#nextScript(this);
    if (this.#script !== null) this.#advance(() => this.#script!.next());
    else this.#later(RECONNECT_MS_MAX * 1000, () => this.#next());
  }

  #connect(): void {
    const host = this.random.pick(this.#cluster.members);
    const running = this.#cluster.runningOn(host);
    this.goElsewhere();
    this.seenUpTo = 0;
    if (running === null || running.process.isPaused || running.member.state !== 'ONLINE') return;
    const { process, engine } = running;
    const connection = engine.openConnection((answer) => {
      this.#cluster.passed(host, 'before answer');
      // What a process that is dead would still say reaches nobody.
      if (!process.isAlive) return;
      this.#world.schedule(this.random.below(LATENCY_US_MAX), () => this.#answered(answer as Answer & { id: number }));
      this.#cluster.passed(host, 'after answer');
    });
    this.#connected = { host, run: running, connection };
  }

  #close({ run, connection }: Connected): void {
    run.process.turn(() => connection.close());
  }

  #advance(resume: () => IteratorResult<Ask, void>): void {
    const step = resume();
    if (step.done) {
      this.#script = null;
      this.#later(this.random.below(2 * this.#thinkMs * 1000), () => this.#next());
      return;
    }
    const ask = step.value;
    const script = this.#script;
    this.#awaited = ++this.#requestId;
    const id = this.#requestId;
    this.#askedUs = this.#world.nowUs;
    if ('waitMs' in ask) {
      const waited = { ok: true, id };
      this.#world.schedule((ask.waitMs as number) * 1000, () => {
        if (this.#script === script) this.#answered(waited);
      });
      return;
    }
    const { isSentTwice, ...request } = ask;
    if (isSentTwice) this.#sendElsewhere({ ...request, id });
    const connected = this.#connected;
    this.#world.schedule(this.random.below(LATENCY_US_MAX), () => {
      connected?.run.process.turn(() => connected.connection.receive({ ...request, id }));
    });
  }

  #sendElsewhere(request: object): void {
    const running = this.#cluster.runningOn(this.random.pick(this.#cluster.members));
    if (running === null || running.process.isPaused || running.member.state !== 'ONLINE') return;
    const { process, engine } = running;
    process.turn(() => {
      const connection = engine.openConnection(() => {
        this.#world.schedule(1, () => process.turn(() => connection.close()));
      });
      connection.receive(request);
    });
  }

  #answered(answer: Answer & { readonly id: number }): void {
    if (answer.id !== this.#awaited || this.#script === null) return;
    this.#awaited = null;
    this.#advance(() => this.#script!.next(answer));
  }

  /** Notices that its member is gone. */
  #watch(): void {
    const lookEveryUs = Math.min(Math.max(LOOK_EVERY_US_MIN, this.#thinkMs * 250), LOOK_EVERY_US_MAX);
    this.#world.schedule(lookEveryUs, () => {
      const connected = this.#connected;
      if (connected !== null) {
        const isSilent = this.#awaited !== null && this.#world.nowUs - this.#askedUs > PATIENCE_MS * 1000;
        if (this.#cluster.runningOn(connected.host) !== connected.run || isSilent) this.#lose(connected);
      }
      this.#watch();
    });
  }

  #lose(connected: Connected): void {
    this.#close(connected);
    this.#connected = null;
    this.#awaited = null;
    const script = this.#script;
    if (script === null) return;
    try {
      script.throw(new ConnectionLost('the member is gone'));
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    }
    this.#script = null;
    this.#later(this.random.between(1000, RECONNECT_MS_MAX * 1000), () => this.#next());
  }

  #later(delayUs: number, callback: () => void): void {
    this.#world.schedule(delayUs, callback);
  }
}
