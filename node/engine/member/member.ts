/** A member, as its process and its sessions see it: one run of it (`MemberRun`), and the way to read and to commit there. */
import type { KeyRange, Snapshot, VerdictFile, VersionStore } from '../../../applier/index.ts';
import { type Certifier, encodeGroupMessage } from '../../../certifier/index.ts';
import type { CommitTime, RowKey, Transaction } from '../../../certifier/types.ts';
import {
  assert,
  type Incarnation,
  type LogIndex,
  type MemberId,
  type MemberOrdinal,
  type SequenceNumber,
} from '../../../gcs/base/index.ts';
import type { Group } from '../../../gcs/core/index.ts';
import type { BuildOutcome } from '../builds/build-watch.ts';
import { Builder } from '../builds/builder.ts';
import { encodeSchemaChange } from '../catalog.ts';
import { ExpiredKeys } from '../idempotency/expired-keys.ts';
import type { KeyQuestion, KeyRefusal } from '../idempotency/judge-key.ts';
import { keyAttributeOf } from '../idempotency/key-attribute.ts';
import type {
  AbortOutcome,
  Administration,
  AdministrationOutcome,
  AttachedSessions,
  CommitOutcome,
  ConflictRecord,
  ConflictSummary,
  FenceOutcome,
  LostConflict,
  LostSnapshot,
  MemberRow,
  MemberState,
  MemberStatsRow,
  OrderedChange,
  OrderedTimes,
  Publication,
  Refusal,
  Replica,
  SchemaOutcome,
  SnapshotHandle,
  TransactionRow,
  ViewRow,
} from '../replica.ts';
import type { Build, TableDefinition } from '../table-definition.ts';
import type { VariableRow } from '../variables.ts';
import type { ChangeHistory } from './change-history.ts';
import type { CommitLatencies } from './commit-latency.ts';
import type { CountedConflicts } from './conflict-counts.ts';
import { ConflictReports } from './conflict-reports.ts';
import type { MemberCounters, MemberSetup } from './contract.ts';
import { preparedInSlices, writtenBytes } from './large-commit.ts';
import { MemberRun } from './member-run.ts';
import type { Answer, NotLeft, Preparation } from './outbox.ts';
import type { Fate, ReplicatedState } from './replicated-state.ts';

export class Member implements Replica {
  readonly #run: MemberRun;
  readonly #setup: MemberSetup;
  readonly #conflicts: ConflictReports;
  readonly #expiredKeys = new ExpiredKeys();
  /** Answers that must not come within the call that caused them. */
  #later: (() => void)[] = [];

  /** Reads the directory; nothing is written or sent before `open`. */
  static prepare(setup: MemberSetup): { kind: 'prepared'; member: Member } | { kind: 'refused'; reason: string } {
    const prepared = MemberRun.prepare(setup);
    return prepared.kind === 'refused' ? prepared : { kind: 'prepared', member: new Member(prepared.run) };
  }

