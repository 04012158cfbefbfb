/**
 * One seed of whole members with clients. While faults strike and members come and go, clients read and write, and
 * observers compare all that the members do. Then a random majority heals and goes on alone, then everybody; within
 * bounds every request is answered and every member has the same state; and so it is again after all have restarted.
 */
import { lruWriterTable } from '../../certifier/cache/index.ts';
import type { LogEntry } from '../../gcs/core/index.ts';
import { DEFAULT_LIMITS } from '../../node/engine/index.ts';
import { drawMemberCount, patienceFor } from '../draw-options.ts';
import { describeFaultPlan, drawFaultPlan, FaultInjector, MIXED, RARE } from '../faults/index.ts';
import { aboveBaseLine, BASE_LINE_MS_MAX } from '../observers/base-line.ts';
import { ConstraintObserver } from '../observers/constraint-observer.ts';
import { checkNobodyIsElectableWithout } from '../observers/electability.ts';
import { Elections } from '../observers/elections.ts';
import { Judge } from '../observers/judge.ts';
import { Reads } from '../observers/reads.ts';
import { RowObserver } from '../observers/row-observer.ts';
import { ShadowDatabase } from '../observers/shadow-database.ts';
import { StampWatch } from '../observers/stamps.ts';
import { StreamObserver, type StreamObserverSetup, zeroStreamCounts } from '../observers/stream-observer.ts';
import { type OrderedMessage, TotalOrder } from '../observers/total-order.ts';
import { healAll, healMajority, type PhaseSetup, waitUntil } from '../phases.ts';
import type { Profile, SeedOptions, SeedResult } from '../seed-result.ts';
import { type Alteration, missingOf } from '../workload/alteration-scripts.ts';
import { History } from '../workload/history.ts';
import { imageCodec } from '../workload/image-codec.ts';
import { KeyedRequests } from '../workload/keyed-requests.ts';
import type { Workload } from '../workload/script-parts.ts';
import { drawScript, prepareTables, TABLES } from '../workload/scripts.ts';
import { SimulatedClient } from '../workload/simulated-client.ts';
import { SimulatedWorld, WORLD_BEGAN_AT_MS, withoutImpureGlobals } from '../world/index.ts';
import { drawCapacity, drawLaneCount, drawMemberOptions } from './draw-member-options.ts';
import { MemberCluster, type MemberMachine } from './member-cluster.ts';

/** From the healing of a majority until all requests are answered and it has the same state; times the patience. */
const MAJORITY_MS_MAX = 60_000;
/** From the healing of all until everybody is a member again and has the same state. */
const CONVERGENCE_MS_MAX = 90_000;
/** How often somebody asks for a read index, and how often those who follow changes look. */
const LOOK_EVERY_US: Readonly<Record<Profile, number>> = { usual: 500_000, long: 10_000_000 };
/** A seed in which much happens ends its faults so many events after they began: others meet what takes long. */
const EVENTS_BEFORE_HEALING = [3000, 6000, 12_000, 20_000];
const LONG_EVENTS_BEFORE_HEALING = 400_000;

export function runMemberSeed(options: SeedOptions): SeedResult {
  return withoutImpureGlobals(() => new MemberSeed(options).run());
}

class MemberSeed {
  readonly #world: SimulatedWorld;
  readonly #judge: Judge;
  readonly #order: TotalOrder;
  readonly #shadow: ShadowDatabase;
  readonly #history: History;
  readonly #constraints: ConstraintObserver;
  readonly #elections: Elections;
  readonly #reads: Reads;
  readonly #stamps: StampWatch;
  readonly #cluster: MemberCluster;
  readonly #faults: FaultInjector;
  readonly #clients: readonly SimulatedClient[];
  readonly #durationMs: number;
  readonly #eventsOfFaults: number;
  readonly #lookEveryUs: number;
  /** See `patienceFor`. */
  readonly #patience: number;
  readonly #configuration: string;
  readonly #told: StreamObserverSetup['told'] = new Map();
  readonly #expected: StreamObserverSetup['expected'] = new Map();
  readonly #streams = zeroStreamCounts();
  #isClosing = false;

