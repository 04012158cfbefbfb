/**
 * One run of a member, put together: what comes out of the group's total order goes through the replicated state and is
 * answered, within one turn; what sessions commit goes the other way through the outbox.
 *
 * A commit is answered as committed only after (1) the group chose its message, (2) this member's own log has it
 * durably, (3) it was certified, and (4) it and everything before it is visible here.
 *
 * Restart (H3): verdicts are kept durably before any lane flushes what they admit. So the certifier, the overlay and
 * the catalog are rebuilt as of the last kept verdict V from the log, and only what lies behind V is judged anew.
 *
 * States. RECOVERING: it receives what its directory lacks (`Reception`), rebuilds itself and catches up; as a learner it
 * is then made a voter. ONLINE: it is a voter of the view in force at what it has applied, and has applied what was
 * chosen when it asked (C24). OFFLINE: it left, or was expelled and does not come back by itself. ERROR: its data
 * diverged, or its disk failed. What a run cannot go on from ends it by `restart`: the next run begins like a start of
 * the process, so that there is one way into the group, and that one is well trodden.
 */
import type { KeyRange, VerdictFile, VersionStore } from '../../../applier/index.ts';
import { type Certifier, encodeGroupMessage } from '../../../certifier/index.ts';
import type { RowKey, Transaction } from '../../../certifier/types.ts';
import {
  assert,
  type Environment,
  type LogIndex,
  type MemberId,
  type MemberOrdinal,
  type ScheduledCall,
  type SequenceNumber,
} from '../../../gcs/base/index.ts';
import {
  type Belonging,
  type Compression,
  type Delivery,
  Group,
  type GroupDefinition,
  type GroupHeadline,
  type GroupMember,
  type GroupView,
  type LogBase,
  memberNamed,
  type StateSource,
} from '../../../gcs/core/index.ts';
import { encodeSchemaChange } from '../catalog.ts';
import type {
  Administration,
  AdministrationOutcome,
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
  ViewRow,
} from '../replica.ts';
import type { TableDefinition } from '../table-definition.ts';
import { Administrator } from './administrator.ts';
import { AppliedWaiters } from './applied-waiters.ts';
import type { ChangeHistory } from './change-history.ts';
import { CommitLatencies } from './commit-latency.ts';
import { ConflictReports } from './conflict-reports.ts';
import type { MemberCounters, MemberEvents, MemberSetup, RestartReason } from './contract.ts';
import { belongingOf, type Content, contentOf } from './directory-content.ts';
import { Followers } from './followers.ts';
import { preparedInSlices, writtenBytes } from './large-commit.ts';
import { LeaderWatch } from './leader-watch.ts';
import { memberStatsRows, type OwnFacts, ownStats } from './member-reports.ts';
import { Membership } from './membership.ts';
import { OrderedWork, type Slices } from './ordered-work.ts';
import { type Answer, type NotLeft, Outbox, type Preparation } from './outbox.ts';
import { type Lack, Reception } from './reception.ts';
import { type Fate, ReplicatedState } from './replicated-state.ts';
import { RunDisk } from './run-disk.ts';
import { beginTransferInsistently, DonorRecord, openState } from './state-transfer/index.ts';
import { decodeStatusNotice, encodeStatusNotice, type StatusNotice } from './status-notice.ts';
import { Upkeep } from './upkeep.ts';

export class Member implements Replica {
  readonly commitLatencies = new CommitLatencies();
  readonly #setup: MemberSetup;
  readonly #disk: RunDisk;
  readonly #environment: Environment;
  readonly #events: MemberEvents;
  readonly #group: Group;
  readonly #belonging: Belonging | null;
  readonly #verdicts: VerdictFile | null;
  readonly #lack: Lack | null;
  readonly #outbox: Outbox<Fate>;
  readonly #order: OrderedWork;
  readonly #waiters = new AppliedWaiters();
  readonly #membership: Membership;
  readonly #administrator: Administrator;
  readonly #upkeep: Upkeep;
  readonly #conflicts: ConflictReports;
  readonly #followers: Followers;
  readonly #leaderWatch = new LeaderWatch();
  #reception: Reception | null = null;
  #running: ReplicatedState | null = null;
  /** Of the run that has a state. */
  #donorRecord: DonorRecord | null = null;
  #state: MemberState = 'OFFLINE';
  #leader: MemberOrdinal | null = null;
  #hasQuorum = false;
  #isCaughtUp = false;
  /** Nothing more is asked of the group: this run is over, and its owner stops it. */
  #isOver = false;
  /** Its owner was told to begin the next run. */
  #isRestarting = false;
  /** It left, or was expelled for good: it answers what is asked of it, and no more. */
  #isOutside = false;
  #hasLogRoom = true;
  #hasStateRoom = true;
  #isStopping = false;
  #hasEnded = false;
  readonly #stopping: (() => void)[] = [];
  #viewRevision = 0;
  readonly #watchers: (() => void)[] = [];
  /** The lanes are behind. */
  #isOverloaded = false;
  #isDeliveryPaused = false;
  #sweep: ScheduledCall | null = null;
  #nextNoticeMs = 0;
  /** Answers that must not come within the call that caused them. */
  #later: (() => void)[] = [];

