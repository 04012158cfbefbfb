/** A group of servers that share one map of rows and answer as members would; it can be told to misbehave. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Format, wireOf } from '../wire.ts';

export interface Misbehaviour {
  /** Updates that are acknowledged but not made, one in so many. */
  readonly losesOneIn?: number;
  /** Updates that are refused with CERTIFICATION_CONFLICT, one in so many. */
  readonly refusesOneIn?: number;
  /** Updates whose connection is cut instead of an answer (the update is made), one in so many. */
  readonly cutsOneIn?: number;
  /** Each member says another digest. */
  readonly digestsDiffer?: boolean;
}

type Request = { readonly id: number; readonly op: string } & Record<string, unknown>;
type Row = { id: number; value: number; payload: string };

export class FakeGroup {
  readonly frames: unknown[] = [];
  readonly rows = new Map<number, Row>();
  readonly #servers: WebSocketServer[] = [];
  readonly #misbehaviour: Misbehaviour;
  #sequenceNumber = 0;
  #updates = 0;

  static async start(members: number, misbehaviour: Misbehaviour = {}): Promise<FakeGroup> {
    const group = new FakeGroup(misbehaviour);
    for (let at = 0; at < members; at++) {
      const server = new WebSocketServer({
        host: '127.0.0.1',
        port: 0,
        perMessageDeflate: false,
        maxPayload: 64 * 1024,
        handleProtocols: (offered) => [...offered][0] ?? false,
      });
      await once(server, 'listening');
      server.on('connection', (socket) => group.#serve(socket, `member-${at + 1}`));
      group.#servers.push(server);
    }
    return group;
  }

  private constructor(misbehaviour: Misbehaviour) {
    this.#misbehaviour = misbehaviour;
  }

  get urls(): readonly string[] {
    return this.#servers.map((server) => `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
  }

  stop(): void {
    for (const server of this.#servers) {
      for (const client of server.clients) client.terminate();
      server.close();
    }
  }

  #serve(socket: WebSocket, memberId: string): void {
    const format: Format = socket.protocol === 'concert.v1.json' ? 'json' : 'msgpack';
    const wire = wireOf(format);
    const limits = { frameBytesMax: 64 * 1024, transactionBytesMax: 1024 * 1024, stepsMax: 500 };
    socket.send(wire.encode({ event: 'welcome', member: { memberId }, limits }));
    socket.on('message', (data) => {
      const message = wire.decode(data as Buffer);
      this.frames.push(message);
      const answers = [];
      for (const request of (Array.isArray(message) ? message : [message]) as Request[]) {
        const answer = this.#answer(request, memberId);
        if (answer === 'cut') {
          socket.terminate();
          return;
        }
        answers.push({ id: request.id, ...answer });
      }
      socket.send(wire.encode(answers.length === 1 ? answers[0] : answers));
    });
  }

  #answer(request: Request, memberId: string): object | 'cut' {
    switch (request.op) {
      case 'dropTable':
        this.rows.clear();
        return this.#committed({});
      case 'createTable':
        return this.#committed({});
      case 'transact':
        for (const { row } of request.steps as { row: Row }[]) this.rows.set(row.id, row);
        return this.#committed({ results: [], attempts: 1 });
      case 'update':
        return this.#update(request.key as number, (request.set as { value: number }).value);
      case 'scan':
        return { ok: true, result: { rows: this.#scan(request.gt as number | undefined, request.limit as number) } };
      case 'memberStats': {
        const digest = this.#misbehaviour.digestsDiffer ? memberId : 'equal';
        return { ok: true, result: [{ memberId, appliedUpTo: this.#sequenceNumber, digest }] };
      }
      default:
        return { ok: false, error: { code: 'UNKNOWN_OPERATION', message: request.op, retry: 'no' } };
    }
  }

  #update(key: number, value: number): object | 'cut' {
    const { losesOneIn, refusesOneIn, cutsOneIn } = this.#misbehaviour;
    this.#updates++;
    const isOneIn = (count: number | undefined) => count !== undefined && this.#updates % count === 0;
    if (isOneIn(refusesOneIn)) {
      return { ok: false, error: { code: 'CERTIFICATION_CONFLICT', message: 'lost', retry: 'transaction' } };
    }
    const row = this.rows.get(key);
    if (row === undefined) return this.#committed({ matched: 0 });
    if (!isOneIn(losesOneIn)) row.value = value;
    const answer = this.#committed({ matched: 1 });
    return isOneIn(cutsOneIn) ? 'cut' : answer;
  }

  #committed(result: object): object {
    this.#sequenceNumber++;
    return {
      ok: true,
      result: { ...result, gtid: `fake:${this.#sequenceNumber}`, sequenceNumber: this.#sequenceNumber },
    };
  }

  #scan(after: number | undefined, limit: number): readonly Row[] {
    const keys = [...this.rows.keys()].sort((a, b) => a - b).filter((key) => after === undefined || key > after);
    return keys.slice(0, limit).map((key) => this.rows.get(key)!);
  }
}
