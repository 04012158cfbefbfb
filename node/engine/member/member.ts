/**
 * One member put together: what comes out of the group's total order goes through the replicated state and is answered,
 * within one turn; what sessions commit goes the other way through the outbox.
 *
 * A commit is answered as committed only after (1) the group chose its message, (2) this member's own log has it
 * durably, (3) it was certified, and (4) it and everything before it is visible here.
 *
 * Restart (H3): verdicts are kept durably before any lane flushes what they admit. So the certifier, the overlay and
 * the catalog are rebuilt as of the last kept verdict V from the log, and only what lies behind V is judged anew.
 */
import type { KeyRange, VerdictFile, VersionStore } from '../../../applier/index.ts';
import { type Certifier, encodeGroupMessage } from '../../../certifier/index.ts';
import type { RowKey, Transaction } from '../../../certifier/types.ts';
import {
  assert,
  type Environment,
  type MemberId,
  type MemberOrdinal,
  type ScheduledCall,
  type SequenceNumber,
} from '../../../gcs/base/index.ts';
import {
  type Delivery,
  Group,
  type GroupDefinition,
  type GroupHeadline,
  type GroupMember,
} from '../../../gcs/core/index.ts';
import { encodeSchemaChange } from '../catalog.ts';
import type {
  CommitOutcome,
  ConflictRecord,
  ConflictSummary,
  MemberRow,
  MemberState,
  MemberStatsRow,
  Publication,
  Refusal,
  Replica,
  SchemaChange,
  SchemaOutcome,
  SnapshotHandle,
} from '../replica.ts';
import type { TableDefinition } from '../table-definition.ts';
import { AppliedWaiters } from './applied-waiters.ts';
import type { ChangeHistory } from './change-history.ts';
import { CommitLatencies } from './commit-latency.ts';
import { summarizeConflicts } from './conflict-summary.ts';
import { type MemberEvents, type MemberSetup, zeroCounters } from './contract.ts';
import { describeConflict, type Names } from './describe-conflict.ts';
import { memberRows, memberStatsRows, ownStats } from './member-reports.ts';
import { Outbox } from './outbox.ts';
import { type Fate, ReplicatedState } from './replicated-state.ts';
import { decodeStatusNotice, encodeStatusNotice, type StatusNotice } from './status-notice.ts';

/** After a restart the past is held for so many notices, until clients have come back and members have told each other. */
const RETURN_NOTICES = 10;

export class Member implements Replica {
  readonly counters = zeroCounters();
  readonly commitLatencies = new CommitLatencies();
  readonly #setup: MemberSetup;
  readonly #environment: Environment;
  readonly #events: MemberEvents;
  readonly #group: Group;
  readonly #outbox: Outbox<Fate>;
  readonly #waiters = new AppliedWaiters();
  readonly #notices = new Map<MemberOrdinal, StatusNotice>();
  #running: ReplicatedState | null = null;
  #state: MemberState = 'OFFLINE';
  #leader: MemberOrdinal | null = null;
  #hasQuorum = false;
  #isStopping = false;
  #hasEnded = false;
  readonly #stopping: (() => void)[] = [];
  #viewRevision = 0;
  readonly #watchers: (() => void)[] = [];
  /** Clients of this member that follow the changes. */
  #followers = 0;
  /** Monotonic time: until then more of the past is held. */
  #followedUntilMs = Number.NEGATIVE_INFINITY;
  #isDeliveryPaused = false;
  #sweep: ScheduledCall | null = null;
  #nextNoticeMs = 0;
  /** Answers that must not come within the call that caused them. */
  #later: (() => void)[] = [];

