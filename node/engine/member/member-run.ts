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
import type { VerdictFile } from '../../../applier/index.ts';
import {
  assert,
  type Environment,
  type LogIndex,
  type MemberId,
  type MemberOrdinal,
  type SequenceNumber,
} from '../../../gcs/base/index.ts';
import {
  type Belonging,
  Group,
  type GroupDefinition,
  type GroupHeadline,
  type GroupMember,
  type GroupView,
  memberNamed,
  type StateSource,
} from '../../../gcs/core/index.ts';
import type { Builder } from '../builds/builder.ts';
import type { AttachedSessions, MemberState, SessionTransaction } from '../replica.ts';
import { Administrator } from './administrator.ts';
import { AppliedWaiters } from './applied-waiters.ts';
import { ConflictLines } from './conflict-lines.ts';
import type { MemberEvents, MemberSetup, RestartReason } from './contract.ts';
import { countedCompression } from './counted-compression.ts';
import { Deliveries } from './deliveries.ts';
import { describeConflict } from './describe-conflict.ts';
import { belongingOf, type Content, contentOf } from './directory-content.ts';
import { Followers } from './followers.ts';
import { Housekeeping } from './housekeeping.ts';
import { MemberRequests } from './member-requests.ts';
import { Membership } from './membership.ts';
import { Outbox } from './outbox.ts';
import { OwnReport } from './own-report.ts';
import type { Lack } from './reception.ts';
import { type Fate, ReplicatedState } from './replicated-state.ts';
import { Restoration } from './restoration.ts';
import { RunDisk } from './run-disk.ts';
import { openState } from './state-transfer/index.ts';
import { decodeStatusNotice } from './status-notice.ts';
import { TimeWaiters } from './time-waiters.ts';
import { Upkeep } from './upkeep.ts';
import { Watchers } from './watchers.ts';

export class MemberRun {
  readonly setup: MemberSetup;
  readonly group: Group;
  /** What is committed here leaves by it. */
  readonly outbox: Outbox<Fate>;
  readonly membership: Membership;
  readonly administrator: Administrator;
  readonly followers: Followers;
  readonly report: OwnReport;
  /** What this member asks of others outside of the order. */
  readonly requests: MemberRequests;
  readonly waiters = new AppliedWaiters();
  /** Of who commits by this run. */
  builder: Builder | null = null;
  readonly timeWaiters: TimeWaiters;
  readonly watchers = new Watchers();
  readonly #disk: RunDisk;
  readonly #environment: Environment;
  readonly #events: MemberEvents;
  readonly #belonging: Belonging | null;
  readonly #verdicts: VerdictFile | null;
  readonly #lack: Lack | null;
  readonly #deliveries: Deliveries;
  readonly #upkeep: Upkeep;
  readonly #restoration: Restoration;
  readonly #housekeeping: Housekeeping;
  #running: ReplicatedState | null = null;
  #sessions: AttachedSessions | null = null;
  #state: MemberState = 'OFFLINE';
  #leader: MemberOrdinal | null = null;
  #hasQuorum = false;
  #isCaughtUp = false;
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

