/**
 * One member put together: what comes out of the group's total order is certified, kept as verdicts, published as row
 * versions and answered, in this order and within one turn; what sessions commit goes the other way through the outbox.
 *
 * A commit is answered as committed only after (1) the group chose its message, (2) this member's own log has it
 * durably, (3) it was certified, and (4) it and everything before it is visible here.
 *
 * Restart (H3): verdicts are kept durably before any lane flushes what they admit. So the certifier, the overlay and
 * the catalog are rebuilt as of the last kept verdict V from the log, and only what lies behind V is judged anew.
 */

import {
  type KeyRange,
  type LaneStore,
  VerdictFile,
  type VerdictFileOptions,
  type VerdictRecord,
  VersionStore,
  type VersionStoreOptions,
  type Write,
} from '../../../applier/index.ts';
import {
  CertificationDatabase,
  Certifier,
  decodeBatch,
  encodeGroupMessage,
  type GroupMessage,
  type NewRecencyCache,
} from '../../../certifier/index.ts';
import type { Negative, RowKey, Transaction } from '../../../certifier/types.ts';
import {
  assert,
  type Environment,
  type Incarnation,
  InvariantViolation,
  type LogIndex,
  type MemberId,
  type MemberOrdinal,
  type ScheduledCall,
  type SequenceNumber,
} from '../../../gcs/base/index.ts';
import {
  type Delivery,
  type Formation,
  Group,
  type GroupDefinition,
  type GroupHeadline,
  type GroupMember,
  type GroupOptions,
} from '../../../gcs/core/index.ts';
import { Catalog, decodeSchemaChange, encodeSchemaChange } from '../catalog.ts';
import type { ImageCodec } from '../image-codec.ts';
import { catalogItemKey } from '../key-codec.ts';
import type {
  CommitOutcome,
  ConflictRecord,
  MemberRow,
  MemberState,
  MemberStatsRow,
  Refusal,
  Replica,
  SchemaChange,
  SchemaOutcome,
  SnapshotHandle,
} from '../replica.ts';
import type { TableDefinition } from '../table-definition.ts';
import { AppliedWaiters } from './applied-waiters.ts';
import { ConflictLog, type SeenConflict } from './conflict-log.ts';
import { describeConflict } from './describe-conflict.ts';
import { DigestWatch } from './digest-watch.ts';
import { CERTIFICATION_CAPACITY } from './options.ts';
import { Outbox, type OutboxOptions } from './outbox.ts';
import { publicationOf, writesOf } from './publication.ts';
import { replayUpToKeptVerdicts } from './replay.ts';
import { encodeSchemaEffect } from './schema-effect.ts';
import { decodeStatusNotice, encodeStatusNotice, type StatusNotice } from './status-notice.ts';

export interface MemberOptions {
  readonly group: GroupOptions;
  readonly outbox: OutboxOptions;
  readonly versions: VersionStoreOptions;
  readonly verdicts: VerdictFileOptions;
  /** How often the members tell each other how they are. */
  readonly noticeEveryMs: number;
  /** How often waiting commits are looked at. */
  readonly sweepEveryMs: number;
  readonly conflictsKeptMax: number;
  /** A clean stop waits so long for what is committing. */
  readonly stopWaitMs: number;
}

export interface MemberEvents {
  stateChanged(state: MemberState, why: string): void;
  leaderChanged(leader: MemberId | null, term: number): void;
  quorumChanged(hasQuorum: boolean): void;
  reachabilityChanged(peer: MemberId, reachable: boolean): void;
  /** This member knows its group, now or from an earlier run. */
  formed(groupName: string, groupId: string, members: readonly GroupMember[]): void;
  /** A peer or stranger was turned away, or turned us away. */
  refusedPeer(address: string, reason: string): void;
  recovered(facts: { readonly entries: number; readonly upTo: SequenceNumber; readonly ms: number }): void;
  /** Final: the process ends with this line. */
  refused(reason: string): void;
  /** Final: the disk failed, or a rule of the program is broken. */
  failed(error: Error): void;
}

