/** A group of whole members in a simulated world, each with an engine for its clients. */
import assert from 'node:assert/strict';
import { MemoryLaneDisk, MemoryLaneStore } from '../../../applier/index.ts';
import { lruRecencyCache } from '../../../certifier/cache/index.ts';
import type { NewRecencyCache } from '../../../certifier/index.ts';
import { SeededRandom } from '../../../gcs/base/index.ts';
import type { SimulatedHost, SimulatedWorld } from '../../../sim/world/index.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { CERTIFICATION_CAPACITY, MEMBER_DEFAULTS, Member, type MemberOptions } from '../member/index.ts';
import { Engine } from '../sessions/engine.ts';
import { testImageCodec } from './image-codec.ts';
import type { TestAnswer, TestEvent } from './solo-replica.ts';

const SECONDS = 1_000_000;

export interface SimulatedMember {
  readonly host: SimulatedHost;
  /** Of its newest run. */
  readonly member: Member;
  readonly engine: Engine;
  readonly states: string[];
  /** After a crash or stop of its host. */
  restart(): void;
}

export interface SimulatedGroupOptions {
  /** One for each member. */
  readonly caches?: readonly NewRecencyCache[];
  readonly options?: Partial<MemberOptions>;
}

export function startGroup(
  world: SimulatedWorld,
  { caches = [lruRecencyCache, lruRecencyCache, lruRecencyCache], options = {} }: SimulatedGroupOptions = {},
): readonly SimulatedMember[] {
  const hosts = caches.map((_cache, i) => world.addHost(`m${i}`, `m${i}:1`));
  return hosts.map((host, i) => {
    const others = hosts.filter((other) => other !== host).map(({ address }) => address);
    const lane = new MemoryLaneDisk();
    const started = {
      host,
      member: null as unknown as Member,
      engine: null as unknown as Engine,
      states: [] as string[],
      restart() {
        host.start((environment, process) => {
          const { clock, disk } = environment;
          const bootstrap = { kind: 'bootstrap', seeds: others, groupName: 'test' } as const;
          const prepared = Member.prepare({
            environment,
            memberId: `id-${i}`,
            incarnation: process.run,
            groupAddress: host.address,
            host: host.name,
            port: 1,
            formation:
              disk.readWhole('group.json') !== null
                ? null
                : i === 0
                  ? { ...bootstrap, options: { [CERTIFICATION_CAPACITY]: 100 } }
                  : { kind: 'seeds', seeds: others },
            lanes: [new MemoryLaneStore({ disk: lane, clock, flushDelayMs: () => 1 })],
            newCache: caches[i]!,
            imageCodec: testImageCodec,
            version: 'test',
            options: { ...MEMBER_DEFAULTS, ...options },
            events: {
              stateChanged: (state, why) => started.states.push(`${state}: ${why}`),
              leaderChanged: () => {},
              quorumChanged: () => {},
              reachabilityChanged: () => {},
              formed: () => {},
              refusedPeer: () => {},
              recovered: () => {},
              refused: (reason) => assert.fail(reason),
              failed: (error) => assert.fail(error),
            },
          });
          assert.equal(prepared.kind, 'prepared');
          started.member = prepared.member;
          started.engine = new Engine({
            replica: prepared.member,
            clock,
            random: new SeededRandom(i),
            limits: DEFAULT_LIMITS,
            imageCodec: testImageCodec,
          });
          prepared.member.open();
        });
      },
    };
    started.restart();
    return started;
  });
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
    const id = ++this.#lastId;
    this.#host.process!.turn(() => this.#connection.receive({ id, op, ...message }));
    const answer = () => this.#answers.find((each) => each.id === id);
    until(this.#world, () => answer() !== undefined);
    const { ok, result, error } = answer()!;
    assert.ok(ok, `${op}: ${error?.code}: ${error?.message}`);
    return result;
  }
}