  /** Reads the directory; nothing is written or sent before `open`. */
  static prepare(setup: MemberSetup): { kind: 'prepared'; member: Member } | { kind: 'refused'; reason: string } {
    let member: Member | null = null;
    const prepared = Group.prepare({
      environment: setup.environment,
      memberId: setup.memberId,
      incarnation: setup.incarnation,
      groupAddress: setup.groupAddress,
      host: setup.host,
      port: setup.port,
      formation: setup.formation,
      options: setup.options.group,
      events: {
        formed: (definition, self) => member!.#guard(() => member!.#formed(definition, self)),
        delivered: (delivery) => member!.#guard(() => member!.#delivered(delivery)),
        statusChanged: (status) => member!.#statusChanged(status),
        reachabilityChanged: (peer, reachable) => {
          setup.events.reachabilityChanged(peer.memberId, reachable);
          member!.#viewChanged();
        },
        noticed: (from, bytes) => member!.#noticed(from, bytes),
        refusedPeer: (address, reason) => setup.events.refusedPeer(address, reason),
        refused: (reason) => setup.events.refused(reason),
        failed: (error) => member!.#failed(error),
      },
    });
    if (prepared.kind === 'refused') return prepared;
    member = new Member(setup, prepared.group);
    return { kind: 'prepared', member };
  }

