/**
 * One seed of whole members with clients. While faults strike, clients read and write, and observers compare all that
 * the members do. Then everything heals; within a bound every request is answered and every member has the same state;
 * and so it is again after all members have restarted.
 */
import { lruRecencyCache } from '../../certifier/cache/index.ts';
import { drawMemberCount } from '../draw-options.ts';
import { describeFaultPlan, drawFaultPlan, FaultInjector, MIXED } from '../faults.ts';
import { checkNobodyIsElectableWithout } from '../observers/electability.ts';
import { Elections } from '../observers/elections.ts';
import { Judge } from '../observers/judge.ts';
import { ShadowDatabase } from '../observers/shadow-database.ts';
import { StreamObserver, type StreamObserverSetup, zeroStreamCounts } from '../observers/stream-observer.ts';
import { TotalOrder } from '../observers/total-order.ts';
import type { SeedOptions, SeedResult } from '../seed-result.ts';
import { History } from '../workload/history.ts';
import { imageCodec } from '../workload/image-codec.ts';
import { drawScript, prepareTables, TABLES, type Workload } from '../workload/scripts.ts';
import { SimulatedClient } from '../workload/simulated-client.ts';
import { SimulatedWorld, withoutImpureGlobals } from '../world/index.ts';
import { drawCapacity, drawLaneCount, drawMemberOptions } from './draw-member-options.ts';
import { MemberCluster } from './member-cluster.ts';

/** From the end of all faults until everything is answered and equal everywhere. */
const CONVERGENCE_MS_MAX = 30_000;

export function runMemberSeed({ seed, off }: SeedOptions): SeedResult {
  return withoutImpureGlobals(() => new MemberSeed(seed, new Set(off)).run());
}

class MemberSeed {
  readonly #world: SimulatedWorld;
  readonly #judge: Judge;
  readonly #order: TotalOrder;
  readonly #shadow: ShadowDatabase;
  readonly #history: History;
  readonly #elections: Elections;
  readonly #cluster: MemberCluster;
  readonly #faults: FaultInjector;
  readonly #clients: readonly SimulatedClient[];
  readonly #durationMs: number;
  readonly #configuration: string;
  readonly #told: StreamObserverSetup['told'] = new Map();
  readonly #expected: StreamObserverSetup['expected'] = new Map();
  readonly #streams = zeroStreamCounts();
  #isClosing = false;