export interface MemberSetup {
  readonly environment: Environment;
  readonly memberId: MemberId;
  readonly incarnation: Incarnation;
  readonly groupAddress: string;
  readonly host: string;
  readonly port: number;
  readonly formation: Formation;
  /** Open, with their number fixed by the data directory. */
  readonly lanes: readonly LaneStore[];
  readonly newCache: NewRecencyCache;
  readonly imageCodec: ImageCodec;
  readonly version: string;
  readonly options: MemberOptions;
  readonly events: MemberEvents;
}

/** Refusals in the verdict file; never renumbered. */
const REASON_CONFLICT = 1;
const REASON_SNAPSHOT_TOO_OLD = 2;
const REASON_TABLE_EXISTS = 3;
const REASON_NO_SUCH_TABLE = 4;
const REASON_NOTHING_TO_DO = 5;

type Fate = CommitOutcome | SchemaOutcome;

/** What exists once the member knows its group and has rebuilt itself. */
interface Running {
  readonly definition: GroupDefinition;
  readonly self: GroupMember;
  readonly certifier: Certifier;
  readonly verdicts: VerdictFile;
  readonly store: VersionStore;
  readonly catalog: Catalog;
  readonly digests: DigestWatch;
}

/** Plain counters since the start; metrics read them at scrape. */
export interface MemberCounters {
  transactionsCertified: number;
  transactionsCommitted: number;
  conflictsDetected: number;
  snapshotsTooOld: number;
  preCertificationConflicts: number;
  localProposed: number;
  localRolledBack: number;
  remoteApplied: number;
  schemaChanges: number;
  batchesDelivered: number;
  bytesDelivered: number;
}

