/** A group of whole members in a simulated world, each with an engine for its clients. */
import assert from 'node:assert/strict';
import { MemoryLaneDisk, MemoryLaneStore } from '../../../applier/index.ts';
import { type NewWriterTable, packedWriterTable } from '../../../certifier/index.ts';
import { SeededRandom } from '../../../gcs/base/index.ts';
import type { Formation } from '../../../gcs/core/index.ts';
import type { SimulatedHost, SimulatedWorld } from '../../../sim/world/index.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import {
  CERTIFICATION_CAPACITY,
  MEMBER_DEFAULTS,
  Member,
  type MemberOptions,
  type RestartReason,
  zeroCounters,
} from '../member/index.ts';
import type { ConflictRecord } from '../replica.ts';
import { Engine } from '../sessions/engine.ts';
import { testImageCodec } from './image-codec.ts';
import type { TestAnswer, TestEvent } from './solo-replica.ts';

const SECONDS = 1_000_000;

/** Messages are not worth it here; what is compressed is tested where it is. */
const NO_COMPRESSION = { compress: () => null, decompress: () => null };

export interface SimulatedMember {
  readonly host: SimulatedHost;
  /** What its lane has durably. */
  readonly lane: MemoryLaneDisk;
  readonly memberId: string;
  /** Of its newest run. */
  readonly member: Member;
  readonly engine: Engine;
  /** Of all runs. */
  readonly states: string[];
  /** Why runs followed one another. */
  readonly restarts: RestartReason[];
  /** Views installed, as `number: joined/left`, of all runs. */
  readonly views: string[];
  readonly events: string[];
  /** After a crash or stop of its host; or for the first time. */
  restart(formation?: Formation): void;
  /** Of one that is down: what a new disk holds. It becomes another member. */
  loseDisk(): void;
}

export interface SimulatedGroupOptions {
  /** One for each member. */
  readonly writerTables?: readonly NewWriterTable[];
  readonly options?: Partial<MemberOptions>;
  /** Further members, not started. */
  readonly spares?: number;
  /** Runs of an expelled member that ask to be let in again. */
  readonly autorejoinTries?: number;
  readonly conflictLost?: (memberId: string, conflict: ConflictRecord) => void;
}

export function startGroup(world: SimulatedWorld, setup: SimulatedGroupOptions = {}): readonly SimulatedMember[] {
  const { writerTables = [packedWriterTable, packedWriterTable, packedWriterTable], spares = 0 } = setup;
  const founders = writerTables.length;
  const hosts = Array.from({ length: founders + spares }, (_, i) => world.addHost(`m${i}`, `m${i}:1`));
  return hosts.map((host, i) => {
    const others = hosts.filter((other, j) => other !== host && j < founders).map(({ address }) => address);
    const member = simulatedMember(host, {
      ...setup,
      memberId: `id-${i}`,
      newWriterTable: writerTables[i] ?? packedWriterTable,
      random: new SeededRandom(i),
      firstFormation:
        i === 0
          ? {
              kind: 'bootstrap',
              seeds: others,
              groupName: 'test',
              options: { [CERTIFICATION_CAPACITY]: 100 },
            }
          : { kind: 'seeds', seeds: others },
    });
    if (i < founders) member.restart();
    return member;
  });
}

interface SimulatedMemberSetup extends Pick<SimulatedGroupOptions, 'options' | 'autorejoinTries' | 'conflictLost'> {
  readonly memberId: string;
  readonly newWriterTable: NewWriterTable;
  readonly random: SeededRandom;
  readonly firstFormation: Formation;
}

