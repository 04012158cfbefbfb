/**
 * A group of one member, in memory and by definition: all versions of all rows are kept, certification scans them. Time
 * stands still until `advance`; commits and schema changes are decided when `settle` is called, in the order handed in.
 */
import type { KeyRange } from '../../../applier/types.ts';
import { compareCommitTimes, hasDelta } from '../../../certifier/index.ts';
import type { CommitTime, RowKey, Transaction, WriteSetItem } from '../../../certifier/types.ts';
import { type Clock, SeededRandom, type SequenceNumber } from '../../../gcs/base/index.ts';
import { type BuildOutcome, BuildWatch } from '../builds/build-watch.ts';
import { Catalog } from '../catalog.ts';
import { IdempotencyKeys } from '../idempotency/idempotency-keys.ts';
import type { KeyQuestion, KeyRefusal } from '../idempotency/judge-key.ts';
import { keyAttributeOf } from '../idempotency/key-attribute.ts';
import { catalogItemKey } from '../key-codec.ts';
import { DEFAULT_LIMITS, type Limits } from '../limits.ts';
import { publicationOf } from '../member/publication.ts';
import { IncrementResolver, resolvedRows, writesOf } from '../member/resolved-increments.ts';
import { effectOfVariable } from '../member/variable-effect.ts';
import {
  type AbortOutcome,
  type Administration,
  type AdministrationOutcome,
  type AttachedSessions,
  type CommitOutcome,
  type ConflictRecord,
  type ConflictSummary,
  type FenceOutcome,
  type LostConflict,
  type MemberRow,
  type MemberState,
  type OrderedChange,
  type OrderedTimes,
  type Publication,
  type Refusal,
  type Replica,
  type SchemaOutcome,
  type SnapshotHandle,
  type TransactionRow,
  type VariableChange,
  type ViewRow,
  type WatchedRows,
  zeroTimes,
} from '../replica.ts';
import type { Connection } from '../sessions/connection.ts';
import { Engine } from '../sessions/engine.ts';
import { NOTHING_SLOW, type SlowTransactionsOptions } from '../sessions/slow-transactions.ts';
import type { Build } from '../table-definition.ts';
import { CERTIFICATION_CAPACITY, type VariableRow, Variables } from '../variables.ts';
import { testImageCodec } from './image-codec.ts';

export const GROUP_ID = '6f1c1e0a-0000-4000-8000-000000000001';
export const MEMBER_ID = '6f1c1e0a-0000-4000-8000-0000000000aa';