  /** Reads the directory; nothing is written or sent before `open`. */
  static prepare(outer: MemberSetup): { kind: 'prepared'; member: Member } | { kind: 'refused'; reason: string } {
    const disk = new RunDisk(outer.environment.disk);
    const setup = { ...outer, environment: { ...outer.environment, disk } };
    let member: Member | null = null;
    // Nothing of the group is heard any more once this run is over.
    const whileItLasts = (work: (of: Member) => void): void => {
      if (!member!.#isOver) member!.#guard(() => work(member!));
    };
    const prepared = Group.prepare({
      environment: setup.environment,
      compression: counted(setup.compression, setup.counters),
      memberId: setup.memberId,
      incarnation: setup.incarnation,
      groupAddress: setup.groupAddress,
      host: setup.host,
      port: setup.port,
      formation: setup.formation,
      options: setup.options.group,
      events: {
        formed: (definition, self) => whileItLasts((of) => of.#formed(definition, self)),
        delivered: (delivery) => whileItLasts((of) => of.#order.take(() => of.#take(delivery))),
        growing: (payload, taken) =>
          whileItLasts((of) => of.#running?.lookAhead(payload, taken, setup.options.slices.items)),
        viewChanged: (view, index) =>
          whileItLasts((of) =>
            of.#order.take(() => {
              of.#viewInstalled(view, index);
              return null;
            }),
          ),
        statusChanged: (status) => whileItLasts((of) => of.#statusChanged(status)),
        reachabilityChanged: (peer, reachable) => {
          setup.events.reachabilityChanged(peer.memberId, reachable);
          member!.#viewChanged();
        },
        noticed: (from, bytes) => whileItLasts((of) => of.#noticed(from, bytes)),
        refusedPeer: (address, reason) => setup.events.refusedPeer(address, reason),
        roomChanged: (hasRoom) => whileItLasts((of) => of.#roomChanged({ log: hasRoom })),
        expelled: (view) => whileItLasts((of) => of.#expelled(view)),
        left: () => whileItLasts((of) => of.#left()),
        behind: (atLeast) => whileItLasts((of) => of.#behind(atLeast)),
        refused: (reason) => setup.events.refused(reason),
        failed: (error) => member!.#failed(error),
      },
    });
    if (prepared.kind === 'refused') return prepared;
    const { group } = prepared;
    const content = contentOf(setup, group);
    if (content.kind === 'refused') {
      group.stop();
      return content;
    }
    member = new Member(setup, group, content, disk);
    return { kind: 'prepared', member };
  }

  private constructor(setup: MemberSetup, group: Group, content: Content, disk: RunDisk) {
    this.#setup = setup;
    this.#disk = disk;
    this.#environment = setup.environment;
    this.#events = setup.events;
    this.#group = group;
    this.#verdicts = content.verdicts;
    this.#lack = content.lack;
    this.#belonging = belongingOf(setup);
    this.#membership = new Membership(setup.memberId);
    if (this.#belonging !== null) this.#membership.remember(this.#belonging.view);
    const { clock } = setup.environment;
    this.#outbox = new Outbox<Fate>({
      broadcaster: {
        canBroadcast: () => this.#hasQuorum && this.hasRoom && !this.#isOver && group.canBroadcast(),
        broadcast: (payload) => {
          const { fragmentBytesMax } = setup.options.group;
          if (payload.length > fragmentBytesMax) {
            setup.counters.fragmentsSent += Math.ceil(payload.length / fragmentBytesMax);
          }
          return group.broadcast(payload);
        },
      },
      clock,
      options: setup.options.outbox,
    });
    this.#order = new OrderedWork({
      clock,
      busyChanged: (isBusy) => this.#orderChanged(isBusy),
      guard: (work) => {
        if (!this.#isOver) this.#guard(work);
      },
    });
    this.#administrator = new Administrator({
      memberId: setup.memberId,
      group,
      membership: this.#membership,
      clock,
      isOutside: () => this.#isOutside,
      hasQuorum: () => this.#hasQuorum,
      rejoin: () => this.#restart('join', 'it was told to join'),
    });
    this.#upkeep = new Upkeep({
      group,
      membership: this.#membership,
      counters: setup.counters,
      options: setup.options,
      propose: (encoded, deadlineMs, answered) => this.#outbox.add(encoded, deadlineMs, answered),
    });
    this.#conflicts = new ConflictReports({
      state: () => this.#running,
      memberIdOf: (ordinal) => this.memberIdOf(ordinal),
      groupId: () => this.groupId,
    });
    this.#followers = new Followers({ clock, options: setup.options, areElsewhere: () => this.#isFollowedElsewhere() });
    group.serve((atLeast) => this.#openState(atLeast));
  }

  open(): void {
    // One that is to be let in again first asks for that: what it belonged to is over.
    if (this.#lack !== null && this.#belonging !== null && this.#setup.formation?.kind !== 'rejoin') {
      this.#receive(this.#belonging, this.#lack);
    } else if (this.#group.damage !== null) this.#dropLog();
    else this.#group.open();
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
      const isAnswered = this.#outbox.waiting === 0 || !this.#hasQuorum || this.#isOver;
      if (!isAnswered && clock.monotonicMs() < giveUpMs) {
        clock.schedule(10, wait);
        return;
      }
      this.#order.stop();
      this.#outbox.abandon();
      this.#administrator.abandon();
      this.#setState('OFFLINE', 'stopped');
      this.#sweep?.cancel();
      const closed = (): void => this.#disk.whenIdle(() => this.#ended());
      this.#stopReception(() => this.#group.stop(() => this.#closeState(closed)));
    };
    wait();
  }

  #stopReception(done: () => void): void {
    if (this.#reception === null) done();
    else this.#reception.stop(done);
  }

  #closeState(done: () => void): void {
    if (this.#running === null) {
      const { lanes } = this.#setup;
      let open = lanes.length + (this.#verdicts === null ? 0 : 1);
      const closed = (): void => {
        if (--open === 0) done();
      };
      this.#verdicts?.close(closed);
      for (const lane of lanes) lane.close(closed);
      return;
    }
    this.#running.close(done);
  }

  #ended(): void {
    this.#hasEnded = true;
    for (const done of this.#stopping.splice(0)) done();
  }

  // What sessions see

  get memberId(): MemberId {
    return this.#setup.memberId;
  }

  get counters(): MemberCounters {
    return this.#setup.counters;
  }

  /** The disk takes more: log, verdicts and lanes. */
  get hasRoom(): boolean {
    return this.#hasLogRoom && this.#hasStateRoom;
  }

  get groupName(): string {
    return this.#group.definition?.groupName ?? '';
  }

  get groupId(): string {
    return this.#group.definition?.groupId ?? '';
  }

  get viewId(): string {
    return this.#membership.view?.viewId ?? '';
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
    return this.#membership.memberIdOf(ordinal);
  }

  acquireSnapshot(ended: () => void): SnapshotHandle {
    const run = this.#run;
    const snapshot = run.store.acquireSnapshot(() => {
      hold.release();
      ended();
    });
    // It may write: until its fate is known, what is certified against it is kept (H5).
    const hold = run.holdFloor(snapshot.sequenceNumber);
    return {
      sequenceNumber: snapshot.sequenceNumber,
      release: () => {
        hold.release();
        snapshot.release();
      },
    };
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
    // Also when its snapshot is ended for want of memory: nothing is read at it any more, but certified against it (H5).
    const hold = this.#run.holdFloor(transaction.snapshotVersion);
    const answered: Answer<Fate> = (fate) => {
      hold.release();
      done(typeof fate === 'string' ? outcomeOf(fate) : (fate as CommitOutcome));
    };
    const bytes = writtenBytes(transaction);
    if (bytes > this.#setup.options.slices.largeBytes) {
      if (this.#outbox.isFullForLarge) {
        return this.#answerLater(() => answered('overloaded'));
      }
      return this.#outbox.addLarge({ bytes, prepare: () => this.#prepare(transaction) }, deadlineMs, answered);
    }
    const lost = this.#run.preCertify(transaction);
    if (lost !== null) {
      this.#tellWatchers();
      return this.#answerLater(() => answered(lost));
    }
    this.counters.localProposed++;
    this.#outbox.add(encodeGroupMessage({ kind: 'transaction', transaction }), deadlineMs, answered);
  }

  /** What is lost already is told, as for a small one; else it is encoded. */
  #prepare(transaction: Transaction): Preparation<Fate> {
    const prepared = preparedInSlices(this.#run, transaction, this.#setup.options.slices);
    return () => {
      const next = prepared.next();
      if (!next.done) return null;
      if (next.value.kind === 'ready') this.counters.localProposed++;
      else this.#tellWatchers();
      return next.value;
    };
  }

  changeSchema(change: SchemaChange, deadlineMs: number, done: (outcome: SchemaOutcome) => void): void {
    const refusal = this.#whyNot();
    if (refusal !== null) return this.#answerLater(() => done(refusal));
    const encoded = encodeGroupMessage({
      kind: 'schema-change',
      change: encodeSchemaChange(change, this.#setup.imageCodec),
    });
    this.#outbox.add(encoded, deadlineMs, (fate) =>
      done(typeof fate === 'string' ? outcomeOf(fate) : (fate as SchemaOutcome)),
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
    const following = this.#followers.follow();
    this.#boundHistory();
    return following;
  }

  get viewRevision(): number {
    return this.#viewRevision;
  }

  readIndex(done: (index: LogIndex | null) => void): void {
    if (this.#isOver || this.#group.status === null) return this.#answerLater(() => done(null));
    this.#group.readIndex(done);
  }

  administer(request: Administration, done: (outcome: AdministrationOutcome) => void): void {
    if (this.#isStopping) return this.#answerLater(() => done({ kind: 'shutting-down' }));
    this.#administrator.ask(request, done);
  }

  get viewNumber(): number {
    return this.#membership.view?.number ?? 0;
  }

  viewsAfter(after: number): readonly ViewRow[] {
    return this.#membership.viewsAfter(after, this.#ownFacts(), this.#leader);
  }

  members(): readonly MemberRow[] {
    return this.#membership.rows(this.#ownFacts(), this.#leader);
  }

  memberStats(): readonly MemberStatsRow[] {
    const { view, notices } = this.#membership;
    if (this.#running === null || view === null) return [];
    const { digests } = this.#running;
    return memberStatsRows({ view, memberId: this.memberId, digests, own: this.#ownStats(this.#running), notices });
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

  commitAnswered(ms: number): void {
    this.commitLatencies.record(ms, this.#environment.clock.monotonicMs());
  }

  get #run(): ReplicatedState {
    assert(this.#running !== null, 'sessions are served only by a member that has rebuilt itself');
    return this.#running;
  }

  #whyNot(): Refusal | null {
    if (this.#isStopping) return { kind: 'shutting-down' };
    if (this.#state === 'ONLINE' && !this.hasRoom) return { kind: 'disk-full' };
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

  #take(delivery: Delivery): Slices | null {
    const run = this.#run;
    const before = run.store.appliedUpTo;
    if (delivery.payload.length > this.#setup.options.slices.largeBytes) return this.#takeInSlices(delivery, before);
    this.#delivered(delivery, run.deliver(delivery), before);
    return null;
  }

  *#takeInSlices(delivery: Delivery, before: SequenceNumber): Slices {
    const fates = yield* this.#run.deliverInSlices(delivery, this.#setup.options.slices.items);
    this.#delivered(delivery, fates, before);
  }

  /** `before`: what was applied. */
  #delivered(delivery: Delivery, fates: readonly Fate[], before: SequenceNumber): void {
    const run = this.#run;
    if (delivery.ticket !== null) {
      this.counters.localRolledBack += fates.filter(isRolledBack).length;
      this.#outbox.delivered(delivery.ticket, fates);
    }
    if (run.store.appliedUpTo > before) this.#waiters.applied(run.store.appliedUpTo);
    if (run.store.isOverloaded) this.#setOverloaded(true);
    this.#tellWatchers();
  }

  #viewChanged(): void {
    this.#viewRevision++;
    this.#tellWatchers();
  }

  #tellWatchers(): void {
    for (const changed of this.#watchers) changed();
  }

  // From the start to ONLINE, and out of the group again

  #receive(belonging: Belonging, lack: Lack): void {
    const { definition, view } = belonging;
    this.#events.formed(definition.groupName, definition.groupId, view.members);
    const { damage } = this.#group;
    const found = lack.kind === 'needs-state' && lack.file !== '' ? lack : damage;
    if (found !== null) this.#damageFound({ file: found.file, offset: found.offset, reason: found.reason });
    if (lack.kind === 'needs-state') {
      this.#setState('RECOVERING', `it receives the state of another member: ${lack.reason}`);
    } else this.#setState('RECOVERING', 'it repairs its log from other members');
    const reception = new Reception(
      {
        member: this.#setup,
        belonging,
        log: this.#group.log,
        events: {
          changed: (phase, why) => {
            this.#events.transferChanged(phase, reception.progress, why);
            this.#viewChanged();
          },
          done: () => this.#restart('state-received', 'its data directory is whole'),
          expelled: (of) => this.#expelled(of),
          replacesLog: () => this.#group.lend(0),
          roomChanged: (hasRoom) => this.#roomChanged({ state: hasRoom }),
          failed: (error) => this.#failed(error),
        },
      },
      lack,
    );
    this.#reception = reception;
    this.#viewInstalled(reception.chosenView, 0);
    this.#group.lend(lack.chosenUpTo);
    reception.open();
  }

  #formed(definition: GroupDefinition, self: GroupMember): void {
    this.#events.formed(definition.groupName, definition.groupId, definition.view.members);
    this.#membership.remember(definition.view);
    this.#membership.stay = self.ordinal;
    // It has been let in again; what its directory lacks is received in the next run.
    if (this.#lack !== null) return this.#restart('damaged', 'it was let in again, and its directory is not whole');
    const { clock } = this.#environment;
    const startedMs = clock.monotonicMs();
    const donorRecord = new DonorRecord(this.#environment.disk);
    this.#donorRecord = donorRecord;
    const { state, entries } = ReplicatedState.rebuild({
      member: this.#setup,
      definition,
      self,
      log: this.#group.log,
      verdicts: this.#verdicts!,
      counters: this.counters,
      stateFrom: donorRecord.from,
      roomChanged: (hasRoom) => this.#roomChanged({ state: hasRoom }),
      failed: (error) => this.#failed(error),
    });
    this.#running = state;
    if (state.history.transactions > 0) this.#followers.mayReturn();
    this.#viewChanged();
    const upTo = state.certifier.sequenceNumber;
    this.#events.recovered({ entries, upTo, ms: clock.monotonicMs() - startedMs });
    this.#setState('RECOVERING', `rebuilt up to sequence number ${upTo}, waiting for the group`);
    this.#group.start(state.deliveredUpTo);
  }

  #viewInstalled(view: GroupView, index: LogIndex): void {
    const before = this.#membership.view;
    const change = this.#membership.install(view, index);
    if (before !== null) this.counters.viewsInstalled++;
    const self = memberNamed(view, this.memberId);
    if (this.#running !== null && self !== undefined) this.#running.digests.viewChanged(self.ordinal, view);
    this.#events.viewChanged(change);
    this.#viewChanged();
    this.#administrator.look();
    this.#standReady();
    this.#becomeOnline();
  }

  #statusChanged(status: GroupHeadline): void {
    this.#isCaughtUp = status.caughtUp;
    if (status.leader !== this.#leader) {
      this.#leader = status.leader;
      this.#events.leaderChanged(status.leader === null ? null : this.memberIdOf(status.leader), status.term);
      this.#viewChanged();
    }
    if (status.hasQuorum !== this.#hasQuorum) {
      this.#hasQuorum = status.hasQuorum;
      this.#events.quorumChanged(status.hasQuorum);
    }
    this.#administrator.look();
    this.#standReady();
    this.#becomeOnline();
  }

  /**
   * A learner has rebuilt itself and applied close to the end (H14), and a majority found its data to be theirs (H22: its
   * donor may have gone astray without knowing it yet): it may vote.
   */
  #standReady(): void {
    if (!this.#isCaughtUp || this.#membership.isVoter || this.#state !== 'RECOVERING') return;
    if (this.#running?.digests.isConfirmed) this.#group.setReady();
  }

  /** As a voter of the view in force at what is applied, and with all of that applied that was chosen before (C24). */
  #becomeOnline(): void {
    if (!this.#isCaughtUp || !this.#membership.isVoter || this.#state !== 'RECOVERING' || this.#isStopping) return;
    if (this.#running === null || this.#order.isBusy) return;
    assert(this.appliedUpTo >= this.#running.store.highestLanePoint, 'nothing is served below the highest lane point');
    this.#setState('ONLINE', `caught up at sequence number ${this.appliedUpTo}`);
    this.#nextNoticeMs = 0;
    // Fragments behind the last message count, too.
    const { deliveredUpTo } = this.#group.status!;
    // Perhaps of this member, by a run that died: all members hold its beginning, and keep their logs from there on, until
    // the next run says anything.
    if (this.#group.log.partialFrom(deliveredUpTo) <= deliveredUpTo) {
      this.#upkeep.speak(this.#environment.clock.monotonicMs());
    }
  }

  #expelled(view: GroupView): void {
    this.counters.expulsions++;
    const detail = `the group goes on without this member since view ${view.viewId}`;
    if (this.#setup.rejoins) return this.#restart('expelled', detail);
    this.#goOutside(`${detail}; it does not come back by itself any more: let it join`);
  }

  #left(): void {
    this.#goOutside('it left the group');
  }

  /** The run goes on, to answer what is asked of it. */
  #goOutside(why: string): void {
    this.#isOutside = true;
    this.#setHasQuorum(false);
    this.#isOver = true;
    this.#outbox.abandon();
    this.#setState('OFFLINE', why);
    this.#administrator.look();
    this.#stopReception(() => this.#group.stop());
  }

  /** To be let in again without a log that can be read: it is given up, since the state comes from another member anyway. */
  #dropLog(): void {
    const { log } = this.#group;
    const why = 'its log is damaged, and it does not belong to the group now';
    this.#mark(0, () => {
      log.reset(NO_LOG, log.hardState, () => this.#restart('damaged', why));
      this.#retryLogRoom();
    });
  }

  /** The group layer, which asks its log so else, is not open. */
  #retryLogRoom(): void {
    this.#environment.clock.schedule(ROOM_RETRY_MS, () => {
      if (this.#isOver || this.#isStopping) return;
      if (!this.#group.log.hasRoom) this.#group.log.retryRoom();
      this.#retryLogRoom();
    });
  }

  #behind(atLeast: LogIndex): void {
    this.#needState('behind', 'the group keeps no more what this member needs next', atLeast);
  }

  /**
   * The marker first: from then on the directory is of no worth but for the place it held in the group. `atLeast`: a state
   * that ends before is of no use.
   */
  #needState(why: RestartReason, detail: string, atLeast: LogIndex = 0): void {
    this.#isOver = true;
    this.#outbox.abandon();
    this.#setState('RECOVERING', detail);
    this.#mark(atLeast, () => this.#restart(why, detail));
  }

  /** Durably: the next run does not begin with what is in the directory, but receives the state of another member. */
  #mark(atLeast: LogIndex, marked: () => void): void {
    const mark = (): void => this.#beginTransfer(atLeast, marked);
    if (this.#donorRecord === null) mark();
    else this.#donorRecord.giveWayTo(mark);
  }

  #beginTransfer(atLeast: LogIndex, marked: () => void): void {
    const { disk, clock } = this.#environment;
    beginTransferInsistently(
      {
        disk,
        clock,
        atLeast,
        roomChanged: (hasRoom) => this.#roomChanged({ state: hasRoom }),
        isOver: () => this.#isStopping,
      },
      (error) => {
        if (error !== null) this.#failed(error);
        else marked();
      },
    );
  }

  #restart(why: RestartReason, detail: string): void {
    if (this.#isStopping || this.#isRestarting) return;
    this.#isRestarting = true;
    this.#isOver = true;
    this.#isOutside = false;
    this.#setHasQuorum(false);
    this.#outbox.abandon();
    this.#administrator.abandon();
    if (this.#state === 'ONLINE') this.#setState('OFFLINE', detail);
    this.#events.restart(why, detail);
  }

  #setHasQuorum(hasQuorum: boolean): void {
    if (hasQuorum === this.#hasQuorum) return;
    this.#hasQuorum = hasQuorum;
    this.#events.quorumChanged(hasQuorum);
  }

  /** For want of room nothing is written; what is there is read (R16). */
  #roomChanged(now: { readonly log?: boolean; readonly state?: boolean }): void {
    const before = this.hasRoom;
    this.#hasLogRoom = now.log ?? this.#hasLogRoom;
    this.#hasStateRoom = now.state ?? this.#hasStateRoom;
    if (this.hasRoom === before) return;
    if (!this.hasRoom) {
      this.counters.diskFull++;
      this.#outbox.refuseQueued('disk-full');
      // The log says so itself to the group; verdicts and lanes are ours.
      if (this.#hasLogRoom && this.#group.status?.role === 'leader') this.#group.transferLeadership(null);
    }
    this.#events.roomChanged(this.hasRoom);
    this.#nextNoticeMs = 0;
    this.#viewChanged();
  }

  #damageFound(facts: { readonly file: string; readonly offset: number; readonly reason: string }): void {
    this.counters.faultyFound++;
    this.#events.damageFound(facts);
  }

  /** What another member receives from this one; null: not now. It would be behind again with what ends before `atLeast`. */
  #openState(atLeast: LogIndex): StateSource | null {
    // Whatever it took through was chosen: also without a quorum it can help others to come back, who then make one.
    if (this.#state === 'ERROR' || this.#isStopping || this.#running === null) return null;
    if (this.#running.deliveredUpTo < atLeast) return null;
    const source = openState({ state: this.#running, log: this.#group.log });
    const { counters } = this;
    counters.statesSent++;
    return {
      next: (bytesMax) => {
        // Nobody is to take over data that went astray.
        if (this.#state === 'ERROR') throw new Error('the data of the donor diverged');
        const chunk = source.next(bytesMax);
        counters.stateBytesSent += chunk?.length ?? 0;
        return chunk;
      },
      close: () => source.close(),
    };
  }

  // News between members

  #noticed(from: MemberOrdinal, bytes: Uint8Array): void {
    const notice = decodeStatusNotice(bytes);
    if (notice === null || this.#running === null) return;
    if (this.#membership.noticed(from, notice)) this.#viewChanged();
    if (this.#state === 'ERROR') return;
    const judgement = this.#running.digests.told(from, notice.digests, notice.stateFrom);
    if (judgement === 'equal') {
      this.#forgetDonor(this.#running);
      return this.#standReady();
    }
    // Nothing was served of it: it comes from a donor that did not know of it yet, or this member did not when it ended.
    if (judgement === 'minority' && this.#state === 'RECOVERING') {
      return this.#needState('damaged', 'its data differs from that of a majority');
    }
    const why =
      judgement === 'minority'
        ? 'its digest differs from that of a majority: its data diverged; started again, it receives the state of another member'
        : 'the digests of the members differ, and no majority agrees';
    this.#setState('ERROR', why);
    this.#outbox.abandon();
    this.#group.pauseDelivery(true);
    // It must not come back with this data, and serve or give it away until it is found out again.
    if (judgement === 'minority') this.#mark(0, () => {});
  }

  #forgetDonor({ digests }: ReplicatedState): void {
    if (digests.stateFrom !== null) return;
    this.#donorRecord?.forget((error) => {
      if (!this.#isStopping) this.#failed(error);
    });
  }

  #ownFacts(): OwnFacts {
    const { memberId } = this;
    const progress = this.#reception?.progress ?? null;
    const transfer = progress && {
      kind: progress.kind,
      donor: progress.donor,
      bytes: progress.bytes,
      rows: progress.rows,
    };
    const { version } = this.#setup;
    return {
      memberId,
      state: this.#state,
      version,
      hasRoom: this.hasRoom,
      claims: this.#claims,
      reaches: this.#reaches(),
      transfer,
    };
  }

  get #claims(): boolean {
    return (this.#group.status?.claim ?? null) !== null;
  }

  #watchLeader(nowMs: number): void {
    const { status } = this.#group;
    const { view, notices } = this.#membership;
    if (status === null || view === null) return;
    const heard = this.#reaches();
    const claiming = heard.filter((ordinal) => notices.get(ordinal)?.claims === true).length + Number(this.#claims);
    const { leader, claim } = status;
    const members = view.members.length;
    const why = this.#leaderWatch.look({
      nowMs,
      hasLeader: leader !== null,
      claim,
      members,
      heard: heard.length,
      claiming,
    });
    if (why !== null) this.#events.stuck(why);
  }

  /** Whom it hears, itself included, by ordinal. */
  #reaches(): readonly MemberOrdinal[] {
    const self = this.#membership.view && memberNamed(this.#membership.view, this.memberId)?.ordinal;
    const heard = [...this.#group.reachability()].filter(([, isHeard]) => isHeard).map(([ordinal]) => ordinal);
    const all = new Set(typeof self === 'number' ? [self, ...heard] : heard);
    return [...all].sort((a, b) => a - b);
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
    this.#sweep = clock.schedule(this.#setup.options.sweepEveryMs, () => {
      this.#outbox.sweep(this.#hasQuorum);
      this.#administrator.look();
      const nowMs = clock.monotonicMs();
      const isNoticeDue = nowMs >= this.#nextNoticeMs;
      if (isNoticeDue) this.#nextNoticeMs = nowMs + this.#setup.options.noticeEveryMs;
      if (this.#running !== null && !this.#isOver) this.#guard(() => this.#tend(this.#running!, nowMs, isNoticeDue));
      // How far it has come.
      else if (this.#reception !== null && isNoticeDue) this.#viewChanged();
      this.#housekeep();
    });
  }

  #tend(running: ReplicatedState, nowMs: number, isNoticeDue: boolean): void {
    this.#watchLeader(nowMs);
    // Not at once: who follows the changes and keeps up has taken the last ones by now.
    if (running.store.isOverloaded) running.forgetHistory();
    else this.#setOverloaded(false);
    running.catalog.prune(running.store.flushedUpTo);
    this.#boundHistory();
    this.#upkeep.truncate(running, nowMs);
    if (!isNoticeDue) return;
    this.#group.notify(encodeStatusNotice(this.#notice(running)));
    if (this.#group.status?.role !== 'leader') return;
    if (this.#state === 'ONLINE' && this.hasRoom) this.#upkeep.raiseFloor(running, nowMs);
    // Who leads raises the floor, and one in ERROR or without room could not: everybody's log would grow.
    else if (this.#state !== 'RECOVERING' && this.#isAnotherFit) this.#group.transferLeadership(null);
  }

  get #isAnotherFit(): boolean {
    return [...this.#membership.notices.values()].some(({ state, hasRoom }) => state === 'ONLINE' && hasRoom);
  }

  #notice(running: ReplicatedState): StatusNotice {
    const { certifier } = running;
    return {
      state: this.#state,
      version: this.#setup.version,
      stats: this.#ownStats(running),
      digests: running.digests.toTell({
        logIndex: running.deliveredUpTo,
        digest: certifier.digest,
        sequenceNumber: certifier.sequenceNumber,
      }),
      stateFrom: running.digests.stateFrom,
      followsChanges: this.#followers.areHere,
      oldestNeeded: running.oldestNeeded,
      reaches: this.#reaches(),
      hasRoom: this.hasRoom,
      claims: this.#claims,
    };
  }

  #boundHistory(): void {
    if (this.#running !== null) this.#running.history.bounds = this.#followers.bounds();
  }

  #isFollowedElsewhere(): boolean {
    const reachability = this.#group.reachability();
    for (const [ordinal, { followsChanges }] of this.#membership.notices) {
      if (followsChanges && reachability.get(ordinal) === true) return true;
    }
    return false;
  }

  #setOverloaded(isOverloaded: boolean): void {
    this.#isOverloaded = isOverloaded;
    this.#pauseDelivery();
  }

  #orderChanged(isBusy: boolean): void {
    this.#pauseDelivery();
    if (!isBusy) this.#becomeOnline();
  }

  #pauseDelivery(): void {
    const paused = this.#isOverloaded || this.#order.isBusy;
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

  #failed(error: Error): void {
    if (this.#hasEnded) return;
    // What cannot be read back any more is told as damage by the next run, and comes from another member.
    if (error.name === 'DamagedRecord' && !this.#isStopping) return this.#restart('damaged', error.message);
    this.#isStopping = true;
    this.#isOver = true;
    this.#sweep?.cancel();
    this.#stopReception(() => this.#group.stop());
    this.#outbox.abandon();
    this.#administrator.abandon();
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

/** What keeps a commit from leaving is mostly a large one before it. */
const OVERLOADED_RETRY_MS = 1000;

/** A log that has no room is asked to try again so often. */
const ROOM_RETRY_MS = 1000;

const NO_LOG: LogBase = { index: 0, term: 0, view: null, lastMessages: new Map() };

function counted(compression: Compression, counters: MemberCounters): Compression {
  return {
    compress: (bytes) => {
      const compressed = compression.compress(bytes);
      if (compressed !== null) {
        counters.compressionBytesIn += bytes.length;
        counters.compressionBytesOut += compressed.length;
      }
      return compressed;
    },
    decompress: (bytes, bytesMax) => compression.decompress(bytes, bytesMax),
  };
}

function outcomeOf(fate: NotLeft | 'unknown'): Refusal | { readonly kind: 'unknown' } {
  return fate === 'overloaded' ? { kind: fate, retryAfterMs: OVERLOADED_RETRY_MS } : { kind: fate };
}

function isRolledBack({ kind }: Fate): boolean {
  return kind === 'conflict' || kind === 'snapshot-too-old';
}
