/** A member that answers as a test tells it to, and otherwise as a member would that has one table and no memory. */
import assert from 'node:assert/strict';
import type { Frame, Socket, SocketEvents } from '../core/environment.ts';
import type { SimulatedWorld } from './simulated-world.ts';

export interface MemberScript {
  readonly state?: string;
  readonly limits?: Readonly<Record<string, number>>;
  readonly protocolVersion?: number;
}

export type Request = { readonly id: number; readonly op: string } & Readonly<Record<string, unknown>>;

export type Reply =
  | { readonly result: unknown }
  | { readonly error: { readonly code: string; readonly retry: string; readonly [fact: string]: unknown } }
  /** Not answered until the test does. */
  | 'hold'
  /** The connection ends without an answer. */
  | 'cut';

export type Handler = (request: Request, link: Link) => Reply;

export class ScriptedMember {
  readonly url: string;
  readonly memberId: string;
  /** Open connections, in the order opened. */
  links: Link[] = [];
  /** What came, a list of requests for each frame, and when. */
  readonly frames: (readonly Request[])[] = [];
  readonly frameTimesMs: number[] = [];
  /** Connections opened, and attempts at one. */
  attempts = 0;
  /** Whether it can be reached; `silent`: it takes connections, and says nothing any more. */
  reach: 'open' | 'refuses' | 'silent' = 'open';
  state: string;
  role = 'PRIMARY';
  sequenceNumber = 0;
  /** A log that several members share. */
  log: { sequenceNumber: number } = this;
  readonly held: { readonly request: Request; readonly link: Link }[] = [];
  readonly world: SimulatedWorld;
  readonly #script: MemberScript;
  readonly #handlers = new Map<string, Handler>();

  constructor(world: SimulatedWorld, url: string, script: MemberScript) {
    this.world = world;
    this.url = url;
    this.memberId = url.slice('ws://'.length, -'/v1'.length);
    this.#script = script;
    this.state = script.state ?? 'ONLINE';
  }

  get link(): Link {
    const link = this.links.at(-1);
    assert(link !== undefined, `somebody is connected to ${this.memberId}`);
    return link;
  }

  /** All requests that came, in order. */
  get requests(): readonly Request[] {
    return this.frames.flat();
  }

  requestsOf(op: string): readonly Request[] {
    return this.requests.filter((request) => request.op === op);
  }

  /** When each frame came that held such a request. */
  timesOf(op: string): readonly number[] {
    return this.frameTimesMs.filter((_, at) => this.frames[at]!.some((request) => request.op === op));
  }

  on(op: string, handler: Handler): this {
    this.#handlers.set(op, handler);
    return this;
  }

  /** The n-th reply to `op` is the n-th of these; then it is as without a script. */
  replies(op: string, ...replies: readonly Reply[]): this {
    const left = [...replies];
    return this.on(op, (request) => left.shift() ?? this.usual(request));
  }

