/** A group of servers that share their tables and answer as members would; it can be told to misbehave. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Format, wireOf } from '../wire.ts';
import { FakeTables, Refusal, type Statement } from './fake-tables.ts';

export interface Misbehaviour {
  /** Commits that are acknowledged but not made, one in so many. */
  readonly losesOneIn?: number;
  /** Commits that are refused with CERTIFICATION_CONFLICT, one in so many. */
  readonly refusesOneIn?: number;
  /** Commits whose connection is cut instead of an answer (the commit is made), one in so many. */
  readonly cutsOneIn?: number;
  /** Every transaction is committed, whatever was written since its snapshot. */
  readonly certifiesNothing?: boolean;
  /** Each member says another digest. */
  readonly digestsDiffer?: boolean;
  /** From so many positions that were asked for on, of all members together, the digest is another one. */
  readonly digestChangesAt?: number;
  /** Members, from 0, that refuse every statement with NOT_ONLINE once a load has begun. */
  readonly offline?: readonly number[];
  /** What is answered in the order of the requests, but this much later. */
  readonly answersAfterMs?: number;
}

type Request = Statement & { readonly id: number; readonly tx?: string; readonly steps?: readonly Statement[] };

interface Session {
  readonly memberAt: number;
  readonly open: Map<string, Statement[]>;
  readonly snapshots: Map<string, number>;
}

export class FakeGroup {
  readonly frames: unknown[] = [];
  readonly tables: FakeTables;
  readonly #servers: WebSocketServer[] = [];
  readonly #ports: number[] = [];
  readonly #misbehaviour: Misbehaviour;
  /** Of the load, refused ones included. */
  commits = 0;
  #positions = 0;

  static async start(members: number, misbehaviour: Misbehaviour = {}): Promise<FakeGroup> {
    const group = new FakeGroup(misbehaviour);
    for (let at = 0; at < members; at++) await group.#listen(at, 0);
    return group;
  }

  private constructor(misbehaviour: Misbehaviour) {
    this.#misbehaviour = misbehaviour;
    this.tables = new FakeTables(misbehaviour.certifiesNothing === true);
  }

  get urls(): readonly string[] {
    return this.#ports.map((port) => `ws://127.0.0.1:${port}/v1`);
  }

  /** Connections of each member that are open now. */
  get connections(): readonly number[] {
    return this.#servers.map((server) => server.clients.size);
  }

  /** Cuts all connections of a member and takes no more. */
  kill(at: number): void {
    const server = this.#servers[at]!;
    for (const client of server.clients) client.terminate();
    server.close();
  }

  /** Takes connections again, where it did. */
  async revive(at: number): Promise<void> {
    await this.#listen(at, this.#ports[at]!);
  }

  stop(): void {
    for (const at of this.#servers.keys()) this.kill(at);
  }

  async #listen(at: number, port: number): Promise<void> {
    const server = new WebSocketServer({
      host: '127.0.0.1',
      port,
      perMessageDeflate: false,
      maxPayload: 64 * 1024,
      handleProtocols: (offered) => [...offered][0] ?? false,
    });
    await once(server, 'listening');
    server.on('connection', (socket) => this.#serve(socket, at));
    this.#servers[at] = server;
    this.#ports[at] = (server.address() as AddressInfo).port;
  }

  #serve(socket: WebSocket, memberAt: number): void {
    const format: Format = socket.protocol === 'concert.v1.json' ? 'json' : 'msgpack';
    const wire = wireOf(format);
    const limits = { frameBytesMax: 64 * 1024, transactionBytesMax: 1024 * 1024, stepsMax: 500 };
    socket.send(wire.encode({ event: 'welcome', member: { memberId: memberName(memberAt) }, limits }));
    const session: Session = { memberAt, open: new Map(), snapshots: new Map() };
    socket.on('message', (data) => {
      const message = wire.decode(data as Buffer);
      this.frames.push(message);
      const answers: object[] = [];
      for (const request of (Array.isArray(message) ? message : [message]) as Request[]) {
        const answer = this.#answer(request, session);
        if (answer === 'cut') {
          socket.terminate();
          return;
        }
        answers.push({ id: request.id, ...answer });
      }
      const send = () => socket.send(wire.encode(answers.length === 1 ? answers[0] : answers));
      const { answersAfterMs } = this.#misbehaviour;
      if (answersAfterMs === undefined) send();
      else setTimeout(send, answersAfterMs).unref();
    });
  }