  private constructor(run: MemberRun) {
    this.#run = run;
    this.#setup = run.setup;
    this.#conflicts = new ConflictReports({
      state: () => run.running,
      memberIdOf: (ordinal) => this.memberIdOf(ordinal),
      groupId: () => this.groupId,
    });
    const { environment, imageCodec, options, counters, events } = run.setup;
    run.builder = new Builder({
      replica: this,
      clock: environment.clock,
      imageCodec,
      options: options.builds,
      counters,
      mayBuild: () => !run.isOver && run.group.status?.role === 'leader' && this.#whyNot() === null,
      builds: () => run.running?.catalog.builds ?? [],
      progressed: (progress) => events.buildProgressed(progress),
    });
  }

  open(): void {
    this.#run.open();
  }

  /** Refuses what is new, lets what is on its way come back, flushes, and lets go of everything. May be asked again. */
  stop(done: () => void): void {
    this.#run.stop(done);
  }

  get commitLatencies(): CommitLatencies {
    return this.#run.report.commitLatencies;
  }

  /** All that this run has seen, by table and cause. */
  get conflictCounts(): readonly CountedConflicts[] {
    return this.#run.running?.conflictCounts.read() ?? [];
  }

  // What sessions see

  get memberId(): MemberId {
    return this.#setup.memberId;
  }

  get incarnation(): Incarnation {
    return this.#setup.incarnation;
  }

  get ordinal(): MemberOrdinal {
    return this.#running.self.ordinal;
  }

  get counters(): MemberCounters {
    return this.#setup.counters;
  }

  /** The disk takes more: log, verdicts and lanes. */
  get hasRoom(): boolean {
    return this.#run.hasRoom;
  }

  get groupName(): string {
    return this.#run.group.definition?.groupName ?? '';
  }

  get groupId(): string {
    return this.#run.group.definition?.groupId ?? '';
  }

  get viewId(): string {
    return this.#run.membership.view?.viewId ?? '';
  }

  get role(): 'PRIMARY' | 'SECONDARY' {
    return this.#run.state === 'ONLINE' ? 'PRIMARY' : 'SECONDARY';
  }

  get state(): MemberState {
    return this.#run.state;
  }

  get appliedUpTo(): SequenceNumber {
    return this.#run.appliedUpTo;
  }

  get group(): Group {
    return this.#run.group;
  }

  /** Null before this member has rebuilt itself. */
  get certifier(): Certifier | null {
    return this.#run.running?.certifier ?? null;
  }

  get store(): VersionStore | null {
    return this.#run.running?.store ?? null;
  }

  get verdicts(): VerdictFile | null {
    return this.#run.running?.verdicts ?? null;
  }

  /** Commits queued or on their way. */
  get waitingCommits(): number {
    return this.#run.outbox.waiting;
  }

  /** How long its batches wait for company, and for how much of it. */
  get batchTuning(): { readonly delayMs: number; readonly companyMax: number } {
    return this.#run.outbox.tuning;
  }

  get hasQuorum(): boolean {
    return this.#run.hasQuorum;
  }

  memberIdOf(ordinal: MemberOrdinal): MemberId {
    return this.#run.membership.memberIdOf(ordinal);
  }

  acquireSnapshot(ended: () => void): SnapshotHandle {
    return readingOf(this.#running.store.acquireSnapshot(ended));
  }

  acquireSnapshotToWrite(ended: () => void): SnapshotHandle {
    const run = this.#running;
    const snapshot = run.store.acquireSnapshot(() => {
      hold.release();
      ended();
    });
    // Until the fate of what it writes is known, what is certified against it is kept (H5).
    const hold = run.holdFloor(snapshot.sequenceNumber);
    return {
      sequenceNumber: snapshot.sequenceNumber,
      stopReading: () => snapshot.release(),
      release: () => {
        hold.release();
        snapshot.release();
      },
    };
  }

  acquireSnapshotAt(sequenceNumber: SequenceNumber, ended: () => void): SnapshotHandle {
    return readingOf(this.#running.store.acquireSnapshotAt(sequenceNumber, ended));
  }

  get(key: RowKey, snapshot: SequenceNumber): Uint8Array | undefined {
    return this.#running.store.get(key, snapshot);
  }

  scan(range: KeyRange, snapshot: SequenceNumber, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]> {
    return this.#running.store.scan(range, snapshot, reverse);
  }

  table(name: string, snapshot: SequenceNumber): TableDefinition | undefined {
    return this.#running.catalog.tableAt(name, snapshot);
  }

  tables(snapshot: SequenceNumber): readonly TableDefinition[] {
    return this.#running.catalog.tablesAt(snapshot);
  }

  preCertify(transaction: Transaction): LostConflict | LostSnapshot | null {
    const lost = this.#running.preCertify(transaction);
    if (lost !== null) this.#run.watchers.tell();
    return lost;
  }

  attach(sessions: AttachedSessions): void {
    this.#run.attach(sessions);
  }

  transactionsElsewhere(): readonly Omit<TransactionRow, 'holdsFloor'>[] {
    const { membership, report } = this.#run;
    const reached = report.reaches();
    return [...membership.notices].flatMap(([ordinal, { transactions }]) => {
      const member = membership.memberIdOf(ordinal);
      if (member === this.memberId || !reached.includes(ordinal)) return [];
      return transactions.map((row) => ({ ...row, member }));
    });
  }

  abortElsewhere(memberId: MemberId, transactionId: string, done: (outcome: AbortOutcome) => void): void {
    this.#run.requests.abort(memberId, transactionId, done);
  }

  get orderedTimes(): OrderedTimes {
    return this.#run.outbox.times;
  }

  commit(transaction: Transaction, deadlineMs: number, done: (outcome: CommitOutcome) => void): void {
    const refusal = this.#whyNot();
    if (refusal !== null) return this.#answerLater(() => done(refusal));
    // Also when its snapshot is ended for want of memory: nothing is read at it any more, but certified against it (H5).
    const hold = this.#running.holdFloor(transaction.snapshotVersion);
    const answered: Answer<Fate> = (fate) => {
      hold.release();
      done(typeof fate === 'string' ? outcomeOf(fate) : (fate as CommitOutcome));
    };
    const key = keyAttributeOf(transaction);
    const known = key === null ? null : this.keyRefusal(key);
    if (known !== null) return this.#answerLater(() => answered(known));
    const bytes = writtenBytes(transaction);
    if (bytes > this.#setup.options.slices.largeBytes) {
      if (this.#run.outbox.isFullForLarge) {
        return this.#answerLater(() => answered('overloaded'));
      }
      return this.#run.outbox.addLarge({ bytes, prepare: () => this.#prepare(transaction) }, deadlineMs, answered);
    }
    const lost = this.preCertify(transaction);
    if (lost !== null) return this.#answerLater(() => answered(lost));
    this.counters.localProposed++;
    this.#run.outbox.add(encodeGroupMessage({ kind: 'transaction', transaction }), deadlineMs, answered);
  }

  /** What is lost already is told, as for a small one; else it is encoded. */
  #prepare(transaction: Transaction): Preparation<Fate> {
    const key = keyAttributeOf(transaction);
    const keyRefusal = () => (key === null ? null : this.keyRefusal(key));
    const prepared = preparedInSlices(this.#running, transaction, this.#setup.options.slices, keyRefusal);
    return () => {
      const next = prepared.next();
      if (!next.done) return null;
      if (next.value.kind === 'ready') this.counters.localProposed++;
      else this.#run.watchers.tell();
      return next.value;
    };
  }

  keyRefusal(question: KeyQuestion): KeyRefusal | null {
    return this.#running.keyRefusal(question, this.#setup.environment.clock.wallMs());
  }

  expiredKeys(): readonly RowKey[] {
    const { store, certifier, self } = this.#running;
    return this.#expiredKeys.take(store, certifier.commitTime.physicalMs, self.ordinal);
  }

  fenceKey(key: string, deadlineMs: number, done: (outcome: FenceOutcome) => void): void {
    const refusal = this.#whyNot() ?? this.keyRefusal({ key, fingerprint: null });
    if (refusal !== null) return this.#answerLater(() => done(refusal));
    this.#run.outbox.add(encodeGroupMessage({ kind: 'key-fence', key }), deadlineMs, (fate) =>
      done(typeof fate === 'string' ? outcomeOf(fate) : (fate as FenceOutcome)),
    );
  }

  changeSchema(change: OrderedChange, deadlineMs: number, done: (outcome: SchemaOutcome) => void): void {
    const refusal = this.#whyNot();
    if (refusal !== null) return this.#answerLater(() => done(refusal));
    const encoded = encodeGroupMessage({
      kind: 'schema-change',
      change: encodeSchemaChange(change, this.#setup.imageCodec),
    });
    this.#run.outbox.add(encoded, deadlineMs, (fate) =>
      done(typeof fate === 'string' ? outcomeOf(fate) : (fate as SchemaOutcome)),
    );
  }

  whenBuilt(build: Build, done: (outcome: BuildOutcome) => void): { cancel(): void } {
    const { builds } = this.#running;
    const end = builds.endOf(build);
    if (end === null) return builds.add(build, done);
    let isGivenUp = false;
    this.#answerLater(() => {
      if (!isGivenUp) done(end);
    });
    return {
      cancel: () => {
        isGivenUp = true;
      },
    };
  }

  buildRows({ tableId, since }: Build): number | null {
    const { builder, membership } = this.#run;
    const told = [...membership.notices.values()].map(({ builds }) => builds);
    const known = [builder?.underWay, ...told].filter((state) => state?.tableId === tableId && state.since === since);
    return known.length === 0 ? null : Math.max(...known.map((state) => state!.rows));
  }

  variables(): readonly VariableRow[] {
    return this.#run.running?.variables.rows() ?? [];
  }

  ordersReads(snapshot: SequenceNumber): boolean {
    return this.#run.running?.ordersReads(snapshot) ?? false;
  }

  whenApplied(sequenceNumber: SequenceNumber, done: () => void): { cancel(): void } {
    if (this.#run.running !== null && this.appliedUpTo >= sequenceNumber) {
      done();
      return { cancel: () => {} };
    }
    return this.#run.waiters.add(sequenceNumber, done);
  }

  get heldFrom(): SequenceNumber {
    return this.#run.running?.history.heldFrom ?? 0;
  }

  get heldFromTime(): CommitTime | null {
    return this.#run.running?.history.heldFromTime ?? null;
  }

  /** Who waits for a time to be reached. */
  get timeWaiters(): number {
    return this.#run.timeWaiters.size;
  }

  get timeReached(): CommitTime | null {
    return this.#run.running?.certifier.commitTime ?? null;
  }

  whenTimeReached(time: CommitTime, done: () => void): { cancel(): void } {
    return this.#run.timeWaiters.add(time, done);
  }

  sequenceNumberAt(time: CommitTime): SequenceNumber | null {
    return this.#running.history.sequenceNumberAt(time);
  }

  get history(): ChangeHistory | null {
    return this.#run.running?.history ?? null;
  }

  publications(after: SequenceNumber, countMax: number): readonly Publication[] {
    return this.#running.history.publications(after, countMax);
  }

  tableById(tableId: number, snapshot?: SequenceNumber): TableDefinition | undefined {
    return this.#running.catalog.tableById(tableId, snapshot);
  }

  watch(changed: () => void): { stop(): void } {
    return this.#run.watchers.add(changed);
  }

  followChanges(): { stop(): void } {
    const following = this.#run.followers.follow();
    const { running, followers } = this.#run;
    if (running !== null) running.history.bounds = followers.bounds();
    return following;
  }

  get viewRevision(): number {
    return this.#run.watchers.viewRevision;
  }

  readIndex(done: (index: LogIndex | null) => void): void {
    if (this.#run.isOver || this.#run.group.status === null) return this.#answerLater(() => done(null));
    this.#run.group.readIndex(done);
  }

  administer(request: Administration, done: (outcome: AdministrationOutcome) => void): void {
    if (this.#run.isStopping) return this.#answerLater(() => done({ kind: 'shutting-down' }));
    this.#run.administrator.ask(request, done);
  }

  get viewNumber(): number {
    return this.#run.membership.view?.number ?? 0;
  }

  viewsAfter(after: number): readonly ViewRow[] {
    return this.#run.membership.viewsAfter(after, this.#run.report.facts(), this.#run.leader);
  }

  members(): readonly MemberRow[] {
    return this.#run.membership.rows(this.#run.report.facts(), this.#run.leader);
  }

  memberStats(): readonly MemberStatsRow[] {
    return this.#run.report.statsRows(this.#run.running);
  }

  conflicts(limit: number, table: string | null): readonly ConflictRecord[] {
    return this.#conflicts.newest(limit, table);
  }

  get conflictsSeen(): number {
    return this.#conflicts.count;
  }

  conflictsAfter(after: number, countMax: number): readonly ConflictRecord[] | null {
    return this.#conflicts.behind(after, countMax);
  }

  conflictSummary(limit: number, table: string | null): ConflictSummary {
    return this.#conflicts.summary(limit, table);
  }

  commitAnswered(ms: number, ordered: OrderedTimes): void {
    this.#run.report.commitAnswered(ms, ordered);
  }

  get #running(): ReplicatedState {
    const { running } = this.#run;
    assert(running !== null, 'sessions are served only by a member that has rebuilt itself');
    return running;
  }

  #whyNot(): Refusal | null {
    if (this.#run.isStopping) return { kind: 'shutting-down' };
    if (this.#run.state === 'ONLINE' && !this.hasRoom) return { kind: 'disk-full' };
    if (this.#run.state !== 'ONLINE') return { kind: 'not-online', state: this.#run.state };
    if (this.#run.outbox.isFull || this.#running.store.isOverloaded) return { kind: 'overloaded', retryAfterMs: 100 };
    return null;
  }

  #answerLater(answer: () => void): void {
    this.#later.push(answer);
    if (this.#later.length > 1) return;
    this.#setup.environment.clock.schedule(0, () => {
      const answers = this.#later;
      this.#later = [];
      for (const each of answers) each();
    });
  }
}

/** Holds no purge floor (H5). */
function readingOf(snapshot: Snapshot): SnapshotHandle {
  const release = (): void => snapshot.release();
  return { sequenceNumber: snapshot.sequenceNumber, stopReading: release, release };
}

/** What keeps a commit from leaving is mostly a large one before it. */
const OVERLOADED_RETRY_MS = 1000;

function outcomeOf(fate: NotLeft | 'unknown'): Refusal | { readonly kind: 'unknown' } {
  return fate === 'overloaded' ? { kind: fate, retryAfterMs: OVERLOADED_RETRY_MS } : { kind: fate };
}