  private constructor(setup: MemberSetup, group: Group) {
    this.#setup = setup;
    this.#environment = setup.environment;
    this.#events = setup.events;
    this.#group = group;
    this.#outbox = new Outbox<Fate>({
      broadcaster: {
        canBroadcast: () => this.#hasQuorum && group.canBroadcast(),
        broadcast: (payload) => group.broadcast(payload),
      },
      clock: setup.environment.clock,
      options: setup.options.outbox,
    });
  }

  open(): void {
    this.#group.open();
    this.#housekeep();
  }

  /** Refuses what is new, lets what is on its way come back, flushes, and lets go of everything. May be asked again. */
  stop(done: () => void): void {
    if (this.#hasEnded) return done();
    this.#stopping.push(done);
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#outbox.shutDown();
    const { clock } = this.#environment;
    const giveUpMs = clock.monotonicMs() + this.#setup.options.stopWaitMs;
    const wait = (): void => {
      if (this.#outbox.waiting > 0 && this.#hasQuorum && clock.monotonicMs() < giveUpMs) {
        clock.schedule(10, wait);
        return;
      }
      this.#outbox.abandon();
      this.#setState('OFFLINE', 'stopped');
      this.#sweep?.cancel();
      const running = this.#running;
      this.#group.stop(() => {
        if (running === null) return this.#closeLanes(() => this.#ended());
        const { store, verdicts } = running;
        const close = (): void => store.close(() => verdicts.close(() => this.#ended()));
        // Also those of the past that is kept in memory: the next start repeats it, and judges nothing anew.
        store.flushNow(() => verdicts.makeDurable(close));
      });
    };
    wait();
  }

  #ended(): void {
    this.#hasEnded = true;
    for (const done of this.#stopping.splice(0)) done();
  }

  #closeLanes(done: () => void): void {
    let open = this.#setup.lanes.length;
    for (const lane of this.#setup.lanes) {
      lane.close(() => {
        if (--open === 0) done();
      });
    }
  }

  // What sessions see

  get memberId(): MemberId {
    return this.#setup.memberId;
  }

  get groupName(): string {
    return this.#group.definition?.groupName ?? '';
  }

  get groupId(): string {
    return this.#group.definition?.groupId ?? '';
  }

  get viewId(): string {
    return this.#group.definition?.view.viewId ?? '';
  }

  get role(): 'PRIMARY' | 'SECONDARY' {
    return this.#state === 'ONLINE' ? 'PRIMARY' : 'SECONDARY';
  }

  get state(): MemberState {
    return this.#state;
  }

  get appliedUpTo(): SequenceNumber {
    return this.#running?.store.appliedUpTo ?? 0;
  }

  get group(): Group {
    return this.#group;
  }

  /** Null before this member has rebuilt itself. */
  get certifier(): Certifier | null {
    return this.#running?.certifier ?? null;
  }

  get store(): VersionStore | null {
    return this.#running?.store ?? null;
  }

  get verdicts(): VerdictFile | null {
    return this.#running?.verdicts ?? null;
  }

  /** Commits queued or on their way. */
  get waitingCommits(): number {
    return this.#outbox.waiting;
  }

  get hasQuorum(): boolean {
    return this.#hasQuorum;
  }

  memberIdOf(ordinal: MemberOrdinal): MemberId {
    return this.#group.definition?.view.members[ordinal]?.memberId ?? '';
  }

  acquireSnapshot(ended: () => void): SnapshotHandle {
    return this.#run.store.acquireSnapshot(ended);
  }

  acquireSnapshotAt(sequenceNumber: SequenceNumber, ended: () => void): SnapshotHandle {
    return this.#run.store.acquireSnapshotAt(sequenceNumber, ended);
  }

  get(key: RowKey, snapshot: SequenceNumber): Uint8Array | undefined {
    return this.#run.store.get(key, snapshot);
  }

  scan(range: KeyRange, snapshot: SequenceNumber, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]> {
    return this.#run.store.scan(range, snapshot, reverse);
  }

  table(name: string, snapshot: SequenceNumber): TableDefinition | undefined {
    return this.#run.catalog.tableAt(name, snapshot);
  }

  tables(snapshot: SequenceNumber): readonly TableDefinition[] {
    return this.#run.catalog.tablesAt(snapshot);
  }

  commit(transaction: Transaction, deadlineMs: number, done: (outcome: CommitOutcome) => void): void {
    const refusal = this.#whyNot();
    if (refusal !== null) return this.#answerLater(() => done(refusal));
    const lost = this.#run.preCertify(transaction);
    if (lost !== null) {
      this.#tellWatchers();
      return this.#answerLater(() => done(lost));
    }
    this.counters.localProposed++;
    this.#outbox.add(encodeGroupMessage({ kind: 'transaction', transaction }), deadlineMs, (fate) =>
      done(typeof fate === 'string' ? { kind: fate } : (fate as CommitOutcome)),
    );
  }

  changeSchema(change: SchemaChange, deadlineMs: number, done: (outcome: SchemaOutcome) => void): void {
    const refusal = this.#whyNot();
    if (refusal !== null) return this.#answerLater(() => done(refusal));
    const encoded = encodeGroupMessage({
      kind: 'schema-change',
      change: encodeSchemaChange(change, this.#setup.imageCodec),
    });
    this.#outbox.add(encoded, deadlineMs, (fate) =>
      done(typeof fate === 'string' ? { kind: fate } : (fate as SchemaOutcome)),
    );
  }

  whenApplied(sequenceNumber: SequenceNumber, done: () => void): { cancel(): void } {
    if (this.#running !== null && this.appliedUpTo >= sequenceNumber) {
      done();
      return { cancel: () => {} };
    }
    return this.#waiters.add(sequenceNumber, done);
  }

  get heldFrom(): SequenceNumber {
    return this.#running?.history.heldFrom ?? 0;
  }

  get history(): ChangeHistory | null {
    return this.#running?.history ?? null;
  }

  publications(after: SequenceNumber, countMax: number): readonly Publication[] {
    return this.#run.history.publications(after, countMax);
  }

  tableById(tableId: number): TableDefinition | undefined {
    return this.#run.catalog.tableById(tableId);
  }

  watch(changed: () => void): { stop(): void } {
    this.#watchers.push(changed);
    return { stop: () => this.#watchers.splice(this.#watchers.indexOf(changed), 1) };
  }

  followChanges(): { stop(): void } {
    this.#followers++;
    this.#boundHistory();
    return {
      stop: () => {
        this.#followers--;
      },
    };
  }

  get viewRevision(): number {
    return this.#viewRevision;
  }

  members(): readonly MemberRow[] {
    const { definition } = this.#group;
    if (definition === null) return [];
    return memberRows({
      view: definition.view,
      self: { memberId: this.memberId, state: this.#state, version: this.#setup.version },
      notices: this.#notices,
      isReachable: (ordinal) => this.#group.isReachable(ordinal),
      leader: this.#leader,
    });
  }

  memberStats(): readonly MemberStatsRow[] {
    if (this.#running === null) return [];
    return memberStatsRows({ state: this.#running, own: this.#ownStats(this.#running), notices: this.#notices });
  }

  conflicts(limit: number, table: string | null): readonly ConflictRecord[] {
    const found: ConflictRecord[] = [];
    if (this.#running === null) return found;
    for (const seen of this.#running.conflicts.newestFirst()) {
      if (found.length >= limit) break;
      const record = describeConflict(seen, this.#namesOf(this.#running));
      if (table === null || record.table === table) found.push(record);
    }
    return found;
  }

  get conflictsSeen(): number {
    return this.#running?.conflicts.count ?? 0;
  }

  conflictsAfter(after: number, countMax: number): readonly ConflictRecord[] | null {
    const run = this.#run;
    const names = this.#namesOf(run);
    return run.conflicts.behind(after, countMax)?.map((seen) => describeConflict(seen, names)) ?? null;
  }

  conflictSummary(limit: number, table: string | null): ConflictSummary {
    if (this.#running === null) return { since: null, conflicts: 0, hotRows: [], pairs: [] };
    const { conflicts } = this.#running;
    return summarizeConflicts(conflicts.newestFirst(), { limit, table }, this.#namesOf(this.#running));
  }

  commitAnswered(ms: number): void {
    this.commitLatencies.record(ms, this.#environment.clock.monotonicMs());
  }

  #namesOf({ catalog }: ReplicatedState): Names {
    return {
      catalog,
      memberIdOf: (ordinal) => this.memberIdOf(ordinal),
      gtidOf: (sequenceNumber) => `${this.groupId}:${sequenceNumber}`,
    };
  }

  get #run(): ReplicatedState {
    assert(this.#running !== null, 'sessions are served only by a member that has rebuilt itself');
    return this.#running;
  }

  #whyNot(): Refusal | null {
    if (this.#isStopping) return { kind: 'shutting-down' };
    if (this.#state !== 'ONLINE') return { kind: 'not-online', state: this.#state };
    if (this.#outbox.isFull || this.#run.store.isOverloaded) return { kind: 'overloaded', retryAfterMs: 100 };
    return null;
  }

  #answerLater(answer: () => void): void {
    this.#later.push(answer);
    if (this.#later.length > 1) return;
    this.#environment.clock.schedule(0, () => {
      const answers = this.#later;
      this.#later = [];
      for (const each of answers) each();
    });
  }

  // The total order

  #delivered(delivery: Delivery): void {
    const run = this.#run;
    const before = run.store.appliedUpTo;
    const fates = run.deliver(delivery);
    if (delivery.origin === run.self.ordinal && delivery.incarnation === this.#setup.incarnation) {
      this.counters.localRolledBack += fates.length - (run.store.appliedUpTo - before);
      this.#outbox.delivered(delivery.messageNumber, fates);
    }
    if (run.store.appliedUpTo > before) this.#waiters.applied(run.store.appliedUpTo);
    if (run.store.isOverloaded) this.#pauseDelivery(true);
    this.#tellWatchers();
  }

  #viewChanged(): void {
    this.#viewRevision++;
    this.#tellWatchers();
  }

  #tellWatchers(): void {
    for (const changed of this.#watchers) changed();
  }

  // From the start to ONLINE

  #formed(definition: GroupDefinition, self: GroupMember): void {
    this.#events.formed(definition.groupName, definition.groupId, definition.view.members);
    const { clock } = this.#environment;
    const startedMs = clock.monotonicMs();
    const rebuilt = ReplicatedState.rebuild({
      member: this.#setup,
      definition,
      self,
      log: this.#group.log,
      counters: this.counters,
      failed: (error) => this.#failed(error),
    });
    if (rebuilt.kind === 'refused') return this.#refused(rebuilt.reason);
    const { state, entries } = rebuilt;
    this.#running = state;
    // Who followed the changes here before may come back.
    if (state.history.transactions > 0) {
      this.#followedUntilMs =
        this.#environment.clock.monotonicMs() + RETURN_NOTICES * this.#setup.options.noticeEveryMs;
    }
    this.#viewChanged();
    const upTo = state.certifier.sequenceNumber;
    this.#events.recovered({ entries, upTo, ms: clock.monotonicMs() - startedMs });
    this.#setState('RECOVERING', `rebuilt up to sequence number ${upTo}, waiting for the group`);
    this.#group.start(state.deliveredUpTo);
  }

  #statusChanged(status: GroupHeadline): void {
    if (status.leader !== this.#leader) {
      this.#leader = status.leader;
      this.#events.leaderChanged(status.leader === null ? null : this.memberIdOf(status.leader), status.term);
      this.#viewChanged();
    }
    if (status.hasQuorum !== this.#hasQuorum) {
      this.#hasQuorum = status.hasQuorum;
      this.#events.quorumChanged(status.hasQuorum);
    }
    if (status.caughtUp && this.#state === 'RECOVERING' && !this.#isStopping) {
      assert(this.appliedUpTo >= this.#run.store.highestLanePoint, 'nothing is served below the highest lane point');
      this.#setState('ONLINE', `caught up at sequence number ${this.appliedUpTo}`);
      this.#nextNoticeMs = 0;
    }
  }

  // News between members

  #noticed(from: MemberOrdinal, bytes: Uint8Array): void {
    const notice = decodeStatusNotice(bytes);
    if (notice === null || this.#running === null) return;
    const before = this.#notices.get(from);
    this.#notices.set(from, notice);
    if (before?.state !== notice.state || before.version !== notice.version) this.#viewChanged();
    if (this.#state === 'ERROR') return;
    const judgement = this.#running.digests.told(from, notice.digests);
    if (judgement === 'equal') return;
    const why =
      judgement === 'minority'
        ? 'its digest differs from that of a majority: its data diverged'
        : 'the digests of the members differ, and no majority agrees';
    this.#setState('ERROR', why);
    this.#outbox.abandon();
    this.#group.pauseDelivery(true);
  }

  #ownStats(state: ReplicatedState): StatusNotice['stats'] {
    const { counters } = this;
    return ownStats({
      state,
      counters,
      status: this.#group.status,
      waitingCommits: this.#outbox.waiting,
      commitLatencyMs: this.commitLatencies.lately(this.#environment.clock.monotonicMs()),
    });
  }

  #housekeep(): void {
    const { clock } = this.#environment;
    const { sweepEveryMs, noticeEveryMs } = this.#setup.options;
    this.#sweep = clock.schedule(sweepEveryMs, () => {
      this.#outbox.sweep(this.#hasQuorum);
      const running = this.#running;
      if (running !== null) {
        // Not at once: who follows the changes and keeps up has taken the last ones by now.
        if (running.store.isOverloaded) running.forgetHistory();
        else if (this.#isDeliveryPaused) this.#pauseDelivery(false);
        running.catalog.prune(running.store.flushedUpTo);
        this.#boundHistory();
        if (clock.monotonicMs() >= this.#nextNoticeMs) {
          this.#nextNoticeMs = clock.monotonicMs() + noticeEveryMs;
          const { certifier } = running;
          this.#group.notify(
            encodeStatusNotice({
              state: this.#state,
              version: this.#setup.version,
              stats: this.#ownStats(running),
              digests: running.digests.toTell({
                logIndex: running.deliveredUpTo,
                digest: certifier.digest,
                sequenceNumber: certifier.sequenceNumber,
              }),
              followsChanges: this.#followers > 0,
            }),
          );
        }
      }
      this.#housekeep();
    });
  }

  /** By whether anybody in the group follows the changes, or did a while ago: a client may come here from any member. */
  #boundHistory(): void {
    const { history, historyUnfollowed, followedForMs } = this.#setup.options;
    const nowMs = this.#environment.clock.monotonicMs();
    const isFollowed = this.#followers > 0 || this.#isFollowedElsewhere();
    if (isFollowed) this.#followedUntilMs = nowMs + followedForMs;
    const running = this.#running;
    if (running !== null) running.history.bounds = nowMs <= this.#followedUntilMs ? history : historyUnfollowed;
  }

  #isFollowedElsewhere(): boolean {
    for (const [ordinal, { followsChanges }] of this.#notices) {
      if (followsChanges && this.#group.isReachable(ordinal)) return true;
    }
    return false;
  }

  #pauseDelivery(paused: boolean): void {
    if (paused === this.#isDeliveryPaused || this.#state === 'ERROR') return;
    this.#isDeliveryPaused = paused;
    this.#group.pauseDelivery(paused);
  }

  #setState(state: MemberState, why: string): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#events.stateChanged(state, why);
    this.#viewChanged();
  }

  #refused(reason: string): void {
    this.#group.stop();
    this.#events.refused(reason);
  }

  #failed(error: Error): void {
    this.#isStopping = true;
    this.#sweep?.cancel();
    this.#group.stop();
    this.#outbox.abandon();
    this.#setState('ERROR', error.message);
    this.#events.failed(error);
    this.#ended();
  }

  /** A broken rule inside a callback of the group ends the member, not only the call. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