export class Member implements Replica {
  readonly counters: MemberCounters = {
    transactionsCertified: 0,
    transactionsCommitted: 0,
    conflictsDetected: 0,
    snapshotsTooOld: 0,
    preCertificationConflicts: 0,
    localProposed: 0,
    localRolledBack: 0,
    remoteApplied: 0,
    schemaChanges: 0,
    batchesDelivered: 0,
    bytesDelivered: 0,
  };
  readonly #setup: MemberSetup;
  readonly #environment: Environment;
  readonly #events: MemberEvents;
  readonly #group: Group;
  readonly #outbox: Outbox<Fate>;
  readonly #waiters = new AppliedWaiters();
  readonly #conflicts: ConflictLog;
  readonly #notices = new Map<MemberOrdinal, StatusNotice>();
  #running: Running | null = null;
  #state: MemberState = 'OFFLINE';
  #deliveredUpTo: LogIndex = 0;
  #leader: MemberOrdinal | null = null;
  #hasQuorum = false;
  #isStopping = false;
  #hasEnded = false;
  readonly #stopping: (() => void)[] = [];
  #isDeliveryPaused = false;
  #sweep: ScheduledCall | null = null;
  #nextNoticeMs = 0;
  #localConflicts = 0;
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
        reachabilityChanged: (peer, reachable) => setup.events.reachabilityChanged(peer.memberId, reachable),
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
    this.#conflicts = new ConflictLog(setup.options.conflictsKeptMax);
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
      const store = this.#running?.store;
      this.#group.stop(() => {
        if (store === undefined) return this.#closeLanes(() => this.#ended());
        store.flushNow(() => store.close(() => this.#running!.verdicts.close(() => this.#ended())));
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
    const negative = this.#run.certifier.preCertify(transaction);
    if (negative !== null) {
      this.counters.preCertificationConflicts++;
      this.#noteConflict(negative, transaction, this.#run.self.ordinal, `local-${++this.#localConflicts}`, null);
      const outcome = outcomeOf(negative, 'local');
      return this.#answerLater(() => done(outcome));
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

  members(): readonly MemberRow[] {
    const { definition } = this.#group;
    if (definition === null) return [];
    const { viewId, members } = definition.view;
    return members.map((member) => {
      const isSelf = member.memberId === this.memberId;
      const reachable = isSelf || this.#group.isReachable(member.ordinal);
      const notice = this.#notices.get(member.ordinal);
      const state = isSelf ? this.#state : reachable ? (notice?.state ?? 'OFFLINE') : 'UNREACHABLE';
      return {
        memberId: member.memberId,
        host: member.host,
        port: member.port,
        state,
        role: state === 'ONLINE' ? 'PRIMARY' : 'SECONDARY',
        version: isSelf ? this.#setup.version : (notice?.version ?? ''),
        viewId,
        weight: 50,
        reachable,
      };
    });
  }

  memberStats(): readonly MemberStatsRow[] {
    const { definition } = this.#group;
    if (definition === null || this.#running === null) return [];
    const own = this.#ownStats();
    const { viewId, members } = definition.view;
    let everywhere = own.appliedUpTo;
    for (const { memberId, ordinal } of members) {
      if (memberId !== this.memberId)
        everywhere = Math.min(everywhere, this.#notices.get(ordinal)?.stats.appliedUpTo ?? 0);
    }
    const rows: MemberStatsRow[] = [];
    for (const { memberId, ordinal } of members) {
      const stats = memberId === this.memberId ? own : this.#notices.get(ordinal)?.stats;
      if (stats !== undefined) rows.push({ memberId, viewId, ...stats, transactionsCommittedAllMembers: everywhere });
    }
    return rows;
  }

  conflicts(limit: number, table: string | null): readonly ConflictRecord[] {
    const found: ConflictRecord[] = [];
    if (this.#running === null) return found;
    for (const seen of this.#conflicts.newestFirst()) {
      if (found.length >= limit) break;
      const record = describeConflict(seen, {
        catalog: this.#running.catalog,
        memberIdOf: (ordinal) => this.memberIdOf(ordinal),
        gtidOf: (sequenceNumber) => `${this.groupId}:${sequenceNumber}`,
      });
      if (table === null || record.table === table) found.push(record);
    }
    return found;
  }

  get #run(): Running {
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
    const { origin, stampMs, index } = delivery;
    const batch = decodeBatch(delivery.payload);
    if (batch.kind === 'malformed') {
      throw new InvariantViolation(`a chosen batch is readable: log index ${index}, ${batch.reason}`);
    }
    const isOwn = origin === run.self.ordinal && delivery.incarnation === this.#setup.incarnation;
    const verdicts: VerdictRecord['verdicts'][number][] = [];
    const fates: Fate[] = [];
    const publications: { sequenceNumber: SequenceNumber; writes: readonly Write[]; clear: readonly KeyRange[] }[] = [];

    for (const message of batch.messages) {
      if (message.kind === 'transaction') {
        const { transaction } = message;
        const { verdict, commitTime } = run.certifier.certify(transaction, origin, stampMs);
        this.counters.transactionsCertified++;
        if (verdict.kind === 'positive') {
          const { sequenceNumber } = verdict;
          verdicts.push({ kind: 'positive', sequenceNumber, commitTime: commitTime!, resolved: null });
          publications.push({ sequenceNumber, writes: writesOf(transaction), clear: [] });
          fates.push({ kind: 'committed', sequenceNumber, commitTime: commitTime! });
        } else {
          const reason = verdict.kind === 'conflict' ? REASON_CONFLICT : REASON_SNAPSHOT_TOO_OLD;
          verdicts.push({ kind: 'negative', reason });
          const transactionId = `${delivery.incarnation}-${delivery.messageNumber}-${verdicts.length}`;
          this.#noteConflict(verdict, transaction, origin, transactionId, stampMs);
          fates.push(outcomeOf(verdict, 'group'));
        }
      } else fates.push(this.#changeSchema(run, message, delivery, verdicts, publications));
    }

    run.verdicts.append({
      logIndex: index,
      verdicts,
      purgeFloor: run.certifier.purgeFloor,
      digest: run.certifier.digest,
    });
    for (const { sequenceNumber, writes, clear } of publications) run.store.publish(sequenceNumber, writes, clear);
    this.#deliveredUpTo = index;
    run.digests.delivered(index, () => run.certifier.digest);
    this.#count(delivery, isOwn, publications.length, fates.length);
    if (isOwn) this.#outbox.delivered(delivery.messageNumber, fates);
    if (publications.length > 0) this.#waiters.applied(run.store.appliedUpTo);
    if (run.store.isOverloaded) this.#pauseDelivery(true);
  }

  #changeSchema(
    run: Running,
    message: Extract<GroupMessage, { kind: 'schema-change' }>,
    delivery: Delivery,
    verdicts: VerdictRecord['verdicts'][number][],
    publications: { sequenceNumber: SequenceNumber; writes: readonly Write[]; clear: readonly KeyRange[] }[],
  ): SchemaOutcome {
    const { imageCodec } = this.#setup;
    const { certifier, catalog } = run;
    const judged = catalog.judge(decodeSchemaChange(message.change, imageCodec));
    if (judged.kind !== 'done') {
      const reason = {
        'table-exists': REASON_TABLE_EXISTS,
        'no-such-table': REASON_NO_SUCH_TABLE,
        nothing: REASON_NOTHING_TO_DO,
      }[judged.kind];
      certifier.refuseSchemaChange(reason);
      verdicts.push({ kind: 'negative', reason });
      if (judged.kind !== 'nothing') return { kind: judged.kind };
      return { kind: 'done', sequenceNumber: certifier.sequenceNumber, changed: false };
    }
    const keys = judged.clearedTableId === null ? [] : [catalogItemKey(judged.clearedTableId)];
    const { sequenceNumber, commitTime } = certifier.certifySchemaChange(keys, delivery.origin, delivery.stampMs);
    const effect = catalog.apply(sequenceNumber, judged, imageCodec);
    verdicts.push({ kind: 'positive', sequenceNumber, commitTime, resolved: encodeSchemaEffect(effect) });
    publications.push({ sequenceNumber, ...publicationOf(effect) });
    this.counters.schemaChanges++;
    return { kind: 'done', sequenceNumber, changed: true };
  }

  #count(delivery: Delivery, isOwn: boolean, positives: number, messages: number): void {
    const { counters } = this;
    counters.batchesDelivered++;
    counters.bytesDelivered += delivery.payload.length;
    counters.transactionsCommitted += positives;
    if (isOwn) counters.localRolledBack += messages - positives;
    if (delivery.origin !== this.#run.self.ordinal) counters.remoteApplied += positives;
  }

  #noteConflict(
    negative: Negative,
    transaction: Transaction,
    loser: MemberOrdinal,
    loserTransactionId: string,
    stampMs: number | null,
  ): void {
    const isConflict = negative.kind === 'conflict';
    if (stampMs !== null) {
      if (isConflict) this.counters.conflictsDetected++;
      else this.counters.snapshotsTooOld++;
    }
    const seen: SeenConflict = {
      stampMs: stampMs ?? this.#environment.clock.wallMs(),
      reason: negative.kind,
      key: isConflict ? negative.item.key : transaction.writeSet[0]!.key,
      loser,
      loserTransactionId,
      winner: isConflict ? negative.winner : null,
    };
    this.#conflicts.add(seen);
  }

  // From the start to ONLINE

  #formed(definition: GroupDefinition, self: GroupMember): void {
    this.#events.formed(definition.groupName, definition.groupId, definition.view.members);
    const { environment, options, lanes, newCache, memberId } = this.#setup;
    const { clock } = environment;
    const opened = VerdictFile.open(environment.disk, { memberId }, options.verdicts);
    if (opened.kind === 'damaged') {
      return this.#refused(`the verdict file is damaged: ${opened.file} at byte ${opened.offset}: ${opened.reason}`);
    }
    const verdicts = opened.file;
    const kept = verdicts.stateAtEnd;
    const lowest = Math.min(...lanes.map((lane) => lane.flushedUpTo));
    const highest = Math.max(...lanes.map((lane) => lane.flushedUpTo));
    if (highest > kept.sequenceNumber || kept.logIndex > this.#group.log.lastIndex) {
      return this.#refused(
        `the data directory does not fit together: log up to index ${this.#group.log.lastIndex}, verdicts up to index ${kept.logIndex} (sequence number ${kept.sequenceNumber}), lanes up to sequence number ${highest}; a file of it was lost or put back from an older copy`,
      );
    }
    const capacity = Number(definition.options[CERTIFICATION_CAPACITY]);
    const certifier = new Certifier({
      database: new CertificationDatabase({ capacity, newCache }),
      restored: kept,
    });
    const store = new VersionStore({
      lanes,
      clock,
      options: options.versions,
      makeVerdictsDurable: (_upTo, done) => verdicts.makeDurable(done),
      failed: (error) => this.#failed(error),
    });
    const startedMs = clock.monotonicMs();
    const entries = replayUpToKeptVerdicts({
      log: this.#group.log,
      verdicts,
      certifier,
      publishFrom: lowest + 1,
      publish: (sequenceNumber, writes, clear) => store.publish(sequenceNumber, writes, clear),
    });
    assert(store.appliedUpTo === kept.sequenceNumber, 'the replay ends at the last kept verdict');
    const catalog = Catalog.load(store, kept.sequenceNumber, this.#setup.imageCodec);
    this.#running = {
      definition,
      self,
      certifier,
      verdicts,
      store,
      catalog,
      digests: new DigestWatch(definition.view.members.length),
    };
    this.#deliveredUpTo = kept.logIndex;
    this.#events.recovered({ entries, upTo: kept.sequenceNumber, ms: clock.monotonicMs() - startedMs });
    this.#setState('RECOVERING', `rebuilt up to sequence number ${kept.sequenceNumber}, waiting for the group`);
    this.#group.start(kept.logIndex);
  }

  #statusChanged(status: GroupHeadline): void {
    if (status.leader !== this.#leader) {
      this.#leader = status.leader;
      this.#events.leaderChanged(status.leader === null ? null : this.memberIdOf(status.leader), status.term);
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
    this.#notices.set(from, notice);
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

  #ownStats(): StatusNotice['stats'] {
    const { certifier, store } = this.#run;
    const { counters } = this;
    const status = this.#group.status;
    return {
      countTransactionsInQueue: this.#outbox.waiting,
      countTransactionsChecked: counters.transactionsCertified,
      countConflictsDetected: counters.conflictsDetected,
      countTransactionsRowsValidating: certifier.itemCount,
      lastConflictFreeTransaction:
        certifier.sequenceNumber === 0 ? null : `${this.groupId}:${certifier.sequenceNumber}`,
      countTransactionsRemoteInApplierQueue: status === null ? 0 : status.chosenUpTo - status.deliveredUpTo,
      countTransactionsRemoteApplied: counters.remoteApplied,
      countTransactionsLocalProposed: counters.localProposed,
      countTransactionsLocalRollback: counters.localRolledBack,
      appliedUpTo: store.appliedUpTo,
      purgeFloor: certifier.purgeFloor,
      digest: certifier.digest,
    };
  }

  #housekeep(): void {
    const { clock } = this.#environment;
    const { sweepEveryMs, noticeEveryMs } = this.#setup.options;
    this.#sweep = clock.schedule(sweepEveryMs, () => {
      this.#outbox.sweep(this.#hasQuorum);
      const running = this.#running;
      if (running !== null) {
        if (this.#isDeliveryPaused && !running.store.isOverloaded) this.#pauseDelivery(false);
        running.catalog.prune(running.store.flushedUpTo);
        if (clock.monotonicMs() >= this.#nextNoticeMs) {
          this.#nextNoticeMs = clock.monotonicMs() + noticeEveryMs;
          const { certifier } = running;
          this.#group.notify(
            encodeStatusNotice({
              state: this.#state,
              version: this.#setup.version,
              stats: this.#ownStats(),
              digests: running.digests.toTell({ logIndex: this.#deliveredUpTo, digest: certifier.digest }),
            }),
          );
        }
      }
      this.#housekeep();
    });
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

function outcomeOf(negative: Negative, phase: 'local' | 'group'): CommitOutcome {
  return negative.kind === 'conflict'
    ? { kind: 'conflict', key: negative.item.key, winner: negative.winner, phase }
    : { kind: 'snapshot-too-old', purgeFloor: negative.purgeFloor };
}
