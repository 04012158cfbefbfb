/**
 * The connections that a member dialled: one to each address that is wanted, dialled again with growing gaps while it
 * is not there. What the other side says on it is for the owner to judge, who then makes the link ready, or closes it.
 */
import type {
  Clock,
  Connection,
  Incarnation,
  MemberId,
  MemberOrdinal,
  Network,
  Random,
  ScheduledCall,
} from '../../base/index.ts';
import { type Answer, decodeFrame, encodeFrame, type Frame } from './handshake.ts';

export interface DiallerSetup {
  readonly environment: { readonly clock: Clock; readonly random: Random; readonly network: Network };
  readonly redialMinMs: number;
  readonly redialMaxMs: number;
  /** A connection with more than this queued is closed: the peer is too slow for it. */
  readonly bufferBytesMax: number;
  /** What is said first. */
  hello(): Extract<Frame, { kind: 'hello' }>;
  /** Once for each connection. */
  answered(link: DialledLink, answer: Answer): void;
  /** Whatever else comes, after the answer. */
  received(link: DialledLink, frame: Exclude<Frame, Answer>): void;
  /** `wasReady`: with the ordinal that it had. */
  closed(link: DialledLink, wasReady: MemberOrdinal | null): void;
}

export class DialledLink {
  readonly address: string;
  /** What the other side said about itself; null: nothing yet. */
  answer: Answer | null = null;
  /** Ready: frames may be sent to this member on it. Null: not yet. */
  ordinal: MemberOrdinal | null = null;
  /** When something came on it, or it was dialled, or what is queued became less. Monotonic. */
  heardMs = 0;
  queuedBytes = 0;
  connection: Connection | null = null;
  redial: ScheduledCall | null = null;
  redialMs: number;

  constructor(address: string, redialMs: number) {
    this.address = address;
    this.redialMs = redialMs;
  }
}

export class Dialler {
  readonly #setup: DiallerSetup;
  readonly #links = new Map<string, DialledLink>();
  readonly #ready = new Map<MemberOrdinal, DialledLink>();
  #isStopped = false;

  constructor(setup: DiallerSetup) {
    this.#setup = setup;
  }