function simulatedMember(host: SimulatedHost, setup: SimulatedMemberSetup): SimulatedMember {
  const { newWriterTable, random, options = {}, autorejoinTries = 3, firstFormation } = setup;
  let lane = new MemoryLaneDisk();
  let disks = 0;
  let incarnation = 0;
  let expulsions = 0;
  let counters = zeroCounters();
  const started = {
    host,
    get lane() {
      return lane;
    },
    memberId: setup.memberId,
    member: null as unknown as Member,
    engine: null as unknown as Engine,
    states: [] as string[],
    restarts: [] as RestartReason[],
    views: [] as string[],
    events: [] as string[],
    loseDisk() {
      lane = new MemoryLaneDisk();
      host.disk.wipe();
      started.memberId = `${setup.memberId}-${++disks}`;
    },
    restart(formation?: Formation) {
      counters = zeroCounters();
      host.start((environment) => {
        const run = (next: Formation): void => {
          const { clock } = environment;
          const prepared = Member.prepare({
            environment,
            memberId: started.memberId,
            incarnation: ++incarnation,
            groupAddress: host.address,
            host: host.name,
            port: 1,
            formation: next,
            rejoins: expulsions < autorejoinTries,
            compression: NO_COMPRESSION,
            lanes: [new MemoryLaneStore({ disk: lane, clock, flushDelayMs: () => 1 })],
            newWriterTable,
            imageCodec: testImageCodec,
            version: 'test',
            counters,
            options: { ...MEMBER_DEFAULTS, ...options },
            events: {
              stateChanged: (state, why) => {
                started.states.push(`${state}: ${why}`);
                if (state === 'ONLINE') expulsions = 0;
              },
              leaderChanged: () => {},
              quorumChanged: () => {},
              reachabilityChanged: () => {},
              formed: () => {},
              viewChanged: ({ view, joined, left }) =>
                started.views.push(`${view.number}: ${joined.join(' ')}/${left.join(' ')}`),
              conflictLost: (conflict) => setup.conflictLost?.(started.memberId, conflict),
              roomChanged: (hasRoom) => started.events.push(hasRoom ? 'room' : 'disk full'),
              damageFound: ({ file, reason }) => started.events.push(`damage in ${file}: ${reason}`),
              transferChanged: (phase, { kind }, why) => started.events.push(`${kind} ${phase}: ${why}`),
              buildProgressed: ({ phase, table, rows }) =>
                started.events.push(`build of ${table} ${phase}, ${rows} rows`),
              stuck: (why) => started.events.push(`stuck: ${why}`),
              refusedPeer: () => {},
              recovered: () => {},
              restart: (why) => {
                started.restarts.push(why);
                if (why === 'expelled') expulsions++;
                started.member.stop(() => {
                  started.engine.stop();
                  run(why === 'expelled' || why === 'join' ? { kind: 'rejoin' } : null);
                });
              },
              refused: (reason) => assert.fail(reason),
              failed: (error) => assert.fail(error),
            },
          });
          if (prepared.kind === 'refused') assert.fail(prepared.reason);
          started.member = prepared.member;
          started.engine = new Engine({
            replica: prepared.member,
            clock,
            random,
            limits: DEFAULT_LIMITS,
            imageCodec: testImageCodec,
          });
          prepared.member.open();
        };
        const isNew = environment.disk.readWhole('group.json') === null;
        run(formation ?? (isNew ? firstFormation : null));
      });
    },
  };
  return started;
}

export function until(world: SimulatedWorld, condition: () => boolean, seconds = 20): void {
  world.runUntil(world.nowUs + seconds * SECONDS, condition);
  assert.ok(condition(), 'the condition came true in time');
}

/** A client of the newest run of a member. */
export class SimulatedMemberClient {
  readonly events: TestEvent[] = [];
  readonly #world: SimulatedWorld;
  readonly #host: SimulatedHost;
  readonly #connection: { receive(message: object): void };
  readonly #answers: TestAnswer[] = [];
  #lastId = 0;

  constructor(world: SimulatedWorld, { host, engine }: SimulatedMember) {
    this.#world = world;
    this.#host = host;
    this.#connection = engine.openConnection((message) => {
      if ('event' in message) this.events.push(message as TestEvent);
      else this.#answers.push(message as TestAnswer);
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  do(op: string, message: object = {}): any {
    const { ok, result, error } = this.ask(op, message);
    assert.ok(ok, `${op}: ${error?.code}: ${error?.message}`);
    return result;
  }

  /** The error that it is answered with. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  fail(op: string, message: object = {}): any {
    const { ok, error } = this.ask(op, message);
    assert.ok(!ok, `${op} succeeds`);
    return error;
  }

  /** Sends without waiting; the answer is nobody's concern. Returns the request's id. */
  send(op: string, message: object): number {
    const id = ++this.#lastId;
    this.#host.process!.turn(() => this.#connection.receive({ id, op, ...message }));
    return id;
  }

  hasAnswer(id: number): boolean {
    return this.#answers.some((each) => each.id === id);
  }

  answerTo(id: number): TestAnswer {
    const answer = this.#answers.find((each) => each.id === id);
    assert.ok(answer !== undefined, `request ${id} is answered`);
    return answer;
  }

  ask(op: string, message: object): TestAnswer {
    const id = this.send(op, message);
    const answer = () => this.#answers.find((each) => each.id === id);
    until(this.#world, () => answer() !== undefined);
    return answer()!;
  }
}