  constructor(seed: number, off: ReadonlySet<string>) {
    const world = new SimulatedWorld(seed);
    const random = world.random.split('configuration');
    const memberCount = drawMemberCount(random);
    const laneCount = drawLaneCount(random);
    const capacity = drawCapacity(random);
    const options = drawMemberOptions(random);
    const plan = drawFaultPlan(random, MIXED, off);
    const clientCount = random.between(2, 8);
    const workload = {
      keyCount: random.pick([1, 3, 10, 30]),
      schemaChangePercent: random.pick([0, 0, 1, 5]),
      slowClientPercent: random.pick([0, 5, 20]),
    };
    this.#durationMs = random.between(3000, 12_000);
    this.#configuration = [
      `${memberCount} members, ${laneCount} lanes, certification capacity ${capacity}, ${clientCount} clients, ${this.#durationMs} ms`,
      describeFaultPlan(plan),
      JSON.stringify(workload),
      JSON.stringify(options),
    ].join('\n');
    this.#world = world;
    this.#judge = new Judge(world);
    this.#order = new TotalOrder(this.#judge);
    const judge = this.#judge;
    this.#shadow = new ShadowDatabase({ judge, capacity, codec: imageCodec, newCache: lruRecencyCache });
    this.#order.ordered = (message) => {
      checkNobodyIsElectableWithout(judge, this.#cluster.newestRuns, message);
      this.#shadow.ordered(message);
    };
    this.#history = new History({ judge, shadow: this.#shadow, codec: imageCodec });
    this.#elections = new Elections(judge);
    this.#cluster = new MemberCluster({
      world,
      judge,
      order: this.#order,
      shadow: this.#shadow,
      elections: this.#elections,
      random: world.random.split('members'),
      codec: imageCodec,
      memberCount,
      laneCount,
      capacity,
      options,
      followers: (host) => this.#makeFollowers(host),
    });
    this.#faults = new FaultInjector({ world, targets: this.#cluster, plan, random: world.random.split('faults') });
    this.#clients = this.#makeClients(clientCount, {
      history: this.#history,
      ...workload,
      schemaChanged: (sequenceNumber, op, table) => this.#checkSchemaChange(sequenceNumber, op, table),
    });
  }

  run(): SeedResult {
    const world = this.#world;
    const isOver = (): boolean => this.#judge.violation !== null;
    for (const member of this.#cluster.members) this.#cluster.restart(member);
    for (const client of this.#clients) client.begin();
    world.schedule(world.random.split('beginning').below(2_000_000), () => this.#faults.begin());
    world.runFor(this.#durationMs * 1000, isOver);
    if (!isOver()) {
      this.#faults.heal();
      this.#converge('healing');
      this.#restartAll();
      this.#converge('the restart of all');
    }
    const { counts } = this.#history;
    return {
      seed: world.seed,
      violation: this.#judge.violation,
      fingerprint: world.story.fingerprint,
      faultCounts: world.faultCounts.entries(),
      statistics: {
        events: world.eventsRun,
        terms: this.#elections.leadersSeen,
        ordered: this.#order.length,
        ...this.#shadow.counts,
        'answered committed': counts.committed,
        'answered refused': counts.refused,
        unknown: counts.unknown,
        'read only': counts.readOnly,
        'changes told': this.#streams.changes,
        'streams resumed': this.#streams.resumed,
        'streams too slow': this.#streams.tooSlow,
        'history purged': this.#streams.historyPurged,
      },
      simulatedMs: world.nowUs / 1000,
      configuration: this.#configuration,
      story: world.story.toString(),
    };
  }

  /** One of all changes, one of some table. */
  #makeFollowers(host: string): readonly StreamObserver[] {
    const random = this.#world.random.split(`followers of ${host}`);
    const setup = {
      world: this.#world,
      judge: this.#judge,
      shadow: this.#shadow,
      codec: imageCodec,
      told: this.#told,
      expected: this.#expected,
      counts: this.#streams,
      random,
    };
    return [null, random.pick(Object.keys(TABLES))].map((table) => new StreamObserver(host, table, setup));
  }

  #makeClients(count: number, workload: Workload): readonly SimulatedClient[] {
    const random = this.#world.random.split('clients');
    return Array.from({ length: count }, (_, i) => {
      let isPrepared = i > 0;
      return new SimulatedClient({
        world: this.#world,
        cluster: this.#cluster,
        random: random.split(`client ${i}`),
        nextScript: (client) => {
          if (this.#isClosing) return null;
          if (isPrepared) return drawScript(client, workload);
          return prepareTables(client, workload, () => {
            isPrepared = true;
          });
        },
      });
    });
  }

  /** Clients finish what they have begun; then every member has to be like every other. */
  #converge(what: string): void {
    if (this.#judge.violation !== null) return;
    this.#isClosing = true;
    this.#cluster.followersTakeAll();
    const beganUs = this.#world.nowUs;
    const isDone = (): boolean => this.#clients.every((client) => !client.isBusy) && this.#cluster.isConverged;
    this.#world.runFor(CONVERGENCE_MS_MAX * 1000, () => this.#judge.violation !== null || isDone());
    if (this.#judge.violation !== null) return;
    if (!isDone()) {
      const busy = this.#clients.filter((client) => client.isBusy).length;
      const state = `${busy} clients wait; ${this.#cluster.describe()}`;
      return this.#judge.fail(`not converged ${CONVERGENCE_MS_MAX} ms after ${what}: ${state}`);
    }
    this.#world.tell(`converged ${(this.#world.nowUs - beganUs) / 1000} ms after ${what}`);
    for (const member of this.#cluster.members) this.#cluster.runningOn(member)!.observer.compareState();
  }

  #restartAll(): void {
    if (this.#judge.violation !== null) return;
    this.#world.tell('power is lost everywhere, and comes back');
    for (const member of this.#cluster.members) member.crash('power-lost');
    for (const member of this.#cluster.members) this.#cluster.restart(member);
  }

  #checkSchemaChange(sequenceNumber: number, op: string, table: string): void {
    const { kind } = this.#shadow.certifiedAt(sequenceNumber) ?? { kind: null };
    const definition = this.#shadow.tableAt(table, sequenceNumber);
    const isThere = op === 'dropTable' ? definition === null : definition !== null;
    const isNew = op === 'createTable' || (kind === 'schema-change' && sequenceNumber <= this.#shadow.sequenceNumber);
    this.#judge.check(isThere && isNew, `${op} ${table} is answered with ${sequenceNumber}, where it is not so`);
  }
}