  #answer(request: Request, session: Session): object | 'cut' {
    try {
      const result = this.#result(request, session);
      return result === 'cut' ? 'cut' : { ok: true, result };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { ok: false, error: error.facts };
    }
  }

  /** @throws Refusal */
  #result(request: Request, session: Session): unknown {
    const { op, tx } = request;
    const { tables } = this;
    switch (op) {
      case 'dropTable':
      case 'createTable':
        tables.clear(request.table);
        return {};
      case 'memberStats': {
        const memberId = memberName(session.memberAt);
        this.#positions += 1;
        const { digestsDiffer, digestChangesAt = Infinity } = this.#misbehaviour;
        const equal = this.#positions < digestChangesAt ? 'equal' : 'after';
        const digest = digestsDiffer ? memberId : equal;
        return [{ memberId, appliedUpTo: tables.sequenceNumber, digest }];
      }
      case 'conflictSummary': {
        const pairs = [{ loser: 'member-1', winner: 'member-2', conflicts: 17 }];
        if (request.table !== 'bench.products') return { since: null, conflicts: 0, hotRows: [], pairs };
        return { since: null, conflicts: 17, hotRows: [{ table: request.table, key: 3, conflicts: 17 }], pairs };
      }
      case 'scan':
        return tables.read(request);
    }
    if (this.#misbehaviour.offline?.includes(session.memberAt)) {
      throw new Refusal({ code: 'NOT_ONLINE', message: 'this member is not online', retry: 'elsewhere' });
    }
    if (tx !== undefined) return this.#inside(request, tx, session);
    if (op === 'transact') return this.#commit(request.steps!, tables.sequenceNumber, session);
    return tables.isWrite(request) ? this.#commit([request], tables.sequenceNumber, session) : tables.read(request);
  }

  #inside(request: Request, tx: string, session: Session): unknown {
    const { open, snapshots } = session;
    if (request.op === 'begin') {
      if (open.has(tx)) throw new Refusal({ code: 'INVALID_ARGUMENT', message: `${tx} is open`, retry: 'no' });
      open.set(tx, []);
      return { tx };
    }
    const writes = open.get(tx);
    if (writes === undefined) throw new Refusal({ code: 'NO_SUCH_TRANSACTION', message: tx, retry: 'no' });
    if (!snapshots.has(tx)) snapshots.set(tx, this.tables.sequenceNumber);
    if (request.op !== 'commit' && request.op !== 'rollback') {
      if (!this.tables.isWrite(request)) return this.tables.read(request);
      writes.push(request);
      return { matched: 1 };
    }
    const snapshot = snapshots.get(tx)!;
    open.delete(tx);
    snapshots.delete(tx);
    return request.op === 'rollback' ? {} : this.#commit(writes, snapshot, session);
  }

  /** @throws Refusal */
  #commit(writes: readonly Statement[], snapshot: number, { memberAt }: Session): object | 'cut' {
    const { losesOneIn, refusesOneIn, cutsOneIn } = this.#misbehaviour;
    // The rows of the set-up are no part of what goes wrong.
    const isOfLoad = writes.every((write) => write.op !== 'put');
    if (isOfLoad) this.commits++;
    const isOneIn = (count: number | undefined) => isOfLoad && count !== undefined && this.commits % count === 0;
    if (isOneIn(refusesOneIn)) throw this.tables.conflict(memberName((memberAt + 1) % this.#servers.length));
    const winner = this.tables.winnerSince(writes, snapshot);
    if (winner !== null) throw this.tables.conflict(winner);
    const results = this.tables.commit(isOneIn(losesOneIn) ? [] : writes, memberName(memberAt));
    if (isOneIn(cutsOneIn)) return 'cut';
    const { sequenceNumber } = this.tables;
    const matched = isOneIn(losesOneIn) ? { matched: 1 } : results[0];
    return { ...matched, results, attempts: 1, gtid: `fake:${sequenceNumber}`, sequenceNumber };
  }
}

function memberName(at: number): string {
  return `member-${at + 1}`;
}
