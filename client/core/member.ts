/**
 * One member as the client knows it: its connections, whether it serves, and when to try again.
 *
 * It keeps one connection, and gets more, up to `connectionsPerMember`, while all it has are in use. A
 * lost one is opened again after a jittered wait that doubles while it fails. A member that says that it does not serve
 * (not ONLINE, no quorum, shutting down) is used last, and asked now and then, with a wait that doubles, whether it is back.
 */
import type { ErrorAnswer } from '../concert-error.ts';
import type { MemberStatus } from '../types.ts';
import { backoffMs } from './backoff.ts';
import { Connection, type ConnectionEvents, type Welcome } from './connection.ts';
import type { Environment, ScheduledCall } from './environment.ts';
import type { Request } from './request.ts';
import type { Settings } from './settings.ts';

export interface MemberEvents {
  /** A connection was opened, has ended or has room again, or the member serves again: what waits may go on, here or elsewhere. */
  changed(): void;
}

/** A member that does not serve is asked again after so long, at first. */
const PROBE = { firstMs: 250, msMax: 5_000 };

/** A connection that lasted so long was a good one: the next is opened with the first of the waits. */
const LASTED_MS = 5_000;

export class Member {
  readonly url: string;
  /** Open ones only. */
  readonly connections: Connection[] = [];
  /** The highest sequence number that this member acknowledged to this client: it is visible there. */
  seenUpTo = 0;
  readonly #environment: Environment;
  readonly #settings: Settings;
  readonly #events: MemberEvents;
  readonly #nextConnectionId: () => number;
  #opening: Connection | null = null;
  #isClosed = false;
  #isServing = false;
  #failures = 0;
  #openedAtMs = 0;
  #retry: ScheduledCall | null = null;
  /** In a row, each soon after the other. */
  #refusals = 0;
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  #probe: ScheduledCall | null = null;
  #memberId: string | null = null;
  #state: string | null = null;
  #problem: string | null = null;

  constructor(setup: {
    url: string;
    environment: Environment;
    settings: Settings;
    events: MemberEvents;
    nextConnectionId: () => number;
  }) {
    this.url = setup.url;
    this.#environment = setup.environment;
    this.#settings = setup.settings;
    this.#events = setup.events;
    this.#nextConnectionId = setup.nextConnectionId;
  }

  /** As last heard. */
  get isServing(): boolean {
    return this.#isServing;
  }

  get memberId(): string | null {
    return this.#memberId;
  }

  /** Why there is no connection; null while there is one, or none was tried. */
  get problem(): string | null {
    return this.connections.length > 0 ? null : this.#problem;
  }

  get isOpening(): boolean {
    return this.#opening !== null;
  }

  get status(): MemberStatus {
    return {
      url: this.url,
      memberId: this.#memberId,
      state: this.#state,
      connections: this.connections.length,
      outstanding: this.connections.reduce((sum, connection) => sum + connection.outstanding, 0),
      problem: this.problem,
    };
  }

  /** All connections are in use: opens one more, if it may have more. */
  grow(): void {
    const { connectionsPerMember } = this.#settings;
    if (this.connections.length >= connectionsPerMember || this.#opening !== null || this.#retry !== null) return;
    this.open();
  }

  /** It refused a request because of the state that it is in. */
  refusedToServe(error: ErrorAnswer): void {
    if (typeof error.state === 'string') this.#state = error.state;
    if (this.#isServing) this.#isServing = false;
    this.#probeLater();
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#probe?.cancel();
    this.#opening?.close();
    for (const connection of [...this.connections]) connection.close();
  }

  /** Begins the first connection; once. Later ones follow by themselves. */
  open(): void {
    const events: ConnectionEvents = {
      welcomed: (connection, welcome) => this.#welcomed(connection, welcome),
      answered: () => this.#events.changed(),
      closed: (connection, problem) => this.#closed(connection, problem),
    };
    this.#opening = new Connection({
      id: this.#nextConnectionId(),
      member: this,
      environment: this.#environment,
      settings: this.#settings,
      events,
    });
  }

  #welcomed(connection: Connection, { member }: Welcome): void {
    this.#opening = null;
    this.connections.push(connection);
    this.#openedAtMs = this.#environment.clock.nowMs();
    this.#memberId = member.memberId;
    this.#problem = null;
    this.#heardState(member.state, member.role);
    this.#events.changed();
  }

  #heardState(state: string, role: string): void {
    this.#state = state;
    this.#isServing = state === 'ONLINE' && role === 'PRIMARY';
    if (!this.#isServing) this.#probeLater();
  }

  #closed(connection: Connection, problem: string): void {
    if (this.#opening === connection) this.#opening = null;
    const at = this.connections.indexOf(connection);
    if (at >= 0) this.connections.splice(at, 1);
    this.#problem = problem;
    const { clock, random } = this.#environment;
    const hasLasted = at >= 0 && clock.nowMs() - this.#openedAtMs >= LASTED_MS;
    this.#failures = hasLasted ? 1 : this.#failures + 1;
    if (!this.#isClosed && this.#retry === null && this.#opening === null) {
      const { reconnectMs, reconnectMsMax } = this.#settings;
      const waitMs = backoffMs({ firstMs: reconnectMs, msMax: reconnectMsMax }, this.#failures, random());
      this.#retry = clock.schedule(waitMs, () => {
        this.#retry = null;
        if (this.#opening === null && this.connections.length === 0) this.open();
      });
    }
    this.#events.changed();
  }

  #probeLater(): void {
    if (this.#probe !== null || this.#isClosed) return;
    const { clock, random } = this.#environment;
    const nowMs = clock.nowMs();
    this.#refusals = nowMs - this.#refusedAtMs > 2 * PROBE.msMax ? 1 : this.#refusals + 1;
    this.#refusedAtMs = nowMs;
    // Not sooner than half of the bound: who has just refused need not be asked at once.
    const waitMs = backoffMs(PROBE, this.#refusals, 0.5 + random() / 2);
    this.#probe = clock.schedule(waitMs, () => {
      this.#probe = null;
      const connection = this.connections[0];
      // Without a connection, the next welcome tells.
      connection?.send(new StateProbe(this.#memberId, (state, role) => this.#probed(state, role)));
    });
  }

  #probed(state: string, role: string): void {
    const wasServing = this.#isServing;
    this.#heardState(state, role);
    if (this.#isServing && !wasServing) this.#events.changed();
  }
}

/** Asks a member what state it is in. */
class StateProbe implements Request {
  readonly message = { id: 0, op: 'members' };
  readonly isWithdrawn = false;
  readonly #memberId: string | null;
  readonly #answered: (state: string, role: string) => void;

  constructor(memberId: string | null, answered: (state: string, role: string) => void) {
    this.#memberId = memberId;
    this.#answered = answered;
  }

  succeeded(result: unknown): void {
    const rows = Array.isArray(result) ? (result as { memberId: string; state: string; role: string }[]) : [];
    const own = rows.find((row) => row.memberId === this.#memberId);
    this.#answered(own?.state ?? 'OFFLINE', own?.role ?? 'SECONDARY');
  }

  refused(): void {
    this.#answered('OFFLINE', 'SECONDARY');
  }

  lost(): void {
    this.#answered('OFFLINE', 'SECONDARY');
  }

  tooLarge(): void {}
}