export class ManualClock implements Clock {
  #nowMs = 0;
  #calls: { atMs: number; callback: () => void }[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_795_165_200_000 + this.#nowMs;
  }

  schedule(delayMs: number, callback: () => void): { cancel(): void } {
    const call = { atMs: this.#nowMs + delayMs, callback };
    this.#calls.push(call);
    return {
      cancel: () => {
        this.#calls = this.#calls.filter((other) => other !== call);
      },
    };
  }

  get scheduled(): number {
    return this.#calls.length;
  }

  /** What is due, and not what that schedules. */
  turn(): void {
    const due = this.#calls.filter((call) => call.atMs <= this.#nowMs);
    this.#calls = this.#calls.filter((call) => call.atMs > this.#nowMs);
    for (const { callback } of due) callback();
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#calls.filter((call) => call.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#calls.splice(this.#calls.indexOf(next), 1);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}

interface Version {
  readonly sequenceNumber: SequenceNumber;
  readonly image: Uint8Array | null;
}

/** How long idempotency keys are kept. */
export const HORIZON_MS = 3_600_000;

export class SoloReplica implements Replica {
  readonly groupName = 'test';
  readonly groupId = GROUP_ID;
  readonly memberId = MEMBER_ID;
  readonly ordinal = 0;
  readonly incarnation = 7;
  /** Told by other members. */
  elsewhere: readonly Omit<TransactionRow, 'holdsFloor'>[] = [];
  /** Members and transactions, and what is answered. */
  readonly abortsAsked: [memberId: string, transactionId: string][] = [];
  abortOutcome: AbortOutcome = 'ended';
  state: MemberState = 'ONLINE';
  appliedUpTo: SequenceNumber = 0;
  /** What every commit is refused with, while it is set. */
  refusal: Refusal | { readonly kind: 'unknown' } | { readonly kind: 'snapshot-too-old'; purgeFloor: number } | null =
    null;
  /** Transactions handed to the group. */
  readonly committed: Transaction[] = [];
  readonly commitsAnsweredMs: number[] = [];
  readonly orderedAnswered: OrderedTimes[] = [];
  /** What the next commits are said to have taken. */
  orderedTimes: OrderedTimes = zeroTimes();
  heldFrom: SequenceNumber = 0;
  viewRevision = 0;
  viewNumber = 1;
  /** What was asked by `administer`, and what is answered. */
  readonly administered: Administration[] = [];
  administrationOutcome: AdministrationOutcome = { kind: 'done', viewId: '1:1' };
  readonly #views: ViewRow[] = [];
  conflictsSeen = 0;
  /** Of those told to followers. */
  conflictsKeptMax = 1000;
  readonly keys = new IdempotencyKeys(this, HORIZON_MS);
  /** Of the last commit. */
  committedMs = 0;
  readonly #publications: Publication[] = [];
  readonly #conflicts: ConflictRecord[] = [];
  #watchers: (() => void)[] = [];
  #watchedRows: WatchedRows | null = null;
  readonly #clock: Clock;
  readonly #rows = new Map<RowKey, Version[]>();
  readonly #writers = new Map<RowKey, SequenceNumber>();
  /** Who put or deleted a row last, or marked a key; not who incremented it. */
  readonly #exclusive = new Map<RowKey, SequenceNumber>();
  /** Who began last to refer to a key. */
  readonly #referrers = new Map<RowKey, SequenceNumber>();
  /** Who deleted the row last. */
  readonly #deleters = new Map<RowKey, SequenceNumber>();
  readonly #resolver = new IncrementResolver(testImageCodec, {
    imageOf: (key) => this.get(key, this.appliedUpTo),
    tableById: (tableId) => this.#catalog.tableById(tableId),
  });
  readonly #catalog = new Catalog();
  readonly #builds = new BuildWatch();
  readonly #variables = new Variables({ [CERTIFICATION_CAPACITY]: 1000 });
  readonly #snapshots = new Set<{ ended: () => void }>();
  #marked: CommitTime = { physicalMs: 0, logical: 0 };
  #undecided: (() => void)[] = [];
  #waiters: { sequenceNumber: SequenceNumber; done: () => void }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get openSnapshots(): number {
    return this.#snapshots.size;
  }

  get undecided(): number {
    return this.#undecided.length;
  }

  memberIdOf(): string {
    return MEMBER_ID;
  }

  acquireSnapshot(ended: () => void): SnapshotHandle {
    const snapshot = { ended };
    this.#snapshots.add(snapshot);
    const release = () => this.#snapshots.delete(snapshot);
    return { sequenceNumber: this.appliedUpTo, stopReading: release, release };
  }

  /** Snapshots of those who may write, in the order in which they were taken. */
  readonly floorsHeld: SequenceNumber[] = [];

  acquireSnapshotToWrite(ended: () => void): SnapshotHandle {
    const handle = this.acquireSnapshot(ended);
    const { sequenceNumber } = handle;
    this.floorsHeld.push(sequenceNumber);
    let isHeld = true;
    const release = (): void => {
      handle.release();
      if (isHeld) this.floorsHeld.splice(this.floorsHeld.indexOf(sequenceNumber), 1);
      isHeld = false;
    };
    return { ...handle, release };
  }

  /** Of the last commit, or of the last mark, which `settle` makes for who waits. */
  get timeReached(): CommitTime {
    const last = this.#publications.at(-1)?.commitTime ?? { physicalMs: 0, logical: 0 };
    return compareCommitTimes(last, this.#marked) > 0 ? last : this.#marked;
  }

  whenTimeReached(time: CommitTime, done: () => void): { cancel(): void } {
    const isReached = () => compareCommitTimes(this.timeReached, time) >= 0;
    if (isReached()) {
      done();
      return { cancel: () => {} };
    }
    let isWaiting = true;
    const look = (): void => {
      if (!isWaiting) return;
      this.#marked = { physicalMs: this.#clock.wallMs(), logical: 0 };
      if (!isReached()) this.#clock.schedule(1, () => this.#undecided.push(look));
      else done();
    };
    this.#undecided.push(look);
    return {
      cancel: () => {
        isWaiting = false;
      },
    };
  }

  get heldFromTime(): CommitTime | null {
    if (this.heldFrom === 0) return { physicalMs: 0, logical: 0 };
    return this.#publications[this.heldFrom - 1]!.commitTime;
  }

  sequenceNumberAt(time: CommitTime): SequenceNumber | null {
    const last = this.#publications.findLast(({ commitTime }) => compareCommitTimes(commitTime, time) <= 0);
    const sequenceNumber = last?.sequenceNumber ?? 0;
    return sequenceNumber < this.heldFrom ? null : sequenceNumber;
  }

  acquireSnapshotAt(sequenceNumber: SequenceNumber, ended: () => void): SnapshotHandle {
    return { ...this.acquireSnapshot(ended), sequenceNumber };
  }

  /** As a member short of memory does. */
  endSnapshots(): void {
    for (const snapshot of [...this.#snapshots]) {
      this.#snapshots.delete(snapshot);
      snapshot.ended();
    }
  }

  get(key: RowKey, snapshot: SequenceNumber): Uint8Array | undefined {
    const versions = this.#rows.get(key) ?? [];
    return versions.findLast((version) => version.sequenceNumber <= snapshot)?.image ?? undefined;
  }

  scan(range: KeyRange, snapshot: SequenceNumber, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]> {
    const rows: [RowKey, Uint8Array][] = [];
    for (const key of [...this.#rows.keys()].sort()) {
      const image = key >= range.from && key < range.to ? this.get(key, snapshot) : undefined;
      if (image !== undefined) rows.push([key, image]);
    }
    return reverse ? rows.reverse() : rows;
  }

  table(name: string, snapshot: SequenceNumber) {
    return this.#catalog.tableAt(name, snapshot);
  }

  tables(snapshot: SequenceNumber) {
    return this.#catalog.tablesAt(snapshot);
  }

  preCertify(transaction: Transaction): LostConflict | null {
    const lost = this.#conflictOf(transaction);
    return lost === null ? null : { ...lost, phase: 'local' };
  }

  attach({ watchedRows }: AttachedSessions): void {
    this.#watchedRows = watchedRows;
  }

  keyRefusal(question: KeyQuestion): KeyRefusal | null {
    const { committedMs } = this;
    return this.keys.judge(question, { committedMs, stampMs: committedMs });
  }

  expiredKeys(): readonly RowKey[] {
    return [];
  }

  fenceKey(key: string, _deadlineMs: number, done: (outcome: FenceOutcome) => void): void {
    this.#undecided.push(() => {
      if (this.refusal !== null && this.refusal.kind !== 'snapshot-too-old') return done(this.refusal);
      const refused = this.keyRefusal({ key, fingerprint: null });
      if (refused !== null) return done(refused);
      const sequenceNumber = this.appliedUpTo + 1;
      const { commitTime } = this.#publish(sequenceNumber, { writes: [], schema: null });
      const writes = this.keys.fence(key, { sequenceNumber, commitTime });
      for (const write of writes) this.#write(write.key, sequenceNumber, write.image);
      this.#applied(sequenceNumber);
      done({ kind: 'fenced' });
    });
  }

  /** A transaction of another member that writes these was refused. */
  lostElsewhere(writeSet: readonly WriteSetItem[]): void {
    this.#watchedRows?.lost(writeSet, 1);
  }

  /** As far as sessions are told of it. */
  writtenElsewhere(rows: readonly { readonly key: RowKey }[]): void {
    if (this.#watchedRows!.size > 0) this.#watchedRows!.written(rows, 1);
  }

  transactionsElsewhere(): readonly Omit<TransactionRow, 'holdsFloor'>[] {
    return this.elsewhere;
  }

  abortElsewhere(memberId: string, transactionId: string, done: (outcome: AbortOutcome) => void): void {
    this.abortsAsked.push([memberId, transactionId]);
    this.#undecided.push(() => done(this.abortOutcome));
  }

  commit(transaction: Transaction, _deadlineMs: number, done: (outcome: CommitOutcome) => void): void {
    this.committed.push(transaction);
    this.#undecided.push(() => done(this.refusal ?? this.#certify(transaction)));
  }

  changeSchema(change: OrderedChange, _deadlineMs: number, done: (outcome: SchemaOutcome) => void): void {
    this.#undecided.push(() => {
      if (this.refusal !== null && this.refusal.kind !== 'snapshot-too-old') return done(this.refusal);
      if (change.kind === 'set-variable') return done(this.#setVariable(change));
      const judged = this.#catalog.judge(change);
      if (judged.kind === 'nothing') {
        return done({ kind: 'done', sequenceNumber: this.appliedUpTo, changed: false, build: null });
      }
      if (judged.kind !== 'done') return done(judged);
      const sequenceNumber = this.appliedUpTo + 1;
      const schema = this.#catalog.apply(sequenceNumber, judged, testImageCodec);
      this.#publish(sequenceNumber, { writes: [], schema });
      const { writes, clear } = publicationOf(schema);
      for (const { from, to } of clear) {
        for (const row of this.#rows.keys()) if (row >= from && row < to) this.#write(row, sequenceNumber, null);
      }
      for (const { key, image } of writes) this.#write(key, sequenceNumber, image);
      for (const tableId of schema.concerned) this.#writers.set(catalogItemKey(tableId), sequenceNumber);
      this.#applied(sequenceNumber);
      this.#watchedRows?.tablesChanged(schema.concerned);
      this.#builds.schemaChanged(sequenceNumber, change, judged);
      done({ kind: 'done', sequenceNumber, changed: true, build: judged.build });
    });
  }

  whenBuilt(build: Build, done: (outcome: BuildOutcome) => void): { cancel(): void } {
    return this.#builds.add(build, done);
  }

  buildRows(): number | null {
    return 7;
  }

  variables(): readonly VariableRow[] {
    return this.#variables.rows();
  }

  ordersReads(): boolean {
    return false;
  }

  /** Decides everything handed in, and what follows from it, until nothing is undecided. */
  settle(): void {
    while (this.#undecided.length > 0) this.decideNext();
  }

  decideNext(): void {
    this.#undecided.shift()?.();
  }

  whenApplied(sequenceNumber: SequenceNumber, done: () => void): { cancel(): void } {
    if (sequenceNumber <= this.appliedUpTo) {
      done();
      return { cancel: () => {} };
    }
    const waiter = { sequenceNumber, done };
    this.#waiters.push(waiter);
    return {
      cancel: () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
      },
    };
  }

  members(): readonly MemberRow[] {
    return [
      {
        memberId: MEMBER_ID,
        host: '127.0.0.1',
        port: 7001,
        state: this.state,
        role: 'PRIMARY',
        version: '0',
        viewId: '1:1',
        weight: 50,
        reachable: true,
        leads: true,
        learner: false,
        hasRoom: true,
        claims: false,
        reaches: [MEMBER_ID],
        transfer: null,
      } as const,
    ];
  }

  memberStats() {
    return [];
  }

  publications(after: SequenceNumber, countMax: number): readonly Publication[] {
    return this.#publications.filter(({ sequenceNumber }) => sequenceNumber > after).slice(0, countMax);
  }

  tableById(tableId: number, snapshot?: SequenceNumber) {
    return this.#catalog.tableById(tableId, snapshot);
  }

  followChanges(): { stop(): void } {
    return { stop: () => {} };
  }

  watch(changed: () => void): { stop(): void } {
    this.#watchers.push(changed);
    return {
      stop: () => {
        this.#watchers = this.#watchers.filter((watcher) => watcher !== changed);
      },
    };
  }

  get watched(): boolean {
    return this.#watchers.length > 0;
  }

  readIndex(done: (index: number | null) => void): void {
    done(this.appliedUpTo);
  }

  administer(request: Administration, done: (outcome: AdministrationOutcome) => void): void {
    this.administered.push(request);
    this.#undecided.push(() => done(this.administrationOutcome));
  }

  viewsAfter(after: number): readonly ViewRow[] {
    return this.#views.filter(({ number }) => number > after);
  }

  viewInstalled(change: { joined: readonly string[]; left: readonly string[] }): void {
    const number = ++this.viewNumber;
    this.#views.push({ ...change, number, viewId: `1:${number}`, members: this.members() });
    this.viewChanged();
  }

  viewChanged(): void {
    this.viewRevision++;
    this.#tellWatchers();
  }

  conflictSeen(conflict: ConflictRecord): void {
    this.conflictsSeen = this.#conflicts.push(conflict);
    this.#tellWatchers();
  }

  conflictsAfter(after: number, countMax: number): readonly ConflictRecord[] | null {
    if (after < this.conflictsSeen - this.conflictsKeptMax) return null;
    return this.#conflicts.slice(after, after + countMax);
  }

  conflicts(limit: number, table: string | null): readonly ConflictRecord[] {
    const winner = { member: MEMBER_ID, gtid: `${GROUP_ID}:1` };
    const loser = { member: MEMBER_ID, transactionId: '1' };
    const record: ConflictRecord = {
      time: 'now',
      table: 'a.b',
      item: 'row',
      key: 1,
      reason: 'conflict',
      phase: 'group',
      loser,
      winner,
      snapshotVersion: 0,
      late: 1,
      standsFor: 1,
    };
    return table === null || table === 'a.b' ? [record].slice(0, limit) : [];
  }

  conflictSummary(): ConflictSummary {
    return { since: null, conflicts: 0, hotRows: [], pairs: [], causes: [], distances: [] };
  }

  commitAnswered(ms: number, { l2Ms, l0Ms }: OrderedTimes): void {
    this.commitsAnsweredMs.push(ms);
    this.orderedAnswered.push({ l2Ms, l0Ms });
  }

  #setVariable({ name, value }: VariableChange): SchemaOutcome {
    const changed = this.#variables.isChange(name, value);
    if (!changed) return { kind: 'done', sequenceNumber: this.appliedUpTo, changed, build: null };
    const sequenceNumber = this.appliedUpTo + 1;
    this.#variables.set(name, value, sequenceNumber);
    const schema = effectOfVariable(name, value, testImageCodec);
    this.#publish(sequenceNumber, { writes: [], schema });
    for (const { key, image } of schema.rows) this.#write(key, sequenceNumber, image);
    this.#applied(sequenceNumber);
    return { kind: 'done', sequenceNumber, changed, build: null };
  }

  #conflictOf({ snapshotVersion, writeSet, ranges = [] }: Transaction): LostConflict | null {
    if (writeSet.length === 0) throw new Error('a write set is not empty');
    for (const { key, kind, snapshotVersion: own = snapshotVersion } of writeSet) {
      const referrer = kind === 'reference' || kind === 'delta' ? 0 : (this.#referrers.get(key) ?? 0);
      const writers = kind === 'delta' ? this.#deleters : kind === 'reference' ? this.#exclusive : this.#writers;
      const sequenceNumber = Math.max(writers.get(key) ?? 0, referrer);
      if (sequenceNumber > own) {
        return { kind: 'conflict', key, found: 'item', winner: { sequenceNumber, origin: 0 }, phase: 'group' };
      }
    }
    for (const [key, sequenceNumber] of this.#writers) {
      if (sequenceNumber <= snapshotVersion || !ranges.some(({ from, to }) => from <= key && key < to)) continue;
      return { kind: 'conflict', key, found: 'range', winner: { sequenceNumber, origin: 0 }, phase: 'group' };
    }
    return null;
  }

  #certify(transaction: Transaction): CommitOutcome {
    const attribute = keyAttributeOf(transaction);
    const refused = attribute === null ? null : this.keyRefusal(attribute);
    if (refused !== null) return refused;
    const lost = this.#conflictOf(transaction);
    if (lost !== null) return lost;
    let resolved: Uint8Array | null = null;
    if (hasDelta(transaction.writeSet)) {
      const resolution = this.#resolver.resolve(transaction);
      if (resolution.kind === 'out-of-bounds') {
        return { kind: 'out-of-bounds', key: resolution.item.key, refused: resolution.facts };
      }
      resolved = resolution.bytes;
    }
    const sequenceNumber = this.appliedUpTo + 1;
    const writes = writesOf(transaction, resolved).map(({ key, image }) => ({ key, image }));
    for (const { key, image } of writes) this.#write(key, sequenceNumber, image);
    for (const { key, kind } of transaction.writeSet) {
      if (kind === 'mark') this.#writers.set(key, sequenceNumber);
      else if (kind === 'reference') this.#referrers.set(key, sequenceNumber);
      if (kind === 'put' || kind === 'delete' || kind === 'mark') this.#exclusive.set(key, sequenceNumber);
    }
    const { commitTime } = this.#publish(sequenceNumber, { writes, schema: null });
    if (attribute !== null) {
      const { snapshotVersion } = transaction;
      for (const { key, image } of this.keys.bind(attribute, { sequenceNumber, commitTime, snapshotVersion })) {
        this.#write(key, sequenceNumber, image);
      }
    }
    this.#applied(sequenceNumber);
    this.#watchedRows?.written(writes, 0);
    const committed = { kind: 'committed', sequenceNumber, commitTime } as const;
    return resolved === null ? committed : { ...committed, resolved: resolvedRows(transaction, resolved) };
  }

  #write(key: RowKey, sequenceNumber: SequenceNumber, image: Uint8Array | null): void {
    const versions = this.#rows.get(key) ?? [];
    versions.push({ sequenceNumber, image });
    this.#rows.set(key, versions);
    this.#writers.set(key, sequenceNumber);
    if (image === null) this.#deleters.set(key, sequenceNumber);
  }

  #applied(sequenceNumber: SequenceNumber): void {
    this.appliedUpTo = sequenceNumber;
    this.#tellWatchers();
    const due = this.#waiters.filter((waiter) => waiter.sequenceNumber <= sequenceNumber);
    this.#waiters = this.#waiters.filter((waiter) => waiter.sequenceNumber > sequenceNumber);
    for (const { done } of due) done();
  }

  #publish(sequenceNumber: SequenceNumber, what: Pick<Publication, 'writes' | 'schema'>): Publication {
    const commitTime = { physicalMs: this.#clock.wallMs(), logical: 0 };
    const publication = { sequenceNumber, commitTime, origin: 0, ...what };
    this.#publications.push(publication);
    this.committedMs = commitTime.physicalMs;
    return publication;
  }

  #tellWatchers(): void {
    for (const changed of this.#watchers) changed();
  }
}