  /** Reads the directory; nothing is written or sent before `open`. */
  static prepare(outer: MemberSetup): { kind: 'prepared'; run: MemberRun } | { kind: 'refused'; reason: string } {
    const disk = new RunDisk(outer.environment.disk);
    const setup = { ...outer, environment: { ...outer.environment, disk } };
    let run: MemberRun | null = null;
    // Nothing of the group is heard any more once this run is over.
    const whileItLasts = (work: (of: MemberRun) => void): void => {
      if (!run!.#isOver) run!.#guard(() => work(run!));
    };
    const prepared = Group.prepare({
      environment: setup.environment,
      compression: countedCompression(setup.compression, setup.counters),
      memberId: setup.memberId,
      incarnation: setup.incarnation,
      groupAddress: setup.groupAddress,
      host: setup.host,
      port: setup.port,
      formation: setup.formation,
      options: setup.options.group,
      events: {
        formed: (definition, self) => whileItLasts((of) => of.#formed(definition, self)),
        delivered: (delivery) => whileItLasts((of) => of.#deliveries.take(delivery)),
        growing: (payload, taken) =>
          whileItLasts((of) => of.#running?.lookAhead(payload, taken, setup.options.slices.items)),
        viewChanged: (view, index) =>
          whileItLasts((of) => of.#deliveries.takeBehind(() => of.#viewInstalled(view, index))),
        statusChanged: (status) => whileItLasts((of) => of.#statusChanged(status)),
        reachabilityChanged: (peer, reachable) => {
          setup.events.reachabilityChanged(peer.memberId, reachable);
          run!.watchers.viewChanged();
        },
        noticed: (from, bytes) => whileItLasts((of) => of.#noticed(from, bytes)),
        refusedPeer: (address, reason) => setup.events.refusedPeer(address, reason),
        roomChanged: (hasRoom) => whileItLasts((of) => of.#roomChanged({ log: hasRoom })),
        expelled: (view) => whileItLasts((of) => of.#expelled(view)),
        left: () => whileItLasts((of) => of.#left()),
        behind: (atLeast) => whileItLasts((of) => of.#behind(atLeast)),
        refused: (reason) => setup.events.refused(reason),
        failed: (error) => run!.#failed(error),
      },
    });
    if (prepared.kind === 'refused') return prepared;
    const { group } = prepared;
    const content = contentOf(setup, group);
    if (content.kind === 'refused') {
      group.stop();
      return content;
    }
    run = new MemberRun(setup, group, content, disk);
    return { kind: 'prepared', run };
  }

  private constructor(setup: MemberSetup, group: Group, content: Content, disk: RunDisk) {
    this.setup = setup;
    this.group = group;
    this.#disk = disk;
    this.#environment = setup.environment;
    this.#events = setup.events;
    this.#verdicts = content.verdicts;
    this.#lack = content.lack;
    this.#belonging = belongingOf(setup);
    this.membership = new Membership(setup.memberId);
    if (this.#belonging !== null) this.membership.remember(this.#belonging.view);
    const { clock } = setup.environment;
    this.outbox = new Outbox<Fate>({
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
      counters: setup.counters,
    });
    this.timeWaiters = new TimeWaiters({
      clock,
      reached: () => this.#running?.certifier.commitTime ?? null,
      propose: (encoded, deadlineMs, answered) => {
        if (!this.#isOver && !this.#isStopping) this.outbox.add(encoded, deadlineMs, answered);
      },
    });
    this.#deliveries = new Deliveries({
      clock,
      options: setup.options.slices,
      counters: setup.counters,
      group,
      outbox: this.outbox,
      waiters: this.waiters,
      timeWaiters: this.timeWaiters,
      watchers: this.watchers,
      run: this,
      events: {
        idle: () => this.#becomeOnline(),
        guard: (work) => {
          if (!this.#isOver) this.#guard(work);
        },
      },
    });
    this.administrator = new Administrator({
      memberId: setup.memberId,
      group,
      membership: this.membership,
      clock,
      isOutside: () => this.#isOutside,
      hasQuorum: () => this.#hasQuorum,
      rejoin: () => this.#restart('join', 'it was told to join'),
    });
    this.#upkeep = new Upkeep({
      group,
      membership: this.membership,
      counters: setup.counters,
      options: setup.options,
      imageCodec: setup.imageCodec,
      propose: (encoded, deadlineMs, answered) => this.outbox.add(encoded, deadlineMs, answered),
    });
    this.followers = new Followers({ clock, options: setup.options, areElsewhere: () => this.#isFollowedElsewhere() });
    this.#restoration = new Restoration({
      member: setup,
      group,
      run: this,
      events: {
        progressed: () => this.watchers.viewChanged(),
        roomChanged: (hasRoom) => this.#roomChanged({ state: hasRoom }),
        expelled: (view) => this.#expelled(view),
        restart: (why, detail) => this.#restart(why, detail),
        failed: (error) => this.#failed(error),
      },
    });
    this.report = new OwnReport({
      member: setup,
      clock,
      group,
      membership: this.membership,
      outbox: this.outbox,
      restoration: this.#restoration,
      run: this,
    });
    this.#housekeeping = new Housekeeping({
      clock,
      options: setup.options,
      group,
      membership: this.membership,
      administrator: this.administrator,
      followers: this.followers,
      report: this.report,
      upkeep: this.#upkeep,
      builder: { look: () => this.builder?.look() },
      outbox: this.outbox,
      restoration: this.#restoration,
      run: this,
      events: {
        progressed: () => this.watchers.viewChanged(),
        lanesKeepUp: () => this.#deliveries.setOverloaded(false),
        stuck: (why) => this.#events.stuck(why),
        guard: (work) => this.#guard(work),
      },
    });
    this.requests = new MemberRequests({
      memberId: setup.memberId,
      incarnation: setup.incarnation,
      clock,
      notify: (bytes) => group.notify(bytes),
      isReached: (memberId) => this.#isReached(memberId),
      abort: (transactionId) => this.#sessions?.abort(transactionId) ?? 'not-open',
    });
    group.serve((atLeast) => this.#openState(atLeast));
  }

  /** Who has these sessions is told what is written, and asked what it has open. */
  attach(sessions: AttachedSessions): void {
    this.#sessions = sessions;
    if (this.#running !== null) this.#running.watchedRows = sessions.watchedRows;
  }

  oldestTransactions(limit: number): readonly SessionTransaction[] {
    return this.#sessions?.oldestTransactions(limit) ?? [];
  }

  /** Null before this member has rebuilt itself. */
  get running(): ReplicatedState | null {
    return this.#running;
  }

  get state(): MemberState {
    return this.#state;
  }

  get leader(): MemberOrdinal | null {
    return this.#leader;
  }

  get hasQuorum(): boolean {
    return this.#hasQuorum;
  }

  /** Nothing more is asked of the group: its owner stops this run, unless it is outside. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** The disk takes more: log, verdicts and lanes. */
  get hasRoom(): boolean {
    return this.#hasLogRoom && this.#hasStateRoom;
  }

  get appliedUpTo(): SequenceNumber {
    return this.#running?.store.appliedUpTo ?? 0;
  }

  open(): void {
    // One that is to be let in again first asks for that: what it belonged to is over.
    if (this.#lack !== null && this.#belonging !== null && this.setup.formation?.kind !== 'rejoin') {
      this.#receive(this.#belonging, this.#lack);
    } else if (this.group.damage !== null) this.#restoration.dropLog();
    else this.group.open();
    this.#housekeeping.begin();
  }

  /** Refuses what is new, lets what is on its way come back, flushes, and lets go of everything. May be asked again. */
  stop(done: () => void): void {
    if (this.#hasEnded) return done();
    this.#stopping.push(done);
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.outbox.shutDown();
    const { clock } = this.#environment;
    const giveUpMs = clock.monotonicMs() + this.setup.options.stopWaitMs;
    const wait = (): void => {
      const isAnswered = this.outbox.waiting === 0 || !this.#hasQuorum || this.#isOver;
      if (!isAnswered && clock.monotonicMs() < giveUpMs) {
        clock.schedule(10, wait);
        return;
      }
      this.#deliveries.stop();
      this.outbox.abandon();
      this.administrator.abandon();
      this.requests.abandon();
      this.#setState('OFFLINE', 'stopped');
      this.#housekeeping.stop();
      const closed = (): void => this.#disk.whenIdle(() => this.#ended());
      this.#restoration.stop(() => this.group.stop(() => this.#closeState(closed)));
    };
    wait();
  }

  #closeState(done: () => void): void {
    if (this.#running === null) {
      const { lanes } = this.setup;
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

  // From the start to ONLINE, and out of the group again

  #receive(belonging: Belonging, lack: Lack): void {
    const { definition, view } = belonging;
    this.#events.formed(definition.groupName, definition.groupId, view.members);
    const { damage } = this.group;
    const found = lack.kind === 'needs-state' && lack.file !== '' ? lack : damage;
    if (found !== null) this.#damageFound({ file: found.file, offset: found.offset, reason: found.reason });
    if (lack.kind === 'needs-state') {
      this.#setState('RECOVERING', `it receives the state of another member: ${lack.reason}`);
    } else this.#setState('RECOVERING', 'it repairs its log from other members');
    const reception = this.#restoration.receive(belonging, lack);
    this.#viewInstalled(reception.chosenView, 0);
    this.group.lend(lack.chosenUpTo);
    reception.open();
  }

  #formed(definition: GroupDefinition, self: GroupMember): void {
    this.#events.formed(definition.groupName, definition.groupId, definition.view.members);
    this.membership.remember(definition.view);
    this.membership.stay = self.ordinal;
    // It has been let in again; what its directory lacks is received in the next run.
    if (this.#lack !== null) return this.#restart('damaged', 'it was let in again, and its directory is not whole');
    const { clock } = this.#environment;
    const startedMs = clock.monotonicMs();
    const { state, entries } = ReplicatedState.rebuild({
      member: this.setup,
      definition,
      self,
      log: this.group.log,
      verdicts: this.#verdicts!,
      counters: this.setup.counters,
      stateFrom: this.#restoration.readDonor(),
      roomChanged: (hasRoom) => this.#roomChanged({ state: hasRoom }),
      failed: (error) => this.#failed(error),
    });
    this.#running = state;
    state.builds.begun = () => this.builder?.lookSoon();
    state.watchedRows = this.#sessions?.watchedRows ?? null;
    if (this.#events.conflictLost !== undefined) {
      state.conflictLines = new ConflictLines({
        clock,
        perSecondMax: this.setup.options.conflictLinesPerSecondMax,
        describe: (seen) =>
          describeConflict(seen, {
            catalog: state.catalog,
            memberIdOf: (ordinal) => this.membership.memberIdOf(ordinal),
            gtidOf: (sequenceNumber) => `${definition.groupId}:${sequenceNumber}`,
          }),
        told: (conflict, leftOut) => this.#events.conflictLost!(conflict, leftOut),
      });
    }
    if (state.history.transactions > 0) this.followers.mayReturn();
    this.watchers.viewChanged();
    const upTo = state.certifier.sequenceNumber;
    this.#events.recovered({ entries, upTo, ms: clock.monotonicMs() - startedMs });
    this.#setState('RECOVERING', `rebuilt up to sequence number ${upTo}, waiting for the group`);
    this.group.start(state.deliveredUpTo);
  }

  #viewInstalled(view: GroupView, index: LogIndex): void {
    const before = this.membership.view;
    const change = this.membership.install(view, index);
    if (before !== null) this.setup.counters.viewsInstalled++;
    const self = memberNamed(view, this.setup.memberId);
    if (this.#running !== null && self !== undefined) this.#running.digests.viewChanged(self.ordinal, view);
    this.#events.viewChanged(change);
    this.watchers.viewChanged();
    this.administrator.look();
    this.#standReady();
    this.#becomeOnline();
  }

  #statusChanged(status: GroupHeadline): void {
    this.#isCaughtUp = status.caughtUp;
    if (status.leader !== this.#leader) {
      this.#leader = status.leader;
      this.#events.leaderChanged(
        status.leader === null ? null : this.membership.memberIdOf(status.leader),
        status.term,
      );
      this.watchers.viewChanged();
    }
    if (status.hasQuorum !== this.#hasQuorum) {
      this.#hasQuorum = status.hasQuorum;
      this.#events.quorumChanged(status.hasQuorum);
    }
    this.administrator.look();
    this.#standReady();
    this.#becomeOnline();
  }

  /**
   * A learner has rebuilt itself and applied close to the end (H14), and a majority found its data to be theirs (H22: its
   * donor may have gone astray without knowing it yet): it may vote.
   */
  #standReady(): void {
    if (!this.#isCaughtUp || this.membership.isVoter || this.#state !== 'RECOVERING') return;
    if (this.#running?.digests.isConfirmed) this.group.setReady();
  }

  /** As a voter of the view in force at what is applied, and with all of that applied that was chosen before (C24). */
  #becomeOnline(): void {
    if (!this.#isCaughtUp || !this.membership.isVoter || this.#state !== 'RECOVERING' || this.#isStopping) return;
    if (this.#running === null || this.#deliveries.isBusy) return;
    assert(this.appliedUpTo >= this.#running.store.highestLanePoint, 'nothing is served below the highest lane point');
    this.#setState('ONLINE', `caught up at sequence number ${this.appliedUpTo}`);
    this.#housekeeping.noticeSoon();
    // Fragments behind the last message count, too.
    const { deliveredUpTo } = this.group.status!;
    // Perhaps of this member, by a run that died: all members hold its beginning, and keep their logs from there on, until
    // the next run says anything.
    if (this.group.log.partialFrom(deliveredUpTo) <= deliveredUpTo) {
      this.#upkeep.speak(this.#environment.clock.monotonicMs());
    }
  }

  #expelled(view: GroupView): void {
    this.setup.counters.expulsions++;
    const detail = `the group goes on without this member since view ${view.viewId}`;
    if (this.setup.rejoins) return this.#restart('expelled', detail);
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
    this.outbox.abandon();
    this.#setState('OFFLINE', why);
    this.administrator.look();
    this.#restoration.stop(() => this.group.stop());
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
    this.outbox.abandon();
    this.#setState('RECOVERING', detail);
    this.#restoration.mark(atLeast, () => this.#restart(why, detail));
  }

  #restart(why: RestartReason, detail: string): void {
    if (this.#isStopping || this.#isRestarting) return;
    this.#isRestarting = true;
    this.#isOver = true;
    this.#isOutside = false;
    this.#setHasQuorum(false);
    this.outbox.abandon();
    this.administrator.abandon();
    this.requests.abandon();
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
      this.setup.counters.diskFull++;
      this.outbox.refuseQueued('disk-full');
      // The log says so itself to the group; verdicts and lanes are ours.
      if (this.#hasLogRoom && this.group.status?.role === 'leader') this.group.transferLeadership(null);
    }
    this.#events.roomChanged(this.hasRoom);
    this.#housekeeping.noticeSoon();
    this.watchers.viewChanged();
  }

  #damageFound(facts: { readonly file: string; readonly offset: number; readonly reason: string }): void {
    this.setup.counters.faultyFound++;
    this.#events.damageFound(facts);
  }

  /** What another member receives from this one; null: not now. It would be behind again with what ends before `atLeast`. */
  #openState(atLeast: LogIndex): StateSource | null {
    // Whatever it took through was chosen: also without a quorum it can help others to come back, who then make one.
    if (this.#state === 'ERROR' || this.#isStopping || this.#running === null) return null;
    if (this.#running.deliveredUpTo < atLeast) return null;
    const source = openState({ state: this.#running, log: this.group.log });
    const { counters } = this.setup;
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
    if (this.requests.noticed(bytes)) return;
    const notice = decodeStatusNotice(bytes);
    if (notice === null || this.#running === null) return;
    if (this.membership.noticed(from, notice)) this.watchers.viewChanged();
    if (this.#state === 'ERROR') return;
    const judgement = this.#running.digests.told(from, notice.digests, notice.stateFrom);
    if (judgement === 'equal') {
      if (this.#running.digests.stateFrom === null) this.#restoration.forgetDonor();
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
    this.outbox.abandon();
    this.group.pauseDelivery(true);
    // It must not come back with this data, and serve or give it away until it is found out again.
    if (judgement === 'minority') this.#restoration.mark(0, () => {});
  }

  #isReached(memberId: MemberId): boolean {
    const { view } = this.membership;
    const member = view === null ? undefined : memberNamed(view, memberId);
    return member !== undefined && !this.#isOver && this.group.reachability().get(member.ordinal) === true;
  }

  #isFollowedElsewhere(): boolean {
    const reachability = this.group.reachability();
    for (const [ordinal, { followsChanges }] of this.membership.notices) {
      if (followsChanges && reachability.get(ordinal) === true) return true;
    }
    return false;
  }

  #setState(state: MemberState, why: string): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state !== 'ONLINE') this.#running?.builds.abandon();
    this.#events.stateChanged(state, why);
    this.watchers.viewChanged();
  }

  #failed(error: Error): void {
    if (this.#hasEnded) return;
    // What cannot be read back any more is told as damage by the next run, and comes from another member.
    if (error.name === 'DamagedRecord' && !this.#isStopping) return this.#restart('damaged', error.message);
    this.#isStopping = true;
    this.#isOver = true;
    this.#housekeeping.stop();
    this.#restoration.stop(() => this.group.stop());
    this.outbox.abandon();
    this.administrator.abandon();
    this.requests.abandon();
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