  constructor({ seed, profile, off, leftOut }: SeedOptions) {
    const world = new SimulatedWorld(seed);
    const random = world.random.split('configuration');
    const isLong = profile === 'long';
    const memberCount = drawMemberCount(random);
    const laneCount = drawLaneCount(random);
    const capacity = drawCapacity(random);
    const options = drawMemberOptions(random, profile);
    const plan = drawFaultPlan(random, isLong ? RARE : MIXED, new Set(off));
    const clientCount = random.between(2, 8);
    const workload = {
      keyCount: random.pick([1, 3, 10, 30]),
      schemaChangePercent: random.pick([0, 0, 1, 5, 30]),
      ruleChangePercent: world.random.split('rule').pick([0, 0, 2, 10]),
      slowClientPercent: random.pick([0, 5, 20]),
      constrainedPercent: random.pick([5, 10, 30, 80]),
      largeRowBytes: random.pick([8000, 8000, 60_000]),
    };
    // Beyond them, what was read becomes wider ranges.
    const readBounds = { readKeysMax: random.pick([1, 3, 10_000]), readRangesMax: random.pick([1, 2, 256]) };
    // How long keys are kept: for ever, as far as a seed goes, or so that they are forgotten meanwhile.
    const horizonMs = random.pick([86_400_000, 86_400_000, isLong ? 600_000 : 3000]);
    const limits = { ...DEFAULT_LIMITS, ...readBounds };
    const thinkMs = random.pick(isLong ? [20_000, 60_000, 120_000] : [20, 200, 1000, 4000]);
    this.#durationMs = isLong ? random.between(3_600_000, 7_200_000) : random.between(10_000, 120_000);
    this.#eventsOfFaults = isLong ? LONG_EVENTS_BEFORE_HEALING : random.pick(EVENTS_BEFORE_HEALING);
    this.#lookEveryUs = LOOK_EVERY_US[profile];
    this.#patience = patienceFor(options.group);
    this.#configuration = [
      `${memberCount} members, ${laneCount} lanes, certification capacity ${capacity}, ${clientCount} clients that think for ${thinkMs} ms, ${this.#durationMs} ms`,
      describeFaultPlan(plan),
      JSON.stringify({ ...workload, ...readBounds, horizonMs }),
      JSON.stringify(options),
    ].join('\n');
    this.#world = world;
    this.#judge = new Judge(world);
    this.#order = new TotalOrder(this.#judge, world.coverage);
    const judge = this.#judge;
    this.#shadow = new ShadowDatabase({
      judge,
      capacity,
      horizonMs,
      codec: imageCodec,
      newWriterTable: lruWriterTable,
    });
    this.#order.ordered = (entry, message) => this.#ordered(entry, message);
    this.#history = new History({ judge, shadow: this.#shadow, codec: imageCodec });
    this.#constraints = new ConstraintObserver({ judge, shadow: this.#shadow, codec: imageCodec });
    new RowObserver({ judge, shadow: this.#shadow, codec: imageCodec });
    this.#elections = new Elections(judge);
    this.#elections.takenOver = () => world.coverage.add('leadership is transferred');
    const votersLeast = (): number => this.#cluster.votersLeast;
    this.#reads = new Reads({ world, judge, order: this.#order, votersLeast });
    const boundMs = options.group.consensus.stampBoundMs;
    this.#stamps = new StampWatch({ world, judge, boundMs, votersLeast });
    this.#cluster = new MemberCluster({
      world,
      judge,
      order: this.#order,
      shadow: this.#shadow,
      elections: this.#elections,
      reads: this.#reads,
      random: world.random.split('members'),
      codec: imageCodec,
      memberCount,
      laneCount,
      capacity,
      horizonMs,
      options,
      limits,
      followers: (host) => this.#makeFollowers(host),
    });
    this.#faults = new FaultInjector({
      world,
      targets: this.#cluster,
      plan,
      random: world.random.split('faults'),
      leftOut: new Set(leftOut),
    });
    this.#clients = this.#makeClients(
      { count: clientCount, thinkMs },
      {
        history: this.#history,
        ...workload,
        keyed: new KeyedRequests(),
        keysAreTimed: horizonMs < 86_400_000,
        nowMs: () => WORLD_BEGAN_AT_MS + world.nowUs / 1000,
        met: (situation) => world.coverage.add(situation),
        schemaChanged: (sequenceNumber, op, table) => this.#checkSchemaChange(sequenceNumber, op, table),
        altered: (sequenceNumber, table, alteration) => this.#checkAlteration(sequenceNumber, table, alteration),
      },
    );
  }

  run(): SeedResult {
    const world = this.#world;
    for (const member of this.#cluster.members) this.#cluster.restart(member);
    for (const client of this.#clients) client.begin();
    this.#readNowAndThen();
    let eventsMax = Number.POSITIVE_INFINITY;
    world.schedule(world.random.split('beginning').below(2_000_000), () => {
      eventsMax = world.eventsRun + this.#eventsOfFaults;
      this.#faults.begin();
    });
    world.runFor(this.#durationMs * 1000, () => this.#judge.violation !== null || world.eventsRun >= eventsMax);
    if (this.#judge.violation === null) this.#converge();
    if (this.#judge.violation === null) this.#history.checkSerialOrder();
    if (this.#shadow.counts.placedEarlier > 0)
      world.coverage.add('a transaction comes earlier in the serial order', this.#shadow.counts.placedEarlier);
    if (this.#shadow.counts.dangerousStructures > 0)
      world.coverage.add('a dangerous structure is refused', this.#shadow.counts.dangerousStructures);
    const { counts } = this.#history;
    if (this.#shadow.counts.floorRises > 0)
      world.coverage.add('the purge floor is raised', this.#shadow.counts.floorRises);
    if (this.#shadow.counts.timeMarks > 0) world.coverage.add('time is marked', this.#shadow.counts.timeMarks);
    if (this.#shadow.counts.rangeConflicts > 0)
      world.coverage.add('a range that was read was written into', this.#shadow.counts.rangeConflicts);
    if (this.#shadow.counts.outOfBounds > 0)
      world.coverage.add('an increment is out of bounds', this.#shadow.counts.outOfBounds);
    return {
      seed: world.seed,
      violation: this.#judge.violation,
      fingerprint: world.story.fingerprint,
      faultCounts: world.faultCounts.entries(),
      coverage: world.coverage.entries(),
      struck: this.#faults.struck,
      statistics: {
        terms: this.#elections.leadersSeen,
        views: this.#order.viewsSeen,
        ordered: this.#order.length,
        ...this.#shadow.counts,
        'answered committed': counts.committed,
        'answered refused': counts.refused,
        unknown: counts.unknown,
        'read only': counts.readOnly,
        'answered SERIALIZABLE': counts.serializable,
        'answered READ COMMITTED': counts.readCommitted,
        'constraints checked': this.#constraints.checked,
        'changes told': this.#streams.changes,
        'streams resumed': this.#streams.resumed,
        'streams too slow': this.#streams.tooSlow,
        'history purged': this.#streams.historyPurged,
      },
      events: world.eventsRun,
      simulatedMs: world.nowUs / 1000,
      configuration: this.#configuration,
      story: world.story.toString(),
    };
  }

  #ordered(entry: LogEntry, message: OrderedMessage | null): void {
    checkNobodyIsElectableWithout(this.#judge, this.#cluster.roster.groups, entry);
    this.#stamps.ordered(entry);
    if (message !== null) this.#shadow.ordered(message);
  }

  /** Somebody asks how far it has to be to read the newest. */
  #readNowAndThen(): void {
    const random = this.#world.random.split('reads');
    const again = (): void => {
      this.#world.schedule(random.between(1, 2 * this.#lookEveryUs), again);
      const host = random.pick(this.#cluster.members);
      const running = this.#cluster.runningOn(host);
      if (running === null || running.process.isPaused) return;
      const read = this.#reads.asked(host);
      running.process.turn(() =>
        running.member.readIndex((index) => {
          if (running.process.isAlive) this.#reads.answered(read, index);
        }),
      );
    };
    again();
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
      lookEveryUs: this.#lookEveryUs,
    };
    return [null, random.pick(Object.keys(TABLES))].map((table) => new StreamObserver(host, table, setup));
  }

  #makeClients(
    { count, thinkMs }: { readonly count: number; readonly thinkMs: number },
    workload: Workload,
  ): readonly SimulatedClient[] {
    const random = this.#world.random.split('clients');
    return Array.from({ length: count }, (_, i) => {
      let isPrepared = i > 0;
      return new SimulatedClient({
        world: this.#world,
        cluster: this.#cluster,
        random: random.split(`client ${i}`),
        thinkMs,
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
  #converge(): void {
    const cluster = this.#cluster;
    const { roster } = cluster;
    const phase: PhaseSetup<MemberMachine> = {
      world: this.#world,
      judge: this.#judge,
      roster,
      faults: this.#faults,
      random: this.#world.random.split('healing'),
      describe: () => `${this.#clients.filter((client) => client.isBusy).length} clients wait; ${cluster.describe()}`,
    };
    const areAnswered = (): boolean => this.#clients.every((client) => !client.isBusy);
    cluster.endIntrusion();
    this.#isClosing = true;
    cluster.followersTakeAll();
    const goesOn = healMajority(phase, {
      msMax: MAJORITY_MS_MAX * this.#patience,
      healed: () => {},
      isDone: (core) => areAnswered() && core.every(({ host, hasLeft }) => hasLeft || cluster.isUpToDate(host)),
    });
    if (!goesOn) return;
    healAll(phase);
    // Whoever leads builds what is left to be built, also what nobody waits for any more.
    const isBuilt = (): boolean => this.#shadow.builds.length === 0;
    const isDone = (): boolean =>
      isBuilt() && roster.isSettled && roster.wanted.every(({ host }) => cluster.isUpToDate(host));
    if (!waitUntil(phase, { what: 'the healing of all', msMax: CONVERGENCE_MS_MAX * this.#patience, isDone })) return;
    this.#compareAll();
    this.#checkNothingLocked();
    this.#world.tell('power is lost everywhere, and comes back');
    for (const { host } of roster.machines) host.crash('power-lost');
    for (const { host } of roster.wanted) cluster.restart(host);
    if (!waitUntil(phase, { what: 'the restart of all', msMax: CONVERGENCE_MS_MAX * this.#patience, isDone })) return;
    this.#compareAll();
    waitUntil(
      { ...phase, describe: () => this.#excess() ?? '' },
      {
        what: 'all that, at the base line,',
        msMax: BASE_LINE_MS_MAX * this.#patience,
        isDone: () => this.#excess() === null,
      },
    );
  }

  /** What somebody holds although nothing happens; null: nothing. */
  #excess(): string | null {
    const { roster } = this.#cluster;
    const members = roster.machines.length;
    for (const { host } of roster.wanted) {
      const running = this.#cluster.runningOn(host);
      if (running === null) return `${host.name} does not take part`;
      const { member } = running;
      if (member.waitingCommits > 0) return `${host.name} has commits waiting`;
      const above = aboveBaseLine(this.#world, { host, group: member.group, members });
      if (above !== null) return above;
    }
    return null;
  }

  /** All clients have ended what they had begun. */
  #checkNothingLocked(): void {
    for (const { host } of this.#cluster.roster.wanted) {
      const running = this.#cluster.runningOn(host);
      if (running === null || running.member.waitingCommits > 0) continue;
      const { lockedRows, lockWaiters, rowWaiters, counters } = running.engine;
      if (counters.lockWaits > 0) this.#world.coverage.add('a row is waited for', counters.lockWaits);
      const { batchDelayRaised } = running.member.counters;
      if (batchDelayRaised > 0) this.#world.coverage.add('batches wait for company', batchDelayRaised);
      if (counters.rowsCascaded > 0)
        this.#world.coverage.add('rows change with what they refer to', counters.rowsCascaded);
      if (counters.locksLost > 0) this.#world.coverage.add('a holder is overtaken', counters.locksLost);
      this.#judge.check(
        lockedRows === 0 && lockWaiters === 0 && rowWaiters === 0,
        () =>
          `${host.name} has ${lockedRows} rows locked and ${lockWaiters} waiting for one, and ${rowWaiters} writes waiting for others, although nobody does anything`,
      );
    }
  }

  #compareAll(): void {
    for (const { host } of this.#cluster.roster.wanted) this.#cluster.runningOn(host)?.observer.compareState();
  }

  #checkAlteration(sequenceNumber: number, table: string, alteration: Alteration): void {
    this.#checkSchemaChange(sequenceNumber, 'alterTable', table);
    const definition = this.#shadow.tableAt(table, sequenceNumber);
    const missing = definition === null ? table : missingOf(alteration, definition);
    this.#judge.check(missing === null, () => `an alteration is answered with ${sequenceNumber}, without ${missing}`);
    if (alteration.addColumns !== undefined) this.#world.coverage.add('a column is added');
    if (alteration.dropColumns !== undefined) this.#world.coverage.add('a column is dropped');
  }

  #checkSchemaChange(sequenceNumber: number, op: string, table: string): void {
    const { kind } = this.#shadow.certifiedAt(sequenceNumber) ?? { kind: null };
    const definition = this.#shadow.tableAt(table, sequenceNumber);
    const isThere = op === 'dropTable' ? definition === null : definition !== null;
    const isNew = op === 'createTable' || (kind === 'schema-change' && sequenceNumber <= this.#shadow.sequenceNumber);
    this.#judge.check(isThere && isNew, () => `${op} ${table} is answered with ${sequenceNumber}, where it is not so`);
  }
}