export interface TestAnswer {
  readonly id: string | number | null;
  readonly ok: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  readonly result?: any;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  readonly error?: any;
}

export interface TestEvent {
  readonly event: string;
  readonly subscription: string;
  readonly sequenceNumber: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of any shape
  readonly [fact: string]: any;
}

/** A client whose answers and events are kept. */
export class TestClient {
  readonly answers: TestAnswer[] = [];
  readonly events: TestEvent[] = [];
  /** Of the rows in them, as told. */
  eventBytes = 0;
  /** Whether it takes events. */
  hasRoom = true;
  readonly connection: Connection;
  readonly #replica: SoloReplica;
  #lastId = 0;

  constructor(engine: Engine, replica: SoloReplica) {
    this.#replica = replica;
    this.connection = engine.openConnection(
      (message, bytes = 0) => {
        this.eventBytes += bytes;
        if ('event' in message) this.events.push(message as TestEvent);
        else this.answers.push(message as TestAnswer);
      },
      () => this.hasRoom,
    );
  }

  /** Sends without waiting; returns the request's id. */
  send(op: string, message: object = {}): number {
    const id = ++this.#lastId;
    this.connection.receive({ id, op, ...message });
    return id;
  }

  /** The only answer to a request. */
  answerTo(id: number): TestAnswer {
    const answers = this.answers.filter((answer) => answer.id === id);
    if (answers.length !== 1) throw new Error(`request ${id} has ${answers.length} answers`);
    return answers[0]!;
  }

