/**
 * The members of the group and the connections to them: chooses where a request goes, and lets it wait where it cannot go.
 *
 * A request goes to a member that serves before one that does not, and to any other before the one that it has just failed
 * at; among those, to the connection with the least outstanding, in turn where that is equal. With `prefer: 'first'` it
 * goes to the first in the list that serves. What finds no room waits in line, up to `queuedMax`; what finds no connection,
 * for `connectTimeoutMs`. Transactions wait in a line of their own: those that are open can always go on.
 */
import type { Connection } from './connection.ts';
import type { Environment, ScheduledCall } from './environment.ts';
import { Line, type Seeker } from './line.ts';
import { Member } from './member.ts';
import { closed, connectionFailed, queueFull } from './own-errors.ts';
import type { Settings } from './settings.ts';

export class Pool {
  readonly members: readonly Member[];
  readonly #environment: Environment;
  readonly #settings: Settings;
  readonly #requests = new Line();
  readonly #transactions = new Line();
  #lineTimer: ScheduledCall | null = null;
  #turn = 0;
  #lastConnectionId = 0;
  #isClosed = false;
  #noticeChange: () => void = () => {};

  /** Begins to connect to all members. */
  constructor(setup: { urls: readonly string[]; environment: Environment; settings: Settings }) {
    const { environment, settings } = setup;
    this.#environment = environment;
    this.#settings = settings;
    const events = { changed: () => this.#serveLines() };
    const nextConnectionId = () => ++this.#lastConnectionId;
    this.members = setup.urls.map((url) => new Member({ url, environment, settings, events, nextConnectionId }));
    for (const member of this.members) member.open();
  }

  /** Of an open connection; undefined if it is not open any more. */
  connection(id: number): Connection | undefined {
    for (const member of this.members) {
      const found = member.connections.find((connection) => connection.id === id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /**
   * Resolves once the members have been asked: one serves (with `prefer: 'first'`, the first in the list, or it has failed),
   * or all have answered, or `connectTimeoutMs` have passed, and at least one connection is open.
   *
   * @throws ConcertError CONNECTION_FAILED, CLOSED
   */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { connectTimeoutMs } = this.#settings;
      const settle = (isOver: boolean) => {
        if (!this.#isClosed && !isOver && !this.#isReady) return;
        this.#noticeChange = () => {};
        timer.cancel();
        if (this.#isClosed) reject(closed());
        else if (this.#hasConnection) resolve();
        else reject(connectionFailed(connectTimeoutMs, this.#problems));
      };
      const timer = this.#environment.clock.schedule(connectTimeoutMs, () => settle(true));
      this.#noticeChange = () => settle(false);
      settle(false);
    });
  }

  /** At once where it can be, else when there is room or a connection. */
  place(seeker: Seeker): void {
    const line = seeker.opensTransaction ? this.#transactions : this.#requests;
    const connection = line.first() === undefined ? this.#choose(seeker) : null;
    if (connection !== null) return seeker.placed(connection);
    if (this.#isClosed) return seeker.notPlaced(closed());
    if (line.length >= this.#settings.queuedMax) return seeker.notPlaced(queueFull(this.#settings.queuedMax));
    line.join(seeker, this.#environment.clock.nowMs());
    if (this.#lineTimer === null) this.#watchLines();
  }

  /** Whether another member than this one serves, as far as is known. */
  hasOther(member: Member): boolean {
    return this.members.some((other) => other !== member && other.isServing && other.connections.length > 0);
  }

  /** Ends all connections, and with them what is outstanding. Nothing is placed any more. */
  close(): void {
    this.#isClosed = true;
    this.#lineTimer?.cancel();
    for (const member of this.members) member.close();
    for (const seeker of [...this.#requests.takeAll(), ...this.#transactions.takeAll()]) seeker.notPlaced(closed());
    this.#noticeChange();
  }

  #choose(seeker: Seeker): Connection | null {
    const { avoided, opensTransaction } = seeker;
    const { members } = this;
    const count = members.length;
    const isFirstPreferred = this.#settings.prefer === 'first';
    if (!isFirstPreferred) this.#turn = this.#turn + 1 === count ? 0 : this.#turn + 1;
    let at = this.#turn;
    let best: Connection | null = null;
    let bestRank = WORST_RANK;
    for (let i = 0; i < count; i++) {
      const member = members[at]!;
      at = at + 1 === count ? 0 : at + 1;
      const { connections } = member;
      if (connections.length === 0) continue;
      const rank = (member.isServing ? 0 : 1) + (member === avoided ? 2 : 0);
      if (rank > bestRank || (isFirstPreferred && rank === bestRank)) continue;
      if (rank < bestRank) {
        // Even if it has no room: waiting for a member that serves is better than asking one that does not.
        bestRank = rank;
        best = null;
      }
      for (let c = 0; c < connections.length; c++) {
        const connection = connections[c]!;
        if (!connection.hasRoom || (opensTransaction && !connection.hasRoomForTransaction)) continue;
        if (best === null || connection.outstanding < best.outstanding) best = connection;
      }
      if (best === null || best.outstanding > 0) member.grow();
    }
    return best;
  }

  #serveLines(): void {
    this.#noticeChange();
    if (this.#requests.length > 0) this.#serve(this.#requests);
    if (this.#transactions.length > 0) this.#serve(this.#transactions);
  }

  #serve(line: Line): void {
    for (let seeker = line.first(); seeker !== undefined; seeker = line.first()) {
      const connection = this.#choose(seeker);
      if (connection === null) return;
      line.leave();
      seeker.placed(connection);
    }
  }

  /** Sends those away who have waited too long for a connection; a wait for room has no limit of its own. */
  #watchLines(): void {
    const { clock } = this.#environment;
    const { connectTimeoutMs } = this.#settings;
    const beginnings = [this.#requests.sinceMs(), this.#transactions.sinceMs()].filter((ms) => ms !== null);
    if (beginnings.length === 0) {
      this.#lineTimer = null;
      return;
    }
    const dueMs = Math.min(...beginnings) + connectTimeoutMs - clock.nowMs();
    this.#lineTimer = clock.schedule(Math.max(dueMs, 1), () => {
      const nowMs = clock.nowMs();
      for (const line of [this.#requests, this.#transactions]) {
        if (this.#hasConnection) line.startAnew(nowMs);
        for (let since = line.sinceMs(); since !== null && nowMs - since >= connectTimeoutMs; since = line.sinceMs()) {
          const seeker = line.first()!;
          line.leave();
          seeker.notPlaced(connectionFailed(connectTimeoutMs, this.#problems));
        }
      }
      this.#watchLines();
    });
  }

  get #hasConnection(): boolean {
    return this.members.some((member) => member.connections.length > 0);
  }

  get #isReady(): boolean {
    const [first] = this.members as readonly [Member];
    if (this.#settings.prefer === 'first' && first.isOpening) return false;
    if (this.members.some((member) => member.isServing && member.connections.length > 0)) return true;
    return this.#hasConnection && this.members.every((member) => !member.isOpening);
  }

  /** What is wrong with each member, by its URL. */
  get #problems(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.members.map(({ url, problem }) => [url, problem ?? 'no answer']));
  }
}

const WORST_RANK = 4;