  /** From now on there is a link to each of `addresses`, and to no other. */
  want(addresses: ReadonlySet<string>): void {
    if (this.#isStopped) return;
    for (const link of [...this.#links.values()]) {
      if (!addresses.has(link.address)) this.#forget(link, 'no longer wanted');
    }
    for (const address of addresses) {
      if (this.#links.has(address)) continue;
      const link = new DialledLink(address, this.#setup.redialMinMs);
      this.#links.set(address, link);
      this.#dial(link);
    }
  }

  /** Dials all that are wanted anew: this member has become another. */
  restart(): void {
    const addresses = new Set(this.#links.keys());
    for (const link of [...this.#links.values()]) this.#forget(link, 'introducing itself anew');
    this.want(addresses);
  }

  get links(): Iterable<DialledLink> {
    return this.#links.values();
  }

  linkTo(ordinal: MemberOrdinal): DialledLink | null {
    return this.#ready.get(ordinal) ?? null;
  }

  get readyOrdinals(): Iterable<MemberOrdinal> {
    return this.#ready.keys();
  }

  /** The other side is this member: frames may be sent. */
  makeReady(link: DialledLink, ordinal: MemberOrdinal): void {
    link.redialMs = this.#setup.redialMinMs;
    link.ordinal = ordinal;
    this.#ready.set(ordinal, link);
  }

  /** Dropped silently if there is no connection. */
  send(link: DialledLink, bytes: Uint8Array): void {
    const { connection } = link;
    if (connection === null) return;
    if (connection.bufferedBytes > this.#setup.bufferBytesMax)
      return connection.close('the peer takes frames too slowly');
    connection.send(bytes);
  }

  /** Whether there was a link that was ready. */
  sendTo(ordinal: MemberOrdinal, bytes: Uint8Array): boolean {
    const link = this.#ready.get(ordinal);
    if (link === undefined) return false;
    this.send(link, bytes);
    return true;
  }

  /**
   * The member at `address` speaks to us: whatever is there now is that. A connection to an earlier process of it is
   * given up (its end may not have been told), and one that waits to be dialled is dialled.
   */
  metAt(address: string, facts: { readonly memberId: MemberId; readonly incarnation: Incarnation }): void {
    const link = this.#links.get(address);
    if (link === undefined) return;
    const other = link.answer?.introduction;
    // Somebody else may only say that it is there.
    if (other?.memberId === facts.memberId && other.incarnation < facts.incarnation) {
      this.#drop(link, 'the member has started anew');
    }
    this.#redialNow(link);
  }

  #redialNow(link: DialledLink): void {
    if (link.redial === null) return;
    link.redial.cancel();
    this.#dial(link);
  }

  /** Gives up connections on which nothing came for `silenceMs`: who is there answers signs of life. */
  closeSilent(silenceMs: number): void {
    const nowMs = this.#setup.environment.clock.monotonicMs();
    for (const link of [...this.#links.values()]) {
      const { connection } = link;
      if (connection === null) continue;
      // A slow connection is not a dead one.
      const queuedBytes = connection.bufferedBytes;
      if (queuedBytes < link.queuedBytes) link.heardMs = nowMs;
      link.queuedBytes = queuedBytes;
      if (nowMs - link.heardMs > silenceMs) this.#drop(link, 'the peer is silent');
    }
  }

  /** This process stood still: that nothing was heard says nothing. */
  excuseSilence(): void {
    const nowMs = this.#setup.environment.clock.monotonicMs();
    for (const link of this.#links.values()) link.heardMs = nowMs;
  }

  stop(): void {
    this.#isStopped = true;
    for (const link of [...this.#links.values()]) this.#forget(link, 'stopping');
  }

  #forget(link: DialledLink, reason: string): void {
    this.#links.delete(link.address);
    link.redial?.cancel();
    link.connection?.close(reason);
    link.connection = null;
    const wasReady = this.#becomeUnready(link);
    if (!this.#isStopped) this.#setup.closed(link, wasReady);
  }

  #dial(link: DialledLink): void {
    const { network, clock } = this.#setup.environment;
    link.redial = null;
    const isCurrent = (): boolean => link.connection === connection && !this.#isStopped;
    link.heardMs = clock.monotonicMs();
    link.queuedBytes = 0;
    const connection = network.connect(link.address, {
      opened: () => {
        if (isCurrent()) connection.send(encodeFrame(this.#setup.hello()));
      },
      received: (bytes) => {
        if (!isCurrent()) return;
        link.heardMs = clock.monotonicMs();
        const frame = decodeFrame(bytes);
        if (frame.kind === 'malformed') connection.close(`malformed frame: ${frame.reason}`);
        else if (frame.kind !== 'answer') {
          if (link.answer === null) connection.close(`${frame.kind} before answer`);
          else this.#setup.received(link, frame);
        } else if (link.answer !== null) connection.close('answer twice');
        else {
          link.answer = frame;
          this.#setup.answered(link, frame);
        }
      },
      closed: () => {
        if (isCurrent()) this.#closed(link);
      },
    });
    link.connection = connection;
  }

  /** Does not wait for the other side, or the system, to agree. */
  #drop(link: DialledLink, reason: string): void {
    link.connection?.close(reason);
    this.#closed(link);
  }

  #closed(link: DialledLink): void {
    link.connection = null;
    const wasReady = this.#becomeUnready(link);
    const { clock, random } = this.#setup.environment;
    const delayMs = link.redialMs + random.below(link.redialMs + 1);
    link.redialMs = Math.min(this.#setup.redialMaxMs, link.redialMs * 2);
    link.redial = clock.schedule(delayMs, () => this.#dial(link));
    this.#setup.closed(link, wasReady);
  }

  #becomeUnready(link: DialledLink): MemberOrdinal | null {
    const { ordinal } = link;
    link.ordinal = null;
    link.answer = null;
    if (ordinal === null || this.#ready.get(ordinal) !== link) return null;
    this.#ready.delete(ordinal);
    return ordinal;
  }
}