  usual(request: Request): Reply {
    switch (request.op) {
      case 'begin':
        return { result: { tx: request.tx } };
      case 'commit':
      case 'transact':
        return { result: this.#committed({}) };
      case 'get':
        return { result: null };
      case 'scan':
        return { result: { rows: [] } };
      case 'count':
        return { result: { count: 0 } };
      case 'insert':
      case 'put':
      case 'update':
      case 'delete': {
        const result = request.op === 'update' || request.op === 'delete' ? { matched: 1 } : {};
        return { result: request.tx === undefined ? this.#committed(result) : result };
      }
      case 'createTable':
        return { result: { sequenceNumber: ++this.log.sequenceNumber } };
      case 'members':
        return { result: [{ memberId: this.memberId, state: this.state, role: this.role }] };
      case 'subscribe':
        return { result: { subscription: `s${request.id}`, sequenceNumber: this.log.sequenceNumber } };
      default:
        return { result: {} };
    }
  }

  accept(events: SocketEvents): Socket {
    this.attempts++;
    const link = new Link(this, events);
    if (this.reach === 'refuses') {
      this.world.schedule(0, () => events.closed({ code: null, reason: 'connection refused' }));
    } else if (this.reach === 'open') {
      this.world.schedule(0, () => {
        if (link.isEnded) return;
        this.links.push(link);
        events.opened();
        link.push(this.#welcome());
      });
    }
    return link.socket;
  }

  received(frame: Frame, link: Link): void {
    if (this.reach === 'silent') return;
    const decoded = this.world.codec.decode(frame);
    const requests = (Array.isArray(decoded) ? decoded : [decoded]) as readonly Request[];
    this.frames.push(requests);
    this.frameTimesMs.push(this.world.nowMs);
    const answers: unknown[] = [];
    for (const request of requests) {
      const reply = this.#handlers.get(request.op)?.(request, link) ?? this.usual(request);
      if (link.isEnded) return;
      if (reply === 'cut') return link.end(1006, '');
      if (reply === 'hold') this.held.push({ request, link });
      else answers.push(answerTo(request, reply));
    }
    if (answers.length > 0) link.push(...answers);
  }

  /** Answers what is held, all of it or the first `count`; as usual unless said. */
  release(count = this.held.length, reply?: Reply): void {
    for (const { request, link } of this.held.splice(0, count)) {
      const given = reply ?? this.usual(request);
      assert(given !== 'hold' && given !== 'cut');
      link.push(answerTo(request, given));
    }
  }

  /** Ends all connections, as when its process is killed; `refuses` from now on. */
  kill(): void {
    this.reach = 'refuses';
    for (const link of [...this.links]) link.end(1006, '');
  }

  #welcome(): object {
    const { state, role, memberId } = this;
    return {
      event: 'welcome',
      protocolVersion: this.#script.protocolVersion ?? 1,
      serverVersion: '0',
      member: { memberId, state, role },
      group: { name: 'scripted', viewId: 'v' },
      limits: { frameBytesMax: 1024 * 1024, ...this.#script.limits },
    };
  }

  #committed(result: object): object {
    const sequenceNumber = ++this.log.sequenceNumber;
    return { ...result, gtid: `g:${sequenceNumber}`, sequenceNumber, commitTime: '', snapshotVersion: 0 };
  }
}

/** One connection, from the member's side. */
export class Link {
  readonly socket: Socket;
  /** What the network says it has not taken yet. */
  bufferedBytes = 0;
  isEnded = false;
  readonly #member: ScriptedMember;
  readonly #events: SocketEvents;

  constructor(member: ScriptedMember, events: SocketEvents) {
    this.#member = member;
    this.#events = events;
    const bufferedBytes = () => this.bufferedBytes;
    this.socket = {
      send: (frame) => {
        member.world.schedule(0, () => {
          if (!this.isEnded) member.received(frame, this);
        });
      },
      get bufferedBytes() {
        return bufferedBytes();
      },
      close: () => this.end(1000, ''),
      cut: () => this.end(1006, ''),
    };
  }

  /** One frame. */
  push(...messages: readonly unknown[]): void {
    const frame = this.#member.world.codec.encode(messages);
    this.pushFrame(frame);
  }

  pushFrame(frame: Frame): void {
    this.#member.world.schedule(0, () => {
      if (!this.isEnded) this.#events.received(frame);
    });
  }

  end(code: number, reason: string): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.#member.links = this.#member.links.filter((link) => link !== this);
    this.#member.world.schedule(0, () => this.#events.closed({ code, reason }));
  }
}

function answerTo({ id }: Request, reply: Exclude<Reply, string>): object {
  if ('result' in reply) return { id, ok: true, result: reply.result };
  const { code, retry, ...facts } = reply.error;
  return { id, ok: false, error: { ...facts, code, retry, sqlState: 'HY000', message: `scripted ${code}` } };
}

export const CONFLICT: Reply = {
  error: {
    code: 'CERTIFICATION_CONFLICT',
    retry: 'transaction',
    table: 't.t',
    item: 'row',
    key: 1,
    winner: { gtid: 'g:7', member: 'other' },
  },
};

export const NO_QUORUM: Reply = { error: { code: 'NO_QUORUM', retry: 'elsewhere', state: 'ONLINE' } };

export const UNKNOWN: Reply = { error: { code: 'UNKNOWN_OUTCOME', retry: 'withKey' } };