  hasAnswer(id: number): boolean {
    return this.answers.some((answer) => answer.id === id);
  }

  /** Sends, lets the group decide, and gives the answer. */
  ask(op: string, message: object = {}): TestAnswer {
    const id = this.send(op, message);
    this.#replica.settle();
    return this.answerTo(id);
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  do(op: string, message: object = {}): any {
    const answer = this.ask(op, message);
    if (!answer.ok) throw new Error(`${op}: ${answer.error.code}: ${answer.error.message}`);
    return answer.result;
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  fail(op: string, message: object = {}): any {
    const answer = this.ask(op, message);
    if (answer.ok) throw new Error(`${op} succeeded: ${JSON.stringify(answer.result)}`);
    return answer.error;
  }
}

export interface TestWorld {
  readonly clock: ManualClock;
  readonly replica: SoloReplica;
  readonly engine: Engine;
  readonly client: TestClient;
  connect(): TestClient;
}

export function testWorld(limits: Partial<Limits> = {}, slow: SlowTransactionsOptions = NOTHING_SLOW): TestWorld {
  const clock = new ManualClock();
  const replica = new SoloReplica(clock);
  const engine = new Engine({
    replica,
    clock,
    random: new SeededRandom(1),
    limits: { ...DEFAULT_LIMITS, ...limits },
    imageCodec: testImageCodec,
    slow,
  });
  const connect = () => new TestClient(engine, replica);
  return { clock, replica, engine, client: connect(), connect };
}
